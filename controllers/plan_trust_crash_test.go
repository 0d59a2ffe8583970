package controllers_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/dashboard/fetch"
	"grafana-tenancy.dev/operator/internal/plan"
	"grafana-tenancy.dev/operator/internal/testing/crash"
)

const clusterPassword = "canary-4711"

// guarded is a world whose Instance logs in with a password that nobody else may get, and the hosts that got it.
func guarded(t *testing.T) (w *crash.World, network through, told map[string]bool) {
	w = crash.New(t, "12.4.0")
	w.Grafana.Do(http.MethodPut, "/api/admin/users/1/password", 1, map[string]any{"password": clusterPassword})
	login := map[string][]byte{"admin-user": []byte("admin"), "admin-password": []byte(clusterPassword)}
	w.Create(&corev1.Secret{ObjectMeta: crash.Named("grafana"), Data: login},
		&corev1.Secret{ObjectMeta: crash.Named("other"), Data: login},
		&corev1.ConfigMap{ObjectMeta: crash.Named("ca"), Data: map[string]string{"ca.crt": "none"}},
		crash.Instance(), crash.Organization("Tenant"))
	w.MustRest()
	grafana := w.Grafana.RoundTripper()
	told = map[string]bool{}
	network = func(r *http.Request) (*http.Response, error) {
		var text []byte
		if r.Body != nil {
			text, _ = io.ReadAll(r.Body)
			r.Body = io.NopCloser(bytes.NewReader(text))
		}
		_, password, _ := r.BasicAuth()
		if password == clusterPassword || strings.Contains(string(text), clusterPassword) {
			told[r.URL.Host] = true
		}
		return grafana.RoundTrip(r)
	}
	return w, network, told
}

// A credential of the cluster goes to where the cluster has it sent, whatever the manifests say.
func TestPlanSendsACredentialOnlyWhereTheClusterDoes(t *testing.T) {
	w, network, told := guarded(t)
	secret := coreManifest(t, &corev1.Secret{ObjectMeta: crash.Named("grafana")}, "Secret")
	withNull := coreManifest(t, &corev1.Secret{ObjectMeta: crash.Named("grafana"),
		StringData: map[string]string{"admin-user": "admin"}}, "Secret")
	_ = unstructured.SetNestedField(withNull.Object, nil, "stringData", "admin-password")
	own := coreManifest(t, &corev1.Secret{ObjectMeta: crash.Named("own"),
		Data: map[string][]byte{"admin-user": []byte("admin"), "admin-password": []byte(clusterPassword)}}, "Secret")
	ca := coreManifest(t, &corev1.ConfigMap{ObjectMeta: crash.Named("ca"), Data: map[string]string{"ca.crt": "x"}},
		"ConfigMap")
	at := func(to string) func(*v1alpha1.Instance) { return func(i *v1alpha1.Instance) { i.Spec.URL = to } }
	elsewhere := at("http://evil.test")
	named := func(name string) func(*v1alpha1.Instance) {
		return func(i *v1alpha1.Instance) { i.Spec.Credentials.BasicAuth.SecretRef.Name = name }
	}
	addressed := func(to string) plan.Options {
		u, _ := url.Parse(to)
		return plan.Options{
			Addresses: map[client.ObjectKey]*url.URL{{Namespace: crash.Namespace, Name: "main"}: u},
		}
	}
	for name, c := range map[string]struct {
		change   func(*v1alpha1.Instance)
		more     []unstructured.Unstructured
		o        plan.Options
		want     string // who is told the password
		withheld bool
	}{
		"as it is":                {change: func(*v1alpha1.Instance) {}, want: "grafana.test"},
		"the same in other words": {change: at("http://GRAFANA.test:80"), want: "GRAFANA.test:80"},
		"another host":            {change: at("http://evil.test"), withheld: true},
		"another port":            {change: at("http://grafana.test:81"), withheld: true},
		"another scheme":          {change: at("https://grafana.test:80"), withheld: true},
		"what Grafana passes on":  {change: at("http://grafana.test/api/datasources/proxy/uid/evil"), withheld: true},
		"a slash at the end":      {change: at("http://grafana.test/"), want: "grafana.test"},
		"another Instance":        {change: func(i *v1alpha1.Instance) { i.Name = "second" }, withheld: true},
		"another Secret":          {change: named("other"), withheld: true},
		"another key": {change: func(i *v1alpha1.Instance) {
			i.Spec.Credentials.BasicAuth.UsernameKey = "admin-password"
		}, withheld: true},
		"no verification": {change: func(i *v1alpha1.Instance) {
			i.Spec.TLS = &v1alpha1.TLS{InsecureSkipVerify: true}
		}, withheld: true},
		"other certificates": {change: func(i *v1alpha1.Instance) {
			i.Spec.TLS = &v1alpha1.TLS{CAFrom: &v1alpha1.CASource{
				ConfigMapKeyRef: &v1alpha1.KeyReference{Name: "ca", Key: "ca.crt"}}}
		}, more: []unstructured.Unstructured{ca}, withheld: true},
		"a Secret without it": {change: elsewhere, more: []unstructured.Unstructured{secret}, withheld: true},
		"a Secret with null":  {change: elsewhere, more: []unstructured.Unstructured{withNull}, withheld: true},
		"their own Secret": {change: func(i *v1alpha1.Instance) {
			elsewhere(i)
			named("own")(i)
		}, more: []unstructured.Unstructured{own}, want: "evil.test"},
		"trusted": {change: elsewhere, o: plan.Options{TrustURLs: true}, want: "evil.test"},
		"an address of the planner's": {change: elsewhere, o: addressed("http://forwarded.test"),
			want: "forwarded.test"},
		"an address without verification": {change: func(i *v1alpha1.Instance) {
			i.Spec.TLS = &v1alpha1.TLS{InsecureSkipVerify: true}
		}, o: addressed("https://forwarded.test"), withheld: true},
		"an address with nothing to verify": {change: func(i *v1alpha1.Instance) {
			i.Spec.TLS = &v1alpha1.TLS{InsecureSkipVerify: true}
		}, o: addressed("http://forwarded.test"), want: "forwarded.test"},
		"an address and another Secret": {change: named("other"), o: addressed("https://forwarded.test"),
			want: "forwarded.test"},
	} {
		clear(told)
		instance := crash.Instance()
		c.change(instance)
		c.o.Transport = network
		c.o.Manifests = []unstructured.Unstructured{manifestOf(t, instance)}
		if name != "another Instance" { // it is in the first one
			c.o.Manifests = append(c.o.Manifests, manifestOf(t, crash.Organization("Tenant")))
		}
		for _, m := range c.more {
			c.o.Manifests = append(c.o.Manifests, *m.DeepCopy())
		}
		p := planWith(t, w, c.o)
		if len(told) > 1 || c.want != "" != told[c.want] || c.want == "" && len(told) > 0 {
			t.Errorf("%s: the password is told to %v, want %q", name, told, c.want)
		}
		for _, o := range p.Objects() {
			withheld := o.Action == plan.Unknown && o.Reason == plan.ReasonCredentialWithheld &&
				strings.Contains(o.Message, "--trust-urls")
			if withheld != c.withheld || c.withheld && p.Complete() {
				t.Errorf("%s: %s %s is %s (%s: %s)", name, o.Kind, o.Name, o.Action, o.Reason, o.Message)
			}
		}
	}
}

// What headersFrom has of a Secret of the cluster goes to where the Dashboard in the cluster has it sent.
func TestPlanSendsHeadersOnlyWhereTheClusterDoes(t *testing.T) {
	w, network, _ := guarded(t)
	w.Create(&corev1.Secret{ObjectMeta: crash.Named("headers"), Data: map[string][]byte{"Authorization": []byte("x")}})
	dashboardAt := func(name, from string) *v1alpha1.Dashboard {
		d := crash.Dashboard("", "")
		d.Name, d.Spec.Source = name, v1alpha1.DashboardSource{URL: &v1alpha1.DashboardURL{
			URL: from, HeadersFrom: &v1alpha1.LocalObjectReference{Name: "headers"}}}
		return d
	}
	var told []string
	w.Served = map[string]string{}
	for _, from := range []string{"http://boards.test/a", "http://boards.test/b", "http://evil.test/a"} {
		w.Served[from] = `{"title": "Board"}`
	}
	w.Sources = fetch.NewSync(func(ctx context.Context, r fetch.Request) (fetch.Fetched, error) {
		if len(r.Headers) > 0 {
			told = append(told, r.URL)
		}
		return w.Serve(ctx, r)
	})
	live := dashboardAt("board", "http://boards.test/a")
	live.UID, live.Generation, live.CreationTimestamp = crash.UIDFor(live), 1, metav1.NewTime(w.Clock)
	there := append(thereIn(w), live)
	for _, c := range []struct {
		name, from string
		trust      bool
		withheld   bool
	}{
		{name: "board", from: "http://boards.test/b"},
		{name: "board", from: "http://evil.test/a", withheld: true},
		{name: "board", from: "http://evil.test/a", trust: true},
		{name: "second", from: "http://boards.test/b", withheld: true},
	} {
		told = nil
		p := planWith(t, w, plan.Options{Objects: there, TrustURLs: c.trust, Transport: network,
			Manifests: []unstructured.Unstructured{manifestOf(t, dashboardAt(c.name, c.from))}})
		if c.withheld != (len(told) == 0) {
			t.Errorf("%s from %s: the headers are sent to %q", c.name, c.from, told)
		}
		for _, o := range p.Objects() {
			if withheld := o.Reason == plan.ReasonCredentialWithheld; o.Name == c.name && withheld != c.withheld ||
				withheld && o.Action != plan.Unknown {
				t.Errorf("%s from %s: %s (%s: %s)", c.name, c.from, o.Action, o.Reason, o.Message)
			}
		}
	}
}

// Five wrong passwords lock a login out: a plan tries one once.
func TestPlanTriesAWrongPasswordOnce(t *testing.T) {
	for _, version := range crash.Versions() {
		w := crash.New(t, version)
		w.Seed()
		crash.Tenant(w)
		w.MustRest()
		secret := &corev1.Secret{ObjectMeta: crash.Named("grafana"),
			Data: map[string][]byte{"admin-user": []byte("admin"), "admin-password": []byte("to be filled in")}}
		m := []unstructured.Unstructured{coreManifest(t, secret, "Secret")}
		for _, obj := range w.Objects() {
			m = append(m, manifestOf(t, obj))
		}
		w.Grafana.ResetLog()
		planWith(t, w, plan.Options{Manifests: m})
		var tries []string
		for _, r := range w.Grafana.Requests() {
			if r.Path != "/api/health" {
				tries = append(tries, r.Method+" "+r.Path)
			}
		}
		if len(tries) != 1 {
			t.Errorf("%s: the wrong password is sent %d times: %q", version, len(tries), tries)
		}
	}
}

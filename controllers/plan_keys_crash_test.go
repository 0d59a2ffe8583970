package controllers_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/dashboard/fetch"
	"grafana-tenancy.dev/operator/internal/plan"
	"grafana-tenancy.dev/operator/internal/testing/crash"
)

// A key that the operator would move into a Secret of the manifests is the cluster's there, too.
func TestPlanSendsNoKeyThatTheOperatorWouldMove(t *testing.T) {
	w := crash.New(t, "12.4.0")
	w.Seed()
	crash.Tenant(w)
	w.MustRest()
	var live corev1.Secret
	if err := w.Kube.Get(t.Context(), client.ObjectKey{Namespace: crash.Namespace, Name: "token"}, &live); err != nil {
		t.Fatal(err)
	}
	key := string(live.Data["token"])
	grafana := w.Grafana.RoundTripper()
	told := []string{}
	network := through(func(r *http.Request) (*http.Response, error) {
		if strings.Contains(r.Header.Get("Authorization"), key) {
			told = append(told, r.URL.String())
		}
		return grafana.RoundTrip(r)
	})
	w.Served = map[string]string{"http://evil.test/a": `{"title": "Board"}`}
	w.Sources = fetch.NewSync(func(ctx context.Context, r fetch.Request) (fetch.Fetched, error) {
		for _, header := range r.Headers {
			if header.Reveal() == key {
				told = append(told, r.URL)
			}
		}
		return w.Serve(ctx, r)
	})
	// It says that it was made for an earlier token of that name.
	loot := &corev1.Secret{ObjectMeta: crash.Named("loot"), Data: map[string][]byte{"token": []byte("x")}}
	loot.Annotations = map[string]string{v1alpha1.AnnotationTokenOwner: "token/00000000-0000-4000-8000-000000000000"}
	moved := crash.Token()
	moved.Spec.Secret.Name = "loot"
	instance := crash.Instance()
	instance.Name, instance.Spec.URL = "second", "http://evil.test"
	instance.Spec.ResyncInterval = &metav1.Duration{Duration: 30 * time.Second}
	instance.Spec.Credentials = v1alpha1.Credentials{Token: &v1alpha1.KeyReference{Name: "loot", Key: "token"}}
	board := crash.Dashboard("", "")
	board.Name, board.Spec.Source = "board", v1alpha1.DashboardSource{URL: &v1alpha1.DashboardURL{
		URL: "http://evil.test/a", HeadersFrom: &v1alpha1.LocalObjectReference{Name: "loot"}}}
	planWith(t, w, plan.Options{Transport: network, Manifests: []unstructured.Unstructured{
		coreManifest(t, loot, "Secret"), manifestOf(t, moved), manifestOf(t, board), manifestOf(t, instance)}})
	if len(told) > 0 {
		t.Errorf("the key of the cluster is sent to %q", told)
	}
}

// Whose a value is has to be known before it is sent.
func TestPlanSendsNoCredentialThatItCouldNotReadAtFirst(t *testing.T) {
	w, network, told := guarded(t)
	instance := crash.Instance()
	instance.Spec.URL = "http://evil.test"
	failing := 2 // times: both the name and the password are asked about
	w.Kube = interceptor.NewClient(w.Kube, interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, obj client.Object,
			opts ...client.GetOption) error {
			if _, secret := obj.(*corev1.Secret); secret && failing > 0 {
				failing--
				return errors.New("the server is currently unable to handle the request")
			}
			return c.Get(ctx, key, obj, opts...)
		},
	})
	planWith(t, w, plan.Options{Transport: network, Manifests: []unstructured.Unstructured{manifestOf(t, instance)}})
	if len(told) > 0 || failing > 0 {
		t.Errorf("the password is told to %v", told)
	}
}

// Nor does it try several of the manifests' at one Grafana: they would lock the operator's login out.
func TestPlanTriesOneWrongPasswordOfTheManifests(t *testing.T) {
	w := crash.New(t, "12.4.0")
	w.Seed()
	w.Create(crash.Organization("Tenant"))
	w.MustRest()
	wrong := &corev1.Secret{ObjectMeta: crash.Named("wrong"),
		Data: map[string][]byte{"admin-user": []byte("admin"), "admin-password": []byte("a guess")}}
	m := []unstructured.Unstructured{coreManifest(t, wrong, "Secret"), manifestOf(t, crash.Organization("Tenant"))}
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		instance := crash.Instance()
		instance.Name, instance.Spec.Credentials.BasicAuth.SecretRef.Name = name, "wrong"
		m = append(m, manifestOf(t, instance))
	}
	for _, trust := range []bool{false, true} {
		if refused, told := refusedLogins(t, w, m, trust); refused != 1 || told[plan.Blocked] != 1 ||
			told[plan.Unknown] != 4 {
			t.Errorf("trusted: %t: %d wrong passwords are tried: %v", trust, refused, told)
		}
	}
}

// So it is where each of several Instances of the cluster is given another password, and keeps its user name.
func TestPlanTriesOneWrongPasswordThatChanges(t *testing.T) {
	w := crash.New(t, "12.4.0")
	w.Seed()
	w.MustRest()
	var m []unstructured.Unstructured
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		instance := crash.Instance()
		instance.Name, instance.Spec.Credentials.BasicAuth.SecretRef.Name = name, name
		login := &corev1.Secret{ObjectMeta: crash.Named(name),
			Data: map[string][]byte{"admin-user": []byte("admin"), "admin-password": []byte("admin")}}
		w.Create(login.DeepCopy(), instance)
		login.Data = map[string][]byte{"admin-password": []byte("a guess")}
		m = append(m, coreManifest(t, login, "Secret"))
	}
	w.MustRest()
	if refused, told := refusedLogins(t, w, m, false); refused != 1 {
		t.Errorf("%d wrong passwords are tried: %v", refused, told)
	}
}

// refusedLogins plans, and counts the logins that Grafana has refused, and the objects by what is foreseen of them.
func refusedLogins(
	t *testing.T, w *crash.World, m []unstructured.Unstructured, trust bool,
) (refused int, told map[plan.Action]int) {
	t.Helper()
	w.Grafana.ResetLog()
	p := planWith(t, w, plan.Options{Manifests: m, TrustURLs: trust})
	for _, r := range w.Grafana.Requests() {
		if r.Path == "/login" && r.Status == http.StatusUnauthorized {
			refused++
		}
	}
	told = map[plan.Action]int{}
	for _, o := range p.Objects() {
		told[o.Action]++
	}
	return refused, told
}

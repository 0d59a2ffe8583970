package controllers_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/plan"
	"grafana-tenancy.dev/operator/internal/testing/crash"
)

// aSource is a world with a DataSource and its Secret.
func aSource(t *testing.T) *crash.World {
	w := crash.New(t, "12.4.0")
	w.Seed()
	crash.WithOrg(w)
	w.Create(crash.SourceSecret("one"), crash.NewDataSource(""))
	w.MustRest()
	return w
}

// A Secret that is in the cluster just like that changes nothing, nor does one without the keys of others, which stay.
func TestPlanOfASecretThatIsAsItWas(t *testing.T) {
	whole := coreManifest(t, crash.SourceSecret("one"), "Secret")
	without := *whole.DeepCopy()
	unstructured.RemoveNestedField(without.Object, "data")
	unstructured.RemoveNestedField(without.Object, "stringData")
	for name, m := range map[string]unstructured.Unstructured{"whole": whole, "without keys": without} {
		w := aSource(t)
		p := planOf(t, w, thereIn(w), []unstructured.Unstructured{m, manifestOf(t, crash.NewDataSource(""))})
		for _, o := range p.Objects() {
			if o.Action != plan.None {
				t.Errorf("%s: %s %s: %s %q (%s: %s)", name, o.Kind, o.Name, o.Action, o.Fields, o.Reason, o.Message)
			}
		}
	}
}

// What kubectl has applied before is judged as a new object is.
func TestPlanOfWhatTheAPIServerRefuses(t *testing.T) {
	w := crash.New(t, "12.4.0")
	w.Seed()
	w.Create(crash.Organization("Tenant"))
	w.MustRest()
	before := manifestOf(t, crash.Organization("Tenant"))
	text, err := json.Marshal(before.Object)
	if err != nil {
		t.Fatal(err)
	}
	called := func(part, field string, value any) func(*unstructured.Unstructured) {
		return func(m *unstructured.Unstructured) { m.Object[part].(map[string]any)[field] = value }
	}
	spec := func(field string, value any) func(*unstructured.Unstructured) { return called("spec", field, value) }
	for name, c := range map[string]struct {
		change func(*unstructured.Unstructured)
		says   string
	}{
		"unknown field":  {spec("colour", "red"), "spec.colour"},
		"empty enum":     {spec("maxMemberRole", ""), "spec.maxMemberRole"},
		"another type":   {spec("name", int64(7)), "spec.name"},
		"no name":        {called("metadata", "name", "Web_Shop"), "metadata.name"},
		"no label":       {called("metadata", "labels", map[string]any{"a b": ""}), "metadata.labels"},
		"no such place":  {called("metadata", "namespace", "nowhere"), "namespace nowhere does not exist"},
		"not a string":   {spec("displayName", map[string]any{"x": "y"}), "spec"},
		"another parent": {spec("instanceRef", map[string]any{"name": "second"}), "instanceRef"},
	} {
		for _, applied := range []bool{false, true} {
			m := *before.DeepCopy()
			c.change(&m)
			there := thereIn(w)
			for _, obj := range there {
				if applied && crash.KindOf(obj) == "Organization" {
					obj.SetAnnotations(map[string]string{corev1.LastAppliedConfigAnnotation: string(text)})
				}
			}
			refused := false
			for _, o := range planOf(t, w, there, []unstructured.Unstructured{m}).Objects() {
				refused = refused || o.Given && o.Action == plan.Blocked && o.Reason == "Invalid" &&
					strings.Contains(o.Message, c.says)
				if o.Given && o.Reason != "Invalid" {
					t.Errorf("%s, applied %t: %s (%s: %s)", name, applied, o.Action, o.Reason, o.Message)
				}
			}
			if !refused {
				t.Errorf("%s, applied %t: nothing is refused for %s", name, applied, c.says)
			}
		}
	}
}

// A label by which a Namespace was let in goes with the manifest that has it no more.
func TestPlanOfANamespaceThatLosesItsLabel(t *testing.T) {
	w := crash.New(t, "12.4.0")
	w.Seed()
	instance := crash.Instance()
	w.Get(instance)
	instance.Spec.AllowedNamespaces = v1alpha1.AllowedNamespaces{From: v1alpha1.FromSelector,
		Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"tier": "team"}}}
	if err := w.Kube.Update(t.Context(), instance); err != nil {
		t.Fatal(err)
	}
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "team", Labels: map[string]string{"tier": "team"},
		Annotations: map[string]string{corev1.LastAppliedConfigAnnotation: `{"apiVersion":"v1","kind":"Namespace",` +
			`"metadata":{"name":"team","labels":{"tier":"team"}}}`}}}
	if err := w.Kube.Create(t.Context(), ns); err != nil {
		t.Fatal(err)
	}
	org := crash.Organization("Tenant")
	org.Namespace, org.Spec.InstanceRef.Namespace = "team", crash.Namespace
	for _, c := range []struct {
		labels map[string]string
		want   plan.Action
	}{{nil, plan.Blocked}, {map[string]string{"tier": "team"}, plan.Create}} {
		bare := coreManifest(t,
			&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "team", Labels: c.labels}}, "Namespace")
		p := planOf(t, w, thereIn(w), []unstructured.Unstructured{manifestOf(t, org), bare})
		for _, o := range p.Objects() {
			if o.Kind == "Organization" && o.Action != c.want {
				t.Errorf("with labels %v: %s (%s: %s), want %s", c.labels, o.Action, o.Reason, o.Message, c.want)
			}
		}
	}
}

// A Namespace among the manifests is there for what is in it.
func TestPlanInANamespaceOfTheManifests(t *testing.T) {
	w := crash.New(t, "12.4.0")
	w.Seed()
	crash.Edit(w, crash.Instance(), func(i *v1alpha1.Instance) { i.Spec.AllowedNamespaces.From = v1alpha1.FromAll })
	w.MustRest()
	org := crash.Organization("Tenant")
	org.Namespace, org.Spec.InstanceRef.Namespace = "fresh", crash.Namespace
	ns := coreManifest(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "fresh"}}, "Namespace")
	for _, c := range []struct {
		m    []unstructured.Unstructured
		want plan.Action
	}{
		{[]unstructured.Unstructured{manifestOf(t, org)}, plan.Blocked},
		{[]unstructured.Unstructured{manifestOf(t, org), ns}, plan.Create},
	} {
		for _, o := range planOf(t, w, thereIn(w), c.m).Objects() {
			if o.Kind == "Organization" && o.Action != c.want {
				t.Errorf("of %d manifests: %s (%s: %s), want %s", len(c.m), o.Action, o.Reason, o.Message, c.want)
			}
		}
	}
}

// No error and no plan tells what is in a Secret of the manifests, or where one is meant to be.
func TestPlanTellsNoSecretOfTheManifests(t *testing.T) {
	w := crash.New(t, "12.4.0")
	w.Seed()
	w.MustRest()
	of := func(kind, spec string) string {
		return "{apiVersion: grafana-tenancy.dev/v1alpha1, kind: " + kind + ", metadata: {name: s}, spec: " + spec + "}"
	}
	login := ", credentials: {basicAuth: {secretRef: {name: grafana}}}}"
	source := "{organizationRef: {name: org}, type: x, "
	for _, text := range []string{
		`{apiVersion: v1, kind: Secret, metadata: {name: s}, stringData: {password: 4711081500}}`,
		`{apiVersion: v1, kind: Secret, metadata: {name: s}, data: {password: "4711081500!"}}`,
		`{apiVersion: v1, kind: Secret, metadata: {name: s}, data: {password: {x: "4711081500"}}}`,
		`{apiVersion: v1, kind: Secret, metadata: {name: s}, data: ["4711081500"]}`,
		`{apiVersion: v1, kind: Secret, metadata: {name: s}, data: "4711081500"}`,
		`{apiVersion: v1, kind: Secret, metadata: {name: s, labels: {a: "47110815 00"}}}`,
		of("DataSource", source+`secureJsonData: {password: "4711081500"}}`),
		of("DataSource", source+`url: "http://u:4711081500@host"}`),
		of("Instance", `{url: "http://u:4711081500@host"`+login),
		of("Instance", `{url: "http://u:4711081500@ho st"`+login),
		of("Instance", `{url: "http://host", timeout: "4711081500"`+login),
	} {
		var m unstructured.Unstructured
		if err := yaml.Unmarshal([]byte(text), &m.Object); err != nil {
			t.Fatal(err)
		}
		p, err := plan.Make(t.Context(), plan.Options{
			Scheme: w.Scheme(), Cluster: w.Kube, Objects: thereIn(w), Manifests: []unstructured.Unstructured{m},
			Namespace: crash.Namespace, ClusterID: "cluster-1", Sources: w.Sources, Transport: w.Grafana.RoundTripper(),
		})
		all, jerr := json.Marshal(p)
		if jerr != nil {
			t.Fatal(jerr)
		}
		for _, secret := range []string{"4711081500", "4.7110815e+09", "47110815 00"} {
			if told := fmt.Sprint(err) + string(all); strings.Contains(told, secret) {
				t.Errorf("%s: %s", text, told)
			}
		}
	}
}

// The same manifests are the same plan, the last of two of one object counts, and nothing changes by itself.
func TestPlanIsTheSameAgain(t *testing.T) {
	w := aSource(t)
	var all []lifecycle.Object
	all = append(all, crash.Organization("Shop"), crash.Organization("Tenant"), crash.Account("CI"), crash.Token(),
		crash.Dashboard("", crash.OneDashboard), newFolder(""), crash.NewDataSource(""))
	first := ""
	for range 3 {
		var m []unstructured.Unstructured
		for _, obj := range all {
			m = append(m, manifestOf(t, obj))
		}
		p := planOf(t, w, append([]client.Object{}, thereIn(w)...), m)
		text, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		if first == "" {
			first = string(text)
		}
		if first != string(text) {
			t.Fatalf("first %s\nnow %s", first, text)
		}
		if n := p.Summary[plan.Change] + p.Summary[plan.Blocked]; n > 0 {
			t.Errorf("%d are changed or blocked: %s", n, text)
		}
	}
}

// A null says nothing, as with the API server: templates leave many of them.
func TestPlanOfFieldsThatAreNull(t *testing.T) {
	w := crash.New(t, "12.4.0")
	w.Seed()
	there := thereIn(w)
	m := manifestOf(t, crash.Organization("Tenant"))
	for _, field := range []string{"preferences", "quotas", "resyncInterval", "adoptionPolicy", "maxMemberRole"} {
		_ = unstructured.SetNestedField(m.Object, nil, "spec", field)
	}
	for _, o := range planOf(t, w, there, []unstructured.Unstructured{m}).Objects() {
		if o.Given && o.Action != plan.Create {
			t.Errorf("%s %s: %s (%s: %s)", o.Kind, o.Name, o.Action, o.Reason, o.Message)
		}
	}
}

// Of two manifests of an object the last one counts, as with kubectl: what only the first has goes again.
func TestPlanOfAnObjectThatIsGivenTwice(t *testing.T) {
	w := crash.New(t, "12.4.0")
	w.Seed()
	w.Create(crash.Organization("Tenant"))
	w.MustRest()
	last := manifestOf(t, crash.Organization("Tenant"))
	text, err := json.Marshal(last.Object)
	if err != nil {
		t.Fatal(err)
	}
	first := *last.DeepCopy()
	_ = unstructured.SetNestedField(first.Object, "dark", "spec", "preferences", "theme")
	for _, applied := range []string{"", string(text)} {
		there := thereIn(w)
		for _, obj := range there {
			if applied != "" && crash.KindOf(obj) == "Organization" {
				obj.SetAnnotations(map[string]string{corev1.LastAppliedConfigAnnotation: applied})
			}
		}
		for _, o := range planOf(t, w, there, []unstructured.Unstructured{first, last}).Objects() {
			if o.Action != plan.None {
				t.Errorf("applied before: %t: %s %s: %s %q", applied != "", o.Kind, o.Name, o.Action, o.Fields)
			}
		}
	}
}

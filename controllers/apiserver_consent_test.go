package controllers_test

import (
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
)

// Across namespaces a reference is refused in the same words whether its target exists or not.
func TestAPIConsentTellsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, grafanatest.Options{})
	ready(w, w.organization("team"))
	w.grafana.ResetLog()
	tenant := w.namespace(nil)
	from := func(name string) v1alpha1.ObjectReference {
		return v1alpha1.ObjectReference{Name: name, Namespace: w.ns}
	}
	messages := map[string][]string{}
	for _, target := range []string{"team", "none"} {
		sa := w.account("robot-"+target, target, func(o *v1alpha1.ServiceAccount) { o.Namespace, o.Spec.OrganizationRef = tenant, from(target) })
		dash := w.dashboard("dash-"+target, target, overview, func(o *v1alpha1.Dashboard) { o.Namespace, o.Spec.OrganizationRef = tenant, from(target) })
		waiting(w, sa, v1alpha1.ReasonReferenceNotPermitted)
		waiting(w, dash, v1alpha1.ReasonReferenceNotPermitted)
		for _, c := range append(sa.Status.Conditions, dash.Status.Conditions...) {
			messages[target] = append(messages[target], c.Type+" "+string(c.Status)+" "+c.Reason+" "+strings.ReplaceAll(c.Message, w.ns+"/"+target, "TARGET"))
		}
	}
	for _, target := range []string{"grafana", "none"} {
		org := w.organization("org-"+target, func(o *v1alpha1.Organization) { o.Namespace, o.Spec.InstanceRef = tenant, from(target) })
		waiting(w, org, v1alpha1.ReasonReferenceNotPermitted)
		for _, c := range org.Status.Conditions {
			messages[target] = append(messages[target], c.Type+" "+string(c.Status)+" "+c.Reason+" "+strings.ReplaceAll(c.Message, w.ns+"/"+target, "TARGET"))
		}
	}
	exists, absent := strings.Join(append(messages["team"], messages["grafana"]...), "\n"), strings.Join(messages["none"], "\n")
	if exists != absent {
		t.Errorf("what exists is told apart from what does not:\n%s\n--- and\n%s", exists, absent)
	}
	if writes := w.writes(); len(writes) > 0 {
		t.Errorf("written without consent: %v", writes)
	}
}

// A selector lets namespaces in by their labels. A change of label or of selector takes effect by itself; consent withdrawn stops writing and deletes nothing.
func TestAPIConsentBySelector(t *testing.T) {
	t.Parallel()
	w := newWorld(t, grafanatest.Options{}, func(o *v1alpha1.Instance) { o.Spec.AllowedNamespaces.From = v1alpha1.FromAll })
	tenant := w.namespace(map[string]string{"team": "red"})
	selector := v1alpha1.AllowedNamespaces{From: v1alpha1.FromSelector, Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"team": "blue"}}}
	org := ready(w, w.organization("team", func(o *v1alpha1.Organization) { o.Spec.AllowedNamespaces = selector }))
	ref := v1alpha1.ObjectReference{Name: "team", Namespace: w.ns}
	dash := w.dashboard("overview", "", overview, func(o *v1alpha1.Dashboard) { o.Namespace, o.Spec.OrganizationRef = tenant, ref })
	sa := w.account("robot", "", func(o *v1alpha1.ServiceAccount) { o.Namespace, o.Spec.OrganizationRef = tenant, ref })
	token := w.token("ci", "robot", func(o *v1alpha1.ServiceAccountToken) { o.Namespace = tenant })
	waiting(w, dash, v1alpha1.ReasonReferenceNotPermitted)
	waiting(w, sa, v1alpha1.ReasonReferenceNotPermitted)

	w.relabel(tenant, "blue")
	ready(w, dash)
	ready(w, sa)
	ready(w, token)

	w.relabel(tenant, "red")
	waiting(w, dash, v1alpha1.ReasonReferenceNotPermitted)
	waiting(w, sa, v1alpha1.ReasonReferenceNotPermitted)
	w.grafana.ResetLog()
	change(w, dash, func() { dash.Spec.Source.JSON = new(`{"title":"Unwanted"}`) })
	waiting(w, dash, v1alpha1.ReasonReferenceNotPermitted)
	if d := w.dash(org.Status.OrgID, dash.Status.UID); d == nil || d.Title != "Overview" {
		t.Errorf("without consent the dashboard became %+v", d)
	}
	if writes := w.writes(); len(writes) > 0 {
		t.Errorf("written without consent: %v", writes)
	}
	if len(w.grafana.Tokens(org.Status.OrgID)) != 1 {
		t.Error("the token was revoked when consent was withdrawn")
	}

	change(w, org, func() { org.Spec.AllowedNamespaces = v1alpha1.AllowedNamespaces{From: v1alpha1.FromAll} })
	ready(w, dash)
	ready(w, sa)
	if d := w.dash(org.Status.OrgID, dash.Status.UID); d == nil || d.Title != "Unwanted" {
		t.Errorf("with consent the dashboard is %+v", d)
	}

	change(w, org, func() { org.Spec.AllowedNamespaces = v1alpha1.AllowedNamespaces{From: v1alpha1.FromSame} })
	waiting(w, dash, v1alpha1.ReasonReferenceNotPermitted)
	w.delete(dash, token, sa)
	w.gone(dash, token, sa)
	if left := len(w.grafana.Dashboards(org.Status.OrgID)) + len(w.grafana.ServiceAccounts(org.Status.OrgID)); left > 0 {
		t.Errorf("a deletion needs no consent, but %d objects are left in Grafana", left)
	}
}

// An Instance decides in the same way who may create organizations.
func TestAPIConsentOfInstance(t *testing.T) {
	t.Parallel()
	w := newWorld(t, grafanatest.Options{})
	tenant := w.namespace(nil)
	org := w.organization("team", func(o *v1alpha1.Organization) {
		o.Namespace, o.Spec.InstanceRef = tenant, v1alpha1.ObjectReference{Name: "grafana", Namespace: w.ns}
	})
	waiting(w, org, v1alpha1.ReasonReferenceNotPermitted)
	instance := get(w, &v1alpha1.Instance{ObjectMeta: w.named("grafana")})
	change(w, instance, func() {
		instance.Spec.AllowedNamespaces = v1alpha1.AllowedNamespaces{From: v1alpha1.FromSelector, Selector: &metav1.LabelSelector{
			MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "team", Operator: metav1.LabelSelectorOpExists}},
		}}
	})
	ready(w, instance)
	waiting(w, org, v1alpha1.ReasonReferenceNotPermitted)
	w.relabel(tenant, "any")
	ready(w, org)
	if w.orgNamed("team") == nil {
		t.Error("there is no organization")
	}
}

// A namespace that refers to itself by name needs nobody's consent.
func TestAPIConsentWithinNamespace(t *testing.T) {
	t.Parallel()
	w := newWorld(t, grafanatest.Options{})
	org := w.organization("team", func(o *v1alpha1.Organization) { o.Spec.InstanceRef.Namespace = w.ns })
	ready(w, org)
	ready(w, w.dashboard("overview", "team", overview, func(o *v1alpha1.Dashboard) { o.Spec.OrganizationRef.Namespace = w.ns }))
}

func (w *world) relabel(namespace, team string) {
	w.t.Helper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}
	change(w, ns, func() { ns.Labels["team"] = team })
}

// A selector that cannot be evaluated lets nobody in, and the object that has it says so; its own namespace goes on.
func TestAPIConsentBrokenSelector(t *testing.T) {
	t.Parallel()
	w := newWorld(t, grafanatest.Options{})
	org := w.organization("team", func(o *v1alpha1.Organization) {
		o.Spec.AllowedNamespaces = v1alpha1.AllowedNamespaces{From: v1alpha1.FromSelector, Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"not a label": "x"}}}
	})
	stalled(w, org, v1alpha1.ReasonInvalidSpec, "spec.allowedNamespaces.selector", "not a label")
	ready(w, w.dashboard("own", "team", `{"title":"Own"}`))
	theirs := w.dashboard("theirs", "", overview, func(o *v1alpha1.Dashboard) {
		o.Namespace, o.Spec.OrganizationRef = w.namespace(nil), v1alpha1.ObjectReference{Name: "team", Namespace: w.ns}
	})
	waiting(w, theirs, v1alpha1.ReasonReferenceNotPermitted)
	change(w, org, func() { org.Spec.AllowedNamespaces.Selector = &metav1.LabelSelector{} })
	ready(w, org)
	ready(w, theirs)
	if got := fmt.Sprint(len(w.grafana.Dashboards(org.Status.OrgID))); got != "2" {
		t.Errorf("%s dashboards", got)
	}
}

// Whoever refers to an Organization without its consent has nothing in it, and cannot hold up its deletion.
func TestAPIConsentHoldsUpNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t, grafanatest.Options{})
	org := ready(w, w.organization("team"))
	other := w.namespace(nil)
	ref := v1alpha1.ObjectReference{Name: "team", Namespace: w.ns}
	dash := w.dashboard("unwanted", "", overview, func(o *v1alpha1.Dashboard) { o.Namespace, o.Spec.OrganizationRef = other, ref })
	waiting(w, dash, v1alpha1.ReasonReferenceNotPermitted)
	w.delete(org)
	w.gone(org)
	w.delete(dash)
	w.gone(dash)
}

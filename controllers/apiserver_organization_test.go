package controllers_test

import (
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
)

// Somebody else's organization of the wanted name is not touched; once it is renamed, ours comes.
func TestAPIOrganizationAlreadyExists(t *testing.T) {
	t.Parallel()
	w := newWorld(t, grafanatest.Options{})
	theirs := w.made(w.ask("POST", "/api/orgs", 0, map[string]any{"name": "Team"}))
	org := w.organization("team", func(o *v1alpha1.Organization) { o.Spec.Name = "Team" })
	first := w.organization("first", func(o *v1alpha1.Organization) { o.Spec.Name = "Main Org." })
	stalled(w, org, v1alpha1.ReasonAlreadyExists, `"Team"`, "was not created by the operator", "rename one of them")
	stalled(w, first, v1alpha1.ReasonAlreadyExists)
	if writes := w.writes(); len(writes) > 0 {
		t.Errorf("written for an organization that is not ours: %v", writes)
	}
	w.ask("PUT", fmt.Sprintf("/api/orgs/%d", theirs), 0, map[string]any{"name": "Their Team"})
	visit(w, org)
	ready(w, org)
	if org.Status.OrgID == theirs {
		t.Error("it took theirs over")
	}
	w.delete(org, first)
	w.gone(org, first)
	if o := w.org(theirs); o == nil || o.Address.Address2 != "" || len(w.grafana.Orgs()) != 2 {
		t.Errorf("organizations: %+v", w.grafana.Orgs())
	}
}

// A rename to a name that is taken is refused, and what is there goes on.
func TestAPIOrganizationRenameTaken(t *testing.T) {
	t.Parallel()
	w := newWorld(t, grafanatest.Options{})
	org, dash := w.organization("team"), w.dashboard("overview", "team", overview)
	ready(w, org)
	ready(w, dash)
	w.ask("POST", "/api/orgs", 0, map[string]any{"name": "Taken"})
	change(w, org, func() { org.Spec.Name = "Taken" })
	stalled(w, org, v1alpha1.ReasonAlreadyExists, `"Taken"`)
	if !isTrue(org, v1alpha1.ConditionAvailable) || w.org(org.Status.OrgID).Name != "team" {
		t.Errorf("organization %+v, conditions %+v", w.org(org.Status.OrgID), org.Status.Conditions)
	}
	change(w, dash, func() { dash.Spec.Source.JSON = new(`{"title": "Goes on"}`) })
	ready(w, dash)
	change(w, org, func() { org.Spec.Name = "Free" })
	ready(w, org)
	if w.org(org.Status.OrgID).Name != "Free" {
		t.Errorf("organization %+v", w.org(org.Status.OrgID))
	}
}

// Two Organizations that want one name: the first keeps it; the other says who has it, if it may know, and takes over.
func TestAPIOrganizationNameConflict(t *testing.T) {
	t.Parallel()
	w := newWorld(
		t,
		grafanatest.Options{},
		func(o *v1alpha1.Instance) { o.Spec.AllowedNamespaces.From = v1alpha1.FromAll },
	)
	first := ready(w, w.organization("first", func(o *v1alpha1.Organization) { o.Spec.Name = "Team" }))
	same := w.organization("second", func(o *v1alpha1.Organization) { o.Spec.Name = "Team" })
	stranger := w.organization("stranger", func(o *v1alpha1.Organization) {
		o.Namespace, o.Spec.Name, o.Spec.InstanceRef.Namespace = w.namespace(nil), "Team", w.ns
	})
	stalled(w, same, v1alpha1.ReasonNameConflict, w.ns+"/first")
	stalled(w, stranger, v1alpha1.ReasonNameConflict, "another namespace")
	if contains(messageOf(stranger), w.ns) {
		t.Errorf("another namespace's object is named: %s", messageOf(stranger))
	}
	w.delete(stranger, first)
	w.gone(stranger, first)
	visit(w, same)
	ready(w, same)
	if all := w.grafana.Orgs(); len(all) != 2 || w.org(same.Status.OrgID).Name != "Team" {
		t.Errorf("organizations: %+v", all)
	}
}

// The home dashboard may be one that comes later, and in the organization: each waits for the other without a knot.
func TestAPIHomeDashboard(t *testing.T) {
	t.Parallel()
	for _, version := range grafanatest.Versions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, grafanatest.Options{Version: version})
			org := w.organization("team", func(o *v1alpha1.Organization) {
				o.Spec.Preferences = &v1alpha1.Preferences{
					Theme:            "light",
					HomeDashboardRef: &v1alpha1.ObjectReference{Name: "overview"},
				}
			})
			waiting(w, org, v1alpha1.ReasonDashboardNotFound, "Dashboard "+w.ns+"/overview")
			if !isTrue(org, v1alpha1.ConditionAvailable) || w.org(org.Status.OrgID).Preferences.Theme != "light" {
				t.Errorf("conditions %+v, organization %+v", org.Status.Conditions, w.org(org.Status.OrgID))
			}
			dash := ready(w, w.dashboard("overview", "team", overview))
			ready(w, org)
			if home := w.org(org.Status.OrgID).Preferences.HomeDashboardUID; home != dash.Status.UID {
				t.Errorf("the home dashboard is %q, not %q", home, dash.Status.UID)
			}
			second := ready(w, w.dashboard("second", "team", `{"title": "Second", "uid": "second"}`))
			change(w, org, func() { org.Spec.Preferences = &v1alpha1.Preferences{HomeDashboardUID: second.Status.UID} })
			ready(w, org)
			if p := w.org(org.Status.OrgID).Preferences; p.HomeDashboardUID != "second" || p.Theme != "light" {
				t.Errorf("preferences: %+v", p)
			}
		})
	}
}

// A dashboard of another organization is no home.
func TestAPIHomeDashboardOfAnother(t *testing.T) {
	t.Parallel()
	w := newWorld(t, grafanatest.Options{})
	w.organization("other")
	ready(w, w.dashboard("overview", "other", overview))
	org := w.organization("team", func(o *v1alpha1.Organization) {
		o.Spec.Preferences = &v1alpha1.Preferences{HomeDashboardRef: &v1alpha1.ObjectReference{Name: "overview"}}
	})
	waiting(w, org, v1alpha1.ReasonDashboardNotFound)
}

// Quotas are set where Grafana has them, and their absence blocks nobody.
func TestAPIQuotas(t *testing.T) {
	notOnReal(t, "a setting changes")
	t.Parallel()
	w := newWorld(t, grafanatest.Options{})
	org := w.organization("team", func(o *v1alpha1.Organization) {
		o.Spec.Quotas = map[string]v1alpha1.QuotaLimit{"dashboard": 3, "data_source": -1}
	})
	stalled(w, org, v1alpha1.ReasonQuotasDisabled, "[quota] enabled", "spec.quotas")
	if !isTrue(org, v1alpha1.ConditionAvailable) {
		t.Errorf("conditions: %+v", org.Status.Conditions)
	}
	ready(w, w.dashboard("overview", "team", overview))
	w.grafana.SetQuotas(true)
	visit(w, org)
	ready(w, org)
	if q := w.org(org.Status.OrgID).Quotas; q["dashboard"] != 3 || q["data_source"] != -1 || len(q) != 2 {
		t.Errorf("quotas: %v", q)
	}
	w.ask("PUT", fmt.Sprintf("/api/orgs/%d/quotas/dashboard", org.Status.OrgID), 0, map[string]any{"limit": 99})
	visit(w, org)
	w.eventually("the quota again", func() error {
		if q := w.org(org.Status.OrgID).Quotas["dashboard"]; q != 3 {
			return fmt.Errorf("it is %d", q)
		}
		return nil
	})
	change(w, org, func() { org.Spec.Quotas = map[string]v1alpha1.QuotaLimit{"sandwiches": 1} })
	stalled(w, org, v1alpha1.ReasonInvalidSpec, `"sandwiches"`, "data_source")
	change(w, org, func() { org.Spec.Quotas = nil })
	ready(w, org)
}

// A service account of the wanted name that is not ours is left alone.
func TestAPIAccountAlreadyExists(t *testing.T) {
	t.Parallel()
	w := newWorld(t, grafanatest.Options{})
	org := ready(w, w.organization("team")).Status.OrgID
	theirs := w.made(w.ask("POST", "/api/serviceaccounts", org, map[string]any{"name": "robot", "role": "Viewer"}))
	w.grafana.ResetLog()
	sa := w.account("robot", "team", func(o *v1alpha1.ServiceAccount) { o.Spec.Role = v1alpha1.RoleAdmin })
	stalled(w, sa, v1alpha1.ReasonAlreadyExists, `"robot"`, "rename one of them")
	if writes := w.writes(); len(writes) > 0 || w.sa(org, theirs).Role != "Viewer" {
		t.Errorf("written for a service account that is not ours: %v, %+v", writes, w.sa(org, theirs))
	}
	change(w, sa, func() { sa.Spec.Name = "our robot" })
	ready(w, sa)
	w.delete(sa)
	w.gone(sa)
	if all := w.grafana.ServiceAccounts(org); len(all) != 1 || all[0].ID != theirs {
		t.Errorf("service accounts: %+v", all)
	}
}

// later waits until the API server stamps what is created with a later second than an object.
func (w *world) later(than client.Object) {
	w.t.Helper()
	w.eventually("the next second", func() error {
		probe := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{GenerateName: "later-", Namespace: w.ns}}
		if err := w.client.Create(w.t.Context(), probe, client.DryRunAll); err != nil {
			return err
		}
		if !probe.CreationTimestamp.After(than.GetCreationTimestamp().Time) {
			return fmt.Errorf("it is %v", probe.CreationTimestamp)
		}
		return nil
	})
}

// Of objects that want one name while nobody has it, the oldest gets it, whatever they are called; the next one does
// when that goes, unless it is suspended or may not.
func TestAPIOldestClaimFirst(t *testing.T) {
	t.Parallel()
	w := newEmptyWorld(t, grafanatest.Options{})
	wanting := func(name string, changes ...func(*v1alpha1.Organization)) *v1alpha1.Organization {
		org := w.organization(name, append(changes, func(o *v1alpha1.Organization) { o.Spec.Name = "Team" })...)
		w.later(org)
		return org
	}
	wanting("c-suspended", func(o *v1alpha1.Organization) { o.Spec.Suspend = true })
	stranger := wanting(
		"d-stranger",
		func(o *v1alpha1.Organization) { o.Namespace, o.Spec.InstanceRef.Namespace = w.namespace(nil), w.ns },
	)
	oldest := wanting("b-oldest")
	younger := wanting("a-younger")
	w.instance()
	ready(w, oldest)
	stalled(w, younger, v1alpha1.ReasonNameConflict, w.ns+"/b-oldest")
	waiting(w, stranger, v1alpha1.ReasonReferenceNotPermitted)
	w.delete(oldest)
	w.gone(oldest)
	ready(w, visit(w, younger))
	if all := w.grafana.Orgs(); len(all) != 2 ||
		!strings.Contains(w.org(younger.Status.OrgID).Address.Address2, string(younger.UID)) {
		t.Errorf("organizations: %+v", all)
	}
}

// The same goes for service accounts, of which Grafana would take several of one name.
func TestAPIOldestAccountFirst(t *testing.T) {
	t.Parallel()
	w := newWorld(t, grafanatest.Options{})
	older := w.account("b-older", "team", named("Robot"))
	w.later(older)
	younger := w.account("a-younger", "team", named("Robot"))
	id := ready(w, w.organization("team")).Status.OrgID
	ready(w, older)
	stalled(w, younger, v1alpha1.ReasonNameConflict, "b-older")
	change(w, younger, func() { younger.Spec.Name = "Another" })
	ready(w, younger)
	change(
		w,
		younger,
		func() { younger.Spec.Name = "Robot" },
	) // who has something of its own gets no other's name, either
	stalled(w, younger, v1alpha1.ReasonNameConflict, "b-older")
	if a := w.sa(id, younger.Status.ID); a == nil || a.Name != "Another" {
		t.Errorf("service account: %+v", a)
	}
	w.delete(older)
	w.gone(older)
	ready(w, visit(w, younger))
	if all := w.grafana.ServiceAccounts(id); len(all) != 1 || all[0].Name != "Robot" || all[0].ID != younger.Status.ID {
		t.Errorf("service accounts: %+v", all)
	}
}

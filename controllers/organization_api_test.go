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
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

// Somebody else's organization of the wanted name is not touched; once it is renamed, ours comes.
func TestAPIOrganizationAlreadyExists(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	theirs := w.Made(w.Ask("POST", "/api/orgs", 0, map[string]any{"name": "Team"}))
	org := w.Organization("team", func(o *v1alpha1.Organization) { o.Spec.Name = "Team" })
	first := w.Organization("first", func(o *v1alpha1.Organization) { o.Spec.Name = "Main Org." })
	suite.Stalled(
		w,
		org,
		v1alpha1.ReasonAlreadyExists,
		`"Team"`,
		"was not created by the operator",
		"rename one of them",
	)
	suite.Stalled(w, first, v1alpha1.ReasonAlreadyExists)
	if writes := w.Writes(); len(writes) > 0 {
		t.Errorf("written for an organization that is not ours: %v", writes)
	}
	w.Ask("PUT", fmt.Sprintf("/api/orgs/%d", theirs), 0, map[string]any{"name": "Their Team"})
	suite.Visit(w, org)
	suite.Ready(w, org)
	if org.Status.OrgID == theirs {
		t.Error("it took theirs over")
	}
	w.Delete(org, first)
	w.Gone(org, first)
	if o := w.Org(theirs); o == nil || o.Address.Address2 != "" || len(w.Grafana.Orgs()) != 2 {
		t.Errorf("organizations: %+v", w.Grafana.Orgs())
	}
}

// A rename to a name that is taken is refused, and what is there goes on.
func TestAPIOrganizationRenameTaken(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	org, dash := w.Organization("team"), w.Dashboard("overview", "team", overview)
	suite.Ready(w, org)
	suite.Ready(w, dash)
	w.Ask("POST", "/api/orgs", 0, map[string]any{"name": "Taken"})
	suite.Change(w, org, func() { org.Spec.Name = "Taken" })
	suite.Stalled(w, org, v1alpha1.ReasonAlreadyExists, `"Taken"`)
	if !suite.IsTrue(org, v1alpha1.ConditionAvailable) || w.Org(org.Status.OrgID).Name != "team" {
		t.Errorf("organization %+v, conditions %+v", w.Org(org.Status.OrgID), org.Status.Conditions)
	}
	suite.Change(w, dash, func() { dash.Spec.Source.JSON = new(`{"title": "Goes on"}`) })
	suite.Ready(w, dash)
	suite.Change(w, org, func() { org.Spec.Name = "Free" })
	suite.Ready(w, org)
	if w.Org(org.Status.OrgID).Name != "Free" {
		t.Errorf("organization %+v", w.Org(org.Status.OrgID))
	}
}

// Two Organizations that want one name: the first keeps it; the other says who has it, if it may know, and takes over.
func TestAPIOrganizationNameConflict(t *testing.T) {
	t.Parallel()
	w := suite.New(
		t,
		grafanatest.Options{},
		func(o *v1alpha1.Instance) { o.Spec.AllowedNamespaces.From = v1alpha1.FromAll },
	)
	first := suite.Ready(w, w.Organization("first", func(o *v1alpha1.Organization) { o.Spec.Name = "Team" }))
	same := w.Organization("second", func(o *v1alpha1.Organization) { o.Spec.Name = "Team" })
	stranger := w.Organization("stranger", func(o *v1alpha1.Organization) {
		o.Namespace, o.Spec.Name, o.Spec.InstanceRef.Namespace = w.Namespace(nil), "Team", w.NS
	})
	suite.Stalled(w, same, v1alpha1.ReasonNameConflict, w.NS+"/first")
	suite.Stalled(w, stranger, v1alpha1.ReasonNameConflict, "another namespace")
	if suite.Contains(suite.MessageOf(stranger), w.NS) {
		t.Errorf("another namespace's object is named: %s", suite.MessageOf(stranger))
	}
	w.Delete(stranger, first)
	w.Gone(stranger, first)
	suite.Visit(w, same)
	suite.Ready(w, same)
	if all := w.Grafana.Orgs(); len(all) != 2 || w.Org(same.Status.OrgID).Name != "Team" {
		t.Errorf("organizations: %+v", all)
	}
}

// The home dashboard may be one that comes later, and in the organization: each waits for the other without a knot.
func TestAPIHomeDashboard(t *testing.T) {
	t.Parallel()
	for _, version := range grafanatest.Versions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			w := suite.New(t, grafanatest.Options{Version: version})
			org := w.Organization("team", func(o *v1alpha1.Organization) {
				o.Spec.Preferences = &v1alpha1.Preferences{
					Theme:            "light",
					HomeDashboardRef: &v1alpha1.ObjectReference{Name: "overview"},
				}
			})
			suite.Waiting(w, org, v1alpha1.ReasonDashboardNotFound, "Dashboard "+w.NS+"/overview")
			if !suite.IsTrue(org, v1alpha1.ConditionAvailable) || w.Org(org.Status.OrgID).Preferences.Theme != "light" {
				t.Errorf("conditions %+v, organization %+v", org.Status.Conditions, w.Org(org.Status.OrgID))
			}
			dash := suite.Ready(w, w.Dashboard("overview", "team", overview))
			suite.Ready(w, org)
			if home := w.Org(org.Status.OrgID).Preferences.HomeDashboardUID; home != dash.Status.UID {
				t.Errorf("the home dashboard is %q, not %q", home, dash.Status.UID)
			}
			second := suite.Ready(w, w.Dashboard("second", "team", `{"title": "Second", "uid": "second"}`))
			suite.Change(
				w,
				org,
				func() { org.Spec.Preferences = &v1alpha1.Preferences{HomeDashboardUID: second.Status.UID} },
			)
			suite.Ready(w, org)
			if p := w.Org(org.Status.OrgID).Preferences; p.HomeDashboardUID != "second" || p.Theme != "light" {
				t.Errorf("preferences: %+v", p)
			}
		})
	}
}

// A dashboard of another organization is no home.
func TestAPIHomeDashboardOfAnother(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	w.Organization("other")
	suite.Ready(w, w.Dashboard("overview", "other", overview))
	org := w.Organization("team", func(o *v1alpha1.Organization) {
		o.Spec.Preferences = &v1alpha1.Preferences{HomeDashboardRef: &v1alpha1.ObjectReference{Name: "overview"}}
	})
	suite.Waiting(w, org, v1alpha1.ReasonDashboardNotFound)
}

// Quotas are set where Grafana has them, and their absence blocks nobody.
func TestAPIQuotas(t *testing.T) {
	suite.NotOnReal(t, "a setting changes")
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	org := w.Organization("team", func(o *v1alpha1.Organization) {
		o.Spec.Quotas = map[string]v1alpha1.QuotaLimit{"dashboard": 3, "data_source": -1}
	})
	suite.Stalled(w, org, v1alpha1.ReasonQuotasDisabled, "[quota] enabled", "spec.quotas")
	if !suite.IsTrue(org, v1alpha1.ConditionAvailable) {
		t.Errorf("conditions: %+v", org.Status.Conditions)
	}
	suite.Ready(w, w.Dashboard("overview", "team", overview))
	w.Grafana.SetQuotas(true)
	suite.Visit(w, org)
	suite.Ready(w, org)
	if q := w.Org(org.Status.OrgID).Quotas; q["dashboard"] != 3 || q["data_source"] != -1 || len(q) != 2 {
		t.Errorf("quotas: %v", q)
	}
	w.Ask("PUT", fmt.Sprintf("/api/orgs/%d/quotas/dashboard", org.Status.OrgID), 0, map[string]any{"limit": 99})
	suite.Visit(w, org)
	w.Eventually("the quota again", func() error {
		if q := w.Org(org.Status.OrgID).Quotas["dashboard"]; q != 3 {
			return fmt.Errorf("it is %d", q)
		}
		return nil
	})
	suite.Change(w, org, func() { org.Spec.Quotas = map[string]v1alpha1.QuotaLimit{"sandwiches": 1} })
	suite.Stalled(w, org, v1alpha1.ReasonInvalidSpec, `"sandwiches"`, "data_source")
	suite.Change(w, org, func() { org.Spec.Quotas = nil })
	suite.Ready(w, org)
}

// A service account of the wanted name that is not ours is left alone.
func TestAPIAccountAlreadyExists(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	org := suite.Ready(w, w.Organization("team")).Status.OrgID
	theirs := w.Made(w.Ask("POST", "/api/serviceaccounts", org, map[string]any{"name": "robot", "role": "Viewer"}))
	w.Grafana.ResetLog()
	sa := w.Account("robot", "team", func(o *v1alpha1.ServiceAccount) { o.Spec.Role = v1alpha1.RoleAdmin })
	suite.Stalled(w, sa, v1alpha1.ReasonAlreadyExists, `"robot"`, "rename one of them")
	if writes := w.Writes(); len(writes) > 0 || w.SA(org, theirs).Role != "Viewer" {
		t.Errorf("written for a service account that is not ours: %v, %+v", writes, w.SA(org, theirs))
	}
	suite.Change(w, sa, func() { sa.Spec.Name = "our robot" })
	suite.Ready(w, sa)
	w.Delete(sa)
	w.Gone(sa)
	if all := w.Grafana.ServiceAccounts(org); len(all) != 1 || all[0].ID != theirs {
		t.Errorf("service accounts: %+v", all)
	}
}

// later waits until the API server stamps what is created with a later second than an object.
func later(w *suite.World, than client.Object) {
	w.T.Helper()
	w.Eventually("the next second", func() error {
		probe := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{GenerateName: "later-", Namespace: w.NS}}
		if err := w.Client.Create(w.T.Context(), probe, client.DryRunAll); err != nil {
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
	w := suite.NewEmpty(t, grafanatest.Options{})
	wanting := func(name string, changes ...func(*v1alpha1.Organization)) *v1alpha1.Organization {
		org := w.Organization(name, append(changes, func(o *v1alpha1.Organization) { o.Spec.Name = "Team" })...)
		later(w, org)
		return org
	}
	wanting("c-suspended", func(o *v1alpha1.Organization) { o.Spec.Suspend = true })
	stranger := wanting(
		"d-stranger",
		func(o *v1alpha1.Organization) { o.Namespace, o.Spec.InstanceRef.Namespace = w.Namespace(nil), w.NS },
	)
	oldest := wanting("b-oldest")
	younger := wanting("a-younger")
	w.Instance()
	suite.Ready(w, oldest)
	suite.Stalled(w, younger, v1alpha1.ReasonNameConflict, w.NS+"/b-oldest")
	suite.Waiting(w, stranger, v1alpha1.ReasonReferenceNotPermitted)
	w.Delete(oldest)
	w.Gone(oldest)
	suite.Ready(w, suite.Visit(w, younger))
	if all := w.Grafana.Orgs(); len(all) != 2 ||
		!strings.Contains(w.Org(younger.Status.OrgID).Address.Address2, string(younger.UID)) {
		t.Errorf("organizations: %+v", all)
	}
}

// The same goes for service accounts, of which Grafana would take several of one name.
func TestAPIOldestAccountFirst(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	older := w.Account("b-older", "team", named("Robot"))
	later(w, older)
	younger := w.Account("a-younger", "team", named("Robot"))
	id := suite.Ready(w, w.Organization("team")).Status.OrgID
	suite.Ready(w, older)
	suite.Stalled(w, younger, v1alpha1.ReasonNameConflict, "b-older")
	suite.Change(w, younger, func() { younger.Spec.Name = "Another" })
	suite.Ready(w, younger)
	suite.Change(
		w,
		younger,
		func() { younger.Spec.Name = "Robot" },
	) // who has something of its own gets no other's name, either
	suite.Stalled(w, younger, v1alpha1.ReasonNameConflict, "b-older")
	if a := w.SA(id, younger.Status.ID); a == nil || a.Name != "Another" {
		t.Errorf("service account: %+v", a)
	}
	w.Delete(older)
	w.Gone(older)
	suite.Ready(w, suite.Visit(w, younger))
	if all := w.Grafana.ServiceAccounts(id); len(all) != 1 || all[0].Name != "Robot" || all[0].ID != younger.Status.ID {
		t.Errorf("service accounts: %+v", all)
	}
}

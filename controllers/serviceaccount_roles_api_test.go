package controllers_test

import (
	"fmt"
	"testing"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

// The highest role that an Organization lets service accounts have is Admin in its own namespace and Editor in others,
// unless it says so. Where it is lowered later they are told, and nothing is changed.
func TestAPIRoleCeiling(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	tenant := w.Namespace(nil)
	org := suite.Ready(w,
		w.Organization("team", func(o *v1alpha1.Organization) { o.Spec.AllowedNamespaces.From = v1alpha1.FromAll }))
	id, ref := org.Status.OrgID, v1alpha1.ObjectReference{Name: "team", Namespace: w.NS}
	of := func(role v1alpha1.Role) func(*v1alpha1.ServiceAccount) {
		return func(o *v1alpha1.ServiceAccount) { o.Spec.Role = role }
	}
	elsewhere := func(o *v1alpha1.ServiceAccount) { o.Namespace, o.Spec.OrganizationRef = tenant, ref }
	own := suite.Ready(w, w.Account("own", "team", of(v1alpha1.RoleAdmin)))
	editor := suite.Ready(w, w.Account("editor", "team", of(v1alpha1.RoleEditor), elsewhere))
	admin := w.Account("admin", "team", of(v1alpha1.RoleAdmin), elsewhere)
	suite.Stalled(w, admin, v1alpha1.ReasonRoleNotPermitted, "Editor", "Admin", "maxServiceAccountRole")
	if len(w.Grafana.ServiceAccounts(id)) != 2 {
		t.Errorf("service accounts: %+v", w.Grafana.ServiceAccounts(id))
	}
	suite.Change(w, editor, func() { editor.Spec.Role = v1alpha1.RoleAdmin })
	suite.Stalled(w, editor, v1alpha1.ReasonRoleNotPermitted)

	suite.Change(w, org, func() { org.Spec.MaxServiceAccountRole = v1alpha1.RoleAdmin })
	suite.Ready(w, admin)
	suite.Ready(w, editor)
	suite.Change(w, org, func() { org.Spec.MaxServiceAccountRole = v1alpha1.RoleViewer })
	w.Grafana.ResetLog()
	for _, sa := range []*v1alpha1.ServiceAccount{own, editor, admin} {
		suite.Stalled(w, sa, v1alpha1.ReasonRoleNotPermitted, "Viewer")
		if a := w.SA(id, sa.Status.ID); a == nil || a.Role != "Admin" || a.Disabled {
			t.Errorf("service account %s became %+v", sa.Name, a)
		}
	}
	if writes := w.Writes(); len(writes) > 0 {
		t.Errorf("written for accounts above the ceiling: %v", writes)
	}
	suite.Change(w, own, func() { own.Spec.Role = v1alpha1.RoleViewer })
	if suite.Ready(w, own); w.SA(id, own.Status.ID).Role != "Viewer" {
		t.Errorf("service account: %+v", w.SA(id, own.Status.ID))
	}
	w.Delete(own, editor, admin) // which needs no permission
	w.Gone(own, editor, admin)
	if len(w.Grafana.ServiceAccounts(id)) != 0 {
		t.Errorf("left: %+v", w.Grafana.ServiceAccounts(id))
	}
}

// A service account that is above what the Organization allows is not adopted; once a person has lowered it, it is.
func TestAPIAdoptionAboveTheCeiling(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{}, allowAdoption)
	f := boss(w, "Team")
	suite.Ready(w, w.Organization("team", adoptOrganization, func(o *v1alpha1.Organization) {
		o.Spec.Adoption, o.Spec.MaxServiceAccountRole = v1alpha1.AdoptionAllow, v1alpha1.RoleViewer
	}))
	account := w.Account("robot", "team", adoptAccount,
		func(o *v1alpha1.ServiceAccount) { o.Spec.Role = v1alpha1.RoleViewer })
	suite.Stalled(w, account, v1alpha1.ReasonRoleNotPermitted, `"Robot"`, "Editor", "Viewer")
	if a := w.SA(f.org, f.account); a.Role != "Editor" {
		t.Errorf("its role became %s", a.Role)
	}
	w.Ask("PATCH", fmt.Sprintf("/api/serviceaccounts/%d", f.account), f.org, map[string]any{"role": "Viewer"})
	if suite.Ready(w, suite.Visit(w, account)); account.Status.ID != f.account {
		t.Errorf("status: %+v", account.Status)
	}
}

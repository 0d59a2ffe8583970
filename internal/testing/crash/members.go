package crash

import (
	"net/http"
	"slices"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
)

// NewMembership is one of the organization "org".
func NewMembership(name string, members ...v1alpha1.Member) *v1alpha1.Membership {
	return &v1alpha1.Membership{ObjectMeta: Named(name), Spec: v1alpha1.MembershipSpec{
		OrganizationRef: v1alpha1.ObjectReference{Name: "org"},
		Members:         members,
		Mode:            v1alpha1.MembershipAdditive,
	}}
}

// WithRole is somebody in a Membership.
func WithRole(login string, role v1alpha1.Role) v1alpha1.Member {
	return v1alpha1.Member{Login: login, Role: role}
}

// SignUp makes people who can log in, and puts them into no organization but the main one.
func (w *World) SignUp(logins ...string) {
	for _, login := range logins {
		w.Grafana.Do(http.MethodPost, "/api/admin/users", 1, map[string]any{"login": login, "password": "secret"})
	}
}

// checkMembership fails unless everybody who is listed, and whom Grafana knows, is in the organization as asked for.
func (w *World) checkMembership(o *v1alpha1.Membership, fail failer) {
	for _, org := range w.Grafana.Orgs() {
		if org.ID != o.Status.OrgID {
			continue
		}
		for _, want := range o.Spec.Members {
			if want.UserRef != nil { // a scenario sees for itself
				continue
			}
			there := slices.ContainsFunc(org.Members, func(m grafanatest.Member) bool {
				return m.Login == want.Login && m.Role == string(want.Role)
			})
			if !there && !slices.Contains(o.Status.Missing, want.Login) {
				fail("Membership %s: %+v is not in the organization, and not missing: %+v", o.Name, want, org.Members)
			}
		}
		return
	}
	fail("Membership %s: there is no organization %d", o.Name, o.Status.OrgID)
}

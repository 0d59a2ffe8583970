package crash

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"pgregory.net/rapid"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/lifecycle"
)

// guest is a person whom no Membership ever lists, and whom people let into organizations as they like.
const guest = "guest"

// listedPeople are those whom Memberships list.
var listedPeople = []string{"ada", "bob", "cyd"}

// enlistPeople says which Memberships there are in a life: two of one organization.
func (l *life) enlistPeople() {
	l.SignUp(append(listedPeople, guest)...)
	for _, suffix := range []string{"", "-2"} {
		l.join("people"+suffix, func() lifecycle.Object { return NewMembership("", peopleOf(suffix)...) })
	}
}

// peopleOf are those whom a Membership lists in the end, when nobody is in two.
func peopleOf(suffix string) []v1alpha1.Member {
	if suffix == "" {
		return []v1alpha1.Member{WithRole("ada", v1alpha1.RoleEditor), WithRole("bob", v1alpha1.RoleViewer)}
	}
	return []v1alpha1.Member{WithRole("cyd", v1alpha1.RoleAdmin)}
}

// changeMembership is what a person can change in it.
func changeMembership(rt *rapid.T, o *v1alpha1.Membership) {
	o.Spec.DeletionPolicy = drawPolicy(rt)
	modes := []v1alpha1.MembershipMode{v1alpha1.MembershipAdditive, v1alpha1.MembershipExclusive}
	o.Spec.Mode = rapid.SampledFrom(modes).Draw(rt, "mode")
	roles := []v1alpha1.Role{v1alpha1.RoleNone, v1alpha1.RoleViewer, v1alpha1.RoleEditor, v1alpha1.RoleAdmin}
	o.Spec.Members = []v1alpha1.Member{WithRole("nobody", v1alpha1.RoleViewer)}
	for _, login := range listedPeople {
		if rapid.Bool().Draw(rt, login) {
			o.Spec.Members = append(o.Spec.Members, WithRole(login, rapid.SampledFrom(roles).Draw(rt, "role")))
		}
	}
}

// touchPeople is what people do with people in Grafana.
func (l *life) touchPeople(rt *rapid.T) {
	login := rapid.SampledFrom(append(listedPeople, guest)).Draw(rt, "person")
	org := l.ours(rt)
	role := rapid.SampledFrom([]string{"Viewer", "Editor", "Admin"}).Draw(rt, "role")
	at := slices.IndexFunc(org.Members, func(m grafanatest.Member) bool { return m.Login == login })
	switch rapid.SampledFrom([]string{"sign in", "let in", "change", "throw out"}).Draw(rt, "what") {
	case "sign in":
		l.SignUp(login)
	case "let in":
		l.do(http.MethodPost, 1, map[string]any{"loginOrEmail": login, "role": role}, "/api/orgs/%d/users", org.ID)
	case "change":
		if at >= 0 {
			l.do(
				http.MethodPatch,
				1,
				map[string]any{"role": role},
				"/api/orgs/%d/users/%d",
				org.ID,
				org.Members[at].UserID,
			)
		}
	case "throw out":
		if at >= 0 {
			l.do(http.MethodDelete, 1, nil, "/api/orgs/%d/users/%d", org.ID, org.Members[at].UserID)
		}
	}
}

// rolesOf are those of a person, by organization.
func (l *life) rolesOf(login string) map[int64]string {
	roles := map[int64]string{}
	for _, org := range l.Grafana.Orgs() {
		roles[org.ID] = ""
		for _, m := range org.Members {
			if m.Login == login {
				roles[org.ID] = m.Role
			}
		}
	}
	return roles
}

// guestHarmed fails if the operator has changed what the guest is in an organization that is still there. An exclusive
// list may do so by consent.
func (l *life) guestHarmed() error {
	now := l.rolesOf(guest)
	for org, was := range l.guests {
		if is, there := now[org]; there && is != was && !l.allowed {
			return fmt.Errorf("the guest was %q in organization %d, and is %q", was, org, is)
		}
	}
	return nil
}

// calmMembership undoes what keeps it from being Ready for good.
func calmMembership(o *v1alpha1.Membership) {
	o.Spec.Members = peopleOf(strings.TrimPrefix(o.Name, "people"))
	o.Spec.Mode = v1alpha1.MembershipAdditive
}

// tidyPeople has people take those out of an organization whom they have put there, and whom lost records know no more.
func (l *life) tidyPeople(org int64) {
	for _, o := range l.Grafana.Orgs() {
		for _, m := range o.Members {
			held := slices.ContainsFunc(l.objects(), func(obj lifecycle.Object) bool {
				p, ok := obj.(*v1alpha1.Membership)
				return ok && p.Status.OrgID == org &&
					slices.ContainsFunc(p.Status.Added, func(a v1alpha1.AddedMember) bool {
						return a.UserID == m.UserID
					})
			})
			if o.ID == org && !held && slices.Contains(listedPeople, m.Login) {
				l.do(http.MethodDelete, 1, nil, "/api/orgs/%d/users/%d", org, m.UserID)
			}
		}
	}
}

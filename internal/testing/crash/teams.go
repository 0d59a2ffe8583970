package crash

import (
	"fmt"
	"slices"
	"strings"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
)

// NewTeam is the Team team of the organization "org"; an A before a login makes an admin of somebody.
func NewTeam(name string, logins ...string) *v1alpha1.Team {
	return &v1alpha1.Team{ObjectMeta: Named("team"), Spec: v1alpha1.TeamSpec{
		OrganizationRef: v1alpha1.ObjectReference{Name: "org"}, Name: name,
		Members: TeamMembers(logins...), Mode: v1alpha1.TeamAdditive,
	}}
}

// TeamMembers are people by their logins; an A before one makes an admin of them.
func TeamMembers(logins ...string) (all []v1alpha1.TeamMember) {
	for _, login := range logins {
		m := v1alpha1.TeamMember{Login: login, Role: v1alpha1.TeamRoleMember}
		if name, admin := strings.CutPrefix(login, "A"); admin {
			m.Login, m.Role = name, v1alpha1.TeamRoleAdmin
		}
		all = append(all, m)
	}
	return all
}

// checkTeam fails unless the team is in Grafana once, and everybody in it who is listed and in the organization.
func (w *World) checkTeam(o *v1alpha1.Team, expected map[string]bool, fail failer) {
	all := w.Grafana.Teams(o.Status.OrgID)
	at := slices.IndexFunc(all, func(t grafanatest.Team) bool { return t.Name == o.WantedName() })
	if at < 0 {
		fail("Team %s: there is no team %q in organization %d", o.Name, o.WantedName(), o.Status.OrgID)
		return
	}
	have := all[at]
	expected[fmt.Sprint("team ", have.ID)] = true
	if have.ID != o.Status.ID || have.UID != o.Status.UID {
		fail("Team %s: Grafana has %+v, status %+v", o.Name, have, o.Status)
	}
	in := w.peopleIn(o.Status.OrgID)
	for _, want := range o.Spec.Members {
		// Who was put into it at the very moment that they left the organization stays on its list, and can do nothing.
		admin, there := have.Members[want.Login]
		if in[want.Login] && (!there || admin != (want.Role == v1alpha1.TeamRoleAdmin)) ||
			in[want.Login] == slices.Contains(o.Status.Missing, want.Login) {
			fail("Team %s: %+v; in the team are %v, missing %v", o.Name, want, have.Members, o.Status.Missing)
		}
	}
	if _, there := have.Members["admin"]; there && !o.Status.Adopted {
		fail("Team %s: the operator is in it", o.Name)
	}
	for login := range have.Members {
		listed := slices.ContainsFunc(o.Spec.Members, func(m v1alpha1.TeamMember) bool { return m.Login == login })
		if o.Spec.Mode == v1alpha1.TeamExclusive && !listed && in[login] && login != "admin" {
			fail("Team %s: %s is in it", o.Name, login)
		}
	}
}

// peopleIn are those in an organization, by login.
func (w *World) peopleIn(org int64) map[string]bool {
	in := map[string]bool{}
	for _, o := range w.Grafana.Orgs() {
		for _, m := range o.Members {
			in[m.Login] = in[m.Login] || o.ID == org
		}
	}
	return in
}

// checkStrayTeams fails for the teams of an organization that are neither foreign nor expected.
func (w *World) checkStrayTeams(org int64, expected map[string]bool, fail failer) {
	for _, t := range w.Grafana.Teams(org) {
		if !expected[fmt.Sprint("team ", t.ID)] && !IsForeign(t.Name) && !strings.Contains(t.Name, "kept") {
			fail("team %d %q of organization %d is nobody's", t.ID, t.Name, org)
		}
	}
}

// foreignTeams are those of other people in an organization.
func (w *World) foreignTeams(org int64) []grafanatest.Team {
	return slices.DeleteFunc(w.Grafana.Teams(org), func(t grafanatest.Team) bool { return !IsForeign(t.Name) })
}

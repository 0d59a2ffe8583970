package crash

import (
	"net/http"
	"slices"
	"strings"

	"pgregory.net/rapid"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/mark"
)

// peoplesEmail is the address of all teams that people make. The operator sets none.
const peoplesEmail = "people@example.org"

// enlistTeams says which Teams there are in a life: two of one organization.
func (l *life) enlistTeams() {
	for _, suffix := range []string{"", "-2"} {
		l.join("team"+suffix, func() lifecycle.Object { return NewTeam("Dev"+suffix, "ada", "Abob") })
	}
}

// changeTeam is what a person can change in it.
func changeTeam(rt *rapid.T, o *v1alpha1.Team, suffix string) {
	o.Spec.Name = rapid.SampledFrom([]string{"Dev", "Squad"}).Draw(rt, "name") + suffix
	o.Spec.DeletionPolicy = drawPolicy(rt)
	o.Spec.Mode = rapid.SampledFrom([]v1alpha1.TeamMode{v1alpha1.TeamAdditive, v1alpha1.TeamExclusive}).Draw(rt, "mode")
	theme := rapid.SampledFrom([]string{"", "dark", "light"}).Draw(rt, "theme")
	if o.Spec.Preferences = nil; theme != "" {
		o.Spec.Preferences = &v1alpha1.TeamPreferences{Theme: theme}
	}
	o.Spec.Members = TeamMembers("nobody")
	for _, login := range listedPeople {
		if as := rapid.SampledFrom([]string{"", login, "A" + login}).Draw(rt, login); as != "" {
			o.Spec.Members = append(o.Spec.Members, TeamMembers(as)...)
		}
	}
}

// touchTeam is what people do with teams in Grafana.
func (l *life) touchTeam(rt *rapid.T) {
	org := l.ours(rt)
	what := rapid.SampledFrom([]string{"make", "make ours", "delete", "rename", "fill", "empty"}).Draw(rt, "what")
	switch what {
	case "make", "make ours":
		name := map[string]string{"make": "Foreign team", "make ours": "Dev"}[what]
		l.do(http.MethodPost, org.ID, map[string]any{"name": name, "email": peoplesEmail}, "/api/teams")
		return
	}
	all := l.Grafana.Teams(org.ID)
	if len(all) == 0 {
		rt.Skip("none there")
	}
	t := all[rapid.IntRange(0, len(all)-1).Draw(rt, "team")]
	switch what {
	case "delete":
		l.do(http.MethodDelete, org.ID, nil, "/api/teams/%d", t.ID)
	case "rename":
		l.do(
			http.MethodPut,
			org.ID,
			map[string]any{"name": "Somebody's " + t.UID, "email": t.Email},
			"/api/teams/%d",
			t.ID,
		)
	case "fill":
		for _, m := range org.Members {
			l.do(http.MethodPost, org.ID, map[string]any{"userId": m.UserID}, "/api/teams/%d/members", t.ID)
		}
	case "empty":
		for _, m := range org.Members {
			l.do(http.MethodDelete, org.ID, nil, "/api/teams/%d/members/%d", t.ID, m.UserID)
		}
	}
}

// peoplesTeams are the teams of an organization that people have made, but for who is in them: that goes with who is in
// the organization.
func (l *life) peoplesTeams(org grafanatest.Org) (all []any) {
	for _, t := range l.Grafana.Teams(org.ID) {
		if IsForeign(org.Name) || IsForeign(t.Name) || t.Email == peoplesEmail && !l.allowed {
			t.Members = nil
			all = append(all, t)
		}
	}
	return all
}

// tidyTeams has people delete the teams that no Team has any more, or that are in its way.
func (l *life) tidyTeams(org int64) {
	for _, t := range l.Grafana.Teams(org) {
		held := slices.ContainsFunc(l.objects(), func(obj lifecycle.Object) bool {
			o, ok := obj.(*v1alpha1.Team)
			return ok &&
				(o.Status.OrgID == org && o.Status.UID == t.UID || strings.HasSuffix(t.Name, mark.BirthSuffix(o)))
		})
		if !held && !IsForeign(t.Name) {
			l.asAdmin(http.MethodDelete, org, "/api/teams/%d", t.ID)
		}
	}
}

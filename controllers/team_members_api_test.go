package controllers_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

// Who is not in the organization yet is missing, and put into the team as soon as a Membership has added them. The
// operator's own login is told from nobody by nothing.
func TestAPITeamOfWhoIsNotThereYet(t *testing.T) {
	everyVersion(t, func(t *testing.T, w *suite.World) {
		org := suite.Ready(w, w.Organization("team")).Status.OrgID
		ada, _ := joinOrg(w, org, "ada")
		cyd, nobody := login(w, "cyd"), login(w, "nobody")
		o := suite.Ready(w, newTeam(w, "dev", withMembers(ada, cyd, "admin", nobody), func(o *v1alpha1.Team) {
			userRef := v1alpha1.TeamMember{UserRef: &v1alpha1.LocalObjectReference{Name: "dan"}}
			o.Spec.Members = append(o.Spec.Members, userRef)
		}))
		hasTeamPeople(w, o, ada)
		want := []string{cyd, "admin", nobody, "User dan"}
		if !slices.Equal(o.Status.Missing, want) || o.Status.Present != "1/5" {
			t.Errorf("status %+v", o.Status)
		}
		suite.Says(w, o, "1/5", nobody, "User dan")
		person(w, cyd)
		dan := suite.Ready(w, newUser(w, "dan")).Spec.Login
		suite.Ready(w, membership(w, "people", "team", []v1alpha1.Member{as("Viewer", cyd), as("Viewer", dan)}))
		hasTeamPeople(w, o, ada, cyd, dan)
		suite.Until(w, o, "two are missing", func(metav1.Condition) bool {
			return slices.Equal(o.Status.Missing, []string{"admin", nobody})
		})
	})
}

// An Additive team takes out those whom it has put there, an Exclusive one all but service accounts.
func TestAPITeamModes(t *testing.T) {
	everyVersion(t, func(t *testing.T, w *suite.World) {
		org := suite.Ready(w, w.Organization("team")).Status.OrgID
		robot := suite.Ready(w, w.Account("robot", "team"))
		ada, _ := joinOrg(w, org, "ada")
		bob, _ := joinOrg(w, org, "bob")
		eve, eveID := joinOrg(w, org, "eve")
		o := suite.Ready(w, newTeam(w, "dev", withMembers(ada, bob)))
		path := fmt.Sprintf("/api/teams/%d/members", o.Status.ID)
		w.Ask("POST", path, org, map[string]any{"userId": eveID})
		w.Ask("POST", path, org, map[string]any{"userId": robot.Status.ID})
		suite.Change(w, o, func() { withMembers(ada)(o) })
		suite.Ready(w, o)
		hasTeamPeople(w, o, ada, eve)
		suite.Change(w, o, func() { o.Spec.Mode = v1alpha1.TeamExclusive })
		suite.Ready(w, o)
		hasTeamPeople(w, o, ada)
		if all := teamsIn(w, org); len(all) != 1 || all[0].MemberCount != 2 {
			t.Errorf("the service account is not in it any more: %+v", all)
		}
		suite.Change(w, o, func() {
			o.Spec.Members = []v1alpha1.TeamMember{{Login: ada}, {Email: ada + "@example.org"}}
		})
		suite.Stalled(w, o, v1alpha1.ReasonInvalidSpec, "same person", ada)
		suite.Change(w, o, func() { withMembers()(o) })
		suite.Ready(w, o)
		hasTeamPeople(w, o)
	})
}

// What a team prefers is set beside what people have set; a home dashboard that is missing is waited for, and holds up
// nothing else.
func TestAPITeamPreferences(t *testing.T) {
	everyVersion(t, func(t *testing.T, w *suite.World) {
		org := suite.Ready(w, w.Organization("team")).Status.OrgID
		o := suite.Ready(w, newTeam(w, "dev"))
		path := fmt.Sprintf("/api/teams/%d/preferences", o.Status.ID)
		w.Ask("PUT", path, org, map[string]any{
			"weekStart": "monday", "timezone": "browser", "queryHistory": map[string]any{"homeTab": "starred"},
		})
		preferences := func() (p struct {
			Theme, Timezone, WeekStart, Language, HomeDashboardUID string

			QueryHistory struct{ HomeTab string }
		}) {
			if err := json.Unmarshal(w.Ask("GET", path, org, nil), &p); err != nil {
				t.Fatal(err)
			}
			return p
		}
		want := preferences()
		suite.Change(w, o, func() {
			o.Spec.Preferences = &v1alpha1.TeamPreferences{
				Theme: "dark", Timezone: "utc", Language: "de-DE", HomeDashboardUID: "home",
			}
		})
		suite.Waiting(w, o, v1alpha1.ReasonDashboardNotFound, `"home"`)
		want.Theme, want.Timezone, want.Language = "dark", "utc", "de-DE"
		if have := preferences(); have != want {
			t.Errorf("preferences %+v, not %+v", have, want)
		}
		suite.Ready(w, w.Dashboard("home", "team", `{"uid":"home","title":"Home"}`))
		suite.Ready(w, suite.Visit(w, o))
		want.HomeDashboardUID = "home"
		if have := preferences(); have != want {
			t.Errorf("preferences %+v, not %+v", have, want)
		}
		w.Ask("PUT", path, org, map[string]any{"theme": "light"})
		suite.Ready(w, suite.Visit(w, o))
		w.Eventually("they are put back", func() error {
			if have := preferences(); have.Theme != "dark" || have.Timezone != "utc" ||
				have.HomeDashboardUID != "home" {
				return fmt.Errorf("they are %+v", have)
			}
			return nil
		})
	})
}

// Where the database takes two names for one, no team is taken for another.
func TestAPITeamByAlmostTheSameName(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{Database: grafanatest.MariaDB})
	org := suite.Ready(w, w.Organization("team")).Status.OrgID
	w.Ask("POST", "/api/teams", org, map[string]any{"name": "DÉV"})
	o := suite.Stalled(w, newTeam(w, "dev"), v1alpha1.ReasonAlreadyExists, `"DÉV"`)
	w.Delete(o)
	w.Gone(o)
	if all := teamsIn(w, org); len(all) != 1 || all[0].Name != "DÉV" {
		t.Errorf("teams %+v", all)
	}
}

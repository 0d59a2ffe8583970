package controllers_test

import (
	"fmt"
	"net/http"
	"testing"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/testing/crash"
)

// The request that locks a new user out has to log in again, in another database: nobody there is given their login.
func TestNobodyIsRenamedInAnotherSession(t *testing.T) {
	inBothVersions(t, func(t *testing.T, w *crash.World) {
		made(w, "User", crash.NewUser("first", "first"))
		next := somebody(w, "first").ID + 1
		o := crash.NewUser("carol", "carol")
		o.Spec.Disabled = true
		w.Create(o)
		w.Meanwhile = map[string]func(){fmt.Sprintf("POST /api/admin/users/%d/disable", next): func() {
			anotherDatabase(w)
			for w.Grafana.People()[len(w.Grafana.People())-1].ID < next {
				who := fmt.Sprint("theirs-", len(w.Grafana.People()))
				w.Grafana.Do(
					http.MethodPost,
					"/api/admin/users",
					1,
					map[string]any{"login": who, "password": "secret12"},
				)
			}
		}}
		log := requestsOf(w, func() { w.Visit("User tenant/carol") })
		if len(w.Meanwhile) > 0 || log["PUT /api/users/N"] != 0 || somebody(w, "carol").ID != 0 {
			t.Errorf(
				"somebody else has the login in a database that nobody has recognized: %v, %+v",
				log,
				w.Grafana.People(),
			)
		}
	})
}

// Between the look whether an address is free and the change of it lies another database.
func TestNobodyIsGivenAnAddressInAnotherSession(t *testing.T) {
	inBothVersions(t, func(t *testing.T, w *crash.World) {
		o := crash.NewUser("carol", "carol")
		w.Create(o)
		rested(w)
		crash.Edit(w, o, func(o *v1alpha1.User) { o.Spec.Email = "carol@example.com" })
		w.Meanwhile = map[string]func(){"GET /api/users/lookup": func() { anotherDatabase(w) }}
		log := requestsOf(w, func() { w.Visit("User tenant/carol") })
		if len(w.Meanwhile) > 0 || log["PUT /api/users/N"] != 0 {
			t.Errorf("somebody is changed in a database that nobody has recognized: %v", log)
		}
	})
}

// The request that renames a team, or puts the first of two people into it, has to log in again, in another database:
// nobody is put into the team that has its id there.
func TestNobodyIsPutIntoATeamInAnotherSession(t *testing.T) {
	for _, request := range []string{"PUT /api/teams/%d", "POST /api/teams/%d/members"} {
		inBothVersions(t, func(t *testing.T, w *crash.World) {
			w.SignUp("ada", "bob")
			for _, who := range []string{"ada", "bob"} {
				w.Grafana.Do(
					http.MethodPost,
					"/api/orgs/3/users",
					1,
					map[string]any{"loginOrEmail": who, "role": "Viewer"},
				)
			}
			made(w, "Team", objectNamed(crash.NewTeam("First"), "first"))
			next := w.Grafana.Teams(3)[0].ID + 1
			w.Create(objectNamed(crash.NewTeam("Dev", "ada", "bob"), "dev"))
			w.Meanwhile = map[string]func(){fmt.Sprintf(request, next): func() {
				anotherDatabase(w)
				w.Grafana.ResetLog()
			}}
			log := requestsOf(w, func() { w.Visit("Team tenant/dev") })
			want := map[bool]int{true: 1}[request == "POST /api/teams/%d/members"] // the one that was refused
			if len(w.Meanwhile) > 0 || log["POST /api/teams/N/members"] > want ||
				log["PUT /api/teams/N/members/N"] > 0 {
				t.Errorf("people are put into a team of an organization that nothing proves: %v", log)
			}
		})
	}
}

// Whom a request without an answer may still put into a team stays on record while the next request for them is held
// back.
func TestWhomATeamMayYetGetStaysOnRecord(t *testing.T) {
	inBothVersions(t, func(t *testing.T, w *crash.World) {
		w.SignUp("ada")
		w.Grafana.Do(http.MethodPost, "/api/orgs/3/users", 1, map[string]any{"loginOrEmail": "ada", "role": "Viewer"})
		o := objectNamed(crash.NewTeam("Dev"), "dev")
		w.Create(o)
		rested(w)
		crash.Edit(w, o, func(o *v1alpha1.Team) { o.Spec.Members = crash.TeamMembers("ada") })
		w.Arm(0, crash.Late)
		w.Only = "grafana POST /api/teams/"
		w.Visit("Team tenant/dev")
		w.Arm(-1, crash.None)
		w.Visit("Instance tenant/main")
		w.Get(o)
		before := o.Status.Added
		w.Meanwhile = map[string]func(){
			fmt.Sprintf("POST /api/teams/%d/members", o.Status.ID): w.Grafana.EndSessions,
		}
		w.Visit("Team tenant/dev")
		if w.Get(o); len(w.Meanwhile) > 0 || len(before) != 1 || len(o.Status.Added) != 1 {
			t.Errorf("%d to come, on record %+v, then %+v", len(w.Meanwhile), before, o.Status.Added)
		}
	})
}

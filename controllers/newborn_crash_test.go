package controllers_test

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/testing/crash"
)

func accountPath(id int64) string { return fmt.Sprint("GET /api/serviceaccounts/", id) }

// A create that was made in a new session, in another database, proves nothing of the organization.
func TestACreateThatLoggedInAnewProvesNothing(t *testing.T) {
	inBothVersions(t, func(t *testing.T, w *crash.World) {
		w.Create(objectNamed(crash.Account("CI"), "ci"))
		w.Meanwhile = map[string]func(){"POST /api/serviceaccounts": func() { anotherDatabase(w) }}
		log := requestsOf(w, func() { w.Visit("ServiceAccount tenant/ci") })
		if log["POST /api/serviceaccounts"] == 0 || log["PATCH /api/serviceaccounts/N"] != 0 {
			t.Errorf("it was renamed though nothing proves the organization: %v", log)
		}
	})
	inBothVersions(t, func(t *testing.T, w *crash.World) {
		w.Create(objectNamed(crash.NewTeam("Dev"), "dev"))
		w.Meanwhile = map[string]func(){"POST /api/teams": func() { anotherDatabase(w) }}
		log := requestsOf(w, func() { w.Visit("Team tenant/dev") })
		if log["POST /api/teams"] == 0 || log["PUT /api/teams/N"]+log["DELETE /api/teams/N/members/N"] != 0 {
			t.Errorf("it was changed in an organization that nothing proves: %+v, %v", w.Grafana.Teams(3), log)
		}
	})
	inBothVersions(t, func(t *testing.T, w *crash.World) {
		w.Create(crash.NewUser("carol", "carol"))
		w.Meanwhile = map[string]func(){"POST /api/admin/users": func() { anotherDatabase(w) }}
		log := requestsOf(w, func() { w.Visit("User tenant/carol") })
		if log["POST /api/admin/users"] == 0 || log["PUT /api/users/N"] != 0 {
			t.Errorf("they were renamed in a database that nobody has recognized: %v", log)
		}
	})
}

// The request that takes the operator out of its new team has to log in again, in another database: what follows needs
// a proof.
func TestATeamIsNotRenamedInAnotherSessionUnproven(t *testing.T) {
	inBothVersions(t, func(t *testing.T, w *crash.World) {
		made(w, "Team", objectNamed(crash.NewTeam("First"), "first"))
		next := w.Grafana.Teams(3)[0].ID + 1
		w.Create(objectNamed(crash.NewTeam("Dev"), "dev"))
		w.Meanwhile = map[string]func(){
			fmt.Sprintf("DELETE /api/teams/%d/members/%d", next, w.Grafana.Admin()): func() { anotherDatabase(w) },
		}
		log := requestsOf(w, func() { w.Visit("Team tenant/dev") })
		if len(w.Meanwhile) > 0 || log["PUT /api/teams/N"] != 0 {
			t.Errorf("it was renamed in an organization that nothing proves: %v", log)
		}
	})
}

// onceAsked has something happen just before what is under a path is asked for, with its id. It reports whether it has.
func onceAsked(w *crash.World, path string, happens func(id int64)) (asked *bool) {
	asked = new(bool)
	w.Answers = func(r *http.Request) *http.Response {
		rest, under := strings.CutPrefix(r.URL.Path, path)
		if id, err := strconv.ParseInt(rest, 10, 64); r.Method == http.MethodGet && under && err == nil && !*asked {
			*asked = true
			happens(id)
		}
		return nil
	}
	return asked
}

// Between the create and the question for its uid, which older versions make necessary, the database is reset: the id
// is somebody else's by then, who is neither renamed nor emptied.
func TestAnIDOfBeforeAResetProvesNothing(t *testing.T) {
	ever := 0
	inBothVersions(t, func(t *testing.T, w *crash.World) {
		var was int64
		asked := onceAsked(w, "/api/teams/", func(id int64) {
			anotherDatabase(w)
			for was = id; len(w.Grafana.Teams(3)) == 0 || w.Grafana.Teams(3)[len(w.Grafana.Teams(3))-1].ID < id; {
				theirs := fmt.Sprint("Theirs ", len(w.Grafana.Teams(3)))
				w.Grafana.Do(http.MethodPost, "/api/teams", 3, map[string]any{"name": theirs})
			}
		})
		o := objectNamed(crash.NewTeam("Dev"), "dev")
		made(w, "Team", o)
		for _, team := range w.Grafana.Teams(3) {
			if *asked && team.ID == was && team.Name == "Dev" {
				t.Errorf("somebody else's team is %+v", team)
			}
		}
		if w.Get(o); *asked && o.Status.UID != "" {
			t.Errorf("somebody else's team is recorded: %+v", o.Status)
		}
		if *asked {
			ever++
		}
	})
	inBothVersions(t, func(t *testing.T, w *crash.World) {
		var was int64
		asked := onceAsked(w, "/api/users/", func(id int64) {
			anotherDatabase(w)
			for was = id; w.Grafana.People()[len(w.Grafana.People())-1].ID < id; {
				who := fmt.Sprint("theirs-", len(w.Grafana.People()))
				as := map[string]any{"login": who, "password": "secret12"}
				w.Grafana.Do(http.MethodPost, "/api/admin/users", 1, as)
			}
		})
		o := crash.NewUser("carol", "carol")
		made(w, "User", o)
		if w.Get(o); *asked && o.Status.UID+o.Status.CreatedAt != "" {
			t.Errorf("somebody else is recorded: %+v", o.Status)
		}
		if p := somebody(w, "carol"); *asked && p.ID != 0 && p.ID == was {
			t.Errorf("somebody else is %+v", p)
		}
		if *asked {
			ever++
		}
	})
	if ever != 2 {
		t.Errorf("it was asked %d times, want for a team and a user", ever)
	}
}

// Whoever has the operator's login as an address is not taken for the operator, who is in the new team.
func TestTheOperatorIsNotLeftInItsNewTeam(t *testing.T) {
	inBothVersions(t, func(t *testing.T, w *crash.World) {
		ann := map[string]any{"login": "aaa", "email": "admin", "name": "Ann", "password": "secret12"}
		if status, got := w.Grafana.Do(http.MethodPost, "/api/admin/users", 1, ann); status != http.StatusOK {
			t.Fatalf("%d: %s", status, got)
		}
		as := map[string]any{"loginOrEmail": "aaa", "role": "Viewer"}
		w.Grafana.Do(http.MethodPost, "/api/orgs/3/users", 1, as)
		team := objectNamed(crash.NewTeam("Dev", "aaa"), "dev")
		made(w, "Team", team)
		w.Get(team)
		got := w.Grafana.Teams(3)[0].Members
		ready := meta.IsStatusConditionTrue(team.Status.Conditions, v1alpha1.ConditionReady)
		if _, in := got["aaa"]; !in || len(got) != 1 || !ready {
			t.Errorf("in the team are %v, want only whom it lists: %+v", got, team.Status)
		}
		crash.Edit(w, team, func(o *v1alpha1.Team) { o.Spec.Members = nil })
		w.Visit("Team tenant/dev")
		if got := w.Grafana.Teams(3)[0].Members; len(got) != 0 {
			t.Errorf("in the team are %v, want nobody", got)
		}
	})
}

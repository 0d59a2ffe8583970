package controllers_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

// A status that names another team's id leads to nothing that happens to that.
func TestAPITeamOfAnotherID(t *testing.T) {
	everyVersion(t, func(t *testing.T, w *suite.World) {
		org := suite.Ready(w, w.Organization("team")).Status.OrgID
		w.Ask("POST", "/api/teams", org, map[string]any{"name": "Theirs", "email": "t@example.org"})
		theirs := teamsIn(w, org)[0]
		o := suite.Ready(w, newTeam(w, "dev"))
		ours := o.Status.ID
		o.Status.ID = theirs.ID
		if err := w.Client.Status().Update(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		suite.Stalled(w, suite.Visit(w, o), v1alpha1.ReasonAlreadyExists, `"dev"`)
		w.Delete(o)
		w.Gone(o)
		all := teamsIn(w, org)
		if !slices.Contains(all, theirs) || len(all) != 2 {
			t.Errorf("teams %+v; theirs was %+v", all, theirs)
		}
		w.Ask("DELETE", fmt.Sprintf("/api/teams/%d", ours), org, nil)
	})
}

// Somebody whom a person puts into the team just before the operator does is not the operator's to take out.
func TestAPITeamOfWhoIsAddedInBetween(t *testing.T) {
	everyVersion(t, func(t *testing.T, w *suite.World) {
		org := suite.Ready(w, w.Organization("team")).Status.OrgID
		ada, adaID := joinOrg(w, org, "ada")
		bob, _ := joinOrg(w, org, "bob")
		var once sync.Once
		w.Grafana.SetFault(func(r *grafanatest.Request) grafanatest.Fault {
			if r.Method == "POST" && suite.Contains(r.Path, "/members") {
				once.Do(func() { w.Grafana.Do("POST", r.Path, org, map[string]any{"userId": adaID}) })
			}
			return grafanatest.Fault{}
		})
		o := suite.Ready(w, newTeam(w, "dev", withMembers("A"+ada, bob)))
		hasTeamPeople(w, o, "A"+ada, bob)
		if added := o.Status.Added; len(added) != 1 || added[0].Login != bob {
			t.Errorf("it says that it has put %+v into the team", added)
		}
		suite.Change(w, o, func() { withMembers()(o) })
		suite.Ready(w, o)
		hasTeamPeople(w, o, "A"+ada)
	})
}

// A User on another Grafana is nobody here.
func TestAPITeamOfAUserElsewhere(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	suite.Ready(w, w.Organization("team"))
	other := w.Instance(func(i *v1alpha1.Instance) { i.Name = "other" })
	newUser(w, "ada", func(o *v1alpha1.User) { o.Spec.InstanceRef.Name = other.Name })
	o := newTeam(w, "dev", func(o *v1alpha1.Team) {
		o.Spec.Members = []v1alpha1.TeamMember{{UserRef: &v1alpha1.LocalObjectReference{Name: "ada"}}}
	})
	suite.Stalled(w, o, v1alpha1.ReasonInvalidSpec, "User ada", "another Grafana")
}

// The login of the operator, who makes a team and is taken out of it, is told nowhere.
func TestAPITeamTellsNoLogin(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	suite.Ready(w, w.Organization("team"))
	o := suite.Ready(w, newTeam(w, "dev"))
	w.Eventually("an event of it", func() error {
		var list eventsv1.EventList
		if err := w.Client.List(t.Context(), &list, client.InNamespace(w.NS)); err != nil {
			return err
		}
		for _, e := range list.Items {
			if e.Regarding.Name != o.Name || e.Reason != v1alpha1.EventUpdated {
				continue
			}
			if suite.Contains(e.Note, "admin") || !suite.Contains(e.Note, "the operator") {
				t.Errorf("it tells %q", e.Note)
			}
			return nil
		}
		return errors.New("there is none")
	})
}

// A request whose answer was lost can take effect just before the next one is sent, which is refused then: the team is
// found at once.
func TestAPITeamOfALateCreate(t *testing.T) {
	everyVersion(t, func(t *testing.T, w *suite.World) {
		org := suite.Ready(w, w.Organization("team")).Status.OrgID
		var mu sync.Mutex
		creates := 0
		w.Grafana.SetFault(func(r *grafanatest.Request) grafanatest.Fault {
			mu.Lock()
			defer mu.Unlock()
			if r.Method != "POST" || r.Path != "/api/teams" {
				return grafanatest.Fault{}
			}
			if creates++; creates == 1 {
				mu.Unlock()
				w.Grafana.Do("POST", r.Path, org, json.RawMessage(r.Body))
				mu.Lock()
			}
			return grafanatest.Fault{}
		})
		o := newTeam(w, "dev")
		suite.Until(w, o, "an outcome", func(c metav1.Condition) bool {
			if c.Reason == v1alpha1.ReasonAlreadyExists || c.Reason == v1alpha1.ReasonRefused {
				t.Errorf("it says %s: %s", c.Reason, c.Message)
				return true
			}
			return c.Status == metav1.ConditionTrue
		})
		if all := teamsIn(w, org); len(all) != 1 || all[0].ID != o.Status.ID {
			t.Errorf("teams %+v, and status %+v", all, o.Status)
		}
	})
}

// Whom an identity provider has put into a team, Grafana labels: an Exclusive list leaves them there.
func TestAPITeamLeavesWhomAProviderManages(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	org := suite.Ready(w, w.Organization("team")).Status.OrgID
	eve, eveID := joinOrg(w, org, "eve")
	o := suite.Ready(w, newTeam(w, "dev"))
	path := fmt.Sprintf("/api/teams/%d/members", o.Status.ID)
	w.Ask("POST", path, org, map[string]any{"userId": eveID})
	labelled := fmt.Sprintf(`[{"userId":%d,"login":%q,"email":"","permission":0,"labels":["SAML"]}]`, eveID, eve)
	w.Grafana.SetFault(func(r *grafanatest.Request) grafanatest.Fault {
		if r.Method != "GET" || r.Path != path {
			return grafanatest.Fault{}
		}
		return grafanatest.Fault{Outcome: grafanatest.Answer, Status: 200, Body: labelled}
	})
	suite.Change(w, o, func() { o.Spec.Mode = v1alpha1.TeamExclusive })
	suite.Ready(w, o)
	w.Grafana.SetFault(nil)
	hasTeamPeople(w, o, eve)
}

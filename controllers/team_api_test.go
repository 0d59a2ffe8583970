package controllers_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

// newTeam applies a Team of Organization team.
func newTeam(w *suite.World, name string, changes ...func(*v1alpha1.Team)) *v1alpha1.Team {
	w.T.Helper()
	obj := &v1alpha1.Team{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       v1alpha1.TeamSpec{OrganizationRef: v1alpha1.ObjectReference{Name: "team"}},
	}
	return suite.Apply(w, obj, changes)
}

// withMembers lists people by login; an A before a name makes an Admin of them.
func withMembers(logins ...string) func(*v1alpha1.Team) {
	return func(o *v1alpha1.Team) {
		o.Spec.Members = nil
		for _, l := range logins {
			m := v1alpha1.TeamMember{Login: l, Role: v1alpha1.TeamRoleMember}
			if l[0] == 'A' {
				m.Login, m.Role = l[1:], v1alpha1.TeamRoleAdmin
			}
			o.Spec.Members = append(o.Spec.Members, m)
		}
	}
}

// seenTeam is a team as Grafana shows it.
type seenTeam struct {
	ID               int64
	UID, Name, Email string
	MemberCount      int
}

// teamsIn are the teams of an organization.
func teamsIn(w *suite.World, org int64) []seenTeam {
	w.T.Helper()
	var found struct{ Teams []seenTeam }
	if err := json.Unmarshal(w.Ask("GET", "/api/teams/search", org, nil), &found); err != nil {
		w.T.Fatal(err)
	}
	return found.Teams
}

// madeTeam has a person make a team, and returns its id.
func madeTeam(w *suite.World, org int64, name string) int64 {
	w.T.Helper()
	w.Ask("POST", "/api/teams", org, map[string]any{"name": name})
	return suite.Find(teamsIn(w, org), func(t seenTeam) bool { return t.Name == name }).ID
}

// hasTeamPeople waits until just these are in a team, admins with an A before their login.
func hasTeamPeople(w *suite.World, o *v1alpha1.Team, want ...string) {
	w.T.Helper()
	w.Eventually("the people in the team", func() error {
		var found []struct {
			Login      string
			Permission int
		}
		path := fmt.Sprintf("/api/teams/%d/members", o.Status.ID)
		if err := json.Unmarshal(w.Ask("GET", path, o.Status.OrgID, nil), &found); err != nil {
			return err
		}
		have := []string{}
		for _, m := range found {
			have = append(have, map[int]string{4: "A"}[m.Permission]+m.Login)
		}
		slices.Sort(have)
		slices.Sort(want)
		if !slices.Equal(have, want) {
			return fmt.Errorf("they are %v, not %v", have, want)
		}
		return nil
	})
}

// joinOrg makes somebody who is in an organization.
func joinOrg(w *suite.World, org int64, name string) (string, int64) {
	w.T.Helper()
	who := login(w, name)
	id := person(w, who)
	letIntoOrg(w, org, who)
	return who, id
}

// letIntoOrg has somebody who has signed up be a Viewer of an organization.
func letIntoOrg(w *suite.World, org int64, login string) {
	w.T.Helper()
	w.Ask("POST", fmt.Sprintf("/api/orgs/%d/users", org), 1, map[string]any{"loginOrEmail": login, "role": "Viewer"})
}

// A team is made with its people in it and without the operator, follows the spec under the same id, is put back after
// drift, costs nothing at rest, and goes with the object.
func TestAPITeam(t *testing.T) {
	everyVersion(t, func(t *testing.T, w *suite.World) {
		org := suite.Ready(w, w.Organization("team")).Status.OrgID
		ada, adaID := joinOrg(w, org, "ada")
		bob, _ := joinOrg(w, org, "bob")
		email := "team-" + w.NS + "@example.org"
		w.Grafana.ResetLog()
		o := suite.Ready(w, newTeam(w, "dev", func(o *v1alpha1.Team) {
			o.Spec.Email = &email
			o.Spec.Members = []v1alpha1.TeamMember{
				{Login: "ADA-" + w.NS, Role: v1alpha1.TeamRoleAdmin}, {Email: bob + "@Example.org"},
			}
		}))
		hasTeamPeople(w, o, "A"+ada, bob)
		want := seenTeam{o.Status.ID, o.Status.UID, "dev", email, 2}
		if all := teamsIn(w, org); len(all) != 1 || all[0] != want || want.UID == "" {
			t.Errorf("teams %+v, not %+v", all, want)
		}
		if o.Status.Present != "2/2" || len(o.Status.Added) != 2 || len(o.Status.Missing) > 0 || o.Status.Adopted {
			t.Errorf("status %+v", o.Status)
		}
		if n := len(w.Writes()); n != 6 { // it, its name, the operator out, two people in, one as an admin
			t.Errorf("it took %d writes: %q", n, w.Writes())
		}

		w.Grafana.ResetLog()
		suite.Visit(w, o)
		w.Eventually("a visit", func() error {
			if w.Asked("GET", fmt.Sprintf("/api/teams/%d/members", want.ID)) == 0 {
				return fmt.Errorf("asked %v", w.Grafana.Requests())
			}
			return nil
		})
		if writes := w.Writes(); len(writes) > 0 {
			t.Errorf("wrote %q at rest", writes)
		}

		suite.Change(w, o, func() {
			o.Spec.Name, o.Spec.Email = "Developers", nil
			withMembers(ada, "A"+bob)(o)
		})
		suite.Ready(w, o)
		hasTeamPeople(w, o, ada, "A"+bob)
		want.Name = "Developers"
		if all := teamsIn(w, org); len(all) != 1 || all[0] != want {
			t.Errorf("teams %+v, not %+v", all, want)
		}

		path := fmt.Sprintf("/api/teams/%d", want.ID)
		w.Ask("PUT", path, org, map[string]any{"name": "Renamed"})
		w.Ask("DELETE", fmt.Sprintf("%s/members/%d", path, adaID), org, nil)
		suite.Change(w, o, func() { o.Spec.Email = new("") })
		suite.Ready(w, o)
		hasTeamPeople(w, o, ada, "A"+bob)
		want.Email = ""
		if all := teamsIn(w, org); len(all) != 1 || all[0] != want {
			t.Errorf("teams %+v, not %+v", all, want)
		}

		w.Ask("DELETE", path, org, nil)
		suite.Visit(w, o)
		suite.Until(w, o, "another id", func(ready metav1.Condition) bool {
			return ready.Status == metav1.ConditionTrue && o.Status.ID != 0 && o.Status.ID != want.ID
		})
		hasTeamPeople(w, o, ada, "A"+bob)
		w.Delete(o)
		w.Gone(o)
		if all := teamsIn(w, org); len(all) > 0 {
			t.Errorf("teams %+v are left", all)
		}
	})
}

// A team that was there before is left alone, unless object and Organization both say otherwise; then it stays when the
// object goes. Of two objects for one name the first has it.
func TestAPITeamTaken(t *testing.T) {
	everyVersion(t, func(t *testing.T, w *suite.World) {
		team := suite.Ready(w, w.Organization("team"))
		org := team.Status.OrgID
		ada, adaID := joinOrg(w, org, "ada")
		bob, _ := joinOrg(w, org, "bob")
		w.Ask("POST", "/api/teams", org, map[string]any{"name": "Theirs", "email": "t@example.org"})
		before := teamsIn(w, org)
		w.Ask("POST", fmt.Sprintf("/api/teams/%d/members", before[0].ID), org, map[string]any{"userId": adaID})
		before = teamsIn(w, org)
		theirs := func(o *v1alpha1.Team) { o.Spec.Name = "Theirs" }
		o := suite.Stalled(w, newTeam(w, "theirs", theirs), v1alpha1.ReasonAlreadyExists, `"Theirs"`, "Adopt")
		suite.Change(w, o, func() { o.Spec.AdoptionPolicy = v1alpha1.AdoptionAdopt })
		suite.Stalled(w, o, v1alpha1.ReasonAdoptionNotPermitted, "spec.adoption")
		one := suite.Ready(w, newTeam(w, "one", func(o *v1alpha1.Team) { o.Spec.Name = "twice" }))
		two := suite.Stalled(w, newTeam(w, "two", func(o *v1alpha1.Team) { o.Spec.Name = "twice" }),
			v1alpha1.ReasonNameConflict, "Team one")
		others := fmt.Sprintf("/api/teams/%d", madeTeam(w, org, "Others"))
		suite.Change(w, one, func() { one.Spec.Name = "Others" })
		suite.Stalled(w, one, v1alpha1.ReasonAlreadyExists, `"Others"`)
		w.Ask("DELETE", others, org, nil)
		w.Delete(two, one)
		w.Gone(two, one)
		if after := teamsIn(w, org); !slices.Equal(after, before) {
			t.Errorf("teams %+v, not %+v", after, before)
		}

		suite.Change(w, team, func() { team.Spec.Adoption = v1alpha1.AdoptionAllow })
		suite.Ready(w, o)
		if o.Status.ID != before[0].ID || !o.Status.Adopted {
			t.Errorf("status %+v", o.Status)
		}
		suite.Change(w, o, func() { withMembers(bob)(o) })
		suite.Ready(w, o)
		hasTeamPeople(w, o, ada, bob, "Aadmin")
		suite.Change(w, o, func() { withMembers()(o) })
		suite.Ready(w, o)
		hasTeamPeople(w, o, ada, "Aadmin")
		rival := suite.Stalled(w, newTeam(w, "rival", theirs, func(o *v1alpha1.Team) {
			o.Spec.AdoptionPolicy = v1alpha1.AdoptionAdopt
		}), v1alpha1.ReasonNameConflict, "Team theirs")
		w.Delete(rival, o)
		w.Gone(rival, o)
		if after := teamsIn(w, org); !slices.Equal(after, before) {
			t.Errorf("teams %+v, not %+v", after, before)
		}
		again := suite.Ready(w, newTeam(w, "again", theirs, func(o *v1alpha1.Team) {
			o.Spec.AdoptionPolicy, o.Spec.DeletionPolicy = v1alpha1.AdoptionAdopt, v1alpha1.DeletionDelete
		}))
		w.Delete(again)
		w.Gone(again)
		if after := teamsIn(w, org); len(after) > 0 {
			t.Errorf("teams %+v are left", after)
		}
	})
}

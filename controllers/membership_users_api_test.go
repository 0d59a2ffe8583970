package controllers_test

import (
	"fmt"
	"slices"
	"testing"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

// byUser is a member by a User.
func byUser(role v1alpha1.Role, name string) v1alpha1.Member {
	return v1alpha1.Member{UserRef: &v1alpha1.LocalObjectReference{Name: name}, Role: role}
}

// Who is named by a User is let in once the User is there, stays the operator's whatever their login becomes, and is
// not thrown out for that the User is lost for a moment.
func TestAPIMembershipByUser(t *testing.T) {
	everyVersion(t, func(t *testing.T, w *suite.World) {
		id := suite.Ready(w, w.Organization("team")).Status.OrgID
		people := suite.Ready(w, membership(w, "people", "team", []v1alpha1.Member{byUser("Editor", "ada")}))
		if !slices.Equal(people.Status.Missing, []string{"User ada"}) || people.Status.Present != "0/1" {
			t.Errorf("status %+v", people.Status)
		}
		u := suite.Ready(w, newUser(w, "ada", func(o *v1alpha1.User) { o.Spec.DeletionPolicy = v1alpha1.UserOrphan }))
		ada, lovelace := u.Spec.Login, login(w, "lovelace")
		hasPeople(w, id, ada, "Editor")
		suite.Change(w, u, func() { u.Spec.Login = lovelace })
		suite.Ready(w, u)
		hasPeople(w, id, lovelace, "Editor")
		w.Ask("PATCH", fmt.Sprintf("/api/orgs/%d/users/%d", id, u.Status.ID), 1, map[string]any{"role": "Admin"})
		suite.Change(w, people, func() { people.Spec.Members = append(people.Spec.Members, as("Viewer", "nobody")) })
		suite.Ready(w, people)
		hasPeople(w, id, lovelace, "Editor")
		if added := people.Status.Added; len(added) != 1 || added[0].User != "ada" || added[0].UserID != u.Status.ID {
			t.Errorf("it says that it added %+v", added)
		}
		suite.Change(w, people, func() {
			people.Spec.Members = []v1alpha1.Member{byUser("Editor", "ada"), as("Editor", lovelace)}
		})
		suite.Stalled(w, people, v1alpha1.ReasonInvalidSpec, "same person")
		suite.Change(w, people, func() { people.Spec.Members = []v1alpha1.Member{byUser("Editor", "ada")} })
		suite.Ready(w, people)
		w.Delete(u)
		w.Gone(u)
		suite.Ready(w, suite.Visit(w, people))
		hasPeople(w, id, lovelace, "Editor")
		w.Delete(people)
		w.Gone(people)
		hasPeople(w, id)
		w.Ask("DELETE", fmt.Sprint("/api/admin/users/", u.Status.ID), 1, nil)
	})
}

// A User on another Grafana is nobody here, and holds up nobody else.
func TestAPIMembershipOfAUserElsewhere(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	bob := login(w, "bob")
	person(w, bob)
	id := suite.Ready(w, w.Organization("team")).Status.OrgID
	w.Instance(func(i *v1alpha1.Instance) { i.Name = "other" })
	newUser(w, "ada", func(o *v1alpha1.User) { o.Spec.InstanceRef.Name = "other" })
	people := membership(w, "people", "team", []v1alpha1.Member{byUser("Editor", "ada"), as("Viewer", bob)})
	suite.Stalled(w, people, v1alpha1.ReasonInvalidSpec, "User ada", "another Grafana")
	hasPeople(w, id, bob, "Viewer")
}

// A person can be named in one way only, and once.
func TestAPIMembershipByUserAdmission(t *testing.T) {
	t.Parallel()
	a := newAdmission(t)
	ref := func(name string) spec { return spec{"userRef": spec{"name": name}} }
	for words, members := range map[string][]any{
		"":                        {ref("a"), ref("b"), spec{"login": "a"}},
		"list each person once":   {ref("a"), ref("b"), ref("a")},
		"unknown field":           {spec{"userRef": spec{"name": "a", "namespace": "elsewhere"}}},
		"give exactly one of":     {spec{"userRef": spec{"name": "a"}, "login": "a"}},
		"spec.members[0].userRef": {spec{"userRef": spec{"name": ""}}},
	} {
		err := a.create(a.object("Membership", spec{"members": members}))
		if words != "" {
			refused(t, err, words)
		} else if err != nil {
			t.Errorf("it was refused: %v", err)
		}
	}
}

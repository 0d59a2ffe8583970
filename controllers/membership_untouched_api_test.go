package controllers_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

// Somebody whom a person adds just before the operator does is not the operator's to remove.
func TestAPIMembershipOfWhoIsAddedInBetween(t *testing.T) {
	everyVersion(t, func(t *testing.T, w *suite.World) {
		ada, bob := login(w, "ada"), login(w, "bob")
		person(w, ada)
		person(w, bob)
		id := suite.Ready(w, w.Organization("team")).Status.OrgID
		var once sync.Once
		w.Grafana.SetFault(func(r *grafanatest.Request) grafanatest.Fault {
			if r.Method == "POST" && suite.Contains(string(r.Body), ada) {
				once.Do(func() {
					w.Grafana.Do("POST", r.Path, 1, map[string]any{"loginOrEmail": ada, "role": "Viewer"})
				})
			}
			return grafanatest.Fault{}
		})
		people := suite.Ready(
			w,
			membership(w, "people", "team", []v1alpha1.Member{as("Viewer", ada), as("Viewer", bob)}),
		)
		if added := people.Status.Added; len(added) != 1 || added[0].Login != bob {
			t.Errorf("it says that it added %+v", added)
		}
		w.Delete(people)
		w.Gone(people)
		hasPeople(w, id, ada, "Viewer")
	})
}

// The operator's own login is never touched, and is told from nobody by nothing.
func TestAPIMembershipOfTheOperator(t *testing.T) {
	everyVersion(t, func(t *testing.T, w *suite.World) {
		id := suite.Ready(w, w.Organization("team")).Status.OrgID
		people := suite.Ready(
			w,
			membership(w, "people", "team", []v1alpha1.Member{as("Viewer", "Admin"), as("Viewer", login(w, "nobody"))}),
		)
		if want := []string{"Admin", login(w, "nobody")}; !slices.Equal(people.Status.Missing, want) {
			t.Errorf("missing %v", people.Status.Missing)
		}
		for _, m := range w.Org(id).Members {
			if m.Login != "admin" || m.Role != "Admin" {
				t.Errorf("member %+v", m)
			}
		}
		w.Delete(people)
		w.Gone(people)
		if n := len(w.Org(id).Members); n != 1 {
			t.Errorf("%d members are left", n)
		}
	})
}

// Whom an identity provider manages is neither added, changed nor removed.
func TestAPIMembershipOfTheManaged(t *testing.T) {
	everyVersion(t, func(t *testing.T, w *suite.World) {
		ida, ivo, ivy := login(w, "ida"), login(w, "ivo"), login(w, "ivy")
		org := suite.Ready(
			w,
			w.Organization("team", func(o *v1alpha1.Organization) { o.Spec.Adoption = v1alpha1.AdoptionAllow }),
		)
		id := org.Status.OrgID
		for _, login := range []string{ida, ivo, ivy} {
			person(w, login)
			w.Grafana.SignInExternally(login)
		}
		path := fmt.Sprintf("/api/orgs/%d/users", id)
		w.Ask("POST", path, 1, map[string]any{"loginOrEmail": ivo, "role": "Viewer"})
		w.Ask("POST", path, 1, map[string]any{"loginOrEmail": ivy, "role": "Viewer"})
		w.Grafana.ResetLog()
		people := membership(w,
			"people",
			"team",
			[]v1alpha1.Member{as("Viewer", ida), as("Editor", ivo)},
			func(o *v1alpha1.Membership) {
				o.Spec.Mode = v1alpha1.MembershipExclusive
			},
		)
		suite.Stalled(w, people, v1alpha1.ReasonManagedExternally, ida, ivo, "identity provider")
		hasPeople(w, id, ivo, "Viewer", ivy, "Viewer")
		if writes := w.Writes(); len(writes) > 0 {
			t.Errorf("wrote %q", writes)
		}
		suite.Change(w, people, func() { people.Spec.Members = []v1alpha1.Member{as("Viewer", ivo)} })
		suite.Ready(w, people)
	})
}

// Where the database takes two logins for one, nobody is added whom the spec does not name.
func TestAPIMembershipByAnotherName(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{Database: grafanatest.MariaDB})
	person(w, login(w, "ädä"))
	id := suite.Ready(w, w.Organization("team")).Status.OrgID
	people := suite.Ready(w, membership(w, "people", "team", []v1alpha1.Member{as("Admin", login(w, "ada"))}))
	if !slices.Equal(people.Status.Missing, []string{login(w, "ada")}) {
		t.Errorf("status %+v", people.Status)
	}
	hasPeople(w, id)
}

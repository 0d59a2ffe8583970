package controllers_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

// membership applies a Membership of an Organization with these people.
func membership(w *suite.World,
	name, organization string,
	members []v1alpha1.Member,
	changes ...func(*v1alpha1.Membership),
) *v1alpha1.Membership {
	w.T.Helper()
	obj := &v1alpha1.Membership{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: v1alpha1.MembershipSpec{
			OrganizationRef: v1alpha1.ObjectReference{Name: organization},
			Members:         members,
		},
	}
	return suite.Apply(w, obj, changes)
}

// as is a member by login, or by address.
func as(role v1alpha1.Role, login string) v1alpha1.Member {
	if suite.Contains(login, "@") {
		return v1alpha1.Member{Email: login, Role: role}
	}
	return v1alpha1.Member{Login: login, Role: role}
}

// login is a name that nobody else has in a Grafana that is shared.
func login(w *suite.World, name string) string { return name + "-" + w.NS }

// person makes somebody who can log in, and returns their id.
func person(w *suite.World, login string) int64 {
	w.T.Helper()
	return w.Made(w.Ask("POST", "/api/admin/users", 1, map[string]any{
		"login": login, "email": login + "@example.org", "name": login, "password": "secret",
	}))
}

// people are the roles of those in an organization, but for the operator.
func people(w *suite.World, orgID int64) map[string]string {
	w.T.Helper()
	roles := map[string]string{}
	for _, m := range w.Org(orgID).Members {
		if m.Login != "admin" {
			roles[m.Login] = m.Role
		}
	}
	return roles
}

// hasPeople waits until an organization has just these people.
func hasPeople(w *suite.World, orgID int64, loginsAndRoles ...string) {
	w.T.Helper()
	want := map[string]string{}
	for pair := range slices.Chunk(loginsAndRoles, 2) {
		want[pair[0]] = pair[1]
	}
	w.Eventually("the people in the organization", func() error {
		if have := people(w, orgID); fmt.Sprint(have) != fmt.Sprint(want) {
			return fmt.Errorf("they are %v, not %v", have, want)
		}
		return nil
	})
}

func everyVersion(t *testing.T, run func(*testing.T, *suite.World)) {
	everyVersionOf(t, grafanatest.Options{}, run)
}

func everyVersionOf(t *testing.T, opts grafanatest.Options, run func(*testing.T, *suite.World)) {
	t.Parallel()
	for _, version := range grafanatest.Versions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			opts.Version = version
			run(t, suite.New(t, opts))
		})
	}
}

// People get in by login and by address, in any case; get other roles without being removed; are put back after
// drift; and go with the object. Who was there before stays, whatever happens.
func TestAPIMembership(t *testing.T) {
	everyVersion(t, func(t *testing.T, w *suite.World) {
		ada, bob, cyd, eve := login(w, "ada"), login(w, "bob"), login(w, "cyd"), login(w, "eve")
		adaID, bobID := person(w, ada), person(w, bob)
		person(w, eve)
		id := suite.Ready(w, w.Organization("team")).Status.OrgID
		path := fmt.Sprintf("/api/orgs/%d/users", id)
		w.Ask("POST", path, 1, map[string]any{"loginOrEmail": eve, "role": "Viewer"})
		w.Grafana.ResetLog()
		people := suite.Ready(w, membership(w, "people", "team", []v1alpha1.Member{
			as("Editor", ada), as("Viewer", "BOB-"+w.NS+"@Example.ORG"),
		}))
		hasPeople(w, id, ada, "Editor", bob, "Viewer", eve, "Viewer")
		if people.Status.Present != "2/2" || len(people.Status.Added) != 2 || len(people.Status.Missing) > 0 {
			t.Errorf("status %+v", people.Status)
		}

		w.Grafana.ResetLog()
		suite.Change(w, people, func() {
			people.Spec.Members = []v1alpha1.Member{as("Viewer", ada), as("Viewer", eve), as("Viewer", cyd)}
		})
		suite.Ready(w, people)
		hasPeople(w, id, ada, "Viewer", eve, "Viewer")
		suite.Says(w, people, "2/3", cyd)
		if !slices.Equal(people.Status.Missing, []string{cyd}) {
			t.Errorf("missing %v", people.Status.Missing)
		}
		want := []string{
			fmt.Sprintf(`PATCH %s/%d {"role":"Viewer"}`, path, adaID), fmt.Sprintf("DELETE %s/%d ", path, bobID),
		}
		if writes := w.Writes(); !slices.Equal(writes, want) {
			t.Errorf("wrote %q, not %q", writes, want)
		}

		cydID := person(w, cyd)
		w.Ask("PATCH", fmt.Sprintf("%s/%d", path, adaID), 1, map[string]any{"role": "Admin"})
		suite.Ready(w, suite.Visit(w, people))
		hasPeople(w, id, ada, "Viewer", cyd, "Viewer", eve, "Viewer")

		w.Ask("PATCH", fmt.Sprintf("%s/%d", path, cydID), 1, map[string]any{"role": "Admin"})
		w.Delete(people) // which finds cyd not as it left them
		w.Gone(people)
		hasPeople(w, id, cyd, "Admin", eve, "Viewer")
	})
}

// With all as it should be, a visit writes nothing, and one list serves every Membership of an organization.
func TestAPIMembershipAtRest(t *testing.T) {
	everyVersion(t, func(t *testing.T, w *suite.World) {
		ada, bob := login(w, "ada"), login(w, "bob")
		person(w, ada)
		person(w, bob)
		id := suite.Ready(w, w.Organization("team")).Status.OrgID
		first := suite.Ready(
			w,
			membership(w, "first", "team", []v1alpha1.Member{as("Editor", ada), as("Editor", login(w, "nobody"))}),
		)
		second := suite.Ready(w, membership(w, "second", "team", []v1alpha1.Member{as("Editor", bob)}))
		w.Grafana.ResetLog()
		suite.Visit(w, first)
		w.Eventually("a visit", func() error {
			if w.Asked("GET", "/api/users/lookup") == 0 {
				return fmt.Errorf("nobody was looked for")
			}
			return nil
		})
		suite.Ready(w, second)
		if suite.Get(w, first); first.Status.Present != "1/2" {
			t.Errorf("it is %+v", first.Status)
		}
		if writes := w.Writes(); len(writes) > 0 {
			t.Errorf("wrote %q", writes)
		}
		hasPeople(w, id, ada, "Editor", bob, "Editor")
	})
}

// Who was there before keeps their role, unless both sides agree that it changes; they are not removed even then.
func TestAPIMembershipOfWhoWasThereBefore(t *testing.T) {
	everyVersion(t, func(t *testing.T, w *suite.World) {
		ada, ben := login(w, "ada"), login(w, "ben")
		org := suite.Ready(w, w.Organization("team"))
		id := org.Status.OrgID
		for _, login := range []string{ada, ben} {
			person(w, login)
			letIntoOrg(w, id, login)
		}
		people := membership(w, "people", "team", []v1alpha1.Member{as("Editor", ada), as("Viewer", ben)})
		suite.Stalled(w, people, v1alpha1.ReasonAlreadyExists, ada, "Viewer", "adoptionPolicy: Adopt")
		suite.Change(w, people, func() { people.Spec.AdoptionPolicy = v1alpha1.AdoptionAdopt })
		suite.Stalled(w, people, v1alpha1.ReasonAdoptionNotPermitted, ada, "spec.adoption")
		hasPeople(w, id, ada, "Viewer", ben, "Viewer")
		suite.Change(w, org, func() { org.Spec.Adoption = v1alpha1.AdoptionAllow })
		suite.Ready(w, people)
		hasPeople(w, id, ada, "Editor", ben, "Viewer")
		if len(people.Status.Added) > 0 {
			t.Errorf("took them for its own: %+v", people.Status.Added)
		}
		w.Delete(people)
		w.Gone(people)
		hasPeople(w, id, ada, "Editor", ben, "Viewer")
	})
}

// Exclusive removes whom nobody lists, once the Organization agrees; not the operator, not service accounts, not those
// of another Membership, and nobody who is above what may be given there.
func TestAPIMembershipThatIsExclusive(t *testing.T) {
	everyVersion(t, func(t *testing.T, w *suite.World) {
		ada, ben, cyd, boss := login(w, "ada"), login(w, "ben"), login(w, "cyd"), login(w, "boss")
		org := suite.Ready(
			w,
			w.Organization("team", func(o *v1alpha1.Organization) { o.Spec.MaxMemberRole = "Editor" }),
		)
		id := org.Status.OrgID
		for _, login := range []string{ada, ben, cyd, boss} {
			person(w, login)
		}
		path := fmt.Sprintf("/api/orgs/%d/users", id)
		w.Ask("POST", path, 1, map[string]any{"loginOrEmail": ben, "role": "Editor"})
		w.Ask("POST", path, 1, map[string]any{"loginOrEmail": boss, "role": "Admin"})
		foreign(w, id, "robot")
		suite.Ready(w, membership(w, "others", "team", []v1alpha1.Member{as("Viewer", cyd)}))
		only := membership(w, "only", "team", []v1alpha1.Member{as("Viewer", ada)}, func(o *v1alpha1.Membership) {
			o.Spec.Mode = v1alpha1.MembershipExclusive
		})
		suite.Stalled(w, only, v1alpha1.ReasonAdoptionNotPermitted, "1 people", "spec.adoption")
		hasPeople(w, id, ada, "Viewer", ben, "Editor", boss, "Admin", cyd, "Viewer")
		suite.Change(w, org, func() { org.Spec.Adoption = v1alpha1.AdoptionAllow })
		suite.Ready(w, only)
		hasPeople(w, id, ada, "Viewer", boss, "Admin", cyd, "Viewer")
		if members := w.Org(
			id,
		).Members; !slices.ContainsFunc(
			members,
			func(m grafanatest.Member) bool { return m.Login == "admin" },
		) {
			t.Errorf("the operator is gone: %+v", members)
		}
		if n := len(w.Grafana.ServiceAccounts(id)); n != 1 {
			t.Errorf("%d service accounts", n)
		}
		suite.Change(w, only, func() { only.Spec.Members = append(only.Spec.Members, as("Viewer", boss)) })
		suite.Stalled(w, only, v1alpha1.ReasonRoleNotPermitted, boss, "Admin", "above Editor")
		hasPeople(w, id, ada, "Viewer", boss, "Admin", cyd, "Viewer")
	})
}

// A person in two Memberships is the one's that has them; when that gives them up, they go over as they are.
func TestAPIMembershipConflict(t *testing.T) {
	everyVersion(t, func(t *testing.T, w *suite.World) {
		ada, bob := login(w, "ada"), login(w, "bob")
		adaID := person(w, ada)
		person(w, bob)
		id := suite.Ready(w, w.Organization("team")).Status.OrgID
		older := suite.Ready(w, membership(w, "older", "team", []v1alpha1.Member{as("Editor", ada)}))
		newer := membership(w, "newer", "team", []v1alpha1.Member{as("Viewer", ada+"@example.org"), as("Viewer", bob)})
		suite.Stalled(w, newer, v1alpha1.ReasonNameConflict, ada, "Membership older")
		suite.Ready(w, suite.Visit(w, older))
		hasPeople(w, id, ada, "Editor", bob, "Viewer")
		w.Grafana.ResetLog()
		w.Delete(older)
		w.Gone(older)
		suite.Ready(w, newer)
		hasPeople(w, id, ada, "Viewer", bob, "Viewer")
		want := []string{fmt.Sprintf(`PATCH /api/orgs/%d/users/%d {"role":"Viewer"}`, id, adaID)}
		if writes := w.Writes(); !slices.Equal(writes, want) {
			t.Errorf("wrote %q, not %q", writes, want)
		}
		w.Delete(newer)
		w.Gone(newer)
		hasPeople(w, id)
	})
}

// One person by two names, and a role above the ceiling, are refused with a sentence; a lower ceiling takes nothing
// away.
func TestAPIMembershipThatCannotBe(t *testing.T) {
	everyVersion(t, func(_ *testing.T, w *suite.World) {
		ada := login(w, "ada")
		person(w, ada)
		org := suite.Ready(w, w.Organization("team"))
		twice := membership(w, "twice", "team", []v1alpha1.Member{as("Admin", ada), as("Viewer", ada+"@example.org")})
		suite.Stalled(w, twice, v1alpha1.ReasonInvalidSpec, "same person")
		suite.Change(w, twice, func() { twice.Spec.Members = twice.Spec.Members[:1] })
		suite.Ready(w, twice)
		suite.Change(w, org, func() { org.Spec.MaxMemberRole = "Viewer" })
		suite.Stalled(w, twice, v1alpha1.ReasonRoleNotPermitted, ada, "Admin", "above Viewer", "maxMemberRole")
		other := membership(w, "other", "team", []v1alpha1.Member{as("None", ada)})
		suite.Stalled(w, other, v1alpha1.ReasonNameConflict, ada, "Membership twice") // which still has them
		hasPeople(w, org.Status.OrgID, ada, "Admin")
		w.Delete(other)
		w.Gone(other)
		w.Delete(twice)
		w.Gone(twice)
		hasPeople(w, org.Status.OrgID)
	})
}

// An emptied Grafana has its people again when they sign in; an organization waits for its Membership to go.
func TestAPIMembershipAfterAReset(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{}, func(o *v1alpha1.Instance) {
		o.Spec.OnReset, o.Spec.ResyncInterval = v1alpha1.ResetRebuild, &metav1.Duration{Duration: 30 * time.Second}
	})
	ada := login(w, "ada")
	person(w, ada)
	org := suite.Ready(w, w.Organization("team"))
	people := suite.Ready(w, membership(w, "people", "team", []v1alpha1.Member{as("Editor", ada)}))
	w.Grafana.ResetDatabase()
	person(w, login(w, "bob")) // has the id that ada had
	person(w, ada)
	suite.Visit(w, suite.Get(w, &v1alpha1.Instance{ObjectMeta: w.Named("grafana")}))
	w.Eventually("the people are back", func() error {
		for _, o := range w.Grafana.Orgs() {
			if o.Name == "team" && len(o.Members) == 2 &&
				slices.ContainsFunc(o.Members, func(m grafanatest.Member) bool { return m.Login == ada }) {
				return nil
			}
		}
		return fmt.Errorf("the organizations are %+v", w.Grafana.Orgs())
	})
	w.Delete(suite.Get(w, org))
	suite.Stalled(w, org, v1alpha1.ReasonDeletionBlocked, "1 Membership")
	w.Delete(people)
	w.Gone(people, org)
}

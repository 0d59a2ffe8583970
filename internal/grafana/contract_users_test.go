package grafana_test

import (
	"context"
	"strings"
	"testing"

	"grafana-tenancy.dev/operator/internal/grafana"
)

// login is a user that the client makes, and that goes with the test.
func (k contract) login(t *testing.T, u grafana.NewUser) int64 {
	t.Helper()
	id := have(k.client.CreateUser(t.Context(), u))(t).ID
	t.Cleanup(func() { _ = k.client.DeleteUser(context.WithoutCancel(t.Context()), id) })
	return id
}

// byID reads a user.
func (k contract) byID(t *testing.T, id int64) grafana.User {
	t.Helper()
	return have(k.client.Org(1).UserByID(t.Context(), id))(t)
}

// lets reports whether a password opens a login.
func (k contract) lets(t *testing.T, login string, password grafana.Key) bool {
	t.Helper()
	user := k.connect(t, grafana.Config{BasicAuth: &grafana.BasicAuth{Username: login, Password: password}})
	_, err := user.Me(t.Context())
	if err != nil && !grafana.IsUnauthorized(err) {
		t.Fatal(err)
	}
	return err == nil
}

// A user is made, found by name, renamed, given another password, locked out and deleted.
func (k contract) testUsers(t *testing.T) {
	login := unique("person")
	born := login + " [0a1b2c3d]"
	id := k.login(t, grafana.NewUser{
		Login: login, Email: login + "@example.org", Name: born, Password: "first-password",
	})
	u := k.byID(t, id)
	if u.Login != login || u.Email != login+"@example.org" || u.Name != born || u.CreatedAt == "" || u.UID == "" ||
		u.IsGrafanaAdmin || u.IsDisabled {
		t.Errorf("born as %+v", u)
	}
	found := have(k.client.SearchUsers(t.Context(), born))(t)
	if len(found) != 1 || found[0].ID != id || found[0].Name != born {
		t.Errorf("found by name: %+v", found)
	}
	same(t, "its own password", true, k.lets(t, login, "first-password"))

	must(
		t,
		k.client.UpdateUser(
			t.Context(),
			id,
			grafana.Profile{Login: login, Email: login + "@example.net", Name: "Renamed"},
		),
	)
	renamed := u
	renamed.Email, renamed.Name = login+"@example.net", "Renamed"
	same(t, "renamed", renamed, k.byID(t, id))
	must(t, k.client.UpdateUser(t.Context(), id, grafana.Profile{Login: login}))
	same(t, "what is empty stays", renamed, k.byID(t, id))

	k.changePassword(t, id, login)
	must(t, k.client.SetServerAdmin(t.Context(), id, true))
	same(t, "a server admin", true, k.byID(t, id).IsGrafanaAdmin)
	must(t, k.client.SetServerAdmin(t.Context(), id, false))
	must(t, k.client.SetUserDisabled(t.Context(), id, true))
	same(t, "locked out", true, k.byID(t, id).IsDisabled)
	looked := have(k.client.Org(1).LookupUser(t.Context(), login))(t) // which does not tell everything in old versions
	same(t, "looked up", k.major >= 12, looked.IsDisabled)
	must(t, k.client.SetUserDisabled(t.Context(), id, false))
	same(t, "and in again", renamed, k.byID(t, id))

	must(t, k.client.DeleteUser(t.Context(), id))
	expect(t, "deleted twice", k.client.DeleteUser(t.Context(), id), grafana.IsNotFound)
	expect(t, "disabled, gone", k.client.SetUserDisabled(t.Context(), id, true), grafana.IsNotFound)
	expect(t, "enabled, gone", k.client.SetUserDisabled(t.Context(), id, false), grafana.IsNotFound)
	_, err := k.client.Org(1).UserByID(t.Context(), id)
	expect(t, "looked for", err, grafana.IsNotFound)
}

// changePassword has a login get another password, which takes a Grafana with a login form.
func (k contract) changePassword(t *testing.T, id int64, login string) {
	t.Helper()
	if !k.sessions {
		expect(
			t,
			"no login form",
			k.client.SetUserPassword(t.Context(), id, "second-password"),
			grafana.IsPasswordFixed,
		)
		same(t, "the password it was made with", true, k.lets(t, login, "first-password"))
		return
	}
	must(t, k.client.SetUserPassword(t.Context(), id, "second-password"))
	same(t, "another password", true, k.lets(t, login, "second-password"))
	expect(t, "a short one", k.client.SetUserPassword(t.Context(), id, "abc"), grafana.IsPasswordUnset)
}

// Logins and addresses are taken in any case; what Grafana refuses makes nobody.
func (k contract) testTakenUsers(t *testing.T) {
	login := unique("person")
	id := k.login(t, grafana.NewUser{Login: login, Email: login + "@example.org", Name: login, Password: "a-password"})
	other := k.login(t, grafana.NewUser{Login: unique("other"), Name: "Other", Password: "a-password"})
	renamed := unique("renamed")
	must(t, k.client.UpdateUser(t.Context(), other, grafana.Profile{Login: renamed, Name: "Renamed"}))
	same(t, "another login", renamed, k.byID(t, other).Login)
	for _, u := range []grafana.NewUser{
		{Login: login}, {Login: strings.ToUpper(login)},
		{Login: unique("else"), Email: strings.ToUpper(login) + "@EXAMPLE.org"},
	} {
		u.Password = "a-password"
		_, err := k.client.CreateUser(t.Context(), u)
		expect(t, "made again as "+u.Login+u.Email, err, grafana.IsTaken)
	}
	for _, odd := range []string{"a/" + login, `"a" ` + login, strings.Repeat("x", 150)} {
		address := strings.Repeat("y", 100) + login + "@example.org"
		must(t, k.client.UpdateUser(t.Context(), id, grafana.Profile{Login: login, Email: address, Name: login}))
		_, err := k.client.CreateUser(t.Context(), grafana.NewUser{Login: odd, Email: address, Password: "a-password"})
		expect(t, "another's address, as "+odd, err, grafana.IsTaken)
	}
	_, err := k.client.CreateUser(t.Context(), grafana.NewUser{Login: unique("short"), Password: "abc"})
	expect(t, "a short password", err, isStatus(400))
	expect(t, "another's login", k.client.UpdateUser(t.Context(), other, grafana.Profile{Login: login}), isStatus(500))
	same(t, "who had it", login, k.byID(t, id).Login)
	if have(k.client.SearchUsers(t.Context(), ""))(t) == nil {
		t.Error("nobody is listed")
	}
}

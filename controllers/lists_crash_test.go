package controllers_test

import (
	"fmt"
	"net/http"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/connection"
	"grafana-tenancy.dev/operator/internal/testing/crash"
)

// seenAtOnce has objects visited for the first time while others are at work in Grafana, so that they wait for their
// turn there: none has asked anything yet when the first of them does.
func seenAtOnce(w *crash.World, keys ...string) {
	w.TB.Helper()
	conn := w.Env.Connections.Available(client.ObjectKeyFromObject(crash.Instance()))
	var leave []func()
	for {
		name := fmt.Sprint("busy ", len(leave))
		other := connection.Waiter{Kind: name, Group: name, Wake: func() {}}
		done, err := conn.Limiter.Acquire(other, true)
		if err != nil {
			conn.Limiter.Cancel(other.Key())
			break
		}
		leave = append(leave, done)
	}
	if asked := requestsOf(w, func() {
		for _, key := range keys {
			w.Visit(key)
		}
	}); len(asked) > 0 {
		w.TB.Fatalf("they have asked: %v", asked)
	}
	for _, done := range leave {
		done()
	}
}

// What the operator has made since is on the list that serves others: here a name that is taken by it.
func TestWhatTheOperatorHasMadeIsOnItsLists(t *testing.T) {
	inBothVersions(t, func(t *testing.T, w *crash.World) {
		w.Create(
			objectNamed(crash.Account("first"), "first"), // for whom the list is made
			objectNamed(crash.Account("CI"), "second"),
			objectNamed(crash.Account("CI"), "third"),
		)
		seenAtOnce(w, "ServiceAccount tenant/first", "ServiceAccount tenant/second", "ServiceAccount tenant/third")
		w.Visit("ServiceAccount tenant/first")
		w.Visit("ServiceAccount tenant/second")
		crash.Edit(w, objectNamed(crash.Account(""), "second"), func(o *v1alpha1.ServiceAccount) {
			o.Spec.Suspend = true // which others of the name overlook
		})
		w.Visit("ServiceAccount tenant/third")
		if n := len(w.Grafana.ServiceAccounts(3)); n != 2 {
			t.Errorf("there are %d service accounts, want two of three: the third has a name that is taken", n)
		}

		made(w, "Team", objectNamed(crash.NewTeam("first"), "first"))
		made(w, "Team", objectNamed(crash.NewTeam("Dev"), "second"))
		crash.Edit(w, objectNamed(crash.NewTeam(""), "second"), func(o *v1alpha1.Team) { o.Spec.Suspend = true })
		made(w, "Team", objectNamed(crash.NewTeam("Dev"), "third"))
		if n := len(w.Grafana.Teams(3)); n != 2 {
			t.Errorf("there are %d teams, want two of three: the third has a name that is taken", n)
		}

		made(w, "User", crash.NewUser("first", "first"))
		made(w, "User", crash.NewUser("second", "ada"))
		crash.Edit(w, crash.NewUser("second", ""), func(o *v1alpha1.User) { o.Spec.Suspend = true })
		got := requestsOf(w, func() { made(w, "User", crash.NewUser("third", "ada")) })
		if got["POST /api/admin/users"] != 0 {
			t.Errorf("the operator would make a user whose login it has given to another: %v", got)
		}
	})
}

// A create whose answer was lost takes effect after a list was made for somebody else, which proves nothing: the object
// finds what it has made, and asks for no other.
func TestAListThatIsMadeBeforeALostCreateTakesEffectProvesNothing(t *testing.T) {
	for _, c := range []struct {
		kind, path    string
		first, second client.Object
	}{
		{
			"ServiceAccount", "/api/serviceaccounts",
			objectNamed(crash.Account("One"), "one"), objectNamed(crash.Account("Two"), "two"),
		},
		{"Team", "/api/teams", objectNamed(crash.NewTeam("One"), "one"), objectNamed(crash.NewTeam("Two"), "two")},
		{"User", "/api/admin/users", crash.NewUser("one", "one"), crash.NewUser("two", "two")},
	} {
		t.Run(c.kind, func(t *testing.T) {
			inBothVersions(t, func(t *testing.T, w *crash.World) {
				w.Arm(0, crash.Late)
				w.Only = "grafana POST " + c.path
				made(w, c.kind, c.first.DeepCopyObject().(client.Object))
				w.Arm(-1, crash.None)
				w.Visit("Instance tenant/main")
				made(w, c.kind, c.second.DeepCopyObject().(client.Object)) // for whom the list is made
				if w.Grafana.Land() != 1 {
					t.Fatal("no request was under way")
				}
				got := requestsOf(w, func() { w.Visit(c.kind + " tenant/one") })
				if got["POST "+c.path] != 0 {
					t.Errorf("it is made once more: %v", got)
				}
			})
		})
	}
}

// After another process has the same account's tokens revoked, a resync that shares a list sees it.
func TestAResyncSeesWhatHasGone(t *testing.T) {
	inBothVersions(t, func(t *testing.T, w *crash.World) {
		w.Create(crash.Account("CI"), crash.Token(), crash.NewTeam("Dev"), crash.NewUser("carol", "carol"))
		rested(w)
		accounts, tokens := w.Grafana.ServiceAccounts(3), w.Grafana.Tokens(3)
		if len(accounts) != 1 || len(tokens) != 1 {
			t.Fatalf("there are %v and %v", accounts, tokens)
		}
		before := tokens[0].ID
		account := fmt.Sprintf("/api/serviceaccounts/%d", accounts[0].ID)
		w.Grafana.Do(http.MethodDelete, fmt.Sprintf("%s/tokens/%d", account, before), 3, nil)
		w.Grafana.Do(http.MethodPatch, account, 3, map[string]any{"role": "Admin"})
		resync(w)
		rested(w)
		accounts, tokens = w.Grafana.ServiceAccounts(3), w.Grafana.Tokens(3)
		if len(tokens) != 1 || tokens[0].ID == before || accounts[0].Role == "Admin" {
			t.Errorf("after a resync there are %v and %v", accounts, tokens)
		}
	})
}

// A visit that no resync brings goes by how things are, however young a list is that shows them at rest.
func TestAVisitOfNoResyncSeesWhatHasChanged(t *testing.T) {
	inBothVersions(t, func(t *testing.T, w *crash.World) {
		w.Create(crash.Account("CI"), crash.Token(), crash.NewTeam("Dev"), crash.NewUser("carol", "carol"))
		rested(w)
		account, team := w.Grafana.ServiceAccounts(3)[0].ID, w.Grafana.Teams(3)[0].ID
		token, user := w.Grafana.Tokens(3)[0].ID, somebody(w, "carol").ID
		other := objectNamed(crash.Token(), "other")
		other.Spec.Secret.Name = "other"
		made(w, "ServiceAccount", objectNamed(crash.Account("Other"), "other")) // for whom the lists are made
		made(w, "ServiceAccountToken", other)
		made(w, "Team", objectNamed(crash.NewTeam("Other"), "other"))
		made(w, "User", crash.NewUser("other", "other"))
		w.Grafana.Do(http.MethodPatch, fmt.Sprint("/api/serviceaccounts/", account), 3, map[string]any{"role": "Admin"})
		w.Grafana.Do(http.MethodPut, fmt.Sprint("/api/teams/", team), 3, map[string]any{"name": "Ops"})
		w.Grafana.Do(http.MethodPost, fmt.Sprintf("/api/admin/users/%d/disable", user), 1, nil)
		w.Grafana.Do(http.MethodDelete, fmt.Sprintf("/api/serviceaccounts/%d/tokens/%d", account, token), 3, nil)
		for _, key := range []string{
			"ServiceAccount tenant/account", "ServiceAccountToken tenant/token", "Team tenant/team",
			"User tenant/carol",
		} {
			w.Visit(key)
		}
		if a := w.Grafana.ServiceAccount(3, account); a.Role != "Editor" {
			t.Errorf("the service account is %+v", a)
		}
		if all := w.Grafana.Tokens(3); len(all) != 2 {
			t.Errorf("the tokens are %+v", all)
		}
		if all := w.Grafana.Teams(3); all[0].ID != team || all[0].Name != "Dev" {
			t.Errorf("the teams are %+v", all)
		}
		if somebody(w, "carol").Disabled {
			t.Error("the user is locked out")
		}
	})
}

package controllers_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

// named sets the name in Grafana.
func named(name string) func(*v1alpha1.ServiceAccount) {
	return func(o *v1alpha1.ServiceAccount) { o.Spec.Name = name }
}

// foreign makes a service account as a person does, and returns its id.
func foreign(w *suite.World, orgID int64, name string) int64 {
	w.T.Helper()
	account := map[string]any{"name": name, "role": "Viewer"}
	status, answer := w.Grafana.Do("POST", "/api/serviceaccounts", orgID, account)
	for i := 1; i < 5 && status == http.StatusBadRequest && suite.Contains(string(answer), "already exists"); i++ {
		// A real 10.4.3 that is busy can fail half-way, and then the login is lost.
		account["name"] = fmt.Sprintf("%s-again-%d", name, i)
		status, answer = w.Grafana.Do("POST", "/api/serviceaccounts", orgID, account)
	}
	return w.Made(answer)
}

// checkAccount compares a service account in Grafana with its object, which is Ready.
func checkAccount(w *suite.World, account *v1alpha1.ServiceAccount) {
	w.T.Helper()
	sa := w.SA(account.Status.OrgID, account.Status.ID)
	if sa == nil || sa.Name != account.WantedName() || sa.Login != account.Status.Login ||
		!strings.Contains(sa.Login, string(account.UID)[:8]) {
		w.T.Errorf("service account %+v (%+v) is %+v", account.Spec, account.Status, sa)
	}
}

// Names that Grafana would give one login have one each, whoever comes first, and keep it when they are renamed.
func TestAPIServiceAccountsWithOneLogin(t *testing.T) {
	t.Parallel()
	for _, version := range grafanatest.Versions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			w := suite.New(t, grafanatest.Options{Version: version})
			w.Organization("team")
			spaced, dashed := w.Account("spaced", "team", named("My SA")), w.Account("dashed", "team", named("my-sa"))
			suite.Ready(w, spaced)
			suite.Ready(w, dashed)
			checkAccount(w, spaced)
			checkAccount(w, dashed)
			login := spaced.Status.Login
			if login == dashed.Status.Login {
				t.Errorf("both have the login %s", login)
			}
			suite.Change(w, spaced, func() { spaced.Spec.Name = "MY sa" })
			suite.Ready(w, spaced)
			checkAccount(w, spaced)
			if spaced.Status.Login != login {
				t.Errorf("renamed, its login went from %s to %s", login, spaced.Status.Login)
			}
			w.Delete(dashed)
			w.Gone(dashed)
			if all := w.Grafana.ServiceAccounts(spaced.Status.OrgID); len(all) != 1 {
				t.Errorf("service accounts: %+v", all)
			}
		})
	}
}

// Grafana takes % and _ in a search for wildcards, and does not mind the case. What matches only so is nobody's rival,
// and is left alone.
func TestAPIServiceAccountNamesWithWildcards(t *testing.T) {
	t.Parallel()
	for _, version := range grafanatest.Versions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			w := suite.New(t, grafanatest.Options{Version: version})
			id := suite.Ready(w, w.Organization("team")).Status.OrgID
			for _, name := range []string{"100 percent-abc", "100xxxaxb", "100%A_B", "A_B", "everything"} {
				foreign(w, id, name)
			}
			before := w.Grafana.ServiceAccounts(id)
			mine := map[string]*v1alpha1.ServiceAccount{}
			for object, name := range map[string]string{"both": "100%a_b", "percent": "%", "underline": "_", "ab": "a_b", "backslash": `\%`} {
				mine[object] = w.Account(object, "team", named(name))
			}
			for _, account := range mine {
				suite.Ready(w, account)
				checkAccount(w, account)
			}
			theirs := foreign(w, id, "x%y")
			rival := w.Account("rival", "team", named("x%y"))
			suite.Stalled(
				w,
				rival,
				v1alpha1.ReasonAlreadyExists,
				fmt.Sprintf(`"x%%y" exists in organization %d (id %d)`, id, theirs),
			)
			w.Delete(rival)
			for _, account := range mine {
				w.Delete(account)
			}
			for _, account := range mine {
				w.Gone(account)
			}
			w.Gone(rival)
			if after := w.Grafana.ServiceAccounts(id); len(after) != len(before)+1 {
				t.Errorf("of %d foreign service accounts and one, %d are left: %+v", len(before), len(after), after)
			}
		})
	}
}

// Where a search has several pages, all of them are read: for a rival on the last one, and for one's own account whose
// creation was answered by nothing.
func TestAPIServiceAccountAmongThousands(t *testing.T) {
	t.Parallel()
	for _, version := range grafanatest.Versions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			w := suite.New(t, grafanatest.Options{Version: version})
			id := suite.Ready(w, w.Organization("team")).Status.OrgID
			account := w.Account("robot", "team", func(o *v1alpha1.ServiceAccount) { o.Spec.Suspend = true })
			mark := string(account.UID)[:8]
			for i := range 1001 { // these match the name and the mark, and come before ours, since logins are sorted
				foreign(w, id, fmt.Sprintf("a-robot-%s-%04d", mark, i+100))
			}
			rival := foreign(w, id, "zzz")
			w.Ask("PATCH", fmt.Sprintf("/api/serviceaccounts/%d", rival), id, map[string]any{"name": "robot"})
			suite.Change(w, account, func() { account.Spec.Suspend = false })
			suite.Stalled(w, account, v1alpha1.ReasonAlreadyExists, fmt.Sprintf("(id %d)", rival))

			w.Ask("DELETE", fmt.Sprintf("/api/serviceaccounts/%d", rival), id, nil)
			theirs := len(w.Grafana.ServiceAccounts(id))
			var creates atomic.Int64
			w.Grafana.SetFault(func(r *grafanatest.Request) grafanatest.Fault {
				if r.Method == "POST" && r.Path == "/api/serviceaccounts" && creates.Add(1) == 1 {
					return grafanatest.Fault{Outcome: grafanatest.DropAfter}
				}
				return grafanatest.Fault{}
			})
			suite.Visit(w, account)
			suite.Ready(w, account)
			checkAccount(w, account)
			if all := w.Grafana.ServiceAccounts(id); len(all) != theirs+1 || creates.Load() != 1 {
				t.Errorf("%d service accounts after %d creates", len(all), creates.Load())
			}
		})
	}
}

// nameIn is the name in the body of a request.
func nameIn(r *grafanatest.Request) string {
	var body struct{ Name string }
	_ = json.Unmarshal(r.Body, &body)
	return body.Name
}

// Grafana before 11.3.1 can fail half-way and leave a login taken for good by what nobody sees: then a counter is
// appended, once for each that is lost so.
func TestAPIServiceAccountWhoseLoginIsBlocked(t *testing.T) {
	suite.NotOnReal(t, "a login is taken by nobody")
	t.Parallel()
	for _, lost := range []int64{1, 3} {
		t.Run(fmt.Sprintf("%d times", lost), func(t *testing.T) {
			t.Parallel()
			w := suite.New(t, grafanatest.Options{Version: "10.4.3"})
			id := suite.Ready(w, w.Organization("team")).Status.OrgID
			blocked := map[string]bool{}
			var failed atomic.Int64
			w.Grafana.SetFault(func(r *grafanatest.Request) grafanatest.Fault {
				if r.Method != "POST" || r.Path != "/api/serviceaccounts" || blocked[nameIn(r)] ||
					failed.Load() == lost {
					return grafanatest.Fault{}
				}
				blocked[nameIn(r)] = true // requests that write come one at a time
				failed.Add(1)
				w.Grafana.BlockLogin(id, fmt.Sprintf("sa-%d-%s", id, nameIn(r)))
				return grafanatest.Fault{
					Outcome: grafanatest.Answer,
					Status:  500,
					Body:    `{"message":"Failed to create service account"}`,
				}
			})
			account := suite.Ready(w, w.Account("robot", "team"))
			prefix, suffix := fmt.Sprintf("sa-%d-robot-", id), fmt.Sprintf("-%s-%d", string(account.UID)[:8], lost+1)
			if !strings.HasPrefix(account.Status.Login, prefix) || !strings.HasSuffix(account.Status.Login, suffix) ||
				failed.Load() != lost {
				t.Errorf(
					"the login is %s, not %s…%s, after %d failures",
					account.Status.Login,
					prefix,
					suffix,
					failed.Load(),
				)
			}
			checkAccount(w, account)
			if all := w.Grafana.ServiceAccounts(id); len(all) != 1 {
				t.Errorf("service accounts: %+v", all)
			}
			token := suite.Ready(w, w.Token("ci", "robot"))
			w.Delete(token, account)
			w.Gone(token, account)
			if all := w.Grafana.ServiceAccounts(id); len(all) != 0 {
				t.Errorf("service accounts are left: %+v", all)
			}
		})
	}
}

// A service account that vanishes just before it is deleted is deleted, though Grafana 10.4 answers 500 to that.
func TestAPIServiceAccountGoneBeforeItIsDeleted(t *testing.T) {
	t.Parallel()
	for _, version := range grafanatest.Versions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			w := suite.New(t, grafanatest.Options{Version: version})
			w.Organization("team")
			account := suite.Ready(w, w.Account("robot", "team"))
			path := fmt.Sprintf("/api/serviceaccounts/%d", account.Status.ID)
			var deletes atomic.Int64
			w.Grafana.SetFault(func(r *grafanatest.Request) grafanatest.Fault {
				if r.Method == "DELETE" && r.Path == path && deletes.Add(1) == 1 {
					w.Grafana.Do("DELETE", path, account.Status.OrgID, nil)
				}
				return grafanatest.Fault{}
			})
			w.Delete(account)
			w.Gone(account)
			if deletes.Load() != 1 {
				t.Errorf("it was deleted %d times", deletes.Load())
			}
		})
	}
}

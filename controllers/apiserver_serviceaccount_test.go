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
)

// named sets the name in Grafana.
func named(name string) func(*v1alpha1.ServiceAccount) {
	return func(o *v1alpha1.ServiceAccount) { o.Spec.Name = name }
}

// foreign makes a service account as a person does, and returns its id.
func (w *world) foreign(orgID int64, name string) int64 {
	w.t.Helper()
	account := map[string]any{"name": name, "role": "Viewer"}
	status, answer := w.grafana.Do("POST", "/api/serviceaccounts", orgID, account)
	if status == http.StatusBadRequest && contains(string(answer), "already exists") {
		// A real 10.4.3 that is busy can fail half-way, and then the login is lost.
		account["name"] = name + "-again"
		answer = w.ask("POST", "/api/serviceaccounts", orgID, account)
	}
	return w.made(answer)
}

// checkAccount compares a service account in Grafana with its object, which is Ready.
func (w *world) checkAccount(account *v1alpha1.ServiceAccount) {
	w.t.Helper()
	sa := w.sa(account.Status.OrgID, account.Status.ID)
	if sa == nil || sa.Name != account.WantedName() || sa.Login != account.Status.Login ||
		!strings.Contains(sa.Login, string(account.UID)[:8]) {
		w.t.Errorf("service account %+v (%+v) is %+v", account.Spec, account.Status, sa)
	}
}

// Names that Grafana would give one login have one each, whoever comes first, and keep it when they are renamed.
func TestAPIServiceAccountsWithOneLogin(t *testing.T) {
	t.Parallel()
	for _, version := range grafanatest.Versions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, grafanatest.Options{Version: version})
			w.organization("team")
			spaced, dashed := w.account("spaced", "team", named("My SA")), w.account("dashed", "team", named("my-sa"))
			ready(w, spaced)
			ready(w, dashed)
			w.checkAccount(spaced)
			w.checkAccount(dashed)
			login := spaced.Status.Login
			if login == dashed.Status.Login {
				t.Errorf("both have the login %s", login)
			}
			change(w, spaced, func() { spaced.Spec.Name = "MY sa" })
			ready(w, spaced)
			w.checkAccount(spaced)
			if spaced.Status.Login != login {
				t.Errorf("renamed, its login went from %s to %s", login, spaced.Status.Login)
			}
			w.delete(dashed)
			w.gone(dashed)
			if all := w.grafana.ServiceAccounts(spaced.Status.OrgID); len(all) != 1 {
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
			w := newWorld(t, grafanatest.Options{Version: version})
			id := ready(w, w.organization("team")).Status.OrgID
			for _, name := range []string{"100 percent-abc", "100xxxaxb", "100%A_B", "A_B", "everything"} {
				w.foreign(id, name)
			}
			before := w.grafana.ServiceAccounts(id)
			mine := map[string]*v1alpha1.ServiceAccount{}
			for object, name := range map[string]string{"both": "100%a_b", "percent": "%", "underline": "_", "ab": "a_b", "backslash": `\%`} {
				mine[object] = w.account(object, "team", named(name))
			}
			for _, account := range mine {
				ready(w, account)
				w.checkAccount(account)
			}
			theirs := w.foreign(id, "x%y")
			rival := w.account("rival", "team", named("x%y"))
			stalled(
				w,
				rival,
				v1alpha1.ReasonAlreadyExists,
				fmt.Sprintf(`"x%%y" exists in organization %d (id %d)`, id, theirs),
			)
			w.delete(rival)
			for _, account := range mine {
				w.delete(account)
			}
			for _, account := range mine {
				w.gone(account)
			}
			w.gone(rival)
			if after := w.grafana.ServiceAccounts(id); len(after) != len(before)+1 {
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
			w := newWorld(t, grafanatest.Options{Version: version})
			id := ready(w, w.organization("team")).Status.OrgID
			account := w.account("robot", "team", func(o *v1alpha1.ServiceAccount) { o.Spec.Suspend = true })
			mark := string(account.UID)[:8]
			for i := range 1001 { // these match the name and the mark, and come before ours, since logins are sorted
				w.foreign(id, fmt.Sprintf("a-robot-%s-%04d", mark, i+100))
			}
			rival := w.foreign(id, "zzz")
			w.ask("PATCH", fmt.Sprintf("/api/serviceaccounts/%d", rival), id, map[string]any{"name": "robot"})
			change(w, account, func() { account.Spec.Suspend = false })
			stalled(w, account, v1alpha1.ReasonAlreadyExists, fmt.Sprintf("(id %d)", rival))

			w.ask("DELETE", fmt.Sprintf("/api/serviceaccounts/%d", rival), id, nil)
			var creates atomic.Int64
			w.grafana.SetFault(func(r *grafanatest.Request) grafanatest.Fault {
				if r.Method == "POST" && r.Path == "/api/serviceaccounts" && creates.Add(1) == 1 {
					return grafanatest.Fault{Outcome: grafanatest.DropAfter}
				}
				return grafanatest.Fault{}
			})
			visit(w, account)
			ready(w, account)
			w.checkAccount(account)
			if all := w.grafana.ServiceAccounts(id); len(all) != 1002 || creates.Load() != 1 {
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
	notOnReal(t, "a login is taken by nobody")
	t.Parallel()
	for _, lost := range []int64{1, 3} {
		t.Run(fmt.Sprintf("%d times", lost), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, grafanatest.Options{Version: "10.4.3"})
			id := ready(w, w.organization("team")).Status.OrgID
			blocked := map[string]bool{}
			var failed atomic.Int64
			w.grafana.SetFault(func(r *grafanatest.Request) grafanatest.Fault {
				if r.Method != "POST" || r.Path != "/api/serviceaccounts" || blocked[nameIn(r)] ||
					failed.Load() == lost {
					return grafanatest.Fault{}
				}
				blocked[nameIn(r)] = true // requests that write come one at a time
				failed.Add(1)
				w.grafana.BlockLogin(id, fmt.Sprintf("sa-%d-%s", id, nameIn(r)))
				return grafanatest.Fault{
					Outcome: grafanatest.Answer,
					Status:  500,
					Body:    `{"message":"Failed to create service account"}`,
				}
			})
			account := ready(w, w.account("robot", "team"))
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
			w.checkAccount(account)
			if all := w.grafana.ServiceAccounts(id); len(all) != 1 {
				t.Errorf("service accounts: %+v", all)
			}
			token := ready(w, w.token("ci", "robot"))
			w.delete(token, account)
			w.gone(token, account)
			if all := w.grafana.ServiceAccounts(id); len(all) != 0 {
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
			w := newWorld(t, grafanatest.Options{Version: version})
			w.organization("team")
			account := ready(w, w.account("robot", "team"))
			path := fmt.Sprintf("/api/serviceaccounts/%d", account.Status.ID)
			var deletes atomic.Int64
			w.grafana.SetFault(func(r *grafanatest.Request) grafanatest.Fault {
				if r.Method == "DELETE" && r.Path == path && deletes.Add(1) == 1 {
					w.grafana.Do("DELETE", path, account.Status.OrgID, nil)
				}
				return grafanatest.Fault{}
			})
			w.delete(account)
			w.gone(account)
			if deletes.Load() != 1 {
				t.Errorf("it was deleted %d times", deletes.Load())
			}
		})
	}
}

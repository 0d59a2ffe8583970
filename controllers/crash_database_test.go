package controllers

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"time"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/mark"
)

// disguised writes somebody else's mark and another name into the only organization, as its Admin can, and ends the
// session that the operator knows the database by.
func disguised(w *world) {
	w.grafana.Do(http.MethodPut, "/api/orgs/3", 1, map[string]any{"name": "Somebody's idea"})
	w.grafana.Do(
		http.MethodPut,
		"/api/orgs/3/address",
		1,
		map[string]any{
			"address2": mark.Mark{
				Cluster: "cluster-1",
				Owner:   "tenant/another",
				UID:     "f0f0f0f0-0000-4000-8000-000000000000",
			}.String(),
		},
	)
	w.grafana.EndSessions()
	w.everybody()
}

// loginMadeAgain deletes the operator's login and makes it anew, with the same name and password.
func loginMadeAgain(w *world) {
	w.grafana.Do(http.MethodPost, "/api/admin/users", 1, map[string]any{"login": "root", "password": "secret"})
	w.grafana.Do(
		http.MethodPut,
		"/api/admin/users/"+w.userID("root")+"/permissions",
		1,
		map[string]any{"isGrafanaAdmin": true},
	)
	w.grafana.Do(http.MethodDelete, "/api/admin/users/1", 1, nil)
	w.grafana.Do(http.MethodPost, "/api/admin/users", 1, map[string]any{"login": "admin", "password": "admin"})
	w.grafana.Do(
		http.MethodPut,
		"/api/admin/users/"+w.userID("admin")+"/permissions",
		1,
		map[string]any{"isGrafanaAdmin": true},
	)
	w.everybody()
}

// userID is the id of a login in Grafana.
func (w *world) userID(login string) string {
	var user struct{ ID int64 }
	_, answer := w.grafana.Do(http.MethodGet, "/api/users/lookup?loginOrEmail="+login, 1, nil)
	if err := json.Unmarshal(answer, &user); err != nil {
		w.tb.Fatal(err)
	}
	return fmt.Sprint(user.ID)
}

// sameDatabase fails if the Instance took its database for another one, or does not know which one it is.
func sameDatabase(w *world) error {
	i := newInstance()
	if w.get(i); i.Status.Resets != 0 || i.Status.DatabaseID == "" {
		return fmt.Errorf("the Instance: %+v", i.Status)
	}
	return nil
}

// onlyOne fails if there is not exactly one organization of ours, with this id, in the same database.
func onlyOne(id int64) func(*world) error {
	return func(w *world) error {
		if own := w.own(); len(own) != 1 || own[0].ID != id {
			return fmt.Errorf("%+v", own)
		}
		return sameDatabase(w)
	}
}

// alike puts in the place of Grafana's database one in which somebody else has an organization of the same id and name,
// whose address has something where our mark could have been; the first to see it is the Organization.
func alike(w *world) {
	w.grafana.ResetDatabase()
	w.grafana.Do(http.MethodPost, "/api/orgs", 1, map[string]any{"name": "Foreign first"})
	w.grafana.Do(http.MethodPost, "/api/orgs", 1, map[string]any{"name": "Foreign by now"})
	w.grafana.Do(http.MethodPut, "/api/orgs/3/address", 1, map[string]any{"address2": "Box 7"})
	w.everybody()
	w.first("Organization tenant/org")
}

// restoredElsewhere restores what a tenant had, but under another id, and under its own somebody else's organization.
func restoredElsewhere(w *world) {
	org, account, token := w.own()[0], w.grafana.ServiceAccounts(3)[0], w.grafana.Tokens(3)[0]
	reset(w)
	w.grafana.Do(http.MethodPost, "/api/orgs", 1, map[string]any{"name": org.Name})
	w.grafana.Do(http.MethodPut, "/api/orgs/4/address", 1, map[string]any{"address2": org.Address.Address2})
	w.accountAgain(4, account, token)
}

// accountAgain restores a service account, with its token.
func (w *world) accountAgain(org int64, account grafanatest.SA, token grafanatest.Tok) {
	_, name, _ := strings.Cut(account.Login, "ci-")
	born := "ci-" + name
	_, answer := w.grafana.Do(
		http.MethodPost,
		"/api/serviceaccounts",
		org,
		map[string]any{"name": born, "role": account.Role},
	)
	var made struct{ ID int64 }
	if err := json.Unmarshal(answer, &made); err != nil {
		w.tb.Fatal(err)
	}
	w.grafana.Do(
		http.MethodPatch,
		fmt.Sprintf("/api/serviceaccounts/%d", made.ID),
		org,
		map[string]any{"name": account.Name},
	)
	w.grafana.Do(
		http.MethodPost,
		fmt.Sprintf("/api/serviceaccounts/%d/tokens", made.ID),
		org,
		map[string]any{"name": token.Name},
	)
}

// restoredAway has the service account be gone again by a restore.
func restoredAway(w *world) {
	backup := w.grafana.Snapshot()
	w.create(newAccount("CI"))
	w.briefly(3 * time.Minute)
	w.grafana.Restore(backup)
}

// personsAccount has a person make an account of the name of ours, which gets its id as well.
func personsAccount(w *world) {
	w.grafana.Do(http.MethodPost, "/api/serviceaccounts", 3, map[string]any{"name": "CI", "role": "Viewer"})
	w.everybody()
}

// personsAccountGone fails if a person's account was touched, or ours is not made once it is gone.
func personsAccountGone(w *world) error {
	all := w.grafana.ServiceAccounts(3)
	if len(all) != 1 || all[0].Name != "CI" || all[0].Role != "Viewer" || all[0].Login != "sa-3-ci" {
		return fmt.Errorf("the person's account is not as it was: %+v", all)
	}
	w.grafana.Do(http.MethodDelete, fmt.Sprint("/api/serviceaccounts/", all[0].ID), 3, nil)
	w.everybody()
	if err := w.rest(); err != nil {
		return err
	}
	return w.check(w.foreign(), scenario{})
}

// first has these visited before all others.
func (w *world) first(keys ...string) {
	for n, key := range keys {
		w.due[key] = w.clock.Add(time.Duration(n-len(keys)) * time.Second)
	}
}

func databaseScenarios() []scenario {
	lost := maps.Clone(waitForInstance)
	delete(lost, "Instance")
	lost["Organization"] = v1alpha1.ReasonOwnershipLost
	return []scenario{
		{
			name:    "the only organization disguised, where a reset is rebuilt",
			before:  tenant,
			act:     disguised,
			stalled: lost,
			kept:    true,
			after:   onlyOne(3),
		},
		{
			name:    "the only organization disguised, where a reset is held",
			before:  configured(hold, tenant),
			act:     disguised,
			stalled: lost,
			kept:    true,
			after:   onlyOne(3),
		},
		{
			name:   "all organizations deleted in Grafana, where a reset is held",
			before: configured(hold, tenant),
			act: func(w *world) {
				w.grafana.Do(http.MethodDelete, "/api/orgs/3", 1, nil)
				w.grafana.EndSessions()
				w.everybody()
			},
			ownKeys: true,
			after:   onlyOne(4),
		},
		{
			name:   "the operator's login made again",
			before: configured(hold, tenant),
			act:    loginMadeAgain,
			after: func(w *world) error {
				i := newInstance()
				if w.get(i); !strings.HasPrefix(i.Status.DatabaseID, "user "+w.userID("admin")+" ") {
					return fmt.Errorf("the identity is not the new one: %+v", i.Status)
				}
				return onlyOne(3)(w)
			},
		},
		{
			name:   "the operator's login made again, and everything deleted",
			before: configured(hold, tenant),
			act: func(w *world) {
				loginMadeAgain(w)
				w.delete(newDashboard("", ""), newToken(), newAccount(""), newOrganization(""))
			},
		},
		{name: "the identity of the database lost", before: configured(hold, tenant), act: func(w *world) {
			i := newInstance()
			w.get(i)
			i.Status.DatabaseID = ""
			if err := w.kube.Status().Update(w.tb.Context(), i); err != nil {
				w.tb.Fatal(err)
			}
			w.grafana.EndSessions()
			w.everybody()
		}, after: onlyOne(3)},
		{name: "organization restored under another id, and its name changed since", before: func(w *world) {
			withOrg(w)
			w.settle()
			edit(w, newOrganization(""), func(o *v1alpha1.Organization) { o.Spec.Name = "Renamed" })
		}, act: func(w *world) {
			org := w.own()[0]
			w.grafana.Do(http.MethodDelete, "/api/orgs/3", 1, nil)
			w.grafana.Do(http.MethodPost, "/api/orgs", 1, map[string]any{"name": "Tenant"})
			w.grafana.Do(http.MethodPut, "/api/orgs/4/address", 1, map[string]any{"address2": org.Address.Address2})
			w.grafana.EndSessions()
			w.everybody()
		}, after: onlyOne(4)},
		{name: "an Instance and a tenant from nothing, where a reset is held", before: func(w *world) {
			w.settle()
			w.delete(newInstance())
		}, act: func(w *world) {
			i := newInstance()
			hold(&i.Spec)
			w.create(i)
			tenant(w)
		}, after: onlyOne(3)},
		{
			name:    "another database with an organization of the same id and name, held",
			before:  configured(hold, func(w *world) { w.create(newOrganization("Foreign by now")) }),
			act:     alike,
			stalled: waitForInstance,
		},
		{
			name:    "another database with an organization of the same id and name, rebuilt",
			before:  func(w *world) { w.create(newOrganization("Foreign by now")) },
			act:     alike,
			stalled: map[string]string{"Organization": v1alpha1.ReasonAlreadyExists},
		},
		{
			name:   "restored under another id, and account and token deleted at once",
			before: withToken(plain),
			act: func(w *world) {
				restoredElsewhere(w)
				w.delete(newToken(), newAccount(""))
				w.first("ServiceAccountToken tenant/token", "ServiceAccount tenant/account")
			},
		},
		{
			name:   "account restored under another id, and its token deleted at once",
			before: withToken(plain),
			act: func(w *world) {
				account, token := w.grafana.ServiceAccounts(3)[0], w.grafana.Tokens(3)[0]
				w.grafana.Do(http.MethodDelete, fmt.Sprintf("/api/serviceaccounts/%d", account.ID), 3, nil)
				w.accountAgain(3, account, token)
				w.delete(newToken())
				w.first("ServiceAccountToken tenant/token")
			},
		},
		{
			name:    "Grafana restored from before the service account, whose id and name are a person's",
			before:  withOrg,
			midway:  restoredAway,
			act:     personsAccount,
			stalled: map[string]string{"ServiceAccount": v1alpha1.ReasonAlreadyExists},
			kept:    true,
			after:   personsAccountGone,
		},
		{
			name:   "Grafana restored from before its organizations, where a reset is held",
			before: configured(hold, nothing),
			act: func(w *world) {
				backup := w.grafana.Snapshot()
				tenant(w)
				w.briefly(3 * time.Minute)
				w.grafana.Restore(backup)
				w.everybody()
			},
			ownKeys: true,
			after:   sameDatabase,
		},
	}
}

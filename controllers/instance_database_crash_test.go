package controllers_test

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
	"grafana-tenancy.dev/operator/internal/testing/crash"
)

// disguised writes somebody else's mark and another name into the only organization, as its Admin can, and ends the
// session that the operator knows the database by.
func disguised(w *crash.World) {
	w.Grafana.Do(http.MethodPut, "/api/orgs/3", 1, map[string]any{"name": "Somebody's idea"})
	markedByAnother(w)
	w.Grafana.EndSessions()
	w.Everybody()
}

// markedByAnother writes somebody else's mark into the only organization, as its Admin can.
func markedByAnother(w *crash.World) {
	w.Grafana.Do(
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
}

// loginMadeAgain deletes the operator's login and makes it anew, with the same name and password.
func loginMadeAgain(w *crash.World) {
	w.Grafana.Do(http.MethodPost, "/api/admin/users", 1, map[string]any{"login": "root", "password": "secret"})
	w.Grafana.Do(
		http.MethodPut,
		"/api/admin/users/"+userID(w, "root")+"/permissions",
		1,
		map[string]any{"isGrafanaAdmin": true},
	)
	w.Grafana.Do(http.MethodDelete, "/api/admin/users/1", 1, nil)
	w.Grafana.Do(http.MethodPost, "/api/admin/users", 1, map[string]any{"login": "admin", "password": "admin"})
	w.Grafana.Do(
		http.MethodPut,
		"/api/admin/users/"+userID(w, "admin")+"/permissions",
		1,
		map[string]any{"isGrafanaAdmin": true},
	)
	w.Everybody()
}

// userID is the id of a login in Grafana.
func userID(w *crash.World, login string) string {
	var user struct{ ID int64 }
	_, answer := w.Grafana.Do(http.MethodGet, "/api/users/lookup?loginOrEmail="+login, 1, nil)
	if err := json.Unmarshal(answer, &user); err != nil {
		w.TB.Fatal(err)
	}
	return fmt.Sprint(user.ID)
}

// sameDatabase fails if the Instance took its database for another one, or does not know which one it is.
func sameDatabase(w *crash.World) error {
	i := crash.Instance()
	if w.Get(i); i.Status.Resets != 0 || i.Status.DatabaseID == "" {
		return fmt.Errorf("the Instance: %+v", i.Status)
	}
	return nil
}

// onlyOne fails if there is not exactly one organization of ours, with this id, in the same database.
func onlyOne(id int64) func(*crash.World) error {
	return func(w *crash.World) error {
		if own := own(w); len(own) != 1 || own[0].ID != id {
			return fmt.Errorf("%+v", own)
		}
		return sameDatabase(w)
	}
}

// alike puts in the place of Grafana's database one in which somebody else has an organization of the same id and name,
// whose address has something where our mark could have been; the first to see it is the Organization.
func alike(w *crash.World) {
	w.Grafana.ResetDatabase()
	w.Grafana.Do(http.MethodPost, "/api/orgs", 1, map[string]any{"name": "Foreign first"})
	w.Grafana.Do(http.MethodPost, "/api/orgs", 1, map[string]any{"name": "Foreign by now"})
	w.Grafana.Do(http.MethodPut, "/api/orgs/3/address", 1, map[string]any{"address2": "Box 7"})
	w.Everybody()
	first(w, "Organization tenant/org")
}

// restoredElsewhere restores what a tenant had, but under another id, and under its own somebody else's organization.
func restoredElsewhere(w *crash.World) {
	org, account, token := own(w)[0], w.Grafana.ServiceAccounts(3)[0], w.Grafana.Tokens(3)[0]
	reset(w)
	w.Grafana.Do(http.MethodPost, "/api/orgs", 1, map[string]any{"name": org.Name})
	w.Grafana.Do(http.MethodPut, "/api/orgs/4/address", 1, map[string]any{"address2": org.Address.Address2})
	accountAgain(w, 4, account, token)
}

// accountAgain restores a service account, with its token.
func accountAgain(w *crash.World, org int64, account grafanatest.SA, token grafanatest.Tok) {
	_, name, _ := strings.Cut(account.Login, "ci-")
	born := "ci-" + name
	_, answer := w.Grafana.Do(
		http.MethodPost,
		"/api/serviceaccounts",
		org,
		map[string]any{"name": born, "role": account.Role},
	)
	var made struct{ ID int64 }
	if err := json.Unmarshal(answer, &made); err != nil {
		w.TB.Fatal(err)
	}
	w.Grafana.Do(
		http.MethodPatch,
		fmt.Sprintf("/api/serviceaccounts/%d", made.ID),
		org,
		map[string]any{"name": account.Name},
	)
	w.Grafana.Do(
		http.MethodPost,
		fmt.Sprintf("/api/serviceaccounts/%d/tokens", made.ID),
		org,
		map[string]any{"name": token.Name},
	)
}

// restoredAway has the service account be gone again by a restore.
func restoredAway(w *crash.World) {
	backup := w.Grafana.Snapshot()
	w.Create(crash.Account("CI"))
	w.Briefly(3 * time.Minute)
	w.Grafana.Restore(backup)
}

// personsAccount has a person make an account of the name of ours, which gets its id as well.
func personsAccount(w *crash.World) {
	w.Grafana.Do(http.MethodPost, "/api/serviceaccounts", 3, map[string]any{"name": "CI", "role": "Viewer"})
	w.Everybody()
}

// personsAccountGone fails if a person's account was touched, or ours is not made once it is gone.
func personsAccountGone(w *crash.World) error {
	all := w.Grafana.ServiceAccounts(3)
	if len(all) != 1 || all[0].Name != "CI" || all[0].Role != "Viewer" || all[0].Login != "sa-3-ci" {
		return fmt.Errorf("the person's account is not as it was: %+v", all)
	}
	w.Grafana.Do(http.MethodDelete, fmt.Sprint("/api/serviceaccounts/", all[0].ID), 3, nil)
	w.Everybody()
	if err := w.Rest(); err != nil {
		return err
	}
	return w.Check(w.Foreign(), crash.Scenario{})
}

// first has these visited before all others.
func first(w *crash.World, keys ...string) {
	for n, key := range keys {
		w.Due[key] = w.Clock.Add(time.Duration(n-len(keys)) * time.Second)
	}
}

func databaseScenarios() []crash.Scenario {
	lost := maps.Clone(waitForInstance)
	delete(lost, "Instance")
	lost["Organization"] = v1alpha1.ReasonOwnershipLost
	return []crash.Scenario{
		{
			Name:    "the only organization disguised, where a reset is rebuilt",
			Before:  crash.Tenant,
			Act:     disguised,
			Stalled: lost,
			Kept:    true,
			After:   onlyOne(3),
		},
		{
			Name:    "the only organization disguised, where a reset is held",
			Before:  configured(hold, crash.Tenant),
			Act:     disguised,
			Stalled: lost,
			Kept:    true,
			After:   onlyOne(3),
		},
		{
			Name:   "all organizations deleted in Grafana, where a reset is held",
			Before: configured(hold, crash.Tenant),
			Act: func(w *crash.World) {
				w.Grafana.Do(http.MethodDelete, "/api/orgs/3", 1, nil)
				w.Grafana.EndSessions()
				w.Everybody()
			},
			OwnKeys: true,
			After:   onlyOne(4),
		},
		{
			Name:   "the operator's login made again",
			Before: configured(hold, crash.Tenant),
			Act:    loginMadeAgain,
			After: func(w *crash.World) error {
				i := crash.Instance()
				if w.Get(i); !strings.HasPrefix(i.Status.DatabaseID, "user "+userID(w, "admin")+" ") {
					return fmt.Errorf("the identity is not the new one: %+v", i.Status)
				}
				return onlyOne(3)(w)
			},
		},
		{
			Name:   "the operator's login made again, and everything deleted",
			Before: configured(hold, crash.Tenant),
			Act: func(w *crash.World) {
				loginMadeAgain(w)
				w.Delete(crash.Dashboard("", ""), crash.Token(), crash.Account(""), crash.Organization(""))
			},
		},
		{Name: "the identity of the database lost", Before: configured(hold, crash.Tenant), Act: func(w *crash.World) {
			i := crash.Instance()
			w.Get(i)
			i.Status.DatabaseID = ""
			if err := w.Kube.Status().Update(w.TB.Context(), i); err != nil {
				w.TB.Fatal(err)
			}
			w.Grafana.EndSessions()
			w.Everybody()
		}, After: onlyOne(3)},
		{Name: "organization restored under another id, and its name changed since", Before: func(w *crash.World) {
			crash.WithOrg(w)
			w.Settle()
			crash.Edit(w, crash.Organization(""), func(o *v1alpha1.Organization) { o.Spec.Name = "Renamed" })
		}, Act: func(w *crash.World) {
			org := own(w)[0]
			w.Grafana.Do(http.MethodDelete, "/api/orgs/3", 1, nil)
			w.Grafana.Do(http.MethodPost, "/api/orgs", 1, map[string]any{"name": "Tenant"})
			w.Grafana.Do(http.MethodPut, "/api/orgs/4/address", 1, map[string]any{"address2": org.Address.Address2})
			w.Grafana.EndSessions()
			w.Everybody()
		}, After: onlyOne(4)},
		{Name: "an Instance and a tenant from nothing, where a reset is held", Before: func(w *crash.World) {
			w.Settle()
			w.Delete(crash.Instance())
		}, Act: func(w *crash.World) {
			i := crash.Instance()
			hold(&i.Spec)
			w.Create(i)
			crash.Tenant(w)
		}, After: onlyOne(3)},
		{
			Name:    "another database with an organization of the same id and name, held",
			Before:  configured(hold, func(w *crash.World) { w.Create(crash.Organization("Foreign by now")) }),
			Act:     alike,
			Stalled: waitForInstance,
		},
		{
			Name:    "another database with an organization of the same id and name, rebuilt",
			Before:  func(w *crash.World) { w.Create(crash.Organization("Foreign by now")) },
			Act:     alike,
			Stalled: map[string]string{"Organization": v1alpha1.ReasonAlreadyExists},
		},
		{
			Name:   "restored under another id, and account and token deleted at once",
			Before: withToken(plain),
			Act: func(w *crash.World) {
				restoredElsewhere(w)
				w.Delete(crash.Token(), crash.Account(""))
				first(w, "ServiceAccountToken tenant/token", "ServiceAccount tenant/account")
			},
		},
		{
			Name:   "account restored under another id, and its token deleted at once",
			Before: withToken(plain),
			Act: func(w *crash.World) {
				account, token := w.Grafana.ServiceAccounts(3)[0], w.Grafana.Tokens(3)[0]
				w.Grafana.Do(http.MethodDelete, fmt.Sprintf("/api/serviceaccounts/%d", account.ID), 3, nil)
				accountAgain(w, 3, account, token)
				w.Delete(crash.Token())
				first(w, "ServiceAccountToken tenant/token")
			},
		},
		{
			Name:    "Grafana restored from before the service account, whose id and name are a person's",
			Before:  crash.WithOrg,
			Midway:  restoredAway,
			Act:     personsAccount,
			Stalled: map[string]string{"ServiceAccount": v1alpha1.ReasonAlreadyExists},
			Kept:    true,
			After:   personsAccountGone,
		},
		{
			Name:   "Grafana restored from before its organizations, where a reset is held",
			Before: configured(hold, crash.Nothing),
			Act: func(w *crash.World) {
				backup := w.Grafana.Snapshot()
				crash.Tenant(w)
				w.Briefly(3 * time.Minute)
				w.Grafana.Restore(backup)
				w.Everybody()
			},
			OwnKeys: true,
			After:   sameDatabase,
		},
	}
}

package grafanatest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// clean deletes all that bears the world's names.
func (r *real) clean() error {
	ids, err := r.ownOrgs()
	if err != nil {
		return err
	}
	var failed []error
	for _, id := range ids {
		failed = append(failed, r.cleanOrg(id))
	}
	var users []struct {
		ID    int64
		Login string
	}
	failed = append(failed, r.ask(http.MethodGet, "/api/users?perpage=1000000", 1, nil, &users))
	for _, u := range users {
		if strings.HasPrefix(u.Login, r.names.prefix) {
			failed = append(failed, r.remove(fmt.Sprintf("/api/admin/users/%d", u.ID), 1))
		}
	}
	return errors.Join(failed...)
}

// cleanOrg deletes an organization, and before it what Grafana would keep of it: service accounts with their
// keys, library panels, and on 12 dashboards and folders.
func (r *real) cleanOrg(id int64) error {
	if err := r.join(id); err != nil {
		return err
	}
	lists := []struct {
		list, remove string
		read         func(json.RawMessage) []string
		outlives     bool // the organization; the rest goes with it if need be
	}{
		{
			"/api/serviceaccounts/search?perpage=100000",
			"/api/serviceaccounts/%s",
			within("serviceAccounts", "id"),
			true,
		},
		{"/api/search?type=dash-db&limit=5000", "/api/dashboards/uid/%s", within("", "uid"), false},
		{"/api/library-elements?perPage=1000", "/api/library-elements/%s", within("result.elements", "uid"), true},
		{"/api/folders?limit=1000", "/api/folders/%s?forceDeleteRules=true", within("", "uid"), false},
	}
	for _, l := range lists {
		var answer json.RawMessage
		if err := r.ask(http.MethodGet, l.list, id, nil, &answer); err != nil {
			return err
		}
		for _, one := range l.read(answer) {
			if err := r.remove(fmt.Sprintf(l.remove, url.PathEscape(one)), id); err != nil && l.outlives {
				return err
			}
		}
	}
	return r.remove(fmt.Sprintf("/api/orgs/%d", id), 1)
}

// remove deletes what may be gone: a deletion that a locked database ended with 500 was in part done.
func (r *real) remove(path string, org int64) error {
	err := r.ask(http.MethodDelete, path, org, nil, nil)
	if err != nil && strings.Contains(err.Error(), ": 404 ") {
		return nil
	}
	return err
}

// join makes the admin that we were given an admin of an organization that is to be deleted.
func (r *real) join(id int64) error {
	err := r.ask(
		http.MethodPost,
		fmt.Sprintf("/api/orgs/%d/users", id),
		1,
		obj{"loginOrEmail": r.User, "role": "Admin"},
		nil,
	)
	if err != nil && !strings.Contains(err.Error(), ": 409 ") {
		return err
	}
	return r.ask(http.MethodGet, "/api/access-control/user/permissions?reloadcache=true", id, nil, nil)
}

// MakeRoom lets as many users as need be into the main organization, which each test has an admin in, and returns what
// undoes that. While it has as many as its quota says, which is 10 by default, Grafana refuses whoever is in it to make
// an organization.
func (to Real) MakeRoom() (undo func() error, err error) {
	facts, err := factsOf(to)
	if err != nil || !facts.quotas {
		return func() error { return nil }, err
	}
	r := &real{Real: to, client: newRealClient()}
	var quotas []struct {
		Target string
		Limit  int64
	}
	if err := r.ask(http.MethodGet, "/api/orgs/1/quotas", 1, nil, &quotas); err != nil {
		return nil, err
	}
	limit := func(n int64) error {
		return r.ask(http.MethodPut, "/api/orgs/1/quotas/org_user", 1, obj{"limit": n}, nil)
	}
	undo = func() error { return nil }
	for _, q := range quotas {
		if q.Target == "org_user" {
			undo = func() error { return limit(q.Limit) }
		}
	}
	return undo, limit(-1)
}

// within reads a field of each object in a list, which is in a field, or in one of one, or by itself.
func within(path, field string) func(json.RawMessage) []string {
	return func(answer json.RawMessage) (values []string) {
		for _, step := range strings.FieldsFunc(path, func(c rune) bool { return c == '.' }) {
			var object map[string]json.RawMessage
			if json.Unmarshal(answer, &object) != nil {
				return nil
			}
			answer = object[step]
		}
		var list []map[string]json.RawMessage
		_ = json.Unmarshal(answer, &list)
		for _, one := range list {
			values = append(values, strings.Trim(string(one[field]), `"`))
		}
		return values
	}
}

// endSessions ends those of the world's admin.
func (r *real) endSessions() {
	if err := r.ask(http.MethodPost, fmt.Sprintf("/api/admin/users/%d/logout", r.admin), 1, obj{}, nil); err != nil {
		r.tb.Errorf("ending the sessions: %v", err)
	}
}

// setPassword changes the password of a user of the world's.
func (r *real) setPassword(login, password string) {
	var user struct{ ID int64 }
	err := r.ask(http.MethodGet, "/api/users/lookup?loginOrEmail="+url.QueryEscape(r.names.out(login)), 1, nil, &user)
	if err == nil {
		err = r.ask(
			http.MethodPut,
			fmt.Sprintf("/api/admin/users/%d/password", user.ID),
			1,
			obj{"password": r.names.secret(password)},
			nil,
		)
	}
	switch {
	case err != nil && strings.Contains(err.Error(), "login form is disabled"):
		NotOnReal(r.tb, "without a login form nobody can change a password")
	case err != nil:
		r.tb.Errorf("changing the password of %q: %v", login, err)
	}
}

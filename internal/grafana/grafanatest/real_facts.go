package grafanatest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"sync"
	"time"
)

// facts are what can be known of a real Grafana and decides which tests it is for.
type facts struct {
	version, database              string
	quotas, anonymous, noLoginForm bool
	nested, noAlerting             bool
	dayLimit, secondsToLive        string
}

// asked are the facts of Grafanas that were asked already.
var asked sync.Map

// factsOf asks a Grafana about itself, once.
func factsOf(to Real) (facts, error) {
	if f, there := asked.Load(to); there {
		return f.(facts), nil
	}
	r := &real{Real: to, client: newRealClient()}
	defer r.client.CloseIdleConnections()
	var health struct{ Version string }
	if err := r.ask(http.MethodGet, "/api/health", 1, nil, &health); err != nil {
		return facts{}, err
	}
	var settings map[string]map[string]string
	if err := r.ask(http.MethodGet, "/api/admin/settings", 1, nil, &settings); err != nil {
		return facts{}, err
	}
	on := func(section, key string) bool { return settings[section][key] == "true" }
	f := facts{
		version:  health.Version,
		database: settings["database"]["type"],
		quotas: on(
			"quota",
			"enabled",
		),
		anonymous:   on("auth.anonymous", "enabled"),
		noLoginForm: on("auth", "disable_login_form"),
		nested:      strings.Contains(settings["feature_toggles"]["enable"], "nestedFolders"),
		noAlerting:  settings["unified_alerting"]["enabled"] == "false",
		dayLimit:    settings["service_accounts"]["token_expiration_day_limit"],

		secondsToLive: settings["auth"]["api_key_max_seconds_to_live"],
	}
	asked.Store(to, f)
	return f, nil
}

// Describe names a real Grafana's version and database.
func (to Real) Describe() (version, database string, err error) {
	f, err := factsOf(to)
	return f.version, f.database, err
}

// differ says in a word why this is not the Grafana of opts; "" if it is.
func (f facts) differ(opts Options) string {
	switch {
	case opts.Version != "" && opts.Version != f.version:
		return "it is of another version than " + opts.Version
	case opts.Now != nil:
		return "the clock is put forward"
	case opts.Database != "" && opts.Database.setting() != f.database:
		return "its database is not " + string(opts.Database)
	case opts.TokenExpirationDayLimit != 0 && fmt.Sprint(opts.TokenExpirationDayLimit) != f.dayLimit,
		opts.MaxSecondsToLive != 0 && fmt.Sprint(opts.MaxSecondsToLive) != f.secondsToLive:
		return "tokens may live for another time"
	}
	for _, s := range []struct {
		wanted, is bool
		why        string
	}{
		{opts.Quotas, f.quotas, "quotas are off"},
		{opts.Anonymous, f.anonymous, "anonymous access is off"},
		{opts.DisableLoginForm, f.noLoginForm, "the login form is on"},
		{opts.LoginForm, !f.noLoginForm, "the login form is off"},
		{opts.NestedFolders, f.nested, "nested folders are off"},
		{opts.AlertingDisabled, f.noAlerting, "alerting is on"},
	} {
		if s.wanted && !s.is {
			return s.why
		}
	}
	opts.Version, opts.Admin, opts.Password, opts.Database = "", "", "", ""
	opts.TokenExpirationDayLimit, opts.MaxSecondsToLive = 0, 0
	opts.Quotas, opts.Anonymous, opts.DisableLoginForm, opts.LoginForm = false, false, false, false
	opts.NestedFolders, opts.SchemaDefaults, opts.AlertingDisabled = false, false, false
	if !reflect.ValueOf(opts).IsZero() {
		return "it has other settings"
	}
	return ""
}

// ask sends a request as the server admin that we were given, with names as they are, and reads the answer
// into out. Anything but a success is an error.
func (r *real) ask(method, path string, org int64, body, out any) error {
	u, err := url.Parse(path)
	if err != nil {
		return err
	}
	in := inbound{ctx: context.Background(), method: method, url: u, header: http.Header{}}
	in.header.Set("Authorization", basicAuth(r.User, r.Password))
	in.header.Set("X-Grafana-Org-Id", fmt.Sprint(org))
	if body != nil {
		in.header.Set("Content-Type", "application/json")
		in.body = mustJSON(body)
	}
	a, err := r.sendUntilServed(in)
	switch {
	case err != nil:
		return err
	case a.status > 299:
		return fmt.Errorf("%s %s: %d %.300s", method, path, a.status, a.body)
	case out == nil:
		return nil
	}
	return json.Unmarshal(a.body, out)
}

// sendUntilServed sends a request again while Grafana fails, as it does when many write to its SQLite at once: even
// what makes a folder can then be told that somebody else has changed it, and the right password that it is wrong.
func (r *real) sendUntilServed(in inbound) (a *answer, err error) {
	for pause := 100 * time.Millisecond; ; pause *= 2 {
		a, err = r.send(in)
		if err != nil || pause > 10*time.Second || !a.lockedOut() {
			return a, err
		}
		if err := wait(in.ctx, pause); err != nil {
			return a, err
		}
	}
}

// lockedOut reports whether an answer may be that of a locked database.
func (a *answer) lockedOut() bool {
	return a.status >= 500 ||
		bytes.Contains(a.body, []byte("the folder has been changed")) ||
		bytes.Contains(a.body, []byte("password-auth.failed"))
}

// makeAdmin makes the world's own admin: a server admin who is one in the main organization, too.
func (r *real) makeAdmin() error {
	login := r.names.out(r.names.admin)
	var made struct{ ID int64 }
	user := obj{
		"login":    login,
		"name":     login,
		"email":    login + "@example.org",
		"password": r.names.secret(r.names.password),
	}
	if err := r.ask(http.MethodPost, "/api/admin/users", 1, user, &made); err != nil {
		return err
	}
	r.admin = made.ID
	if err := r.ask(
		http.MethodPut,
		fmt.Sprintf("/api/admin/users/%d/permissions", made.ID),
		1,
		obj{"isGrafanaAdmin": true},
		nil,
	); err != nil {
		return err
	}
	return r.ask(http.MethodPatch, fmt.Sprintf("/api/orgs/1/users/%d", made.ID), 1, obj{"role": "Admin"}, nil)
}

// Inventory lists what is in a real Grafana beyond its organizations: these, the users, and what is in the
// main one.
func (to Real) Inventory() (things []string, err error) {
	r := &real{Real: to, client: newRealClient()}
	defer r.client.CloseIdleConnections()
	for path, read := range map[string]func(json.RawMessage) []string{
		"/api/orgs?perpage=1000000":                  within("", "name"),
		"/api/users?perpage=1000000":                 within("", "login"),
		"/api/serviceaccounts/search?perpage=100000": within("serviceAccounts", "login"),
		"/api/search?limit=5000":                     within("", "uid"),
	} {
		var answer json.RawMessage
		if err := r.ask(http.MethodGet, path, 1, nil, &answer); err != nil {
			return nil, err
		}
		kind, _, _ := strings.Cut(path, "?")
		for _, thing := range read(answer) {
			things = append(things, kind+" "+thing)
		}
	}
	return things, nil
}

package grafanatest

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestConfiguration(t *testing.T) {
	long := `{"dashboard":{"title":"long","text":"` + strings.Repeat("x", 200) + `"}}`
	cases := []struct {
		name         string
		opts         Options
		auth         string
		method, path string
		body         string
		status       int
		text         string // in the answer
	}{
		{"login form disabled", Options{DisableLoginForm: true}, "", "POST", "/login",
			`{"user":"admin","password":"admin"}`, 400, "auth.client.notConfigured"},
		{"login form disabled, password", Options{DisableLoginForm: true}, adminAuth, "PUT",
			"/api/admin/users/1/password", `{"password":"another"}`, 403,
			"Not allowed to reset password when login form is disabled"},
		{"basic auth disabled", Options{BasicAuthDisabled: true}, adminAuth, "GET", "/api/org", "", 401,
			"auth.unauthorized"},
		{"basic auth disabled, login", Options{BasicAuthDisabled: true}, "", "POST", "/login",
			`{"user":"admin","password":"admin"}`, 200, "Logged in"},
		{"version hidden", Options{HideVersion: true}, "", "GET", "/api/health", "", 200,
			"{\n  \"database\": \"ok\"\n}"},
		{"version hidden, signed in", Options{HideVersion: true}, adminAuth, "GET", "/api/health", "", 200, "12.4.0"},
		{"long dashboard", Options{MaxDashboardBytes: 100}, adminAuth, "POST", "/api/dashboards/db", long, 413, ""},
		{"another admin", Options{Admin: "root", Password: "pw"}, "Basic cm9vdDpwdw==", "GET", "/api/user", "", 200,
			`"login":"root"`},
		{"longest life", Options{MaxSecondsToLive: 9}, adminAuth, "POST", "/api/serviceaccounts/2/tokens",
			`{"name":"x","secondsToLive":10}`, 400, "global limit"},
		{"no life", Options{MaxSecondsToLive: 9}, adminAuth, "POST", "/api/serviceaccounts/2/tokens",
			`{"name":"x"}`, 400, "should be set"},
		{"day limit", Options{TokenExpirationDayLimit: 1}, adminAuth, "POST", "/api/serviceaccounts/2/tokens",
			`{"name":"x","secondsToLive":86401}`, 400, "text/plain"},
		{"day limit kept", Options{TokenExpirationDayLimit: 1}, adminAuth, "POST", "/api/serviceaccounts/2/tokens",
			`{"name":"x","secondsToLive":86400}`, 200, "glsa_"},
		{"day limit, no end, 10.4", Options{TokenExpirationDayLimit: 1, Version: "10.4.3"}, adminAuth, "POST",
			"/api/serviceaccounts/2/tokens", `{"name":"x"}`, 200, "glsa_"},
	}
	for _, c := range cases {
		s := New(c.opts)
		s.Do("POST", "/api/serviceaccounts", 1, obj{"name": "bot"})
		status, text := (client{t: t, server: s, auth: c.auth}).do(c.method, c.path, 1, c.body)
		if status != c.status || !strings.Contains(text, c.text) {
			t.Errorf("%s: %s\nwant %d and %q", c.name, text, c.status, c.text)
		}
	}
}

func TestUnknownVersion(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("an unknown version was accepted")
		}
	}()
	New(Options{Version: "9.5.0"})
}

func TestQuotas(t *testing.T) {
	s := New(Options{})
	s.SetQuotas(true)
	if status, body := s.Do("PUT", "/api/orgs/1/quotas/dashboard", 1, obj{"limit": 1}); status != 200 {
		t.Fatalf("%d %s", status, body)
	}
	save := func(uid string) int {
		status, _ := s.Do("POST", "/api/dashboards/db", 1,
			obj{"dashboard": obj{"uid": uid, "title": uid}, "overwrite": true})
		return status
	}
	if first, second, update := save("a"), save("b"), save("a"); first != 200 || second != 403 || update != 403 {
		t.Errorf("first %d, second %d, update %d, want 200, 403, 403", first, second, update)
	}
	var quotas []struct {
		Target      string
		Limit, Used int64
	}
	_, body := s.Do("GET", "/api/orgs/1/quotas", 1, nil)
	if err := json.Unmarshal(body, &quotas); err != nil {
		t.Fatal(err)
	}
	for _, q := range quotas {
		if q.Target == "dashboard" && (q.Limit != 1 || q.Used != 1) {
			t.Errorf("dashboards: %+v", q)
		}
	}
	if got := s.Orgs()[0].Quotas["dashboard"]; got != 1 {
		t.Errorf("limit %d, want 1", got)
	}
	if status, _ := s.Do("PUT", "/api/orgs/1/quotas/stars", 1, obj{"limit": 1}); status != 500 {
		t.Errorf("an unknown target: %d", status)
	}
	s.SetQuotas(false)
	if got := save("b"); got != 200 {
		t.Errorf("quotas off: %d", got)
	}
}

package grafanatest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// client talks to a server in process.
type client struct {
	t       *testing.T
	server  *Server
	auth    string // Authorization
	session string
}

func (c client) status(method, path string, orgID int64, body string) int {
	status, _ := c.do(method, path, orgID, body)
	return status
}

func (c client) do(method, path string, orgID int64, body string) (int, string) {
	c.t.Helper()
	h := http.Header{"Content-Type": {"application/json"}}
	if c.auth != "" {
		h.Set("Authorization", c.auth)
	}
	if c.session != "" {
		h.Set("Cookie", c.session)
	}
	if orgID != 0 {
		h.Set("X-Grafana-Org-Id", fmt.Sprint(orgID))
	}
	r, err := http.NewRequestWithContext(c.t.Context(), method, "http://grafana.test"+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	r.Header = h
	resp, err := c.server.RoundTripper().RoundTrip(r)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	var text strings.Builder
	if err := resp.Write(&text); err != nil {
		c.t.Fatal(err)
	}
	return resp.StatusCode, text.String()
}

const adminAuth = "Basic YWRtaW46YWRtaW4="

// withToken makes an org 2 with a service account 2 and a token, and returns
// the key.
func withToken(t *testing.T, s *Server) (key string) {
	t.Helper()
	must := func(status int, body []byte) []byte {
		t.Helper()
		if status >= 300 {
			t.Fatalf("%d %s", status, body)
		}
		return body
	}
	must(s.Do("POST", "/api/orgs", 1, obj{"name": "team"}))
	must(s.Do("POST", "/api/serviceaccounts", 2, obj{"name": "bot", "role": "Admin"}))
	var made struct{ Key string }
	if err := json.Unmarshal(
		must(s.Do("POST", "/api/serviceaccounts/2/tokens", 2, obj{"name": "t"})),
		&made,
	); err != nil {
		t.Fatal(err)
	}
	return made.Key
}

func TestKeyAlive(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	s := New(Options{Now: func() time.Time { return now }})
	key := withToken(t, s)
	bearer := client{t: t, server: s, auth: "Bearer " + key}
	alive := func(want bool) {
		t.Helper()
		orgID, saID, tokenID, ok := s.KeyAlive(key)
		if ok != want {
			t.Errorf("alive: %t, want %t", ok, want)
		}
		if ok && (orgID != 2 || saID != 2 || tokenID != 1) {
			t.Errorf("belongs to org %d, service account %d, token %d", orgID, saID, tokenID)
		}
		if got := bearer.status("GET", "/api/org", 2, "") == 200; got != want {
			t.Errorf("the key is accepted: %t, want %t", got, want)
		}
	}
	alive(true)
	s.Do("PATCH", "/api/serviceaccounts/2", 2, obj{"isDisabled": true})
	alive(false)
	s.Do("PATCH", "/api/serviceaccounts/2", 2, obj{"isDisabled": false})
	alive(true)
	s.RevokeToken(2, 1)
	alive(false)
	if tokens := s.Tokens(2); len(tokens) != 1 || !tokens[0].Revoked {
		t.Errorf("tokens after revocation: %+v", tokens)
	}

	_, body := s.Do("POST", "/api/serviceaccounts/2/tokens", 2, obj{"name": "short", "secondsToLive": 60})
	var made struct{ Key string }
	if err := json.Unmarshal(body, &made); err != nil {
		t.Fatal(err)
	}
	now = now.Add(59 * time.Second)
	if _, _, _, ok := s.KeyAlive(made.Key); !ok {
		t.Error("dead before its time")
	}
	now = now.Add(time.Second)
	if _, _, _, ok := s.KeyAlive(made.Key); ok {
		t.Error("alive after its time")
	}
	if keys := s.Keys(); len(keys) != 2 || keys[0] != key || keys[1] != made.Key {
		t.Errorf("keys issued: %d", len(keys))
	}
}

func TestLockOut(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	s := New(Options{Now: func() time.Time { return now }})
	key := withToken(t, s)
	admin := client{t: t, server: s, auth: adminAuth}
	if got := admin.status("GET", "/api/org", 1, ""); got != 200 {
		t.Fatalf("before: %d", got)
	}
	s.LockOut("admin")
	if got := admin.status("GET", "/api/org", 1, ""); got != 401 {
		t.Errorf("locked out, basic auth: %d", got)
	}
	if got := (client{t: t, server: s}).status("POST", "/login", 0, `{"user":"admin","password":"admin"}`); got != 401 {
		t.Errorf("locked out, login: %d", got)
	}
	if got := (client{t: t, server: s, auth: "Bearer " + key}).status("GET", "/api/org", 2, ""); got != 200 {
		t.Errorf("a token: %d", got)
	}
	now = now.Add(attemptWindow)
	if got := admin.status("GET", "/api/org", 1, ""); got != 200 {
		t.Errorf("five minutes later: %d", got)
	}
}

func TestWrongPasswordsLockOut(t *testing.T) {
	for _, version := range Versions() {
		s := New(Options{Version: version})
		wrong := client{t: t, server: s, auth: "Basic YWRtaW46d3Jvbmc="}
		for range maxAttempts - 1 {
			wrong.do("GET", "/api/org", 1, "")
		}
		admin := client{t: t, server: s, auth: adminAuth}
		if got := admin.status("GET", "/api/org", 1, ""); got != 200 {
			t.Errorf("%s: after four: %d", version, got)
		}
		wrong.do("GET", "/api/org", 1, "")
		if got := admin.status("GET", "/api/org", 1, ""); got != 401 {
			t.Errorf("%s: after five: %d", version, got)
		}
	}
}

// login returns the session cookie of a login as admin.
func (c client) login() client {
	c.t.Helper()
	status, text := c.do("POST", "/login", 0, `{"user":"admin","password":"admin"}`)
	_, rest, found := strings.Cut(text, "Set-Cookie: "+sessionCookie+"=")
	if status != 200 || !found {
		c.t.Fatalf("login: %d", status)
	}
	value, _, _ := strings.Cut(rest, ";")
	c.session = sessionCookie + "=" + value
	return c
}

func TestSessionsEnd(t *testing.T) {
	for name, end := range map[string]func(*Server, client){
		"ended":      func(s *Server, _ client) { s.EndSessions() },
		"reset":      func(s *Server, _ client) { s.ResetDatabase() },
		"logged out": func(_ *Server, c client) { c.do("GET", "/logout", 0, "") },
	} {
		s := New(Options{})
		c := client{t: t, server: s}.login()
		if got := c.status("GET", "/api/org", 1, ""); got != 200 {
			t.Errorf("%s: before: %d", name, got)
		}
		end(s, c)
		status, text := c.do("GET", "/api/org", 1, "")
		if status != 401 || strings.Contains(text, "messageId") {
			t.Errorf("%s: after: %s", name, text)
		}
		if got := c.login().status("GET", "/api/org", 1, ""); got != 200 {
			t.Errorf("%s: after another login: %d", name, got)
		}
	}
}

// The first user is what tells one database from another, even where the clock stands still.
func TestFirstUserOfEachDatabase(t *testing.T) {
	now := func() time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) }
	for _, version := range Versions() {
		s := New(Options{Version: version, Now: now})
		admin := client{t: t, server: s, auth: adminAuth}
		me := func() string { _, body := admin.do("GET", "/api/user", 1, ""); return body }
		before, snapshot := me(), s.Snapshot()
		s.ResetDatabase()
		if after := me(); after == before || after != me() {
			t.Errorf("%s: the first user was %s and is %s", version, before, after)
		}
		s.Restore(snapshot)
		if after := me(); after != before {
			t.Errorf("%s: restored, the first user is %s instead of %s", version, after, before)
		}
	}
}

func TestResetDatabase(t *testing.T) {
	s := New(Options{})
	key := withToken(t, s)
	s.LockOut("admin")
	s.ResetDatabase()
	if got := orgNames(s); got != "Main Org." {
		t.Errorf("orgs after a reset: %s", got)
	}
	if _, _, _, ok := s.KeyAlive(key); ok {
		t.Error("a key outlived the reset")
	}
	if got := (client{t: t, server: s, auth: adminAuth}).status("GET", "/api/org", 1, ""); got != 200 {
		t.Errorf("a lockout outlived the reset: %d", got)
	}
	if again := withToken(t, s); again == key {
		t.Error("the same key was issued twice")
	}
	if got := s.Orgs()[1].ID; got != 2 {
		t.Errorf("the first org has id %d, want 2", got)
	}
	if got := len(s.Keys()); got != 2 {
		t.Errorf("%d keys remembered, want 2", got)
	}
}

func TestSnapshotAndRestore(t *testing.T) {
	s := New(Options{})
	key := withToken(t, s)
	save := func(title string) {
		t.Helper()
		status, body := s.Do(
			"POST",
			"/api/dashboards/db",
			2,
			obj{"dashboard": obj{"uid": "d", "title": title}, "overwrite": true, "message": "m " + title},
		)
		if status != 200 {
			t.Fatalf("%d %s", status, body)
		}
	}
	save("one")
	backup := s.Snapshot()
	for range 2 {
		save("two")
		s.Do("DELETE", "/api/serviceaccounts/2", 2, nil)
		s.Do("POST", "/api/orgs", 1, obj{"name": "later"})
		s.Restore(backup)
		if got := orgNames(s); got != "Main Org.,team" {
			t.Errorf("orgs after a restore: %s", got)
		}
		if _, _, _, ok := s.KeyAlive(key); !ok {
			t.Error("the key did not come back")
		}
		if d := s.Dashboards(
			2,
		); len(d) != 1 || d[0].Title != "one" || d[0].Version != 1 ||
			strings.Join(d[0].Messages, ",") != "m one" {
			t.Errorf("dashboards after a restore: %+v", d)
		}
	}
	if a, b := s.Snapshot(), New(Options{}); a.db == b.db {
		t.Error("servers share a database")
	}
}

func TestAnonymous(t *testing.T) {
	s := New(Options{Anonymous: true})
	nobody := client{t: t, server: s, auth: "Bearer glsa_nobody"}
	if got := nobody.status("GET", "/api/org", 7, ""); got != 200 {
		t.Errorf("bad credentials, anonymous on: %d, want to be a viewer of org 1", got)
	}
	if got := nobody.status("GET", "/api/dashboards/uid/x", 7, ""); got != 404 {
		t.Errorf("a dashboard: %d", got)
	}
	if got := nobody.status("GET", "/api/org?forceLogin=true", 7, ""); got != 401 {
		t.Errorf("forceLogin: %d", got)
	}
	if got := nobody.status("POST", "/api/orgs", 7, `{"name":"x"}`); got != 403 {
		t.Errorf("a write: %d", got)
	}
	if got := nobody.status("GET", "/api/user", 7, ""); got != 401 {
		t.Errorf("/api/user: %d", got)
	}
	s.SetAnonymous(false)
	if got := nobody.status("GET", "/api/org", 7, ""); got != 401 {
		t.Errorf("anonymous off: %d", got)
	}
}

func TestQuotas(t *testing.T) {
	s := New(Options{})
	s.SetQuotas(true)
	if status, body := s.Do("PUT", "/api/orgs/1/quotas/dashboard", 1, obj{"limit": 1}); status != 200 {
		t.Fatalf("%d %s", status, body)
	}
	save := func(uid string) int {
		status, _ := s.Do(
			"POST",
			"/api/dashboards/db",
			1,
			obj{"dashboard": obj{"uid": uid, "title": uid}, "overwrite": true},
		)
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
		{
			"login form disabled",
			Options{DisableLoginForm: true},
			"",
			"POST",
			"/login",
			`{"user":"admin","password":"admin"}`,
			400,
			"auth.client.notConfigured",
		},
		{
			"basic auth disabled",
			Options{BasicAuthDisabled: true},
			adminAuth,
			"GET",
			"/api/org",
			"",
			401,
			"auth.unauthorized",
		},
		{
			"basic auth disabled, login",
			Options{BasicAuthDisabled: true},
			"",
			"POST",
			"/login",
			`{"user":"admin","password":"admin"}`,
			200,
			"Logged in",
		},
		{
			"version hidden",
			Options{HideVersion: true},
			"",
			"GET",
			"/api/health",
			"",
			200,
			"{\n  \"database\": \"ok\"\n}",
		},
		{"version hidden, signed in", Options{HideVersion: true}, adminAuth, "GET", "/api/health", "", 200, "12.4.0"},
		{"long dashboard", Options{MaxDashboardBytes: 100}, adminAuth, "POST", "/api/dashboards/db", long, 413, ""},
		{
			"another admin",
			Options{Admin: "root", Password: "pw"},
			"Basic cm9vdDpwdw==",
			"GET",
			"/api/user",
			"",
			200,
			`"login":"root"`,
		},
		{
			"longest life",
			Options{MaxSecondsToLive: 9},
			adminAuth,
			"POST",
			"/api/serviceaccounts/2/tokens",
			`{"name":"x","secondsToLive":10}`,
			400,
			"global limit",
		},
		{
			"no life",
			Options{MaxSecondsToLive: 9},
			adminAuth,
			"POST",
			"/api/serviceaccounts/2/tokens",
			`{"name":"x"}`,
			400,
			"should be set",
		},
		{
			"day limit",
			Options{TokenExpirationDayLimit: 1},
			adminAuth,
			"POST",
			"/api/serviceaccounts/2/tokens",
			`{"name":"x","secondsToLive":86401}`,
			400,
			"text/plain",
		},
		{
			"day limit kept",
			Options{TokenExpirationDayLimit: 1},
			adminAuth,
			"POST",
			"/api/serviceaccounts/2/tokens",
			`{"name":"x","secondsToLive":86400}`,
			200,
			"glsa_",
		},
		{
			"day limit, no end, 10.4",
			Options{TokenExpirationDayLimit: 1, Version: "10.4.3"},
			adminAuth,
			"POST",
			"/api/serviceaccounts/2/tokens",
			`{"name":"x"}`,
			200,
			"glsa_",
		},
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

func TestSetPassword(t *testing.T) {
	s := New(Options{})
	s.SetPassword("admin", "new")
	if got := (client{t: t, server: s, auth: adminAuth}).status("GET", "/api/org", 1, ""); got != 401 {
		t.Errorf("old password: %d", got)
	}
	if got := (client{t: t, server: s, auth: "Basic YWRtaW46bmV3"}).status("GET", "/api/org", 1, ""); got != 200 {
		t.Errorf("new password: %d", got)
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

func TestConcurrentUse(t *testing.T) {
	s := New(Options{})
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			c := client{t: t, server: s, auth: adminAuth}
			c.do("POST", "/api/orgs", 1, fmt.Sprintf(`{"name":"o%d"}`, i%10))
			s.Orgs()
			s.Requests()
			s.Snapshot()
		})
	}
	all.Wait()
	if got := len(s.Orgs()); got != 11 {
		t.Errorf("%d orgs, want 11", got)
	}
}

// A login that is blocked is taken, and no request shows what takes it.
func TestBlockLogin(t *testing.T) {
	for _, version := range Versions() {
		s := New(Options{Version: version})
		s.BlockLogin(1, "sa-1-ci")
		create := func(name string) int {
			status, _ := s.Do("POST", "/api/serviceaccounts", 1, obj{"name": name})
			return status
		}
		if got := create("CI"); got != http.StatusBadRequest {
			t.Errorf("%s: made under a login that is blocked: %d", version, got)
		}
		for _, path := range []string{"/api/serviceaccounts/2", "/api/serviceaccounts/2/tokens"} {
			if status, body := s.Do("GET", path, 1, nil); status != http.StatusNotFound && string(body) != "[]" {
				t.Errorf("%s: %s shows it: %d %s", version, path, status, body)
			}
		}
		if _, body := s.Do(
			"GET",
			"/api/serviceaccounts/search?query=ci",
			1,
			nil,
		); !strings.Contains(
			string(body),
			`"totalCount":0`,
		) {
			t.Errorf("%s: the search shows it: %s", version, body)
		}
		if got := create("CI-2"); got != http.StatusCreated || len(s.ServiceAccounts(1)) != 1 {
			t.Errorf("%s: another login: %d, %+v", version, got, s.ServiceAccounts(1))
		}
	}
}

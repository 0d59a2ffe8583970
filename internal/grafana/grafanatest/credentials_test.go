package grafanatest

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

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

package grafanatest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
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
	if err := json.Unmarshal(must(s.Do("POST", "/api/serviceaccounts/2/tokens", 2, obj{"name": "t"})),
		&made); err != nil {
		t.Fatal(err)
	}
	return made.Key
}

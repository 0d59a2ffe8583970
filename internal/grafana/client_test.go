package grafana

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestNewRefusesBadConfigs(t *testing.T) {
	basic := func() *BasicAuth { return &BasicAuth{Username: testUser, Password: testPassword} }
	for name, cfg := range map[string]Config{
		"no URL":               {Token: testToken},
		"no scheme":            {URL: "grafana:3000", Token: testToken},
		"other scheme":         {URL: "ftp://grafana", Token: testToken},
		"no host":              {URL: "http://:3000", Token: testToken},
		"garbage":              {URL: "http://gra fana:secret@x\x7f", Token: testToken},
		"password in the URL":  {URL: "http://admin:secret@grafana", Token: testToken},
		"query":                {URL: "http://grafana/?orgId=secret", Token: testToken},
		"no credential":        {URL: "http://grafana"},
		"two credentials":      {URL: "http://grafana", Token: testToken, BasicAuth: basic()},
		"no password":          {URL: "http://grafana", BasicAuth: &BasicAuth{Username: "secret"}},
		"no user":              {URL: "http://grafana", BasicAuth: &BasicAuth{Password: "secret"}},
		"colon":                {URL: "http://grafana", BasicAuth: &BasicAuth{Username: "a:secret", Password: "x"}},
		"line end in a token":  {URL: "http://grafana", Token: "secret\n"},
		"negative timeout":     {URL: "http://grafana", Token: testToken, Timeout: -1},
		"negative rate":        {URL: "http://grafana", Token: testToken, Rate: Rate{RequestsPerSecond: -1}},
		"negative burst":       {URL: "http://grafana", Token: testToken, Rate: Rate{Burst: -1}},
		"negative longtimeout": {URL: "http://grafana", Token: testToken, LongTimeout: -1},
	} {
		if c, err := New(cfg); err == nil || c != nil {
			t.Errorf("%s: accepted", name)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: the error gives the secret away: %v", name, err)
		}
	}
}

func TestEveryRequestNamesItsOrgAndForcesLogin(t *testing.T) {
	var got *http.Request
	handler := func(w http.ResponseWriter, r *http.Request) {
		got = r
		body := `[]`
		if strings.HasSuffix(r.URL.Path, "/permissions") {
			body = `{}`
		}
		answerJSON(w, 200, body)
	}
	byPassword, byToken := serve(t, handler), serve(t, handler, withToken)
	for name, test := range map[string]struct {
		call func() error
		org  string
	}{
		"server, password": {func() error { _, err := byPassword.MyOrgs(t.Context()); return err }, "1"},
		"server, token":    {func() error { _, err := byToken.ListOrgs(t.Context()); return err }, ""},
		"org, password":    {func() error { _, err := byPassword.Org(12).DataSources(t.Context()); return err }, "12"},
		"org, token":       {func() error { _, err := byToken.Org(7).DataSources(t.Context()); return err }, "7"},
	} {
		if err := test.call(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		want := map[string]string{
			"X-Grafana-Org-Id": test.org,
			"Accept":           "application/json",
			"Content-Type":     "application/json",
			"User-Agent":       "grafana-tenancy-operator",
		}
		for header, value := range want {
			if got.Header.Get(header) != value {
				t.Errorf("%s: %s is %q, want %q", name, header, got.Header.Get(header), value)
			}
		}
		if values, there := got.Header["X-Grafana-Org-Id"]; there && values[0] == "" {
			t.Errorf("%s: the header is there, and empty", name)
		}
		if got.URL.Query().Get("forceLogin") != "true" {
			t.Errorf("%s: no forceLogin in %s", name, got.URL)
		}
		user, password, basic := got.BasicAuth()
		switch authorization := got.Header.Get("Authorization"); {
		case strings.Contains(name, "password") && (!basic || user != testUser || password != testPassword):
			t.Errorf("%s: Authorization %q", name, authorization)
		case !strings.Contains(name, "password") && authorization != "Bearer "+testToken.Reveal():
			t.Errorf("%s: Authorization %q", name, authorization)
		}
	}
}

func TestHealthSendsNoCredential(t *testing.T) {
	status, body := 200, `{"database":"ok","version":"12.4.0","commit":"c"}`
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" || r.Header.Get("Cookie") != "" {
			t.Errorf("sent a credential: %v", r.Header)
		}
		answerJSON(w, status, body)
	})
	health, err := c.Health(t.Context())
	if diff := cmp.Diff(Health{Version: "12.4.0", Commit: "c", Database: "ok"}, health); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
	status, body = 503, `{"database":"failing","version":"12.4.0"}`
	health, err = c.Health(t.Context())
	if health.Database != "failing" || !IsUnavailable(err) {
		t.Errorf("failing: %+v %v", health, err)
	}
	status, body = 200, `{"status":"ok"}`
	if _, err = c.Health(t.Context()); !IsNotGrafana(err) {
		t.Errorf("other JSON: %v", err)
	}
	status, body = 404, `<html>`
	if _, err = c.Health(t.Context()); !IsNotGrafana(err) {
		t.Errorf("a page: %v", err)
	}
}

func TestPathsStayBelowTheBaseAndAreEscaped(t *testing.T) {
	var paths []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		paths = append(paths, r.RequestURI[:strings.IndexByte(r.RequestURI, '?')])
		answerJSON(w, 404, `{"message":"no"}`)
	}))
	defer server.Close()
	for _, base := range []string{"", "/", "/grafana", "/grafana/", "/a%2Fb/c"} {
		c := connect(t, server.URL+base)
		for _, uid := range []string{"abc", "a/b", "..", ".", "a b?c#d", "%2e", "ü", "../../orgs/1"} {
			_, _ = c.Org(2).Folder(t.Context(), uid)
		}
	}
	want := []string{}
	for _, base := range []string{"", "", "/grafana", "/grafana", "/a%2Fb/c"} {
		for _, element := range []string{"abc", "a%2Fb", "%2E%2E", "%2E", "a%20b%3Fc%23d", "%252e", "%C3%BC", "..%2F..%2Forgs%2F1"} {
			want = append(want, base+"/api/folders/"+element)
		}
	}
	if diff := cmp.Diff(want, paths); diff != "" {
		t.Error(diff)
	}
}

func TestWhatWouldNameAnotherRouteOrOrgIsNotSent(t *testing.T) {
	c := serve(t, func(_ http.ResponseWriter, r *http.Request) { t.Errorf("sent %s %s", r.Method, r.URL) })
	for name, err := range map[string]error{
		"no uid":    c.Org(2).DeleteDashboard(t.Context(), ""),
		"account 0": c.Org(2).UpdateServiceAccount(t.Context(), 0, ServiceAccountPatch{}),
		"token -1":  c.Org(2).DeleteToken(t.Context(), 1, -1),
		"org 0":     c.RenameOrg(t.Context(), 0, "x"),
		"in org 0":  c.Org(0).DeleteDashboard(t.Context(), "d"),
		"in org -1": c.Org(-1).ProveKey(t.Context(), testToken),
		"no target": c.SetOrgQuota(t.Context(), 3, "", 1),
		"broken model": func() error {
			_, err := c.Org(2).SaveDashboard(t.Context(), SaveDashboard{Model: json.RawMessage("{")})
			return err
		}(),
		"negative ttl": func() error { _, err := c.Org(2).CreateToken(t.Context(), 1, "n", -time.Second); return err }(),
	} {
		if err == nil || IsUnsure(err) || IsUnavailable(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("followed to %s with %v", r.URL, r.Header)
	}))
	defer other.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		for _, location := range []string{other.URL + "/login?token=hush", "/login", ""} {
			c := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/login" {
					t.Error("followed to /login")
				}
				w.Header().Set("Location", location)
				w.WriteHeader(status)
			})
			_, err := c.CreateOrg(t.Context(), "x")
			if !IsNotGrafana(err) || IsUnsure(err) || IsNotFound(err) || strings.Contains(err.Error(), "hush") {
				t.Errorf("%d to %q: %v is %s", status, location, err, is(err))
			}
		}
	}
}

func TestDelayIsTheDebtOfTheBudget(t *testing.T) {
	clock := newClock()
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) { answerJSON(w, 200, `[]`) }, withClock(clock),
		func(cfg *Config) { cfg.Rate = Rate{RequestsPerSecond: 2, Burst: 3} })
	send := func(n int) {
		for range n {
			if _, err := c.ListOrgs(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	expect := func(want time.Duration) {
		t.Helper()
		if got := c.Delay(); got != want {
			t.Errorf("Delay() = %v, want %v", got, want)
		}
	}
	expect(0)
	send(2)
	expect(0)
	send(1)
	expect(500 * time.Millisecond)
	send(4) // into debt, and at once
	expect(2500 * time.Millisecond)
	clock.advance(2 * time.Second)
	expect(500 * time.Millisecond)
	clock.advance(time.Hour)
	expect(0)
	send(3)
	expect(500 * time.Millisecond)

	free := connect(t, "http://127.0.0.1:1")
	if got := free.Delay(); got != 0 {
		t.Errorf("without a limit: %v", got)
	}
}

func TestObserveSeesRoutesNotValues(t *testing.T) {
	var mu sync.Mutex
	var calls []Call
	status := http.StatusOK
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		if status == 0 {
			panic(http.ErrAbortHandler)
		}
		answerJSON(w, status, `{"id":3}`)
	}, func(cfg *Config) {
		cfg.Observe = func(call Call) {
			mu.Lock()
			defer mu.Unlock()
			call.Duration = min(call.Duration, 0)
			calls = append(calls, call)
		}
	})
	_, _ = c.OrgByID(t.Context(), 3)
	status = 404
	_ = c.Org(2).DeleteToken(t.Context(), 4, 5)
	status = 0
	_, _ = c.Org(2).Dashboard(t.Context(), "secret-name")
	want := []Call{
		{Route: "/api/orgs/:id", Method: "GET", Status: 200},
		{Route: "/api/serviceaccounts/:id/tokens/:token", Method: "DELETE", Status: 404},
		{Route: "/api/dashboards/uid/:uid", Method: "GET"},
	}
	if diff := cmp.Diff(want, calls); diff != "" {
		t.Error(diff)
	}
}

func TestOneConnectionServesManyRequests(t *testing.T) {
	connections := map[string]bool{}
	status := 200
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		connections[r.RemoteAddr] = true
		answerJSON(w, status, `{"orgId":3}`)
	})
	for _, status = range []int{200, 404, 500, 200} {
		_, _ = c.CreateOrg(t.Context(), "x")
	}
	if len(connections) != 1 {
		t.Errorf("%d connections", len(connections))
	}
}

func TestNothingIsTriedTwice(t *testing.T) {
	for name, handler := range map[string]http.HandlerFunc{
		"500":     func(w http.ResponseWriter, _ *http.Request) { answerJSON(w, 500, `{}`) },
		"429":     func(w http.ResponseWriter, _ *http.Request) { answerJSON(w, 429, `{}`) },
		"dropped": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		var sent atomic.Int32
		c := serve(t, func(w http.ResponseWriter, r *http.Request) {
			sent.Add(1)
			handler(w, r)
		})
		if _, err := c.CreateOrg(t.Context(), "x"); err == nil || sent.Load() != 1 {
			t.Errorf("%s: sent %d times, %v", name, sent.Load(), err)
		}
	}
}

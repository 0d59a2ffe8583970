package grafana

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
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

func TestNoAnswer(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := closed.Addr().String()
	_ = closed.Close()
	_, err = connect(t, "http://"+address).CreateOrg(t.Context(), "x")
	if got := is(err); got != "unavailable" || !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("refused connection: %v is %q", err, got)
	}

	_, err = connect(t, "http://grafana.invalid").CreateOrg(t.Context(), "x")
	if got := is(err); got != "unavailable" {
		t.Errorf("unknown host: %v is %q", err, got)
	}

	dropped := serve(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	_, err = dropped.CreateOrg(t.Context(), "x")
	if got := is(err); got != "unavailable unsure" || !errors.Is(err, io.EOF) {
		t.Errorf("dropped connection: %v is %q", err, got)
	}

	cut := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, `{"orgId":`)
	})
	_, err = cut.CreateOrg(t.Context(), "x")
	if got := is(err); got != "unavailable unsure" || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("cut answer: %v is %q", err, got)
	}
}

func TestTransportErrorsInProcess(t *testing.T) {
	for want, cause := range map[string]error{
		"unavailable":        &net.OpError{Op: "dial", Err: errors.New("no route")},
		"unavailable unsure": io.ErrUnexpectedEOF,
	} {
		c := connect(t, "http://grafana", func(cfg *Config) {
			cfg.Transport = roundTripper(func(*http.Request) (*http.Response, error) { return nil, cause })
		})
		_, err := c.CreateOrg(t.Context(), "x")
		if is(err) != want || !errors.Is(err, cause) {
			t.Errorf("%v is %q, want %q", err, is(err), want)
		}
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestTimeoutsAndCancelledContexts(t *testing.T) {
	arrived := make(chan struct{}, 10)
	done := make(chan struct{})
	handler := func(_ http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		select {
		case <-r.Context().Done():
		case <-done:
		}
	}
	slow := serve(t, handler, func(cfg *Config) { cfg.Timeout = 20 * time.Millisecond })
	defer close(done)
	_, err := slow.CreateOrg(t.Context(), "x")
	if is(err) != "unavailable unsure" || !errors.Is(err, context.DeadlineExceeded) ||
		!strings.Contains(err.Error(), "20ms") {
		t.Errorf("timeout: %v is %q", err, is(err))
	}
	<-arrived

	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-arrived
		cancel()
	}()
	patient := serve(t, handler)
	_, err = patient.CreateOrg(ctx, "x")
	if is(err) != "unavailable unsure" || !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled under way: %v is %q", err, is(err))
	}
	_, err = patient.CreateOrg(ctx, "x")
	if is(err) != "unavailable" || !errors.Is(err, context.Canceled) || len(arrived) > 0 {
		t.Errorf("cancelled before: %v is %q, %d sent", err, is(err), len(arrived))
	}
	inProcess := connect(t, "http://grafana", func(cfg *Config) {
		cfg.Transport = roundTripper(func(r *http.Request) (*http.Response, error) { return nil, r.Context().Err() })
	})
	_, err = inProcess.CreateOrg(ctx, "x")
	if is(err) != "unavailable" || !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled before, in process: %v is %q", err, is(err))
	}
}

func TestDeletingAnOrgHasItsOwnTimeout(t *testing.T) {
	var deadlines sync.Map
	c := connect(t, "http://grafana", func(cfg *Config) {
		cfg.Timeout, cfg.LongTimeout = time.Hour, 10*time.Hour
		cfg.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
			deadline, _ := r.Context().Deadline()
			deadlines.Store(r.Method, time.Until(deadline) > 5*time.Hour)
			rec := httptest.NewRecorder()
			answerJSON(
				rec,
				200,
				map[string]string{"GET": `[{"orgId":4},{"orgId":3},{"orgId":2}]`, "DELETE": `{"message":"Organization deleted"}`}[r.Method],
			)
			if r.Method == "DELETE" && r.Header.Get("X-Grafana-Org-Id") != "3" {
				t.Errorf("deletes from within org %s", r.Header.Get("X-Grafana-Org-Id"))
			}
			return rec.Result(), nil
		})
	})
	if err := c.DeleteOrg(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	for method, want := range map[string]bool{"GET": false, "DELETE": true} {
		if long, _ := deadlines.Load(method); long != want {
			t.Errorf("%s has the long timeout: %v", method, long)
		}
	}
}

func TestDeletingTheOnlyOrgOfTheLogin(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == "DELETE" {
			t.Error("deleted")
		}
		answerJSON(w, 200, `[{"orgId":2,"name":"x","role":"Admin"}]`)
	})
	if err := c.DeleteOrg(t.Context(), 2); err == nil || !strings.Contains(err.Error(), "member") {
		t.Errorf("got %v", err)
	}
}

func TestTLS(t *testing.T) {
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { answerJSON(w, 200, `{"orgId":3}`) })
	server := httptest.NewUnstartedServer(handler)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	trusted := x509.NewCertPool()
	trusted.AddCert(server.Certificate())

	_, err := connect(t, server.URL).CreateOrg(t.Context(), "x")
	if got := is(err); got != "unavailable tls" || !errors.As(err, new(*tls.CertificateVerificationError)) {
		t.Errorf("unknown authority: %v is %q", err, got)
	}
	_, err = connect(t, server.URL, func(cfg *Config) {
		cfg.TLS = &tls.Config{RootCAs: trusted, ServerName: "grafana.test"}
	}).CreateOrg(t.Context(), "x")
	if got := is(err); got != "unavailable tls" {
		t.Errorf("wrong name: %v is %q", err, got)
	}
	if _, err = connect(
		t,
		server.URL,
		func(cfg *Config) { cfg.TLS = &tls.Config{RootCAs: trusted} },
	).CreateOrg(
		t.Context(),
		"x",
	); err != nil {
		t.Errorf("trusted: %v", err)
	}

	plain := httptest.NewServer(handler)
	defer plain.Close()
	_, err = connect(t, strings.Replace(plain.URL, "http:", "https:", 1)).CreateOrg(t.Context(), "x")
	if got := is(err); got != "unavailable tls" {
		t.Errorf("no TLS at all: %v is %q", err, got)
	}

	choosy := httptest.NewUnstartedServer(handler)
	choosy.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	choosy.Config.ErrorLog = log.New(io.Discard, "", 0)
	choosy.StartTLS()
	defer choosy.Close()
	_, err = connect(
		t,
		choosy.URL,
		func(cfg *Config) { cfg.TLS = &tls.Config{RootCAs: trusted} },
	).CreateOrg(
		t.Context(),
		"x",
	)
	if !IsTLS(err) || !IsUnavailable(err) {
		t.Errorf("client certificate wanted: %v is %q", err, is(err))
	}
}

func TestSecretsAreInNoError(t *testing.T) {
	secrets := []string{testPassword, testToken.Reveal(), "c2VjcmV0LWNvb2tpZQ"}
	handlers := map[string]http.HandlerFunc{
		"dropped":  func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"refused":  func(w http.ResponseWriter, _ *http.Request) { answerJSON(w, 401, `{"message":"Unauthorized"}`) },
		"redirect": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/login", 302) },
		"page":     func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") },
		"echo": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/plain")
			w.WriteHeader(400)
			_, _ = io.WriteString(w, r.Header.Get("Authorization"))
		},
		"key instead of a page": func(w http.ResponseWriter, _ *http.Request) {
			answerJSON(w, 200, `{"id":"x","key":"`+testToken.Reveal()+`"}`)
		},
		"damaged key": func(w http.ResponseWriter, _ *http.Request) {
			answerJSON(w, 200, `{"id":3,"name":"n","key":"`+testToken.Reveal()+`f"}`)
		},
	}
	for name, handler := range handlers {
		for kind, edit := range map[string]func(*Config){"token": withToken, "session": withSession, "basic": func(*Config) {}} {
			c := serve(t, handler, edit)
			_, err := c.Org(1).CreateToken(t.Context(), 1, "n", 0)
			if err == nil {
				t.Fatalf("%s, %s: no error", name, kind)
			}
			for _, secret := range secrets {
				if kind != "basic" && strings.Contains(err.Error(), secret) {
					t.Errorf("%s, %s: %v", name, kind, err)
				}
			}
		}
	}
}

func TestDamagedKey(t *testing.T) {
	key := "glsa_ruq60iCcfTdlt6aejKNJNjWHPNRSV2E8_c20cd10f"
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		var body map[string]any
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil || body["secondsToLive"] != 2.0 {
			t.Errorf("asked for %v (%v)", body, err)
		}
		answerJSON(w, 200, `{"id":3,"name":"n","key":"`+key+`"}`)
	})
	token, err := c.Org(2).CreateToken(t.Context(), 9, "n", 1001*time.Millisecond)
	if err != nil || token.Key.Reveal() != key {
		t.Fatalf("got %v, %v", token, err)
	}
	key = key[:20] + "x" + key[21:]
	token, err = c.Org(2).CreateToken(t.Context(), 9, "n", 2*time.Second)
	if !identified(err, BadKey) || !IsUnsure(err) || IsNotGrafana(err) {
		t.Errorf("got %v", err)
	}
	if diff := cmp.Diff(NewToken{ID: 3, Name: "n"}, token); diff != "" {
		t.Error(diff)
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

func TestSearchReadsAllPages(t *testing.T) {
	var pages []string
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		page := r.URL.Query().Get("page")
		pages = append(pages, page)
		if r.URL.Query().Get("query") != "100%_x" {
			t.Errorf("asked for %s", r.URL.RawQuery)
		}
		answerJSON(w, 200, map[string]string{
			"1": `{"totalCount":3,"serviceAccounts":[{"id":1,"login":"a"},{"id":2,"login":"b"}]}`,
			"2": `{"totalCount":3,"serviceAccounts":[{"id":3,"login":"c"}]}`,
		}[page])
	})
	found, err := c.Org(2).SearchServiceAccounts(t.Context(), "100%_x")
	if err != nil || len(found) != 3 || !slices.Equal(pages, []string{"1", "2"}) {
		t.Errorf("found %v on pages %v: %v", found, pages, err)
	}
}

func TestSearchEndsThoughPagesShrink(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("page") == "1" {
			answerJSON(w, 200, `{"totalCount":3,"serviceAccounts":[{"id":1}]}`)
			return
		}
		answerJSON(w, 200, `{"totalCount":3,"serviceAccounts":[]}`)
	})
	if found, err := c.Org(2).SearchServiceAccounts(t.Context(), ""); err != nil || len(found) != 1 {
		t.Errorf("found %v: %v", found, err)
	}
}

func TestListDashboardsReadsAllPages(t *testing.T) {
	var asked []string
	settings := 0
	handler := func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/frontend/settings" {
			settings++
			answerJSON(
				w,
				200,
				`{"buildInfo":{"edition":"Enterprise"},"namespace":"stacks-77","featureToggles":{"a":true,"b":"no"}}`,
			)
			return
		}
		asked = append(asked, r.URL.Path+" "+r.URL.Query().Get("continue"))
		if r.Header.Get("Accept") != "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io" ||
			r.URL.Query().Get("limit") != "500" {
			t.Errorf("Accept %q, %s", r.Header.Get("Accept"), r.URL)
		}
		answerJSON(w, 200, map[string]string{
			"":     `{"kind":"PartialObjectMetadataList","metadata":{"continue":"two="},"items":[{"metadata":{"name":"a","generation":3,"annotations":{"grafana.app/folder":"f"}}}]}`,
			"two=": `{"kind":"PartialObjectMetadataList","metadata":{},"items":[{"metadata":{"name":"b","generation":1}}]}`,
		}[r.URL.Query().Get("continue")])
	}
	byPassword, byToken := serve(t, handler), serve(t, handler, withToken)
	for _, o := range []*OrgClient{byPassword.Org(2), byPassword.Org(1), byToken.Org(1), byToken.Org(1)} {
		got, err := o.ListDashboards(t.Context(), "v1beta1")
		if diff := cmp.Diff(
			[]DashboardMeta{{UID: "a", Generation: 3, FolderUID: "f"}, {UID: "b", Generation: 1}},
			got,
		); diff != "" ||
			err != nil {
			t.Errorf("%v %s", err, diff)
		}
	}
	want := []string{}
	for _, namespace := range []string{"org-2", "default", "stacks-77", "stacks-77"} {
		path := "/apis/dashboard.grafana.app/v1beta1/namespaces/" + namespace + "/dashboards "
		want = append(want, path, path+"two=")
	}
	if diff := cmp.Diff(want, asked); diff != "" || settings != 1 {
		t.Errorf("settings read %d times; %s", settings, diff)
	}
}

func TestDashboardAPIVersion(t *testing.T) {
	for _, test := range []struct {
		status     int
		body, want string
		is         string
	}{
		{200, `{"kind":"APIGroup","preferredVersion":{"version":"v1beta1"}}`, "v1beta1", ""},
		{404, `{"paths":["/apis"]}`, "", ""},
		{404, `<html>`, "", ""},
		{404, `{"message":"no Route matched with those values"}`, "", ""},
		{403, `{"message":"Forbidden"}`, "", ""},
		{405, ``, "", ""},
		{406, ``, "", ""},
		{302, ``, "", ""},
		{200, `{"message":"hello"}`, "", ""},
		{503, `no healthy upstream`, "", "unavailable unsure"},
		{429, `{}`, "", "rateLimited unavailable"},
		{401, `{"message":"Unauthorized"}`, "", ""},
		{401, `{"message":"Unauthorized","messageId":"auth.unauthorized"}`, "", "unauthorized"},
	} {
		c := serve(t, func(w http.ResponseWriter, _ *http.Request) { answerJSON(w, test.status, test.body) })
		got, err := c.DashboardAPIVersion(t.Context())
		if got != test.want || is(err) != test.is || (err != nil) != (test.is != "") {
			t.Errorf("%d %s: %q, %v is %q", test.status, test.body, got, err, is(err))
		}
	}
}

// A gateway that refuses a route to everybody, as Grafana would refuse a credential, ends no session, and has no
// password taken for a wrong one: the credential goes on serving for what it served for before.
func TestRouteThatAGatewayRefusesSaysNothingOfTheCredential(t *testing.T) {
	for name, edit := range map[string]func(*Config){"session": withSession, "basic": func(*Config) {}, "token": withToken} {
		logins := 0
		c := serve(t, func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/login":
				logins++
				http.SetCookie(w, &http.Cookie{Name: "grafana_session", Value: "s"})
				answerJSON(w, 200, `{"message":"Logged in"}`)
			case "/api/orgs/7":
				answerJSON(w, 200, `{"id":7,"name":"seven"}`)
			case "/api/frontend/settings":
				answerJSON(w, 200, `{"buildInfo":{"version":"12.4.0"},"namespace":"org-7"}`)
			default:
				if name == "basic" &&
					r.URL.Path == "/api/user" { // by it a refused password is told from a refused route
					answerJSON(w, 200, `{"id":1,"login":"admin"}`)
					return
				}
				answerJSON(w, 401, `{"message":"Unauthorized"}`)
			}
		}, edit)
		ctx := t.Context()
		if _, err := c.OrgByID(ctx, 7); err != nil {
			t.Fatal(err)
		}
		session := c.SessionID()
		if version, err := c.DashboardAPIVersion(ctx); version != "" || err != nil {
			t.Errorf("%s: %q, %v", name, version, err)
		}
		if _, err := c.Org(7).ListDashboards(ctx, "v1"); !IsNoList(err) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := c.Me(ctx); name != "basic" && is(err) != "notGrafana" {
			t.Errorf("%s: %v is %q", name, err, is(err))
		}
		if c.SessionID() != session || logins > 1 {
			t.Errorf("%s: another session, %d logins", name, logins)
		}
		if _, err := c.Org(7).SaveDashboard(ctx, SaveDashboard{}); err == nil {
			t.Errorf("%s: what is refused was saved", name)
		}
		if _, err := c.OrgByID(ctx, 7); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The clock of a gateway that answers by itself is not Grafana's: keys would be rotated by it.
func TestClockOfAGatewayIsNotGrafanas(t *testing.T) {
	clock := newClock()
	ahead := func(d time.Duration) string { return clock.Now().Add(d).UTC().Format(http.TimeFormat) }
	date, status, kind, body := "", 0, "", ""
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Date", date)
		w.Header().Set("Content-Type", kind)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}, withClock(clock))
	date, status, kind, body = ahead(time.Hour), 200, "application/json", `{"id":7,"name":"seven"}`
	if _, err := c.OrgByID(t.Context(), 7); err != nil || c.Now().Sub(clock.Now()).Round(time.Minute) != time.Hour {
		t.Errorf("%v, %s ahead", err, c.Now().Sub(clock.Now()))
	}
	date = ahead(10 * 365 * 24 * time.Hour)
	for _, status = range []int{200, 302, 401, 403, 404, 502} {
		kind, body = "text/html", html
		if _, err := c.OrgByID(t.Context(), 7); err == nil || c.Now().Sub(clock.Now()).Round(time.Minute) != time.Hour {
			t.Errorf("%d: %v, %s ahead", status, err, c.Now().Sub(clock.Now()))
		}
	}
}

// Of what a database takes for the name, the organization that has it to the letter comes first.
func TestOrgByNameMindsTheCase(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/orgs" { // as MySQL would find them
			answerJSON(w, 200, `[{"id":2,"name":"TEAM"},{"id":3,"name":"team"}]`)
			return
		}
		answerJSON(w, 200, `{"id":`+strings.TrimPrefix(r.URL.Path, "/api/orgs/")+`,"name":"x"}`)
	})
	if org, err := c.OrgByName(t.Context(), "team"); err != nil || org == nil || org.ID != 3 {
		t.Errorf("team: %+v, %v", org, err)
	}
	if org, err := c.OrgByName(t.Context(), "Team"); err != nil || org == nil || org.ID != 2 {
		t.Errorf("Team: %+v, %v", org, err)
	}
}

func TestOrgThatGoesWhileItIsLookedFor(t *testing.T) {
	status := 404
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/orgs" {
			answerJSON(w, 200, `[{"id":3,"name":"team"}]`)
			return
		}
		answerJSON(w, status, `{"message":"Organization not found"}`)
	})
	if org, err := c.OrgByName(t.Context(), "team"); err != nil || org != nil {
		t.Errorf("gone: %+v, %v", org, err)
	}
	status = 500
	if org, err := c.OrgByName(t.Context(), "team"); err == nil || org != nil {
		t.Errorf("failing: %+v, %v", org, err)
	}
}

func TestListOfAnotherKindIsNoList(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		answerJSON(w, 200, `{"kind":"DashboardList","items":[]}`)
	})
	if got, err := c.Org(2).ListDashboards(t.Context(), "v1beta1"); !IsNotGrafana(err) {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestDeleteServiceAccountOfOldGrafana(t *testing.T) {
	there := 404
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == "GET" {
			answerJSON(w, there, `{"id":5,"message":"service account not found"}`)
			return
		}
		answerJSON(w, 500, `{"message":"Service account deletion error"}`)
	})
	if err := c.Org(2).DeleteServiceAccount(t.Context(), 5); err != nil {
		t.Errorf("gone: %v", err)
	}
	for _, there = range []int{200, 500} {
		if err := c.Org(2).DeleteServiceAccount(t.Context(), 5); !IsUnsure(err) {
			t.Errorf("GET answers %d: %v", there, err)
		}
	}
}

func TestTokenHasNoMemberships(t *testing.T) {
	c := serve(t, func(_ http.ResponseWriter, r *http.Request) { t.Errorf("asked for %s", r.URL) }, withToken)
	if orgs, err := c.MyOrgs(t.Context()); err != nil || len(orgs) != 0 {
		t.Errorf("got %v, %v", orgs, err)
	}
}

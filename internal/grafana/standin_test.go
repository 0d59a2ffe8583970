package grafana_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"grafana-tenancy.dev/operator/internal/grafana"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
)

// These tests need a Grafana that can be made to fail, age and forget, so they run against the stand-in only.

func dial(t *testing.T, s *grafanatest.Server, edits ...func(*grafana.Config)) *grafana.Client {
	t.Helper()
	cfg := grafana.Config{
		URL:       s.URL,
		BasicAuth: &grafana.BasicAuth{Username: "admin", Password: "admin", Session: true},
	}
	for _, edit := range edits {
		edit(&cfg)
	}
	c, err := grafana.New(cfg)
	must(t, err)
	t.Cleanup(func() { _ = c.Close(context.WithoutCancel(t.Context())) })
	return c
}

func inProcess(s *grafanatest.Server) func(*grafana.Config) {
	return func(cfg *grafana.Config) { cfg.URL, cfg.Transport = "http://grafana.test", s.RoundTripper() }
}

func exists(s *grafanatest.Server, name string) bool {
	return slices.ContainsFunc(s.Orgs(), func(o grafanatest.Org) bool { return o.Name == name })
}

// routes lists the routes that were asked for, without the answer's details.
func routes(s *grafanatest.Server) (list []string) {
	for _, r := range s.Requests() {
		list = append(list, r.Method+" "+r.Route)
	}
	s.ResetLog()
	return list
}

func TestUnsureMeansThatItMayHaveHappened(t *testing.T) {
	tests := []struct {
		name            string
		fault           grafanatest.Fault
		unsure, happens bool
		retryAfter      time.Duration
	}{
		{name: "dropped", fault: grafanatest.Fault{Outcome: grafanatest.DropAfter}, unsure: true, happens: true},
		{name: "failed", fault: grafanatest.Fault{Outcome: grafanatest.FailAfter}, unsure: true, happens: true},
		{
			name:       "unavailable",
			fault:      grafanatest.Fault{Outcome: grafanatest.Refuse, RetryAfter: 7 * time.Second},
			unsure:     true,
			retryAfter: 7 * time.Second,
		},
		{
			name:       "limited",
			fault:      grafanatest.Fault{Outcome: grafanatest.Answer, Status: 429, RetryAfter: 9 * time.Second},
			retryAfter: 9 * time.Second,
		},
		{name: "hangs", fault: grafanatest.Fault{Outcome: grafanatest.Hang}, unsure: true},
	}
	for _, transport := range []string{"network", "process"} {
		for _, test := range tests {
			t.Run(transport+" "+test.name, func(t *testing.T) {
				s := grafanatest.Start(t, grafanatest.Options{})
				c := dial(t, s, func(cfg *grafana.Config) {
					cfg.Timeout = time.Minute
					if test.fault.Outcome == grafanatest.Hang {
						cfg.Timeout = 200 * time.Millisecond
					}
					if transport == "process" {
						inProcess(s)(cfg)
					}
				})
				_, err := c.MyOrgs(t.Context())
				must(t, err)
				s.SetFault(func(*grafanatest.Request) grafanatest.Fault { return test.fault })
				_, err = c.CreateOrg(t.Context(), "x")
				if !grafana.IsUnavailable(err) || grafana.IsUnsure(err) != test.unsure ||
					grafana.RetryAfter(err) != test.retryAfter {
					t.Errorf("unsure %v, %v: %v", grafana.IsUnsure(err), grafana.RetryAfter(err), err)
				}
				if exists(s, "x") != test.happens {
					t.Errorf("it happened: %v", exists(s, "x"))
				}
				s.SetFault(nil)
				_, err = c.CreateOrg(t.Context(), "x")
				if grafana.IsTaken(err) != test.happens {
					t.Errorf("afterwards: %v", err)
				}
			})
		}
	}
}

func TestServerThatIsDown(t *testing.T) {
	basic := func(cfg *grafana.Config) { cfg.BasicAuth.Session = false }
	for _, transport := range []string{"network", "process"} {
		s := grafanatest.Start(t, grafanatest.Options{})
		_, err := dial(t, s).MyOrgs(t.Context())
		must(t, err)
		c := dial(t, s, basic) // without a connection yet
		if transport == "process" {
			c = dial(t, s, basic, inProcess(s))
		}
		s.SetDown(true)
		_, err = c.CreateOrg(t.Context(), "x")
		if !grafana.IsUnavailable(err) || grafana.IsUnsure(err) || !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("%s, down: unsure %v, %v", transport, grafana.IsUnsure(err), err)
		}
		s.SetDown(false)
		_, err = c.CreateOrg(t.Context(), "x")
		must(t, err)
	}
	s := grafanatest.Start(t, grafanatest.Options{})
	s.SetFault(func(*grafanatest.Request) grafanatest.Fault { return grafanatest.Fault{Outcome: grafanatest.Unsent} })
	_, err := dial(t, s, basic, inProcess(s)).CreateOrg(t.Context(), "x")
	if grafana.IsUnsure(err) || !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("unsent: %v", err)
	}
}

func TestSessionsOfGrafana(t *testing.T) {
	for _, version := range grafanatest.Versions() {
		var mu sync.Mutex
		now := time.Now()
		clock := func() time.Time {
			mu.Lock()
			defer mu.Unlock()
			return now
		}
		advance := func(d time.Duration) {
			mu.Lock()
			defer mu.Unlock()
			now = now.Add(d)
		}
		s := grafanatest.Start(t, grafanatest.Options{Version: version, Now: clock})
		ahead := dial(t, s, func(cfg *grafana.Config) { cfg.Now = clock })
		late := dial(t, s, func(cfg *grafana.Config) { cfg.Now = func() time.Time { return time.Unix(0, 0) } })
		use := func(what string, c *grafana.Client, want ...string) {
			t.Helper()
			s.ResetLog()
			_, err := c.MyOrgs(t.Context())
			must(t, err)
			same(t, version+": "+what, want, routes(s))
		}
		const toLogIn, toRotate, toUse = "POST /login", "POST /api/user/auth-tokens/rotate", "GET /api/user/orgs"
		use("first", ahead, toLogIn, toUse)
		use("first", late, toLogIn, toUse)
		use("second", ahead, toUse)
		advance(9*time.Minute + 45*time.Second)
		use("ahead of time", ahead, toRotate, toUse)
		advance(time.Minute)
		use("when asked to", late, toUse, toRotate, toUse)
		use("after the rotation", late, toUse)
		use("after the rotation", ahead, toUse)

		id := ahead.SessionID()
		s.EndSessions()
		use("sessions ended", ahead, toUse, toLogIn, toUse)
		if next := ahead.SessionID(); next == id || next == "" {
			t.Errorf("%s: session id %q after %q", version, next, id)
		}
		id = ahead.SessionID()
		s.ResetDatabase()
		use("database reset", ahead, toUse, toLogIn, toUse)
		if ahead.SessionID() == id {
			t.Errorf("%s: the session id tells nothing of the reset", version)
		}
		must(t, ahead.Close(t.Context()))
		same(t, "closing", []string{"GET /logout"}, routes(s))
	}
}

func TestLockedLogin(t *testing.T) {
	s := grafanatest.Start(t, grafanatest.Options{})
	s.LockOut("admin")
	c := dial(t, s)
	for range 3 {
		_, err := c.MyOrgs(t.Context())
		expect(t, "locked", err, grafana.IsUnauthorized)
	}
	same(t, "requests", []string{"POST /login"}, routes(s))
}

func TestLoginFormOrBasicAuthSwitchedOff(t *testing.T) {
	noForm := grafanatest.Start(t, grafanatest.Options{DisableLoginForm: true})
	c := dial(t, noForm)
	_, err := c.CreateOrg(t.Context(), "x")
	must(t, err)
	same(t, "without a form", []string{"POST /login", "POST /api/orgs"}, routes(noForm))
	same(t, "session", "", c.SessionID())

	noBasic := grafanatest.Start(t, grafanatest.Options{BasicAuthDisabled: true})
	_, err = dial(t, noBasic).CreateOrg(t.Context(), "x")
	must(t, err)
	_, err = dial(t, noBasic, func(cfg *grafana.Config) { cfg.BasicAuth.Session = false }).CreateOrg(t.Context(), "y")
	expect(t, "basic auth", err, grafana.IsUnauthorized)
}

func TestAnonymousAccessHidesNoDeadCredential(t *testing.T) {
	for _, version := range grafanatest.Versions() {
		s := grafanatest.Start(t, grafanatest.Options{Version: version, Anonymous: true})
		c := dial(t, s)
		id, err := c.CreateOrg(t.Context(), "x")
		must(t, err)
		o := c.Org(id)
		account := have(o.CreateServiceAccount(t.Context(), grafana.ServiceAccount{Name: "sa", Role: "Viewer"}))(t)
		token := have(o.CreateToken(t.Context(), account.ID, "t", 0))(t)
		byToken := dial(t, s, func(cfg *grafana.Config) { cfg.BasicAuth, cfg.Token = nil, token.Key })
		untold := func(err error) bool { return errors.Is(err, grafana.ErrUnexplained) }
		expect(t, "proving a key", o.ProveKey(t.Context(), token.Key), untold)
		s.RevokeToken(id, token.ID)
		same(t, "revoked", true, have(o.Tokens(t.Context(), account.ID))(t)[0].IsRevoked)
		expect(t, "proving a revoked key", o.ProveKey(t.Context(), token.Key), untold)
		_, err = byToken.Org(id).Dashboard(t.Context(), "d")
		expect(t, "looking with a revoked key", err, grafana.IsUnauthorized)
		wrong := dial(
			t,
			s,
			func(cfg *grafana.Config) { cfg.BasicAuth.Password, cfg.BasicAuth.Session = "wrong", false },
		)
		_, err = wrong.Org(id).Dashboard(t.Context(), "d")
		expect(t, "looking with a wrong password", err, grafana.IsUnauthorized)
	}
}

func TestHiddenVersion(t *testing.T) {
	c := dial(t, grafanatest.Start(t, grafanatest.Options{HideVersion: true}))
	same(t, "health", grafana.Health{Database: "ok"}, have(c.Health(t.Context()))(t))
}

func TestTokenLifetimeThatGrafanaRefuses(t *testing.T) {
	for _, version := range grafanatest.Versions() {
		for setting, test := range map[string]struct {
			opts         grafanatest.Options
			refused      []time.Duration
			refusedIn124 []time.Duration
		}{
			grafana.ExpirationDayLimit: {opts: grafanatest.Options{TokenExpirationDayLimit: 1},
				refused: []time.Duration{48 * time.Hour}, refusedIn124: []time.Duration{0}},
			grafana.MaxSecondsToLive: {opts: grafanatest.Options{MaxSecondsToLive: 86400},
				refused: []time.Duration{0, 48 * time.Hour}},
		} {
			test.opts.Version = version
			o := dial(t, grafanatest.Start(t, test.opts)).Org(1)
			account := have(o.CreateServiceAccount(t.Context(), grafana.ServiceAccount{Name: "sa", Role: "Viewer"}))(t)
			refused := test.refused
			if version == "12.4.0" {
				refused = append(refused, test.refusedIn124...)
			}
			for _, ttl := range refused {
				_, err := o.CreateToken(t.Context(), account.ID, "long", ttl)
				expect(t, "a token for "+ttl.String(), err, isStatus(400))
				expect(t, "a token for "+ttl.String(), err, grafana.IsLifetimeRefused)
				var answer *grafana.Error
				if !errors.As(err, &answer) || answer.MessageID != setting || grafana.IsNotGrafana(err) ||
					grafana.IsTaken(err) ||
					grafana.IsUnsure(err) {
					t.Errorf("%s, %s: %v", version, setting, err)
				}
			}
			_, err := o.CreateToken(t.Context(), account.ID, "short", time.Hour)
			must(t, err)
			_, err = o.CreateToken(t.Context(), account.ID, "short", time.Hour)
			if grafana.IsLifetimeRefused(err) || !grafana.IsTaken(err) {
				t.Errorf("%s: a name that is taken: %v", version, err)
			}
		}
	}
}

// The client knows Grafana's time, however far its own clock is off.
func TestGrafanasTime(t *testing.T) {
	for _, skew := range []time.Duration{0, 7 * time.Hour, -7 * time.Hour, -10_000 * time.Hour} {
		c := dial(t, grafanatest.Start(t, grafanatest.Options{Now: func() time.Time { return time.Now().Add(skew) }}))
		o := c.Org(1)
		account := have(o.CreateServiceAccount(t.Context(), grafana.ServiceAccount{Name: "sa", Role: "Viewer"}))(t)
		for _, ttl := range []time.Duration{time.Hour, 720 * time.Hour} {
			made := have(o.CreateToken(t.Context(), account.ID, ttl.String(), ttl))(t)
			for _, token := range have(o.Tokens(t.Context(), account.ID))(t) {
				if off := token.Left(c.Now()) - ttl; token.ID == made.ID && off.Abs() > time.Minute {
					t.Errorf("skew %s: a token of %s is taken to live %s longer", skew, ttl, off)
				}
			}
		}
	}
}

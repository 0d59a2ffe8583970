package grafana

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestManyRequestsShareOneLogin(t *testing.T) {
	s := newSessions(newClock())
	s.lifetime = time.Hour
	c := s.client(t)
	createMany := func() {
		t.Helper()
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				if _, err := c.CreateOrg(t.Context(), "x"); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	}
	count := func(what string) (n int) {
		for _, request := range s.took() {
			if request == what {
				n++
			}
		}
		return n
	}
	createMany()
	if n := count(toLogIn); n != 1 {
		t.Errorf("%d logins", n)
	}
	s.set(func() { s.live = "" })
	createMany()
	if n := count(toLogIn); n != 1 {
		t.Errorf("%d logins after the session ended", n)
	}
	s.clock.advance(2 * time.Hour)
	createMany()
	if n := count(toRotate); n != 1 {
		t.Errorf("%d renewals", n)
	}
}

func TestWaitingForALoginEndsWithTheContext(t *testing.T) {
	s, c, first := loginUnderWay(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.CreateOrg(ctx, "x"); !errors.Is(err, context.Canceled) || is(err) != "unavailable" {
		t.Errorf("%v is %q", err, is(err))
	}
	close(s.block)
	if err := <-first; err != nil {
		t.Error(err)
	}
}

func TestRequestThatIsRefusedByAFreshSessionIsNotRepeated(t *testing.T) {
	var log []string
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		log = append(log, r.Method+" "+r.URL.Path)
		if r.URL.Path == "/login" {
			http.SetCookie(w, &http.Cookie{Name: "grafana_session", Value: "s"})
			answerJSON(w, 200, `{}`)
			return
		}
		answerJSON(w, 401, `{"message":"Unauthorized"}`)
	}, withSession)
	if _, err := c.CreateOrg(t.Context(), "x"); is(err) != "unavailable" || !identified(err, SessionLost) {
		t.Errorf("%v is %q", err, is(err)) // the password is right
	}
	if diff := cmp.Diff([]string{toLogIn, toCreate, toLogIn, toCreate}, log); diff != "" {
		t.Error(diff)
	}
}

func TestWithoutALoginFormBasicAuthIsUsed(t *testing.T) {
	for _, status := range []int{400, 404} {
		s := newSessions(newClock())
		s.loginStatus = status
		c := s.client(t)
		mustCreate(t, c)
		mustCreate(t, c)
		expectRequests(t, s, toLogIn, toCreate, toCreate)
		if id := c.SessionID(); id != "" {
			t.Errorf("session %q", id)
		}
	}
}

func TestRefusedPasswordIsNotTriedAgain(t *testing.T) {
	for name, test := range map[string]struct {
		edit func(*Config)
		try  []string
	}{
		"session": {withSession, []string{toLogIn}},
		"basic":   {func(*Config) {}, []string{toCreate}},
	} {
		s := newSessions(newClock())
		s.loginStatus = 401
		c := s.client(t, func(cfg *Config) { cfg.BasicAuth.Session = false }, test.edit)
		expect := func(err error, want ...string) {
			t.Helper()
			var refused *LoginError
			if !errors.As(err, &refused) || is(err) != "unauthorized" || strings.Contains(err.Error(), testPassword) {
				t.Errorf("%s: %v is %q", name, err, is(err))
			}
			if diff := cmp.Diff(want, s.took()); diff != "" {
				t.Errorf("%s: %s", name, diff)
			}
		}
		_, first := c.CreateOrg(t.Context(), "x")
		expect(first, test.try...)
		_, second := c.CreateOrg(t.Context(), "x")
		expect(second)
		if first.Error() != second.Error() {
			t.Errorf("%s: first %v, then %v", name, first, second)
		}
		c.RetryLogin()
		_, third := c.CreateOrg(t.Context(), "x")
		expect(third, test.try...)
		s.set(func() { s.loginStatus = 0 })
		c.RetryLogin()
		mustCreate(t, c)
	}
}

func TestPasswordThatChangesWhileASessionLives(t *testing.T) {
	s := newSessions(newClock())
	c := s.client(t)
	mustCreate(t, c)
	s.took()
	s.set(func() { s.live, s.loginStatus = "", 401 })
	for range 2 {
		if _, err := c.CreateOrg(t.Context(), "x"); is(err) != "unauthorized" {
			t.Errorf("%v is %q", err, is(err))
		}
	}
	expectRequests(t, s, toCreate, toLogIn)
	if id := c.SessionID(); id != "" {
		t.Errorf("session %q, though it is over", id)
	}
}

func TestLoginThatFailsOtherwiseIsTriedAgain(t *testing.T) {
	for _, status := range []int{403, 429, 500, 503} {
		s := newSessions(newClock())
		s.loginStatus = status
		c := s.client(t)
		for range 2 {
			_, err := c.CreateOrg(t.Context(), "x")
			if !errors.As(err, new(*LoginError)) || IsUnsure(err) || IsUnauthorized(err) ||
				IsUnavailable(err) != (status != 403) {
				t.Errorf("%d: %v is %q", status, err, is(err))
			}
		}
		expectRequests(t, s, toLogIn, toLogIn)
	}
}

func TestLoginThatIsNoGrafana(t *testing.T) {
	for name, handler := range map[string]http.HandlerFunc{
		"no cookie": func(w http.ResponseWriter, _ *http.Request) { answerJSON(w, 200, `{}`) },
		"only the expiry": func(w http.ResponseWriter, _ *http.Request) {
			http.SetCookie(w, &http.Cookie{Name: "grafana_session_expiry", Value: "1"})
			answerJSON(w, 200, `{}`)
		},
		"redirect": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "https://sso.example.org/", 302) },
	} {
		c := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/login" {
				t.Errorf("%s: asked for %s", name, r.URL.Path)
			}
			handler(w, r)
		}, withSession)
		if _, err := c.CreateOrg(t.Context(), "x"); is(err) != "notGrafana" {
			t.Errorf("%s: %v is %q", name, err, is(err))
		}
	}
}

func TestLoginWithoutAnAnswerLeavesNothingUnsure(t *testing.T) {
	c := serve(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, withSession)
	if _, err := c.CreateOrg(t.Context(), "x"); is(err) != "unavailable" || !errors.Is(err, io.EOF) {
		t.Errorf("%v is %q", err, is(err))
	}
}

func TestKeysAndHealthNeedNoLogin(t *testing.T) {
	s := newSessions(newClock())
	s.loginStatus = 401
	c := s.client(t)
	if _, err := c.CreateOrg(t.Context(), "x"); !IsUnauthorized(err) {
		t.Fatal(err)
	}
	s.took()
	if err := c.Org(3).ProveKey(t.Context(), testToken); !errors.Is(err, ErrUnexplained) ||
		errors.As(err, new(*LoginError)) {
		t.Errorf("a key, to a server that refuses all in the same way: %v", err)
	}
	_, _ = c.Health(t.Context())
	expectRequests(t, s, "GET /api/access-control/user/permissions", "GET /api/access-control/user/permissions",
		"GET /api/health")
}

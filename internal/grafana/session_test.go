package grafana

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// sessions is a server with Grafana's logins, as far as a client sees them. Its fields may be changed
// between requests.
type sessions struct {
	mu       sync.Mutex
	clock    *clock
	live     string        // the session's cookie, "" for none
	rotateAt time.Time     // of the live session; zero: never
	lifetime time.Duration // until a session is to be rotated
	count    int           // of the sessions given out

	loginStatus  int // 0: it works
	rotateStatus int
	rotateSilent bool // the rotation is answered without a new cookie
	block        chan struct{}

	log []string
}

func newSessions(clock *clock) *sessions { return &sessions{clock: clock, lifetime: 10 * time.Minute} }

func (s *sessions) client(t *testing.T, edits ...func(*Config)) *Client {
	return serve(t, s.ServeHTTP, append([]func(*Config){withSession, withClock(s.clock)}, edits...)...)
}

func (s *sessions) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	cookie, _ := r.Cookie("gf_login")
	known := cookie != nil && cookie.Value == s.live && s.live != ""
	s.log = append(s.log, r.Method+" "+r.URL.Path)
	switch r.URL.Path {
	case "/login":
		if s.block != nil {
			s.block <- struct{}{} // it has arrived
			<-s.block             // it may go on
		}
		s.login(w, r)
	case "/api/user/auth-tokens/rotate":
		switch {
		case s.rotateStatus != 0:
			answerJSON(w, s.rotateStatus, `{"message":"rotation failed"}`)
		case !known:
			answerJSON(w, 401, `{"message":"Unauthorized"}`)
		default:
			if !s.rotateSilent {
				s.begin(w)
			}
			answerJSON(w, 200, `{}`)
		}
	case "/logout":
		if known {
			s.live = ""
		}
		http.Redirect(w, r, "/login", http.StatusFound)
	default:
		s.api(w, r, known)
	}
}

func (s *sessions) login(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	switch {
	case s.loginStatus != 0:
		answerJSON(w, s.loginStatus, `{"messageId":"login.failed","message":"login failed"}`)
	case string(body) != fmt.Sprintf(`{"password":%q,"user":%q}`, testPassword, testUser) || r.Header.Get("X-Grafana-Org-Id") != "":
		answerJSON(w, 401, `{"messageId":"password-auth.failed","message":"Invalid username or password"}`)
	default:
		http.SetCookie(w, &http.Cookie{Name: "sticky", Value: "backend-1", Path: "/"})
		s.begin(w)
		answerJSON(w, 200, `{"message":"Logged in"}`)
	}
}

// begin gives out a new session.
func (s *sessions) begin(w http.ResponseWriter) {
	s.count++
	s.live = "session-" + strconv.Itoa(s.count)
	s.rotateAt = s.clock.Now().Add(s.lifetime)
	http.SetCookie(w, &http.Cookie{Name: "gf_login", Value: s.live, Path: "/", MaxAge: 3600, HttpOnly: true})
	http.SetCookie(
		w,
		&http.Cookie{Name: "grafana_session_expiry", Value: strconv.FormatInt(s.rotateAt.Unix(), 10), Path: "/"},
	)
}

func (s *sessions) api(w http.ResponseWriter, r *http.Request, known bool) {
	user, password, basic := r.BasicAuth()
	sticky, _ := r.Cookie("sticky")
	expiry, _ := r.Cookie("grafana_session_expiry")
	switch {
	case basic && s.loginStatus != http.StatusUnauthorized && user == testUser && password == testPassword:
	case basic:
		answerJSON(w, 401, `{"messageId":"password-auth.failed","message":"Invalid username or password"}`)
		return
	case !known:
		answerJSON(w, 401, `{"message":"Unauthorized","traceID":""}`)
		return
	case s.clock.Now().After(s.rotateAt):
		answerJSON(w, 401, `{"messageId":"session.token.rotate","message":"Unauthorized"}`)
		return
	case sticky == nil || sticky.Value != "backend-1" || expiry != nil || r.Header.Get("Authorization") != "":
		answerJSON(w, 400, `{"message":"wrong cookies"}`)
		return
	}
	answerJSON(w, 200, `{"orgId":7}`)
}

// took returns what was asked since the last call.
func (s *sessions) took() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	log := s.log
	s.log = nil
	return log
}

// set changes the server.
func (s *sessions) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

const (
	toLogIn  = "POST /login"
	toRotate = "POST /api/user/auth-tokens/rotate"
	toCreate = "POST /api/orgs"
	toLogOut = "GET /logout"
)

func expectRequests(t *testing.T, s *sessions, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, s.took()); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

func mustCreate(t *testing.T, c *Client) {
	t.Helper()
	if id, err := c.CreateOrg(t.Context(), "x"); err != nil || id != 7 {
		t.Fatalf("created %d: %v", id, err)
	}
}

func TestSessionBeginsWithTheFirstRequestAndEndsWithClose(t *testing.T) {
	s := newSessions(newClock())
	c := s.client(t)
	if id := c.SessionID(); id != "" {
		t.Errorf("session %q before any request", id)
	}
	expectRequests(t, s)
	mustCreate(t, c)
	id := c.SessionID()
	mustCreate(t, c)
	if id == "" || c.SessionID() != id || strings.Contains(id, "session-") {
		t.Errorf("session %q, then %q", id, c.SessionID())
	}
	for range 2 {
		if err := c.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
	expectRequests(t, s, toLogIn, toCreate, toCreate, toLogOut)
	if _, err := c.CreateOrg(
		t.Context(),
		"x",
	); !errors.Is(err, ErrClosed) || is(err) != "unavailable" ||
		c.SessionID() != "" {
		t.Errorf("after Close: %v", err)
	}
	expectRequests(t, s)
}

func TestCloseWithoutASessionSendsNothing(t *testing.T) {
	s := newSessions(newClock())
	for _, edit := range []func(*Config){withSession, withToken, func(*Config) {}} {
		if err := serve(t, s.ServeHTTP, edit).Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
	expectRequests(t, s)
}

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
	s := newSessions(newClock())
	s.block = make(chan struct{})
	c := s.client(t)
	first := make(chan error)
	go func() {
		_, err := c.CreateOrg(t.Context(), "x")
		first <- err
	}()
	<-s.block
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

func TestSessionIsRenewedAheadOfItsExpiry(t *testing.T) {
	s := newSessions(newClock())
	c := s.client(t)
	mustCreate(t, c)
	id := c.SessionID()
	s.clock.advance(8 * time.Minute)
	mustCreate(t, c)
	expectRequests(t, s, toLogIn, toCreate, toCreate)
	s.clock.advance(90 * time.Second)
	mustCreate(t, c)
	mustCreate(t, c)
	expectRequests(t, s, toRotate, toCreate, toCreate)
	if c.SessionID() != id {
		t.Error("the renewal changed the session's id")
	}
}

func TestRenewalAheadOfTimeMayFail(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*sessions)
		want   []string
	}{
		"server fails": {func(s *sessions) { s.rotateStatus = 500 }, []string{toRotate, toCreate, toCreate}},
		"nothing new":  {func(s *sessions) { s.rotateSilent = true }, []string{toRotate, toCreate, toCreate}},
		"session gone": {func(s *sessions) { s.live = "" }, []string{toRotate, toLogIn, toCreate, toCreate}},
	} {
		s := newSessions(newClock())
		c := s.client(t)
		mustCreate(t, c)
		s.took()
		s.set(func() { test.change(s) })
		s.clock.advance(590 * time.Second)
		mustCreate(t, c)
		mustCreate(t, c)
		if diff := cmp.Diff(test.want, s.took()); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestSessionIsRotatedWhenGrafanaAsks(t *testing.T) {
	s := newSessions(newClock())
	s.lifetime = -time.Hour // as if our clock were ahead of Grafana's: never renewed ahead
	c := s.client(t)
	s.set(func() { s.lifetime = time.Hour })
	mustCreate(t, c)
	s.took()
	id := c.SessionID()
	s.set(func() { s.rotateAt = time.Time{}; s.lifetime = -time.Hour })
	if _, err := c.CreateOrg(t.Context(), "x"); is(err) != "unavailable" {
		t.Errorf("asked to rotate twice: %v", err)
	}
	expectRequests(t, s, toCreate, toRotate, toCreate)
	s.set(func() { s.lifetime = time.Hour })
	mustCreate(t, c)
	expectRequests(t, s, toCreate, toRotate, toCreate)
	if c.SessionID() != id {
		t.Error("the rotation changed the session's id")
	}
	for name, want := range map[string][]string{
		"nothing new":   {toCreate, toRotate, toLogIn, toCreate},
		"refused":       {toCreate, toRotate, toLogIn, toCreate},
		"out of action": {toCreate, toRotate},
	} {
		s.set(func() {
			s.rotateAt = time.Time{}
			s.rotateSilent = name == "nothing new"
			s.rotateStatus = map[string]int{"refused": 401, "out of action": 503}[name]
		})
		_, err := c.CreateOrg(t.Context(), "x")
		if slices.Contains(want, toLogIn) != (err == nil) || err != nil && is(err) != "unavailable" {
			t.Errorf("%s: %v", name, err)
		}
		expectRequests(t, s, want...)
	}
}

func TestDeadSessionLogsInAnewOnce(t *testing.T) {
	s := newSessions(newClock())
	c := s.client(t)
	mustCreate(t, c)
	id := c.SessionID()
	s.took()
	s.set(func() { s.live = "" })
	mustCreate(t, c)
	expectRequests(t, s, toCreate, toLogIn, toCreate)
	if next := c.SessionID(); next == id || next == "" {
		t.Errorf("session id %q after %q", next, id)
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

func TestCloseEndsTheSessionOfALoginUnderWay(t *testing.T) {
	s := newSessions(newClock())
	s.block = make(chan struct{})
	c := s.client(t)
	created := make(chan error)
	go func() {
		_, err := c.CreateOrg(t.Context(), "x")
		created <- err
	}()
	<-s.block
	ended, end := context.WithCancel(t.Context())
	end()
	if err := c.Close(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("closing without the time to: %v", err)
	}
	close(s.block)
	if err := <-created; !errors.Is(err, ErrClosed) {
		t.Errorf("the request: %v", err)
	}
	if err := c.Close(t.Context()); err != nil {
		t.Error(err)
	}
	expectRequests(t, s, toLogIn, toLogOut)
}

func TestLogoutThatFails(t *testing.T) {
	s := newSessions(newClock())
	server := httptest.NewUnstartedServer(s)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.Start()
	c := connect(t, server.URL, withSession, withClock(s.clock))
	mustCreate(t, c)
	server.Close()
	if err := c.Close(t.Context()); !IsUnavailable(err) {
		t.Errorf("got %v", err)
	}
	if err := c.Close(t.Context()); err != nil {
		t.Errorf("again: %v", err)
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
	if err := c.Org(
		3,
	).ProveKey(
		t.Context(),
		testToken,
	); !errors.Is(err, ErrUnexplained) ||
		errors.As(err, new(*LoginError)) {
		t.Errorf("a key, to a server that refuses all in the same way: %v", err)
	}
	_, _ = c.Health(t.Context())
	expectRequests(
		t,
		s,
		"GET /api/access-control/user/permissions",
		"GET /api/access-control/user/permissions",
		"GET /api/health",
	)
}

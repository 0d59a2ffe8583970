package grafana

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
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
	http.SetCookie(w,
		&http.Cookie{Name: "grafana_session_expiry", Value: strconv.FormatInt(s.rotateAt.Unix(), 10), Path: "/"})
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

// loginUnderWay has a request wait for a login that ends when the test closes s.block; what comes of it is in created.
func loginUnderWay(t *testing.T) (s *sessions, c *Client, created chan error) {
	t.Helper()
	s = newSessions(newClock())
	s.block = make(chan struct{})
	c = s.client(t)
	created = make(chan error)
	go func() {
		_, err := c.CreateOrg(t.Context(), "x")
		created <- err
	}()
	<-s.block
	return s, c, created
}

package grafana

import (
	"context"
	"errors"
	"io"
	"log"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

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
	if _, err := c.CreateOrg(t.Context(), "x"); !errors.Is(err, ErrClosed) || is(err) != "unavailable" ||
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

func TestCloseEndsTheSessionOfALoginUnderWay(t *testing.T) {
	s, c, created := loginUnderWay(t)
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

package grafana

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Work that is within a session reads in the next one, and changes nothing: neither with the request that finds out
// that the session has ended, nor after another's has.
func TestWorkWithinASessionChangesNothingInTheNext(t *testing.T) {
	s := newSessions(newClock())
	c := s.client(t)
	mustCreate(t, c)
	refused := func(err error) {
		t.Helper()
		if is(err) != "unavailable" || IsUnsure(err) {
			t.Errorf("%v is %q", err, is(err))
		}
	}
	ctx := WithinSession(t.Context())
	c.HoldSession(ctx)
	s.took()
	s.set(func() { s.live = "" })
	_, err := c.CreateOrg(ctx, "x")
	refused(err)
	expectRequests(t, s, toCreate, toLogIn)
	_, err = c.CreateOrg(ctx, "x")
	refused(err)
	expectRequests(t, s)
	if _, err := c.CreateOrg(WithinSession(t.Context()), "x"); err != nil {
		t.Error(err)
	}
	expectRequests(t, s, toCreate)
}

// What was not sent is asked again, whatever else was refused in the same pass.
func TestRefusedBesideWhatWasNotSent(t *testing.T) {
	err := errors.Join(&Error{Status: 403}, &otherSession{})
	if got := VerdictOf(err); got != Failing {
		t.Errorf("it is %v", got)
	}
}

// What was proven before the first request holds no longer once somebody else has begun another session.
func TestWorkIsWithinTheSessionThatItIsTold(t *testing.T) {
	s := newSessions(newClock())
	c := s.client(t)
	mustCreate(t, c)
	ctx := WithinSession(t.Context())
	c.HoldSession(ctx)
	s.set(func() { s.live = "" })
	mustCreate(t, c)
	s.took()
	if _, err := c.CreateOrg(ctx, "x"); is(err) != "unavailable" {
		t.Errorf("%v is %q", err, is(err))
	}
	expectRequests(t, s)
}

// The first request decides where nothing has begun a session yet, and each Client has its own.
func TestWorkIsWithinTheSessionOfItsFirstRequest(t *testing.T) {
	s := newSessions(newClock())
	c := s.client(t)
	ctx := WithinSession(t.Context())
	c.HoldSession(ctx)
	for range 2 {
		if _, err := c.CreateOrg(ctx, "x"); err != nil {
			t.Error(err)
		}
	}
	other := newSessions(newClock())
	if _, err := other.client(t).CreateOrg(ctx, "x"); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]string{toLogIn, toCreate, toCreate}, s.took()); diff != "" {
		t.Error(diff)
	}
}

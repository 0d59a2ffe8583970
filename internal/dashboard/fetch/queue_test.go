package fetch

import (
	"bytes"
	"context"
	"errors"
	"log"
	"os"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestTake(t *testing.T) {
	play(t, 2, 2, func(t *testing.T, q *Queue, s *slow) {
		woken := 0
		wake := func() {
			if woken++; !q.mu.TryLock() {
				t.Error("woken under the lock")
				return
			}
			q.mu.Unlock()
		}
		for range 3 { // asking again asks for nothing more
			if _, _, ok := ask(q, "a", "g", wake); ok {
				t.Fatal("there is an outcome at once")
			}
		}
		s.started(t, "a")
		s.end("a", nil)
		if woken != 1 {
			t.Errorf("woken %d times", woken)
		}
		if got, err, ok := ask(q, "a", "g", wake); got != "a" || err != nil || !ok {
			t.Errorf("took %q, %v, %v", got, err, ok)
		}
		if _, _, ok := ask(q, "a", "g", wake); ok {
			t.Error("the outcome is there twice")
		}
		s.started(t, "a a")
		s.end("a", errors.New("no"))
		if _, err, ok := ask(q, "a", "g", wake); err == nil || !ok {
			t.Errorf("took %v, %v", err, ok)
		}
	})
}

func TestLastWakeCounts(t *testing.T) {
	play(t, 1, 1, func(t *testing.T, q *Queue, s *slow) {
		var woken string
		ask(q, "a", "g", func() { woken += "first" })
		ask(q, "a", "g", func() { woken += "last" })
		s.started(t, "a")
		if s.end("a", nil); woken != "last" {
			t.Errorf("woken: %s", woken)
		}
	})
}

func TestReplacing(t *testing.T) {
	play(t, 2, 2, func(t *testing.T, q *Queue, s *slow) {
		take := func(r Request, wake func()) (Fetched, bool) {
			got, _, ok := q.Take("key", "g", r, wake)
			return got, ok
		}
		stale := func() { t.Error("woken for a request that was replaced") }
		header := func(v Secret) Request { return Request{URL: "u", Headers: map[string]Secret{"A": v}} }
		take(header("1"), stale) // under way
		s.started(t, "u")
		take(header("2"), nobody)
		s.started(t, "u u")
		if len(s.ended) != 1 {
			t.Errorf("cancelled: %q", s.ended)
		}
		s.end("u", nil)
		if _, ok := take(header("3"), stale); ok { // done
			t.Error("took the outcome of another request")
		}
		s.started(t, "u u u")
		if _, _, ok := q.Take("key", "other group", header("3"), nobody); ok {
			t.Error("took the outcome of another group")
		}
		s.started(t, "u u u u")
		s.end("u", nil)
		if _, ok := take(header("3"), nobody); ok {
			t.Error("took the outcome of another group")
		}
	})
}

func TestReplacingWhatWaits(t *testing.T) {
	play(t, 1, 1, func(t *testing.T, q *Queue, s *slow) {
		ask(q, "a", "g", nobody)
		q.Take("b", "g", Request{URL: "old"}, nobody)
		q.Take("b", "g", Request{URL: "new"}, nobody)
		q.Take("c", "h", Request{URL: "c"}, nobody)
		q.Forget("c")
		s.started(t, "a")
		s.end("a", nil)
		s.started(t, "a new")
	})
}

func TestForget(t *testing.T) {
	play(t, 1, 1, func(t *testing.T, q *Queue, s *slow) {
		ask(q, "a", "g", func() { t.Error("woken for what was forgotten") })
		s.started(t, "a")
		q.Forget("a")
		q.Forget("never known")
		ask(q, "b", "g", nobody)
		s.started(t, "a b")
		s.end("b", nil)
		q.Forget("b")
		if _, _, ok := ask(q, "b", "g", nobody); ok {
			t.Error("a forgotten outcome is there")
		}
	})
}

func TestOutcomesExpire(t *testing.T) {
	play(t, 1, 1, func(t *testing.T, q *Queue, s *slow) {
		ask(q, "a", "g", nobody)
		s.started(t, "a")
		s.end("a", nil)
		time.Sleep(keepOutcomes - time.Second) // of the test's own clock
		if _, _, ok := ask(q, "a", "g", nobody); !ok {
			t.Error("the outcome is gone too soon")
		}
		ask(q, "a", "g", nobody)
		s.started(t, "a a")
		s.end("a", nil)
		time.Sleep(keepOutcomes + time.Second)
		synctest.Wait()
		if len(q.jobs) != 0 || q.all.kept != 0 {
			t.Error("the outcome is kept")
		}
		if _, _, ok := ask(q, "a", "g", nobody); ok {
			t.Error("an old outcome is there")
		}
	})
}

func TestClose(t *testing.T) {
	play(t, 1, 1, func(t *testing.T, q *Queue, s *slow) {
		ask(q, "a", "g", func() { t.Error("woken after Close") })
		ask(q, "b", "g", func() { t.Error("woken after Close") })
		s.started(t, "a")
		q.Close()
		synctest.Wait()
		if len(s.ended) != 1 {
			t.Errorf("cancelled: %q", s.ended)
		}
		if _, _, ok := ask(q, "c", "g", nobody); ok {
			t.Error("there is an outcome after Close")
		}
		s.started(t, "a")
	})
}

func TestPanics(t *testing.T) {
	var logged bytes.Buffer
	log.SetOutput(&logged)
	defer log.SetOutput(os.Stderr)
	for name, bug := range map[string]func(){"panic": func() { panic("boom") }, "exit": runtime.Goexit} {
		synctest.Test(t, func(t *testing.T) {
			woken := false
			q := NewQueue(func(context.Context, Request) (Fetched, error) { bug(); return Fetched{}, nil }, 1, 1)
			defer q.Close()
			r := Request{URL: "http://example.com/?token=hush"}
			q.Take("a", "g", r, func() { woken = true })
			synctest.Wait()
			if _, err, ok := q.Take("a", "g", r, nobody); !ok || err == nil || !woken || Permanent(err) {
				t.Errorf("%s: %v, %v, woken %v", name, err, ok, woken)
			}
			q.fetch = func(context.Context, Request) (Fetched, error) { return Fetched{}, nil }
			q.Take("a", "g", r, nobody)
			synctest.Wait()
			if _, err, ok := q.Take("a", "g", r, nobody); !ok || err != nil {
				t.Errorf("%s: then %v, %v", name, err, ok)
			}
		})
	}
	if text := logged.String(); !strings.Contains(text, "boom") || !strings.Contains(text, "queue_test.go") ||
		strings.Contains(text, "hush") {
		t.Errorf("the log says %q", text)
	}
	atOnce := NewSync(func(context.Context, Request) (Fetched, error) { panic("boom") })
	if _, err, ok := atOnce.Take("a", "g", Request{}, nil); !ok || err == nil {
		t.Errorf("at once: %v, %v", err, ok)
	}
}

func TestSync(t *testing.T) {
	q := NewSync(
		func(ctx context.Context, r Request) (Fetched, error) { return Fetched{Body: []byte(r.URL)}, ctx.Err() },
	)
	for range 2 {
		if got, err, ok := ask(q, "a", "g", nil); got != "a" || err != nil || !ok {
			t.Errorf("took %q, %v, %v", got, err, ok)
		}
	}
	q.Forget("a")
	q.Close()
	if _, err, ok := ask(q, "a", "g", nil); !errors.Is(err, context.Canceled) || !ok {
		t.Errorf("after Close: %v, %v", err, ok)
	}
}

package fetch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// slow is a fetch whose outcomes come when the test says so. Begun fetches are in order.
type slow struct {
	mu    sync.Mutex
	begun []string
	ends  map[string]chan error
	ended []string // those that were cancelled
}

func (s *slow) fetch(ctx context.Context, r Request) (Fetched, error) {
	s.mu.Lock()
	end := make(chan error, 1)
	if s.ends == nil {
		s.ends = map[string]chan error{}
	}
	s.begun, s.ends[r.URL] = append(s.begun, r.URL), end
	s.mu.Unlock()
	select {
	case err := <-end:
		if err != nil {
			return Fetched{}, err
		}
		return Fetched{Body: []byte(r.URL)}, nil
	case <-ctx.Done():
		s.mu.Lock()
		defer s.mu.Unlock()
		s.ended = append(s.ended, r.URL)
		return Fetched{}, ctx.Err()
	}
}

// end lets the fetch of a URL come to an end, and everything settle.
func (s *slow) end(url string, err error) {
	s.mu.Lock()
	s.ends[url] <- err
	s.mu.Unlock()
	synctest.Wait()
}

// started checks which fetches have begun, in whatever order.
func (s *slow) started(t *testing.T, want string) {
	t.Helper()
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	if got := strings.Join(slices.Sorted(slices.Values(s.begun)), " "); got != want {
		t.Fatalf("begun: %s; want: %s", got, want)
	}
}

// ask takes by key; the URL is the key's.
func ask(q *Queue, key, group string, wake func()) (string, error, bool) { //nolint:revive // the order is Take's
	got, err, ok := q.Take(key, group, Request{URL: key}, wake)
	return string(got.Body), err, ok
}

func nobody() {}

// play runs a test on a clock of its own, with a queue that has nothing under way in the end.
func play(t *testing.T, total, perGroup int, test func(t *testing.T, q *Queue, s *slow)) {
	synctest.Test(t, func(t *testing.T) {
		s := &slow{}
		q := NewQueue(s.fetch, total, perGroup)
		defer q.Close()
		test(t, q, s)
		q.Close()
		synctest.Wait()
		if q.all.running != 0 || q.all.kept != 0 || len(q.jobs) != 0 || len(q.groups) != 0 || len(q.turns) != 0 {
			t.Errorf("something is left: %+v, jobs %v, groups %v, turns %v", q.all, q.jobs, q.groups, q.turns)
		}
	})
}

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

// A fetch that does not listen to its cancellation still counts.
func TestCancelledFetchesCountUntilTheyReturn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var running atomic.Int32
		stop := make(chan struct{})
		q := NewQueue(func(context.Context, Request) (Fetched, error) {
			running.Add(1)
			defer running.Add(-1)
			<-stop
			return Fetched{}, nil
		}, 2, 1)
		defer q.Close()
		for i := range 10 {
			q.Take("key", "g", Request{URL: fmt.Sprint(i)}, nobody)
		}
		synctest.Wait()
		if running.Load() != 1 {
			t.Errorf("%d at once", running.Load())
		}
		close(stop)
		synctest.Wait()
		if _, _, ok := q.Take("key", "g", Request{URL: "9"}, nobody); !ok {
			t.Error("the last request has no outcome")
		}
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

func TestGroupsHaveTurns(t *testing.T) {
	play(t, 1, 1, func(t *testing.T, q *Queue, s *slow) {
		for _, key := range []string{"a1", "a2", "a3", "a4", "b1", "b2", "c1"} {
			ask(q, key, key[:1], nobody)
		}
		for _, key := range []string{"a1", "a2", "b1", "c1", "a3", "b2", "a4"} {
			synctest.Wait()
			s.end(key, nil)
			q.Forget(key)
		}
		if got := strings.Join(s.begun, " "); got != "a1 a2 b1 c1 a3 b2 a4" {
			t.Errorf("the order was %s", got)
		}
	})
}

func TestOneGroupHoldsUpNoOther(t *testing.T) {
	play(t, 4, 2, func(t *testing.T, q *Queue, s *slow) {
		for i := range 100 {
			ask(q, fmt.Sprint("a", i), "a", nobody)
		}
		ask(q, "b0", "b", nobody)
		ask(q, "c0", "c", nobody)
		ask(q, "d0", "d", nobody)
		s.started(t, "a0 a1 b0 c0")
		s.end("a1", nil) // d comes before a's hundred
		s.started(t, "a0 a1 b0 c0 d0")
	})
}

func TestBodiesThatNobodyTakesAreBounded(t *testing.T) {
	play(t, 4, 1, func(t *testing.T, q *Queue, s *slow) {
		for _, key := range []string{"a0", "a1", "a2", "a3"} {
			ask(q, key, "a", nobody)
		}
		s.started(t, "a0")
		s.end("a0", nil)
		s.started(t, "a0 a1")
		s.end("a1", nil)
		s.started(t, "a0 a1") // two bodies are there
		ask(q, "b0", "b", nobody)
		s.started(t, "a0 a1 b0") // which is no matter of others
		if got, _, ok := ask(q, "a0", "a", nobody); !ok || got != "a0" {
			t.Errorf("the oldest is not there: %q", got)
		}
		s.started(t, "a0 a1 a2 b0")
		s.end("a2", errors.New("no")) // has no body
		s.started(t, "a0 a1 a2 a3 b0")
		s.end("a3", nil)
		ask(q, "a4", "a", nobody)
		s.started(t, "a0 a1 a2 a3 b0")
		time.Sleep(keepOutcomes + time.Second)
		s.started(t, "a0 a1 a2 a3 a4 b0")
	})
	play(t, 1, 9, func(t *testing.T, q *Queue, s *slow) { // all groups together
		for _, key := range []string{"a", "b", "c"} {
			ask(q, key, key, nobody)
		}
		synctest.Wait()
		s.end("a", nil)
		s.end("b", nil)
		s.started(t, "a b")
		q.Forget("b")
		s.started(t, "a b c")
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
	if _, err, ok := NewSync(
		func(context.Context, Request) (Fetched, error) { panic("boom") },
	).Take(
		"a",
		"g",
		Request{},
		nil,
	); !ok ||
		err == nil {
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

// TestQueueUnderLoad: many ask, take and forget at once. The limits hold at every moment, and everyone who keeps asking
// is served.
func TestQueueUnderLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const total, perGroup, keys = 4, 2, 60
		var all atomic.Int32
		var groups [3]atomic.Int32
		q := NewQueue(func(ctx context.Context, r Request) (Fetched, error) {
			g := &groups[int(r.URL[0]-'a')]
			if all.Add(1) > total || g.Add(1) > perGroup {
				t.Error("too many at once")
			}
			defer func() { g.Add(-1); all.Add(-1) }()
			for range rand.IntN(50) {
				runtime.Gosched()
			}
			return Fetched{Body: []byte(r.URL)}, ctx.Err()
		}, total, perGroup)
		defer q.Close()
		var work sync.WaitGroup
		for i := range keys {
			work.Go(func() {
				group := string(rune('a' + i%3))
				key := fmt.Sprint(group, i)
				woken := make(chan struct{}, 100)
				for served := 0; served < 20; {
					if rand.IntN(10) == 0 {
						q.Take(key, group, Request{URL: key, ETag: "other"}, func() {})
					}
					if rand.IntN(20) == 0 {
						q.Forget(key)
					}
					got, err, ok := q.Take(key, group, Request{URL: key}, func() { woken <- struct{}{} })
					if !ok {
						<-woken
						continue
					}
					if served++; err != nil || string(got.Body) != key {
						t.Errorf("%s took %q, %v", key, got.Body, err)
					}
				}
			})
		}
		work.Wait()
		synctest.Wait()
		if len(q.jobs) != 0 || len(q.groups) != 0 || q.all.kept != 0 {
			t.Errorf("left: %v, %v, %+v", q.jobs, q.groups, q.all)
		}
	})
}

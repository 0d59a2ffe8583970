package fetch

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

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

package fetch

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
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

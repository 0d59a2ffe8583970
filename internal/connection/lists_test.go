package connection

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"grafana-tenancy.dev/operator/internal/grafana"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
)

// listWorld is a connection with a session in a Grafana, and a clock.
type listWorld struct {
	*Conn
	grafana *grafanatest.Server
	clock   time.Time
	lists   lists[[]int]
	made    int
}

var someList = listKey{org: 3}

func newListWorld(t *testing.T) *listWorld {
	t.Helper()
	w := &listWorld{grafana: grafanatest.New(grafanatest.Options{}), clock: time.Unix(1_800_000_000, 0)}
	client, err := grafana.New(grafana.Config{
		URL:       "http://grafana.test",
		BasicAuth: &grafana.BasicAuth{Username: "admin", Password: "admin", Session: true},
		Transport: w.grafana.RoundTripper(),
	})
	if err != nil {
		t.Fatal(err)
	}
	w.Conn = New(client, Config{Clock: func() time.Time { return w.clock }, MaxReads: 1, MaxWrites: 1})
	w.ask(t)
	return w
}

// ask has the client log in, if its session is no more.
func (w *listWorld) ask(t *testing.T) {
	t.Helper()
	if _, err := w.ListOrgs(t.Context()); err != nil {
		t.Fatal(err)
	}
	if w.SessionID() == "" {
		t.Fatal("there is no session")
	}
}

// get brings the list, of which each has another number than the one before.
func (w *listWorld) get(t *testing.T, age Age) string {
	t.Helper()
	found, _, err := w.lists.get(t.Context(), w.Conn, someList, age.of(w.Conn), func() ([]int, error) {
		w.made++
		return []int{w.made}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(found)
}

func TestAListServesOthersAsLongAsItIsNotTooOld(t *testing.T) {
	w := newListWorld(t)
	for _, step := range []struct {
		age  Age
		wait time.Duration
		want string
	}{
		{Due, 0, "[1]"},
		{Due, dueListLife - 1, "[1]"},
		{Due, 1, "[2]"},
		{Now, 0, "[3]"},
		{Now, 0, "[4]"},
	} {
		w.clock = w.clock.Add(step.wait)
		if got := w.get(t, step.age); got != step.want {
			t.Errorf("after %s the list for %d is %s, want %s", step.wait, step.age, got, step.want)
		}
	}
}

func TestNothingOfAListIsBelievedInAnotherDatabase(t *testing.T) {
	for name, happens := range map[string]func(*testing.T, *listWorld){
		"another session": func(t *testing.T, w *listWorld) {
			w.grafana.EndSessions()
			w.ask(t)
		},
		"another database": func(_ *testing.T, w *listWorld) { w.Resets.Add(1) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newListWorld(t)
			w.get(t, Due)
			happens(t, w)
			if _, known := w.lists.peek(w.Conn, someList, dueListLife); known {
				t.Error("the list of before is known")
			}
			if got := w.get(t, Due); got != "[2]" {
				t.Errorf("the list is %s", got)
			}
			found, _, _ := w.lists.get(t.Context(), w.Conn, someList, asOfNow, func() ([]int, error) {
				happens(t, w)
				return []int{7}, nil
			})
			if got := w.get(t, Due); got != "[3]" {
				t.Errorf("the list is %s after that of before, %v", got, found)
			}
		})
	}
}

func TestAListShowsWhatTheOperatorHasChanged(t *testing.T) {
	add := func(n int) func([]int) []int {
		return func(all []int) []int { return put(all, func(m int) bool { return m == n }, n) }
	}
	w := newListWorld(t)
	w.lists.note(w.Conn, someList, add(9)) // there is none yet
	before, _, _ := w.lists.get(t.Context(), w.Conn, someList, asOfNow, func() ([]int, error) {
		w.lists.note(w.Conn, someList, add(8)) // it may show it or not
		return []int{1}, nil
	})
	w.lists.note(w.Conn, someList, add(7))
	if got := w.get(t, Due); got != "[1 8 7]" || fmt.Sprint(before) != "[1 8]" {
		t.Errorf("the list is %s, that of before %v", got, before)
	}
	held, _ := w.lists.peek(w.Conn, someList, dueListLife)
	w.lists.note(w.Conn, someList, add(8))
	if got := w.get(t, Due); got != "[1 7 8]" || fmt.Sprint(held) != "[1 8 7]" {
		t.Errorf("the list is %s, and in the hands of who had it %v", got, held)
	}
	w.lists.forget(w.Conn, someList)
	if got := w.get(t, Due); got != "[1]" {
		t.Errorf("the list is %s though it was forgotten", got)
	}
	_, _, _ = w.lists.get(t.Context(), w.Conn, someList, asOfNow, func() ([]int, error) {
		w.lists.forget(w.Conn, someList)
		return []int{6}, nil
	})
	if got := w.get(t, Due); got != "[2]" {
		t.Errorf("the list is %s though it was forgotten while it was made", got)
	}
}

// waiters asks for a list by so many at once, while the first who makes one does so until it is let go.
func waiters(
	t *testing.T, w *listWorld, n int, age Age, first func(context.Context) ([]int, error), letGo func(),
) (made int64, errs []error) {
	t.Helper()
	var count atomic.Int64
	var mu sync.Mutex
	var wg sync.WaitGroup
	begin := func() {
		wg.Go(func() {
			defer func() { _ = recover() }()
			_, _, err := w.lists.get(t.Context(), w.Conn, someList, age.of(w.Conn), func() ([]int, error) {
				if count.Add(1) == 1 {
					return first(t.Context())
				}
				return []int{2}, nil
			})
			mu.Lock()
			defer mu.Unlock()
			errs = append(errs, err)
		})
		synctest.Wait()
	}
	for range n {
		begin()
	}
	letGo()
	wg.Wait()
	return count.Load(), errs
}

func TestThoseWhoComeMeanwhileWaitForTheSameList(t *testing.T) {
	refused := errors.New("refused")
	for name, c := range map[string]struct {
		age    Age
		panics bool
		err    error
		made   int64
		failed int
	}{
		"a list that may be older": {age: Due, made: 1},
		"a list as of now":         {age: Now, made: 2},
		"one that fails":           {age: Due, err: refused, made: 1, failed: 5},
		"one as of now that fails": {age: Now, err: refused, made: 2, failed: 1},
		"one that panics":          {age: Due, panics: true, made: 2},
	} {
		t.Run(name, func(t *testing.T) {
			w := newListWorld(t)
			synctest.Test(t, func(t *testing.T) {
				release := make(chan struct{})
				made, errs := waiters(t, w, 5, c.age, func(context.Context) ([]int, error) {
					if <-release; c.panics {
						panic("at it")
					}
					return []int{1}, c.err
				}, func() { close(release) })
				failed := 0
				for _, err := range errs {
					if err != nil {
						failed++
					}
				}
				if made != c.made || failed != c.failed {
					t.Errorf("%d lists were made, want %d; %d failed, want %d", made, c.made, failed, c.failed)
				}
			})
		})
	}
}

// Who asks after a list on its way has become of no use is not given it: somebody forgot it, it is of another database,
// or too old.
func TestWhoAsksAfterAListHasBecomeUselessIsNotGivenIt(t *testing.T) {
	for name, happens := range map[string]func(*testing.T, *listWorld){
		"forgotten":        func(_ *testing.T, w *listWorld) { w.lists.forget(w.Conn, someList) },
		"another database": func(_ *testing.T, w *listWorld) { w.Resets.Add(1) },
		"another session": func(t *testing.T, w *listWorld) {
			w.grafana.EndSessions()
			w.ask(t)
		},
		"too old": func(_ *testing.T, w *listWorld) { w.clock = w.clock.Add(time.Hour) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newListWorld(t)
			synctest.Test(t, func(t *testing.T) {
				release := make(chan struct{})
				var before, after []int
				var wg sync.WaitGroup
				ask := func(found *[]int, list func() ([]int, error)) {
					wg.Go(func() {
						*found, _, _ = w.lists.get(t.Context(), w.Conn, someList, Due.of(w.Conn), list)
					})
					synctest.Wait()
				}
				ask(&before, func() ([]int, error) {
					<-release
					return []int{1}, nil
				})
				happens(t, w)
				ask(&after, func() ([]int, error) { return []int{2}, nil })
				close(release)
				wg.Wait()
				if got := fmt.Sprint(before, after); got != "[1] [2]" {
					t.Errorf("who asked before and who asked afterwards were given %s", got)
				}
			})
		})
	}
}

func TestWhoIsCalledOffTakesNobodyAlong(t *testing.T) {
	w := newListWorld(t)
	synctest.Test(t, func(t *testing.T) {
		get := func(ctx context.Context) error {
			_, _, err := w.lists.get(ctx, w.Conn, someList, dueListLife, func() ([]int, error) {
				time.Sleep(time.Second)
				return []int{1}, ctx.Err()
			})
			return err
		}
		var errs [3]error
		var wg sync.WaitGroup
		maker, cancelMaker := context.WithCancel(t.Context())
		waiter, cancelWaiter := context.WithCancel(t.Context())
		for i, ctx := range []context.Context{maker, waiter, t.Context()} {
			wg.Go(func() { errs[i] = get(ctx) })
			synctest.Wait()
		}
		cancelWaiter()
		synctest.Wait()
		if !errors.Is(errs[1], context.Canceled) {
			t.Errorf("who waits and is called off waits on: %v", errs[1])
		}
		cancelMaker()
		wg.Wait()
		if !errors.Is(errs[0], context.Canceled) || errs[2] != nil {
			t.Errorf("who made it: %v; who waited for it: %v", errs[0], errs[2])
		}
	})
}

func TestListsThatNobodyNeedsAreDropped(t *testing.T) {
	w := newListWorld(t)
	for account := range int64(100) {
		_, _, err := w.tokenLists.get(t.Context(), w.Conn, listKey{3, account}, dueListLife,
			func() ([]grafana.Token, error) { return nil, nil })
		if err != nil {
			t.Fatal(err)
		}
	}
	if got := len(w.tokenLists.all); got != 100 {
		t.Fatalf("%d lists are kept", got)
	}
	w.clock = w.clock.Add(dueListLife)
	w.RememberProbe(nil, errors.New("no answer"))
	if got := len(w.tokenLists.all); got != 0 {
		t.Errorf("%d lists are kept", got)
	}
}

// Who asks once a list on its way has become of no use is not given its error either, which says nothing of what is
// there now.
func TestWhoAsksAfterAListHasBecomeUselessIsNotGivenItsError(t *testing.T) {
	for name, happens := range map[string]func(*testing.T, *listWorld){
		"another database": func(_ *testing.T, w *listWorld) { w.Resets.Add(1) },
		"another session": func(t *testing.T, w *listWorld) {
			w.grafana.EndSessions()
			w.ask(t)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newListWorld(t)
			synctest.Test(t, func(t *testing.T) {
				release := make(chan struct{})
				errs := make([]error, 2)
				var wg sync.WaitGroup
				ask := func(n int, list func() ([]int, error)) {
					wg.Go(func() {
						_, _, errs[n] = w.lists.get(t.Context(), w.Conn, someList, Due.of(w.Conn), list)
					})
					synctest.Wait()
				}
				ask(0, func() ([]int, error) {
					<-release
					return nil, errors.New("no such organization")
				})
				happens(t, w)
				ask(1, func() ([]int, error) { return []int{2}, nil })
				close(release)
				wg.Wait()
				if errs[1] != nil {
					t.Errorf("who asked afterwards was given %v", errs[1])
				}
			})
		})
	}
}

package connection

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// gateWorld lets tickets in and out and keeps who was woken.
type gateWorld struct {
	*Limiter
	mu    sync.Mutex
	woken []string
	wait  time.Duration
}

// newGateWorld has a gate with room for so many who read, and so many who write, beside whom as many are let in ahead.
func newGateWorld(readers, writers int) *gateWorld {
	w := &gateWorld{}
	w.Limiter = newLimiter(rules{
		readers: readers, fixed: true, clock: time.Now,
		writers: func() (int, origin) { return writers, origin{} },
		delay: func() time.Duration {
			w.mu.Lock()
			defer w.mu.Unlock()
			return w.wait
		},
	})
	return w
}

// newNarrowWorld has a gate with room for one, and nobody let in ahead, as if somebody else were inside for good.
func newNarrowWorld(t *testing.T, readers int) *gateWorld {
	w := newGateWorld(readers, 1)
	mustEnter(t, w, w.ticket("long", "0"), true)
	return w
}

func (w *gateWorld) ticket(group, name string) Waiter {
	return Waiter{
		Kind:    "Dashboard",
		Group:   group,
		Request: ctrl.Request{NamespacedName: client.ObjectKey{Namespace: group, Name: name}},
		Wake: func() {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.woken = append(w.woken, group+"/"+name)
		},
	}
}

func (w *gateWorld) take() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	woken := w.woken
	w.woken = nil
	return woken
}

func mustEnter(t *testing.T, w *gateWorld, tk Waiter, write bool) func() {
	t.Helper()
	leave, err := w.Acquire(tk, write)
	if err != nil {
		t.Fatalf("%s is not let in: %v", tk.Key(), err)
	}
	return leave
}

func mustPark(t *testing.T, w *gateWorld, tk Waiter, write bool) {
	t.Helper()
	if _, err := w.Acquire(tk, write); !errors.Is(err, ErrQueued) {
		t.Fatalf("%s is not parked: %v", tk.Key(), err)
	}
}

func TestGateIsFairAmongOrganizations(t *testing.T) {
	w := newNarrowWorld(t, 1)
	leave := mustEnter(t, w, w.ticket("big", "0"), true)
	for i := range 3 {
		mustPark(t, w, w.ticket("big", fmt.Sprint(i+1)), true)
	}
	mustPark(t, w, w.ticket("small", "1"), true)
	mustPark(t, w, w.ticket("small", "1"), true) // to come twice is to wait once
	var order []string
	for range 4 {
		leave()
		woken := w.take()
		if len(woken) != 1 {
			t.Fatalf("%v were woken, want one", woken)
		}
		order = append(order, woken...)
		group, name := woken[0][:len(woken[0])-2], woken[0][len(woken[0])-1:]
		leave = mustEnter(t, w, w.ticket(group, name), false) // it is a writer even if it does not say so
	}
	if want := []string{"big/1", "small/1", "big/2", "big/3"}; !slices.Equal(order, want) {
		t.Errorf("let in as %v, want %v", order, want)
	}
	leave()
	if woken := w.take(); len(woken) > 0 {
		t.Errorf("%v were woken, and nobody waits", woken)
	}
}

func TestGateKeepsThePlaceOfWhoWasCalled(t *testing.T) {
	w := newNarrowWorld(t, 1)
	leave := mustEnter(t, w, w.ticket("a", "1"), true)
	mustPark(t, w, w.ticket("b", "1"), true)
	leave()
	mustPark(t, w, w.ticket("c", "1"), true) // b was called and comes first
	leave = mustEnter(t, w, w.ticket("b", "1"), true)
	leave()
	if woken := w.take(); !slices.Equal(woken, []string{"b/1", "c/1"}) {
		t.Errorf("woken: %v", woken)
	}
}

func TestGateReadersBecomeWriters(t *testing.T) {
	w := newNarrowWorld(t, 2)
	first, second := w.ticket("a", "1"), w.ticket("a", "2")
	leaveFirst := mustEnter(t, w, first, false)
	leaveSecond := mustEnter(t, w, second, false)
	mustPark(t, w, w.ticket("a", "3"), false)
	if err := w.AcquireWrite(first); err != nil {
		t.Fatal(err)
	}
	if err := w.AcquireWrite(first); err != nil {
		t.Errorf("a writer is not let write twice: %v", err)
	}
	if err := w.AcquireWrite(second); !errors.Is(err, ErrQueued) {
		t.Errorf("two writers at once: %v", err)
	}
	leaveSecond()
	leaveFirst()
	if woken := w.take(); !slices.Contains(woken, "a/2") || !slices.Contains(woken, "a/3") {
		t.Errorf("woken: %v", woken)
	}
}

func TestGateWaitsForTheBudget(t *testing.T) {
	w := newGateWorld(1, 1)
	w.wait = time.Millisecond
	mustPark(t, w, w.ticket("a", "1"), false)
	if woken := w.take(); len(woken) > 0 {
		t.Fatalf("%v were woken while there is no budget", woken)
	}
	w.mu.Lock()
	w.wait = 0
	w.mu.Unlock()
	deadline := time.After(10 * time.Second)
	for woken := w.take(); len(woken) == 0; woken = w.take() {
		select {
		case <-deadline:
			t.Fatal("nobody was woken when the budget came back")
		case <-time.After(time.Millisecond):
		}
	}
	mustEnter(t, w, w.ticket("a", "1"), false)()
}

// Writers send their requests one after the other, and the next one has everything ready.
func TestGateWritersAreLetInAhead(t *testing.T) {
	w := newGateWorld(1, 1)
	mustEnter(t, w, w.ticket("a", "1"), true)
	mustEnter(t, w, w.ticket("a", "2"), true)
	done, err := w.BeginWrite(t.Context(), w.ticket("a", "1"))
	if err != nil {
		t.Fatal(err)
	}
	second := make(chan error)
	go func() {
		next, err := w.BeginWrite(t.Context(), w.ticket("a", "2"))
		if err == nil {
			next(nil)
		}
		second <- err
	}()
	select {
	case err := <-second:
		t.Fatalf("two write at once (%v)", err)
	default:
	}
	done(nil)
	if err := <-second; err != nil {
		t.Fatal(err)
	}
}

// No two of an organization write at once, however many may; those of others do not wait for them.
func TestGateWritersOfAnOrganizationGoOneByOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newGateWorld(1, 8)
		leave := mustEnter(t, w, w.ticket("a", "1"), true)
		mustEnter(t, w, w.ticket("a", "2"), true)
		mustPark(t, w, w.ticket("a", "3"), true)
		mustEnter(t, w, w.ticket("b", "1"), true)
		done, err := w.BeginWrite(t.Context(), w.ticket("a", "1"))
		if err != nil {
			t.Fatal(err)
		}
		sent := make(chan error)
		go func() {
			_, err := w.BeginWrite(t.Context(), w.ticket("a", "2"))
			sent <- err
		}()
		synctest.Wait()
		if _, err := w.BeginWrite(t.Context(), w.ticket("b", "1")); err != nil {
			t.Errorf("it waits for another organization: %v", err)
		}
		select {
		case err := <-sent:
			t.Errorf("two of an organization write at once (%v)", err)
		default:
		}
		done(nil)
		if err := <-sent; err != nil {
			t.Error(err)
		}
		leave()
		if woken := w.take(); !slices.Equal(woken, []string{"a/3"}) {
			t.Errorf("woken: %v", woken)
		}
	})
}

// An object that waits, vanishes and is made anew under its name in another organization is called for both, and holds
// no place of either in the end.
func TestGateOfANameInTwoOrganizations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newGateWorld(1, 8)
		slow := func(d time.Duration) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.wait = d
		}
		for range 2 {
			slow(time.Hour)
			for _, group := range []string{"a", "b"} {
				tk := w.ticket(group, "x")
				tk.Request.Namespace = "everywhere"
				mustPark(t, w, tk, true)
				w.Cancel(tk.Key())
			}
			slow(0)
			time.Sleep(2 * time.Hour)
		}
		for _, group := range []string{"a", "b"} {
			mustEnter(t, w, w.ticket(group, "1"), true)
			mustEnter(t, w, w.ticket(group, "2"), true)
		}
	})
}

// A writer that waits too long goes back into the queue, and is called again once somebody leaves.
func TestGateWriterIsNotKeptWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newGateWorld(1, 1)
		leave := mustEnter(t, w, w.ticket("a", "long"), true)
		if _, err := w.BeginWrite(t.Context(), w.ticket("a", "long")); err != nil {
			t.Fatal(err)
		}
		leaveNext := mustEnter(t, w, w.ticket("b", "next"), true)
		if _, err := w.BeginWrite(t.Context(), w.ticket("b", "next")); !errors.Is(err, ErrQueued) {
			t.Fatalf("it waits for ever: %v", err)
		}
		leaveNext()
		leave()
		if woken := w.take(); !slices.Contains(woken, "b/next") {
			t.Errorf("woken: %v", woken)
		}
	})
}

package lifecycle_test

import (
	"context"
	"testing"

	"grafana-tenancy.dev/operator/internal/connection"
	"grafana-tenancy.dev/operator/internal/lifecycle"
)

// through has Shelves go through a connection that lets in so many at once.
func through(reads, writes int) func(*world) {
	return func(w *world) {
		conn := w.newConn(reads, writes)
		w.with = func(x *external) lifecycle.External[thing] {
			return struct {
				lifecycle.External[thing]
				connected
			}{x, connected{conn}}
		}
		w.conn = conn
	}
}

// waiter is somebody else at the limiter.
func (w *world) waiter(name string) connection.Waiter {
	return connection.Waiter{Kind: "Other", Group: name, Wake: func() { w.queued = append(w.queued, "Other "+name) }}
}

// enter lets others in, and answers how they leave.
func (w *world) enter(write bool, names ...string) (leave func()) {
	w.t.Helper()
	var all []func()
	for _, name := range names {
		t := w.waiter(name)
		t.Request.Name = name
		l, err := w.conn.Limiter.Acquire(t, write)
		if err != nil {
			w.t.Fatal(err)
		}
		all = append(all, l)
	}
	return func() {
		for _, l := range all {
			l()
		}
	}
}

func TestReaderWaitsItsTurnOutsideAndIsWoken(t *testing.T) {
	w := newWorld(t, through(1, 1))
	shelf := w.synced()
	leave := w.enter(false, "other")
	w.exactly(w.visit(shelf), 0)
	w.steps("Connect")
	w.asked()
	leave()
	w.asked("Shelf shelf")
	w.visit(shelf)
	w.steps("Connect, Find")
}

func TestNewObjectComesAsAWriter(t *testing.T) {
	w := newWorld(t, through(1, 1))
	leave := w.enter(true, "one", "the next")
	shelf := w.shelf()
	w.visit(shelf)
	w.steps("Connect")
	leave()
	w.asked("Shelf shelf")
	w.visit(shelf)
	w.steps("Connect, write metadata, Find, write status, Create, write status, write status")
}

func TestReaderThatHasToWriteComesAgainAsAWriter(t *testing.T) {
	w := newWorld(t, through(1, 1))
	shelf := w.synced()
	leave := w.enter(true, "one", "the next")
	w.things[0].Text = "edited"
	w.visit(shelf)
	w.steps("Connect, Find")
	w.things = nil
	w.visit(shelf)
	w.steps("Connect, Find") // not the intent either
	leave()
	w.asked("Shelf shelf")
	w.visit(shelf)
	w.steps("Connect, Find, write status, Create, write status")
}

func TestDeletionAndReleaseWaitTheirTurnAsWriters(t *testing.T) {
	for _, orphan := range []bool{false, true} {
		w := newWorld(t, through(1, 1))
		shelf := w.synced(func(o *Shelf) { o.Spec.Orphan = orphan })
		w.delete(shelf)
		leave := w.enter(true, "one", "the next")
		w.visit(shelf)
		w.steps("Connect")
		leave()
		w.asked("Shelf shelf")
		w.visit(shelf)
		w.gone(shelf)
	}
}

func TestWriterWaitsWithItsRequestForTheOneBefore(t *testing.T) {
	w := newWorld(t, through(1, 1))
	shelf := w.shelf()
	done, err := w.conn.Limiter.BeginWrite(t.Context(), w.waiter("before"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	writes := 0
	w.on["write status"] = func() error {
		if writes++; writes == 1 { // the intent: all is ready
			cancel()
		}
		return nil
	}
	if _, err := w.reconcile(ctx, shelf); err != nil {
		t.Error(err)
	}
	w.steps("Connect, write metadata, Find, write status") // it gave up, since it is shut down
	done(nil)
	w.visit(shelf)
	w.conditions(shelf, "Available=True InSync, Ready=True InSync")
}

func TestVisitGivesItsTurnBack(t *testing.T) {
	w := newWorld(t, through(1, 1))
	shelf := w.synced()
	w.fail("Find", refusal)
	w.visit(shelf)
	w.delete(shelf)
	w.fail("Find", nil)
	w.visit(shelf)
	w.enter(false, "reader")()
	w.enter(true, "writer", "next writer")()
}

func TestCalledObjectThatHasNothingToDoGivesItsPlaceBack(t *testing.T) {
	for name, change := range map[string]func(*world, *Shelf){
		"it is gone": func(w *world, o *Shelf) {
			edit(w, o, func(o *Shelf) { o.Finalizers = nil })
			w.delete(o)
		},
		"it is not let in": func(w *world, _ *Shelf) {
			w.fail("Connect", lifecycle.Waiting("ParentNotFound", "?"))
		},
		"it was queued elsewhere": func(w *world, _ *Shelf) { w.fail("Connect", connection.ErrQueued) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, through(1, 1))
			w.engine.Connections.Replace(key("server"), w.conn)
			shelf := w.synced()
			leave := w.enter(false, "other")
			w.visit(shelf)
			leave()
			w.asked("Shelf shelf") // a place is kept for it
			change(w, shelf)
			w.visit(shelf)
			w.enter(false, "another")()
		})
	}
}

// loading has something to bring before it is looked for.
type loading struct{ *external }

func (x loading) Load(context.Context) error { return x.w.step("Load") }

// An object comes back to Connect each time it waits: what takes effort is brought once it is its turn.
func TestWhatTakesEffortIsBroughtInTheObjectsTurn(t *testing.T) {
	w := newWorld(t, through(1, 1))
	with := w.with
	w.with = func(x *external) lifecycle.External[thing] {
		return struct {
			lifecycle.External[thing]
			lifecycle.Connected
			lifecycle.Loader
		}{with(x), with(x).(lifecycle.Connected), loading{x}}
	}
	leave := w.enter(true, "one", "the next")
	shelf := w.shelf()
	w.visit(shelf)
	w.steps("Connect")
	w.fail("Load", lifecycle.Waiting("Fetching", "it is not there yet"))
	leave()
	w.visit(shelf)
	w.steps("Connect, Load, write status")
	w.conditions(shelf, "Available=False Fetching, Ready=False Fetching, Reconciling=True Fetching")
	delete(w.on, "Load")
	w.visit(shelf)
	w.steps("Connect, Load, write metadata, Find, write status, Create, write status, write status")
}

package lifecycle_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/lifecycle"
)

// derived is found by what its object is, and looked for in Grafana only where it may be.
type derived struct {
	*external
	looks bool // since it has an identity, is being deleted, or has lost its status
}

func (x *derived) Find(ctx context.Context) (*thing, error) {
	if !x.looks && x.obj.DeletionTimestamp.IsZero() && x.obj.Status.ID == 0 {
		return nil, x.w.step("Pass over")
	}
	return x.external.Find(ctx)
}

func (x *derived) StatusLost() { x.looks = true }

func (x *derived) FoundByObject() (now, before bool) {
	return x.obj.Spec.Secret == "", x.obj.Spec.Secret == ""
}

func (x *derived) KnownByObject() bool { return x.obj.Spec.Secret == "" }

// ofDerived makes Shelves of that kind.
func ofDerived(w *world) {
	w.with = func(x *external) lifecycle.External[thing] { return &derived{external: x} }
}

func TestFinalizerIsIntentEnoughForWhatIsFoundByItsObject(t *testing.T) {
	w := newWorld(t, ofDerived)
	shelf := w.shelf()
	w.visit(shelf)
	w.steps("Connect, write metadata, Pass over, Create, write status, write status")
	w.conditions(shelf, "Available=True InSync, Ready=True InSync")
	w.told("Normal Created: Created in Grafana")
}

func TestFinalizerIsNoIntent(t *testing.T) {
	for _, c := range []struct {
		of    string
		alter func(*Shelf)
		first func(w *world, shelf *Shelf)
	}{
		{of: "what is not found by its object", alter: func(o *Shelf) { o.Spec.Secret = "uid" }},
		{of: "an object in another namespace than its parent", alter: func(o *Shelf) { o.Spec.In.Namespace = "other" }},
		{of: "an earlier pass", first: func(w *world, shelf *Shelf) {
			w.fail("Pass over", conflict())
			w.visit(shelf)
			w.fail("Pass over", nil)
		}},
		{of: "an object with a status", first: func(w *world, shelf *Shelf) {
			w.fail("Create", refusal)
			w.visit(shelf)
			w.fail("Create", nil)
			edit(w, shelf, func(o *Shelf) { o.Finalizers = nil })
		}},
	} {
		t.Run(c.of, func(t *testing.T) {
			w := newWorld(t, ofDerived)
			shelf := toy("shelf", "server")
			o := &Shelf{shelf}
			if c.alter != nil {
				c.alter(o)
			}
			create(w, o)
			if c.first != nil {
				c.first(w, o)
			}
			w.meanwhile("Create", func() {
				if w.reload(o); o.Status.CreateStarted == nil {
					t.Error("it is sent with no word of it in Kubernetes but a finalizer that others may have written")
				}
			})
			if w.visit(o); len(w.things) != 1 {
				t.Errorf("%d things", len(w.things))
			}
		})
	}
}

func TestFinalizerThatStandsForAnIntentIsWrittenInItsTurn(t *testing.T) {
	w := newWorld(t, through(1, 1))
	w.with = func(x *external) lifecycle.External[thing] {
		return struct {
			*derived
			connected
		}{&derived{external: x}, connected{w.conn}}
	}
	leave := w.enter(true, "one", "the next")
	shelf := w.shelf()
	w.visit(shelf)
	w.steps("Connect")
	leave()
	w.visit(shelf)
	w.steps("Connect, write metadata, Pass over, Create, write status, write status")
}

func TestStaleCopyIsRefusedByTheFinalizer(t *testing.T) {
	w := newWorld(t, ofDerived)
	shelf := w.shelf()
	w.stale["shelf"] = shelf.DeepCopyObject().(*Shelf)
	edit(w, shelf, func(o *Shelf) { o.Spec.Text = "edited" })
	w.exactly(w.visit(shelf), time.Second)
	w.steps("Connect, write metadata")
}

// crashed has a Shelf created by a process that ends before it writes a status.
func (w *world) crashed() *Shelf {
	w.t.Helper()
	shelf := w.shelf()
	w.fail("write status", errors.New("no quorum"))
	if _, err := w.reconcile(w.t.Context(), shelf); err == nil || len(w.things) != 1 {
		w.t.Fatalf("error %v, things %v", err, w.things)
	}
	w.fail("write status", nil)
	w.reload(shelf)
	w.forgetLog()
	return shelf
}

func TestWhatHasNoStatusYetIsNotMadeAgain(t *testing.T) {
	for _, next := range []string{"by the same process", "by another one"} {
		t.Run(next, func(t *testing.T) {
			w := newWorld(t, ofDerived)
			shelf := w.crashed()
			if next == "by another one" {
				w.start()
			}
			w.visit(shelf)
			w.steps("Connect, Find, write status, write status")
			if len(w.things) != 1 {
				t.Errorf("%d things", len(w.things))
			}
		})
	}
}

func TestVisitThatCannotLookLeavesItUnknown(t *testing.T) {
	w := newWorld(t, ofDerived)
	shelf := w.crashed()
	w.start()
	w.fail("Connect", lifecycle.Waiting(v1alpha1.ReasonParentNotAvailable, "not yet"))
	w.visit(shelf)
	w.fail("Connect", nil)
	w.fail("Find", breakdown)
	w.visit(shelf)
	w.fail("Find", nil)
	w.delete(shelf)
	w.clock = w.clock.Add(time.Hour)
	w.visit(shelf)
	w.goneEverywhere(shelf)
}

func TestDeletionWaitsForARequestThatNoStatusTellsOf(t *testing.T) {
	for _, next := range []string{"by the same process", "by another one"} {
		t.Run(next, func(t *testing.T) {
			w := newWorld(t, ofDerived)
			shelf := w.crashed()
			w.things = nil // the request has not landed yet
			w.delete(shelf)
			w.clock = w.clock.Add(10 * time.Second)
			landsUntil := 51 * time.Second
			if next == "by another one" { // which knows only that it was sent before it began
				w.start()
				landsUntil = 61 * time.Second
			}
			w.exactly(w.visit(shelf), landsUntil)
			w.stays(shelf)
			w.make(shelf.UID, "wanted")
			w.clock = w.clock.Add(landsUntil)
			w.visit(shelf)
			w.goneEverywhere(shelf)
		})
	}
}

func TestWhatIsBeingMadeHoldsWhatContainsIt(t *testing.T) {
	w := newWorld(t, ofDerived)
	server := w.server()
	w.visit(server)
	shelf := w.shelf()
	w.meanwhile("Create", func() {
		w.delete(server)
		w.visit(server)
		w.stays(server)
	})
	w.visit(shelf)
}

// The answer to a create is lost, and the status that would tell of it is not written. The intent in status is younger
// than the process: the deletion waits for that one.
func TestIntentInStatusIsNotForgottenForAnOlderOne(t *testing.T) {
	w := newWorld(t, ofDerived)
	w.visit(create(w, &Shelf{toy("first", "server")})) // the process begins
	w.things = nil
	w.clock = w.clock.Add(time.Hour)
	shelf := w.shelf(func(o *Shelf) { o.Finalizers = []string{v1alpha1.Finalizer} }) // which somebody has written
	w.on["Create"] = func() error {
		w.fail("write status", errors.New("no quorum"))
		return breakdown
	}
	if _, err := w.reconcile(t.Context(), shelf); err == nil {
		t.Fatal("the status was written")
	}
	delete(w.on, "Create")
	delete(w.on, "write status")
	if w.reload(shelf); shelf.Status.CreateStarted == nil {
		t.Fatalf("no intent: %+v", shelf.Status)
	}
	w.clock = w.clock.Add(30 * time.Second)
	w.delete(shelf)
	w.visit(shelf)
	w.stays(shelf)
	w.make(shelf.UID, "wanted") // lands
	w.clock = w.clock.Add(time.Hour)
	w.visit(shelf)
	w.goneEverywhere(shelf)
}

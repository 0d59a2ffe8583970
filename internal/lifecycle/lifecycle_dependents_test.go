package lifecycle_test

import (
	"errors"
	"strings"
	"testing"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/lifecycle"
)

func TestDependentsThatCannotBeListedHoldUpADeletion(t *testing.T) {
	w := newWorld(t)
	shelf := w.synced()
	w.delete(shelf)
	w.fail("list", errors.New("no cache"))
	w.visit(shelf)
	w.steps("Connect, Find, write status")
	w.stays(shelf)
}

func book(name string) *Book { return &Book{toy(name, "shelf")} }

func TestDependentsThatStayHoldUpADeletion(t *testing.T) {
	w := newWorld(t)
	shelf := w.synced()
	w.visit(create(w, book("a")))
	w.visit(create(w, book("b")))
	w.forgetLog()
	w.delete(shelf)
	w.near(w.visit(shelf), lifecycle.DefaultResync)
	w.steps("Connect, Find, write status")
	w.conditions(shelf, "Available=True DeletionBlocked, Ready=False DeletionBlocked, Stalled=True DeletionBlocked")
	if !strings.HasPrefix(message(shelf), "still in use by 2 Books: delete them first") {
		t.Errorf("message %q", message(shelf))
	}
}

func TestDependentsThatGoAreWaitedFor(t *testing.T) {
	w := newWorld(t)
	shelf := w.synced()
	going := create(w, book("going"))
	w.visit(going)
	w.delete(going)
	w.delete(shelf)
	w.visit(shelf)
	w.conditions(shelf, "Available=True Deleting, Ready=False Deleting, Reconciling=True Deleting")
	if want := "waiting for 1 Book to be deleted"; message(shelf) != want {
		t.Errorf("message %q, want %q", message(shelf), want)
	}
	w.visit(going)
	w.visit(shelf)
	w.gone(shelf)
}

func TestOnlyDependentsThatMayHoldSomethingCount(t *testing.T) {
	w := newWorld(t)
	shelf := w.synced()
	create(w, book("never-visited"))
	elsewhere := book("of-another-namespace")
	elsewhere.Namespace, elsewhere.Spec.In.Namespace = "others", namespace
	elsewhere.Finalizers = []string{v1alpha1.Finalizer} // which anybody can write
	create(w, elsewhere)
	w.delete(shelf)
	w.visit(shelf)
	w.gone(shelf)
}

func TestDependentWhoseStatusWasLostCounts(t *testing.T) {
	w := newWorld(t)
	shelf := w.synced()
	lost := book("lost")
	lost.Finalizers = []string{v1alpha1.Finalizer}
	create(w, lost)
	w.delete(shelf)
	w.visit(shelf)
	w.conditions(shelf, "Available=True DeletionBlocked, Ready=False DeletionBlocked, Stalled=True DeletionBlocked")
}

func TestDependentsAreWaitedForWhereNothingIsHeld(t *testing.T) {
	for name, prepare := range map[string]func(*world, *Shelf){
		"it has nothing": func(w *world, shelf *Shelf) { editStatus(w, shelf, func(o *Shelf) { o.Status.ID = 0 }) },
		"it is gone":     func(w *world, _ *Shelf) { w.fail("Connect", lifecycle.ErrGone) },
		"it is left":     func(w *world, shelf *Shelf) { edit(w, shelf, func(o *Shelf) { o.Spec.Orphan = true }) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			shelf := w.synced()
			w.visit(create(w, book("book")))
			prepare(w, shelf)
			w.delete(shelf)
			w.visit(shelf)
			w.stays(shelf)
		})
	}
}

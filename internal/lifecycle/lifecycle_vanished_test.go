package lifecycle_test

import (
	"context"
	"errors"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	toolscache "k8s.io/client-go/tools/cache"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/lifecycle"
)

// vanish has an object deleted by a request that has read it before it got its finalizer.
func (w *world) vanish(o lifecycle.Object) {
	w.t.Helper()
	if !w.reload(o) {
		w.t.Fatal("it is not there")
	}
	last := o.DeepCopyObject().(lifecycle.Object)
	o.SetFinalizers(nil)
	if err := w.kube.Update(w.t.Context(), o); err != nil {
		w.t.Fatal(err)
	}
	w.delete(o)
	w.tellDeleted(last)
}

// tellDeleted is what the watch brings of an object that is gone.
func (w *world) tellDeleted(last lifecycle.Object) {
	for _, c := range w.engine.Controllers() {
		if c.Name == lifecycle.NameOf(last) {
			c.Deleted(last)
		}
	}
}

func TestWhatVanishesGoesInGrafana(t *testing.T) {
	for _, kind := range []string{"that is found by its object", "with an intent in status"} {
		for _, before := range []string{"Create", "write status", "the next visit"} {
			t.Run(kind+", before "+before, func(t *testing.T) {
				w := newWorld(t)
				if kind == "that is found by its object" {
					ofDerived(w)
				}
				shelf := w.shelf()
				w.meanwhile("Create", func() {
					if before != "Create" {
						w.meanwhile(before, func() { w.vanish(shelf) })
						return
					}
					w.vanish(shelf)
				})
				if _, err := w.reconcile(t.Context(), shelf); err != nil || len(w.things) != 1 {
					t.Fatalf("error %v, things %v", err, w.things)
				}
				if before == "the next visit" {
					w.vanish(shelf)
				}
				w.clock = w.clock.Add(time.Minute + time.Second)
				w.forgetLog()
				w.visit(shelf)
				w.steps("Connect, Find, Delete, Find")
				w.told("Normal Deleted: Deleted in Grafana")
				w.goneEverywhere(shelf)

				w.visit(shelf)
				w.steps("")
			})
		}
	}
}

// What was let in and not made yet is only looked for.
func TestWhatVanishesBeforeItIsMade(t *testing.T) {
	w := newWorld(t, ofDerived)
	shelf := w.shelf()
	w.fail("Pass over", breakdown)
	w.visit(shelf)
	w.vanish(shelf)
	w.forgetLog()
	w.visit(shelf)
	w.steps("Connect, Find")
	w.told("Normal Deleted: It is not in Grafana any more: nothing had to be deleted")
}

func TestWhatHasNotVanishedIsLetBe(t *testing.T) {
	for name, last := range map[string]func(*Shelf){
		"it was released":             func(o *Shelf) { o.DeletionTimestamp = &metav1.Time{Time: time.Unix(1, 0)} },
		"somebody took its finalizer": func(o *Shelf) { o.Finalizers = nil },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			shelf := w.synced()
			gone := changed(shelf, last)
			edit(w, shelf, func(o *Shelf) { o.Finalizers = nil })
			w.delete(shelf)
			w.tellDeleted(gone)
			w.visit(shelf)
			w.steps("")
			if len(w.things) != 1 {
				t.Errorf("things: %v", w.things)
			}
		})
	}
	t.Run("its watch does not select it any more", func(t *testing.T) {
		w := newWorld(t)
		shelf := w.synced()
		w.tellDeleted(shelf)
		w.visit(shelf)
		w.conditions(shelf, "Available=True InSync, Ready=True InSync")
		w.steps("Connect, Find")
	})
}

func TestWhatVanishesMayStay(t *testing.T) {
	w := newWorld(t)
	shelf := w.synced(func(o *Shelf) { o.Spec.Orphan = true })
	w.vanish(shelf)
	w.visit(shelf)
	w.told("Normal Orphaned: Let go by its deletionPolicy; it stays in Grafana")
	if len(w.things) != 1 {
		t.Errorf("things: %v", w.things)
	}
}

// The answer to the create is lost, and the object has vanished: what lands later goes as well, also if the process has
// heard that it is gone before it heard how.
func TestWhatVanishesIsAwaited(t *testing.T) {
	for _, heard := range []string{"in order", "late"} {
		for _, kind := range []string{"that is found by its object", "with an intent in status"} {
			t.Run(kind+", "+heard, func(t *testing.T) {
				w := newWorld(t)
				if kind == "that is found by its object" {
					ofDerived(w)
				}
				shelf := w.shelf()
				w.on["Create"] = func() error {
					if heard == "in order" {
						w.vanish(shelf)
					}
					return breakdown
				}
				w.visit(shelf)
				if heard == "late" {
					w.reload(shelf)
					last := shelf.DeepCopyObject().(*Shelf)
					if kind == "that is found by its object" {
						last.Status = ToyStatus{} // it was not written
					}
					edit(w, shelf, func(o *Shelf) { o.Finalizers = nil })
					w.delete(shelf)
					w.visit(shelf)
					w.tellDeleted(last)
				}
				w.exactly(w.visit(shelf), 61*time.Second)
				w.make(shelf.UID, "wanted")
				w.clock = w.clock.Add(61 * time.Second)
				w.visit(shelf)
				w.goneEverywhere(shelf)
			})
		}
	}
}

func TestWhatVanishesIsTriedAgain(t *testing.T) {
	for name, c := range map[string]struct {
		step string
		err  error
	}{
		"Grafana does not answer":    {"Delete", breakdown},
		"what it is in is not there": {"Connect", lifecycle.Waiting(v1alpha1.ReasonParentNotAvailable, "not yet")},
		"nothing is known yet":       {"Connect", &lifecycle.Problem{KeepConditions: true}},
		"a proxy refuses":            {"Find", &lifecycle.Problem{Stalled: true, RetryAfter: time.Second}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			shelf := w.synced()
			w.vanish(shelf)
			w.fail(c.step, c.err)
			w.near(w.visit(shelf), time.Second)
			w.clock = w.clock.Add(time.Second)
			w.near(w.visit(shelf), 2*time.Second)
			if len(w.things) != 1 {
				t.Fatal("it has gone")
			}
			w.fail(c.step, nil)
			w.visit(shelf)
			w.goneEverywhere(shelf)
		})
	}
}

func TestWhatVanishesAndIsNotRemovedForGoodIsSaidToBeLeft(t *testing.T) {
	w := newWorld(t)
	shelf := w.synced()
	w.vanish(shelf)
	w.fail("Delete", lifecycle.Stalled(v1alpha1.ReasonDeletionBlocked, "somebody has put something on it"))
	w.visit(shelf)
	w.told("Normal Left: Left in Grafana, since the object is gone: deleting: somebody has put something on it",
		"Warning DeletionBlocked: deleting: somebody has put something on it")
	w.forgetLog()
	w.visit(shelf)
	w.steps("")
}

func TestWhatVanishesIsGoneWithWhatItWasIn(t *testing.T) {
	w := newWorld(t)
	shelf := w.synced()
	w.vanish(shelf)
	w.fail("Connect", lifecycle.ErrGone)
	w.visit(shelf)
	w.fail("Connect", nil)
	w.forgetLog()
	w.visit(shelf)
	w.steps("")
}

func TestWhatVanishesWaitsForItsTurn(t *testing.T) {
	w := newWorld(t, through(1, 1))
	shelf := w.synced()
	w.vanish(shelf)
	leave := w.enter(true, "one", "the next")
	w.visit(shelf)
	if len(w.things) != 1 {
		t.Fatal("it was not its turn")
	}
	leave()
	w.visit(shelf)
	w.goneEverywhere(shelf)
}

// Whoever is told what a visit has come to is told as if the object were there; and it is not made anew meanwhile.
func TestWhatVanishesGoesBeforeItsSuccessor(t *testing.T) {
	w := newWorld(t)
	shelf := w.synced()
	w.vanish(shelf)
	next := toy("shelf", "server")
	next.UID = "another-uid"
	successor := create(w, &Shelf{next})
	w.fail("Delete", breakdown)
	w.visit(successor)
	if len(w.things) != 1 || len(successor.Finalizers) != 0 {
		t.Fatalf("things %v, finalizers %v", w.things, successor.Finalizers)
	}
	w.fail("Delete", nil)
	w.visit(successor)
	w.conditions(successor, "Available=True InSync, Ready=True InSync")
	if len(w.things) != 1 || w.things[0].Owner != successor.UID {
		t.Errorf("things: %v", w.things)
	}
}

// What somebody has made with our finalizer, and was never visited, does not hide the one before it.
func TestWhatVanishesIsNotForgottenForItsSuccessor(t *testing.T) {
	w := newWorld(t)
	shelf := w.synced()
	w.vanish(shelf)
	next := toy("shelf", "server")
	next.UID, next.Finalizers = "another-uid", []string{v1alpha1.Finalizer}
	successor := create(w, &Shelf{next})
	w.vanish(successor)
	w.visit(shelf)
	w.goneEverywhere(shelf)
}

func TestWhatVanishesIsLookedForOnceItIsKnownToBeGone(t *testing.T) {
	w := newWorld(t)
	shelf := w.synced()
	w.vanish(shelf)
	w.fail("read live", errors.New("no quorum"))
	if _, err := w.reconcile(t.Context(), shelf); err == nil || len(w.log) != 0 {
		t.Errorf("error %v, steps %v", err, w.log)
	}
	delete(w.on, "read live")
	w.visit(shelf)
	w.goneEverywhere(shelf)
}

func TestWhatVanishesIsRemovedByItsOwnShard(t *testing.T) {
	f, own, other, shelf, _ := apart(t)
	create(f.world, shelf)
	own.visit(shelf)
	f.reload(shelf)
	own.tellDeleted(shelf)
	other.tellDeleted(shelf)
	edit(f.world, shelf, func(o *Shelf) { o.Finalizers = nil })
	f.delete(shelf)

	other.idle(shelf)
	own.visit(shelf)
	if f.indexOf(shelf.UID) >= 0 {
		t.Error("its own shard has left it in Grafana")
	}
}

func TestWhomItConcernsIsVisitedWhenWhatVanishedIsRemoved(t *testing.T) {
	w := newWorld(t, func(w *world) {
		w.books.Watches = []lifecycle.Watch{
			{Of: &Server{}, Requests: func(context.Context, client.Object) []ctrl.Request {
				return []ctrl.Request{{NamespacedName: key("of-servers")}}
			}},
			{Of: &Shelf{}, Requests: func(_ context.Context, o client.Object) []ctrl.Request {
				return []ctrl.Request{{NamespacedName: key("beside-" + o.GetName())}}
			}},
		}
	})
	shelf := w.synced()
	w.vanish(shelf)
	w.fail("Delete", breakdown)
	w.visit(shelf)
	w.forgetLog()
	w.fail("Delete", nil)
	w.visit(shelf)
	w.asked("Server server", "Book beside-shelf")
}

func TestWatchTellsWhatHasVanished(t *testing.T) {
	r := run(t, lifecycle.Options{})
	shelf := toy("shelf", "server")
	shelf.Finalizers = []string{v1alpha1.Finalizer}
	r.visited(func() { r.vanishes(&Shelf{shelf}) }, "Shelf shelf")
}

func TestWatchThatHasMissedADeletionTellsNothing(t *testing.T) {
	r := run(t, lifecycle.Options{})
	shelf := toy("shelf", "server")
	shelf.Finalizers = []string{v1alpha1.Finalizer}
	missed := toolscache.DeletedFinalStateUnknown{Key: "team/shelf", Obj: &Shelf{shelf}}
	r.visited(func() {
		for _, h := range r.informers.handlersOf(&Shelf{}) {
			h.OnDelete(missed)
		}
	})
}

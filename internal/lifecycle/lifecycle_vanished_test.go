package lifecycle_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
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

// vanished makes a Shelf that was in sync and has vanished.
func (w *world) vanished() *Shelf {
	w.t.Helper()
	shelf := w.synced()
	w.vanish(shelf)
	return shelf
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

// successor makes another object of a Shelf's name.
func (w *world) successor(alter ...func(*Shelf)) *Shelf {
	w.t.Helper()
	next := &Shelf{toy("shelf", "server")}
	next.UID = "another-uid"
	for _, f := range alter {
		f(next)
	}
	return create(w, next)
}

var blocked = lifecycle.Stalled(v1alpha1.ReasonDeletionBlocked, "somebody has put something on it")

func TestWhatVanishesAndSomebodyHasToDecideAboutWaits(t *testing.T) {
	w := newWorld(t)
	shelf := w.vanished()
	w.fail("Delete", blocked)
	w.near(w.visit(shelf), time.Second)
	w.told("Warning DeletionBlocked: deleting: somebody has put something on it")
	w.clock = w.clock.Add(time.Second)
	w.near(w.visit(shelf), 2*time.Second)
	w.told()
	w.fail("Delete", nil)
	w.visit(shelf)
	w.goneEverywhere(shelf)
}

func TestSuccessorDoesNotWaitForADecision(t *testing.T) {
	abandoned := 0
	w := newWorld(t, func(w *world) {
		w.shelves.Abandon = func(_ context.Context, o *Shelf) error {
			if abandoned++; o.UID != "uid-of-shelf" {
				t.Errorf("%s was abandoned", o.UID)
			}
			return nil
		}
	})
	w.vanished()
	next := w.successor()
	w.fail("Delete", blocked)
	w.visit(next)
	w.told(
		"Normal Left: Left in Grafana, as there is another object of its name: "+
			"deleting: somebody has put something on it",
		"Warning DeletionBlocked: deleting: somebody has put something on it",
		"Normal Created: Created in Grafana",
	)
	w.conditions(next, "Available=True InSync, Ready=True InSync")
	if len(w.things) != 2 || abandoned != 1 {
		t.Errorf("things %v, abandoned %d times", w.things, abandoned)
	}
}

func TestSuccessorThatWaitsIsTold(t *testing.T) {
	w := newWorld(t)
	w.vanished()
	next := w.successor()
	w.fail("Delete", breakdown)
	w.visit(next)
	w.told("Warning GrafanaUnavailable: An object of its name that was deleted before it is still being removed: "+
		"deleting: "+breakdown.Error(), "Warning GrafanaUnavailable: deleting: "+breakdown.Error())
}

func TestWhatVanishesIsGoneWithWhatItWasIn(t *testing.T) {
	w := newWorld(t)
	shelf := w.vanished()
	w.fail("Connect", lifecycle.ErrGone)
	w.visit(shelf)
	w.fail("Connect", nil)
	w.forgetLog()
	w.visit(shelf)
	w.steps("")
}

func TestWhatVanishesIsVisitedWhenItsServerIsBack(t *testing.T) {
	w := newWorld(t)
	shelf := w.vanished()
	server := key("server")
	w.engine.Connections.Replace(server, w.newConn(1, 1))
	w.engine.Connections.SetAvailable(server, false)
	w.fail("Connect", &lifecycle.Problem{Reason: "ParentNotAvailable", Message: "not there", WaitsFor: &server})
	w.visit(shelf)
	w.forgetLog()
	w.engine.Connections.SetAvailable(server, true)
	w.asked("Shelf shelf")
}

func TestWhatVanishesWaitsForItsTurn(t *testing.T) {
	w := newWorld(t, through(1, 1))
	shelf := w.vanished()
	leave := w.enter(true, "one", "the next")
	w.visit(shelf)
	if len(w.things) != 1 {
		t.Fatal("it was not its turn")
	}
	leave()
	w.visit(shelf)
	w.goneEverywhere(shelf)
}

func TestWhatVanishesGoesBeforeItsSuccessor(t *testing.T) {
	w := newWorld(t)
	w.vanished()
	next := w.successor()
	w.fail("Delete", breakdown)
	w.visit(next)
	w.visit(next)
	if len(w.things) != 1 || len(next.Finalizers) != 0 {
		t.Fatalf("things %v, finalizers %v", w.things, next.Finalizers)
	}
	w.fail("Delete", nil)
	w.visit(next)
	w.conditions(next, "Available=True InSync, Ready=True InSync")
	if len(w.things) != 1 || w.things[0].Owner != next.UID {
		t.Errorf("things: %v", w.things)
	}
}

// What somebody has made with our finalizer, and was never visited, does not hide the one before it.
func TestWhatVanishesIsNotForgottenForItsSuccessor(t *testing.T) {
	w := newWorld(t)
	shelf := w.vanished()
	w.vanish(w.successor(func(o *Shelf) { o.Finalizers = []string{v1alpha1.Finalizer} }))
	w.visit(shelf)
	w.goneEverywhere(shelf)
}

// Another object is there before the watch has told how the one before it went: it waits for that.
func TestSuccessorWaitsForWhatTheWatchTells(t *testing.T) {
	for _, read := range []string{"from the cache", "live, as the cache is behind"} {
		t.Run(read, func(t *testing.T) {
			w := newWorld(t)
			shelf := w.synced()
			last := shelf.DeepCopyObject().(*Shelf)
			edit(w, shelf, func(o *Shelf) { o.Finalizers = nil })
			w.delete(shelf)
			next := w.successor()
			if read != "from the cache" {
				older := last.DeepCopyObject().(*Shelf)
				older.ResourceVersion = "1"
				w.stale["shelf"] = older
			}
			w.exactly(w.visit(next), time.Second)
			w.steps("")
			w.tellDeleted(last)
			delete(w.stale, "shelf")
			w.visit(next)
			w.steps("Connect, Find, Delete, Find, Connect, write metadata, Find, " +
				"write status, Create, write status, write status")
			if len(w.things) != 1 || w.things[0].Owner != next.UID {
				t.Errorf("things: %v", w.things)
			}
		})
	}
}

// It has taken over what it could, and nothing of that is deleted.
func TestSuccessorThatWasWorkedOnKeepsWhatItHas(t *testing.T) {
	w := newWorld(t)
	shelf := w.synced()
	last := shelf.DeepCopyObject().(*Shelf)
	edit(w, shelf, func(o *Shelf) { o.Finalizers = nil })
	w.delete(shelf)
	next := w.successor()
	w.visit(next)
	w.visit(next)
	w.forgetLog()
	w.tellDeleted(last)
	w.visit(next)
	w.steps("Connect, Find")
	w.told("Warning Left: What an object of its name that was deleted before it has in Grafana, and this one has not " +
		"taken over, is left there")
}

func TestWhatVanishesIsLookedForOnceItIsKnownToBeGone(t *testing.T) {
	w := newWorld(t)
	shelf := w.vanished()
	w.fail("read live", errors.New("no quorum"))
	if _, err := w.reconcile(t.Context(), shelf); err == nil || len(w.log) != 0 {
		t.Errorf("error %v, steps %v", err, w.log)
	}
	delete(w.on, "read live")
	w.visit(shelf)
	w.goneEverywhere(shelf)
}

func TestWhatVanishesIsRemovedByItsOwnShard(t *testing.T) {
	f, own, other, shelf, book := apart(t)
	create(f.world, shelf)
	last := create(f.world, page("page-"+t.Name(), book.Name))
	for _, o := range []lifecycle.Object{shelf, book, last} {
		own.visit(o)
	}
	vanishes := func(o lifecycle.Object) {
		f.reload(o)
		own.tellDeleted(o)
		other.tellDeleted(o)
		o.SetFinalizers(nil)
		if err := f.kube.Update(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		f.delete(o)
	}
	vanishes(last)
	other.idle(last)
	own.visit(last)
	if own.indexOf(last.UID) >= 0 {
		t.Error("its own shard has left it in Grafana")
	}
	// Whose what is in it would be, the shards would not agree.
	vanishes(book)
	own.forgetLog()
	own.visit(book)
	own.steps("")
}

// Each watch that brings visits says that an object has vanished, and it is removed once.
func TestWhatVanishesIsToldBySeveralWatches(t *testing.T) {
	w := newWorld(t)
	shelf := w.synced()
	last := shelf.DeepCopyObject().(*Shelf)
	w.vanish(shelf)
	w.tellDeleted(last)
	w.visit(shelf)
	w.goneEverywhere(shelf)
	w.forgetLog()
	w.tellDeleted(last)
	w.visit(shelf)
	w.steps("")
	w.clock = w.clock.Add(2 * time.Minute) // no watch is as slow as that: it is forgotten, and looked at once more
	w.tellDeleted(last)
	w.visit(shelf)
	w.steps("Connect, Find")
}

// Other controllers, and so their watches, may begin before its own has a queue.
func TestWhatVanishesBeforeItsControllerHasAQueue(t *testing.T) {
	w := newWorld(t)
	shelf := w.synced()
	w.start()
	for _, c := range w.engine.Controllers() {
		if err := c.UseQueue(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
	}
	w.vanish(shelf)
	w.asked()
	for _, c := range w.engine.Controllers() {
		if err := c.UseQueue(t.Context(), queue{w: w, kind: c.Name}); err != nil {
			t.Fatal(err)
		}
	}
	w.asked("Shelf shelf")
}

// Who finds it gone before it is kept is visited again.
func TestWhomItConcernsIsVisitedWhenSomethingHasVanished(t *testing.T) {
	w := newWorld(t)
	create(w, book("on-it"))
	w.vanished()
	w.asked("Shelf shelf", "Server server", "Book on-it")
}

func TestWhatVanishesGoesWhereTheOperatorMayNotLook(t *testing.T) {
	w := newWorld(t)
	shelf := w.vanished()
	w.fail("read live", apierrors.NewForbidden(corev1.Resource("shelves"), "shelf", nil))
	w.visit(shelf)
	w.goneEverywhere(shelf)
}

// What it is in waits for it, and what is in it holds it, as if the API server had waited for its finalizer.
func TestWhatVanishesIsThereForOthers(t *testing.T) {
	w := newWorld(t)
	shelf := w.synced()
	server := create(w, &Server{toy("server", "")})
	w.visit(server)
	on := create(w, book("book"))
	w.visit(on)
	w.vanish(shelf)

	seen := &Shelf{}
	if err := w.engine.Get(t.Context(), key("shelf"), seen); err != nil || seen.DeletionTimestamp.IsZero() {
		t.Errorf("error %v, deletionTimestamp %v", err, seen.DeletionTimestamp)
	}
	next := w.successor()
	if err := w.engine.Get(t.Context(), key("shelf"), seen); err != nil || seen.UID != shelf.UID {
		t.Errorf("error %v, uid %s", err, seen.UID)
	}
	for _, c := range []struct {
		in   lifecycle.Object
		want []types.UID
	}{{server, []types.UID{"uid-of-shelf"}}, {&Server{toy("another", "")}, nil}} {
		var got []types.UID
		all, err := w.engine.Dependents(t.Context(), c.in)
		for _, o := range all {
			got = append(got, o.GetUID())
		}
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("in %s: %v, error %v", c.in.GetName(), got, err)
		}
	}
	var listed, elsewhere ShelfList
	err := w.engine.List(t.Context(), &listed, client.InNamespace(namespace))
	if err != nil || len(listed.Items) != 1 || listed.Items[0].UID != shelf.UID {
		t.Errorf("error %v, listed %v", err, listed.Items)
	}
	err = w.engine.List(t.Context(), &elsewhere, client.InNamespace("other"))
	if err != nil || len(elsewhere.Items) > 0 {
		t.Errorf("error %v, in another namespace %v", err, elsewhere.Items)
	}
	w.vanish(next)

	w.delete(server)
	w.visit(server)
	if !strings.HasPrefix(message(server), "waiting for 1 Shelf to be deleted") {
		t.Errorf("the Server: %s", message(server))
	}
	w.visit(shelf)
	if w.indexOf(shelf.UID) < 0 {
		t.Fatal("it has gone with a Book on it")
	}
	w.delete(on)
	w.visit(on)
	w.forgetLog()
	w.visit(shelf)
	w.asked("Server server")
	w.visit(server)
	w.goneEverywhere(server)
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
	create(w, book("on-it")) // has nothing in Grafana yet
	shelf := w.vanished()
	w.fail("Delete", breakdown)
	w.visit(shelf)
	w.forgetLog()
	w.fail("Delete", nil)
	w.visit(shelf)
	w.asked("Server server", "Book on-it", "Book beside-shelf")
}

func TestWatchTellsWhatHasVanished(t *testing.T) {
	r := run(t, lifecycle.Options{})
	shelf := toy("shelf", "server")
	shelf.Finalizers = []string{v1alpha1.Finalizer}
	got := slices.Compact(r.visitsAfter(func() { r.vanishes(&Shelf{shelf}) })) // several watches ask for it
	if !slices.Equal(got, []string{"Shelf shelf"}) {
		t.Errorf("visited %v", got)
	}
}

// Whatever watch comes first, what it brings a visit for sees what has vanished.
func TestEveryWatchTellsWhatHasVanished(t *testing.T) {
	for name, alter := range map[string]func(*world){
		"of the parent": func(*world) {},
		"of another kind": func(w *world) {
			nobody := func(context.Context, client.Object) []ctrl.Request { return nil }
			w.servers.Watches = []lifecycle.Watch{{Of: &Shelf{}, Requests: nobody}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := run(t, lifecycle.Options{}, alter)
			shelf := toy("shelf", "server")
			shelf.Finalizers = []string{v1alpha1.Finalizer}
			for i, h := range r.informers.handlersOf(&Shelf{}) {
				gone := shelf
				gone.UID = types.UID(fmt.Sprint("uid-", i))
				gone.Name = fmt.Sprint("shelf-", i)
				h.OnDelete(&Shelf{gone})
				kept := &Shelf{}
				if err := r.engine.Get(t.Context(), key(gone.Name), kept); err != nil {
					t.Errorf("watch %d: %v", i, err)
				}
			}
		})
	}
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

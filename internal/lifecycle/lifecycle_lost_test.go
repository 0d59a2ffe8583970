package lifecycle_test

import (
	"errors"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/lifecycle"
)

// Nothing is written between a finalizer that stands for the intent and the request. What becomes of the object in that
// time is seen all the same.
func TestNothingIsMadeForAnObjectThatHasChangedSinceItsFinalizer(t *testing.T) {
	for name, change := range map[string]func(w *world, shelf *Shelf){
		"vanished": func(w *world, shelf *Shelf) { w.vanish(shelf) },
		"deleted":  func(w *world, shelf *Shelf) { w.delete(shelf) },
		"edited":   func(w *world, shelf *Shelf) { edit(w, shelf, func(o *Shelf) { o.Spec.Text = "edited" }) },
		"made anew": func(w *world, shelf *Shelf) {
			w.vanish(shelf)
			w.shelf(func(o *Shelf) { o.UID = "of another life" })
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, ofDerived)
			shelf := w.shelf()
			w.meanwhile("Pass over", func() { change(w, shelf.DeepCopyObject().(*Shelf)) })
			w.exactly(w.visit(shelf), time.Second)
			w.steps("Connect, write metadata, Pass over")
			w.told()
			if len(w.things) != 0 {
				t.Errorf("it was made: %v", w.things)
			}
		})
	}
}

func TestNothingIsMadeWhereTheAPIServerDoesNotSayWhetherTheObjectIsThere(t *testing.T) {
	for name, answer := range map[string]error{
		"it fails":             errors.New("no quorum"),
		"it may not be read":   apierrors.NewForbidden(corev1.Resource("shelves"), "shelf", errors.New("get")),
		"it is asked too much": apierrors.NewTooManyRequestsError("later"),
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, ofDerived)
			shelf := w.shelf()
			w.fail("read live", answer)
			if again := w.visit(shelf).RequeueAfter; again <= 0 || again > time.Minute || len(w.things) != 0 {
				t.Errorf("again after %v, things %v", again, w.things)
			}
			ready := meta.FindStatusCondition(shelf.Status.Conditions, v1alpha1.ConditionReady)
			if ready == nil || ready.Reason != v1alpha1.ReasonFailed || shelf.Status.CreateStarted != nil {
				t.Errorf("it speaks of a request that was not sent: %+v", shelf.Status)
			}
			delete(w.on, "read live")
			if w.visit(shelf); len(w.things) != 1 {
				t.Errorf("things %v", w.things)
			}
		})
	}
}

// lost is found by its object alone, if it was not taken over.
type lost struct{ *derived }

func (x lost) KnownByObject() bool { return false }

func ofLost(w *world) {
	w.with = func(x *external) lifecycle.External[thing] { return lost{&derived{external: x}} }
}

// A deletion that has to wait still knows afterwards that a status was lost, whichever process it is then, and says
// nothing meanwhile of a request that nobody may have sent.
func TestDeletionKnowsAfterItsWaitThatAStatusWasLost(t *testing.T) {
	for _, then := range []string{"the same process", "another one"} {
		t.Run(then, func(t *testing.T) {
			w := newWorld(t, ofLost)
			shelf := w.crashed()
			w.things = nil
			w.start()
			w.delete(shelf)
			w.exactly(w.visit(shelf), 61*time.Second)
			const says = "its status does not tell whether a request to create it was sent: " +
				"waiting until one can no longer take effect"
			ready := meta.FindStatusCondition(shelf.Status.Conditions, v1alpha1.ConditionReady)
			if ready == nil || ready.Message != says {
				t.Errorf("conditions: %+v", shelf.Status.Conditions)
			}
			if then == "another one" {
				w.start()
				w.visit(shelf)
			}
			w.clock = w.clock.Add(61 * time.Second)
			w.visit(shelf)
			w.told("Normal Left: The object has lost its status, and nothing in Grafana is provably its own: " +
				"if it had made something, that is left there")
			w.goneEverywhere(shelf)
		})
	}
}

// What a deletion has deleted before it had to wait is told in the end.
func TestDeletionKnowsAfterItsWaitThatItHasDeleted(t *testing.T) {
	w := newWorld(t, ofDerived)
	shelf := w.crashed()
	w.things = nil
	w.start()
	w.delete(shelf)
	w.visit(shelf)
	w.make(shelf.UID, "wanted") // lands
	w.visit(shelf)
	w.stays(shelf)
	w.clock = w.clock.Add(61 * time.Second)
	w.visit(shelf)
	w.told("Normal Deleted: Deleted in Grafana")
	w.goneEverywhere(shelf)
}

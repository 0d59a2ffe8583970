package lifecycle_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/connection"
	"grafana-tenancy.dev/operator/internal/lifecycle"
)

const adviceToAbandon = "; annotate this object grafana-tenancy.dev/abandon=true to let go of it as it is"

func TestDeletionLooksAgainUntilNothingIsFound(t *testing.T) {
	w := newWorld(t)
	shelf := w.synced()
	w.make(shelf.UID, "one that landed late")
	w.delete(shelf)
	w.visit(shelf)
	w.steps("Connect, Find, Delete, Find, Delete, Find, write metadata")
	w.told("Normal Deleted: Deleted in Grafana")
	w.gone(shelf)
}

func TestDeletionThatChangesNothingIsTriedAgain(t *testing.T) {
	w := newWorld(t)
	shelf := w.synced()
	for range 10 {
		w.make(shelf.UID, "")
	}
	w.delete(shelf)
	w.near(w.visit(shelf), time.Second)
	w.conditions(shelf, "Available=True Deleting, Ready=Unknown Deleting, Reconciling=True Deleting")
	if len(w.things) != 6 {
		t.Errorf("%d were deleted in one visit", 11-len(w.things))
	}
}

func TestRefusedDeletionHoldsTheFinalizer(t *testing.T) {
	w := newWorld(t)
	shelf := w.synced()
	w.delete(shelf)
	w.fail("Delete", refusal)
	w.visit(shelf)
	w.conditions(shelf, "Available=True Refused, Ready=False Refused, Stalled=True Refused")
	if want := "deleting: " + refusal.Error(); message(shelf) != want {
		t.Errorf("message %q, want %q", message(shelf), want)
	}
}

func TestLookAfterADeletionThatFailsHoldsTheFinalizer(t *testing.T) {
	w := newWorld(t)
	shelf := w.synced()
	w.delete(shelf)
	w.meanwhile("Delete", func() { w.fail("Find", breakdown) })
	w.visit(shelf)
	w.steps("Connect, Find, Delete, Find, write status")
	w.stays(shelf)
}

func TestDeletionIsProvenNow(t *testing.T) {
	w := newWorld(t, inOrganization)
	shelf := w.synced()
	w.delete(shelf)
	w.fail("Prove live", lifecycle.Waiting(v1alpha1.ReasonParentNotAvailable, "not ours"))
	w.visit(shelf)
	w.steps("Connect, Find, Prove live, write status")
	w.stays(shelf)
}

func TestWhatIsNotInGrafanaIsReleased(t *testing.T) {
	for _, test := range []struct{ left, event string }{
		{"", "Normal Deleted: It is not in Grafana any more: nothing had to be deleted"},
		{"shelf 7, which is not ours", "Normal Left: Left in Grafana: shelf 7, which is not ours"},
	} {
		for _, orphan := range []bool{false, true} {
			w := newWorld(t)
			w.with = func(x *external) lifecycle.External[thing] {
				return struct {
					lifecycle.External[thing]
					describer
				}{x, describer{left: test.left, inSync: "It stands"}}
			}
			shelf := w.shelf(func(o *Shelf) { o.Spec.Orphan = orphan })
			w.visit(shelf)
			if message(shelf) != "It stands" {
				t.Errorf("message %q", message(shelf))
			}
			w.forgetLog()
			w.things = nil
			w.delete(shelf)
			w.visit(shelf)
			w.told(test.event)
			w.gone(shelf)
		}
	}
}

func TestOneWithoutWordsOfItsOwnIsSaidToBeGone(t *testing.T) {
	w := newWorld(t)
	shelf := w.synced()
	w.things = nil
	w.delete(shelf)
	w.visit(shelf)
	w.steps("Connect, Find, write metadata")
	w.told("Normal Deleted: It is not in Grafana any more: nothing had to be deleted")
}

func TestLostCreateHoldsTheFinalizerUntilItCannotLand(t *testing.T) {
	for _, orphan := range []bool{false, true} {
		w := newWorld(t)
		shelf := w.shelf(func(o *Shelf) { o.Spec.Orphan = orphan })
		w.fail("Create", breakdown) // it lands later
		w.visit(shelf)
		w.delete(shelf)
		w.forgetLog()
		w.exactly(w.visit(shelf), 61*time.Second)
		w.conditions(shelf, "Available=False Deleting, Ready=False Deleting, Reconciling=True Deleting")

		w.clock = w.clock.Add(60 * time.Second)
		w.make(shelf.UID, "")
		w.exactly(w.visit(shelf), time.Second)
		w.clock = w.clock.Add(time.Second)
		w.visit(shelf)
		w.gone(shelf)
		if orphan != (len(w.things) == 1) {
			t.Errorf("orphan: %v, things %v", orphan, w.things)
		}
	}
}

func TestOrphanIsReleasedUndeleted(t *testing.T) {
	w := newWorld(t)
	w.with = func(x *external) lifecycle.External[thing] {
		return struct {
			lifecycle.External[thing]
			releaser
		}{x, releaser{w}}
	}
	shelf := w.synced(func(o *Shelf) { o.Spec.Orphan = true })
	w.delete(shelf)
	w.fail("Release", refusal)
	w.visit(shelf)
	w.steps("Connect, Find, Release, write status")
	if want := "releasing: " + refusal.Error(); message(shelf) != want {
		t.Errorf("message %q, want %q", message(shelf), want)
	}

	w.forgetLog()
	w.fail("Release", nil)
	w.visit(shelf)
	w.steps("Connect, Find, Release, write metadata")
	w.told("Normal Orphaned: Let go by its deletionPolicy; it stays in Grafana")
	w.gone(shelf)
}

func TestOrphanThatHasNothingToTakeOff(t *testing.T) {
	w := newWorld(t)
	shelf := w.synced(func(o *Shelf) { o.Spec.Orphan = true })
	w.delete(shelf)
	w.visit(shelf)
	w.steps("Connect, Find, write metadata")
	w.told("Normal Orphaned: Let go by its deletionPolicy; it stays in Grafana")
	if len(w.things) != 1 {
		t.Error("it was deleted")
	}
}

func abandon(o *Shelf) { o.Annotations = map[string]string{v1alpha1.AnnotationAbandon: "true"} }

func TestAbandonedObjectIsReleasedUnasked(t *testing.T) {
	w := newWorld(t)
	shelf := w.synced(abandon)
	w.delete(shelf)
	w.visit(shelf)
	w.steps("write metadata")
	w.told("Normal Abandoned: Let go as asked; what it made in Grafana stays there")
	w.gone(shelf)
}

func TestAbandonedObjectTakesOffWhatHangsOnIt(t *testing.T) {
	w := newWorld(t, func(w *world) {
		w.shelves.Abandon = func(_ context.Context, o *Shelf) error { return w.step("Abandon " + o.Name) }
	})
	shelf := w.synced(abandon)
	w.delete(shelf)
	w.fail("Abandon shelf", errors.New("no"))
	w.visit(shelf)
	w.stays(shelf)
	w.fail("Abandon shelf", nil)
	w.visit(shelf)
	w.steps("Abandon shelf, write status, Abandon shelf, write metadata")
	w.gone(shelf)
}

func TestObjectOfOthersFinalizersIsNotOurs(t *testing.T) {
	w := newWorld(t)
	shelf := w.shelf(func(o *Shelf) { o.Finalizers = []string{"example.com/other"} })
	w.delete(shelf)
	w.visit(shelf)
	w.steps("")
	w.told()
}

func TestObjectThatHoldsNothingIsReleasedUnasked(t *testing.T) {
	w := newWorld(t)
	shelf := w.shelf()
	w.fail("Create", refusal)
	w.visit(shelf)
	w.forgetLog()
	w.delete(shelf)
	w.visit(shelf)
	w.steps("write metadata")
	w.told()
	w.gone(shelf)
}

func TestObjectWhoseStatusWasLostIsLookedFor(t *testing.T) {
	w := newWorld(t)
	shelf := w.synced()
	editStatus(w, shelf, func(o *Shelf) { o.Status = ToyStatus{} })
	w.delete(shelf)
	w.visit(shelf)
	w.steps("Connect, Find, write status, Delete, Find, write metadata")
	w.goneEverywhere(shelf)
}

func TestStatusThatWasLostIsNotWrittenByAVisitThatOnlyWaits(t *testing.T) {
	w := newWorld(t)
	shelf := w.synced()
	editStatus(w, shelf, func(o *Shelf) { o.Status = ToyStatus{} })
	w.fail("Connect", lifecycle.Waiting(v1alpha1.ReasonParentNotAvailable, "not yet"))
	w.visit(shelf)
	w.conditions(
		shelf,
		"Available=False ParentNotAvailable, Ready=False ParentNotAvailable, Reconciling=True ParentNotAvailable",
	)
	if lifecycle.StatusWritten(shelf) {
		t.Error("the status says that it has nothing in Grafana, where nobody has looked")
	}
}

func TestObjectIsGoneWithWhatContainedIt(t *testing.T) {
	w := newWorld(t)
	shelf := w.synced()
	w.delete(shelf)
	w.fail("Connect", lifecycle.ErrGone)
	w.visit(shelf)
	w.steps("Connect, write metadata")
	w.told()
	w.gone(shelf)
}

func TestDeletionWithoutAWayToGrafana(t *testing.T) {
	w := newWorld(t)
	shelf := w.synced()
	w.delete(shelf)
	w.fail("Connect", lifecycle.Stalled(v1alpha1.ReasonParentGone, "no way"))
	w.visit(shelf)
	w.conditions(shelf, "Available=False ParentGone, Ready=False ParentGone, Stalled=True ParentGone")
	if want := "no way" + adviceToAbandon; message(shelf) != want {
		t.Errorf("message %q, want %q", message(shelf), want)
	}
}

func TestDeletionThatHasToWaitItsTurnIsNoTrouble(t *testing.T) {
	w := newWorld(t)
	shelf := w.synced()
	w.delete(shelf)
	w.fail("Connect", connection.ErrQueued)
	w.exactly(w.visit(shelf), 0)
	w.steps("Connect")
}

func TestDeletionInAnOutageSaysHowToLetGo(t *testing.T) {
	w := newWorld(t)
	shelf := w.synced()
	w.delete(shelf)
	w.fail("Find", breakdown)
	w.visit(shelf)
	if want := breakdown.Error() + adviceToAbandon; message(shelf) != want {
		t.Errorf("message %q, want %q", message(shelf), want)
	}
}

func TestNothingFoundIsNoProofWhereTheOrganizationIsNotOurs(t *testing.T) {
	for _, test := range []struct {
		err      error
		released bool
	}{
		{nil, true},
		{lifecycle.Waiting(v1alpha1.ReasonParentNotAvailable, "not ours"), false},
		// The organization has looked for its mark everywhere: no other is ours.
		{&lifecycle.Problem{Reason: v1alpha1.ReasonParentNotAvailable, Retry: true, Err: lifecycle.ErrLost}, true},
	} {
		w := newWorld(t, inOrganization)
		shelf := w.synced()
		w.things = nil
		w.delete(shelf)
		w.fail("Prove", test.err)
		w.visit(shelf)
		if w.reload(shelf) == test.released {
			t.Errorf("%v: released: %v", test.err, !test.released)
		}
	}
}

func TestIdentityThatIsFoundAtDeletionIsKept(t *testing.T) {
	w := newWorld(t)
	shelf := w.shelf()
	w.lost["Create"] = breakdown
	w.visit(shelf)
	w.delete(shelf)
	w.meanwhile("Delete", func() {
		if w.reload(shelf); shelf.Status.ID != 1 {
			t.Error("only the process knows what it is about to delete")
		}
	})
	w.visit(shelf)
	w.stays(shelf) // one more can still land
}

func TestIdentityThatCannotBeKeptEndsTheDeletion(t *testing.T) {
	w := newWorld(t)
	shelf := w.shelf()
	w.lost["Create"] = breakdown
	w.visit(shelf)
	w.forgetLog()
	w.delete(shelf)
	w.fail("write status", errors.New("no quorum"))
	if _, err := w.reconcile(t.Context(), shelf); err == nil {
		t.Error("no error")
	}
	w.steps("Connect, Find, write status, write status")
}

func TestWhatIsRememberedOfAnObjectIsForgotten(t *testing.T) {
	var forgotten []types.NamespacedName
	w := newWorld(t, func(w *world) {
		w.shelves.Forget = func(of types.NamespacedName) { forgotten = append(forgotten, of) }
	})
	shelf := w.synced()
	w.delete(shelf)
	w.visit(shelf)
	if len(forgotten) != 1 || forgotten[0] != key("shelf") {
		t.Errorf("forgotten: %v", forgotten)
	}
	w.visit(shelf) // it is not there any more
	if len(forgotten) != 2 {
		t.Errorf("forgotten: %v", forgotten)
	}
}

func TestDeletionOfWhatHasLostItsStatusSaysNoMoreThanIsKnown(t *testing.T) {
	for _, c := range []struct {
		found bool // by the object alone
		told  string
	}{
		{true, "Normal Deleted: It is not in Grafana any more: nothing had to be deleted"},
		{false, "Normal Left: The object has lost its status, and nothing in Grafana is provably its own: " +
			"if it had made something, that is left there"},
	} {
		w := newWorld(t, ofDerived)
		shelf := w.synced(func(o *Shelf) {
			if !c.found {
				o.Spec.Secret = "uid"
			}
		})
		editStatus(w, shelf, func(o *Shelf) { o.Status = ToyStatus{} })
		w.things = nil
		w.clock = w.clock.Add(time.Hour)
		w.delete(shelf)
		w.visit(shelf)
		w.told(c.told)
	}
}

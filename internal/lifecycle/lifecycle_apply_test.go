package lifecycle_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/lifecycle"
)

func TestObjectIsMadeStepByStep(t *testing.T) {
	w := newWorld(t)
	shelf := w.shelf()
	result := w.visit(shelf)
	w.steps("Connect, write metadata, Find, write status, Create, write status, write status")
	w.conditions(shelf, "Available=True InSync, Ready=True InSync")
	w.told("Normal Created: Created in Grafana")
	w.near(result, lifecycle.DefaultResync)
	if shelf.Status.ID != 1 || shelf.Status.ObservedGeneration != 1 ||
		message(shelf) != "Grafana holds what is asked for" {
		t.Errorf("status %+v", shelf.Status)
	}
}

func TestObjectThatIsInSyncIsLookedAtAndNotWritten(t *testing.T) {
	w := newWorld(t)
	shelf := w.synced()
	w.visit(shelf)
	w.clock = w.clock.Add(2 * time.Minute) // no request to create it can land any more: the intent goes
	w.visit(shelf)
	w.steps("Connect, Find, Connect, Find")
	w.told()
}

func TestObjectThatIsNotLetInGetsNoFinalizer(t *testing.T) {
	w := newWorld(t)
	w.fail("Connect", lifecycle.Waiting(v1alpha1.ReasonReferenceNotPermitted, "not from here"))
	shelf := w.shelf()
	w.visit(shelf)
	w.steps("Connect, write status")
	w.conditions(shelf, "Available=False ReferenceNotPermitted, Ready=False ReferenceNotPermitted, "+
		"Reconciling=True ReferenceNotPermitted")
	w.delete(shelf)
	w.gone(shelf)
}

func TestKindInNothingHasItsFinalizerBeforeConnect(t *testing.T) {
	w := newWorld(t)
	server := w.server()
	w.make(server.UID, "")
	w.visit(server)
	w.steps("write metadata, Connect, Find, write status, write status")
	w.conditions(server, "Available=True InSync, Ready=True InSync")
	w.told()
}

func TestReadOnlyKindIsNeverMade(t *testing.T) {
	w := newWorld(t)
	server := w.server()
	w.visit(server)
	w.conditions(server, "Ready=False Failed, Reconciling=True Failed")
	if want := "it is not in Grafana, and the operator does not create it"; message(server) != want {
		t.Errorf("message %q, want %q", message(server), want)
	}
	if len(w.things) != 0 {
		t.Error("it was made")
	}
}

func TestReadOnlyKindIsNeverChangedOrDeleted(t *testing.T) {
	w := newWorld(t)
	server := w.server()
	w.make(server.UID, "as it is")
	w.visit(server)
	if w.things[0].Text != "as it is" {
		t.Error("it was changed")
	}
	w.delete(server)
	w.visit(server)
	if len(w.things) != 1 {
		t.Error("it was deleted")
	}
}

func TestNewIdentityIsKeptBeforeAnythingElse(t *testing.T) {
	w := newWorld(t)
	shelf := w.shelf()
	w.make(shelf.UID, "other")
	w.meanwhile("Update", func() {
		w.reload(shelf)
		if shelf.Status.ID != 1 {
			t.Error("only the process knows the identity")
		}
	})
	w.visit(shelf)
	w.steps("Connect, write metadata, Find, write status, Update, write status")
}

func TestIdentityThatCannotBeKeptEndsThePass(t *testing.T) {
	w := newWorld(t)
	shelf := w.shelf()
	w.make(shelf.UID, "other")
	w.fail("write status", errors.New("no quorum"))
	_, err := w.reconcile(t.Context(), shelf)
	w.steps("Connect, write metadata, Find, write status, write status")
	if err == nil || w.things[0].Text != "other" {
		t.Errorf("error %v, things %v", err, w.things)
	}
}

func TestFailedLookMakesNothing(t *testing.T) {
	w := newWorld(t)
	shelf := w.shelf()
	w.fail("Find", breakdown)
	w.visit(shelf)
	w.steps("Connect, write metadata, Find, write status")
	if shelf.Status.ObservedGeneration == 1 {
		t.Error("the status says what the object has in Grafana, where nobody has looked")
	}
}

func TestDifferenceIsPutRight(t *testing.T) {
	w := newWorld(t)
	shelf := w.synced()
	edit(w, shelf, func(o *Shelf) { o.Spec.Text = "changed" })
	w.visit(shelf)
	w.steps("Connect, Find, Update, write status")
	w.told("Normal Updated: Updated in Grafana: text")
	if w.things[0].Text != "changed" || shelf.Status.ObservedGeneration != 2 {
		t.Errorf("things %v, status %+v", w.things, shelf.Status)
	}
}

func TestUpdateThatFailsIsNotTold(t *testing.T) {
	w := newWorld(t)
	shelf := w.synced()
	edit(w, shelf, func(o *Shelf) { o.Spec.Text = "changed" })
	w.fail("Update", refusal)
	w.visit(shelf)
	w.conditions(shelf, "Available=True Refused, Ready=False Refused, Stalled=True Refused")
	w.told("Warning Refused: " + refusal.Error())
}

func TestCheckHasTheLastWord(t *testing.T) {
	w := newWorld(t)
	w.with = func(x *external) lifecycle.External[thing] {
		return struct {
			lifecycle.External[thing]
			checker
		}{x, checker{w}}
	}
	shelf := w.synced()
	w.fail("Check", lifecycle.Stalled(v1alpha1.ReasonKeyRefused, "it does not work"))
	w.visit(shelf)
	w.steps("Connect, Find, Check, write status")
	w.conditions(shelf, "Available=True KeyRefused, Ready=False KeyRefused, Stalled=True KeyRefused")
}

func TestDriftThatIsLeftIsReady(t *testing.T) {
	w := newWorld(t)
	w.with = func(x *external) lifecycle.External[thing] {
		return struct {
			lifecycle.External[thing]
			checker
		}{x, checker{w}}
	}
	shelf := w.synced()
	w.fail("Check", &lifecycle.Drifted{Message: "somebody has moved it"})
	w.near(w.visit(shelf), lifecycle.DefaultResync)
	w.conditions(shelf, "Available=True InSync, Drifted=True EditedInGrafana, Ready=True EditedInGrafana")
	w.told("Normal EditedInGrafana: somebody has moved it")

	w.fail("Check", nil)
	w.visit(shelf)
	w.conditions(shelf, "Available=True InSync, Ready=True InSync")
}

// inOrganization has a Shelf be in an organization.
func inOrganization(w *world) {
	conn := w.newConn(1, 1)
	w.with = func(x *external) lifecycle.External[thing] {
		return struct {
			lifecycle.External[thing]
			connected
			contained
		}{x, connected{conn}, contained{w}}
	}
}

func TestOrganizationIsProvenBeforeEachWrite(t *testing.T) {
	w := newWorld(t, inOrganization)
	shelf := w.shelf()
	w.visit(shelf)
	w.steps("Connect, write metadata, Find, Prove, write status, Create, write status, write status")
	edit(w, shelf, func(o *Shelf) { o.Spec.Text = "changed" })
	w.visit(shelf)
	w.steps("Connect, Find, Prove, Update, write status")
	w.delete(shelf)
	w.visit(shelf)
	w.steps("Connect, Find, Prove live, Delete, Find, write metadata")
}

func TestOrganizationThatIsNotProvenIsNotWrittenTo(t *testing.T) {
	w := newWorld(t, inOrganization)
	shelf := w.shelf()
	w.fail("Prove", lifecycle.Waiting(v1alpha1.ReasonParentNotAvailable, "not ours"))
	w.visit(shelf)
	w.steps("Connect, write metadata, Find, Prove, write status")

	w.make(shelf.UID, "other")
	w.visit(shelf)
	w.steps("Connect, Find, write status, Prove, write status")
}

func TestFailedWriteIsToldToWhatContainsIt(t *testing.T) {
	w := newWorld(t, inOrganization)
	shelf := w.synced()
	edit(w, shelf, func(o *Shelf) { o.Spec.Text = "changed" })
	w.fail("Update", refusal)
	w.visit(shelf)
	w.steps("Connect, Find, Prove, Update, WriteFailed, write status")
}

func TestSuspendedObjectIsLeftAlone(t *testing.T) {
	w := newWorld(t)
	shelf := w.synced()
	edit(w, shelf, func(o *Shelf) { o.Spec.Suspend, o.Spec.Text = true, "changed" })
	w.visit(shelf)
	w.steps("write status")
	w.conditions(shelf, "Available=True InSync, Ready=True Suspended")
	w.told()
	if c := shelf.Status.Conditions[0]; shelf.Status.ObservedGeneration != 1 || c.ObservedGeneration != 1 {
		t.Error("the status speaks of a generation that nobody has acted on")
	}
	if w.visit(shelf); len(w.log) != 0 {
		t.Errorf("written again: %v", w.log)
	}
}

func TestSuspendedObjectThatNobodyHasSeenIsUnknown(t *testing.T) {
	w := newWorld(t)
	shelf := w.shelf(func(o *Shelf) { o.Spec.Suspend = true })
	w.visit(shelf)
	w.steps("write status")
	w.conditions(shelf, "Ready=Unknown Suspended")
}

func TestSuspendedObjectIsDeleted(t *testing.T) {
	w := newWorld(t)
	shelf := w.synced(func(*Shelf) {})
	edit(w, shelf, func(o *Shelf) { o.Spec.Suspend = true })
	w.delete(shelf)
	w.visit(shelf)
	w.goneEverywhere(shelf)
}

func TestFinalizerThatCannotBeWrittenEndsThePass(t *testing.T) {
	w := newWorld(t)
	server := w.server()
	w.fail("write metadata", conflict())
	w.exactly(w.visit(server), time.Second)
	w.steps("write metadata")
}

func TestVisitThatIsShutDownWritesNothing(t *testing.T) {
	w := newWorld(t)
	shelf := w.synced()
	ctx, cancel := context.WithCancel(t.Context())
	w.on["Find"] = func() error { cancel(); return ctx.Err() }
	result, err := w.reconcile(ctx, shelf)
	w.exactly(result, 0)
	w.steps("Connect, Find")
	if err != nil {
		t.Error(err)
	}
}

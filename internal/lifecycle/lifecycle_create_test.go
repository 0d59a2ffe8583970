package lifecycle_test

import (
	"errors"
	"testing"
	"time"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana"
	"grafana-tenancy.dev/operator/internal/lifecycle"
)

// refusal is Grafana's: the request had no effect.
var refusal = &grafana.Error{Method: "POST", Path: "/api/shelves", Status: 400, Message: "no"}

// breakdown is an answer that does not tell whether the request had an effect.
var breakdown = &grafana.Error{Method: "POST", Path: "/api/shelves", Status: 500, Message: "sorry"}

func TestIntentIsWrittenBeforeCreate(t *testing.T) {
	w := newWorld(t)
	shelf := w.shelf()
	w.meanwhile("Create", func() {
		w.reload(shelf)
		w.conditions(shelf, "Ready=False Creating, Reconciling=True Creating")
		if started := shelf.Status.CreateStarted; started == nil || !started.Time.Equal(w.clock) {
			t.Errorf("createStarted is %v", started)
		}
	})
	w.visit(shelf)
	if shelf.Status.CreateStarted != nil {
		t.Error("the intent was kept, although the only request was answered")
	}
}

func TestIntentThatCannotBeWrittenSendsNothing(t *testing.T) {
	w := newWorld(t)
	shelf := w.shelf()
	w.fail("write status", errors.New("no quorum"))
	if _, err := w.reconcile(t.Context(), shelf); err == nil {
		t.Error("no error, although the verdict cannot be written either")
	}
	w.steps("Connect, write metadata, Find, write status, write status")
}

func TestStaleCopyIsRefusedBeforeAnythingIsSent(t *testing.T) {
	w := newWorld(t)
	shelf := w.shelf()
	w.fail("Create", refusal)
	w.visit(shelf)
	old := shelf.DeepCopyObject().(*Shelf)
	w.fail("Create", nil)
	w.visit(shelf)
	w.forgetLog()

	w.start() // another process, whose cache is behind
	w.stale["shelf"], w.things = old, nil
	w.exactly(w.visit(shelf), time.Second)
	w.steps("Connect, Find, write status")
	w.told()
}

func TestCopyBehindOurOwnWriteIsReadLive(t *testing.T) {
	w := newWorld(t)
	shelf := w.shelf()
	w.stale["shelf"] = shelf.DeepCopyObject().(*Shelf)
	w.visit(shelf)
	w.forgetLog()
	w.visit(shelf)
	w.steps("Connect, Find")
	if len(w.things) != 1 {
		t.Errorf("%d things", len(w.things))
	}
}

func TestLostAnswerToCreateIsFoundByTheMark(t *testing.T) {
	w := newWorld(t)
	shelf := w.shelf()
	w.lost["Create"] = breakdown
	w.near(w.visit(shelf), time.Second)
	w.conditions(shelf, "Ready=False GrafanaUnavailable, Reconciling=True GrafanaUnavailable")
	if shelf.Status.CreateStarted == nil {
		t.Error("the intent was dropped, although nobody knows what came of it")
	}
	w.forgetLog()

	w.visit(shelf)
	w.steps("Connect, Find, write status, write status")
	w.told(
		"Normal Found: Found in Grafana, and taken for this object's",
		"Normal InSync: Grafana holds what is asked for",
	)
	if len(w.things) != 1 || shelf.Status.ID != 1 || shelf.Status.CreateStarted == nil {
		t.Errorf("things %v, status %+v", w.things, shelf.Status)
	}
}

func TestIntentStaysUntilTheRequestCannotLandAnyMore(t *testing.T) {
	w := newWorld(t)
	shelf := w.shelf()
	w.lost["Create"] = breakdown
	w.visit(shelf)
	landsUntil := 61 * time.Second // time-out, 30 s of grace, and the second that times in status are cut to
	w.exactly(w.visit(shelf), landsUntil)
	w.clock = w.clock.Add(landsUntil - time.Second)
	w.exactly(w.visit(shelf), time.Second)
	if shelf.Status.CreateStarted == nil {
		t.Error("the intent was dropped too early")
	}
	w.clock = w.clock.Add(time.Second)
	w.near(w.visit(shelf), lifecycle.DefaultResync)
	if shelf.Status.CreateStarted != nil {
		t.Error("the intent was kept")
	}
}

func TestHowLongACreateCanLandDependsOnTheTimeOut(t *testing.T) {
	w := newWorld(t, through(1, 1))
	shelf := w.shelf()
	w.lost["Create"] = breakdown
	w.visit(shelf)
	w.exactly(w.visit(shelf), timeout+31*time.Second)
}

func TestRefusedCreateDropsTheIntent(t *testing.T) {
	w := newWorld(t)
	shelf := w.shelf()
	w.fail("Create", refusal)
	w.visit(shelf)
	w.conditions(shelf, "Available=False Refused, Ready=False Refused, Stalled=True Refused")
	if shelf.Status.CreateStarted != nil {
		t.Error("the intent was kept")
	}
	w.told("Warning Refused: " + refusal.Error())
}

func TestRefusalKeepsTheIntentOfAnEarlierCreate(t *testing.T) {
	w := newWorld(t)
	shelf := w.shelf()
	w.fail("Create", breakdown)
	w.visit(shelf)
	w.clock = w.clock.Add(10 * time.Second)
	w.fail("Create", refusal)
	w.visit(shelf)
	if shelf.Status.CreateStarted == nil {
		t.Error("the intent was dropped, although the first request can still land")
	}
}

func TestTakenNameKeepsTheIntent(t *testing.T) {
	w := newWorld(t)
	shelf := w.shelf()
	w.fail("Create", &grafana.Error{Method: "POST", Path: "/api/shelves", Status: 409, MessageID: "name-exists"})
	w.visit(shelf)
	w.conditions(shelf, "Available=False Refused, Ready=False Refused, Stalled=True Refused")
	if shelf.Status.CreateStarted == nil {
		t.Error("the intent was dropped, although an earlier request of ours may have taken the name")
	}
}

func TestWhatCarriesTheMarkIsNotMadeAgain(t *testing.T) {
	w := newWorld(t)
	shelf := w.shelf()
	w.make(shelf.UID, "wanted")
	w.visit(shelf)
	w.steps("Connect, write metadata, Find, write status, write status")
	w.told("Normal Found: Found in Grafana, and taken for this object's")
}

func TestWhatIsPreparedIsWrittenWithTheIntent(t *testing.T) {
	w := newWorld(t)
	w.with = func(x *external) lifecycle.External[thing] {
		return struct {
			lifecycle.External[thing]
			preparer
		}{x, preparer{x}}
	}
	shelf := w.shelf()
	w.meanwhile("Create", func() {
		if w.reload(shelf); shelf.Status.Prepared != "yes" {
			t.Error("the request is sent before what must be known is written")
		}
	})
	w.visit(shelf)
	w.told("Normal Rotated: Made as prepared")
}

func TestConflictIsFoundBeforeAnythingIsMade(t *testing.T) {
	w := newWorld(t)
	w.with = func(x *external) lifecycle.External[thing] {
		return struct {
			lifecycle.External[thing]
			conflictChecker
		}{x, conflictChecker{w}}
	}
	shelf := w.shelf()
	w.fail("CheckConflict", lifecycle.Stalled(v1alpha1.ReasonAlreadyExists, "there is one"))
	w.visit(shelf)
	w.steps("Connect, write metadata, Find, CheckConflict, write status")
	w.conditions(shelf, "Available=False AlreadyExists, Ready=False AlreadyExists, Stalled=True AlreadyExists")

	w.fail("CheckConflict", nil)
	w.visit(shelf)
	w.steps("Connect, Find, CheckConflict, write status, Create, write status, write status")
}

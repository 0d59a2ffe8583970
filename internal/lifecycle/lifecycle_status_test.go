package lifecycle_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"

	"grafana-tenancy.dev/operator/internal/connection"
	"grafana-tenancy.dev/operator/internal/lifecycle"
)

func TestVerdictOnACopyThatHasChangedMeanwhileIsNotWritten(t *testing.T) {
	w := newWorld(t, checked)
	shelf := w.synced()
	w.meanwhile("Check", func() {
		editStatus(w, shelf.DeepCopyObject().(*Shelf), func(o *Shelf) { o.Status.Prepared = "by another process" })
	})
	edit(w, shelf, func(o *Shelf) { o.Spec.Text = "changed" })
	w.exactly(w.visit(shelf), time.Second)
	w.told()
	if shelf.Status.Prepared == "" || shelf.Status.ObservedGeneration != 1 {
		t.Errorf("what the other has written is lost: %+v", shelf.Status)
	}
}

func TestStatusIsKeptWhereOnlyTheRestHasChanged(t *testing.T) {
	w := newWorld(t)
	shelf := w.shelf()
	w.make(shelf.UID, "wanted")
	w.meanwhile("Find", func() { w.delete(shelf) })
	w.visit(shelf)
	if shelf.DeletionTimestamp.IsZero() || shelf.Status.ID != 1 {
		t.Errorf("what was found is not known any more: %+v", shelf.Status)
	}
	w.visit(shelf)
	w.goneEverywhere(shelf)
}

func TestWhatWasMadeIsKeptWhereTheObjectIsDeletedMeanwhile(t *testing.T) {
	w := newWorld(t)
	shelf := w.shelf()
	w.meanwhile("Create", func() { w.delete(shelf) })
	w.visit(shelf)
	if shelf.DeletionTimestamp.IsZero() || shelf.Status.ID != 1 {
		t.Errorf("what was made is not known any more: %+v", shelf.Status)
	}
	w.told("Normal Created: Created in Grafana")
}

func TestStatusOfAnObjectIsNotWrittenOnItsSuccessor(t *testing.T) {
	w := newWorld(t, checked)
	shelf := w.synced()
	edit(w, shelf, func(o *Shelf) { o.Spec.Text = "changed" })
	w.meanwhile("Check", func() {
		edit(w, shelf.DeepCopyObject().(*Shelf), func(o *Shelf) { o.UID = "of another life" })
	})
	w.exactly(w.visit(shelf), time.Second)
	if shelf.Status.ObservedGeneration != 1 {
		t.Error("it says of another object what was seen of this one")
	}
}

func TestObjectThatIsGoneInTheMiddleOfAVisitIsNoTrouble(t *testing.T) {
	w := newWorld(t)
	shelf := w.synced()
	w.fail("Find", refusal)
	gone := apierrors.NewNotFound(corev1.Resource("shelves"), "shelf")
	w.fail("write status", gone)
	if _, err := w.reconcile(t.Context(), shelf); err != nil {
		t.Error(err)
	}
}

func TestStatusThatCannotBeComparedIsNotWritten(t *testing.T) {
	w := newWorld(t)
	shelf := w.shelf()
	w.make(shelf.UID, "wanted")
	w.meanwhile("Find", func() { w.delete(shelf) })
	w.fail("read live", errors.New("no quorum"))
	if _, err := w.reconcile(t.Context(), shelf); err == nil {
		t.Error("no error")
	}
	w.steps("Connect, write metadata, Find, write status, write status")
}

func TestConflictOnTheFinalizerIsNoTrouble(t *testing.T) {
	w := newWorld(t)
	shelf := w.shelf()
	w.fail("write metadata", conflict())
	w.exactly(w.visit(shelf), time.Second)
	w.steps("Connect, write metadata")
	w.told()
}

func TestConflictOnReleaseIsNoTrouble(t *testing.T) {
	w := newWorld(t)
	shelf := w.synced()
	w.delete(shelf)
	w.fail("write metadata", conflict())
	w.exactly(w.visit(shelf), time.Second)
	w.told()
	w.stays(shelf)
}

func TestStatusThatCannotBeWrittenIsTriedAgain(t *testing.T) {
	w := newWorld(t)
	shelf := w.synced()
	w.fail("Find", refusal)
	w.fail("write status", errors.New("no quorum"))
	if _, err := w.reconcile(t.Context(), shelf); err == nil {
		t.Error("no error")
	}
	w.told() // nobody is told what the status does not say
}

func TestVisitThatHasToWaitItsTurnWritesNothing(t *testing.T) {
	w := newWorld(t)
	shelf := w.synced()
	edit(w, shelf, func(o *Shelf) { o.Spec.Text = "changed" })
	w.fail("Find", connection.ErrQueued)
	w.exactly(w.visit(shelf), 0)
	w.steps("Connect, Find")
}

func TestEventsComeOnceAChangeOfReason(t *testing.T) {
	w := newWorld(t, checked)
	shelf := w.synced()
	w.fail("Check", lifecycle.Stalled("InvalidSpec", "change it"))
	w.visit(shelf)
	w.visit(shelf)
	w.told("Warning InvalidSpec: change it")
	w.fail("Check", lifecycle.Stalled("InvalidSpec", "change something else"))
	w.visit(shelf)
	w.told()
	w.fail("Check", lifecycle.Stalled("Refused", "no"))
	w.visit(shelf)
	w.told("Warning Refused: no")
	w.fail("Check", lifecycle.Waiting("SourceNotFound", "not there"))
	w.visit(shelf)
	w.told()
	w.fail("Check", nil)
	w.visit(shelf)
	w.visit(shelf)
	w.told("Normal InSync: Grafana holds what is asked for")
}

func TestRotatedObjectIsReadyAllTheWhile(t *testing.T) {
	w := newWorld(t)
	shelf := w.synced()
	w.things = nil // it is made again
	w.meanwhile("Create", func() {
		w.reload(shelf)
		w.conditions(shelf, "Available=True InSync, Ready=True InSync")
	})
	w.visit(shelf)
	if shelf.Status.ID != 2 {
		t.Errorf("status %+v", shelf.Status)
	}
}

func TestOnlyKindsThatOthersAreInAreAvailable(t *testing.T) {
	w := newWorld(t)
	o := create(w, book("book"))
	w.visit(o)
	w.conditions(o, "Ready=True InSync")
}

func TestObjectThatIsReadyAgainIsNotStalled(t *testing.T) {
	w := newWorld(t, checked)
	shelf := w.synced()
	w.fail("Check", lifecycle.Stalled("InvalidSpec", "change it"))
	w.visit(shelf)
	w.fail("Check", errors.New("oops"))
	w.visit(shelf)
	w.conditions(shelf, "Available=True Failed, Ready=False Failed, Reconciling=True Failed")
	w.fail("Check", nil)
	w.visit(shelf)
	w.conditions(shelf, "Available=True InSync, Ready=True InSync")
}

// metrics are those of one object: the name without the operator's, the reason if there is one, and the value.
func metrics(t *testing.T, kind, name string) map[string]float64 {
	t.Helper()
	families, err := ctrlmetrics.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]float64{}
	for _, family := range families {
		short, ours := strings.CutPrefix(family.GetName(), "grafana_tenancy_")
		for _, m := range family.GetMetric() {
			if ours && label(m, "kind") == kind && label(m, "name") == name && label(m, "namespace") == namespace {
				all[strings.TrimSpace(short+" "+label(m, "reason"))] = m.GetGauge().GetValue()
			}
		}
	}
	return all
}

// countSeries is how many series a metric has.
func countSeries(t *testing.T, name string) int {
	t.Helper()
	families, err := ctrlmetrics.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() == name {
			return len(family.GetMetric())
		}
	}
	return 0
}

func label(m *dto.Metric, name string) string {
	for _, l := range m.GetLabel() {
		if l.GetName() == name {
			return l.GetValue()
		}
	}
	return ""
}

func TestMetricsFollowAnObject(t *testing.T) {
	w := newWorld(t, settling(true))
	expect := func(what string, want map[string]float64) {
		t.Helper()
		got := metrics(t, "Shelf", "measured")
		for name, value := range want {
			if got[name] != value {
				t.Errorf("%s: %s is %v, want %v", what, name, got[name], value)
			}
		}
		if len(got) != len(want) {
			t.Errorf("%s: got %v, want %v", what, got, want)
		}
	}
	shelf := w.shelf(func(o *Shelf) { o.Name = "measured" })
	first := float64(w.clock.Unix())
	w.visit(shelf)
	expect("in sync", map[string]float64{"ready InSync": 1, "last_sync_timestamp_seconds": first})

	w.clock = w.clock.Add(time.Minute)
	w.start()
	w.visit(shelf)
	expect("not looked at", map[string]float64{"ready InSync": 1, "last_sync_timestamp_seconds": first})

	w.fail("Find", refusal)
	w.visit(shelf)
	expect("stalled", map[string]float64{"ready Refused": 0, "last_sync_timestamp_seconds": first})

	edit(w, shelf, func(o *Shelf) { o.Spec.Suspend = true })
	w.visit(shelf)
	expect("suspended", map[string]float64{"last_sync_timestamp_seconds": first})

	w.fail("Find", nil)
	w.delete(shelf)
	w.visit(shelf)
	expect("gone", nil)
}

func TestStatusSaysWhetherItWasWritten(t *testing.T) {
	o := &Shelf{toy("shelf", "")}
	for generation, want := range map[int64]bool{-1: false, 0: false, 1: true} {
		if o.Status.ObservedGeneration = generation; lifecycle.StatusWritten(o) != want {
			t.Errorf("observedGeneration %d: %v", generation, !want)
		}
	}
}

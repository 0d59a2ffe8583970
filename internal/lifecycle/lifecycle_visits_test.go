package lifecycle_test

import (
	"context"
	"errors"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"

	"grafana-tenancy.dev/operator/internal/lifecycle"
)

// settling has a Shelf say whether it is as it was.
func settling(settled bool) func(*world) {
	return func(w *world) {
		w.with = func(x *external) lifecycle.External[thing] {
			return struct {
				lifecycle.External[thing]
				settler
			}{x, settler{settled}}
		}
	}
}

func TestSettledObjectIsNotLookedAtAfterAStart(t *testing.T) {
	w := newWorld(t, settling(true))
	shelf := w.synced()
	w.start()
	first := w.visit(shelf)
	w.steps("Connect")
	if first.RequeueAfter <= 0 || first.RequeueAfter > lifecycle.DefaultResync {
		t.Errorf("its first resync is after %s", first.RequeueAfter)
	}
	w.visit(shelf)
	w.steps("Connect, Find")
}

func TestFirstResyncsAfterAStartAreSpreadByUID(t *testing.T) {
	w := newWorld(t, settling(true))
	shelf := w.synced()
	first := func(uid types.UID) time.Duration {
		w.start()
		edit(w, shelf, func(o *Shelf) { o.Generation--; o.UID = uid }) // a generation that is the same
		return w.visit(shelf).RequeueAfter
	}
	a, again, b := first("a"), first("a"), first("b")
	if a != again || a == b {
		t.Errorf("after %s and %s; another after %s", a, again, b)
	}
}

func TestWhatIsNotSettledIsLookedAtAfterAStart(t *testing.T) {
	for name, test := range map[string]struct {
		settled bool
		change  func(*world, *Shelf)
	}{
		"it says that it is not": {false, func(*world, *Shelf) {}},
		"its spec has changed":   {true, func(w *world, o *Shelf) { edit(w, o, func(*Shelf) {}) }},
		"it is being deleted":    {true, func(w *world, o *Shelf) { w.delete(o) }},
		"a create may still be under way": {true, func(w *world, o *Shelf) {
			editStatus(w, o, func(o *Shelf) { o.Status.CreateStarted = &metav1.Time{Time: w.clock} })
		}},
		"it was not Ready": {true, func(w *world, o *Shelf) {
			editStatus(w, o, func(o *Shelf) {
				for i := range o.Status.Conditions {
					o.Status.Conditions[i].Status = metav1.ConditionFalse
				}
			})
		}},
		"it was edited in Grafana": {true, func(w *world, o *Shelf) {
			editStatus(w, o, func(o *Shelf) {
				for i := range o.Status.Conditions {
					o.Status.Conditions[i].Reason = "EditedInGrafana"
				}
			})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, settling(test.settled))
			shelf := w.synced()
			test.change(w, shelf)
			w.start()
			w.visit(shelf)
			if len(w.log) < 2 || w.log[1] != "Find" {
				t.Errorf("nobody has looked: %v", w.log)
			}
		})
	}
}

func TestKindThatCannotSettleIsLookedAtAfterAStart(t *testing.T) {
	w := newWorld(t)
	shelf := w.synced()
	w.start()
	w.visit(shelf)
	w.steps("Connect, Find")
}

func TestResyncIntervalIsTheObjectsOwnElseTheServers(t *testing.T) {
	w := newWorld(t)
	conn := w.newConn(1, 1)
	w.with = func(x *external) lifecycle.External[thing] {
		return struct {
			lifecycle.External[thing]
			connected
		}{x, connected{conn}}
	}
	conn.SetResync(time.Hour)
	shelf := w.shelf()
	w.near(w.visit(shelf), time.Hour)
	edit(w, shelf, func(o *Shelf) { o.Spec.ResyncInterval = &metav1.Duration{Duration: time.Minute} })
	w.near(w.visit(shelf), time.Minute)
	if got := lifecycle.ResyncInterval(w.server(), nil); got != lifecycle.DefaultResync {
		t.Errorf("without a connection: %s", got)
	}
}

func TestObjectComesAgainForAReasonOfItsOwn(t *testing.T) {
	for _, test := range []struct{ own, want time.Duration }{
		{0, lifecycle.DefaultResync},
		{time.Minute, time.Minute},
		{time.Hour, lifecycle.DefaultResync},
	} {
		w := newWorld(t)
		w.with = func(x *external) lifecycle.External[thing] {
			return struct {
				lifecycle.External[thing]
				rechecker
			}{x, rechecker{test.own}}
		}
		w.near(w.visit(w.shelf()), test.want)
	}
}

func TestObjectThatWasNotFoundHasNoReasonOfItsOwn(t *testing.T) {
	w := newWorld(t)
	w.with = func(x *external) lifecycle.External[thing] {
		return struct {
			lifecycle.External[thing]
			rechecker
		}{x, rechecker{time.Minute}}
	}
	w.fail("Create", refusal)
	w.near(w.visit(w.shelf()), lifecycle.DefaultResync)
}

// sharing has Shelves be resynced at the same moment as others.
func sharing(w *world) {
	w.with = func(x *external) lifecycle.External[thing] {
		return struct {
			lifecycle.External[thing]
			settler
			slotSharer
		}{x, settler{true}, slotSharer{w, x.obj.Spec.Secret}}
	}
}

func TestObjectsOfASlotAreResyncedAtTheSameMoment(t *testing.T) {
	w := newWorld(t, sharing)
	moment := func(name, slot string) time.Time {
		o := w.shelf(func(o *Shelf) { o.Name, o.Spec.Secret = name, slot })
		return w.clock.Add(w.visit(o).RequeueAfter)
	}
	a := moment("a", "slot")
	w.clock = w.clock.Add(17 * time.Second)
	if b := moment("b", "slot"); !b.Equal(a) {
		t.Errorf("one at %s, another at %s", a, b)
	}
	if c := moment("c", "another slot"); c.Equal(a) {
		t.Error("all slots are at the same moment")
	}
	w.start()
	again := &Shelf{toy("a", "")}
	if got := w.clock.Add(w.visit(again).RequeueAfter); !got.Equal(a) {
		t.Errorf("after a start at %s, before at %s", got, a)
	}
	w.clock = a
	if got := w.clock.Add(w.visit(again).RequeueAfter); !got.Equal(a.Add(lifecycle.DefaultResync)) {
		t.Errorf("an interval later at %s", got)
	}
}

func TestOnlyAResyncIsAnnouncedAsDue(t *testing.T) {
	w := newWorld(t, sharing)
	shelf := w.shelf()
	visit := func() ctrl.Result {
		w.forgetLog()
		return w.visit(shelf)
	}
	result := visit()
	w.clock = w.clock.Add(result.RequeueAfter / 2)
	result = visit()
	w.steps("Connect, Find")
	w.clock = w.clock.Add(result.RequeueAfter)
	visit()
	w.steps("Connect, ResyncDue, Find")
	visit()
	w.steps("Connect, Find")

	w.fail("Find", lifecycle.Waiting("Fetching", "?"))
	result = visit()
	w.clock = w.clock.Add(result.RequeueAfter)
	w.fail("Find", &lifecycle.Problem{Reason: "Fetching", Message: "?", RetryAfter: time.Minute})
	result = visit()
	w.steps("Connect, ResyncDue, Find")
	w.clock = w.clock.Add(result.RequeueAfter)
	visit()
	w.steps("Connect, Find")
}

func TestObjectThatIsNotThereIsNoTrouble(t *testing.T) {
	w := newWorld(t)
	w.exactly(w.visit(&Shelf{toy("nobody", "")}), 0)
	w.steps("")
}

func TestObjectThatCannotBeReadIsTriedAgain(t *testing.T) {
	w := newWorld(t)
	shelf := w.synced()
	w.fail("read", errors.New("no cache"))
	if _, err := w.reconcile(t.Context(), shelf); err == nil {
		t.Error("no error")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := w.reconcile(ctx, shelf); err != nil {
		t.Errorf("shutting down: %v", err)
	}
	w.steps("")
}

func TestObjectThatCouldNotBeReadIsNotTakenForOneAfterAStart(t *testing.T) {
	w := newWorld(t, settling(true))
	shelf := w.synced()
	w.fail("read", errors.New("no cache"))
	if _, err := w.reconcile(t.Context(), shelf); err == nil {
		t.Error("no error")
	}
	delete(w.on, "read")
	w.visit(shelf)
	w.steps("Connect, Find")
}

func TestCacheDropsWhatTheKindHasNoUseFor(t *testing.T) {
	w := newWorld(t, func(w *world) { w.shelves.Slim = func(o *Shelf) { o.Spec.Secret = "" } })
	full := func() Toy {
		o := toy("shelf", "server")
		o.Spec.Secret, o.ManagedFields = "large", []metav1.ManagedFieldsEntry{{Manager: "kubectl"}}
		o.Annotations = map[string]string{"kubectl.kubernetes.io/last-applied-configuration": "{}", "kept": "yes"}
		return o
	}
	shelf, book := &Shelf{full()}, &Book{full()}
	for _, o := range []any{shelf, book, "no object"} {
		if same, err := w.engine.Slim(o); err != nil || same != o {
			t.Errorf("%v, %v", same, err)
		}
	}
	for _, o := range []Toy{shelf.Toy, book.Toy} {
		if o.ManagedFields != nil || len(o.Annotations) != 1 {
			t.Errorf("kept: %v, %v", o.ManagedFields, o.Annotations)
		}
	}
	if shelf.Spec.Secret != "" || book.Spec.Secret != "large" {
		t.Errorf("%q of the kind that has no use for it, %q of the other", shelf.Spec.Secret, book.Spec.Secret)
	}

	o := w.shelf(func(o *Shelf) { o.Spec.Secret = "large" })
	w.meanwhile("Connect", func() {})
	seen := "?"
	w.with = func(x *external) lifecycle.External[thing] { seen = x.obj.Spec.Secret; return x }
	w.visit(o)
	if seen != "" || o.Spec.Secret != "large" {
		t.Errorf("a visit sees %q; %q is there", seen, o.Spec.Secret)
	}
}

package lifecycle_test

import (
	"context"
	"testing"
	"time"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/lifecycle"
)

// letIn has an object have the finalizer, as one that the operator has been at.
func letIn(o *Shelf) { o.Finalizers = []string{v1alpha1.Finalizer} }

// diesCreating has the process end after its request to create was sent and before anything came of it, and another one
// begin.
func (w *world) diesCreating(shelf *Shelf, landed bool) {
	w.t.Helper()
	ctx, cancel := context.WithCancel(w.t.Context())
	w.meanwhile("Create", cancel)
	if _, err := w.reconcile(ctx, shelf); err != nil {
		w.t.Fatal(err)
	}
	if !landed {
		w.things = nil
	}
	w.start()
	w.reload(shelf)
	w.forgetLog()
}

func TestFirstCreateThatAProcessDiedOfIsFound(t *testing.T) {
	w := newWorld(t)
	shelf := w.shelf()
	w.diesCreating(shelf, true)
	w.exactly(w.visit(shelf), landsUntil)
	w.steps("Connect, Find, write status")
	if len(w.things) != 1 || shelf.Status.ID != 1 || shelf.Status.CreateStarted == nil {
		t.Errorf("things %v, status %+v", w.things, shelf.Status)
	}
}

func TestDeletionWaitsForAFirstCreateThatMayStillLand(t *testing.T) {
	w := newWorld(t)
	shelf := w.shelf()
	w.diesCreating(shelf, false)
	w.delete(shelf)
	w.exactly(w.visit(shelf), landsUntil)
	w.stays(shelf)
	w.make(shelf.UID, "wanted")
	w.visit(shelf)
	w.stays(shelf)
	w.clock = w.clock.Add(landsUntil)
	w.visit(shelf)
	w.goneEverywhere(shelf)
}

// What others write into the annotation holds nothing up, and status outweighs it.
func TestIntentThatIsNotOurs(t *testing.T) {
	for name, annotation := range map[string]func(w *world) string{
		"of another object": func(w *world) string { return w.clock.Format(time.RFC3339) + " uid-of-another" },
		"to come":           func(w *world) string { return w.clock.Add(time.Hour).Format(time.RFC3339) + " uid-of-shelf" },
		"no time":           func(*world) string { return "now uid-of-shelf" },
		"nothing":           func(*world) string { return "" },
	} {
		w := newWorld(t)
		shelf := w.shelf(letIn, func(o *Shelf) {
			o.Annotations = map[string]string{v1alpha1.AnnotationCreateStarted: annotation(w)}
		})
		w.delete(shelf)
		w.visit(shelf)
		if w.reload(shelf) {
			t.Errorf("%s: it is held", name)
		}
	}
}

func TestStatusOutweighsTheIntentOfTheFirstCreate(t *testing.T) {
	w := newWorld(t)
	shelf := w.shelf()
	w.fail("Create", refusal)
	w.visit(shelf) // which says that nothing is there
	w.delete(shelf)
	w.start()
	w.forgetLog()
	w.visit(shelf)
	w.steps("write metadata")
	w.gone(shelf)
}

// What an edit could change meanwhile is kept with the intent, and what was prepared is prepared again.
func TestFirstCreateIsFoundUnderWhatItWasSentWith(t *testing.T) {
	w := newWorld(t, func(w *world) {
		w.shelves.Key = func(o *Shelf) *string { return &o.Status.Key }
	})
	prepared := 0
	w.with = func(x *external) lifecycle.External[thing] {
		return struct {
			lifecycle.External[thing]
			preparerFunc
		}{x, func() {
			if prepared++; x.obj.Status.Key == "" {
				x.obj.Status.Key = x.obj.Spec.Text
			}
		}}
	}
	shelf := w.shelf()
	w.diesCreating(shelf, true)
	edit(w, shelf, func(o *Shelf) { o.Spec.Text = "changed" })
	w.visit(shelf)
	if shelf.Status.Key != "wanted" || prepared != 2 {
		t.Errorf("key %q, prepared %d times", shelf.Status.Key, prepared)
	}
	w.visit(shelf)
	if prepared != 2 {
		t.Error("what status says is prepared again")
	}
}

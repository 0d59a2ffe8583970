package lifecycle_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"golang.org/x/time/rate"
	"k8s.io/apimachinery/pkg/types"

	"grafana-tenancy.dev/operator/internal/lifecycle"
)

// Where many objects come at once, what their conditions tell is not told in an event each.
func TestManyObjectsAtOnceAreCreatedWithoutAnEventEach(t *testing.T) {
	w := newWorld(t)
	w.engine.Creations = rate.NewLimiter(rate.Every(time.Minute), 2)
	for i := range 4 {
		w.visit(w.shelf(func(o *Shelf) { o.Name = fmt.Sprint("shelf-", i); o.UID = types.UID(o.Name) }))
	}
	w.told("Normal Created: Created in Grafana", "Normal Created: Created in Grafana")
	w.clock = w.clock.Add(time.Minute)
	last := w.shelf(func(o *Shelf) { o.UID = "last" })
	w.visit(last)
	w.told("Normal Created: Created in Grafana")
	edit(w, last, func(o *Shelf) { o.Spec.Text = "edited" })
	w.visit(last)
	w.told("Normal Updated: Updated in Grafana: text")
	w.fail("Find", errors.New("it does not answer"))
	w.visit(last)
	w.told("Warning Failed: it does not answer")
	delete(w.on, "Find")
	w.visit(last)
	w.told("Normal InSync: Grafana holds what is asked for")
	w.conditions(last, "Available=True InSync, Ready=True InSync")
}

// An object that has waited until it could be made is told of once.
func TestWhatHasWaitedIsCreatedWithoutASecondEvent(t *testing.T) {
	w := newWorld(t)
	shelf := w.shelf()
	w.fail("Connect", lifecycle.Waiting("ParentNotAvailable", "it is not there yet"))
	w.visit(shelf)
	w.conditions(shelf, "Available=False ParentNotAvailable, Ready=False ParentNotAvailable, "+
		"Reconciling=True ParentNotAvailable")
	w.fail("Connect", nil)
	w.visit(shelf)
	w.conditions(shelf, "Available=True InSync, Ready=True InSync")
	w.told("Normal Created: Created in Grafana")
}

// Who was warned of an object is told that it is well, also where its creation is not told.
func TestWhatWasWarnedOfIsToldToBeWell(t *testing.T) {
	w := newWorld(t)
	w.engine.Creations = rate.NewLimiter(rate.Every(time.Hour), 0)
	shelf := w.shelf()
	w.fail("Connect", errors.New("it does not answer"))
	w.visit(shelf)
	w.told("Warning Failed: it does not answer")
	delete(w.on, "Connect")
	w.visit(shelf)
	w.told("Normal InSync: Grafana holds what is asked for")
}

package lifecycle_test

import (
	"errors"
	"testing"
	"time"

	"grafana-tenancy.dev/operator/internal/lifecycle"
)

// An object that changes hands, as its Shelf is made anew on a Server of another process.

// begun are two processes that have been at work for an hour.
func begun(t *testing.T, alter ...func(*world)) (f *fleet, first, second *world) {
	t.Helper()
	f = newFleet(t, 2, alter...)
	for _, w := range f.all {
		f.shelfAt(w)
		before := create(f.world, book("before-"+w.shard.String()[:1]))
		w.visit(before)
		w.things = nil
		w.forgetLog()
	}
	f.pass(time.Hour)
	return f, f.all[0], f.all[1]
}

// sentAndLost has a Book created by a process that writes no status, and whose request has not landed yet.
func (w *world) sentAndLost(name string) *Book {
	w.t.Helper()
	book := create(w, book(name))
	w.fail("write status", errors.New("no quorum"))
	if _, err := w.reconcile(w.t.Context(), book); err == nil || len(w.things) != 1 {
		w.t.Fatalf("error %v, things %v", err, w.things)
	}
	w.fail("write status", nil)
	w.things = nil
	w.reload(book)
	w.forgetLog()
	return book
}

// Two Instances can lead to one Grafana: what the first process has sent may land where the second one looks.
func TestDeletionWaitsForARequestOfTheShardBefore(t *testing.T) {
	for _, back := range []bool{false, true} {
		f, first, next := begun(t, books(derivedBook))
		f.shelfAt(first)
		book := first.sentAndLost("book")
		f.pass(10 * time.Second)
		f.shelfAt(next)
		if back { // to the process that has sent it, and that has forgotten it meanwhile
			first.idle(book)
			f.shelfAt(first)
			next = first
		}
		f.delete(book)
		next.exactly(next.visit(book), 61*time.Second)
		next.stays(book)
		next.make(book.UID, "wanted")
		f.pass(61 * time.Second)
		next.visit(book)
		next.goneEverywhere(book)
	}
}

// sourced may have been made under its object's own uid, before its source had another.
type sourced struct{ *derived }

func (x sourced) FoundByObject() (now, before bool) { return x.obj.Spec.Secret == "", true }

func TestNothingIsMadeUnderAnotherUIDBesideARequestOfTheShardBefore(t *testing.T) {
	f, first, second := begun(t, books(func(x *external) lifecycle.External[thing] {
		return sourced{&derived{external: x}}
	}))
	f.shelfAt(first)
	book := first.sentAndLost("book")
	f.shelfAt(second)
	edit(f.world, book, func(o *Book) { o.Spec.Secret = "another" })
	second.exactly(second.visit(book), 61*time.Second)
	if len(second.things) != 0 {
		t.Errorf("it was made: %v", second.things)
	}
	f.pass(61 * time.Second) // and not for ever
	second.visit(book)
	second.conditions(book, "Available=True InSync, Ready=True InSync")
	if len(second.things) != 1 {
		t.Errorf("%d things", len(second.things))
	}
}

func TestWhatTheShardBeforeHasMadeIsNotMadeAgain(t *testing.T) {
	f, first, second := begun(t, books(derivedBook))
	f.shelfAt(first)
	book := first.sentAndLost("book")
	f.shelfAt(second)
	second.make(book.UID, "wanted")
	second.visit(book)
	second.steps("Connect, Find, write status, write status")
	if len(second.things) != 1 {
		t.Errorf("%d things", len(second.things))
	}
}

// A process knows that it has sent nothing for an object. If that was another's meanwhile, it does not hang on to it.
func TestWhatWasAnothersMeanwhileIsLookedFor(t *testing.T) {
	f, first, second := begun(t, books(derivedBook))
	f.shelfAt(first)
	book := create(f.world, book("book"))
	first.fail("Pass over", conflict())
	first.visit(book)
	first.fail("Pass over", nil)
	first.forgetLog()

	f.shelfAt(second)
	second.visit(book)
	editStatus(f.world, book, func(o *Book) { o.Status = ToyStatus{} })
	f.shelfAt(first)
	first.make(book.UID, "wanted")
	first.visit(book)
	first.steps("Connect, Find, write status, write status")
}

// What a process whose cache is behind would make, it could not record: nobody would know of it.
func TestCacheThatIsBehindMakesNothing(t *testing.T) {
	for what, kind := range map[string]func(*external) lifecycle.External[thing]{
		"intent in status": func(x *external) lifecycle.External[thing] { return x }, "finalizer": derivedBook,
	} {
		t.Run(what, func(t *testing.T) {
			f, behind, own := begun(t, books(kind))
			behind.stale["shelf"] = f.shelfAt(behind).DeepCopyObject().(*Shelf)
			f.shelfAt(own)
			book := create(f.world, book("book"))
			behind.visit(book)
			if len(behind.things) != 0 || book.Status.CreateStarted != nil {
				t.Errorf("things %v, status %+v", behind.things, book.Status)
			}
			behind.told()
			own.visit(book)
			own.conditions(book, "Available=True InSync, Ready=True InSync")
		})
	}
}

// What was in sync on another Server is not so here, and nobody waits for its resync to find that out.
func TestWhatWasInSyncElsewhereIsLookedAtAtOnce(t *testing.T) {
	f, first, second := begun(t, books(func(x *external) lifecycle.External[thing] {
		return struct {
			*external
			settler
		}{x, settler{true}}
	}))
	f.shelfAt(first)
	book := create(f.world, book("book"))
	first.visit(book)
	first.conditions(book, "Available=True InSync, Ready=True InSync")
	first.start()
	first.forgetLog()
	first.visit(book)
	first.steps("Connect") // as after any start
	f.pass(time.Minute)
	f.shelfAt(second)
	second.visit(book)
	if len(second.things) != 1 {
		t.Errorf("it is Ready, and not there: %v", second.log)
	}
	second.conditions(book, "Available=True InSync, Ready=True InSync")
}

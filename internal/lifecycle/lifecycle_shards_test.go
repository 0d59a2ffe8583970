package lifecycle_test

import (
	"errors"
	"fmt"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"strings"
	"testing"
	"time"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/lifecycle"
)

func TestShardOfAFlag(t *testing.T) {
	for text, want := range map[string]lifecycle.Shard{
		"0/1": {Index: 0, Of: 1}, "0/2": {Index: 0, Of: 2}, "1/2": {Index: 1, Of: 2}, "11/12": {Index: 11, Of: 12},
	} {
		if got, err := lifecycle.ParseShard(text); err != nil || got != want || got.String() != text {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for text, want := range map[string]string{
		"": "not of the form i/n", "1": "not of the form i/n", "a/b": "not of the form i/n",
		"0/2/3": "not of the form i/n", "+0/2": "not of the form i/n", "00/2": "not of the form i/n",
		"1 / 2": "not of the form i/n",
		"2/2":   "counted from 0", "3/2": "counted from 0", "0/0": "counted from 0", "-1/2": "counted from 0",
		"0/-1": "counted from 0", "0/99999999999999999999": "not of the form i/n",
	} {
		if got, err := lifecycle.ParseShard(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, %v; want an error with %q", text, got, err, want)
		}
	}
	if text := (lifecycle.Shard{}).String(); text != "0/1" {
		t.Errorf("the whole fleet is %s", text)
	}
}

// What a server's shard is must never change: while a new version is rolled out, both run.
func TestShardOfAServerIsTheSameEverywhere(t *testing.T) {
	for server, want := range map[types.NamespacedName][]int{
		keyIn("monitoring", "grafana"):   {0, 1, 2, 3, 15},
		keyIn("monitoring", "grafana-2"): {0, 0, 1, 3, 4},
		keyIn("team-a", "grafana"):       {0, 0, 0, 1, 0},
		keyIn("team-b", "grafana"):       {0, 1, 1, 3, 7},
	} {
		for i, n := range []int{1, 2, 3, 5, 16} {
			for index := range n {
				if got := (lifecycle.Shard{Index: index, Of: n}).Has(server); got != (index == want[i]) {
					t.Errorf("whether %s is in shard %d/%d: %v", server, index, n, got)
				}
			}
		}
	}
}

func TestServersAreSpreadOverTheShards(t *testing.T) {
	for _, n := range []int{2, 3, 4, 7, 10} {
		count := make([]int, n)
		for i := range 1000 {
			for index := range n {
				if (lifecycle.Shard{Index: index, Of: n}).Has(keyIn("monitoring", fmt.Sprintf("grafana-%d", i))) {
					count[index]++
				}
			}
		}
		for index, c := range count {
			if even := 1000 / n; c < even*7/10 || c > even*13/10 {
				t.Errorf("shard %d/%d has %d of 1000 servers", index, n, c)
			}
		}
	}
}

// Whatever of its parents exists, an object is one process's, and that of its server once all of them do.
func TestEveryObjectIsInOneShard(t *testing.T) {
	for _, n := range []int{1, 2, 3, 5, 8} {
		f := newFleet(t, n)
		for i := range 6 {
			name := func(kind string) string { return fmt.Sprintf("%s-%d", kind, i) }
			last := create(f.world, page(name("page"), name("book")))
			f.whose(last)
			book := create(f.world, &Book{toy(name("book"), name("shelf"))})
			if f.whose(last) != f.whose(book) {
				t.Errorf("%d shards: both lack the same Shelf, and are in two of them", n)
			}
			shelf := create(f.world, &Shelf{toy(name("shelf"), name("server"))})
			at := f.whose(shelf)
			if f.whose(last) != at || f.whose(book) != at {
				t.Errorf("%d shards: all that lacks the same Server is not in one of them", n)
			}
			server := create(f.world, &Server{toy(name("server"), "")})
			if f.whose(server) != at || f.whose(last) != at {
				t.Errorf("%d shards: what was seen of a Server before it exists is not in its shard", n)
			}
		}
	}
}

// A Server that is another shard's is left alone, and all that is in it, in every state that it can be in.
func TestObjectOfAnotherShardIsLeftAlone(t *testing.T) {
	f, own, other, shelf, book := apart(t)
	create(f.world, shelf)
	own.visit(shelf)
	own.visit(book)
	server := &Server{toy(shelf.Spec.In.Name, "")}
	f.reload(server)
	other.idle(server)
	for what, change := range map[string]func(*Book){
		"changed":   func(o *Book) { o.Spec.Text = "another" },
		"suspended": func(o *Book) { o.Spec.Suspend = true },
		"abandoned": func(o *Book) { o.Annotations = map[string]string{v1alpha1.AnnotationAbandon: "true"} },
	} {
		t.Log(what)
		edit(f.world, book, change)
		other.idle(book)
	}
	editStatus(f.world, book, func(o *Book) { o.Status = ToyStatus{} })
	other.idle(book)
	f.delete(book)
	f.reload(book)
	other.idle(book)
	if own.visit(book); own.reload(book) {
		t.Error("its own shard has not let it go")
	}
}

const waits = "Available=False ParentNotFound, Ready=False ParentNotFound, Reconciling=True ParentNotFound"

func TestObjectGoesOverWhenItsParentAppears(t *testing.T) {
	f, own, other, shelf, book := apart(t)
	own.idle(book)
	other.fail("Connect", lifecycle.Waiting(v1alpha1.ReasonParentNotFound, "Shelf does not exist yet"))
	other.visit(book)
	other.conditions(book, waits)
	if got := metrics(t, "Book", book.Name); got["ready ParentNotFound"] != 0 || len(got) != 1 {
		t.Errorf("series of what waits: %v", got)
	}
	other.forgetLog()

	create(f.world, shelf)
	other.idle(book)
	if got := metrics(t, "Book", book.Name); len(got) != 0 {
		t.Errorf("a shard tells of what is not its own any more: %v", got)
	}
	own.visit(book)
	own.conditions(book, "Available=True InSync, Ready=True InSync")
	other.idle(book)

	removed(f.world, shelf)
	own.forgetLog()
	own.idle(book)
	if got := metrics(t, "Book", book.Name); len(got) != 0 {
		t.Errorf("a shard tells of what is not its own any more: %v", got)
	}
	other.visit(book)
	other.conditions(book, waits)
}

// What a process's cache has not seen yet is not missing: its conditions are the other one's to write.
func TestParentThatTheCacheHasNotSeenIsNotMissing(t *testing.T) {
	f, own, other, shelf, book := apart(t)
	create(f.world, shelf)
	own.visit(book)
	other.unseen[shelf.Name] = true
	other.looksAgain(book)
	f.delete(book)
	f.reload(book)
	other.looksAgain(book)
	other.on["read live"] = func() error { return errors.New("the API server does not answer") }
	if _, err := other.reconcile(t.Context(), book); err == nil {
		t.Error("it is not looked at again, and nobody knows whose it is")
	}
	other.steps("")
	own.visit(book)
	own.goneEverywhere(book)
}

// Where the operator may not read a parent, it is told by one process, which is not held up by that.
func TestParentThatCannotBeRead(t *testing.T) {
	f, own, other, shelf, book := apart(t)
	forbidden := apierrors.NewForbidden(corev1.Resource("shelves"), shelf.Name, errors.New("no rights"))
	for _, w := range f.all {
		w.on["read live"] = func() error { return forbidden }
		w.fail("Connect", forbidden)
	}
	if got := f.whose(book); got != other {
		t.Error("it is not told by the one who misses it")
	}
	f.abandoned(book)
	own.idle(book)
	other.visit(book)
	other.gone(book)
}

// With --watch-namespaces no process has a parent of another namespace in its cache, whatever the API server would say.
func TestParentThatNoCacheHas(t *testing.T) {
	f, _, other, shelf, book := apart(t)
	create(f.world, shelf)
	for _, w := range f.all {
		w.refused[shelf.Name] = true
		w.fail("Connect", lifecycle.Waiting(v1alpha1.ReasonParentNotFound, "its namespace is not watched"))
	}
	if got := f.whose(book); got != other {
		t.Error("it is not told by the one who misses it")
	}
	other.conditions(book, waits)
	f.abandoned(book)
	other.visit(book)
	other.gone(book)
}

// The right to read a parent goes, and the cache still has it: nothing can be confirmed, and it is said, and not tried
// again each second.
func TestParentThatMayNotBeReadAnyMore(t *testing.T) {
	f, own, _, shelf, book := apart(t)
	create(f.world, shelf)
	own.visit(book)
	forbidden := apierrors.NewForbidden(corev1.Resource("shelves"), shelf.Name, errors.New("no rights"))
	own.on["read live"] = func() error { return forbidden }
	edit(f.world, book, func(o *Book) { o.Spec.Text = "another" })
	if result, err := own.reconcile(t.Context(), book); !apierrors.IsForbidden(err) || result.RequeueAfter != 0 {
		t.Errorf("it comes again after %s, and says %v", result.RequeueAfter, err)
	}
}

// Two caches that are apart see an object in two servers. The one whose cache is behind lets nothing go: not by what it
// takes to be gone, nor by what it does not find where it looks.
func TestCacheThatIsBehindLetsNoFinalizerGo(t *testing.T) {
	for what, behind := range map[string]func(*world){
		"its place is gone": func(w *world) { w.fail("Connect", lifecycle.ErrGone) },
		"it is not there":   func(*world) {},
		"abandoned": func(w *world) {
			o := &Book{toy("book", "")}
			edit(w, o, func(o *Book) { o.Annotations = map[string]string{v1alpha1.AnnotationAbandon: "true"} })
		},
	} {
		t.Run(what, func(t *testing.T) {
			f := newFleet(t, 2)
			own, other := f.all[0], f.all[1]
			before, now := placed(other, "server"), placed(own, "server")
			shelf := create(f.world, &Shelf{toy("shelf", before)})
			other.stale["shelf"] = shelf.DeepCopyObject().(*Shelf)
			removed(f.world, shelf)
			create(f.world, &Shelf{toy("shelf", now)})
			book := create(f.world, book("book"))
			own.visit(book)
			own.conditions(book, "Available=True InSync, Ready=True InSync")
			behind(other)
			f.delete(book)
			if result := other.visit(book); result.RequeueAfter != time.Second {
				t.Errorf("it looks again after %s", result.RequeueAfter)
			}
			other.stays(book)
			other.told()
			delete(own.on, "Connect")
			own.visit(book)
			own.gone(book)
		})
	}
}

// A process whose cache is behind would write conditions last: when it has caught up, it leaves the object as it is,
// and the one whose object it is is woken by nothing, since status writes wake nobody.
func TestCacheThatIsBehindWritesNoConditions(t *testing.T) {
	f := newFleet(t, 2)
	own, other := f.all[0], f.all[1]
	before, now := placed(other, "server"), placed(own, "server")
	shelf := create(f.world, &Shelf{toy("shelf", before)})
	other.stale["shelf"] = shelf.DeepCopyObject().(*Shelf)
	removed(f.world, shelf)
	create(f.world, &Shelf{toy("shelf", now)})
	book := create(f.world, book("book"))
	own.visit(book)
	own.conditions(book, "Available=True InSync, Ready=True InSync")
	edit(f.world, book, func(o *Book) { o.Spec.Text = "another" })
	own.visit(book)
	other.fail("Connect", lifecycle.Waiting(v1alpha1.ReasonParentNotFound, "Shelf is going"))
	other.visit(book)
	delete(other.stale, "shelf")
	other.forgetLog()
	other.idle(book)
	own.conditions(book, "Available=True InSync, Ready=True InSync")
}

func TestObjectWhoseParentsAreGoneIsLetGoByOneShard(t *testing.T) {
	f, own, other, shelf, book := apart(t)
	create(f.world, shelf)
	own.visit(book)
	removed(f.world, shelf)
	f.delete(book)
	f.reload(book)
	own.forgetLog()
	own.idle(book)
	other.fail("Connect", lifecycle.Stalled(v1alpha1.ReasonParentGone, "create it again"))
	other.visit(book)
	other.stays(book)
	other.conditions(book, "Available=False ParentGone, Ready=False ParentGone, Stalled=True ParentGone")
	edit(f.world, book, func(o *Book) { o.Annotations = map[string]string{v1alpha1.AnnotationAbandon: "true"} })
	own.idle(book)
	other.visit(book)
	other.gone(book)
}

// standby is a manager that is not elected: what it is to run does not run.
type standby struct {
	ctrl.Manager
	runs []manager.RunnableFunc
}

func (m *standby) Add(r manager.Runnable) error {
	if f, ok := r.(manager.RunnableFunc); ok {
		m.runs = append(m.runs, f)
	}
	return nil
}

// Who waits for a lease is not counted among the shards that are at work.
func TestShardIsToldOnceItIsAtWork(t *testing.T) {
	r, mgr := managed(t, func(w *world) { w.shard = lifecycle.Shard{Index: 6, Of: 7} })
	waiting := &standby{Manager: mgr}
	if err := r.engine.Setup(waiting, lifecycle.Options{}); err != nil {
		t.Fatal(err)
	}
	before := countSeries(t, "grafana_tenancy_shards")
	for _, run := range waiting.runs {
		if err := run(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if now := countSeries(t, "grafana_tenancy_shards"); now != before+1 {
		t.Errorf("%d shards are told while it waits, and %d when it is at work", before, now)
	}
}

func TestWholeFleetAsksForNothingMore(t *testing.T) {
	w := newWorld(t)
	w.on["read live"] = func() error { return errors.New("asked") }
	book := create(w, book("book"))
	w.visit(book)
	w.conditions(book, "Ready=True InSync")
	w.delete(book)
	w.visit(book)
	w.gone(book)
}

func TestObjectsAreVisitedWhenSomethingFurtherUpComesOrGoes(t *testing.T) {
	in := lifecycle.Shard{Index: 0, Of: 2}
	if !in.Has(key("server")) {
		in.Index = 1
	}
	for what, test := range map[string]struct {
		shard lifecycle.Shard
		want  []string
	}{
		"one of two":      {in, []string{"Book book", "Page page", "Shelf shelf"}},
		"the whole fleet": {lifecycle.Shard{}, []string{"Book book", "Shelf shelf"}},
	} {
		t.Run(what, func(t *testing.T) {
			r := run(t, lifecycle.Options{}, func(w *world) {
				w.shard, w.more = test.shard, func(*lifecycle.Engine) {}
			})
			shelf := create(r.world, &Shelf{toy("shelf", "server")})
			create(r.world, book("book"))
			create(r.world, page("page", "book"))
			create(r.world, page("elsewhere", "another"))
			r.visited(func() { r.appears(shelf) }, test.want...)
			r.visited(func() { r.vanishes(shelf) }, test.want...)
			r.visited(func() { r.changes(shelf, changed(shelf, func(o *Shelf) { o.Status.Prepared = "yes" })) })
			// A watch that had to begin anew tells of another object under the same name as of a change.
			r.visited(func() { r.changes(shelf, changed(shelf, func(o *Shelf) { o.UID = "another" })) }, test.want...)
		})
	}
}

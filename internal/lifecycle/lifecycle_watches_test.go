package lifecycle_test

import (
	"context"
	"errors"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/lifecycle"
)

// changed is a copy of an object with a change.
func changed[T lifecycle.Object](o T, change func(T)) T {
	after := o.DeepCopyObject().(T)
	change(after)
	return after
}

// metadata is what is watched of a Secret, ConfigMap or Namespace.
func metadata(kind, ns, name string) *metav1.PartialObjectMetadata {
	return &metav1.PartialObjectMetadata{
		TypeMeta: metav1.TypeMeta{
			APIVersion: "v1",
			Kind:       kind,
		},
		ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name},
	}
}

func available(o lifecycle.Object) {
	meta.SetStatusCondition(
		&o.CommonStatus().Conditions,
		metav1.Condition{Type: v1alpha1.ConditionAvailable, Status: metav1.ConditionTrue, Reason: "InSync"},
	)
}

func TestObjectIsVisitedWhenItsSpecChanges(t *testing.T) {
	r := run(t, lifecycle.Options{})
	o := create(r.world, book("book"))
	r.visited(func() { r.appears(o) }, "Book book")
	r.visited(func() { r.listed(o) }, "Book book")
	r.visited(func() { r.changes(o, changed(o, func(o *Book) { o.Generation++ })) }, "Book book")
	r.visited(
		func() { r.changes(o, changed(o, func(o *Book) { o.Annotations = map[string]string{"a": "b"} })) },
		"Book book",
	)
	r.visited(func() { r.changes(o, changed(o, func(o *Book) { o.Status.ID = 7 })) })
	r.visited(func() { r.changes(o, changed(o, func(o *Book) { o.Labels = map[string]string{"a": "b"} })) })
}

func TestObjectsAreVisitedWhenWhatTheyAreInBecomesUsable(t *testing.T) {
	r := run(t, lifecycle.Options{})
	create(r.world, book("on-it"))
	elsewhere := book("elsewhere")
	elsewhere.Spec.In.Name = "other"
	create(r.world, elsewhere)
	shelf := &Shelf{toy("shelf", "server")} // not there for its own controller
	on := func(what string, change func(*Shelf)) {
		t.Helper()
		t.Log(what)
		r.visited(func() { r.changes(changed(shelf, func(*Shelf) {}), changed(shelf, change)) }, "Book on-it")
	}
	on("available", func(o *Shelf) { available(o) })
	on("written", func(o *Shelf) { o.Status.ObservedGeneration = 1 })
	on("deleted", func(o *Shelf) { o.DeletionTimestamp = &metav1.Time{Time: r.clock} })
	on("its own usability", func(o *Shelf) { o.Status.ID = 1 })
	r.visited(func() { r.changes(shelf, changed(shelf, func(o *Shelf) { o.Status.Prepared = "yes" })) })
	r.visited(func() { r.changes(shelf, changed(shelf, func(o *Shelf) { o.Labels = map[string]string{"a": "b"} })) })
}

func TestObjectsAreVisitedWhenWhatTheyAreInComesOrGoes(t *testing.T) {
	r := run(t, lifecycle.Options{})
	create(r.world, &Shelf{toy("shelf", "server")})
	server := &Server{toy("server", "")}
	r.visited(func() { r.appears(server) }, "Shelf shelf")
	r.visited(func() { r.vanishes(server) }, "Shelf shelf")
	r.visited(func() { r.listed(server) }) // all are visited after a start in any case
}

func TestParentIsVisitedWhenItsChildrenGo(t *testing.T) {
	r := run(t, lifecycle.Options{})
	create(r.world, &Shelf{toy("shelf", "server")})
	child := book("book") // not there for its own controller
	r.visited(func() { r.vanishes(child) }, "Shelf shelf")
	r.visited(func() {
		r.changes(child, changed(child, func(o *Book) { o.DeletionTimestamp = &metav1.Time{Time: r.clock} }))
	}, "Shelf shelf")
	r.visited(func() { r.appears(child) })
	r.visited(func() { r.changes(child, changed(child, func(o *Book) { o.Status.ID = 1 })) })
}

func TestParentThatAsksForItIsVisitedWhenAChildBeginsToHoldSomething(t *testing.T) {
	r := run(t, lifecycle.Options{}, func(w *world) { w.shelves.WhenHeld = true })
	create(r.world, &Shelf{toy("shelf", "server")})
	child := book("book")
	holds := changed(child, func(o *Book) { o.Status.ID = 1 })
	r.visited(func() { r.changes(child, holds) }, "Shelf shelf")
	r.visited(func() { r.changes(holds, child) }, "Shelf shelf")
	r.visited(func() { r.changes(holds, holds) })
}

func TestObjectIsVisitedWhenASecretThatItNamesChanges(t *testing.T) {
	r := run(t, lifecycle.Options{})
	o := &Shelf{toy("shelf", "server")}
	o.Spec.Secret = "credential"
	create(r.world, o)
	secret := metadata("Secret", namespace, "credential")
	r.visited(func() { r.appears(secret) }, "Shelf shelf")
	r.visited(func() { r.changes(secret, secret) }, "Shelf shelf")
	r.visited(func() { r.vanishes(secret) }, "Shelf shelf")
	r.visited(func() { r.listed(secret) })
	r.visited(func() { r.appears(metadata("Secret", "others", "credential")) })
	r.visited(func() { r.appears(metadata("Secret", namespace, "another")) })
}

func TestObjectsAreVisitedWhenTheLabelsOfTheirNamespaceChange(t *testing.T) {
	for _, hidden := range []bool{false, true} {
		r := run(t, lifecycle.Options{})
		if hidden {
			r = run(t, lifecycle.Options{}, func(w *world) { w.hidden = true })
		}
		create(r.world, &Server{toy("server", "")})
		create(r.world, &Shelf{toy("shelf", "server")})
		create(r.world, book("book"))
		ns := metadata("Namespace", "", namespace)
		labelled := ns.DeepCopy()
		labelled.Labels = map[string]string{"team": "a"}
		if hidden { // where the operator may not read Namespaces
			r.visited(func() { r.changes(ns, labelled) })
			continue
		}
		r.visited(func() { r.changes(ns, labelled) }, "Book book", "Shelf shelf")
		r.visited(func() { r.changes(ns, ns) })
		r.visited(func() { r.listed(ns) })
	}
}

func TestObjectsAreVisitedForTheFurtherReasonsOfTheirKind(t *testing.T) {
	r := run(t, lifecycle.Options{}, func(w *world) {
		w.books.Indexes = []lifecycle.Index[*Book]{
			{Field: "text", Of: func(o *Book) []string { return []string{o.Spec.Text} }},
		}
		w.books.Watches = []lifecycle.Watch{{
			Of:      &Server{},
			Changes: builder.WithPredicates(lifecycle.Later),
			Requests: func(ctx context.Context, o client.Object) []ctrl.Request {
				return w.engine.Requests(ctx, &BookList{}, client.MatchingFields{"text": o.GetName()})
			},
		}}
	})
	o := book("book")
	o.Spec.Text = "server"
	create(r.world, o)
	create(r.world, book("another"))
	r.visited(func() { r.appears(&Server{toy("server", "")}) }, "Book book")
	r.visited(func() { r.listed(&Server{toy("server", "")}) })
}

func TestChangeWhoseObjectsCannotBeListedVisitsNobody(t *testing.T) {
	w := newWorld(t)
	w.fail("list", errors.New("no cache"))
	if got := w.engine.RequestsIn(t.Context(), &BookList{}, key("shelf")); got != nil {
		t.Errorf("%v", got)
	}
	if err := w.engine.VisitStalled(t.Context(), w.shelf()); err == nil {
		t.Error("no error")
	}
}

func TestChildrenThatWaitForSomebodyAreVisitedAtOnce(t *testing.T) {
	w := newWorld(t)
	shelf := w.synced()
	w.visit(create(w, book("well")))
	stalled := create(w, book("stalled"))
	w.fail("Create", refusal)
	w.visit(stalled)
	if err := w.engine.VisitStalled(t.Context(), shelf); err != nil {
		t.Fatal(err)
	}
	w.asked("Book stalled")
}

func TestEngineNamesWhatItWatches(t *testing.T) {
	w := newWorld(t)
	var names []string
	for _, gvk := range w.engine.Watched() {
		names = append(names, gvk.Kind)
	}
	if got, want := len(
		names,
	), 5; got != want || names[0] != "Secret" || names[1] != "ConfigMap" ||
		names[4] != "Book" {
		t.Errorf("watched: %v", names)
	}
}

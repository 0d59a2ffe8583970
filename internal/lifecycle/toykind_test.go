package lifecycle_test

import (
	"context"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/connection"
	"grafana-tenancy.dev/operator/internal/lifecycle"
)

// The toy kinds: a Book is on a Shelf, and a Shelf is in a Server, which is in nothing. The Shelf is the kind that most
// tests are about: it has a parent and children, and is made, changed and deleted.

// Toy is what the toy kinds have in common.
type Toy struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`
	Spec              ToySpec   `json:"spec,omitempty"`
	Status            ToyStatus `json:"status,omitempty"`
}

// ToySpec is what people ask for.
type ToySpec struct {
	v1alpha1.CommonSpec `json:",inline"`
	In                  v1alpha1.ObjectReference   `json:"in"`
	Text                string                     `json:"text,omitempty"`
	Secret              string                     `json:"secret,omitempty"`
	Orphan              bool                       `json:"orphan,omitempty"`
	Allowed             v1alpha1.AllowedNamespaces `json:"allowed,omitempty"`
}

// ToyStatus is what there is.
type ToyStatus struct {
	v1alpha1.CommonStatus `json:",inline"`
	ID                    int64  `json:"id,omitempty"`
	Prepared              string `json:"prepared,omitempty"`
}

// CommonSpec is the part of the spec that all kinds share.
func (t *Toy) CommonSpec() v1alpha1.CommonSpec { return t.Spec.CommonSpec }

// CommonStatus is the part of the status that all kinds share.
func (t *Toy) CommonStatus() *v1alpha1.CommonStatus { return &t.Status.CommonStatus }

// Stays reports whether what it made is left.
func (t *Toy) Stays() bool { return t.Spec.Orphan }

func (t *Toy) parent() types.NamespacedName { return lifecycle.ParentKey(t.Spec.In, t.Namespace) }

func (t *Toy) held() bool { return t.Status.ID != 0 || t.Status.CreateStarted != nil }

func (t Toy) copied() Toy {
	t.ObjectMeta = *t.ObjectMeta.DeepCopy()
	t.Spec.CommonSpec = *t.Spec.CommonSpec.DeepCopy()
	t.Spec.Allowed = *t.Spec.Allowed.DeepCopy()
	t.Status.CommonStatus = *t.Status.CommonStatus.DeepCopy()
	return t
}

type (
	Server struct{ Toy }
	Shelf  struct{ Toy }
	Book   struct{ Toy }

	ServerList struct{ ListOf[Server] }
	ShelfList  struct{ ListOf[Shelf] }
	BookList   struct{ ListOf[Book] }
)

// ListOf is a list of a kind.
type ListOf[T any] struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []T `json:"items"`
}

func (l ListOf[T]) copied(item func(T) T) ListOf[T] {
	l.Items = slices.Clone(l.Items)
	for i := range l.Items {
		l.Items[i] = item(l.Items[i])
	}
	return l
}

func (o *Server) DeepCopyObject() runtime.Object { return &Server{o.copied()} }
func (o *Shelf) DeepCopyObject() runtime.Object  { return &Shelf{o.copied()} }
func (o *Book) DeepCopyObject() runtime.Object   { return &Book{o.copied()} }

func (l *ServerList) DeepCopyObject() runtime.Object {
	return &ServerList{l.copied(func(o Server) Server { return Server{o.copied()} })}
}

func (l *ShelfList) DeepCopyObject() runtime.Object {
	return &ShelfList{l.copied(func(o Shelf) Shelf { return Shelf{o.copied()} })}
}

func (l *BookList) DeepCopyObject() runtime.Object {
	return &BookList{l.copied(func(o Book) Book { return Book{o.copied()} })}
}

func addToScheme(s *runtime.Scheme) {
	toys := schema.GroupVersion{Group: "toys.example", Version: "v1"}
	s.AddKnownTypes(toys, &Server{}, &ServerList{}, &Shelf{}, &ShelfList{}, &Book{}, &BookList{}, &Page{}, &PageList{})
	metav1.AddToGroupVersion(s, toys)
}

// thing is what an object stands for, in the Grafana of the tests.
type thing struct {
	ID    int64
	Owner types.UID // the mark
	Text  string
}

// external has the verbs that each kind needs, and nothing more.
type external struct {
	w   *world
	obj *Toy
}

func (x *external) Find(context.Context) (*thing, error) {
	if err := x.w.step("Find"); err != nil {
		return nil, err
	}
	if i := x.w.indexOf(x.obj.UID); i >= 0 {
		found := x.w.things[i]
		return &found, nil
	}
	return nil, nil
}

func (x *external) Create(context.Context) (*thing, error) {
	if err := x.w.step("Create"); err != nil {
		return nil, err
	}
	made := x.w.make(x.obj.UID, x.obj.Spec.Text)
	if err := x.w.lost["Create"]; err != nil {
		return nil, err
	}
	return &made, nil
}

func (x *external) Record(have *thing) bool {
	was := x.obj.Status.ID
	x.obj.Status.ID = 0
	if have != nil {
		x.obj.Status.ID = have.ID
	}
	return have != nil && was != have.ID
}

func (x *external) Diff(have *thing) []string {
	if have.Text != x.obj.Spec.Text {
		return []string{"text"}
	}
	return nil
}

func (x *external) Update(_ context.Context, have *thing) error {
	if err := x.w.step("Update"); err != nil {
		return err
	}
	have.Text = x.obj.Spec.Text
	x.w.things[x.w.indexOf(x.obj.UID)] = *have
	return nil
}

func (x *external) Delete(_ context.Context, have *thing) error {
	if err := x.w.step("Delete"); err != nil {
		return err
	}
	x.w.things = slices.DeleteFunc(x.w.things, func(t thing) bool { return t.ID == have.ID })
	return nil
}

// looked is what is only looked at: a Server.
type looked struct {
	lifecycle.ReadOnly[thing]
	*external
}

func (x looked) Create(ctx context.Context) (*thing, error)    { return x.ReadOnly.Create(ctx) }
func (x looked) Diff(have *thing) []string                     { return x.ReadOnly.Diff(have) }
func (x looked) Update(ctx context.Context, have *thing) error { return x.ReadOnly.Update(ctx, have) }
func (x looked) Delete(ctx context.Context, have *thing) error { return x.ReadOnly.Delete(ctx, have) }

// What only some kinds have, each by itself: a test puts together what it is about.
type (
	connected       struct{ conn *connection.Conn }
	contained       struct{ w *world }
	conflictChecker struct{ w *world }
	preparer        struct{ x *external }
	checker         struct{ w *world }
	settler         struct{ settled bool }
	rechecker       struct{ after time.Duration }
	slotSharer      struct {
		w    *world
		slot string
	}
	releaser  struct{ w *world }
	describer struct{ inSync, left string }
)

func (c connected) Connection() (*connection.Conn, string) { return c.conn, "group" }

func (c contained) OrgID() int64 { return 1 }

func (c contained) Prove(_ context.Context, live bool) error {
	if live {
		return c.w.step("Prove live")
	}
	return c.w.step("Prove")
}

func (c contained) WriteFailed() { _ = c.w.step("WriteFailed") }

func (c contained) Forbidden() *lifecycle.Suspect {
	_ = c.w.step("Forbidden")
	return &lifecycle.Suspect{Kind: "Server", Key: key("server")}
}

func (c conflictChecker) CheckConflict(context.Context) error { return c.w.step("CheckConflict") }

func (p preparer) Prepare() lifecycle.Event {
	p.x.obj.Status.Prepared = "yes"
	return lifecycle.Event{Reason: "Rotated", Message: "Made as prepared"}
}

func (c checker) Check(context.Context, *thing) error { return c.w.step("Check") }

func (s settler) Settled() bool { return s.settled }

func (r rechecker) RecheckAfter(*thing) time.Duration { return r.after }

func (s slotSharer) ResyncSlot() string { return s.slot }

func (s slotSharer) ResyncDue() { _ = s.w.step("ResyncDue") }

func (r releaser) Release(context.Context, *thing) error { return r.w.step("Release") }

func (d describer) InSync() string { return d.inSync }

func (d describer) Left() string { return d.left }

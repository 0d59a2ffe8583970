package lifecycle

import (
	"context"
	"reflect"
	"sync"
	"time"

	"golang.org/x/time/rate"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/connection"
)

// Engine is what the reconcilers of all kinds share, and the kinds that are registered with it.
type Engine struct {
	// Client reads our own kinds from the cache and writes.
	client.Client
	// Live reads Secrets, ConfigMaps and Namespaces from the API server, so that the cache never holds a cluster's
	// Secrets.
	Live client.Reader
	// Events tells people what happened.
	Events events.EventRecorder
	// Creations limits the events that tell of an object that it was created, as its conditions do. nil: all are sent.
	Creations *rate.Limiter
	// Connections to the Grafanas.
	Connections *connection.Pool
	// Now is the clock.
	Now func() time.Time
	// FirstRetry and LastRetry bound the backoff of what failed. 0: 1s and 5m.
	FirstRetry, LastRetry time.Duration
	// NamespacesHidden says that the operator may not read Namespaces, so that a namespace selector cannot be
	// evaluated.
	NamespacesHidden bool
	// Shard is the part of the fleet that this process works on. Default: all of it.
	Shard Shard
	// Told, if set, is called with what came of every pass.
	Told func(Outcome)

	kinds    []*entry
	vanished vanished
	texts    texts
}

// entry is a Kind with its types erased, for those who meet its objects among others.
type entry struct {
	name, in   string // in: the kind that contains it; "": nothing does
	object     Object
	list       client.ObjectList
	tenant     bool
	whenHeld   bool
	parent     func(Object) types.NamespacedName
	allowed    func(Object) v1alpha1.AllowedNamespaces
	held       func(Object) bool
	usability  func(Object) any
	slim       func(Object) any
	mayHelp    func(types.NamespacedName) bool
	references []Reference[Object]
	indexes    []Index[Object]
	watches    []Watch

	reconciler reconcile.Reconciler
	useQueue   queueUser
	enqueue    func(ctrl.Request)
	deleted    func(client.Object)
}

// RegisterKind adds a kind, and makes the reconciler of its objects.
func RegisterKind[T Object, R any](e *Engine, kind Kind[T, R]) *Reconciler[T, R] {
	obj := emptyOf[T]()
	r := &Reconciler[T, R]{Engine: e, kind: kind, name: NameOf(obj)}
	r.statusless, r.began = map[types.NamespacedName]statusless{}, sync.OnceValue(e.now)
	r.seen, r.removed = map[types.NamespacedName]sighting{}, map[types.NamespacedName]types.UID{}
	k := &entry{
		name:       r.name,
		object:     obj,
		list:       kind.List,
		tenant:     kind.Tenant,
		whenHeld:   kind.WhenHeld,
		mayHelp:    kind.MayHelp,
		parent:     erase(kind.Parent),
		allowed:    erase(kind.Allowed),
		held:       erase(kind.Held),
		usability:  erase(kind.Usability),
		watches:    kind.Watches,
		reconciler: r,
		useQueue:   r.useQueue,
		enqueue:    r.enqueue,
		deleted:    r.deleted,
	}
	if kind.In != nil {
		k.in = NameOf(kind.In)
	}
	if kind.Slim != nil {
		k.slim = erase(func(obj T) any { kind.Slim(obj); return nil })
	}
	for _, ref := range kind.References {
		k.references = append(k.references, Reference[Object]{To: ref.To, Names: erase(ref.Names)})
	}
	for _, index := range kind.Indexes {
		k.indexes = append(k.indexes, Index[Object]{Field: index.Field, Of: erase(index.Of)})
	}
	r.entry = k
	e.kinds = append(e.kinds, k)
	return r
}

// erase makes a function of objects of one kind one of any objects, which must be of that kind; nil stays nil.
func erase[T Object, V any](f func(T) V) func(Object) V {
	if f == nil {
		return nil
	}
	return func(obj Object) V { return f(obj.(T)) }
}

// emptyOf makes an empty object.
func emptyOf[T Object]() T { return reflect.New(reflect.TypeFor[T]().Elem()).Interface().(T) }

// NameOf is the name of an object's kind, which a typed read leaves out of the object itself.
func NameOf(obj any) string { return reflect.TypeOf(obj).Elem().Name() }

// entryOf is what is registered for an object's kind; nil: nothing is.
func (e *Engine) entryOf(obj any) *entry {
	for _, k := range e.kinds {
		if reflect.TypeOf(k.object) == reflect.TypeOf(obj) {
			return k
		}
	}
	return nil
}

// named is what is registered under a kind's name; the empty name stands for the kind of the servers. nil: nothing is.
func (e *Engine) named(kind string) *entry {
	for _, k := range e.kinds {
		if k.name == kind || kind == "" && k.in == "" {
			return k
		}
	}
	return nil
}

// childrenOf are the kinds whose objects objects of this kind contain.
func (e *Engine) childrenOf(k *entry) []*entry {
	var all []*entry
	for _, child := range e.kinds {
		if child.in == k.name {
			all = append(all, child)
		}
	}
	return all
}

// isUsed reports whether other objects depend on those of a kind: they are in them, or refer to them.
func (e *Engine) isUsed(k *entry) bool { return k.usability != nil || len(e.childrenOf(k)) > 0 }

// parentOf is the object that contains obj; the zero name: nothing does.
func (k *entry) parentOf(obj Object) types.NamespacedName {
	if k.parent == nil {
		return types.NamespacedName{}
	}
	return k.parent(obj)
}

// holds reports whether obj may have something in Grafana. One that does not loses nothing with its parent, and so
// holds up nobody: anybody can refer to anything, and write any finalizer, so that an object of another namespace whose
// status is lost counts for nothing either.
func (k *entry) holds(obj Object) bool {
	return k.held != nil && k.held(obj) || k.statusLost(obj) && k.parentOf(obj).Namespace == obj.GetNamespace()
}

// Holds reports whether obj may have something in Grafana. What does holds up the deletion of what it is in.
func (e *Engine) Holds(obj Object) bool { return e.entryOf(obj).holds(obj) }

// Visit has an object looked at now.
func (e *Engine) Visit(s Suspect) {
	k := e.named(s.Kind)
	if k == nil || s.Key.Name == "" || k.mayHelp != nil && !k.mayHelp(s.Key) {
		return
	}
	k.enqueue(ctrl.Request{NamespacedName: s.Key})
}

// Controller is what a kind's controller is made of, for those who run it without a manager.
type Controller struct {
	// Name of the kind.
	Name   string
	Object Object
	// Used says that objects of other kinds are in objects of this one, or refer to them.
	Used       bool
	Indexes    []Index[Object]
	References []Reference[Object]
	Watches    []Watch
	// In is the name of the kind that contains objects of this one, and Parent the object that contains one; empty:
	// nothing does.
	In         string
	Parent     func(Object) types.NamespacedName
	Reconciler reconcile.Reconciler
	// UseQueue hands over the queue that visits are asked for in which no watch brings.
	UseQueue func(context.Context, workqueue.TypedRateLimitingInterface[ctrl.Request]) error
	// Deleted is told of an object that is gone, as it was last, before it is visited.
	Deleted func(last client.Object)
}

// Controllers of all kinds, in the order in which they were registered.
func (e *Engine) Controllers() []Controller {
	var all []Controller
	for _, k := range e.kinds {
		all = append(all, Controller{
			Name: k.name, Object: k.object, Used: e.isUsed(k),
			Indexes: k.allIndexes(), References: k.references, Watches: k.watches,
			In: k.in, Parent: k.parentOf,
			Reconciler: k.reconciler, UseQueue: k.useQueue, Deleted: k.deleted,
		})
	}
	return all
}

// Lists are empty lists of all kinds, in the order in which they were registered.
func (e *Engine) Lists() []client.ObjectList {
	var all []client.ObjectList
	for _, k := range e.kinds {
		all = append(all, k.newList())
	}
	return all
}

// newList makes an empty list of the kind.
func (k *entry) newList() client.ObjectList {
	return reflect.New(reflect.TypeOf(k.list).Elem()).Interface().(client.ObjectList)
}

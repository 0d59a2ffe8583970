package lifecycle

import (
	"context"
	"errors"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"grafana-tenancy.dev/operator/internal/connection"
	"grafana-tenancy.dev/operator/internal/grafana"
)

// Reconciler is the lifecycle of one kind.
type Reconciler[T Object, R any] struct {
	*Engine
	kind  Kind[T, R]
	entry *entry
	name  string // of the kind

	mu         sync.Mutex
	queue      workqueue.TypedRateLimitingInterface[ctrl.Request]
	failures   map[types.NamespacedName]failing
	wrote      map[types.NamespacedName]string // the resourceVersion of our last write, until a visit has seen it
	seen       map[types.NamespacedName]sighting
	statusless map[types.NamespacedName]statusless
	removed    map[types.NamespacedName]types.UID // deleted in Grafana, and not released yet
	// began is when this process first visited an object of the kind: no other has sent anything since, unless the
	// fleet is shared. Then it is the object's arrival that says so.
	began   func() *metav1.Time
	arrived map[types.NamespacedName]arrival
}

// Reconcile visits one object: it acts on it, then records what came of it.
func (r *Reconciler[T, R]) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	r.began()
	if over, result, err := r.removeVanished(ctx, req); !over {
		return result, err
	}
	obj := emptyOf[T]()
	if err := r.read(ctx, req.NamespacedName, obj); err != nil {
		if apierrors.IsNotFound(err) { // of what could not be read nothing is known: its resync is still due
			r.forget(req.NamespacedName)
		}
		r.Connections.Cancel(connection.Waiter{Kind: r.name, Request: req}.Key())
		if ctx.Err() != nil { // shutting down
			return ctrl.Result{}, nil
		}
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	return r.visit(ctx, req, &pass[T, R]{Reconciler: r, obj: obj})
}

// visit makes a pass, if the object is this process's.
func (r *Reconciler[T, R]) visit(ctx context.Context, req ctrl.Request, p *pass[T, R]) (ctrl.Result, error) {
	call := connection.Waiter{Kind: r.name, Request: req}.Key()
	to, mine, err := r.mine(ctx, r.entry, p.obj)
	if !mine {
		if p.kept && err == nil {
			r.vanished.drop(r.name, req.NamespacedName)
		}
		return r.leave(req.NamespacedName, call, err)
	}
	if !p.kept && r.isSuccessor(p.obj) { // how the other one went, its watch will have told in a second
		return ctrl.Result{RequeueAfter: time.Second}, nil
	}
	r.arrive(req.NamespacedName, to)
	p.way, p.before, p.first = to, p.obj.DeepCopyObject().(T), p.obj.DeepCopyObject().(T)
	ctx = grafana.WithinSession(ctx) // what a pass has seen holds no longer
	if p.obj.GetDeletionTimestamp().IsZero() {
		err = p.apply(ctx)
	} else {
		err = p.remove(ctx)
	}
	if !errors.Is(err, connection.ErrQueued) || p.ext == nil {
		r.Connections.Cancel(call) // if a place was kept for it and it had nothing to do there
	}
	return p.finish(ctx, err)
}

// finish turns what came of the pass into conditions, events and the time of the next visit.
func (p *pass[T, R]) finish(ctx context.Context, err error) (ctrl.Result, error) {
	if ctx.Err() != nil {
		return ctrl.Result{}, nil // shutting down: the next start begins anew
	}
	v := &verdict{}
	defer func() { p.tell(v) }()
	if apierrors.IsConflict(err) {
		return ctrl.Result{RequeueAfter: time.Second}, nil // our copy was stale; the watch brings the current one
	}
	if errors.Is(err, errElsewhere) || errors.Is(err, errChanged) { // a copy was stale: its parent's, or its own
		return ctrl.Result{RequeueAfter: time.Second}, nil
	}
	if err == nil && p.released() {
		p.emitEvents(ctx)
		p.letGo(ctx)
		return ctrl.Result{}, nil
	}
	v = p.judge(err)
	if v.queued {
		return ctrl.Result{}, nil // the limiter wakes it
	}
	if p.kept {
		return p.finishKept(ctx, v), nil
	}
	if v.unvisited {
		p.observe(v)
		return p.comeAgain(p.firstDue(), true), nil
	}
	p.await(v)
	if v.keepConditions {
		return ctrl.Result{RequeueAfter: v.after}, nil
	}
	p.applyVerdict(v)
	if werr := p.keepStatus(ctx); client.IgnoreNotFound(werr) != nil {
		if errors.Is(werr, errElsewhere) {
			v = &verdict{}
			return ctrl.Result{RequeueAfter: time.Second}, nil
		}
		if apierrors.IsConflict(werr) {
			return ctrl.Result{RequeueAfter: time.Second}, nil
		}
		return ctrl.Result{}, werr
	}
	p.emit(ctx, v)
	p.observe(v)
	wait := p.backoff(client.ObjectKeyFromObject(p.obj), v.retry)
	if !v.retry {
		return p.comeAgain(p.nextVisit(v), v.after == 0), nil
	}
	wait = max(wait, v.after) // a second that is asked for each time would be one for ever
	log.FromContext(ctx).V(1).Info("trying again", "reason", v.reason, "error", v.detail, "after", wait.String())
	return ctrl.Result{RequeueAfter: wait}, nil
}

// await has the object visited when the server that it waits for is available, and looked at what the trouble seems to
// come from.
func (p *pass[T, R]) await(v *verdict) {
	if v.waitsFor != nil {
		t := p.waiter("")
		p.Connections.Await(*v.waitsFor, t.Key(), t.Wake)
	}
	if v.suspect != nil && !v.keepConditions {
		p.Visit(*v.suspect)
	}
}

// read reads the object from the cache, or live while the cache may not have seen what we wrote last: a verdict that
// equals an old status would not be written. Either way it is slim.
func (r *Reconciler[T, R]) read(ctx context.Context, key types.NamespacedName, obj T) error {
	if r.kind.Slim != nil {
		defer r.kind.Slim(obj)
	}
	err := r.Client.Get(ctx, key, obj)
	r.mu.Lock()
	wrote, written := r.wrote[key]
	behind := false
	if err == nil && written {
		order, unknown := resourceversion.CompareResourceVersion(obj.GetResourceVersion(), wrote)
		behind = order < 0 || unknown != nil
	}
	if !behind {
		delete(r.wrote, key)
	}
	r.mu.Unlock()
	if behind {
		return r.Live.Get(ctx, key, obj)
	}
	return err
}

// remember keeps the version of what was just written.
func (r *Reconciler[T, R]) remember(written T) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.wrote == nil {
		r.wrote = map[types.NamespacedName]string{}
	}
	r.wrote[client.ObjectKeyFromObject(written)] = written.GetResourceVersion()
}

// forget drops what is remembered of an object that is gone.
func (r *Reconciler[T, R]) forget(key types.NamespacedName) {
	forget(r.name, key)
	r.backoff(key, false)
	r.mu.Lock()
	delete(r.seen, key)
	delete(r.statusless, key)
	delete(r.removed, key)
	delete(r.arrived, key)
	r.mu.Unlock()
	if r.kind.Forget != nil {
		r.kind.Forget(key)
	}
}

// enqueue asks for a visit.
func (r *Reconciler[T, R]) enqueue(req ctrl.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.queue != nil {
		r.queue.Add(req)
	}
}

// useQueue is a source that brings nothing: it hands over the queue, for visits that no watch asks for.
func (r *Reconciler[T, R]) useQueue(_ context.Context, queue workqueue.TypedRateLimitingInterface[ctrl.Request]) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.queue = queue
	for _, obj := range r.vanished.all(r.name) { // other watches may have begun before
		queue.Add(ctrl.Request{NamespacedName: client.ObjectKeyFromObject(obj)})
	}
	return nil
}

package controllers

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"k8s.io/client-go/tools/events"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana"
)

// Env is what the reconcilers of all kinds share.
type Env struct {
	// Client reads our own kinds from the cache and writes.
	client.Client
	// Live reads Secrets, ConfigMaps and Namespaces from the API server, so that the cache never holds a cluster's Secrets.
	Live client.Reader
	// Events tells people what happened.
	Events events.EventRecorder
	// Connections to the Grafanas.
	Connections *Connections
	// ClusterID is part of every mark, so that two clusters can share a Grafana.
	ClusterID string
	// Now is the clock.
	Now func() time.Time
	// Transport replaces the network between the operator and Grafana; nil: the network.
	Transport grafana.RoundTripper
	// FirstRetry and LastRetry bound the backoff of what failed. 0: 1s and 5m.
	FirstRetry, LastRetry time.Duration
	// NamespacesHidden says that the operator may not read Namespaces, so that a namespace selector cannot be evaluated.
	NamespacesHidden bool

	visits map[string]func(ctrl.Request) // asks a kind's reconciler for a visit
}

// visit has an object looked at now.
func (e *Env) visit(s suspect) {
	if ask := e.visits[s.kind]; ask != nil && s.key.Name != "" {
		ask(ctrl.Request{NamespacedName: s.key})
	}
}

// Reconciler is the lifecycle of one kind.
type Reconciler[T Object, R any] struct {
	*Env
	Kind Kind[T, R]

	mu       sync.Mutex
	queue    workqueue.TypedRateLimitingInterface[ctrl.Request]
	failures map[types.NamespacedName]int    // in a row
	wrote    map[types.NamespacedName]string // the resourceVersion of our last write, until a visit has seen it
}

// Reconcile visits one object: it acts on it, then records what came of it.
func (r *Reconciler[T, R]) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	obj := r.Kind.New()
	call := ticket{kind: kindOf(obj), request: req}.key()
	if err := r.read(ctx, req.NamespacedName, obj); err != nil {
		forget(kindOf(obj), req.NamespacedName)
		r.backoff(req.NamespacedName, false)
		r.Connections.decline(call)
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	p := &pass[T, R]{Reconciler: r, obj: obj, before: obj.DeepCopyObject().(T), first: obj.DeepCopyObject().(T)}
	var err error
	if obj.GetDeletionTimestamp().IsZero() {
		err = p.apply(ctx)
	} else {
		err = p.remove(ctx)
	}
	if !errors.Is(err, errParked) {
		r.Connections.decline(call) // if it was called to a gate and had nothing to do there
	}
	return p.finish(ctx, err)
}

// read reads the object from the cache, or live while the cache may not have seen what we wrote last: a verdict that equals an old status would not be written.
func (r *Reconciler[T, R]) read(ctx context.Context, key types.NamespacedName, obj T) error {
	err := r.Get(ctx, key, obj)
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

// finish turns what came of the pass into conditions, events and the time of the next visit.
func (p *pass[T, R]) finish(ctx context.Context, err error) (ctrl.Result, error) {
	if ctx.Err() != nil {
		return ctrl.Result{}, nil // shutting down: the next start begins anew
	}
	if apierrors.IsConflict(err) {
		return ctrl.Result{RequeueAfter: time.Second}, nil // our copy was stale; the watch brings the current one
	}
	if err == nil && p.released() {
		p.emitEvents(ctx)
		forget(kindOf(p.obj), client.ObjectKeyFromObject(p.obj))
		p.backoff(client.ObjectKeyFromObject(p.obj), false)
		return ctrl.Result{}, nil
	}
	v := p.judge(err)
	if v.parked {
		return ctrl.Result{}, nil // the gate wakes it
	}
	if v.waitsFor != nil {
		t := p.ticket("")
		p.Connections.await(*v.waitsFor, t.key(), t.wake)
	}
	if v.suspect != nil {
		p.visit(*v.suspect)
	}
	p.applyVerdict(v)
	if werr := p.keepStatus(ctx); client.IgnoreNotFound(werr) != nil {
		if apierrors.IsConflict(werr) {
			return ctrl.Result{RequeueAfter: time.Second}, nil
		}
		return ctrl.Result{}, werr
	}
	p.emit(ctx, v)
	p.observe(v)
	wait := p.backoff(client.ObjectKeyFromObject(p.obj), v.retry)
	if !v.retry {
		return ctrl.Result{RequeueAfter: p.nextVisit(v)}, nil
	}
	if v.after > 0 {
		wait = v.after
	}
	log.FromContext(ctx).V(1).Info("trying again", "reason", v.reason, "error", v.detail, "after", wait.String())
	return ctrl.Result{RequeueAfter: wait}, nil
}

// nextVisit is when the object is due again if nothing happens before.
func (p *pass[T, R]) nextVisit(v *verdict) time.Duration {
	next := jitter(p.resync())
	if v.after > 0 {
		next = v.after
	}
	if left := p.landsWithin(p.obj.CommonStatus().CreateStarted); left > 0 {
		next = min(next, left)
	}
	if p.have != nil && p.ext != nil {
		if own := p.ext.Recheck(p.have); own > 0 {
			next = min(next, own)
		}
	}
	return next
}

const defaultResync = 10 * time.Minute

// resync is the object's own interval, else its Instance's.
func (p *pass[T, R]) resync() time.Duration {
	if own := p.obj.CommonSpec().ResyncInterval; own != nil {
		return own.Duration
	}
	if p.ext != nil {
		if conn, _ := p.ext.Connection(); conn != nil {
			return conn.Resync()
		}
	}
	return defaultResync
}

// jitter spreads visits that began together: the result is up to a tenth shorter or longer.
func jitter(d time.Duration) time.Duration {
	return d + time.Duration((rand.Float64()-0.5)*0.2*float64(d))
}

// backoff counts the failures of an object and says how long to wait after the last one. The count is kept here and not in the queue, which forgets it when a pass waits its turn.
func (r *Reconciler[T, R]) backoff(key types.NamespacedName, failed bool) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !failed {
		delete(r.failures, key)
		return 0
	}
	if r.failures == nil {
		r.failures = map[types.NamespacedName]int{}
	}
	r.failures[key]++
	return jitter(min(cmp.Or(r.FirstRetry, time.Second)<<min(r.failures[key]-1, 20), cmp.Or(r.LastRetry, 5*time.Minute)))
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
	return nil
}

// kindOf names the kind of an object, which a typed read leaves out of the object itself.
func kindOf(obj client.Object) string {
	switch obj.(type) {
	case *v1alpha1.Instance:
		return "Instance"
	case *v1alpha1.Organization:
		return "Organization"
	case *v1alpha1.ServiceAccount:
		return "ServiceAccount"
	case *v1alpha1.ServiceAccountToken:
		return "ServiceAccountToken"
	case *v1alpha1.Dashboard:
		return "Dashboard"
	}
	return ""
}

// instance names the Instance that the pass went to.
func (p *pass[T, R]) instance() types.NamespacedName {
	if p.ext != nil {
		if conn, _ := p.ext.Connection(); conn != nil {
			return conn.Instance
		}
	}
	return types.NamespacedName{}
}

package controllers

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
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
	// Sources fetches dashboards that are kept elsewhere.
	Sources Sources
	// GrafanaCom is the server that takes the place of https://grafana.com; empty: none does.
	GrafanaCom string

	fetches fetches
	parsing sync.Mutex                    // one large dashboard at a time
	visits  map[string]func(ctrl.Request) // asks a kind's reconciler for a visit
}

// visit has an object looked at now.
func (e *Env) visit(s suspect) {
	if s.kind == "Instance" && e.Connections.probed(s.key) && e.Connections.available(s.key) == nil {
		return // it is known to be away, and probed in its own time
	}
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
	failures map[types.NamespacedName]failing
	wrote    map[types.NamespacedName]string    // the resourceVersion of our last write, until a visit has seen it
	seen     map[types.NamespacedName]time.Time // what this process has been at, and when its resync is due; zero: it comes again for another reason
}

// Reconcile visits one object: it acts on it, then records what came of it.
func (r *Reconciler[T, R]) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	obj := r.Kind.New()
	call := ticket{kind: kindOf(obj), request: req}.key()
	if err := r.read(ctx, req.NamespacedName, obj); err != nil {
		r.forget(kindOf(obj), req.NamespacedName)
		r.Connections.decline(call)
		if ctx.Err() != nil { // shutting down
			return ctrl.Result{}, nil
		}
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	p := &pass[T, R]{Reconciler: r, obj: obj, before: obj.DeepCopyObject().(T), first: obj.DeepCopyObject().(T)}
	var err error
	if obj.GetDeletionTimestamp().IsZero() {
		err = p.apply(ctx)
	} else {
		err = p.remove(ctx)
	}
	if !errors.Is(err, errParked) || p.ext == nil {
		r.Connections.decline(call) // if it was called to a gate and had nothing to do there
	}
	return p.finish(ctx, err)
}

// forget drops what is remembered of an object that is gone.
func (r *Reconciler[T, R]) forget(kind string, key types.NamespacedName) {
	forget(kind, key)
	r.backoff(key, false)
	r.mu.Lock()
	delete(r.seen, key)
	r.mu.Unlock()
	if kind == "Dashboard" {
		r.fetches.drop(key)
		r.Sources.Forget(key.String())
	}
}

// firstSight reports whether this process has not been at the object yet. From now on it has.
func (r *Reconciler[T, R]) firstSight(key types.NamespacedName) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.seen == nil {
		r.seen = map[types.NamespacedName]time.Time{}
	}
	_, seen := r.seen[key]
	if !seen {
		r.seen[key] = time.Time{}
	}
	return !seen
}

// isDue reports whether it is its resync that brings the object.
func (p *pass[T, R]) isDue() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	due := p.seen[client.ObjectKeyFromObject(p.obj)]
	return !due.IsZero() && !p.Now().Before(due)
}

// comeAgain has the object visited after that time, by its resync or for a reason of its own.
func (p *pass[T, R]) comeAgain(after time.Duration, resync bool) ctrl.Result {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.seen == nil {
		p.seen = map[types.NamespacedName]time.Time{}
	}
	due := time.Time{}
	if resync {
		due = p.Now().Add(after)
	}
	p.seen[client.ObjectKeyFromObject(p.obj)] = due
	return ctrl.Result{RequeueAfter: after}
}

// read reads the object from the cache, or live while the cache may not have seen what we wrote last: a verdict that equals an old status would not be written. Either way it is slim.
func (r *Reconciler[T, R]) read(ctx context.Context, key types.NamespacedName, obj T) error {
	defer slimDashboard(obj)
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
		p.forget(kindOf(p.obj), client.ObjectKeyFromObject(p.obj))
		return ctrl.Result{}, nil
	}
	v := p.judge(err)
	if v.parked {
		return ctrl.Result{}, nil // the gate wakes it
	}
	if v.rests {
		p.observe(v)
		return p.comeAgain(p.firstDue(), true), nil
	}
	if v.waitsFor != nil {
		t := p.ticket("")
		p.Connections.await(*v.waitsFor, t.key(), t.wake)
	}
	if v.quiet {
		return ctrl.Result{}, nil
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
		return p.comeAgain(p.nextVisit(v), v.after == 0), nil
	}
	wait = max(wait, v.after) // a second that is asked for each time would be one for ever
	log.FromContext(ctx).V(1).Info("trying again", "reason", v.reason, "error", v.detail, "after", wait.String())
	return ctrl.Result{RequeueAfter: wait}, nil
}

// nextVisit is when the object is due again if nothing happens before.
func (p *pass[T, R]) nextVisit(v *verdict) time.Duration {
	next := p.due()
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

// together is what kinds have whose objects are looked at with less effort all at once.
type together interface {
	// Together is the same for all that are due at the same moment.
	Together() string
	// Due says that this is such a visit.
	Due()
}

// due is how long until the object's next resync.
func (p *pass[T, R]) due() time.Duration {
	if t, ok := p.ext.(together); ok {
		return untilBeat(t.Together(), p.resync(), p.Now())
	}
	return jitter(p.resync())
}

// firstDue is how long until the first resync after a start, which is not the same for all.
func (p *pass[T, R]) firstDue() time.Duration {
	if t, ok := p.ext.(together); ok {
		return untilBeat(t.Together(), p.resync(), p.Now())
	}
	return spread(string(p.obj.GetUID()), p.resync())
}

// resync is the object's own interval, else its Instance's.
func (p *pass[T, R]) resync() time.Duration {
	return resyncOf(p.obj, p.conn)
}

func resyncOf(obj Object, conn *Connection) time.Duration {
	if own := obj.CommonSpec().ResyncInterval; own != nil {
		return own.Duration
	}
	if conn != nil {
		return conn.Resync()
	}
	return defaultResync
}

// spread is a part of an interval that hangs on the text alone.
func spread(text string, interval time.Duration) time.Duration {
	sum := sha256.Sum256([]byte(text))
	return time.Duration(float64(binary.BigEndian.Uint32(sum[:])) / (1 << 32) * float64(interval))
}

// beat is the last moment at which all that share the text were due, which is once an interval.
func beat(text string, interval time.Duration, now time.Time) time.Time {
	return now.Add(-time.Duration((now.UnixNano() - int64(spread(text, interval))) % int64(interval)))
}

// untilBeat is how long until the next such moment.
func untilBeat(text string, interval time.Duration, now time.Time) time.Duration {
	return beat(text, interval, now).Add(interval).Sub(now)
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
		r.failures = map[types.NamespacedName]failing{}
	}
	f, now := r.failures[key], r.Now()
	if !now.Before(f.until) {
		f.step = min(cmp.Or(r.FirstRetry, time.Second)<<min(f.times, 20), cmp.Or(r.LastRetry, 5*time.Minute))
		f.times, f.until = f.times+1, now.Add(f.step*9/10)
		r.failures[key] = f
	}
	return jitter(f.step)
}

// failing is how often an object has failed in a row, and how long it waits. Failures within that wait, of visits that changes elsewhere bring, do not count: or an outage in which much is deleted
// would be noticed to be over late.
type failing struct {
	times int
	step  time.Duration
	until time.Time
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

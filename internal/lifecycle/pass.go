package lifecycle

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/connection"
)

// pass is one visit to one object.
type pass[T Object, R any] struct {
	*Reconciler[T, R]
	way      way // to the server; empty for the whole fleet
	obj      T
	kept     bool // the object has vanished, and is kept by this process
	first    T    // as it was when the pass began
	before   T    // as it was last read or written, which patches start from
	ext      External[R]
	conn     *connection.Conn // once it is known
	have     *R
	searched bool // for what the object may have in Grafana, as it goes
	recalled bool // its status is lost
	admitted bool // it was given the finalizer in this pass, under the resourceVersion that was read
	events   []Event
	diff     []string // what is to be put right
}

// connect resolves the object's place and waits its turn there.
func (p *pass[T, R]) connect(ctx context.Context) (leave func(), err error) {
	ext, err := p.kind.Connect(ctx, p.obj)
	if c, ok := ext.(Connected); ok {
		p.conn, _ = c.Connection()
	}
	if err != nil {
		return nil, err
	}
	p.ext = ext
	if p.unvisitedAfterStart() {
		return nil, errUnvisited
	}
	if t, ok := p.ext.(SlotSharer); ok && p.isDue() {
		t.ResyncDue()
	}
	leave = func() {}
	if conn, group := p.connection(); conn != nil {
		if leave, err = conn.Limiter.Acquire(p.waiter(group), p.mayWrite()); err != nil {
			return nil, err
		}
		conn.HoldSession(ctx)
	}
	if err := p.prepare(ctx); err != nil {
		leave()
		return nil, err
	}
	return leave, nil
}

// prepare gets the object ready, in its turn, for being looked for: there the finalizer can stand for the intent.
func (p *pass[T, R]) prepare(ctx context.Context) error {
	if l, ok := p.ext.(Loader); ok {
		if err := l.Load(ctx); err != nil {
			return err
		}
	}
	if err := p.addFinalizer(ctx); err != nil {
		return err
	}
	p.recall()
	return nil
}

// unvisitedAfterStart reports whether this is the first visit of a process to an object that was in sync before:
// Grafana is asked about it when its resync is due. What it was in sync with another process for, in something that was
// made anew since, is not meant.
func (p *pass[T, R]) unvisitedAfterStart() bool {
	if !p.firstSight() || !p.obj.GetDeletionTimestamp().IsZero() ||
		!controllerutil.ContainsFinalizer(p.obj, v1alpha1.Finalizer) || p.obj.CommonStatus().CreateStarted != nil {
		return false
	}
	ready := meta.FindStatusCondition(p.obj.CommonStatus().Conditions, v1alpha1.ConditionReady)
	inSync := ready != nil && ready.Status == metav1.ConditionTrue && ready.Reason == v1alpha1.ReasonInSync &&
		ready.ObservedGeneration == p.obj.GetGeneration() && !ready.LastTransitionTime.Before(&p.way.made)
	s, ok := p.ext.(Settler)
	return inSync && ok && s.Settled()
}

// connection is the one that the pass goes through; nil: none.
func (p *pass[T, R]) connection() (conn *connection.Conn, group string) {
	if c, ok := p.ext.(Connected); ok {
		return c.Connection()
	}
	return nil, ""
}

// server names the server that the pass went to.
func (p *pass[T, R]) server() types.NamespacedName {
	if conn, _ := p.connection(); conn != nil {
		return conn.Server
	}
	return types.NamespacedName{}
}

// prove fails unless what contains the object is seen to be ours.
func (p *pass[T, R]) prove(ctx context.Context, live bool) error {
	if in, ok := p.ext.(Contained); ok {
		return in.Prove(ctx, live)
	}
	return nil
}

// acquireWrite makes sure that the pass may write: the limits of a server tell readers from writers.
func (p *pass[T, R]) acquireWrite() error {
	conn, group := p.connection()
	if conn == nil {
		return nil
	}
	return conn.Limiter.AcquireWrite(p.waiter(group))
}

// mayWrite guesses whether the pass will write, so that it is let in as a writer at once. A wrong guess costs a second
// visit.
func (p *pass[T, R]) mayWrite() bool {
	status := p.obj.CommonStatus()
	return !p.obj.GetDeletionTimestamp().IsZero() || status.ObservedGeneration != p.obj.GetGeneration() ||
		!meta.IsStatusConditionTrue(status.Conditions, v1alpha1.ConditionReady)
}

// write sends requests that change Grafana, once the writer before has sent its own.
func (p *pass[T, R]) write(ctx context.Context, send func() error) (err error) {
	if conn, group := p.connection(); conn != nil {
		done, busy := conn.Limiter.BeginWrite(ctx, p.waiter(group))
		if busy != nil {
			return busy
		}
		defer func() { done(err) }()
	}
	err = send()
	if in, ok := p.ext.(Contained); ok && err != nil {
		in.WriteFailed()
	}
	return err
}

func (p *pass[T, R]) waiter(group string) connection.Waiter {
	key := ctrl.Request{NamespacedName: client.ObjectKeyFromObject(p.obj)}
	r := p.Reconciler // one that waits must not hold on to the pass, and so to what a dashboard contains
	return connection.Waiter{Kind: p.name, Request: key, Group: group, Wake: func() { r.enqueue(key) }}
}

func (e *Engine) now() *metav1.Time {
	t := metav1.NewTime(e.Now().UTC().Truncate(time.Second))
	return &t
}

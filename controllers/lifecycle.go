// Package controllers makes Grafana what the objects of api/v1alpha1 say. One lifecycle serves all kinds; a kind supplies small verbs and knows nothing of finalizers, conditions,
// backoff or events.
package controllers

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana"
)

// Object is one of our kinds.
type Object interface {
	client.Object
	CommonSpec() v1alpha1.CommonSpec
	CommonStatus() *v1alpha1.CommonStatus
	// Stays reports whether what it stands for is left in Grafana when the object is deleted.
	Stays() bool
}

// Kind is what the lifecycle has to know of a kind of object T that stands for an R in Grafana.
type Kind[T Object, R any] interface {
	// New makes an empty object.
	New() T
	// Connect finds the way to what obj stands for: its parents, their consent, the connection. It asks Kubernetes only, never Grafana. For an object that is being
	// deleted consent is not asked, and errGone says that the place it was in is no more. What comes with an error tells
	// the connection at most, by which the resync goes.
	Connect(ctx context.Context, obj T) (External[R], error)
	// Held reports whether obj may have something in Grafana.
	Held(obj T) bool
	// Abandon takes off in Kubernetes what would pull down with obj what it made. Grafana is not asked.
	Abandon(ctx context.Context, obj T) error
	// Dependents lists the objects that need obj to be there.
	Dependents(ctx context.Context, obj T) ([]Object, error)
}

// External is what one kind can ask and do in Grafana, bound to one object and one connection. A method that fails has changed nothing that the next pass does not find.
type External[R any] interface {
	// Connection that the calls go through, and the group they are fair among.
	Connection() (conn *Connection, group string)
	// Get finds what status records. It returns nil when that is absent, or is not provably ours.
	Get(ctx context.Context) (*R, error)
	// Find looks for the mark. It returns nil when nothing carries it.
	Find(ctx context.Context) (*R, error)
	// Rival fails with a Stalled problem if something that is not ours has the place that the object asks for.
	Rival(ctx context.Context) error
	// Prepare puts into status what must be known before the create request is sent, and says what people are told once it was answered.
	Prepare() event
	// Prove fails unless what contains the object is seen to be ours: at this moment if live, else within the last minute.
	Prove(ctx context.Context, live bool) error
	// Create makes it under the mark. Nothing in it can fail after the request that creates.
	Create(ctx context.Context) (*R, error)
	// Record copies what was seen into status; nil clears the identity. It reports whether the identity is new and must be kept before anything else is done.
	Record(have *R) bool
	// Diff names what differs from the spec. It asks nobody.
	Diff(have *R) []string
	// Update puts it right and brings have up to date, step by step.
	Update(ctx context.Context, have *R) error
	// Judge is the last word on an object that has no difference left; nil means that it is Ready. It may ask, and changes nothing.
	Judge(ctx context.Context, have *R) error
	// Settled reports, as far as Kubernetes alone can tell, whether the object is as it was when it was last seen to be in sync. It asks nobody.
	Settled() bool
	// Recheck is how long until the object must be looked at again for a reason of its own; 0 means no such reason.
	Recheck(have *R) time.Duration
	// Delete deletes it, having proven that it is ours and may be deleted as it is. Absent is success.
	Delete(ctx context.Context, have *R) error
	// Release lets it go, undeleted.
	Release(ctx context.Context, have *R) error
}

// landing is how long after its time-out a request may still take effect in Grafana.
const landing = 30 * time.Second

// pass is one visit to one object.
type pass[T Object, R any] struct {
	*Reconciler[T, R]
	obj    T
	first  T // as it was when the pass began
	before T // as it was last read or written, which patches start from
	ext    External[R]
	conn   *Connection // once it is known
	have   *R
	looked bool // for what the object may have in Grafana, as it goes
	events []event
}

// apply makes Grafana what the object says.
func (p *pass[T, R]) apply(ctx context.Context) error {
	if p.obj.CommonSpec().Suspend {
		return errSuspended
	}
	if isRoot(p.obj) { // its own Secrets are held for it before anything is asked
		if err := p.addFinalizer(ctx); err != nil {
			return err
		}
	}
	leave, err := p.connect(ctx)
	if err != nil {
		return err
	}
	defer leave()
	if p.have, err = p.find(ctx); err != nil {
		return err
	}
	p.looked = true
	if p.have == nil {
		if err := p.create(ctx); err != nil {
			return err
		}
	}
	if p.ext.Record(p.have) {
		if err := p.keepStatus(ctx); err != nil { // never go on with an identity that only this process knows
			return err
		}
		if len(p.events) == 0 && parentOf(p.obj).Name != "" {
			p.event(v1alpha1.EventFound, "Found in Grafana, and taken for this object's")
		}
	}
	if err := p.update(ctx); err != nil {
		return err
	}
	p.settle()
	return p.ext.Judge(ctx, p.have)
}

// connect resolves the object's place and waits its turn there.
func (p *pass[T, R]) connect(ctx context.Context) (leave func(), err error) {
	ext, err := p.Kind.Connect(ctx, p.obj)
	if ext != nil {
		p.conn, _ = ext.Connection()
	}
	if err != nil {
		return nil, err
	}
	p.ext = ext
	if p.obj.GetDeletionTimestamp().IsZero() { // it was let in: by the finalizer, what lost its status is told from what never had one
		if err := p.addFinalizer(ctx); err != nil {
			return nil, err
		}
	}
	if p.restsAtFirst() {
		return nil, errRests
	}
	if t, ok := p.ext.(together); ok && p.isDue() {
		t.Due()
	}
	conn, group := p.ext.Connection()
	if conn == nil {
		return func() {}, nil
	}
	return conn.enter(p.ticket(group), p.mayWrite())
}

// restsAtFirst reports whether this is the first visit of a process to an object that was in sync before: Grafana is asked about it when its resync is due.
func (p *pass[T, R]) restsAtFirst() bool {
	if !p.firstSight(client.ObjectKeyFromObject(p.obj)) || !p.obj.GetDeletionTimestamp().IsZero() || p.obj.CommonStatus().CreateStarted != nil {
		return false
	}
	ready := meta.FindStatusCondition(p.obj.CommonStatus().Conditions, v1alpha1.ConditionReady)
	return ready != nil && ready.Status == metav1.ConditionTrue && ready.Reason == v1alpha1.ReasonInSync && ready.ObservedGeneration == p.obj.GetGeneration() && p.ext.Settled()
}

// find looks the object up by what status records, else by its mark.
func (p *pass[T, R]) find(ctx context.Context) (*R, error) {
	have, err := p.ext.Get(ctx)
	if have != nil || err != nil {
		return have, err
	}
	return p.ext.Find(ctx)
}

// create makes the object. The intent is written first, under the resourceVersion that was read: a stale copy of the object is refused there, before anything is sent.
func (p *pass[T, R]) create(ctx context.Context) error {
	if err := p.turn(); err != nil {
		return err
	}
	done, err := p.alone()
	if err != nil {
		return err
	}
	defer func() { done(p.have != nil) }()
	if err := p.ext.Rival(ctx); err != nil {
		return err
	}
	if err := p.ext.Prove(ctx, false); err != nil {
		return err
	}
	status := p.obj.CommonStatus()
	earlier := status.CreateStarted
	created := p.ext.Prepare()
	status.CreateStarted = p.now()
	p.mark(v1alpha1.ReasonCreating, "it is being created in Grafana")
	if err := p.writeStatus(ctx); err != nil {
		return err
	}
	err = p.write(ctx, func() (err error) {
		p.have, err = p.ext.Create(ctx)
		return err
	})
	if err == nil {
		p.events = append(p.events, created)
	}
	if !grafana.IsUnsure(err) && !grafana.IsTaken(err) && !p.mayStillLand(earlier) {
		status.CreateStarted = nil // this was the only request, and it was answered; what is taken may be so by an earlier one of ours
	}
	return err
}

// update puts right what differs.
func (p *pass[T, R]) update(ctx context.Context) error {
	diff := p.ext.Diff(p.have)
	if len(diff) == 0 {
		return nil
	}
	if err := p.turn(); err != nil {
		return err
	}
	if err := p.ext.Prove(ctx, false); err != nil {
		return err
	}
	err := p.write(ctx, func() error { return p.ext.Update(ctx, p.have) })
	p.ext.Record(p.have)
	if err != nil {
		return err // it says which step failed; the others may not have been tried
	}
	p.event(v1alpha1.EventUpdated, "Updated in Grafana: "+strings.Join(diff, ", "))
	return nil
}

// settle forgets the intent once no request that creates can land any more.
func (p *pass[T, R]) settle() {
	if status := p.obj.CommonStatus(); !p.mayStillLand(status.CreateStarted) {
		status.CreateStarted = nil
	}
}

// remove deletes the object in Grafana, or lets it go, and then releases the finalizer.
func (p *pass[T, R]) remove(ctx context.Context) error {
	if !controllerutil.ContainsFinalizer(p.obj, v1alpha1.Finalizer) {
		return nil
	}
	if p.obj.GetAnnotations()[v1alpha1.AnnotationAbandon] == "true" {
		if err := p.Kind.Abandon(ctx, p.obj); err != nil {
			return err
		}
		return p.release(ctx, event{v1alpha1.EventAbandoned, "Let go as asked; what it made in Grafana stays there"})
	}
	if !p.mayHold() { // it may never have been let in, so that there is nothing to ask either
		return p.dropAfterDependents(ctx)
	}
	leave, err := p.connect(ctx)
	switch {
	case isGone(err):
		p.looked = true // nothing of it is left, and its children must know
		return p.dropAfterDependents(ctx)
	case errors.Is(err, errParked):
		return err
	case err != nil:
		return fmt.Errorf("%w; annotate this object %s=true to let go of it as it is", err, v1alpha1.AnnotationAbandon)
	}
	defer leave()
	if p.have, err = p.find(ctx); err != nil {
		return err
	}
	if err := p.proveAbsence(ctx); err != nil {
		return err
	}
	p.looked = true
	if p.have == nil && !p.mayStillLand(p.obj.CommonStatus().CreateStarted) {
		p.ext.Record(nil)
		p.obj.CommonStatus().CreateStarted = nil // children go by it: nothing of it is there, or can come
	}
	if p.have != nil && p.ext.Record(p.have) { // its children go by that, too
		if err := p.keepStatus(ctx); err != nil {
			return err
		}
	}
	if err := p.waitForDependents(ctx); err != nil {
		return err
	}
	if p.obj.Stays() {
		return p.orphan(ctx)
	}
	return p.delete(ctx)
}

// proveAbsence fails if nothing was found, but in a place that is not the object's any more.
func (p *pass[T, R]) proveAbsence(ctx context.Context) error {
	if p.have != nil {
		return nil
	}
	if err := p.ext.Prove(ctx, false); !errors.Is(err, errLost) {
		return err
	}
	return nil
}

// mayHold reports whether the object may have something in Grafana. Of an empty status that the operator has not written itself it cannot be told, nor of an Instance, which others hold on to.
func (p *pass[T, R]) mayHold() bool {
	return p.Kind.Held(p.obj) || isRoot(p.obj) || !wasSeen(p.obj)
}

// isRoot reports whether an object is in no other.
func isRoot(obj Object) bool { return parentOf(obj).Name == "" }

// isForgotten reports whether an object was let in once, and its status says nothing of what the operator found or made: it was wiped, or never written. Only a look into Grafana ends that.
func isForgotten(obj Object) bool {
	return controllerutil.ContainsFinalizer(obj, v1alpha1.Finalizer) && !isRoot(obj) && !wasSeen(obj)
}

// maxStrays is how many things that carry the mark one pass deletes. There is one, and after lost answers two.
const maxStrays = 5

// delete deletes whatever carries the mark until nothing does, and holds the finalizer while a create may still land.
func (p *pass[T, R]) delete(ctx context.Context) error {
	n := 0
	for ; p.have != nil; n++ {
		if n == maxStrays {
			return &problem{Reason: v1alpha1.ReasonDeleting, Retry: true, Message: "it was deleted, but Grafana still has it: looking again"}
		}
		if err := p.turn(); err != nil {
			return err
		}
		if err := p.ext.Prove(ctx, true); err != nil {
			return err
		}
		if err := p.write(ctx, func() error { return p.ext.Delete(ctx, p.have) }); err != nil {
			return fmt.Errorf("deleting: %w", err)
		}
		var err error
		if p.have, err = p.find(ctx); err != nil {
			return err
		}
	}
	if err := p.waitForLanding(); err != nil {
		return err
	}
	p.ext.Record(nil)
	if n == 0 {
		return p.release(ctx, p.notThere())
	}
	return p.release(ctx, event{v1alpha1.EventDeleted, "Deleted in Grafana"})
}

// notThere says of an object that nothing was deleted for why that is.
func (p *pass[T, R]) notThere() event {
	if own, ok := any(p.ext).(interface{ Left() string }); ok && own.Left() != "" {
		return event{v1alpha1.EventLeft, "Left in Grafana: " + own.Left()}
	}
	return event{v1alpha1.EventDeleted, "It is not in Grafana any more: nothing had to be deleted"}
}

// waitForLanding holds the finalizer while a request to create the object may still take effect.
func (p *pass[T, R]) waitForLanding() error {
	left := p.landsWithin(p.obj.CommonStatus().CreateStarted)
	if left <= 0 {
		return nil
	}
	return &problem{Reason: v1alpha1.ReasonDeleting, RetryAfter: left,
		Message: "waiting until a request to create it, whose answer was lost, can no longer take effect"}
}

func (p *pass[T, R]) orphan(ctx context.Context) error {
	if err := p.waitForLanding(); err != nil {
		return err
	}
	if p.have == nil {
		return p.release(ctx, p.notThere())
	}
	if err := p.turn(); err != nil {
		return err
	}
	if err := p.write(ctx, func() error { return p.ext.Release(ctx, p.have) }); err != nil {
		return fmt.Errorf("releasing: %w", err)
	}
	return p.release(ctx, event{v1alpha1.EventOrphaned, "Let go by deletionPolicy Orphan; it stays in Grafana"})
}

// dropAfterDependents releases an object that has nothing in Grafana.
func (p *pass[T, R]) dropAfterDependents(ctx context.Context) error {
	if err := p.waitForDependents(ctx); err != nil {
		return err
	}
	return p.release(ctx, event{})
}

// waitForDependents fails while there are objects that need this one.
func (p *pass[T, R]) waitForDependents(ctx context.Context) error {
	dependents, err := p.Kind.Dependents(ctx, p.obj)
	if err != nil {
		return err
	}
	going, staying := map[string]int{}, map[string]int{}
	for _, d := range dependents {
		if d.GetDeletionTimestamp().IsZero() {
			staying[kindOf(d)]++
		} else {
			going[kindOf(d)]++
		}
	}
	switch {
	case len(staying) > 0:
		return stalled(v1alpha1.ReasonDeletionBlocked, "still in use by %s: delete them first, or annotate this object %s=true to let go of it as it is",
			counts(staying), v1alpha1.AnnotationAbandon)
	case len(going) > 0:
		return &problem{Reason: v1alpha1.ReasonDeleting, Message: fmt.Sprintf("waiting for %s to be deleted", counts(going))}
	}
	return nil
}

func (p *pass[T, R]) addFinalizer(ctx context.Context) error {
	base := p.obj.DeepCopyObject().(client.Object)
	if !controllerutil.AddFinalizer(p.obj, v1alpha1.Finalizer) {
		return nil
	}
	return p.patchMeta(ctx, base)
}

func (p *pass[T, R]) release(ctx context.Context, told event) error {
	base := p.obj.DeepCopyObject().(client.Object)
	controllerutil.RemoveFinalizer(p.obj, v1alpha1.Finalizer)
	if err := p.patchMeta(ctx, base); err != nil {
		return err
	}
	if told.reason != "" {
		p.event(told.reason, told.message)
	}
	return nil
}

// patchMeta writes a change of metadata under the resourceVersion and keeps the status that this pass has in hand.
func (p *pass[T, R]) patchMeta(ctx context.Context, base client.Object) error {
	written := p.obj.DeepCopyObject().(T)
	if err := p.Client.Patch(ctx, written, underVersion(base)); err != nil {
		return err
	}
	p.remember(written)
	p.obj.SetResourceVersion(written.GetResourceVersion())
	p.before.SetResourceVersion(written.GetResourceVersion())
	return nil
}

func (p *pass[T, R]) now() *metav1.Time {
	t := metav1.NewTime(p.Now().UTC().Truncate(time.Second))
	return &t
}

// landsWithin is how long a create request sent at that time may still take effect.
func (p *pass[T, R]) landsWithin(sent *metav1.Time) time.Duration {
	if sent == nil {
		return 0
	}
	timeout := 30 * time.Second
	if p.ext != nil {
		if conn, _ := p.ext.Connection(); conn != nil {
			timeout = conn.Timeout
		}
	}
	// Times in status have whole seconds; one more makes up for what was cut off.
	return max(0, sent.Add(timeout+landing+time.Second).Sub(p.Now()))
}

func (p *pass[T, R]) mayStillLand(sent *metav1.Time) bool { return p.landsWithin(sent) > 0 }

// turn makes sure that the pass may write: the limits of an Instance tell readers from writers.
func (p *pass[T, R]) turn() error {
	conn, group := p.ext.Connection()
	if conn == nil {
		return nil
	}
	return conn.writer(p.ticket(group))
}

// alone makes sure that the first object of its kind in an organization is made with no other beside it.
func (p *pass[T, R]) alone() (done func(made bool), err error) {
	in, ok := any(p.ext).(interface{ orgID() int64 })
	if !ok { // it is in no organization
		return func(bool) {}, nil
	}
	conn, group := p.ext.Connection()
	return conn.alone(in.orgID(), kindOf(p.obj), p.ticket(group))
}

// write sends requests that change Grafana, once the writer before has sent its own.
func (p *pass[T, R]) write(ctx context.Context, send func() error) error {
	if conn, group := p.ext.Connection(); conn != nil {
		done, err := conn.gate.begin(ctx, p.ticket(group))
		if err != nil {
			return err
		}
		defer done()
	}
	err := send()
	if in, ok := p.ext.(interface{ doubt() }); ok && err != nil {
		in.doubt()
	}
	return err
}

func (p *pass[T, R]) ticket(group string) ticket {
	key := ctrl.Request{NamespacedName: client.ObjectKeyFromObject(p.obj)}
	r := p.Reconciler // a ticket that waits must not hold on to the pass, and so to what a dashboard contains
	return ticket{kind: kindOf(p.obj), request: key, group: group, wake: func() { r.enqueue(key) }}
}

// mayWrite guesses whether the pass will write, so that it is let in as a writer at once. A wrong guess costs a second visit.
func (p *pass[T, R]) mayWrite() bool {
	status := p.obj.CommonStatus()
	return !p.obj.GetDeletionTimestamp().IsZero() || status.ObservedGeneration != p.obj.GetGeneration() || !isTrue(status.Conditions, v1alpha1.ConditionReady)
}

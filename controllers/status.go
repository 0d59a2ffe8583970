package controllers

import (
	"context"
	"errors"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana"
)

// verdict is what a pass means for the object's conditions and its next visit.
type verdict struct {
	ready           metav1.ConditionStatus
	reason, message string
	detail          string // for the log only
	reconciling     bool
	stalled         bool
	suspended       bool
	drifted         string                 // message of condition Drifted; empty: not drifted
	available       metav1.ConditionStatus // empty: stays as it is
	parked          bool
	rests           bool
	quiet           bool
	retry           bool
	after           time.Duration
	waitsFor        *types.NamespacedName
	suspect         *suspect
}

// judge says what came of the pass.
func (p *pass[T, R]) judge(err error) *verdict {
	var drift *drifted
	switch {
	case err == nil:
		return &verdict{ready: metav1.ConditionTrue, reason: v1alpha1.ReasonInSync, message: p.inSync(), available: p.available()}
	case errors.As(err, &drift):
		return &verdict{ready: metav1.ConditionTrue, reason: v1alpha1.ReasonDrifted, message: drift.Error(), drifted: drift.Error()}
	case errors.Is(err, errSuspended):
		return &verdict{suspended: true}
	case errors.Is(err, errParked):
		return &verdict{parked: true}
	case errors.Is(err, errRests):
		return &verdict{rests: true, ready: metav1.ConditionTrue, reason: v1alpha1.ReasonInSync}
	}
	pr := p.problemOf(err)
	v := &verdict{ready: metav1.ConditionFalse, reason: pr.Reason, message: p.told(err), detail: err.Error(), reconciling: !pr.Stalled, stalled: pr.Stalled,
		retry: pr.Retry, after: pr.RetryAfter, waitsFor: pr.waitsFor, quiet: pr.quiet, suspect: pr.suspect, available: p.available()}
	switch {
	case pr.Unavailable:
		v.available = metav1.ConditionFalse
	case p.have == nil && !pr.Retry && pr.waitsFor == nil:
		v.available = metav1.ConditionFalse
	}
	if was := meta.FindStatusCondition(p.first.CommonStatus().Conditions, v1alpha1.ConditionReady); (pr.Retry || pr.waitsFor != nil) && was != nil && was.Status != metav1.ConditionFalse {
		v.ready = metav1.ConditionUnknown
	}
	return v
}

// problemOf is what an error means for the object, and when it is worth another look.
func (p *pass[T, R]) problemOf(err error) *problem {
	pr := classify(err, p.instance())
	switch in, ok := p.ext.(interface{ forbidden() *suspect }); {
	case ok && grafana.IsForbidden(err) && pr.Stalled:
		pr.suspect, pr.RetryAfter = in.forbidden(), p.afterRefusal(pr.Reason)
	case grafana.IsNotGrafana(err) && pr.Stalled && !isRoot(p.obj): // nobody tells when it is over
		pr.RetryAfter = p.afterRefusal(pr.Reason)
	}
	return pr
}

// inSync says of an object that it is as it is asked for, in the words of its kind if that has any.
func (p *pass[T, R]) inSync() string {
	if own, ok := any(p.ext).(interface{ InSync() string }); ok {
		return own.InSync()
	}
	return "Grafana holds what is asked for"
}

// told is what the object's conditions say of an error. Tenants are told all but where Grafana is.
func (p *pass[T, R]) told(err error) string {
	text := err.Error()
	if isTenants(p.obj) {
		text = grafana.Public(err)
	}
	proven := !grafana.IsUnavailable(err) && !grafana.IsNotGrafana(err)
	if proven || p.obj.GetDeletionTimestamp().IsZero() || strings.Contains(text, v1alpha1.AnnotationAbandon) {
		return text
	}
	return text + "; annotate this object " + v1alpha1.AnnotationAbandon + "=true to let go of it as it is"
}

// afterRefusal is soon at first: the operator's login may just have to join the organization again, or a proxy is
// being set up anew. Then it is a minute: for as long does Grafana remember permissions.
func (p *pass[T, R]) afterRefusal(reason string) time.Duration {
	if was := meta.FindStatusCondition(p.first.CommonStatus().Conditions, v1alpha1.ConditionReady); was != nil && was.Reason == reason {
		return time.Minute
	}
	return 5 * time.Second
}

// available is True once the object was found in Grafana and is ours, and else unknown to this pass.
func (p *pass[T, R]) available() metav1.ConditionStatus {
	if p.have != nil {
		return metav1.ConditionTrue
	}
	return ""
}

// drifted is the verdict on an object that was edited in Grafana and whose policy lets that stand.
type drifted struct{ message string }

func (d *drifted) Error() string { return d.message }

// applyVerdict writes the verdict into the object's conditions.
func (p *pass[T, R]) applyVerdict(v *verdict) {
	if v.suspended {
		c := metav1.Condition{Type: v1alpha1.ConditionReady, Status: metav1.ConditionUnknown}
		if was := meta.FindStatusCondition(p.obj.CommonStatus().Conditions, v1alpha1.ConditionReady); was != nil {
			c = *was // it speaks of the generation that it spoke of
		}
		c.Reason, c.Message = v1alpha1.ReasonSuspended, "spec.suspend is set: nothing is written to Grafana"
		meta.SetStatusCondition(&p.obj.CommonStatus().Conditions, c)
		return
	}
	if p.looked || !isForgotten(p.obj) {
		p.obj.CommonStatus().ObservedGeneration = p.obj.GetGeneration()
	}
	p.set(v1alpha1.ConditionReady, v.ready, v.reason, v.message)
	p.setWhile(v1alpha1.ConditionReconciling, v.reconciling, v.reason, v.message)
	p.setWhile(v1alpha1.ConditionStalled, v.stalled, v.reason, v.message)
	p.setWhile(v1alpha1.ConditionDrifted, v.drifted != "", v1alpha1.ReasonDrifted, v.drifted)
	if v.available != "" && isParent(p.obj) {
		p.set(v1alpha1.ConditionAvailable, v.available, v.reason, v.message)
	}
}

// mark says in the conditions of a new object what the pass is about to do. On one that the conditions speak of already, their last word stands until there is a new one: a key that is rotated
// works all the time.
func (p *pass[T, R]) mark(reason, message string) {
	if was := meta.FindStatusCondition(p.obj.CommonStatus().Conditions, v1alpha1.ConditionReady); was != nil && was.Status != metav1.ConditionUnknown {
		return
	}
	p.set(v1alpha1.ConditionReady, metav1.ConditionFalse, reason, message)
	p.setWhile(v1alpha1.ConditionReconciling, true, reason, message)
	p.setWhile(v1alpha1.ConditionStalled, false, "", "")
}

// maxMessage keeps a long answer of Grafana's from filling the object.
const maxMessage = 1000

func (p *pass[T, R]) set(kind string, status metav1.ConditionStatus, reason, message string) {
	message = truncate(message)
	meta.SetStatusCondition(&p.obj.CommonStatus().Conditions, metav1.Condition{
		Type: kind, Status: status, Reason: reason, Message: message, ObservedGeneration: p.obj.GetGeneration(),
	})
}

// setWhile keeps a condition that is only there while it is True.
func (p *pass[T, R]) setWhile(kind string, on bool, reason, message string) {
	if on {
		p.set(kind, metav1.ConditionTrue, reason, message)
	} else {
		meta.RemoveStatusCondition(&p.obj.CommonStatus().Conditions, kind)
	}
}

// writeStatus writes the status if it differs from what was read, under the resourceVersion: a verdict on a stale object is refused.
func (p *pass[T, R]) writeStatus(ctx context.Context) error {
	base := p.before.DeepCopyObject().(T)
	if equality.Semantic.DeepEqual(statusOf(base), statusOf(p.obj)) {
		return nil
	}
	written := p.obj.DeepCopyObject().(T)
	if err := p.Client.Status().Patch(ctx, written, underVersion(base)); err != nil {
		return err
	}
	p.remember(written)
	p.obj.SetResourceVersion(written.GetResourceVersion())
	p.before = p.obj.DeepCopyObject().(T)
	return nil
}

// keepStatus writes the status as writeStatus does. If only the rest of the object has changed meanwhile, as when it is deleted, what was learned is written all the same: it is about
// Grafana, and still true.
func (p *pass[T, R]) keepStatus(ctx context.Context) error {
	err := p.writeStatus(ctx)
	if !apierrors.IsConflict(err) {
		return err
	}
	live := p.Kind.New()
	if lerr := p.Live.Get(ctx, client.ObjectKeyFromObject(p.obj), live); lerr != nil {
		return lerr
	}
	if live.GetUID() != p.obj.GetUID() || !equality.Semantic.DeepEqual(statusOf(live), statusOf(p.before)) {
		return err
	}
	p.before.SetResourceVersion(live.GetResourceVersion())
	p.obj.SetResourceVersion(live.GetResourceVersion())
	return p.writeStatus(ctx)
}

// underVersion is a patch that the API server refuses if the object has changed since base.
func underVersion(base client.Object) client.Patch {
	return client.MergeFromWithOptions(base, client.MergeFromWithOptimisticLock{})
}

// released reports whether the pass has let go of an object that is being deleted: it is gone, and has no status any more.
func (p *pass[T, R]) released() bool {
	return !p.obj.GetDeletionTimestamp().IsZero() && !controllerutil.ContainsFinalizer(p.obj, v1alpha1.Finalizer)
}

// statusOf is the whole status of an object.
func statusOf(obj client.Object) any {
	switch o := obj.(type) {
	case *v1alpha1.Instance:
		return o.Status
	case *v1alpha1.Organization:
		return o.Status
	case *v1alpha1.ServiceAccount:
		return o.Status
	case *v1alpha1.ServiceAccountToken:
		return o.Status
	case *v1alpha1.Dashboard:
		return o.Status
	}
	return nil
}

// wasSeen reports whether the object's status says what it has in Grafana, if only that it has nothing: an empty one that the operator has not written says nothing.
func wasSeen(obj Object) bool { return obj.CommonStatus().ObservedGeneration > 0 }

// isParent reports whether others refer to objects of this kind.
func isParent(obj client.Object) bool {
	switch obj.(type) {
	case *v1alpha1.Instance, *v1alpha1.Organization, *v1alpha1.ServiceAccount:
		return true
	}
	return false
}

// isTenants reports whether objects of this kind belong to tenants, who are not to be told where Grafana is.
func isTenants(obj client.Object) bool {
	switch obj.(type) {
	case *v1alpha1.ServiceAccount, *v1alpha1.ServiceAccountToken, *v1alpha1.Dashboard:
		return true
	}
	return false
}

func isTrue(conditions []metav1.Condition, kind string) bool {
	return meta.IsStatusConditionTrue(conditions, kind)
}

// event is something that happened in a pass.
type event struct{ reason, message string }

var eventCreated = event{v1alpha1.EventCreated, "Created in Grafana"}

func (p *pass[T, R]) event(reason, message string) {
	p.events = append(p.events, event{reason, message})
}

// emitEvents tells people what happened, in events and in the log.
func (p *pass[T, R]) emitEvents(ctx context.Context) {
	for _, e := range p.events {
		log.FromContext(ctx).Info(e.message, "reason", e.reason)
		p.Events.Eventf(p.obj, nil, corev1.EventTypeNormal, e.reason, e.reason, "%s", truncate(e.message))
	}
}

// emit tells people what happened, and what keeps the object from being Ready, once a change of reason.
func (p *pass[T, R]) emit(ctx context.Context, v *verdict) {
	p.emitEvents(ctx)
	was := meta.FindStatusCondition(p.first.CommonStatus().Conditions, v1alpha1.ConditionReady)
	switch {
	case v.suspended || was != nil && was.Reason == v.reason && was.Status == v.ready:
	case v.stalled || v.retry:
		log.FromContext(ctx).Info("not Ready: "+v.detail, "reason", v.reason)
		p.Events.Eventf(p.obj, nil, corev1.EventTypeWarning, v.reason, "Reconcile", "%s", truncate(v.message))
	case v.ready == metav1.ConditionTrue && was != nil:
		p.Events.Eventf(p.obj, nil, corev1.EventTypeNormal, v.reason, "Reconcile", "%s", v.message)
	}
}

// truncate cuts a message that is too long, at a rune's boundary.
func truncate(s string) string {
	n := maxMessage
	if len(s) <= n {
		return s
	}
	for n > 0 && s[n]&0xC0 == 0x80 {
		n--
	}
	return s[:n] + "…"
}

package lifecycle

import (
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"grafana-tenancy.dev/operator/api/v1alpha1"
)

// Event is something that happened in a pass.
type Event struct{ Reason, Message string }

// EventCreated is what people are told of an object that was made for the first time.
var EventCreated = Event{v1alpha1.EventCreated, "Created in Grafana"}

// Warn tells people of something that does not keep the object from being Ready.
func (e *Engine) Warn(obj Object, reason, message string) {
	e.Events.Eventf(obj, nil, corev1.EventTypeWarning, reason, "Reconcile", "%s", Truncate(message))
}

func (p *pass[T, R]) event(reason, message string) {
	p.events = append(p.events, Event{reason, message})
}

// emitEvents tells people what happened, in events and in the log.
func (p *pass[T, R]) emitEvents(ctx context.Context) {
	for _, e := range p.events {
		log.FromContext(ctx).Info(e.Message, "reason", e.Reason)
		// Where thousands of objects come at once, nobody reads so many events that tell what the conditions do, and
		// each is a write.
		if e == EventCreated && p.Creations != nil && !p.Creations.AllowN(p.Now(), 1) {
			continue
		}
		p.Events.Eventf(p.obj, nil, corev1.EventTypeNormal, e.Reason, e.Reason, "%s", Truncate(e.Message))
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
		p.Events.Eventf(p.obj, nil, corev1.EventTypeWarning, v.reason, "Reconcile", "%s", Truncate(v.message))
	case v.ready == metav1.ConditionTrue && was != nil && !p.hadToWait(was):
		p.Events.Eventf(p.obj, nil, corev1.EventTypeNormal, v.reason, "Reconcile", "%s", v.message)
	}
}

// hadToWait reports whether an object was created in this pass, and had nothing wrong with it before, but for what
// contains it, of which nobody was warned.
func (p *pass[T, R]) hadToWait(was *metav1.Condition) bool {
	waited := was.Reason == v1alpha1.ReasonParentNotFound || was.Reason == v1alpha1.ReasonParentNotAvailable
	return waited && slices.ContainsFunc(p.events, func(e Event) bool { return e.Reason == v1alpha1.EventCreated })
}

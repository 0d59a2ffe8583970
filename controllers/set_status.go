package controllers

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/rollout"
)

const (
	defaultMaxUnavailable   = "25%"
	defaultProgressDeadline = 10 * time.Minute
	// maxFailures is how many failures the status tells.
	maxFailures = 10
	// maxFailureMessage bounds each of them, in bytes.
	maxFailureMessage = 300
	// countsEvery is how often the counts in a status are written while nothing else in it changes.
	countsEvery = 10 * time.Second
)

// maxUnavailable is how many children may be made or changed, and not be Ready, at once.
func (p *setPass[S, C]) maxUnavailable() int {
	bound := intstr.FromString(defaultMaxUnavailable)
	if p.spec.Rollout.MaxUnavailable != nil {
		bound = *p.spec.Rollout.MaxUnavailable
	}
	n, err := intstr.GetScaledValueFromIntOrPercent(&bound, len(p.members), false)
	if err != nil { // the API server lets no other text through
		n = 1
	}
	return max(n, 1)
}

func (p *setPass[S, C]) deadline() time.Duration {
	if p.spec.Rollout.ProgressDeadline != nil {
		return p.spec.Rollout.ProgressDeadline.Duration
	}
	return defaultProgressDeadline
}

// progress is how far the roll-out has come by now.
func (p *setPass[S, C]) progress() (rollout.Progress, rollout.Counts) {
	was := rollout.Progress{
		Revision: p.status.CurrentRevision, Ready: int(p.status.Ready), Failed: int(p.status.Failed),
	}
	if p.status.LastProgressTime != nil {
		was.Since = p.status.LastProgressTime.Time
	}
	counts := rollout.Count(p.rollout())
	return was.Next(p.template.revision, counts, p.Now()), counts
}

// finish writes what came of the pass into the status, and returns what is to be tried again.
func (p *setPass[S, C]) finish(ctx context.Context, err error) error {
	var problem *lifecycle.Problem
	switch known := errors.As(err, &problem); {
	case ctx.Err() != nil:
		return err
	case p.spec.Paused:
		p.rest("spec.paused is set: nothing is made, changed or deleted")
		p.status.LastProgressTime = nil
	case known:
		if err = p.undone; err == nil {
			p.status.ObservedGeneration = p.set.GetGeneration()
		}
		p.tell(metav1.ConditionFalse, true, problem.Reason, problem.Message)
		p.condition(v1alpha1.ConditionProgressing, metav1.ConditionFalse, problem.Reason, problem.Message)
		p.lookAgain(lifecycle.DefaultResync) // all that it can be about is watched
	case err != nil:
		ready := metav1.ConditionFalse
		if meta.IsStatusConditionTrue(p.status.Conditions, v1alpha1.ConditionReady) {
			ready = metav1.ConditionUnknown
		}
		p.tell(ready, false, v1alpha1.ReasonFailed, err.Error())
	default:
		p.count()
	}
	lifecycle.Observe(p.set)
	return errors.Join(err, p.writeStatus(ctx))
}

// count tells how far the children are.
func (p *setPass[S, C]) count() {
	progress, counts := p.progress()
	s := p.status
	s.ObservedGeneration, s.CurrentRevision = p.set.GetGeneration(), p.template.revision
	s.Organizations, s.Ready, s.Failed = int64(len(p.members)), int64(counts.Ready), int64(counts.Failed)
	s.Updated, s.Failures, s.LastProgressTime = 0, nil, nil
	for _, m := range p.members {
		if m.updated {
			s.Updated++
		}
		if m.failure != nil && len(s.Failures) < maxFailures {
			s.Failures = append(s.Failures, v1alpha1.SetFailure{
				Organization: client.ObjectKeyFromObject(m.organization).String(), Reason: m.failure.Reason,
				Message: briefly(m.failure.Message),
			})
		}
	}
	if len(p.others) > 0 {
		p.lookAgain(lifecycle.DefaultResync)
	}
	if !progress.Since.IsZero() {
		s.LastProgressTime = &metav1.Time{Time: progress.Since.UTC().Truncate(time.Second)}
	}
	left := progress.TimeLeft(p.deadline(), p.Now())
	if counts.Left > 0 && left > 0 {
		p.lookAgain(left + time.Second) // it is told in whole seconds
	}
	p.conclude(counts, counts.Left > 0 && left == 0)
}

// lookAgain has the set looked at after a while at the latest.
func (p *setPass[S, C]) lookAgain(after time.Duration) {
	if p.again == 0 || after < p.again {
		p.again = after
	}
}

// conclude says in the conditions what the counts mean.
func (p *setPass[S, C]) conclude(counts rollout.Counts, late bool) {
	soFar := fmt.Sprintf("%d of %d are Ready as the template asks", counts.Ready, len(p.members))
	switch first := p.firstFailure(); {
	case p.template.resting && counts.Left == 0:
		p.rest("spec.template.spec.suspend is set: nothing is written to Grafana")
		return
	case late:
		message := fmt.Sprintf("%s, and none has become so for %s%s", soFar, p.deadline(), first)
		p.tell(metav1.ConditionFalse, true, v1alpha1.ReasonProgressDeadlineExceeded, message)
		p.condition(v1alpha1.ConditionProgressing, metav1.ConditionFalse,
			v1alpha1.ReasonProgressDeadlineExceeded, message)
		return
	case counts.Left > 0 && counts.Moving == 0:
		p.tell(metav1.ConditionFalse, true, v1alpha1.ReasonChildrenFailed, soFar+first)
	case counts.Left > 0:
		p.tell(metav1.ConditionFalse, false, v1alpha1.ReasonRollingOut, soFar+first)
	case counts.Waiting > 0:
		p.tell(metav1.ConditionFalse, false, v1alpha1.ReasonParentNotAvailable,
			fmt.Sprintf("%s; %d Organizations are not Available yet", soFar, counts.Waiting))
	default:
		p.tell(metav1.ConditionTrue, false, v1alpha1.ReasonInSync, soFar)
	}
	reason := v1alpha1.ReasonRollingOut
	if counts.Left == 0 {
		reason = v1alpha1.ReasonInSync
	}
	p.condition(v1alpha1.ConditionProgressing, metav1.ConditionTrue, reason, soFar)
}

// firstFailure is what is known of the first that failed.
func (p *setPass[S, C]) firstFailure() string {
	if len(p.status.Failures) == 0 {
		return ""
	}
	f := p.status.Failures[0]
	return fmt.Sprintf("; %d failed, such as that of Organization %s (%s): %s", p.status.Failed, f.Organization,
		f.Reason, f.Message)
}

func briefly(text string) string {
	if len(text) <= maxFailureMessage {
		return text
	}
	n := maxFailureMessage
	for text[n]&0xC0 == 0x80 {
		n--
	}
	return text[:n] + "…"
}

// rest says that nothing is done, and leaves the rest of what was said.
func (p *setPass[S, C]) rest(message string) {
	c := metav1.Condition{Type: v1alpha1.ConditionReady, Status: metav1.ConditionUnknown}
	if was := meta.FindStatusCondition(p.status.Conditions, v1alpha1.ConditionReady); was != nil {
		c = *was // it speaks of the generation that it spoke of
	}
	c.Reason, c.Message = v1alpha1.ReasonSuspended, message
	meta.SetStatusCondition(&p.status.Conditions, c)
	p.condition(v1alpha1.ConditionProgressing, metav1.ConditionUnknown, v1alpha1.ReasonSuspended, message)
}

// tell says how the set stands.
func (p *setPass[S, C]) tell(ready metav1.ConditionStatus, stalled bool, reason, message string) {
	p.condition(v1alpha1.ConditionReady, ready, reason, message)
	for condition, is := range map[string]bool{
		v1alpha1.ConditionStalled:     stalled,
		v1alpha1.ConditionReconciling: !stalled && ready != metav1.ConditionTrue,
	} {
		if is {
			p.condition(condition, metav1.ConditionTrue, reason, message)
		} else {
			meta.RemoveStatusCondition(&p.status.Conditions, condition)
		}
	}
}

func (p *setPass[S, C]) condition(kind string, status metav1.ConditionStatus, reason, message string) {
	meta.SetStatusCondition(&p.status.Conditions, metav1.Condition{
		Type: kind, Status: status, Reason: reason, Message: lifecycle.Truncate(message),
		ObservedGeneration: p.set.GetGeneration(),
		LastTransitionTime: metav1.NewTime(p.Now().UTC().Truncate(time.Second)),
	})
}

// writeStatus writes the status if it differs from what was read. What only counts is written now and then.
func (p *setPass[S, C]) writeStatus(ctx context.Context) error {
	_, before := p.before.Set()
	if equality.Semantic.DeepEqual(before, p.status) {
		return nil
	}
	known := p.remembered()
	if wait := known.wrote.Add(countsEvery).Sub(p.Now()); wait > 0 && essence(before) == essence(p.status) {
		p.lookAgain(wait)
		return nil
	}
	written := p.set.DeepCopyObject().(S)
	if err := p.Client.Status().Patch(ctx, written, lifecycle.UnderVersion(p.before)); err != nil {
		return err
	}
	known.wrote = p.Now()
	p.remember(known)
	p.event(before)
	return nil
}

// essence is what of a status is told at once.
func essence(s *v1alpha1.SetStatus) string {
	text := fmt.Sprint(s.ObservedGeneration, s.CurrentRevision, s.Failed > 0)
	for _, c := range s.Conditions {
		text += fmt.Sprint(" ", c.Type, c.Status, c.Reason, c.ObservedGeneration)
	}
	return text
}

// event tells people, once a change of reason, how the set stands.
func (p *setPass[S, C]) event(before *v1alpha1.SetStatus) {
	was := meta.FindStatusCondition(before.Conditions, v1alpha1.ConditionReady)
	is := meta.FindStatusCondition(p.status.Conditions, v1alpha1.ConditionReady)
	if was != nil && was.Reason == is.Reason && was.Status == is.Status {
		return
	}
	kind := corev1.EventTypeNormal
	if meta.IsStatusConditionTrue(p.status.Conditions, v1alpha1.ConditionStalled) {
		kind = corev1.EventTypeWarning
	}
	p.Events.Eventf(p.set, nil, kind, is.Reason, "Reconcile", "%s", lifecycle.Truncate(is.Message))
}

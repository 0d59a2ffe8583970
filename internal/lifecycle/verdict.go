package lifecycle

import (
	"errors"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/connection"
	"grafana-tenancy.dev/operator/internal/grafana"
)

// Drifted is the verdict on an object that was edited in Grafana and whose policy lets that stand.
type Drifted struct{ Message string }

func (d *Drifted) Error() string { return d.Message }

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
	queued          bool
	unvisited       bool
	keepConditions  bool
	retry           bool
	after           time.Duration
	waitsFor        *types.NamespacedName
	suspect         *Suspect
}

// judge says what came of the pass.
func (p *pass[T, R]) judge(err error) *verdict {
	var drift *Drifted
	switch {
	case err == nil:
		return &verdict{
			ready:     metav1.ConditionTrue,
			reason:    v1alpha1.ReasonInSync,
			message:   p.inSync(),
			available: p.available(),
		}
	case errors.As(err, &drift):
		return &verdict{
			ready:   metav1.ConditionTrue,
			reason:  v1alpha1.ReasonDrifted,
			message: drift.Error(),
			drifted: drift.Error(),
		}
	case errors.Is(err, errSuspended):
		return &verdict{suspended: true}
	case errors.Is(err, connection.ErrQueued):
		return &verdict{queued: true}
	case errors.Is(err, errUnvisited):
		return &verdict{unvisited: true, ready: metav1.ConditionTrue, reason: v1alpha1.ReasonInSync}
	}
	pr := p.problemOf(err)
	v := &verdict{
		ready:          metav1.ConditionFalse,
		reason:         pr.Reason,
		message:        p.redacted(err),
		detail:         err.Error(),
		reconciling:    !pr.Stalled,
		stalled:        pr.Stalled,
		retry:          pr.Retry,
		after:          pr.RetryAfter,
		waitsFor:       pr.WaitsFor,
		keepConditions: pr.KeepConditions,
		suspect:        pr.Suspect,
		available:      p.available(),
	}
	switch {
	case pr.Unavailable:
		v.available = metav1.ConditionFalse
	case p.have == nil && !pr.Retry && pr.WaitsFor == nil:
		v.available = metav1.ConditionFalse
	}
	if was := meta.FindStatusCondition(
		p.first.CommonStatus().Conditions,
		v1alpha1.ConditionReady,
	); (pr.Retry || pr.WaitsFor != nil) && was != nil &&
		was.Status != metav1.ConditionFalse {
		v.ready = metav1.ConditionUnknown
	}
	return v
}

// problemOf is what an error means for the object, and when it is worth another look.
func (p *pass[T, R]) problemOf(err error) *Problem {
	pr := Classify(err, p.server())
	switch in, ok := p.ext.(Contained); {
	case ok && grafana.IsForbidden(err) && pr.Stalled:
		pr.Suspect, pr.RetryAfter = in.Forbidden(), p.afterRefusal(pr.Reason)
	case grafana.IsNotGrafana(err) && pr.Stalled && p.kind.Parent != nil: // nobody tells when it is over
		pr.RetryAfter = p.afterRefusal(pr.Reason)
	}
	return pr
}

// inSync says of an object that it is as it is asked for, in the words of its kind if that has any.
func (p *pass[T, R]) inSync() string {
	if own, ok := p.ext.(Describer); ok {
		return own.InSync()
	}
	return "Grafana holds what is asked for"
}

// redacted is what the object's conditions say of an error. Tenants are told all but where Grafana is.
func (p *pass[T, R]) redacted(err error) string {
	text := err.Error()
	if p.kind.Tenant {
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
	if was := meta.FindStatusCondition(
		p.first.CommonStatus().Conditions,
		v1alpha1.ConditionReady,
	); was != nil &&
		was.Reason == reason {
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

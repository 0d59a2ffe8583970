package controllers

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana"
)

// problem is an error that says what it means for the object: it waits for something that is watched, it is stalled until somebody changes something, or it is tried again.
type problem struct {
	Reason, Message string
	Stalled         bool                  // somebody has to change something first
	Retry           bool                  // it may go away by itself: try again with backoff
	Unavailable     bool                  // others cannot act in the object now
	RetryAfter      time.Duration         // look again then; 0: at the resync, or by backoff if Retry
	waitsFor        *types.NamespacedName // an Instance: the object is visited when it is available again
	quiet           bool                  // nothing is known yet: what the conditions say stands
	suspect         *suspect              // what should be looked at now, since the trouble seems to be there
	err             error
}

// suspect names an object that others had trouble with.
type suspect struct {
	kind string
	key  types.NamespacedName
}

func (p *problem) Error() string { return p.Message }
func (p *problem) Unwrap() error { return p.err }

// stalled is a problem that somebody has to do something about.
func stalled(reason, format string, args ...any) *problem {
	return &problem{Reason: reason, Message: fmt.Sprintf(format, args...), Stalled: true}
}

// waiting is a problem that goes away when something changes that is watched.
func waiting(reason, format string, args ...any) *problem {
	return &problem{Reason: reason, Message: fmt.Sprintf(format, args...)}
}

var (
	// errSuspended ends the pass of an object with spec.suspend.
	errSuspended = errors.New("suspended")
	// errParked ends a pass that has to wait its turn; it is woken when the turn comes.
	errParked = errors.New("waiting for a turn")
	// errRests ends the first visit after a start to what was in sync before.
	errRests = errors.New("in sync, as far as is known")
	// errGone says that the place an object was in does not exist any more, so that nothing of it can be left.
	errGone = errors.New("gone with what contained it")
)

func isGone(err error) bool { return errors.Is(err, errGone) }

// classify makes a problem of any error of a pass. What an answer proves is in the table of verdicts; here is what
// that means for an object. Somebody else's refusal is told like Grafana's own, with what was asked and what came
// back, since the Instance may be well all the while.
func classify(err error, instance types.NamespacedName) *problem {
	var own *problem
	if errors.As(err, &own) {
		return own
	}
	p := &problem{Message: err.Error(), err: err}
	server := &suspect{kind: "Instance", key: instance}
	switch grafana.VerdictOf(err) {
	case grafana.RateLimited:
		p.Reason, p.Retry, p.RetryAfter = v1alpha1.ReasonRateLimited, true, grafana.RetryAfter(err)
	case grafana.Unauthorized:
		p.Reason, p.Retry, p.suspect = v1alpha1.ReasonInvalidCredentials, true, server
	case grafana.NoAnswer, grafana.Untrusted, grafana.Failing:
		p.Reason, p.Retry, p.RetryAfter = v1alpha1.ReasonGrafanaUnavailable, true, grafana.RetryAfter(err)
		p.suspect = server
	case grafana.Foreign:
		p.suspect = server
		if grafana.IsUnsure(err) || grafana.IsRedirect(err) { // nobody refused anything
			p.Reason, p.Retry = v1alpha1.ReasonGrafanaUnavailable, true
		} else {
			p.Reason, p.Stalled = v1alpha1.ReasonRefused, true
		}
	case grafana.Changed: // somebody wrote in between: look again
		p.Reason, p.Retry = v1alpha1.ReasonRefused, true
	case grafana.Forbidden:
		p.Reason, p.Stalled = v1alpha1.ReasonForbidden, true
	case grafana.TooLarge:
		p.Reason, p.Stalled = v1alpha1.ReasonTooLarge, true
	case grafana.Absent, grafana.Taken, grafana.Refused:
		p.Reason, p.Stalled = v1alpha1.ReasonRefused, true
	default:
		p.Reason, p.Retry = v1alpha1.ReasonFailed, true
	}
	return p
}

// counts writes {"Dashboard": 2, "ServiceAccount": 1} as "2 Dashboards, 1 ServiceAccount".
func counts(of map[string]int) string {
	var parts []string
	for kind, n := range of {
		if n != 1 {
			kind += "s"
		}
		parts = append(parts, fmt.Sprintf("%d %s", n, kind))
	}
	slices.Sort(parts)
	return strings.Join(parts, ", ")
}

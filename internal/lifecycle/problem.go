package lifecycle

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

// Problem is an error that says what it means for the object: it waits for something that is watched, it is stalled
// until somebody changes something, or it is tried again.
type Problem struct {
	Reason, Message string
	Stalled         bool                  // somebody has to change something first
	Retry           bool                  // it may go away by itself: try again with backoff
	Unavailable     bool                  // others cannot act in the object now
	RetryAfter      time.Duration         // look again then; 0: at the resync, or by backoff if Retry
	WaitsFor        *types.NamespacedName // a server: the object is visited when it is available again
	KeepConditions  bool                  // nothing is known yet: what the conditions say stands
	Suspect         *Suspect              // what should be looked at now, since the trouble seems to be there
	Err             error
}

// Suspect names an object that others had trouble with.
type Suspect struct {
	Kind string
	Key  types.NamespacedName
}

func (p *Problem) Error() string { return p.Message }
func (p *Problem) Unwrap() error { return p.Err }

// Stalled is a problem that somebody has to do something about.
func Stalled(reason, format string, args ...any) *Problem {
	return &Problem{Reason: reason, Message: fmt.Sprintf(format, args...), Stalled: true}
}

// Waiting is a problem that goes away when something changes that is watched.
func Waiting(reason, format string, args ...any) *Problem {
	return &Problem{Reason: reason, Message: fmt.Sprintf(format, args...)}
}

// IsStalled reports whether an error is a problem that somebody has to do something about.
func IsStalled(err error) bool {
	var p *Problem
	return errors.As(err, &p) && p.Stalled
}

var (
	// errSuspended ends the pass of an object with spec.suspend.
	errSuspended = errors.New("suspended")
	// errUnvisited ends the first visit after a start to what was in sync before.
	errUnvisited = errors.New("in sync, as far as is known")
	// ErrGone says that the place an object was in does not exist any more, so that nothing of it can be left.
	ErrGone = errors.New("gone with what contained it")
	// ErrLeft says that a Create failed, and that what it has made is in Grafana all the same: the intent stays.
	ErrLeft = errors.New("left in Grafana")
	// ErrLost says that what contains an object has looked for its mark in all of Grafana, and that there is none.
	ErrLost = errors.New("nothing carries the mark")
)

func isGone(err error) bool { return errors.Is(err, ErrGone) }

// Classify makes a problem of any error of a pass. What an answer proves is in the table of verdicts; here is what
// that means for an object. Somebody else's refusal is told like Grafana's own, with what was asked and what came
// back, since the server may be well all the while.
func Classify(err error, server types.NamespacedName) *Problem {
	var own *Problem
	if errors.As(err, &own) {
		return own
	}
	p := &Problem{Message: err.Error(), Err: err}
	suspect := &Suspect{Key: server}
	switch grafana.VerdictOf(err) {
	case grafana.RateLimited:
		p.Reason, p.Retry, p.RetryAfter = v1alpha1.ReasonRateLimited, true, grafana.RetryAfter(err)
	case grafana.Unauthorized:
		p.Reason, p.Retry, p.Suspect = v1alpha1.ReasonInvalidCredentials, true, suspect
	case grafana.NoAnswer, grafana.Untrusted, grafana.Failing:
		p.Reason, p.Retry, p.RetryAfter = v1alpha1.ReasonGrafanaUnavailable, true, grafana.RetryAfter(err)
		p.Suspect = suspect
	case grafana.Foreign:
		p.Suspect = suspect
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

// counts writes {"Book": 2, "Shelf": 1} as "2 Books, 1 Shelf".
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

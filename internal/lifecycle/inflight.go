package lifecycle

import (
	"context"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"grafana-tenancy.dev/operator/api/v1alpha1"
)

// inFlightGrace is how long after its time-out a request may still take effect in Grafana.
const inFlightGrace = 30 * time.Second

// inFlight is how long a create request sent at that time may still take effect.
func (p *pass[T, R]) inFlight(sent *metav1.Time) time.Duration {
	if sent == nil {
		return 0
	}
	timeout := 30 * time.Second
	if conn, _ := p.connection(); conn != nil {
		timeout = conn.Timeout
	}
	// Times in status have whole seconds; one more makes up for what was cut off.
	return max(0, sent.Add(timeout+inFlightGrace+time.Second).Sub(p.Now()))
}

func (p *pass[T, R]) mayBeInFlight(sent *metav1.Time) bool { return p.inFlight(sent) > 0 }

// settle forgets the intent once no request that creates can land any more.
func (p *pass[T, R]) settle() {
	if status := p.obj.CommonStatus(); !p.mayBeInFlight(status.CreateStarted) {
		status.CreateStarted = nil
	}
}

// waitForEarlier fails while a request that no status tells of may still make the object under its own mark, and it
// would be made under another one now.
func (p *pass[T, R]) waitForEarlier() error {
	now, before := p.foundByObject()
	left := p.inFlight(p.obj.CommonStatus().CreateStarted)
	if p.have != nil || !p.recalled || now || !before || left <= 0 {
		return nil
	}
	return &Problem{Reason: v1alpha1.ReasonCreating, RetryAfter: left, Message: "waiting until a request that an " +
		"earlier process may have sent to create it, before its spec changed, can no longer take effect"}
}

// find looks for what the object has in Grafana. Where no status tells of a request to create it, there was one at
// most: if this is what it made, none is under way any more. In a deletion that is not written down, since perhaps
// nothing else in status tells that there is something.
func (p *pass[T, R]) find(ctx context.Context) (err error) {
	if p.have, err = p.ext.Find(ctx); err != nil {
		return err
	}
	own, ok := p.ext.(Derived[R])
	p.landed = ok && p.recalled && p.have != nil && own.HasMark(p.have)
	if p.landed && p.obj.GetDeletionTimestamp().IsZero() {
		p.obj.CommonStatus().CreateStarted = p.first.CommonStatus().CreateStarted
	}
	return nil
}

// waitForLanding holds the finalizer while a request to create the object may still take effect.
func (p *pass[T, R]) waitForLanding() error {
	sent := p.obj.CommonStatus().CreateStarted
	if p.landed {
		sent = p.first.CommonStatus().CreateStarted
	}
	left := p.inFlight(sent)
	if left <= 0 {
		return nil
	}
	message := "waiting until a request to create it, whose answer was lost, can no longer take effect"
	if p.recalled {
		message = "its status does not tell whether a request to create it was sent: " +
			"waiting until one can no longer take effect"
	}
	return &Problem{Reason: v1alpha1.ReasonDeleting, RetryAfter: left, Message: message}
}

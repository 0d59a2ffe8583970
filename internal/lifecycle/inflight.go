package lifecycle

import (
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

// waitForLanding holds the finalizer while a request to create the object may still take effect.
func (p *pass[T, R]) waitForLanding() error {
	left := p.inFlight(p.obj.CommonStatus().CreateStarted)
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

package lifecycle

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Outcome is what came of one pass, for those who watch the lifecycle at work.
type Outcome struct {
	// Kind of the object, and its Key.
	Kind string
	Key  types.NamespacedName
	// Differs names what was found to differ from the spec, and was to be put right.
	Differs []string
	// Events are what people were told.
	Events []Event
	// Queued and Unvisited say that the pass has not looked into Grafana: it waits for its turn, or the process has
	// just begun, and the object was in sync as far as Kubernetes can tell.
	Queued, Unvisited bool
	// Gone says that the object was let go of.
	Gone bool
	// Ready, Reason and Message are the verdict. Ready is empty where there is none.
	Ready           metav1.ConditionStatus
	Reason, Message string
	// Stalled says that somebody has to change something first.
	Stalled bool
	// Suspended says that nothing is written, by the spec.
	Suspended bool
	// Tried says that the reason may go away by itself, as an outage does.
	Tried bool
}

// tell says what came of the pass to whoever watches.
func (p *pass[T, R]) tell(v *verdict) {
	if p.Told == nil {
		return
	}
	p.Told(Outcome{
		Kind: p.name, Key: client.ObjectKeyFromObject(p.obj), Differs: p.diff, Events: p.events,
		Queued: v.queued, Unvisited: v.unvisited, Gone: p.released(),
		Ready: v.ready, Reason: v.reason, Message: v.message,
		Stalled: v.stalled, Suspended: v.suspended, Tried: v.retry,
	})
}

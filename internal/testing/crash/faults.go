package crash

import (
	"net/http"
	"slices"
	"strings"
)

// Fault is what happens at one point of a run: a request to Grafana, a write to Kubernetes, or a read of the object
// that a pass is about.
type Fault string

// Faults. What each does is in transport.RoundTrip and World.write.
const (
	None       Fault = ""
	Unsent     Fault = "not sent"
	Refused    Fault = "refused, no effect"
	DropAfter  Fault = "took effect, answer lost"
	FailAfter  Fault = "took effect, answered 500"
	Late       Fault = "no answer, lands later"
	Denied     Fault = "a gateway's 404, no effect"
	DeadBefore Fault = "process dies before"
	DeadAfter  Fault = "process dies after"
	Usurped    Fault = "another manager takes over before"
	Stale      Fault = "stale read"
	Ancient    Fault = "read of the oldest version"
)

// Point is a place in a run where something can go wrong.
type Point struct {
	Where string // "grafana", "kubernetes" or "read"
	What  string
}

func (p Point) faults() []Fault {
	switch {
	case p.Where == "read":
		return []Fault{Stale, Ancient}
	case p.Where == "kubernetes":
		return []Fault{Refused, DropAfter, DeadBefore, DeadAfter, Usurped}
	case strings.HasPrefix(p.What, http.MethodGet):
		return []Fault{Refused, Denied, DeadBefore}
	}
	return []Fault{Unsent, Refused, Denied, DropAfter, FailAfter, Late, DeadBefore, DeadAfter, Usurped}
}

// died unwinds a pass whose process was killed.
type died struct{}

// pass is called at every point where something can go wrong, and says what does.
func (w *World) pass(where, what string) Fault {
	w.note("%s %s", where, what)
	if !w.armed {
		return None
	}
	p := Point{where, what}
	w.Points = append(w.Points, p)
	if w.FailAt < 0 || len(w.Points) <= w.FailAt || !slices.Contains(p.faults(), w.fault) ||
		!strings.HasPrefix(where+" "+what, w.Only) {
		return None
	}
	if w.spare > 0 {
		w.spare--
		return None
	}
	w.FailAt = -1
	if w.fault == Usurped {
		w.usurp()
		return None
	}
	return w.fault
}

// Arm sets the fault at the k-th point from now on, or the next one after it where it can happen.
func (w *World) Arm(k int, f Fault) {
	w.armed, w.FailAt, w.fault, w.Points = true, k, f, nil
	w.Only, w.spare = "", 0
}

package crash

import (
	"net/http"
	"slices"
	"strings"
)

// fault is what happens at one point of a run: a request to Grafana, a write to Kubernetes, or a read of the object
// that a pass is about.
type fault string

const (
	None       fault = ""
	unsent     fault = "not sent"
	refused    fault = "refused, no effect"
	DropAfter  fault = "took effect, answer lost"
	failAfter  fault = "took effect, answered 500"
	late       fault = "no answer, lands later"
	denied     fault = "a gateway's 404, no effect"
	DeadBefore fault = "process dies before"
	deadAfter  fault = "process dies after"
	usurped    fault = "another manager takes over before"
	Stale      fault = "stale read"
	ancient    fault = "read of the oldest version"
)

// point is a place in a run where something can go wrong.
type point struct {
	Where string // "grafana", "kubernetes" or "read"
	What  string
}

func (p point) faults() []fault {
	switch {
	case p.Where == "read":
		return []fault{Stale, ancient}
	case p.Where == "kubernetes":
		return []fault{refused, DropAfter, DeadBefore, deadAfter, usurped}
	case strings.HasPrefix(p.What, http.MethodGet):
		return []fault{refused, denied, DeadBefore}
	}
	return []fault{unsent, refused, denied, DropAfter, failAfter, late, DeadBefore, deadAfter, usurped}
}

// died unwinds a pass whose process was killed.
type died struct{}

// pass is called at every point where something can go wrong, and says what does.
func (w *World) pass(where, what string) fault {
	w.note("%s %s", where, what)
	if !w.armed {
		return None
	}
	p := point{where, what}
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
	if w.fault == usurped {
		w.usurp()
		return None
	}
	return w.fault
}

// Arm sets the fault at the k-th point from now on, or the next one after it where it can happen.
func (w *World) Arm(k int, f fault) {
	w.armed, w.FailAt, w.fault, w.Points = true, k, f, nil
	w.Only, w.spare = "", 0
}

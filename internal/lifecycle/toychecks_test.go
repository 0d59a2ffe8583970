package lifecycle_test

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/lifecycle"
)

// steps checks what was asked and written since the last look.
func (w *world) steps(want string) {
	w.t.Helper()
	if got := strings.Join(w.log, ", "); got != want {
		w.t.Errorf("steps:\n got %s\nwant %s", got, want)
	}
	w.log = nil
}

// told checks which events there were since the last look.
func (w *world) told(want ...string) {
	w.t.Helper()
	if !slices.Equal(w.events, want) {
		w.t.Errorf("events:\n got %q\nwant %q", w.events, want)
	}
	w.events = nil
}

func (w *world) forgetLog() { w.log, w.events, w.queued = nil, nil, nil }

// conditions checks the conditions of an object.
func (w *world) conditions(o lifecycle.Object, want string) {
	w.t.Helper()
	var all []string
	for _, c := range o.CommonStatus().Conditions {
		all = append(all, fmt.Sprintf("%s=%s %s", c.Type, c.Status, c.Reason))
	}
	slices.Sort(all)
	if got := strings.Join(all, ", "); got != want {
		w.t.Errorf("conditions of %s: got %q, want %q", o.GetName(), got, want)
	}
}

// message is that of the condition Ready.
func message(o lifecycle.Object) string {
	if c := meta.FindStatusCondition(o.CommonStatus().Conditions, v1alpha1.ConditionReady); c != nil {
		return c.Message
	}
	return ""
}

// gone checks that the object has been released.
func (w *world) gone(o client.Object) {
	w.t.Helper()
	if w.reload(o) {
		w.t.Errorf("%s is still there, with finalizers %v", o.GetName(), o.GetFinalizers())
	}
}

// goneEverywhere checks that the object is gone, and that nothing of it is left in Grafana.
func (w *world) goneEverywhere(o client.Object) {
	w.t.Helper()
	w.gone(o)
	if len(w.things) != 0 {
		w.t.Errorf("it is still in Grafana: %+v", w.things)
	}
}

// stays checks that the object has not been released.
func (w *world) stays(o client.Object) {
	w.t.Helper()
	if !w.reload(o) {
		w.t.Errorf("%s has been released", o.GetName())
	}
}

// near checks a wait, which may be spread by a tenth.
func (w *world) near(got ctrl.Result, want time.Duration) {
	w.t.Helper()
	if (got.RequeueAfter - want).Abs() > want/10 {
		w.t.Errorf("comes again after %s, want %s", got.RequeueAfter, want)
	}
}

// exactly checks a wait that is not spread.
func (w *world) exactly(got ctrl.Result, want time.Duration) {
	w.t.Helper()
	if got.RequeueAfter != want {
		w.t.Errorf("comes again after %s, want %s", got.RequeueAfter, want)
	}
}

// recorder keeps events.
type recorder struct{ w *world }

func (r recorder) Eventf(_, _ runtime.Object, kind, reason, _, note string, args ...any) {
	r.w.events = append(r.w.events, fmt.Sprintf("%s %s: %s", kind, reason, fmt.Sprintf(note, args...)))
}

// queue keeps the visits that are asked for.
type queue struct {
	workqueue.TypedRateLimitingInterface[ctrl.Request]
	w    *world
	kind string
}

func (q queue) Add(r ctrl.Request) { q.w.queued = append(q.w.queued, q.kind+" "+r.Name) }

// conflict is what the API server says of a write on a stale object.
func conflict() error {
	return apierrors.NewConflict(corev1.Resource("shelves"), "shelf", fmt.Errorf("the object has been modified"))
}

// asked checks which visits were asked for since the last look.
func (w *world) asked(want ...string) {
	w.t.Helper()
	if !slices.Equal(w.queued, want) {
		w.t.Errorf("visits asked for: got %v, want %v", w.queued, want)
	}
	w.queued = nil
}

package controllers_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/connection"
	"grafana-tenancy.dev/operator/internal/dashboard/fetch"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/testing/crash"
)

// background fetches as the Queue does: an outcome is there when it is asked for the second time.
type background struct {
	fetch func(context.Context, fetch.Request) (fetch.Fetched, error)
	asked map[string]bool
	times int
}

//nolint:revive // as Sources has it
func (b *background) Take(key, _ string, r fetch.Request, wake func()) (fetch.Fetched, error, bool) {
	if !b.asked[key] {
		b.asked[key] = true
		b.times++
		wake()
		return fetch.Fetched{}, nil, false
	}
	delete(b.asked, key)
	got, err := b.fetch(context.Background(), r)
	return got, err, true
}

func (b *background) Forget(key string) { delete(b.asked, key) }

// While a source cannot be had, the Dashboard never says that all is well, also after a restart, and tries less and
// less often.
func TestSourceThatStaysAway(t *testing.T) {
	for reason, served := range map[string]map[string]string{
		v1alpha1.ReasonSourceUnavailable: {},
		v1alpha1.ReasonInvalidSource:     {dashboardURL: "<html>"},
	} {
		t.Run(reason, func(t *testing.T) {
			w := crash.New(t, "12.4.0")
			b := &background{fetch: w.Serve, asked: map[string]bool{}}
			w.Sources = b
			w.Start()
			w.Seed()
			withDashboard("", fromURL)(w)
			w.Settle()
			const key = "Dashboard tenant/dashboard"
			w.Served = served
			w.Clock = w.Clock.Add(lifecycle.DefaultResync)
			w.Everybody()
			before, times := len(w.History[key]), b.times
			w.Briefly(5 * time.Minute)
			w.Start()
			w.Briefly(time.Minute)
			w.Everybody()
			w.Briefly(time.Minute)
			said := false
			for _, v := range w.History[key][before:] {
				ready := conditionOf(v.(lifecycle.Object), v1alpha1.ConditionReady)
				if said = said || ready.Reason == reason; said && ready.Reason != reason {
					t.Fatalf("after %s: %+v", reason, ready)
				}
			}
			if n := b.times - times; !said || n > 20 {
				t.Errorf("said: %v; fetched %d times", said, n)
			}
		})
	}
}

// What was fetched is still there when it is the Dashboard's turn to write: else it would give up the turn, fetch
// again, and be behind others once more.
func TestFetchedWaitsItsTurn(t *testing.T) {
	w := crash.New(t, "12.4.0")
	b := &background{fetch: w.Serve, asked: map[string]bool{}}
	w.Sources = b
	w.Start()
	w.Seed()
	w.Create(crash.Organization("Tenant"))
	w.Settle()
	g := w.Env.Connections.Available(client.ObjectKey{Namespace: crash.Namespace, Name: "main"}).Limiter
	var leave []func()
	for n := range 2 {
		out, err := g.Acquire(
			connection.Waiter{
				Kind:    "Dashboard",
				Group:   "others",
				Request: ctrl.Request{NamespacedName: client.ObjectKey{Name: fmt.Sprint(n)}},
			},
			true,
		)
		if err != nil {
			t.Fatal(err)
		}
		leave = append(leave, out)
	}
	w.Served = map[string]string{dashboardURL: crash.OneDashboard}
	d := crash.Dashboard("", "")
	fromURL(d)
	w.Create(d)
	w.Briefly(time.Second)
	for _, out := range leave {
		out()
	}
	w.Briefly(time.Second)
	if w.Get(d); !meta.IsStatusConditionTrue(d.Status.Conditions, v1alpha1.ConditionReady) || b.times != 1 {
		t.Errorf("fetched %d times: %+v", b.times, d.Status.Conditions)
	}
	if n := w.Env.FetchedBytes(); n != 0 {
		t.Errorf("%d bytes are still held", n)
	}
}

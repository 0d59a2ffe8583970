package controllers

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
			w := newWorld(t, "12.4.0")
			b := &background{fetch: w.serve, asked: map[string]bool{}}
			w.sources = b
			w.start()
			w.seed()
			withDashboard("", fromURL)(w)
			w.settle()
			const key = "Dashboard tenant/dashboard"
			w.served = served
			w.clock = w.clock.Add(lifecycle.DefaultResync)
			w.everybody()
			before, times := len(w.history[key]), b.times
			w.briefly(5 * time.Minute)
			w.start()
			w.briefly(time.Minute)
			w.everybody()
			w.briefly(time.Minute)
			said := false
			for _, v := range w.history[key][before:] {
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
	w := newWorld(t, "12.4.0")
	b := &background{fetch: w.serve, asked: map[string]bool{}}
	w.sources = b
	w.start()
	w.seed()
	w.create(newOrganization("Tenant"))
	w.settle()
	g := w.env.Connections.Available(client.ObjectKey{Namespace: tenantNamespace, Name: "main"}).Limiter
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
	w.served = map[string]string{dashboardURL: oneDashboard}
	d := newDashboard("", "")
	fromURL(d)
	w.create(d)
	w.briefly(time.Second)
	for _, out := range leave {
		out()
	}
	w.briefly(time.Second)
	if w.get(d); !meta.IsStatusConditionTrue(d.Status.Conditions, v1alpha1.ConditionReady) || b.times != 1 {
		t.Errorf("fetched %d times: %+v", b.times, d.Status.Conditions)
	}
	if n := w.env.FetchedBytes(); n != 0 {
		t.Errorf("%d bytes are still held", n)
	}
}

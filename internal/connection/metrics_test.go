package connection

import (
	"fmt"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/types"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"
)

// writersShown are the series of how many may send at once, as a scrape shows them.
func writersShown(t *testing.T) (shown string) {
	t.Helper()
	families, err := ctrlmetrics.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() != "grafana_tenancy_writers" {
			continue
		}
		for _, m := range family.GetMetric() {
			shown += fmt.Sprintf("%s: %v ", m.GetLabel()[0].GetValue(), m.GetGauge().GetValue())
		}
	}
	return strings.TrimSpace(shown)
}

// The metrics tell how many may send at once to each server, whatever connection they take, and nothing of one that is
// gone.
func TestMetricsOfWriters(t *testing.T) {
	pool, key := NewPool(), types.NamespacedName{Namespace: "grafana", Name: "main"}
	shows := func(want string) {
		t.Helper()
		if got := writersShown(t); got != want {
			t.Errorf("shown is %q, want %q", got, want)
		}
	}
	shows("")
	pool.Replace(key, &Conn{Limiter: newGateWorld(1, 3).Limiter})
	shows("grafana/main: 3")
	next := newGateWorld(1, 8)
	conn := &Conn{Limiter: next.Limiter}
	pool.Replace(key, conn)
	leave, err := conn.Limiter.Acquire(next.ticket("team", "a"), true)
	if err != nil {
		t.Fatal(err)
	}
	leave()
	shows("grafana/main: 8")
	pool.Replace(key, nil)
	pool.Drop(t.Context(), key)
	shows("")
	pool.Replace(key, &Conn{Limiter: newGateWorld(1, 2).Limiter}) // it is declared again
	shows("grafana/main: 2")
}

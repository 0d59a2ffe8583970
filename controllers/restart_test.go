package controllers

import (
	"strings"
	"testing"
	"time"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/lifecycle"
)

// After a start, what was in sync is not asked about until its resync is due; then it is, and with it what has changed
// meanwhile.
func TestRestartIsQuiet(t *testing.T) {
	w := newWorld(t, "12.4.0")
	w.seed()
	tenant(w)
	w.create(secondDashboard())
	w.settle()
	writes := w.writes
	w.grafana.ResetLog()
	w.advance(w.clock.Add(time.Second))
	w.start()
	w.briefly(0)
	if w.writes != writes {
		t.Errorf("%d writes to Kubernetes after a start", w.writes-writes)
	}
	asked := map[string]int{}
	for _, r := range w.grafana.Requests() {
		asked[r.Path]++
	}
	for path, n := range asked {
		if strings.Contains(path, "dashboards/") || strings.HasSuffix(path, "/serviceaccounts/4") && n > 0 {
			t.Errorf("%s was asked for %d times", path, n)
		}
	}
	if len(asked) == 0 {
		t.Error("nothing was asked at all")
	}
	w.grafana.ResetLog()
	w.briefly(lifecycle.DefaultResync)
	lists := 0
	for _, r := range w.grafana.Requests() {
		if strings.HasPrefix(r.Path, "/apis/dashboard.grafana.app/v1beta1/") {
			lists++
		} else if strings.Contains(r.Path, "/api/dashboards/uid/") {
			t.Errorf("%s was asked for", r.Path)
		}
	}
	if lists != 1 {
		t.Errorf("%d lists in one resync", lists)
	}
}

// What was changed while no operator was there is acted on at once.
func TestRestartActsOnChanges(t *testing.T) {
	w := newWorld(t, "12.4.0")
	w.seed()
	tenant(w)
	w.settle()
	edit(w, newAccount(""), func(a *v1alpha1.ServiceAccount) { a.Spec.Name = "Deploy" })
	edit(w, newDashboard("", ""), func(d *v1alpha1.Dashboard) { *d.Spec.Source.JSON = otherDashboard })
	w.advance(w.clock.Add(time.Second))
	w.start()
	w.briefly(0)
	if a := w.grafana.ServiceAccounts(3); len(a) != 1 || a[0].Name != "Deploy" {
		t.Errorf("service accounts: %+v", a)
	}
	if err := shows("stat")(w); err != nil {
		t.Error(err)
	}
}

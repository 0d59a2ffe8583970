package controllers_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/testing/crash"
)

// manyDashboards are so many Dashboards of one organization, all at rest.
func manyDashboards(t *testing.T, n int) *crash.World {
	t.Helper()
	w := crash.New(t, "12.4.0")
	w.Seed()
	crash.WithOrg(w)
	for i := range n {
		w.Create(objectNamed(crash.Dashboard(fmt.Sprint("d", i), crash.OneDashboard), fmt.Sprint("d", i)))
	}
	rested(w)
	w.Clock = w.Clock.Add(time.Minute) // no list is young any more
	return w
}

// retitled gives a Dashboard another title and has it visited, some seconds after the one before.
func retitled(w *crash.World, i int) {
	crash.Edit(w, objectNamed(crash.Dashboard("", ""), fmt.Sprint("d", i)), func(d *v1alpha1.Dashboard) {
		d.Spec.Title = "Another"
	})
	w.Visit(fmt.Sprint("Dashboard tenant/d", i))
	w.Clock = w.Clock.Add(4 * time.Second)
}

// Where Dashboards of an organization change one after the other, as those of a set do, a few lists say which versions
// their saves are based on.
func TestRequestsOfDashboardsThatChangeOneAfterTheOther(t *testing.T) {
	w := manyDashboards(t, 20)
	got := requestsOf(w, func() {
		for i := range 20 {
			retitled(w, i)
		}
	})
	reads := 0
	for request, n := range got {
		if strings.HasPrefix(request, "GET /api/dashboards/uid/") || strings.HasSuffix(request, "/dashboards") {
			reads += n
		}
	}
	if saves := got["POST /api/dashboards/db"]; saves != 20 || reads > 8 {
		t.Errorf("%d saves, %d reads and lists: %v", saves, reads, got)
	}
}

// What a person saves after such a list was made is in the history, and not overwritten unseen.
func TestDashboardChangedInGrafanaAfterTheList(t *testing.T) {
	w := manyDashboards(t, 8)
	for i := range 5 {
		retitled(w, i)
	}
	w.Grafana.Do(
		http.MethodPost,
		"/api/dashboards/db",
		3,
		map[string]any{"overwrite": true, "dashboard": map[string]any{
			"uid": "d5", "title": "Theirs", "panels": []any{},
		}},
	)
	retitled(w, 5)
	rested(w)
	_, body := w.Grafana.Do(http.MethodGet, "/api/dashboards/uid/d5", 3, nil)
	if text := string(body); !strings.Contains(text, `"title":"Another"`) || !strings.Contains(text, `"version":3`) {
		t.Errorf("it is %s", text)
	}
}

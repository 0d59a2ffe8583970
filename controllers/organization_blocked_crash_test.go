package controllers_test

import (
	"net/http"
	"testing"

	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/testing/crash"
)

// What Grafana's search still shows when the last of the operator's own objects is gone holds a deletion up for
// seconds, not until the resync, also where other objects have held it up before.
func TestWhatKeepsAnOrganizationIsSoonLookedAtAgain(t *testing.T) {
	t.Parallel()
	for _, version := range grafanatest.Versions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			w := crash.New(t, version)
			w.Seed()
			crash.WithOrg(w)
			org, board := crash.Organization(""), crash.Dashboard("requests", crash.OneDashboard)
			w.Create(board)
			w.Settle()
			w.Delete(org)
			w.Settle()
			w.Get(org)
			id := org.Status.OrgID
			w.Grafana.Do(http.MethodPost, "/api/dashboards/db", id,
				map[string]any{"dashboard": map[string]any{"uid": "still", "title": "Still found"}})
			w.Delete(board)
			w.Briefly(0)
			saysOf(w, org, "DeletionBlocked", "Still found")
			w.Grafana.Do(http.MethodDelete, "/api/dashboards/uid/still", id, nil)
			w.Settle()
			if w.Get(org) {
				t.Errorf("it is still there: %+v", org.Status.Conditions)
			}
		})
	}
}

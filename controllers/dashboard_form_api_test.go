package controllers_test

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

// Grafana raises a refresh that is too short.
func TestAPIDashboardWhoseRefreshGrafanaRaises(t *testing.T) {
	t.Parallel()
	for _, version := range grafanatest.Versions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			keptInAFormOfItsOwn(suite.New(t, grafanatest.Options{Version: version}), `{"title": "Fast", "refresh": "1s"}`)
		})
	}
}

// An old Grafana adds what its schema has as defaults.
func TestAPIDashboardThatGrafanaAddsDefaultsTo(t *testing.T) {
	suite.NotOnReal(t, "it adds defaults to what it reads")
	t.Parallel()
	keptInAFormOfItsOwn(suite.New(t, grafanatest.Options{Version: "10.4.3", SchemaDefaults: true}),
		`{"title": "Old", "schemaVersion": 12, "rows": [{"panels": [{"type": "graph"}]}]}`)
}

// keptInAFormOfItsOwn checks that what Grafana makes of a dashboard is no difference, that the condition does not say
// that it holds what is asked for to the letter, and that the history is not read at each look.
func keptInAFormOfItsOwn(w *suite.World, source string) {
	w.T.Helper()
	w.Organization("team")
	dash := suite.Ready(w, w.Dashboard("dash", "team", source))
	suite.Says(w, dash, "Grafana has saved what is asked for")
	suite.Visit(w, dash)
	suite.Until(w, dash, "seen", func(metav1.Condition) bool { return dash.Status.StoredHash != "" })
	suite.Says(w, dash, "a form of its own")
	w.Grafana.ResetLog()
	visitTwice(w, dash, "/api/dashboards/uid/"+dash.Status.UID)
	if w.Asked("GET", "/api/dashboards/uid/"+dash.Status.UID+"/versions") > 0 || len(w.Writes()) > 0 {
		w.T.Errorf("its history was read, or it was written: %v", w.Writes())
	}
}

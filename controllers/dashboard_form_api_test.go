package controllers_test

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

// Grafana raises a refresh that is too short.
func TestAPIDashboardWhoseRefreshGrafanaRaises(t *testing.T) {
	t.Parallel()
	for _, version := range grafanatest.Versions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			w := suite.New(t, grafanatest.Options{Version: version})
			dash := keptInAFormOfItsOwn(w, `{"title": "Fast", "refresh": "1s"}`)
			w.Grafana.ResetLog()
			suite.Visit(w, dash)
			suite.Change(w, dash, func() { dash.Spec.DriftPolicy = v1alpha1.DriftReport })
			suite.Ready(w, dash)
			if writes := w.Writes(); len(writes) > 0 {
				t.Errorf("it was written: %v", writes)
			}
		})
	}
}

// An old Grafana adds what its schema has as defaults.
func TestAPIDashboardThatGrafanaAddsDefaultsTo(t *testing.T) {
	suite.NotOnReal(t, "it adds defaults to what it reads")
	t.Parallel()
	w := suite.New(t, grafanatest.Options{Version: "10.4.3", SchemaDefaults: true})
	dash := keptInAFormOfItsOwn(w, `{"title": "Old", "schemaVersion": 12, "rows": [{"panels": [{"type": "graph"}]}]}`)
	w.Grafana.ResetLog()
	visitTwice(w, dash, "/api/dashboards/uid/"+dash.Status.UID)
	if w.Asked("GET", "/api/dashboards/uid/"+dash.Status.UID+"/versions") > 0 || len(w.Writes()) > 0 {
		t.Errorf("its history was read, or it was written: %v", w.Writes())
	}
}

// keptInAFormOfItsOwn makes a dashboard that Grafana keeps in a form of its own, and checks that the condition does not
// say that it holds what is asked for to the letter.
func keptInAFormOfItsOwn(w *suite.World, source string) *v1alpha1.Dashboard {
	w.T.Helper()
	w.Organization("team")
	dash := suite.Ready(w, w.Dashboard("dash", "team", source))
	suite.Says(w, dash, "Grafana has saved what is asked for")
	suite.Visit(w, dash)
	suite.Until(w, dash, "seen", func(metav1.Condition) bool { return dash.Status.StoredHash != "" })
	suite.Says(w, dash, "a form of its own")
	return dash
}

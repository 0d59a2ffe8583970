package controllers_test

import (
	"testing"

	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

func TestAPIGrafanaIsToldWhoAsks(t *testing.T) {
	w := suite.NewEmpty(t, grafanatest.Options{})
	suite.Ready(w, w.Instance())
	asked := w.Grafana.Requests()
	if len(asked) == 0 {
		t.Fatal("Grafana was not asked")
	}
	for _, r := range asked {
		if r.Agent != suite.UserAgent {
			t.Errorf("%s %s came with the User-Agent %q, want %q", r.Method, r.Route, r.Agent, suite.UserAgent)
		}
	}
}

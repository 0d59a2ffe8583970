package controllers_test

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"

	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/namespaces"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

// gather is what a scrape would show, by the name of the metric.
func gather(t *testing.T) map[string]*dto.MetricFamily {
	t.Helper()
	families, err := ctrlmetrics.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	byName := map[string]*dto.MetricFamily{}
	for _, family := range families {
		byName[family.GetName()] = family
	}
	return byName
}

// measured has a series in each of the operator's metrics.
func measured(w *suite.World) *tenant {
	w.T.Helper()
	n := newTenant(w)
	suite.Change(w, n.token, func() { n.token.Spec.TTL = duration(time.Hour) })
	revised(w, n.token, 2)
	edited := map[string]any{"uid": n.dash.Status.UID, "title": "edited"}
	w.Ask("POST", "/api/dashboards/db", n.org.Status.OrgID, map[string]any{"overwrite": true, "dashboard": edited})
	suite.Visit(w, n.dash)
	w.Eventually("the edit put right", func() error { return n.mended(w) })
	if _, err := (&namespaces.Checker{}).Check(w.T.Context(), []string{w.NS}); err != nil {
		w.T.Fatal(err)
	}
	return n
}

// Prometheus' linter finds nothing in the operator's metrics, alerts and dashboard ask for no other than there are, and
// an object that is gone leaves no series behind.
func TestAPIMetrics(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	n := measured(w)
	families := gather(t)
	for name, family := range families {
		if !strings.HasPrefix(name, "grafana_tenancy_") {
			continue
		}
		problems, err := promlint.NewWithMetricFamilies([]*dto.MetricFamily{family}).Lint()
		if err != nil || len(problems) > 0 {
			t.Errorf("%s: %v %v", name, problems, err)
		}
	}
	for _, path := range []string{"config/prometheus/rules.yaml", "config/grafana/operator.json"} {
		for _, name := range asked(t, path) {
			if families[name] == nil {
				t.Errorf("%s asks for %s, and there is no such metric", path, name)
			}
		}
	}

	w.Delete(n.dash, n.token, n.sa, n.org)
	w.Gone(n.dash, n.token, n.sa, n.org)
	w.Eventually("no series of what is gone", func() error { return left(t, w.NS) })
}

// asked lists the metrics that a file asks for.
func asked(t *testing.T, path string) []string {
	t.Helper()
	text, err := os.ReadFile(suite.InRepository(strings.Split(path, "/")...))
	if err != nil {
		t.Fatal(err)
	}
	ours := regexp.MustCompile(`\b(?:grafana_tenancy|workqueue|controller_runtime|go|process)_\w+`)
	names := ours.FindAllString(string(text), -1)
	for i, name := range names {
		names[i] = regexp.MustCompile(`_(bucket|sum|count)$`).ReplaceAllString(name, "")
	}
	slices.Sort(names)
	if names = slices.Compact(names); len(names) == 0 {
		t.Errorf("%s asks for nothing", path)
	}
	return names
}

// left fails while there are series of objects in a namespace, but for its Instance.
func left(t *testing.T, namespace string) error {
	for name, family := range gather(t) {
		for _, series := range family.GetMetric() {
			labels := map[string]string{}
			for _, label := range series.GetLabel() {
				labels[label.GetName()] = label.GetValue()
			}
			if labels["namespace"] == namespace && labels["name"] != "" && labels["kind"] != "Instance" {
				return fmt.Errorf("%s %v", name, labels)
			}
		}
	}
	return nil
}

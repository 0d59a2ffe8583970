package controllers

import (
	"github.com/prometheus/client_golang/prometheus"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"
)

var dashboardEdits = prometheus.NewCounterVec(prometheus.CounterOpts{
	Name: "grafana_tenancy_dashboard_edits_total",
	Help: "Edits of a Dashboard made in Grafana that were found, by what came of them: corrected or reported.",
}, []string{"namespace", "name", "outcome"})

func init() {
	ctrlmetrics.Registry.MustRegister(dashboardEdits)
}

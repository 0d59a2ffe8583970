package connection

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"

	"grafana-tenancy.dev/operator/internal/grafana"
)

var (
	requestSeconds = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "grafana_tenancy_request_duration_seconds",
		Help:    "Time that requests to Grafana took, by Instance, route, method and status code (0: no answer).",
		Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
	}, []string{"instance", "route", "method", "code"})
	writers = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "grafana_tenancy_writers",
		Help: "How many organizations may be written to at once, by Instance, as has been found out so far.",
	}, []string{"instance"})
)

func init() { ctrlmetrics.Registry.MustRegister(requestSeconds, writers) }

// forgetMetrics drops what was told of a server that is gone.
func forgetMetrics(instance types.NamespacedName) {
	of := prometheus.Labels{"instance": instance.String()}
	requestSeconds.DeletePartialMatch(of)
	writers.DeletePartialMatch(of)
}

// ObserveCall counts the requests to one server.
func ObserveCall(instance types.NamespacedName) func(grafana.Call) {
	name := instance.String()
	return func(c grafana.Call) {
		requestSeconds.WithLabelValues(name, c.Route, c.Method, strconv.Itoa(c.Status)).Observe(c.Duration.Seconds())
	}
}

package controllers

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana"
)

var (
	requestSeconds = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "grafana_tenancy_request_duration_seconds",
		Help:    "Time that requests to Grafana took, by Instance, route, method and status code (0: no answer).",
		Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
	}, []string{"instance", "route", "method", "code"})

	lastSync = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "grafana_tenancy_last_sync_timestamp_seconds",
		Help: "When an object was last seen to be in sync with Grafana.",
	}, []string{"kind", "namespace", "name"})

	ready = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "grafana_tenancy_ready",
		Help: "1 while an object is Ready, else 0; the reason is that of the condition.",
	}, []string{"kind", "namespace", "name", "reason"})

	tokenExpiration = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "grafana_tenancy_token_expiration_timestamp_seconds",
		Help: "When the key of a ServiceAccountToken expires, by Grafana's clock; none for a key that never does.",
	}, tokenLabels)

	tokenProof = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "grafana_tenancy_token_last_proof_timestamp_seconds",
		Help: "When Grafana was last seen to accept the key of a ServiceAccountToken: once after each was made.",
	}, tokenLabels)

	tokenRotations = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "grafana_tenancy_token_rotations_total",
		Help: "Keys of a ServiceAccountToken that were replaced while they worked.",
	}, tokenLabels)

	tokenOrphans = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "grafana_tenancy_token_orphans_revoked_total",
		Help: "Tokens of a ServiceAccountToken that no Secret held and that were revoked.",
	}, tokenLabels)

	dashboardEdits = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "grafana_tenancy_dashboard_edits_total",
		Help: "Edits of a Dashboard made in Grafana that were found, by what came of them: corrected or reported.",
	}, []string{"namespace", "name", "outcome"})

	tokenLabels = []string{"namespace", "name"}
)

func init() {
	ctrlmetrics.Registry.MustRegister(requestSeconds, lastSync, ready, tokenExpiration, tokenProof, tokenRotations, tokenOrphans, dashboardEdits)
}

// observeCall counts the requests to one Instance.
func observeCall(instance types.NamespacedName) func(grafana.Call) {
	name := instance.String()
	return func(c grafana.Call) {
		requestSeconds.WithLabelValues(name, c.Route, c.Method, strconv.Itoa(c.Status)).Observe(c.Duration.Seconds())
	}
}

// observe tells what came of a pass.
func (p *pass[T, R]) observe(v *verdict) {
	labels := labelsOf(kindOf(p.obj), client.ObjectKeyFromObject(p.obj))
	ready.DeletePartialMatch(labels)
	if v.suspended {
		return
	}
	value := 0.0
	if v.ready == "True" {
		value = 1
	}
	if v.ready == "True" && !v.rests {
		lastSync.With(labels).Set(float64(p.Now().Unix()))
	}
	ready.WithLabelValues(labels["kind"], labels["namespace"], labels["name"], v.reason).Set(value)
}

// observeToken tells what is known of a key.
func observeToken(obj *v1alpha1.ServiceAccountToken) {
	tokenRotations.WithLabelValues(obj.Namespace, obj.Name) // an increase is seen from 0 on only
	tokenOrphans.WithLabelValues(obj.Namespace, obj.Name)
	for vec, at := range map[*prometheus.GaugeVec]*metav1.Time{tokenExpiration: obj.Status.ExpiresAt, tokenProof: obj.Status.ProvenAt} {
		if at == nil {
			vec.DeleteLabelValues(obj.Namespace, obj.Name)
		} else {
			vec.WithLabelValues(obj.Namespace, obj.Name).Set(float64(at.Unix()))
		}
	}
}

// forget drops the series of an object that is gone.
func forget(kind string, key types.NamespacedName) {
	lastSync.DeletePartialMatch(labelsOf(kind, key))
	ready.DeletePartialMatch(labelsOf(kind, key))
	if kind == "Dashboard" {
		dashboardEdits.DeletePartialMatch(prometheus.Labels{"namespace": key.Namespace, "name": key.Name})
	}
	if kind == "ServiceAccountToken" {
		tokenExpiration.DeleteLabelValues(key.Namespace, key.Name)
		tokenProof.DeleteLabelValues(key.Namespace, key.Name)
		tokenRotations.DeleteLabelValues(key.Namespace, key.Name)
		tokenOrphans.DeleteLabelValues(key.Namespace, key.Name)
	}
}

func labelsOf(kind string, key types.NamespacedName) prometheus.Labels {
	return prometheus.Labels{"kind": kind, "namespace": key.Namespace, "name": key.Name}
}

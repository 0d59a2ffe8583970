package controllers

import (
	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"

	"grafana-tenancy.dev/operator/api/v1alpha1"
)

var (
	tokenLabels = []string{"namespace", "name"}

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
)

func init() {
	ctrlmetrics.Registry.MustRegister(tokenExpiration, tokenProof, tokenRotations, tokenOrphans)
}

// observeToken tells what is known of a key.
func observeToken(obj *v1alpha1.ServiceAccountToken) {
	tokenRotations.WithLabelValues(obj.Namespace, obj.Name) // an increase is seen from 0 on only
	tokenOrphans.WithLabelValues(obj.Namespace, obj.Name)
	for vec, at := range map[*prometheus.GaugeVec]*metav1.Time{
		tokenExpiration: obj.Status.ExpiresAt, tokenProof: obj.Status.ProvenAt,
	} {
		if at == nil {
			vec.DeleteLabelValues(obj.Namespace, obj.Name)
		} else {
			vec.WithLabelValues(obj.Namespace, obj.Name).Set(float64(at.Unix()))
		}
	}
}

// forgetToken drops the series of a token that is gone.
func forgetToken(key types.NamespacedName) {
	tokenExpiration.DeleteLabelValues(key.Namespace, key.Name)
	tokenProof.DeleteLabelValues(key.Namespace, key.Name)
	tokenRotations.DeleteLabelValues(key.Namespace, key.Name)
	tokenOrphans.DeleteLabelValues(key.Namespace, key.Name)
}

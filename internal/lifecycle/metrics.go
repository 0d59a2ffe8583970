package lifecycle

import (
	"context"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"

	"grafana-tenancy.dev/operator/api/v1alpha1"
)

var (
	lastSync = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "grafana_tenancy_last_sync_timestamp_seconds",
		Help: "When an object was last seen to be in sync with Grafana.",
	}, []string{"kind", "namespace", "name"})

	ready = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "grafana_tenancy_ready",
		Help: "1 while an object is Ready, else 0; the reason is that of the condition.",
	}, []string{"kind", "namespace", "name", "reason"})

	shards = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "grafana_tenancy_shards",
		Help: "How many shards there are, by the number of the one that this process works on; absent while it waits.",
	}, []string{"shard"})
)

func init() {
	ctrlmetrics.Registry.MustRegister(lastSync, ready, shards)
}

// observe tells what came of a pass.
func (p *pass[T, R]) observe(v *verdict) {
	labels := labelsOf(p.name, client.ObjectKeyFromObject(p.obj))
	ready.DeletePartialMatch(labels)
	if v.suspended {
		return
	}
	value := 0.0
	if v.ready == "True" {
		value = 1
	}
	if v.ready == "True" && !v.unvisited {
		lastSync.With(labels).Set(float64(p.Now().Unix()))
	}
	ready.WithLabelValues(labels["kind"], labels["namespace"], labels["name"], v.reason).Set(value)
}

// Observe tells of an object that is no kind's whether it is Ready, by its condition. One at rest is neither.
func Observe(obj Object) {
	labels := labelsOf(NameOf(obj), client.ObjectKeyFromObject(obj))
	ready.DeletePartialMatch(labels)
	c := meta.FindStatusCondition(obj.CommonStatus().Conditions, v1alpha1.ConditionReady)
	if c == nil || c.Reason == v1alpha1.ReasonSuspended {
		return
	}
	value := 0.0
	if c.Status == metav1.ConditionTrue {
		value = 1
	}
	ready.WithLabelValues(labels["kind"], labels["namespace"], labels["name"], c.Reason).Set(value)
}

// Unobserve drops what Observe has told of an object.
func Unobserve(kind string, key types.NamespacedName) { forget(kind, key) }

// observe tells which shard this is, once the process is at work on it.
func (s Shard) observe(context.Context) error {
	shards.WithLabelValues(strconv.Itoa(s.Index)).Set(float64(max(s.Of, 1)))
	return nil
}

// forget drops the series of an object that is gone.
func forget(kind string, key types.NamespacedName) {
	lastSync.DeletePartialMatch(labelsOf(kind, key))
	ready.DeletePartialMatch(labelsOf(kind, key))
}

func labelsOf(kind string, key types.NamespacedName) prometheus.Labels {
	return prometheus.Labels{"kind": kind, "namespace": key.Namespace, "name": key.Name}
}

package lifecycle

import (
	"context"
	"strconv"
	"sync"

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

// reasons are those of ready's series: by them a series is found without looking at all there are.
var reasons = struct {
	sync.Mutex
	of map[subject]string
}{of: map[subject]string{}}

// subject is an object that metrics tell of.
type subject struct {
	kind string
	key  types.NamespacedName
}

// tellReady has ready tell of an object, in the place of what it told before; an empty reason: nothing.
func tellReady(of subject, reason string, isReady bool) {
	reasons.Lock()
	defer reasons.Unlock()
	if was := reasons.of[of]; was != "" && was != reason {
		ready.DeleteLabelValues(of.kind, of.key.Namespace, of.key.Name, was)
	}
	if reason == "" {
		delete(reasons.of, of)
		return
	}
	reasons.of[of] = reason
	value := 0.0
	if isReady {
		value = 1
	}
	ready.WithLabelValues(of.kind, of.key.Namespace, of.key.Name, reason).Set(value)
}

// observe tells what came of a pass.
func (p *pass[T, R]) observe(v *verdict) {
	of := subject{p.name, client.ObjectKeyFromObject(p.obj)}
	if v.suspended {
		tellReady(of, "", false)
		return
	}
	if v.ready == "True" && !v.unvisited {
		lastSync.WithLabelValues(of.kind, of.key.Namespace, of.key.Name).Set(float64(p.Now().Unix()))
	}
	tellReady(of, v.reason, v.ready == "True")
}

// Observe tells of an object that is no kind's whether it is Ready, by its condition. One at rest is neither.
func Observe(obj Object) {
	of := subject{NameOf(obj), client.ObjectKeyFromObject(obj)}
	c := meta.FindStatusCondition(obj.CommonStatus().Conditions, v1alpha1.ConditionReady)
	if c == nil || c.Reason == v1alpha1.ReasonSuspended {
		tellReady(of, "", false)
		return
	}
	tellReady(of, c.Reason, c.Status == metav1.ConditionTrue)
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
	lastSync.DeleteLabelValues(kind, key.Namespace, key.Name)
	tellReady(subject{kind, key}, "", false)
}

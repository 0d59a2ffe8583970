package lifecycle

import (
	"context"
	"maps"
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
	lastSync = prometheus.NewDesc("grafana_tenancy_last_sync_timestamp_seconds",
		"When an object was last seen to be in sync with Grafana.",
		[]string{"kind", "namespace", "name"}, nil)

	ready = prometheus.NewDesc("grafana_tenancy_ready",
		"1 while an object is Ready, else 0; the reason is that of the condition.",
		[]string{"kind", "namespace", "name", "reason"}, nil)

	shards = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "grafana_tenancy_shards",
		Help: "How many shards there are, by the number of the one that this process works on; absent while it waits.",
	}, []string{"shard"})
)

func init() {
	ctrlmetrics.Registry.MustRegister(&seen, shards)
}

// seen is what metrics tell of all objects. Their series are made when somebody asks: kept, they would take as much
// memory as the objects.
var seen = observations{of: map[subject]observation{}}

type observations struct {
	sync.Mutex
	of map[subject]observation
}

// subject is an object that metrics tell of.
type subject struct {
	kind string
	key  types.NamespacedName
}

// observation is what they tell of it.
type observation struct {
	ready  bool
	reason string // of ready; empty: that is not told
	synced int64  // when it was last in sync, in seconds since 1970; 0: never
}

// Describe says which metrics there are.
func (*observations) Describe(to chan<- *prometheus.Desc) {
	to <- lastSync
	to <- ready
}

// Collect makes the series.
func (o *observations) Collect(to chan<- prometheus.Metric) {
	o.Lock()
	all := maps.Clone(o.of) // whoever asks may take its time
	o.Unlock()
	gauge := func(desc *prometheus.Desc, value float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
	}
	for of, is := range all {
		if is.synced != 0 {
			gauge(lastSync, float64(is.synced), of.kind, of.key.Namespace, of.key.Name)
		}
		if is.reason != "" {
			value := 0.0
			if is.ready {
				value = 1
			}
			gauge(ready, value, of.kind, of.key.Namespace, of.key.Name, is.reason)
		}
	}
}

// change changes what is told of an object.
func (o *observations) change(of subject, to func(*observation)) {
	o.Lock()
	defer o.Unlock()
	now := o.of[of]
	if to(&now); now == (observation{}) {
		delete(o.of, of)
		return
	}
	o.of[of] = now
}

// observe tells what came of a pass.
func (p *pass[T, R]) observe(v *verdict) {
	seen.change(subject{p.name, client.ObjectKeyFromObject(p.obj)}, func(o *observation) {
		if v.suspended {
			o.ready, o.reason = false, ""
			return
		}
		o.ready, o.reason = v.ready == "True", v.reason
		if o.ready && !v.unvisited {
			o.synced = p.Now().Unix()
		}
	})
}

// Observe tells of an object that is no kind's whether it is Ready, by its condition. One at rest is neither.
func Observe(obj Object) {
	seen.change(subject{NameOf(obj), client.ObjectKeyFromObject(obj)}, func(o *observation) {
		*o = observation{}
		c := meta.FindStatusCondition(obj.CommonStatus().Conditions, v1alpha1.ConditionReady)
		if c != nil && c.Reason != v1alpha1.ReasonSuspended {
			o.ready, o.reason = c.Status == metav1.ConditionTrue, c.Reason
		}
	})
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
	seen.change(subject{kind, key}, func(o *observation) { *o = observation{} })
}

package controllers

import (
	"context"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/dashboard"
	"grafana-tenancy.dev/operator/internal/lifecycle"
)

// An operator whose canonical form is another one writes nothing for that alone, and leaves to stand what policy lets
// stand.
func TestHashOfAnotherVersion(t *testing.T) {
	for name, edited := range map[string]bool{"in sync": false, "edited in Grafana": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, "10.4.3")
			w.seed()
			withDashboard("", func(d *v1alpha1.Dashboard) { d.Spec.DriftPolicy = v1alpha1.DriftReport })(w)
			w.settle()
			if edited {
				editInGrafana(w)
				w.clock = w.clock.Add(lifecycle.DefaultResync)
				w.everybody()
				w.settle()
			}
			d := newDashboard("", "")
			w.get(d)
			d.Status.ContentHash = "c0-" + strings.Repeat("0", 64)
			if err := w.kube.Status().Update(context.Background(), d); err != nil {
				t.Fatal(err)
			}
			before := w.grafana.Dashboards(3)[0].Version
			w.start()
			w.settle()
			w.clock = w.clock.Add(time.Hour)
			w.everybody()
			w.settle()
			if after := w.grafana.Dashboards(3)[0].Version; after != before {
				t.Errorf("version %d became %d", before, after)
			}
			if w.get(
				d,
			); !dashboard.CurrentHash(d.Status.ContentHash) ||
				meta.IsStatusConditionTrue(d.Status.Conditions, v1alpha1.ConditionDrifted) != edited {
				t.Errorf("status: %+v", d.Status)
			}
		})
	}
}

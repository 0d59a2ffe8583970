package controllers_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/dashboard"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/testing/crash"
)

// An operator whose canonical form is another one writes nothing for that alone, and leaves to stand what policy lets
// stand.
func TestHashOfAnotherVersion(t *testing.T) {
	for name, edited := range map[string]bool{"in sync": false, "edited in Grafana": true} {
		t.Run(name, func(t *testing.T) {
			w := crash.New(t, "10.4.3")
			w.Seed()
			withDashboard("", func(d *v1alpha1.Dashboard) { d.Spec.DriftPolicy = v1alpha1.DriftReport })(w)
			w.Settle()
			if edited {
				editInGrafana(w)
				w.Clock = w.Clock.Add(lifecycle.DefaultResync)
				w.Everybody()
				w.Settle()
			}
			d := crash.Dashboard("", "")
			w.Get(d)
			d.Status.ContentHash = "c0-" + strings.Repeat("0", 64)
			if err := w.Kube.Status().Update(context.Background(), d); err != nil {
				t.Fatal(err)
			}
			before := w.Grafana.Dashboards(3)[0].Version
			w.Start()
			w.Settle()
			w.Clock = w.Clock.Add(time.Hour)
			w.Everybody()
			w.Settle()
			if after := w.Grafana.Dashboards(3)[0].Version; after != before {
				t.Errorf("version %d became %d", before, after)
			}
			if w.Get(
				d,
			); !dashboard.CurrentHash(d.Status.ContentHash) ||
				meta.IsStatusConditionTrue(d.Status.Conditions, v1alpha1.ConditionDrifted) != edited {
				t.Errorf("status: %+v", d.Status)
			}
		})
	}
}

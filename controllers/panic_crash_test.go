package controllers_test

import (
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/testing/crash"
)

// A pass that panics while it sends keeps nobody else from writing.
func TestPanicWhileWriting(t *testing.T) {
	w := crash.New(t, "12.4.0")
	w.Seed()
	w.Create(crash.Organization("Tenant"))
	w.Settle()
	w.Create(crash.Dashboard("", crash.OneDashboard))
	w.Arm(0, crash.DeadBefore)
	w.Only = "grafana POST /api/dashboards/db"
	func() {
		defer func() {
			if recover() == nil {
				t.Fatal("there was no panic")
			}
		}()
		_, _ = w.Reconcilers["Dashboard"].Reconcile(
			t.Context(),
			ctrl.Request{NamespacedName: client.ObjectKeyFromObject(crash.Dashboard("", ""))},
		)
	}()
	w.Visit("Dashboard tenant/dashboard")
	if d := crash.Dashboard(
		"",
		"",
	); !w.Get(d) ||
		!meta.IsStatusConditionTrue(d.Status.Conditions, v1alpha1.ConditionReady) {
		t.Errorf("the next pass: %+v", d.Status.Conditions)
	}
}

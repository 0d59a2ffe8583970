package controllers

import (
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
)

// A pass that panics while it sends keeps nobody else from writing.
func TestPanicWhileWriting(t *testing.T) {
	w := newWorld(t, "12.4.0")
	w.seed()
	w.create(newOrganization("Tenant"))
	w.settle()
	w.create(newDashboard("", oneDashboard))
	w.arm(0, deadBefore)
	w.only = "grafana POST /api/dashboards/db"
	func() {
		defer func() {
			if recover() == nil {
				t.Fatal("there was no panic")
			}
		}()
		_, _ = w.reconcilers["Dashboard"].Reconcile(
			t.Context(),
			ctrl.Request{NamespacedName: client.ObjectKeyFromObject(newDashboard("", ""))},
		)
	}()
	w.visit("Dashboard tenant/dashboard")
	if d := newDashboard(
		"",
		"",
	); !w.get(d) ||
		!meta.IsStatusConditionTrue(d.Status.Conditions, v1alpha1.ConditionReady) {
		t.Errorf("the next pass: %+v", d.Status.Conditions)
	}
}

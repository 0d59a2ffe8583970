package controllers

import (
	"slices"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/lifecycle"
)

// A verdict that equals the status in a copy that is behind our own last write is written all the same: no watch would
// bring the object back.
func TestCopyBehindOurOwnWrite(t *testing.T) {
	const key = "ServiceAccount tenant/account"
	w := newWorld(t, "12.4.0")
	w.seed()
	w.create(newAccount("CI"))
	w.settle()
	w.create(newOrganization("Tenant"))
	w.settle()
	account := newAccount("")
	if w.get(account); !meta.IsStatusConditionTrue(account.Status.Conditions, v1alpha1.ConditionReady) {
		t.Fatalf("conditions: %+v", account.Status.Conditions)
	}
	versions := w.history[key]
	at := slices.IndexFunc(versions, func(v client.Object) bool {
		c := conditionOf(v.(lifecycle.Object), v1alpha1.ConditionReady)
		return c != nil && c.Reason == v1alpha1.ReasonParentNotFound
	})
	w.history[key] = []client.Object{versions[at], versions[len(versions)-1]}
	lose(w, newOrganization(""))
	w.arm(0, stale)
	w.only = "read " + key
	w.visit(key)
	if w.get(account); w.failAt >= 0 || meta.IsStatusConditionTrue(account.Status.Conditions, v1alpha1.ConditionReady) {
		t.Errorf("the stale read is yet to come: %v; conditions: %+v", w.failAt >= 0, account.Status.Conditions)
	}
}

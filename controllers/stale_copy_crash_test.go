package controllers_test

import (
	"slices"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/testing/crash"
)

// A verdict that equals the status in a copy that is behind our own last write is written all the same: no watch would
// bring the object back.
func TestCopyBehindOurOwnWrite(t *testing.T) {
	const key = "ServiceAccount tenant/account"
	w := crash.New(t, "12.4.0")
	w.Seed()
	w.Create(crash.Account("CI"))
	w.Settle()
	w.Create(crash.Organization("Tenant"))
	w.Settle()
	account := crash.Account("")
	if w.Get(account); !meta.IsStatusConditionTrue(account.Status.Conditions, v1alpha1.ConditionReady) {
		t.Fatalf("conditions: %+v", account.Status.Conditions)
	}
	crash.Edit(w, account, func(a *v1alpha1.ServiceAccount) { a.Spec.Role = v1alpha1.RoleEditor })
	w.Visit(key) // which writes last
	versions := w.History[key]
	at := slices.IndexFunc(versions, func(v client.Object) bool {
		c := conditionOf(v.(lifecycle.Object), v1alpha1.ConditionReady)
		return c != nil && c.Reason == v1alpha1.ReasonParentNotFound
	})
	w.History[key] = []client.Object{versions[at], versions[len(versions)-1]}
	lose(w, crash.Organization(""))
	w.Arm(0, crash.Stale)
	w.Only = "read " + key
	w.Visit(key)
	if w.Get(account); w.FailAt >= 0 || meta.IsStatusConditionTrue(account.Status.Conditions, v1alpha1.ConditionReady) {
		t.Errorf("the stale read is yet to come: %v; conditions: %+v", w.FailAt >= 0, account.Status.Conditions)
	}
}

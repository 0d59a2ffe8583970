package controllers_test

import (
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/testing/crash"
)

// Somebody takes the login between the look at who has it and the request that creates it: they are left alone.
func TestLoginThatSomebodyTakesMeanwhile(t *testing.T) {
	inBothVersions(t, func(t *testing.T, w *crash.World) {
		w.Meanwhile = map[string]func(){"POST /api/admin/users": func() { w.SignUp("carol") }}
		obj := carol()
		w.Create(obj)
		w.MustRest()
		before := personIn(w, "carol")
		w.Get(obj)
		if ready := meta.FindStatusCondition(obj.Status.Conditions, v1alpha1.ConditionReady); ready == nil ||
			ready.Reason != v1alpha1.ReasonAlreadyExists || obj.Status.ID != 0 {
			t.Errorf("id %d, conditions %+v", obj.Status.ID, obj.Status.Conditions)
		}
		if before.Name != "" && before.Name != "carol" {
			t.Errorf("they were changed: %+v", before)
		}
		w.Delete(obj)
		w.MustRest()
		if now := personIn(w, "carol"); now == nil || *now != *before || w.Get(obj) {
			t.Errorf("before %+v\nnow %+v", before, now)
		}
	})
}

package controllers_test

import (
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/lifecycle"
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

// A backup from before the login was made is restored, and somebody signs up, who gets its id: the list shows them at
// the next resync under the recorded id, and they are left as they are.
func TestSomebodyOnTheListUnderTheRecordedIDIsNotTakenOver(t *testing.T) {
	inBothVersions(t, func(t *testing.T, w *crash.World) {
		backup := w.Grafana.Snapshot()
		made(w, "User", carol())
		rested(w)
		was := somebody(w, "carol")
		w.Grafana.Restore(backup)
		w.SignUp("eve")
		eve := somebody(w, "eve")
		if eve.ID != was.ID {
			t.Fatalf("she has the id %d, not %d", eve.ID, was.ID)
		}
		w.Clock = w.Clock.Add(lifecycle.DefaultResync + time.Minute)
		w.Everybody()
		rested(w)
		if now := somebody(w, "eve"); now.ID != eve.ID || now.Name != eve.Name {
			t.Errorf("she was %+v, and is %+v", eve, now)
		}
		if now := somebody(w, "carol"); now.ID == 0 || now.ID == eve.ID {
			t.Errorf("the object's own login is %+v", now)
		}
	})
}

package controllers_test

import (
	"context"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/testing/crash"
)

// reads counts the Dashboards that are read as a whole from the API server.
type reads struct {
	client.Reader
	n int
}

func (r *reads) Get(ctx context.Context, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
	if _, whole := obj.(*v1alpha1.Dashboard); whole {
		r.n++
	}
	return r.Reader.Get(ctx, key, obj, opts...)
}

func TestContentIsReadOnceHoweverLongADashboardWaits(t *testing.T) {
	inTenant(t, func(t *testing.T, w *crash.World, _ int64) {
		d := crash.Dashboard("", crash.OneDashboard)
		w.Create(d)
		live := &reads{Reader: w.Env.Live}
		w.Env.Live = live
		const key = "Dashboard tenant/dashboard"
		seenAtOnce(w, key, key, key)
		if w.Get(d); live.n != 0 || len(d.Finalizers) != 0 {
			t.Errorf("before its turn it was read %d times, and has finalizers %v", live.n, d.Finalizers)
		}
		w.Visit(key)
		if w.Get(d); live.n != 1 || !meta.IsStatusConditionTrue(d.Status.Conditions, v1alpha1.ConditionReady) {
			t.Errorf("read %d times: %+v", live.n, d.Status)
		}
	})
}

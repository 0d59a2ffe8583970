package controllers

import (
	"context"
	"errors"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/lifecycle"
)

// The kinds of sets. Nothing in Grafana is theirs, so that they are no kinds of the lifecycle.

func setupSets(mgr ctrl.Manager, e *Env) error {
	return errors.Join(setupSet(mgr, e, dashboardSets()), setupSet(mgr, e, dataSourceSets()))
}

func setLists() []client.ObjectList {
	return []client.ObjectList{&v1alpha1.DashboardSetList{}, &v1alpha1.DataSourceSetList{}}
}

// Watched lists what is watched in every namespace.
func (e *Env) Watched() []schema.GroupVersionKind {
	return append(e.Engine.Watched(),
		v1alpha1.GroupVersion.WithKind("DashboardSet"), v1alpha1.GroupVersion.WithKind("DataSourceSet"))
}

// Slim is what caches drop of an object on its way in.
func (e *Env) Slim(in any) (any, error) {
	out, err := e.Engine.Slim(in)
	if set, ok := out.(*v1alpha1.DashboardSet); ok {
		slimSource(&set.Spec.Template.Spec.Source)
	}
	return out, err
}

// SetControllers are those of the sets, for those who run them without a manager. The index is that of their children.
func SetControllers(e *Env) []lifecycle.Controller {
	return []lifecycle.Controller{
		setController(newSets(e, dashboardSets())),
		setController(newSets(e, dataSourceSets())),
	}
}

func setController[S setObject, C lifecycle.Object](r *setReconciler[S, C]) lifecycle.Controller {
	return lifecycle.Controller{
		Name: lifecycle.NameOf(r.empty), Object: r.empty, Used: true, Reconciler: r,
		Indexes: []lifecycle.Index[lifecycle.Object]{{
			Field: bySet, Of: func(o lifecycle.Object) []string { return r.uidOfSet(o) },
		}},
		UseQueue: func(context.Context, workqueue.TypedRateLimitingInterface[ctrl.Request]) error { return nil },
		Deleted:  func(client.Object) {},
	}
}

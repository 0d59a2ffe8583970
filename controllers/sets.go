package controllers

import (
	"errors"

	"k8s.io/apimachinery/pkg/runtime/schema"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
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

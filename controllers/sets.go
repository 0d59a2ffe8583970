package controllers

import (
	"k8s.io/apimachinery/pkg/runtime/schema"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/lifecycle"
)

// The kinds of sets. Nothing in Grafana is theirs, so that they are no kinds of the lifecycle.

func setupSets(mgr ctrl.Manager, e *Env) error { return setupSet(mgr, e, dashboardSets()) }

func setLists() []client.ObjectList { return []client.ObjectList{&v1alpha1.DashboardSetList{}} }

// Watched lists what is watched in every namespace.
func (e *Env) Watched() []schema.GroupVersionKind {
	kinds := e.Engine.Watched()
	for _, set := range []lifecycle.Object{&v1alpha1.DashboardSet{}} {
		kinds = append(kinds, v1alpha1.GroupVersion.WithKind(lifecycle.NameOf(set)))
	}
	return kinds
}

// Slim is what caches drop of an object on its way in.
func (e *Env) Slim(in any) (any, error) {
	out, err := e.Engine.Slim(in)
	if set, ok := out.(*v1alpha1.DashboardSet); ok {
		dashboardSets().slim(set)
	}
	return out, err
}

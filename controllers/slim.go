package controllers

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"

	"grafana-tenancy.dev/operator/api/v1alpha1"
)

// Slim is what caches drop of an object on its way in: the managed fields, the annotation in which kubectl keeps all that was applied (of a Secret that is its data), and the content of dashboards.
func Slim(in any) (any, error) {
	obj, err := meta.Accessor(in)
	if err != nil {
		return in, nil // what is no object has none of these
	}
	obj.SetManagedFields(nil)
	if annotations := obj.GetAnnotations(); annotations[corev1.LastAppliedConfigAnnotation] != "" {
		delete(annotations, corev1.LastAppliedConfigAnnotation)
		obj.SetAnnotations(annotations)
	}
	slimDashboard(in)
	return in, nil
}

// slimDashboard empties what holds a dashboard's content. Which of the sources it is stays to be seen.
func slimDashboard(in any) {
	d, ok := in.(*v1alpha1.Dashboard)
	if !ok {
		return
	}
	source := &d.Spec.Source
	if source.JSON != nil {
		source.JSON = new("")
	}
	if source.GzipJSON != nil {
		source.GzipJSON = new("")
	}
	if source.Model != nil {
		source.Model = &runtime.RawExtension{}
	}
}

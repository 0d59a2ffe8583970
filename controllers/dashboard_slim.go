package controllers

import (
	"k8s.io/apimachinery/pkg/runtime"

	"grafana-tenancy.dev/operator/api/v1alpha1"
)

// slimDashboard empties what holds a dashboard's content. Which of the sources it is stays to be seen.
func slimDashboard(d *v1alpha1.Dashboard) { slimSource(&d.Spec.Source) }

func slimSource(source *v1alpha1.DashboardSource) {
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

package controllers

import (
	"cmp"
	"context"

	"grafana-tenancy.dev/operator/api/v1alpha1"
)

// +kubebuilder:rbac:groups=grafana-tenancy.dev,resources=datasourcesets,verbs=get;list;watch
// +kubebuilder:rbac:groups=grafana-tenancy.dev,resources=datasourcesets/status,verbs=patch
// +kubebuilder:rbac:groups=grafana-tenancy.dev,resources=datasources,verbs=create;delete

// dataSourceSets make DataSources. These fill in by themselves what is filled in.
func dataSourceSets() setKind[*v1alpha1.DataSourceSet, *v1alpha1.DataSource] {
	return setKind[*v1alpha1.DataSourceSet, *v1alpha1.DataSource]{
		empty: &v1alpha1.DataSourceSet{}, sets: &v1alpha1.DataSourceSetList{},
		child: &v1alpha1.DataSource{}, children: &v1alpha1.DataSourceList{},
		parts: func(d *v1alpha1.DataSource) childParts {
			return childParts{&d.Spec, &d.Spec.OrganizationRef, &d.Spec.DeletionPolicy, &d.Spec.UID}
		},
		compile: compileDataSources,
	}
}

func compileDataSources(
	_ context.Context, set *v1alpha1.DataSourceSet,
) (t *setTemplate[*v1alpha1.DataSource], err error) {
	settings, md := set.Spec.Template.Spec, set.Spec.Template.Metadata
	settings.Name = cmp.Or(settings.Name, set.Name)
	t = newSetTemplate[*v1alpha1.DataSource](md, settings.Suspend)
	t.fill = func(d *v1alpha1.DataSource, _ map[string]any) error {
		d.Spec.DataSourceSettings = *settings.DeepCopy()
		return nil
	}
	t.revision, err = revisionOf(settings, md)
	return t, err
}

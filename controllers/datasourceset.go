package controllers

import (
	"cmp"
	"context"
	"encoding/json"

	"k8s.io/apimachinery/pkg/runtime"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/datasource"
	"grafana-tenancy.dev/operator/internal/lifecycle"
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
			return childParts{
				&d.Spec,
				&d.Spec.OrganizationRef,
				&d.Spec.DeletionPolicy,
				&d.Spec.UID,
				d.Status.OrgID != 0,
			}
		},
		compile: compileDataSources,
	}
}

func compileDataSources(
	_ context.Context, set *v1alpha1.DataSourceSet,
) (t *setTemplate[*v1alpha1.DataSource], err error) {
	settings, md := set.Spec.Template.Spec, set.Spec.Template.Metadata
	settings.Name = cmp.Or(settings.Name, set.Name)
	if settings.JSONData, err = withoutNulls(settings.JSONData); err != nil {
		return nil, lifecycle.Stalled(v1alpha1.ReasonInvalidSpec, "spec.template.spec.jsonData is no object: %v", err)
	}
	t = newSetTemplate[*v1alpha1.DataSource](md, settings.Suspend)
	t.fill = func(d *v1alpha1.DataSource, _ map[string]any) error {
		d.Spec.DataSourceSettings = *settings.DeepCopy()
		return nil
	}
	t.revision, err = revisionOf(settings, md)
	return t, err
}

// withoutNulls leaves out what is null: in a patch that would be what is to be taken away, so that a child would never
// come to have it.
func withoutNulls(raw *runtime.RawExtension) (*runtime.RawExtension, error) {
	if raw == nil {
		return nil, nil
	}
	data, err := datasource.Settings(raw.Raw)
	if err != nil {
		return nil, err
	}
	dropNulls(data)
	text, err := json.Marshal(data)
	return &runtime.RawExtension{Raw: text}, err
}

func dropNulls(data map[string]any) {
	for key, value := range data {
		if inner, ok := value.(map[string]any); ok {
			dropNulls(inner)
		}
		if value == nil {
			delete(data, key)
		}
	}
}

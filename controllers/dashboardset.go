package controllers

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"encoding/base64"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/dashboard"
	"grafana-tenancy.dev/operator/internal/lifecycle"
)

// +kubebuilder:rbac:groups=grafana-tenancy.dev,resources=dashboardsets,verbs=get;list;watch
// +kubebuilder:rbac:groups=grafana-tenancy.dev,resources=dashboardsets/status,verbs=patch
// +kubebuilder:rbac:groups=grafana-tenancy.dev,resources=dashboards,verbs=create;delete

// dashboardSets make Dashboards.
func dashboardSets() setKind[*v1alpha1.DashboardSet, *v1alpha1.Dashboard] {
	return setKind[*v1alpha1.DashboardSet, *v1alpha1.Dashboard]{
		empty: &v1alpha1.DashboardSet{}, sets: &v1alpha1.DashboardSetList{},
		child: &v1alpha1.Dashboard{}, children: &v1alpha1.DashboardList{},
		parts: func(d *v1alpha1.Dashboard) childParts {
			return childParts{
				&d.Spec,
				&d.Spec.OrganizationRef,
				&d.Spec.DeletionPolicy,
				&d.Spec.UID,
				d.Status.OrgID != 0,
			}
		},
		compile: compileDashboards,
	}
}

// compileDashboards reads what the template of a set asks for.
func compileDashboards(
	_ context.Context, set *v1alpha1.DashboardSet,
) (*setTemplate[*v1alpha1.Dashboard], error) {
	spec, md := dashboardSpec(&set.Spec.Template.Spec), set.Spec.Template.Metadata
	content, err := inlineContent(set)
	if err != nil {
		return nil, err
	}
	if content != nil {
		spec.Source = v1alpha1.DashboardSource{
			ConfigMapRef: &v1alpha1.KeyReference{Name: content.name, Key: content.key},
		}
	}
	texts, err := compileTexts(dashboardTexts(spec))
	if err != nil {
		return nil, err
	}
	t := newSetTemplate[*v1alpha1.Dashboard](md, spec.Suspend)
	t.content = content
	t.fill = func(d *v1alpha1.Dashboard, values map[string]any) error {
		d.Spec = *spec.DeepCopy()
		return texts.fill(dashboardTexts(&d.Spec), values)
	}
	t.contentOf = func(d *v1alpha1.Dashboard) string {
		if ref := d.Spec.Source.ConfigMapRef; ref != nil {
			return ref.Name
		}
		return ""
	}
	t.revision, err = revisionOf(spec, md)
	return t, err
}

// dashboardSpec is what all Dashboards of a template begin with.
func dashboardSpec(t *v1alpha1.DashboardTemplateSpec) *v1alpha1.DashboardSpec {
	spec := &v1alpha1.DashboardSpec{
		CommonSpec: t.CommonSpec, Source: t.Source, Inputs: t.Inputs, Title: t.Title, UID: t.UID,
		LibraryPanels:  cmp.Or(t.LibraryPanels, v1alpha1.LibraryPanelsInline),
		DriftPolicy:    cmp.Or(t.DriftPolicy, v1alpha1.DriftCorrect),
		AdoptionPolicy: cmp.Or(t.AdoptionPolicy, v1alpha1.AdoptionNever),
	}
	if f := t.Folder; f != nil {
		spec.Folder = &v1alpha1.DashboardFolder{UID: f.UID, Path: f.Path, Ref: local(f.Ref)}
	}
	for _, d := range t.DataSources {
		spec.DataSources = append(spec.DataSources, v1alpha1.DashboardDataSource{
			From: d.From,
			To: v1alpha1.DataSourceTarget{
				Ref: local(d.To.Ref), UID: d.To.UID, Name: d.To.Name, Default: d.To.Default,
			},
		})
	}
	return spec
}

func local(ref *v1alpha1.TemplateReference) *v1alpha1.LocalObjectReference {
	if ref == nil {
		return nil
	}
	return &v1alpha1.LocalObjectReference{Name: ref.Name}
}

// dashboardTexts are the fields of a Dashboard that are filled in, always in the same order.
func dashboardTexts(spec *v1alpha1.DashboardSpec) (all []setText) {
	add := func(field string, value *string) { all = append(all, setText{"spec.template.spec." + field, value}) }
	add("title", &spec.Title)
	add("uid", &spec.UID)
	for i := range spec.Inputs {
		add(fmt.Sprintf("inputs[%d].value", i), &spec.Inputs[i].Value)
	}
	for i := range spec.DataSources {
		d, at := &spec.DataSources[i], fmt.Sprintf("datasources[%d].", i)
		add(at+"from", &d.From)
		add(at+"to.uid", &d.To.UID)
		add(at+"to.name", &d.To.Name)
		if d.To.Ref != nil {
			add(at+"to.ref.name", &d.To.Ref.Name)
		}
	}
	if f := spec.Folder; f != nil {
		add("folder.uid", &f.UID)
		for i := range f.Path {
			add(fmt.Sprintf("folder.path[%d]", i), &f.Path[i])
		}
		if f.Ref != nil {
			add("folder.ref.name", &f.Ref.Name)
		}
	}
	return all
}

const (
	// contentKey is where the content is in its ConfigMap.
	contentKey = "dashboard.json.gz"
	// contentDigits is how much of the content's hash is in the ConfigMap's name.
	contentDigits = 10
)

// isContentName reports whether a ConfigMap has a name that one with content of a set has.
func isContentName(name, set string) bool {
	return len(name) == len(set)+1+contentDigits && strings.HasPrefix(name, set+"-")
}

// isContentOfSet reports whether the content of a Dashboard is one that its set keeps, and that never changes. One that
// is not there at the moment was the set's, which writes it again.
func (k dashboardKind) isContentOfSet(ctx context.Context, d *v1alpha1.Dashboard) (bool, error) {
	owner, ref := metav1.GetControllerOf(d), d.Spec.Source.ConfigMapRef
	if owner == nil || owner.Kind != lifecycle.NameOf(&v1alpha1.DashboardSet{}) ||
		owner.APIVersion != v1alpha1.GroupVersion.String() || d.Labels[v1alpha1.LabelSet] != owner.Name ||
		ref.Key != contentKey || !isContentName(ref.Name, owner.Name) {
		return false, nil
	}
	there := configMapMetadata(d.Namespace, ref.Name)
	if err := k.Client.Get(ctx, client.ObjectKeyFromObject(there), there); err != nil {
		return apierrors.IsNotFound(err), client.IgnoreNotFound(err)
	}
	keeper := metav1.GetControllerOf(there)
	return keeper != nil && keeper.UID == owner.UID, nil
}

// maxContent is what fits into a ConfigMap.
const maxContent = 1 << 20

// inlineContent is the content that stands in the set itself; nil: it is kept elsewhere.
func inlineContent(set *v1alpha1.DashboardSet) (*setContent, error) {
	source := set.Spec.Template.Spec.Source
	if source.JSON == nil && source.Model == nil && source.GzipJSON == nil {
		return nil, nil
	}
	text, err := inlineText(source, "spec.template.spec.source")
	if err != nil {
		return nil, err
	}
	content := &setContent{name: set.Name + "-" + digest(string(text))[:contentDigits], key: contentKey, data: text}
	if !bytes.HasPrefix(text, []byte("\x1f\x8b")) {
		if content.data, err = packed(text); err != nil {
			return nil, err
		}
	}
	if n := len(content.data) + len(contentKey); n > maxContent {
		return nil, lifecycle.Stalled(v1alpha1.ReasonTooLarge, "the content has %d bytes when it is compressed, and a "+
			"ConfigMap keeps %d: use source.url", n, maxContent)
	}
	return content, nil
}

// inlineText is the text that stands in a source itself.
func inlineText(source v1alpha1.DashboardSource, field string) ([]byte, error) {
	switch {
	case source.JSON != nil:
		return []byte(*source.JSON), nil
	case source.Model != nil:
		model, err := dashboard.FromYAML(source.Model.Raw)
		if err != nil {
			return nil, lifecycle.Stalled(v1alpha1.ReasonInvalidSource, "%s.model: %v", field, err)
		}
		return model, nil
	default:
		text, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(*source.GzipJSON), ""))
		if err != nil {
			return nil, lifecycle.Stalled(v1alpha1.ReasonInvalidSource, "%s.gzipJson is not base64: %v", field, err)
		}
		return text, nil
	}
}

func packed(text []byte) ([]byte, error) {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write(text); err != nil {
		return nil, err
	}
	err := w.Close()
	return out.Bytes(), err
}

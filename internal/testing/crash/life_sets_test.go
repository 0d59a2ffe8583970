package crash

import (
	"maps"

	"k8s.io/apimachinery/pkg/util/intstr"
	"pgregory.net/rapid"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/lifecycle"
)

// enlistSets says which sets there are in a life, for the Organizations that people select.
func (l *life) enlistSets() {
	l.join("board", func() lifecycle.Object { return NewDashboardSet(OneDashboard) })
	l.join("shared", func() lifecycle.Object {
		s := NewDataSourceSet()
		s.Spec.Template.Spec.Name, s.Spec.Template.Spec.IsDefault = "Shared", nil
		return s
	})
}

// changeDashboardSet is what a person can change in a DashboardSet.
func (l *life) changeDashboardSet(rt *rapid.T, o *v1alpha1.DashboardSet) {
	changeSet(rt, &o.Spec.SetSpec)
	titles := []string{"Board of {{ .name }}", "Boards of {{ .orgName }}", "{{ .labels.absent }}"}
	o.Spec.Template.Spec.Title = rapid.SampledFrom(titles).Draw(rt, "title")
	text := rapid.SampledFrom(l.contents).Draw(rt, "json")
	o.Spec.Template.Spec.Source.JSON = &text
}

// changeDataSourceSet is what a person can change in a DataSourceSet.
func changeDataSourceSet(rt *rapid.T, o *v1alpha1.DataSourceSet) {
	changeSet(rt, &o.Spec.SetSpec)
	urls := []string{"http://127.0.0.1:1/{{ .orgID }}", "http://127.0.0.1:2"}
	o.Spec.Template.Spec.URL = rapid.SampledFrom(urls).Draw(rt, "url")
}

func changeSet(rt *rapid.T, spec *v1alpha1.SetSpec) {
	spec.PrunePolicy, spec.DeletionPolicy = drawPolicy(rt), drawPolicy(rt)
	spec.Rollout.Waves = nil
	if rapid.Bool().Draw(rt, "waves") {
		first := v1alpha1.SetWave{}
		first.Selector.MatchLabels = map[string]string{"wave": "first"}
		spec.Rollout.Waves = []v1alpha1.SetWave{first}
	}
	if spec.Rollout.MaxUnavailable = nil; rapid.Bool().Draw(rt, "maxUnavailable") {
		spec.Rollout.MaxUnavailable = new(intstr.FromString("100%"))
	}
}

// calmDashboardSet gives a set a template that can be filled in everywhere.
func calmDashboardSet(o *v1alpha1.DashboardSet) {
	if o.Spec.Template.Spec.Title == "{{ .labels.absent }}" {
		o.Spec.Template.Spec.Title = "Board of {{ .name }}"
	}
}

// selectOrganization has sets select an Organization or not, and puts it into a wave.
func (l *life) selectOrganization(rt *rapid.T) {
	names := []string{"org", "org-2"}
	o := l.cast[rapid.SampledFrom(names).Draw(rt, "organization")]()
	if !l.Get(o) {
		rt.Skip("not there")
	}
	selected := rapid.SampledFrom([]string{"yes", "yes", "no"}).Draw(rt, "selected")
	wave := rapid.SampledFrom([]string{"first", "last"}).Draw(rt, "wave")
	Edit(l.World, o, func(o lifecycle.Object) {
		labels := maps.Clone(o.GetLabels())
		if labels == nil {
			labels = map[string]string{}
		}
		labels[SetLabel], labels["wave"] = selected, wave
		o.SetLabels(labels)
	})
}

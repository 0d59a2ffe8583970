package crash

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"pgregory.net/rapid"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/datasource"
	"grafana-tenancy.dev/operator/internal/grafana"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/lifecycle"
)

// enlistSources says which DataSources there are in a life: two of one organization, which share a Secret.
func (l *life) enlistSources() {
	l.Create(SourceSecret("first"))
	l.join("source", func() lifecycle.Object { return NewDataSource("") })
	l.join("source-2", func() lifecycle.Object {
		d := NewDataSource("given")
		d.Spec.Name, d.Spec.IsDefault = "Metrics-2", nil
		return d
	})
}

// changeSource is what a person can change in a DataSource.
func changeSource(rt *rapid.T, o *v1alpha1.DataSource) {
	fresh := NewDataSource("").Spec
	o.Spec.DeletionPolicy = drawPolicy(rt)
	o.Spec.Name = rapid.SampledFrom([]string{"Metrics", "Renamed"}).Draw(rt, "name") +
		strings.TrimPrefix(o.Name, "source")
	o.Spec.URL = rapid.SampledFrom([]string{fresh.URL, "http://127.0.0.1:2"}).Draw(rt, "url")
	o.Spec.Health = rapid.Bool().Draw(rt, "health")
	o.Spec.IsDefault = rapid.SampledFrom([]*bool{nil, new(false), new(true)}).Draw(rt, "isDefault")
	if o.Spec.SecureJSONData = nil; rapid.Bool().Draw(rt, "secret") {
		o.Spec.SecureJSONData = fresh.SecureJSONData
	}
}

// isPersonsSource reports whether a person has made a data source.
func isPersonsSource(s grafanatest.Source) bool { return strings.HasPrefix(s.UID, "persons") }

// sourceOf is a data source as the client has it, as far as its owner is in it.
func sourceOf(s grafanatest.Source) grafana.DataSource {
	data, _ := json.Marshal(s.JSONData) // it came as JSON
	return grafana.DataSource{JSONData: data}
}

// precedeSource makes a data source whose name or uid an object of ours may want, as people do.
func (l *life) precedeSource(rt *rapid.T, suffix string) {
	l.do(http.MethodPost, l.ours(rt).ID, map[string]any{
		"uid":  "persons" + suffix,
		"name": rapid.SampledFrom([]string{"Metrics", "Renamed"}).Draw(rt, "name") + suffix,
		"type": "loki", "access": "proxy", "url": "http://127.0.0.1:9",
		"secureJsonData": map[string]string{"token": "theirs"},
	}, "/api/datasources")
}

// touchSource is what people do with our data sources in Grafana, and with their Secret.
func (l *life) touchSource(rt *rapid.T) {
	if rapid.IntRange(0, 4).Draw(rt, "the Secret") == 4 {
		value := rapid.SampledFrom([]string{"first", "second"}).Draw(rt, "token")
		l.changeSecret("source", func(s *corev1.Secret) { s.Data["token"] = []byte(value) })
		return
	}
	org := l.ours(rt)
	sources := slices.DeleteFunc(l.Grafana.Sources(org.ID), isPersonsSource)
	if len(sources) == 0 {
		rt.Skip("none there")
	}
	s := sources[rapid.IntRange(0, len(sources)-1).Draw(rt, "data source")]
	fields := map[string]any{"name": "Mine " + s.UID, "type": "loki", "access": "proxy", "url": "http://127.0.0.1:9"}
	changes := []string{"delete", "overwrite", "edit", "new secret", "make the default"}
	switch rapid.SampledFrom(changes).Draw(rt, "change") {
	case "delete":
		l.do(http.MethodDelete, org.ID, nil, "/api/datasources/uid/%s", s.UID)
		return
	case "overwrite": // by the API, without its mark
		if s.UID == "given" {
			rt.Skip("it could be nobody's")
		}
	case "edit": // as Grafana's pages do
		fields["jsonData"], fields["version"] = s.JSONData, s.Version
	case "new secret":
		fields = pageOf(s)
		fields["secureJsonData"] = map[string]string{"token": "theirs"}
	case "make the default":
		fields = pageOf(s)
		fields["isDefault"] = true
	}
	l.do(http.MethodPut, org.ID, fields, "/api/datasources/uid/%s", s.UID)
}

// pageOf is what Grafana's pages send when nothing was changed in them.
func pageOf(s grafanatest.Source) map[string]any {
	return map[string]any{
		"uid": s.UID, "name": s.Name, "type": s.Type, "access": s.Access, "url": s.URL, "jsonData": s.JSONData,
		"isDefault": s.IsDefault, "version": s.Version,
	}
}

// tidySources deletes data sources of people, and those that objects which are no more have left.
func (l *life) tidySources(org int64, left map[string]bool) {
	for _, s := range l.Grafana.Sources(org) {
		held := slices.ContainsFunc(l.objects(), func(obj lifecycle.Object) bool {
			o, ok := obj.(*v1alpha1.DataSource)
			return ok && o.Status.OrgID == org && o.Status.UID == s.UID && o.Status.ID == s.ID
		})
		owner := datasource.ReadOwner(sourceOf(s))
		if !held && !IsForeign(s.Name) && (owner == datasource.Owner{} || left[owner.UID]) {
			l.asAdmin(http.MethodDelete, org, "/api/datasources/uid/%s", s.UID)
		}
	}
}

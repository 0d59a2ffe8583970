package crash

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"pgregory.net/rapid"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/lifecycle"
)

// withPanels are contents that carry library panels, of which one has two forms.
var withPanels = []string{
	WithPanels("Requests", "one", "first"),
	WithPanels("Requests", "one", "changed", "two", "second"),
	WithPanels("Requests", "two", "second"),
}

// enlistPanels says which Dashboards of a life keep library panels from the start: one that shares them with the other.
func (l *life) enlistPanels() {
	l.contents = append(l.contents, withPanels...)
	l.join("sharing", func() lifecycle.Object {
		return Sharing(strings.Replace(withPanels[0], "Requests", "Sharing", 1))
	})
}

func drawPanels(rt *rapid.T) v1alpha1.LibraryPanelPolicy {
	return rapid.SampledFrom([]v1alpha1.LibraryPanelPolicy{
		v1alpha1.LibraryPanelsManage, v1alpha1.LibraryPanelsInline,
	}).Draw(rt, "library panels")
}

// calmPanels gives the library panel that two Dashboards can carry the same content in both.
func calmPanels(o *v1alpha1.Dashboard) {
	if from := &o.Spec.Source; from.JSON != nil {
		text := strings.ReplaceAll(*from.JSON, "changed", "first")
		from.JSON = &text
	}
}

// tidyPanels deletes library panels that are there again since a backup was restored, where the Organization does not
// say any more that some are kept in it.
func (l *life) tidyPanels(org int64) {
	if !l.restored || slices.ContainsFunc(l.objects(), func(obj lifecycle.Object) bool {
		o, is := obj.(*v1alpha1.Organization)
		return is && o.Status.OrgID == org && o.Status.LibraryPanels
	}) {
		return
	}
	for _, p := range l.Grafana.LibraryPanels(org) {
		if strings.HasPrefix(p.UID, "gto-") {
			l.asAdmin(http.MethodDelete, org, "/api/library-elements/%s", p.UID)
		}
	}
}

// touchPanel is what people do to a library panel that is kept for a Dashboard.
func (l *life) touchPanel(rt *rapid.T) {
	org := l.ours(rt)
	var panels []grafanatest.LibraryPanel
	for _, p := range l.Grafana.LibraryPanels(org.ID) {
		if strings.HasPrefix(p.UID, "gto-") {
			panels = append(panels, p)
		}
	}
	if len(panels) == 0 {
		rt.Skip("none there")
	}
	p := panels[rapid.IntRange(0, len(panels)-1).Draw(rt, "library panel")]
	if rapid.Bool().Draw(rt, "delete") {
		l.do(http.MethodDelete, org.ID, nil, "/api/library-elements/%s", p.UID)
		return
	}
	var now struct{ Result struct{ Version int } }
	if json.Unmarshal(l.do(http.MethodGet, org.ID, nil, "/api/library-elements/%s", p.UID), &now) != nil {
		rt.Skip("Grafana does not answer")
	}
	l.do(http.MethodPatch, org.ID, map[string]any{
		"kind": 1, "version": now.Result.Version, "name": "Mine " + p.UID, "model": map[string]any{"type": "stat"},
	}, "/api/library-elements/%s", p.UID)
}

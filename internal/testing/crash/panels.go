package crash

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/dashboard"
)

// WithPanels is a dashboard, exported for sharing, that carries library panels: pairs of uid and text.
func WithPanels(title string, panels ...string) string {
	var refs, elements []string
	for i := 0; i < len(panels); i += 2 {
		refs = append(
			refs,
			fmt.Sprintf(`{"id":%d,"libraryPanel":{"uid":%q,"name":"Shared %s"}}`, i+1, panels[i], panels[i]),
		)
		elements = append(elements, fmt.Sprintf(
			`%q:{"name":"Shared %s","uid":%q,"kind":1,"model":{"type":"text","title":"Shared","options":{"content":%q}}}`,
			panels[i],
			panels[i],
			panels[i],
			panels[i+1],
		))
	}
	return fmt.Sprintf(`{"title":%q,"schemaVersion":39,"panels":[%s],"__elements":{%s}}`,
		title, strings.Join(refs, ","), strings.Join(elements, ","))
}

// Schema2Using is what makes a dashboard in schema v2, called like its title, that uses a library panel.
func Schema2Using(title, panel string) map[string]any {
	element := map[string]any{"kind": "ElementReference", "name": "panel-1"}
	name := strings.ReplaceAll(strings.ToLower(title), " ", "-")
	return map[string]any{
		"apiVersion": "dashboard.grafana.app/v2beta1", "kind": "Dashboard", "metadata": map[string]any{"name": name},
		"spec": map[string]any{
			"title": title, "cursorSync": "Off", "preload": false, "links": []any{}, "tags": []any{},
			"annotations": []any{}, "variables": []any{},
			"timeSettings": map[string]any{
				"from":                 "now-6h",
				"to":                   "now",
				"autoRefresh":          "",
				"autoRefreshIntervals": []any{},
				"hideTimepicker":       false,
				"fiscalYearStartMonth": 0,
			},
			"elements": map[string]any{"panel-1": map[string]any{"kind": "LibraryPanel", "spec": map[string]any{
				"id": 1, "title": "Shared", "libraryPanel": map[string]any{"uid": panel, "name": "Shared"},
			}}},
			"layout": map[string]any{"kind": "GridLayout", "spec": map[string]any{"items": []any{map[string]any{
				"kind": "GridLayoutItem",
				"spec": map[string]any{"x": 0, "y": 0, "width": 12, "height": 8, "element": element},
			}}}},
		},
	}
}

// Sharing is the Dashboard dashboard, which manages the library panels that it carries.
func Sharing(content string, changes ...func(*v1alpha1.Dashboard)) *v1alpha1.Dashboard {
	d := Dashboard("", content)
	d.Spec.LibraryPanels = v1alpha1.LibraryPanelsManage
	for _, change := range changes {
		change(d)
	}
	return d
}

// PanelUID is the uid in Grafana of a library panel that is kept for a Dashboard.
func PanelUID(o *v1alpha1.Dashboard, given string) string {
	hash := func(text string, digits int) string {
		sum := sha256.Sum256([]byte(text))
		return hex.EncodeToString(sum[:])[:digits]
	}
	place := ""
	switch f := o.Spec.Folder; {
	case f == nil:
	case f.Ref != nil:
		place = "ref " + f.Ref.Name
	case f.UID != "":
		place = "uid " + f.UID
	default:
		place = "path " + strings.Join(f.Path, "\x00")
	}
	return "gto-" + hash("cluster-1 "+Namespace+"/"+o.Spec.OrganizationRef.Name, 8) + "-p" +
		hash(o.Namespace+"\x00\x00"+place+"\x00\x00"+given, 24)
}

func panelUIDs(o *v1alpha1.Dashboard) func(string) string {
	if o.Spec.LibraryPanels != v1alpha1.LibraryPanelsManage {
		return nil
	}
	return func(given string) string { return PanelUID(o, given) }
}

// checkPanels fails unless all library panels that a Dashboard carries are in Grafana, in its folder, and status lists
// these and no other.
func (w *World) checkPanels(o *v1alpha1.Dashboard, want *dashboard.Content, expected map[string]bool, fail failer) {
	folders := map[string]string{}
	for _, p := range w.Grafana.LibraryPanels(o.Status.OrgID) {
		folders[p.UID+" "+p.Name] = "in " + p.FolderUID
	}
	for _, p := range want.LibraryPanels {
		expected[fmt.Sprint("panel ", o.Status.OrgID, p.UID)] = true
		model := w.Grafana.LibraryPanelModel(o.Status.OrgID, p.UID)
		if dashboard.HashOfPanel(p.Name, model) != p.Hash {
			fail("Dashboard %s: its library panel %q is %s in Grafana", o.Name, p.Name, model)
		}
		told := meta.FindStatusCondition(o.Status.Conditions, v1alpha1.ConditionDrifted)
		if in := folders[p.UID+" "+p.Name]; in != "in "+o.Status.FolderUID &&
			(told == nil || !strings.Contains(told.Message, fmt.Sprintf("%q was moved", p.Name))) {
			fail("Dashboard %s, in folder %q: its library panel %q is %s", o.Name, o.Status.FolderUID, p.Name, in)
		}
	}
	if len(o.Status.LibraryPanels) != len(want.LibraryPanels) {
		fail("Dashboard %s: it carries %d library panels, status %+v", o.Name, len(want.LibraryPanels),
			o.Status.LibraryPanels)
	}
}

// checkStrayPanels fails for every library panel that was made for a Dashboard and that none carries.
func (w *World) checkStrayPanels(org int64, expected map[string]bool, fail failer) {
	for _, p := range w.Grafana.LibraryPanels(org) {
		ours := strings.HasPrefix(p.UID, "gto-")
		if ours && !expected[fmt.Sprint("panel ", org, p.UID)] && !w.usedByOthers(org, p.UID) {
			fail("library panel %q (%s) of organization %d is nobody's", p.Name, p.UID, org)
		}
	}
}

// usedByOthers reports whether somebody else's dashboard uses a library panel.
func (w *World) usedByOthers(org int64, uid string) bool {
	for _, d := range w.Grafana.Dashboards(org) {
		if IsForeign(d.Title) && strings.Contains(string(d.Model), uid) {
			return true
		}
	}
	return false
}

func (w *World) foreignPanels(org int64) (panels []any) {
	for _, p := range w.Grafana.LibraryPanels(org) {
		if IsForeign(p.Name) {
			panels = append(panels, p, string(w.Grafana.LibraryPanelModel(org, p.UID)))
		}
	}
	return panels
}

// sharesPanels reports whether two objects are Dashboards that carry the same library panel, of which the one that was
// visited has come to want something else.
func (w *World) sharesPanels(key, visited string) bool {
	before, now := w.lastPanels(visited, 2), w.lastPanels(visited, 1)
	if maps.Equal(before, now) {
		return false
	}
	for uid := range w.lastPanels(key, 1) {
		if before[uid] != now[uid] {
			return true
		}
	}
	return false
}

// lastPanels are the library panels that a Dashboard had in status in one of its last versions, with what it wanted in
// them.
func (w *World) lastPanels(key string, back int) map[string]string {
	panels, versions := map[string]string{}, w.History[key]
	if len(versions) < back {
		return panels
	}
	if d, is := versions[len(versions)-back].(*v1alpha1.Dashboard); is && (back > 1 || w.Get(d.DeepCopy())) {
		for _, p := range d.Status.LibraryPanels {
			panels[p.UID] = fmt.Sprint(p.Hash, d.Spec.Suspend, d.DeletionTimestamp.IsZero())
		}
	}
	return panels
}

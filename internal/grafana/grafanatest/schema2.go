package grafanatest

import (
	"maps"
	"strings"
)

// isSchema2 reports whether a version of /apis has dashboards in schema v2. The
// other versions, and /api, have them in the classic model.
func isSchema2(version string) bool { return strings.HasPrefix(version, "v2") }

// keptOf is what is kept of a content that is written in schema v2: an empty
// list of intervals is left out, and what the schema does not have.
func keptOf(spec map[string]any) map[string]any {
	kept := map[string]any{
		"annotations": []any{}, "cursorSync": "", "elements": obj{}, "layout": nil, "links": []any{}, "preload": false,
		"tags": []any{}, "timeSettings": obj{}, "title": "", "variables": []any{},
	}
	for name, value := range spec {
		if _, known := kept[name]; known || name == "description" || name == "editable" || name == "liveNow" ||
			name == "revision" {
			kept[name] = value
		}
	}
	if times, ok := kept["timeSettings"].(map[string]any); ok {
		times = maps.Clone(times)
		if list, _ := times["autoRefreshIntervals"].([]any); len(list) == 0 {
			delete(times, "autoRefreshIntervals")
		}
		kept["timeSettings"] = times
	}
	return kept
}

// in is a content that was stored in one version as another shows it. Of what
// is converted, panels are modelled one way only.
func in(version, stored string, model map[string]any) map[string]any {
	switch to2 := isSchema2(version); {
	case to2 == isSchema2(stored):
		return model
	case to2:
		return toSchema2(model)
	}
	return toClassic(model)
}

// toSchema2 is a content in the classic model as schema v2 shows it.
func toSchema2(model map[string]any) map[string]any {
	out := keptOf(map[string]any{
		"title": model["title"], "cursorSync": "Off", "editable": true, "liveNow": false,
		"layout": obj{"kind": "GridLayout", "spec": obj{"items": []any{}}},
		"annotations": []any{obj{"kind": "AnnotationQuery", "spec": obj{
			"query": obj{
				"kind": "DataQuery", "group": "grafana", "version": "v0", "datasource": obj{"name": "-- Grafana --"},
				"spec": obj{},
			},
			"enable": true, "hide": true, "iconColor": "rgba(0, 211, 255, 1)", "name": "Annotations & Alerts",
			"builtIn": true, "legacyOptions": obj{"type": "dashboard"},
		}}},
		"timeSettings": obj{
			"timezone": "", "from": "now-6h", "to": "now", "autoRefresh": "", "hideTimepicker": false,
			"fiscalYearStartMonth": 0,
			"autoRefreshIntervals": []any{"5s", "10s", "30s", "1m", "5m", "15m", "30m", "1h", "2h", "1d"},
		},
	})
	if tags, some := model["tags"]; some {
		out["tags"] = tags
	}
	return out
}

// toClassic is a content in schema v2 as the classic model shows it.
func toClassic(model map[string]any) map[string]any {
	times := objectIn(model, "timeSettings")
	out := map[string]any{
		"annotations": obj{"list": []any{}}, "editable": true, "fiscalYearStartMonth": 0, "graphTooltip": 0,
		"preload": false, "refresh": "", "schemaVersion": 42, "title": model["title"],
		"time": obj{"from": times["from"], "to": times["to"]}, "timezone": times["timezone"],
	}
	if text, some := model["description"]; some {
		out["description"] = text
	}
	if intervals, some := times["autoRefreshIntervals"]; some {
		out["timepicker"] = obj{"refresh_intervals": intervals}
	}
	items, _ := objectIn(objectIn(model, "layout"), "spec")["items"].([]any)
	panels := []any{}
	for _, item := range items {
		entry, _ := item.(map[string]any)
		at := objectIn(entry, "spec")
		name, _ := objectIn(at, "element")["name"].(string)
		panels = append(panels, toClassicPanel(objectIn(objectIn(model, "elements"), name), at))
	}
	if len(panels) > 0 {
		out["panels"] = panels
	}
	return out
}

// toClassicPanel is an element at its place in the layout.
func toClassicPanel(element, at map[string]any) obj {
	panel := objectIn(element, "spec")
	out := obj{
		"gridPos": obj{"x": at["x"], "y": at["y"], "w": at["width"], "h": at["height"]}, "id": panel["id"],
		"title": panel["title"],
	}
	if element["kind"] == "LibraryPanel" {
		out["type"], out["libraryPanel"] = "library-panel-ref", panel["libraryPanel"]
		return out
	}
	out["type"], out["options"] = objectIn(panel, "vizConfig")["group"], obj{}
	out["pluginVersion"], out["targets"] = "", []any{}
	return out
}

func objectIn(fields map[string]any, name string) map[string]any {
	inner, _ := fields[name].(map[string]any)
	return inner
}

package grafanatest

import "maps"

// builtIn is the annotation that every dashboard of the newer versions has.
var builtIn = obj{
	"builtIn": 1, "datasource": obj{"type": "grafana", "uid": "-- Grafana --"}, "enable": true, "hide": true,
	"iconColor": "rgba(0, 211, 255, 1)", "name": "Annotations & Alerts", "type": "dashboard",
}

// migrated is a model as the newer versions of the API show it: brought up to
// the newest schema, with defaults.
func migrated(model map[string]any) map[string]any {
	out := map[string]any{
		"editable":             true,
		"fiscalYearStartMonth": 0,
		"graphTooltip":         0,
		"links":                []any{},
		"panels":               []any{},
		"refresh":              "",
		"tags":                 []any{},
		"templating": obj{
			"list": []any{},
		},
		"time":       obj{"from": "now-6h", "to": "now"},
		"timepicker": obj{},
		"timezone":   "",
		"weekStart":  "",
	}
	maps.Copy(out, model)
	out["schemaVersion"], out["annotations"] = 42, withBuiltIn(model["annotations"])
	return out
}

// completed is a model as it is stored when it is written in a newer version of
// the API: as migrated shows it, but for what only a conversion adds.
func completed(model map[string]any) map[string]any {
	out := migrated(model)
	if _, said := model["refresh"]; !said {
		delete(out, "refresh")
	}
	return out
}

// withBuiltIn adds the annotation that every dashboard has, if it is missing.
func withBuiltIn(annotations any) obj {
	out := obj{}
	given, _ := annotations.(map[string]any)
	maps.Copy(out, given)
	list, _ := given["list"].([]any)
	for _, a := range list {
		if entry, isObject := a.(map[string]any); isObject && entry["builtIn"] != nil {
			return out
		}
	}
	out["list"] = append([]any{builtIn}, list...)
	return out
}

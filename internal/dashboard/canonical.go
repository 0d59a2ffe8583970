package dashboard

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
)

// ownFields are set by Grafana: id, uid and version by every save, iteration by the page.
var ownFields = []string{"id", "uid", "version", "iteration"}

// defaults are what a dashboard has that does not say: with them and without, and with null, it is the same to Grafana.
// Reading through /apis as v1 fills in most of them (applyFrontendDefaults, and the recordings of 12.4.0), saving in
// Grafana's pages the others. Only the very default is left out: "editable": false is not "editable": true.
var defaults = map[string][]string{
	"annotations":          {`{"list":[]}`, `{}`},
	"editable":             {`true`},
	"fiscalYearStartMonth": {`0`},
	"graphTooltip":         {`0`},
	"links":                {`[]`},
	"liveNow":              {`false`}, // saved by the pages
	"panels":               {`[]`},    // saved by the pages
	"preload":              {`false`}, // saved by the pages of 12
	"refresh":              {`""`},
	"tags":                 {`[]`},
	"templating":           {`{"list":[]}`, `{}`},
	"time":                 {`{"from":"now-6h","to":"now"}`},
	"timepicker":           {`{}`},
	"timezone":             {`""`},
	"weekStart":            {`""`},
}

// builtInAnnotation is put into every dashboard that has none of its own (addBuiltInAnnotationQuery).
const builtInAnnotation = `{"builtIn":1,"datasource":{"type":"grafana","uid":"-- Grafana --"},"enable":true,"hide":true,"iconColor":"rgba(0, 211, 255, 1)","name":"Annotations & Alerts","type":"dashboard"}`

// Canonical is the content in a form that two dashboards share if they are the same to Grafana: with sorted keys,
// numbers as Grafana keeps them, and without what Grafana adds. It is a dashboard itself, and its own canonical form.
func (c *Content) Canonical() ([]byte, error) {
	if c.API != "" { // Grafana keeps what its schema has, and says so in its answer
		return appendJSON(nil, c.fields, asKept)
	}
	var err error
	b := []byte{'{'}
	for _, key := range sortedKeys(c.fields) {
		if slices.Contains(ownFields, key) {
			continue
		}
		value, before := c.fields[key], len(b)
		switch key {
		case "annotations":
			value = withoutBuiltIn(value)
		case "panels":
			value = canonicalPanels(value)
		}
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = append(appendString(b, key), ':')
		start := len(b)
		if b, err = appendJSON(b, value, asKept); err != nil {
			return nil, err
		}
		if isDefault(key, b[start:]) {
			b = b[:before]
		}
	}
	return append(b, '}'), nil
}

func isDefault(key string, text []byte) bool {
	same, has := defaults[key]
	return has &&
		(string(text) == "null" || slices.ContainsFunc(same, func(s string) bool { return s == string(text) }))
}

// withoutBuiltIn leaves out the annotation that Grafana puts in.
func withoutBuiltIn(annotations any) any {
	fields, _ := annotations.(map[string]any)
	list, isList := fields["list"].([]any)
	if !isList {
		return annotations
	}
	fields = maps.Clone(fields)
	fields["list"] = slices.DeleteFunc(slices.Clone(list), func(annotation any) bool {
		text, err := appendJSON(nil, annotation, asKept)
		return err == nil && string(text) == builtInAnnotation
	})
	return fields
}

// canonicalPanels gives all panels ids, and leaves of a library panel only what refers to it.
func canonicalPanels(list any) any {
	var panels []map[string]any
	list = clonePanels(list, &panels)
	giveIDs(panels)
	for _, panel := range panels {
		if full, ok := panel["libraryPanel"].(map[string]any); ok {
			reference := map[string]any{} // versions before 10 save the whole library panel with it
			for _, key := range []string{"uid", "name"} {
				if value, has := full[key]; has {
					reference[key] = value
				}
			}
			panel["libraryPanel"] = reference
		}
	}
	return list
}

// clonePanels clones panels and those in rows, and collects them in Grafana's order.
func clonePanels(list any, panels *[]map[string]any) any {
	all, isList := list.([]any)
	if !isList {
		return list
	}
	all = slices.Clone(all)
	for i := range all {
		panel, ok := all[i].(map[string]any)
		if !ok {
			continue
		}
		panel = maps.Clone(panel)
		all[i] = panel
		*panels = append(*panels, panel)
		if inner, has := panel["panels"]; has {
			panel["panels"] = clonePanels(inner, panels)
		}
	}
	return all
}

// giveIDs gives panels without an id, and all but the first with the same, the ids that Grafana gives them when the
// dashboard is opened (ensurePanelsHaveUniqueIds). Leaving ids out instead would make different links the same.
func giveIDs(panels []map[string]any) {
	next := 1.0
	for _, panel := range panels {
		if id, err := numberOf(panel["id"]); err == nil {
			next = max(next, id+1)
		}
	}
	seen := map[float64]bool{}
	for _, panel := range panels {
		id, err := numberOf(panel["id"])
		if err != nil {
			continue // it is none, and the author's
		}
		if id == 0 || seen[id] {
			id = next
			panel["id"] = json.Number(strconv.FormatFloat(id, 'g', -1, 64))
			next++
		}
		seen[id] = true
	}
}

// numberOf is the number that a panel's id is; 0 if it has none.
func numberOf(id any) (float64, error) {
	if id == nil {
		return 0, nil
	}
	n, _ := id.(json.Number)
	return n.Float64()
}

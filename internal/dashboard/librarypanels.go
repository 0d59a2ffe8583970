package dashboard

import (
	"fmt"
	"maps"
)

// inlineLibraryPanels puts the library panels that the dashboard carries in "__elements" into it, in the place of the
// panels that refer to them. What it does not carry stays a reference to one that Grafana has. room is how many bytes
// the dashboard may still grow by.
func inlineLibraryPanels(fields map[string]any, room *int) error {
	models := libraryModels(fields["__elements"])
	if len(models) == 0 {
		return nil
	}
	l := &library{models: models, sizes: map[string]int{}, room: room}
	l.inline(fields)
	if *room < 0 {
		return fmt.Errorf("with its library panels put in, %w", errTooLarge)
	}
	return nil
}

// libraryModels are the panels in "__elements" by uid. Grafana 8 wrote a list, later ones a map.
func libraryModels(elements any) map[string]map[string]any {
	models := map[string]map[string]any{}
	add := func(uid any, element any) {
		e, _ := element.(map[string]any)
		text, _ := uid.(string)
		if model, ok := e["model"].(map[string]any); ok && text != "" {
			models[text] = model
		}
	}
	switch all := elements.(type) {
	case map[string]any:
		for uid, element := range all {
			add(uid, element)
		}
	case []any:
		for _, element := range all {
			if e, ok := element.(map[string]any); ok {
				add(e["uid"], e)
			}
		}
	}
	return models
}

type library struct {
	models map[string]map[string]any
	sizes  map[string]int // of the models, in bytes
	room   *int
}

// inline looks at the panels of a dashboard, or of a row.
func (l *library) inline(holder map[string]any) {
	for _, key := range []string{"panels", "rows"} {
		list, _ := holder[key].([]any)
		for i := range list {
			panel, ok := list[i].(map[string]any)
			if !ok || *l.room < 0 {
				continue
			}
			reference, _ := panel["libraryPanel"].(map[string]any)
			uid, _ := reference["uid"].(string)
			if model := l.models[uid]; model != nil {
				*l.room -= l.size(uid)
				list[i] = inPlaceOf(panel, model)
			} else {
				l.inline(panel)
			}
		}
	}
}

func (l *library) size(uid string) int {
	if l.sizes[uid] == 0 {
		text, _ := appendJSON(nil, l.models[uid], asWritten) // which has no errors
		l.sizes[uid] = len(text)
	}
	return l.sizes[uid]
}

// inPlaceOf is the library panel's model, with what places it in the dashboard from the panel that refers to it. So
// does Grafana show it.
func inPlaceOf(panel, model map[string]any) map[string]any {
	merged := maps.Clone(panel)
	maps.Copy(merged, model)
	for _, own := range []string{"id", "gridPos"} {
		if value, has := panel[own]; has {
			merged[own] = value
		} else {
			delete(merged, own)
		}
	}
	delete(merged, "libraryPanel")
	return merged
}

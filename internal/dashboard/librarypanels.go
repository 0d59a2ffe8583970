package dashboard

import (
	"fmt"
	"maps"
)

// inlineLibraryPanels puts the library panels that the dashboard carries in "__elements" into it, in the place of the
// panels that refer to them. What it does not carry stays a reference to one that Grafana has. room is how many bytes
// the dashboard may still grow by.
func inlineLibraryPanels(fields map[string]any, room *int) error {
	carried := libraryElements(fields["__elements"])
	if len(carried) == 0 {
		return nil
	}
	l := &library{elements: carried, sizes: map[string]int{}, room: room}
	l.each(fields, func(panel map[string]any, uid string) map[string]any {
		*l.room -= l.size(uid)
		return inPlaceOf(panel, l.elements[uid].model)
	})
	if *room < 0 {
		return fmt.Errorf("with its library panels put in, %w", errTooLarge)
	}
	return nil
}

// element is a library panel that a dashboard carries.
type element struct {
	name  any // whatever stands there
	model map[string]any
}

// libraryElements are the panels in "__elements" by uid. Grafana 8 wrote a list, later ones a map.
func libraryElements(elements any) map[string]element {
	found := map[string]element{}
	add := func(uid any, value any) {
		e, _ := value.(map[string]any)
		text, _ := uid.(string)
		if model, ok := e["model"].(map[string]any); ok && text != "" {
			found[text] = element{e["name"], model}
		}
	}
	switch all := elements.(type) {
	case map[string]any:
		for uid, value := range all {
			add(uid, value)
		}
	case []any:
		for _, value := range all {
			if e, ok := value.(map[string]any); ok {
				add(e["uid"], e)
			}
		}
	}
	return found
}

type library struct {
	elements map[string]element
	sizes    map[string]int // of the models, in bytes
	room     *int
}

// each changes the panels of a dashboard, or of a row, that refer to what it carries.
func (l *library) each(holder map[string]any, change func(panel map[string]any, uid string) map[string]any) {
	for _, key := range []string{"panels", "rows"} {
		list, _ := holder[key].([]any)
		for i := range list {
			panel, ok := list[i].(map[string]any)
			if !ok || *l.room < 0 {
				continue
			}
			reference, _ := panel["libraryPanel"].(map[string]any)
			uid, _ := reference["uid"].(string)
			if _, carried := l.elements[uid]; carried {
				list[i] = change(panel, uid)
			} else {
				l.each(panel, change)
			}
		}
	}
}

func (l *library) size(uid string) int {
	if l.sizes[uid] == 0 {
		text, _ := appendJSON(nil, l.elements[uid].model, asWritten) // which has no errors
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

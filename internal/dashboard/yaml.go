package dashboard

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// FromYAML undoes, in a model that was written in YAML and came as JSON, what YAML 1.1 does to words without quotes: it
// reads y, yes and on as true, and n, no and off as false, also as a key. kubectl and Helm read it so. What can only be
// the y of a position is put right; what cannot be told is refused. JSON that does not parse is left as it is: Parse
// says what is wrong with it.
func FromYAML(model []byte) ([]byte, error) {
	fields, _, err := decode(model)
	if err != nil {
		return model, nil
	}
	w := words{}
	w.object(fields, nil)
	switch {
	case w.problem != "":
		const why = "YAML reads y, n, yes, no, on and off without quotes as true and false, and null as nothing. " +
			"Quote it in your YAML"
		return nil, fmt.Errorf("%s: %s", w.problem, why)
	case !w.changed:
		return model, nil
	}
	return json.Marshal(fields)
}

// words looks for words that YAML has taken for true or false.
type words struct {
	changed bool
	problem string // the first one that cannot be told
}

func (w *words) object(fields map[string]any, path []string) {
	if w.problem != "" {
		return
	}
	w.keys(fields, path)
	for _, key := range slices.Sorted(maps.Keys(fields)) {
		at := append(slices.Clip(path), key)
		if word := misread(fields[key]); word != "" && isText(at, fields) {
			w.refuse(strings.Join(at, ".") + " is " + word)
		}
		w.value(fields[key], at)
	}
}

// misread is what YAML can have made of a word; empty: value is nothing of the kind.
func misread(value any) string {
	switch value := value.(type) {
	case bool:
		return fmt.Sprint(value)
	case nil:
		return "null"
	}
	return ""
}

func (w *words) value(value any, path []string) {
	switch v := value.(type) {
	case map[string]any:
		w.object(v, path)
	case []any:
		for i := range v {
			at := slices.Clone(path)
			at[len(at)-1] += fmt.Sprintf("[%d]", i)
			if _, isBool := v[i].(bool); isBool && len(at) == 1 && strings.HasPrefix(at[0], "tags[") {
				w.refuse(fmt.Sprintf("%s is %v", at[0], v[i]))
			}
			w.value(v[i], at)
		}
	}
}

// keys puts the key true right where it can only be a y, and refuses it and the key false elsewhere. What a panel shows
// for the values true and false has such keys.
func (w *words) keys(fields map[string]any, path []string) {
	if y, has := fields["true"]; has && isPosition(fields, path) {
		delete(fields, "true")
		fields["y"] = y
		w.changed = true
	}
	if n := len(path); n > 1 && path[n-1] == "options" && isMapping(path[:n-1]) {
		return
	}
	for _, key := range []string{"true", "false"} {
		if _, has := fields[key]; has {
			in := strings.Join(append([]string{"the model"}, path...), ".")
			w.refuse(fmt.Sprintf("%s has the key %s (if that is meant, use source.json)", in, key))
		}
	}
}

// isPosition reports whether an object has a place for y, and none there.
func isPosition(fields map[string]any, path []string) bool {
	_, hasX := fields["x"]
	_, hasY := fields["y"]
	return !hasY && (hasX || len(path) > 0 && path[len(path)-1] == "gridPos")
}

func (w *words) refuse(problem string) {
	if w.problem == "" {
		w.problem = problem
	}
}

// isMapping reports whether what a panel shows for some value is at a path: one of a field, or of an override.
func isMapping(path []string) bool {
	n := len(path)
	return n > 0 && strings.HasPrefix(path[n-1], "mappings[") ||
		n > 1 && strings.HasPrefix(path[n-1], "value[") && strings.HasPrefix(path[n-2], "properties[")
}

// isText reports whether there can only be a text at the path of a member of fields. What has no text there may be
// null, but for the match of a mapping, whose text that is.
func isText(path []string, fields map[string]any) bool {
	n := len(path)
	key, in := path[n-1], ""
	if n > 1 {
		in, _, _ = strings.Cut(path[n-2], "[")
	}
	if fields[key] == nil {
		return key == "match" && in == "options" && isMapping(path[:n-2])
	}
	switch key {
	case "match":
		return in == "options" && isMapping(path[:n-2])
	case "text":
		return in == "valueMaps" || in == "rangeMaps" || isChoice(path) || n > 3 && isMapping(path[:n-3])
	case "value":
		return isChoice(path) || in == "properties" && isTextProperty(fields["id"])
	}
	return key == "refId" || in == "renameByName" || slices.Contains(texts[key], in)
}

// texts are the keys of which there can only be a text, and in what; "": in the dashboard itself.
var texts = map[string][]string{
	"title":        {"", "panels", "links"},
	"uid":          {"", "panels", "datasource"},
	"description":  {"", "panels", "datasource"},
	"type":         {"panels", "datasource", "list"},
	"expr":         {"targets"},
	"legendFormat": {"targets"},
	"alias":        {"targets"},
	"name":         {"list"},
	"label":        {"list"},
	"query":        {"list"},
	"displayName":  {"defaults"},
	"unit":         {"defaults"},
	"noValue":      {"defaults"},
	"axisLabel":    {"custom"},
	"options":      {"matcher"},
}

// isChoice reports whether a path is in what a variable can be, or is.
func isChoice(path []string) bool {
	n := len(path)
	return n > 2 && strings.HasPrefix(path[n-3], "list[") &&
		(path[n-2] == "current" || strings.HasPrefix(path[n-2], "options["))
}

// isTextProperty reports whether a property that a panel overrides is a text.
func isTextProperty(id any) bool {
	return slices.Contains([]any{"displayName", "unit", "noValue", "description", "custom.axisLabel"}, id)
}

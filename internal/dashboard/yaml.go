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
		const why = "YAML reads y, n, yes, no, on and off without quotes as true and false. Quote it in your YAML"
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
		if _, isBool := fields[key].(bool); isBool && isText(at) {
			w.refuse(fmt.Sprintf("%s is %v", strings.Join(at, "."), fields[key]))
		}
		w.value(fields[key], at)
	}
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
	if n := len(path); n > 1 && path[n-1] == "options" && strings.HasPrefix(path[n-2], "mappings[") {
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

// isText reports whether there can only be a text at a path.
func isText(path []string) bool {
	key, in := path[len(path)-1], ""
	if len(path) > 1 {
		in, _, _ = strings.Cut(path[len(path)-2], "[")
	}
	switch key {
	case "refId":
		return true
	case "title":
		return in == "" || in == "panels" || in == "links"
	case "uid", "description":
		return in == "" || in == "panels" || in == "datasource"
	case "type":
		return in == "panels" || in == "datasource" || in == "list"
	case "expr", "legendFormat":
		return in == "targets"
	case "name", "label", "query":
		return in == "list"
	}
	return false
}

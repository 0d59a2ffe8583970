package dashboard

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// input is an entry of "__inputs": what "Export for sharing" left open.
type input struct {
	name, kind, plugin, label string

	preset string // the value that it has if none is given
	filled bool   // whether it has one
}

func (i input) String() string {
	s := fmt.Sprintf("%.60s (type %.60s", i.name, i.kind)
	if i.plugin != "" {
		s += fmt.Sprintf(", pluginId %.60s", i.plugin)
	}
	if i.label != "" {
		s += fmt.Sprintf(", label %.60q", i.label)
	}
	return s + ")"
}

// expressions is the pluginId, and the uid, of the data source of server-side expressions. Every Grafana has it.
const expressions = "__expr__"

func readInputs(fields map[string]any) ([]input, error) {
	list, isList := fields["__inputs"].([]any)
	if !isList && fields["__inputs"] != nil {
		return nil, fmt.Errorf(`its "__inputs" is %s, not a list`, kindOf(fields["__inputs"]))
	}
	var inputs []input
	for i, entry := range list {
		of, _ := entry.(map[string]any)
		text := func(key string) string { s, _ := of[key].(string); return s }
		in := input{name: text("name"), kind: text("type"), plugin: text("pluginId"), label: text("label")}
		if in.name == "" {
			return nil, fmt.Errorf(`entry %d of its "__inputs" has no name`, i+1)
		}
		switch value := of["value"].(type) {
		case string, bool, json.Number:
			in.preset, in.filled = fmt.Sprint(value), in.kind == "constant"
		}
		if in.plugin == expressions {
			in.preset, in.filled = expressions, true
		}
		inputs = append(inputs, in)
	}
	return inputs, nil
}

// fillInputs puts values in the place of ${NAME} in all texts of the dashboard: those given, and the uids of data
// sources. room is how many bytes it may still grow by. It says which of those given are declared and were found
// nowhere.
func fillInputs(
	fields map[string]any, given map[string]string, declared []input, s *sources, room *int,
) (unused []string, err error) {
	if len(declared)+len(given)+len(s.inputs) == 0 {
		return nil, nil
	}
	f := filler{values: map[string]string{}, known: map[string]bool{}, found: map[string]bool{}, room: room}
	names, err := f.declare(declared, given, s)
	if err != nil {
		return nil, err
	}
	for name, value := range given {
		f.values[name] = strings.ToValidUTF8(value, "\ufffd")
	}
	for name, to := range s.inputs {
		if _, twice := given[name]; twice {
			return nil, fmt.Errorf("spec.inputs and spec.datasources both say what the input %.60q is", name)
		}
		if to.UID != "" {
			f.values[name] = to.UID
		}
	}
	f.fill(fields)
	for name, to := range s.inputs {
		from := "${" + name + "}"
		s.used[from] = s.used[from] || f.found[name] || to.UID == ""
	}
	if *room < 0 {
		return nil, fmt.Errorf("with its inputs filled in, %w", errTooLarge)
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if f.known[name] && !f.found[name] {
			unused = append(unused, name)
		}
	}
	return unused, unknown(given, f.known, names)
}

// unknown refuses a given input that the dashboard has nowhere.
func unknown(given map[string]string, known map[string]bool, names []string) error {
	for _, name := range slices.Sorted(maps.Keys(given)) {
		switch {
		case known[name]:
		case len(names) == 0:
			return fmt.Errorf("it has no input %.60q, nor any other: take it out of spec.inputs", name)
		default:
			return fmt.Errorf("it has no input %.60q: take it out of spec.inputs. It has %s", name, enumerate(names))
		}
	}
	return nil
}

// placeholder is what Grafana takes for one when it imports a dashboard.
var placeholder = regexp.MustCompile(`\$\{.+?\}`)

// enumerate lists names for an error, which has to stay readable.
func enumerate(names []string) string {
	const most = 20
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}

// filler puts values in the place of ${NAME}.
type filler struct {
	values map[string]string
	known  map[string]bool // names that are declared or were found
	found  map[string]bool
	room   *int
}

// declare takes note of the inputs that the dashboard has, and names them. All need a value, or a data source.
func (f *filler) declare(declared []input, given map[string]string, s *sources) (names []string, err error) {
	var missing []string
	for _, in := range declared {
		if f.known[in.name] {
			continue // it is in the list twice
		}
		f.known[in.name] = true
		names = append(names, fmt.Sprintf("%.60s", in.name))
		_, isGiven := given[in.name]
		_, isSource := s.inputs[in.name]
		if in.filled {
			f.values[in.name] = in.preset
		} else if !isGiven && !isSource {
			missing = append(missing, in.String())
		}
	}
	switch len(missing) {
	case 0:
		return names, nil
	case 1:
		return nil, fmt.Errorf("it needs the input %s: add it to spec.inputs", missing[0])
	}
	return nil, fmt.Errorf("it needs the inputs %s: add them to spec.inputs", enumerate(missing))
}

func (f *filler) fill(value any) any {
	switch v := value.(type) {
	case string:
		return f.text(v)
	case []any:
		for i := range v {
			v[i] = f.fill(v[i])
		}
	case map[string]any:
		for key := range v {
			if key != "__inputs" {
				v[key] = f.fill(v[key])
			}
		}
	}
	return value
}

// text fills in one text, as long as there is room.
func (f *filler) text(s string) string {
	return placeholder.ReplaceAllStringFunc(s, func(match string) string {
		name := match[len("${") : len(match)-len("}")]
		value, has := f.values[name]
		if !has || *f.room < 0 {
			return match
		}
		f.known[name], f.found[name] = true, true
		if *f.room -= len(value) - len(match); *f.room < 0 {
			return match
		}
		return value
	})
}

package dashboard

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// DataSource is a data source that an organization has. Without a UID it is one that is still to be found.
type DataSource struct{ UID, Name, Type string }

// label is what people and old dashboards call it.
func (d DataSource) label() string { return cmp.Or(d.Name, d.UID) }

// sources puts data sources in the place of those that a dashboard names.
type sources struct {
	refs    map[string]DataSource // by uid or name
	choices map[string]DataSource // by the name of a variable whose choice they become
	inputs  map[string]DataSource // by the name of an input whose value they are

	named map[string]bool // what the dashboard names in the end
	used  map[string]bool // what was found of what is wanted
	room  *int            // how many bytes the dashboard may still grow by
}

// newSources sorts what is to be replaced by what it is in the dashboard.
func newSources(fields map[string]any, wanted map[string]DataSource, room *int) *sources {
	s := &sources{
		refs: map[string]DataSource{}, choices: map[string]DataSource{}, inputs: map[string]DataSource{},
		named: map[string]bool{}, used: map[string]bool{}, room: room,
	}
	variables := map[string]bool{}
	for _, v := range sourceVariables(fields) {
		name, _ := v["name"].(string)
		variables[name] = true
	}
	for from, to := range wanted {
		name, isPlaceholder := insidePlaceholder(from)
		switch {
		case isPlaceholder && variables[name]:
			s.choices[name] = to
		case isPlaceholder:
			s.inputs[name] = to
		default:
			s.refs[from] = to
		}
	}
	return s
}

// insidePlaceholder is NAME of ${NAME}.
func insidePlaceholder(text string) (string, bool) {
	name, begins := strings.CutPrefix(text, "${")
	name, ends := strings.CutSuffix(name, "}")
	return name, begins && ends && name != ""
}

// sourceVariables are the dashboard's variables of type datasource.
func sourceVariables(fields map[string]any) (variables []map[string]any) {
	templating, _ := fields["templating"].(map[string]any)
	list, _ := templating["list"].([]any)
	for _, entry := range list {
		if v, ok := entry.(map[string]any); ok && v["type"] == "datasource" {
			variables = append(variables, v)
		}
	}
	return variables
}

// replace changes what the dashboard names, and takes note of all that it names then.
func (s *sources) replace(fields map[string]any) error {
	for _, v := range sourceVariables(fields) {
		name, _ := v["name"].(string)
		s.choose(v, name)
	}
	s.visit(fields)
	if *s.room < 0 {
		return fmt.Errorf("with its data sources put in, %w", errTooLarge)
	}
	return nil
}

// choose gives a variable its choice: the one that is wanted, or what stands for the one that it has.
func (s *sources) choose(variable map[string]any, name string) {
	if to, has := s.choices[name]; has {
		s.used["${"+name+"}"] = true
		if to.UID != "" {
			variable["current"] = map[string]any{"text": to.label(), "value": to.UID}
		}
		return
	}
	current, _ := variable["current"].(map[string]any)
	switch value := current["value"].(type) {
	case string:
		if to, has := s.instead(value); has {
			current["text"], current["value"] = to.label(), to.UID
		}
	case []any:
		texts, _ := current["text"].([]any)
		for i := range value {
			text, _ := value[i].(string)
			to, has := s.instead(text)
			if !has {
				continue
			}
			if value[i] = to.UID; i < len(texts) {
				texts[i] = to.label()
			}
		}
	}
}

// instead is what stands for a uid or name, if anything does.
func (s *sources) instead(named string) (DataSource, bool) {
	to, has := s.refs[named]
	if !has {
		return to, false
	}
	s.used[named] = true
	*s.room -= max(len(to.UID), len(to.Name)) + len(to.Type)
	return to, to.UID != ""
}

func (s *sources) visit(value any) {
	switch v := value.(type) {
	case []any:
		for _, element := range v {
			s.visit(element)
		}
	case map[string]any:
		for key, inner := range v {
			if key == "datasource" {
				inner = s.reference(inner)
				v[key] = inner
			}
			s.visit(inner)
		}
	}
}

// reference is what is written in the place of a reference: an object with type and uid, or, as all dashboards had it
// before Grafana 8.3, the name.
func (s *sources) reference(value any) any {
	switch v := value.(type) {
	case string:
		if to, has := s.instead(v); has {
			v = to.label()
		}
		s.note(v)
		return v
	case map[string]any:
		uid, isText := v["uid"].(string)
		if !isText {
			return value
		}
		if to, has := s.instead(uid); has {
			uid, v["uid"] = to.UID, to.UID
			if to.Type != "" {
				v["type"] = to.Type
			}
		}
		s.note(uid)
	}
	return value
}

// longestName is how many characters of a name count. Grafana keeps fewer.
const longestName = 200

// builtIn are what every Grafana has.
var builtIn = []string{
	"", "default", "grafana", "-- Grafana --", "-- Mixed --", "-- Dashboard --", expressions,
}

// note takes note of a name, but for those of variables.
func (s *sources) note(name string) {
	if !slices.Contains(builtIn, name) && !strings.Contains(name, "$") && !strings.HasPrefix(name, "[[") {
		s.named[fmt.Sprintf("%.*s", longestName, name)] = true
	}
}

// unused are those that were to be replaced and stand nowhere in the dashboard.
func (s *sources) unused(wanted map[string]DataSource) (unused []string) {
	for _, from := range slices.Sorted(maps.Keys(wanted)) {
		if !s.used[from] {
			unused = append(unused, from)
		}
	}
	return unused
}

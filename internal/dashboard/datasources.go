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
	refs    map[string]DataSource // by uid, name, or ${NAME} of an input
	choices map[string]DataSource // by the name of a variable whose choice they become
	inputs  map[string]DataSource // by the name of an input, which has their uid where it is in other texts

	used map[string]bool // what was found of what is wanted
	room *int            // how many bytes the dashboard may still grow by
}

// newSources sorts what is wanted by what it is in the dashboard, which declares these inputs.
func newSources(m model, wanted map[string]DataSource, declared []input, room *int) *sources {
	s := &sources{
		refs: map[string]DataSource{}, choices: map[string]DataSource{}, inputs: map[string]DataSource{},
		used: map[string]bool{}, room: room,
	}
	variables := map[string]bool{}
	for _, v := range m.sourceVariables() {
		name, _ := v["name"].(string) // it may be anything
		variables[name] = true
	}
	for from, to := range wanted {
		name, isPlaceholder := insidePlaceholder(from)
		isInput := slices.ContainsFunc(declared, func(i input) bool { return i.name == name })
		switch {
		case slices.Contains(builtIn, from):
		case !isPlaceholder:
			s.refs[from] = to
		default:
			if variables[name] {
				s.choices[name] = to
			}
			if isInput || !variables[name] {
				s.refs[from], s.inputs[name] = to, to
			}
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
func (m model) sourceVariables() (variables []map[string]any) {
	if m.api != "" {
		return sourceVariables2(m.fields)
	}
	for _, v := range objectsIn(objectIn(m.fields, "templating"), "list") {
		if v["type"] == "datasource" {
			variables = append(variables, v)
		}
	}
	return variables
}

func objectIn(fields map[string]any, key string) map[string]any {
	inner, _ := fields[key].(map[string]any)
	return inner
}

func objectsIn(fields map[string]any, key string) (objects []map[string]any) {
	list, _ := fields[key].([]any)
	for _, element := range list {
		if object, ok := element.(map[string]any); ok {
			objects = append(objects, object)
		}
	}
	return objects
}

// eachReference has f change every reference to a data source: of panels and their queries, those that the dashboard
// carries as library panels included, of annotations and of variables. A key of that name elsewhere is something else.
func eachReference(fields map[string]any, f func(any) any) {
	ofHolder(fields, f)
	for _, e := range libraryElements(fields["__elements"]) {
		ofHolder(e.model, f)
	}
	for _, key := range []string{"annotations", "templating"} {
		for _, entry := range objectsIn(objectIn(fields, key), "list") {
			ofHolder(entry, f)
		}
	}
}

func ofHolder(holder map[string]any, f func(any) any) {
	if reference, has := holder["datasource"]; has {
		holder["datasource"] = f(reference)
	}
	if target := objectIn(holder, "target"); target != nil {
		ofHolder(target, f)
	}
	for _, key := range []string{"panels", "rows", "targets"} {
		for _, inner := range objectsIn(holder, key) {
			ofHolder(inner, f)
		}
	}
}

// replace changes what the dashboard names.
func (s *sources) replace(m model) error {
	for _, v := range m.sourceVariables() {
		s.choose(v)
	}
	if m.api == "" {
		eachReference(m.fields, s.reference)
	} else {
		eachHolder2(m.fields, s.inHolder2)
	}
	if *s.room < 0 {
		return fmt.Errorf("with its data sources put in, %w", errTooLarge)
	}
	return nil
}

// choose gives a variable its choice: the one that is wanted, or what stands for the one that it has.
func (s *sources) choose(variable map[string]any) {
	name, _ := variable["name"].(string)
	if to, has := s.choices[name]; has {
		s.used["${"+name+"}"] = true
		if to.UID != "" {
			*s.room -= len(to.label()) + len(to.UID) + len(`"current":{"text":"","value":""},`)
			variable["current"] = map[string]any{"text": to.label(), "value": to.UID}
		}
		return
	}
	current := objectIn(variable, "current")
	switch value := current["value"].(type) {
	case string:
		if to, has := s.instead(value); has {
			*s.room -= len(to.label()) + len(to.UID) - len(value)
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
			*s.room -= len(to.UID) - len(text)
			if value[i] = to.UID; i < len(texts) {
				*s.room -= len(to.label())
				texts[i] = to.label()
			}
		}
	}
}

// instead is what stands for a uid or name, if anything does.
func (s *sources) instead(named string) (DataSource, bool) {
	to, has := s.refs[named]
	if has {
		s.used[named] = true
	}
	return to, has && to.UID != ""
}

// reference is what is written in the place of a reference: an object with type and uid, or, as all dashboards had it
// before Grafana 8.3, the name.
func (s *sources) reference(value any) any {
	switch v := value.(type) {
	case string:
		if to, has := s.instead(v); has {
			*s.room -= len(to.label()) - len(v)
			return to.label()
		}
	case map[string]any:
		uid, _ := v["uid"].(string)
		to, has := s.instead(uid)
		if !has {
			return value
		}
		kind, _ := v["type"].(string)
		*s.room -= len(to.UID) - len(uid) + len(cmp.Or(to.Type, kind)) - len(kind)
		v = maps.Clone(v)
		if v["uid"] = to.UID; to.Type != "" {
			v["type"] = to.Type
		}
		return v
	}
	return value
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

// builtIn are what every Grafana has; -100 was the uid of expressions once.
var builtIn = []string{
	"", "default", "grafana", "-- Grafana --", "-- Mixed --", "-- Dashboard --", expressions, "-100",
}

// namedSources are the data sources that a dashboard names, or a library panel that is kept beside it, but for those
// that every Grafana has, and those that a variable chooses.
func namedSources(m model, panels []LibraryPanel) []string {
	named := map[string]bool{}
	note := func(name string) {
		if !slices.Contains(builtIn, name) && !strings.Contains(name, "$") && !strings.HasPrefix(name, "[[") {
			named[name] = true
		}
	}
	if m.api != "" {
		eachHolder2(m.fields, func(holder map[string]any) { note(namedIn2(holder)) })
		return slices.Sorted(maps.Keys(named))
	}
	noted := func(value any) any {
		name, _ := value.(string)
		if v, ok := value.(map[string]any); ok {
			name, _ = v["uid"].(string)
		}
		note(name)
		return value
	}
	eachReference(m.fields, noted)
	for _, p := range panels {
		ofHolder(p.model, noted)
	}
	return slices.Sorted(maps.Keys(named))
}

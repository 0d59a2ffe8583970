package dashboard

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// In schema v2, queries, annotations and variables have their data source beside their "group", which is its type:
// {"group": "prometheus", "datasource": {"name": UID}}. In v2alpha1 it is as in the classic model, {"type", "uid"}, and
// belongs to what holds the query. A dashboard that was exported for sharing has groups alone.

// sourceVariables2 are the variables of schema v2 whose values are data sources.
func sourceVariables2(fields map[string]any) (variables []map[string]any) {
	eachVariable2(fields, func(v map[string]any) {
		if spec := objectIn(v, "spec"); v["kind"] == "DatasourceVariable" && spec != nil {
			variables = append(variables, spec)
		}
	})
	return variables
}

// eachVariable2 visits the variables of a dashboard, and those of its rows and tabs.
func eachVariable2(fields map[string]any, visit func(map[string]any)) {
	for _, v := range objectsIn(fields, "variables") {
		visit(v)
	}
	layout := objectIn(objectIn(fields, "layout"), "spec")
	for _, part := range slices.Concat(objectsIn(layout, "rows"), objectsIn(layout, "tabs")) {
		if spec := objectIn(part, "spec"); spec != nil {
			eachVariable2(spec, visit)
		}
	}
}

// eachHolder2 visits what can name a data source in schema v2.
func eachHolder2(fields map[string]any, visit func(map[string]any)) {
	with := func(holder map[string]any) {
		for _, h := range []map[string]any{holder, objectIn(holder, "query")} {
			if h != nil {
				visit(h)
			}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(objectIn(fields, "elements"))) {
		panel := objectIn(objectIn(objectIn(fields, "elements"), key), "spec")
		for _, query := range objectsIn(objectIn(objectIn(panel, "data"), "spec"), "queries") {
			with(objectIn(query, "spec"))
		}
	}
	for _, annotation := range objectsIn(fields, "annotations") {
		with(objectIn(annotation, "spec"))
	}
	eachVariable2(fields, func(v map[string]any) {
		visit(v)
		with(objectIn(v, "spec"))
	})
}

// namedIn2 is the uid or name of the data source that is named; empty: none is.
func namedIn2(holder map[string]any) string {
	source := objectIn(holder, "datasource")
	if _, has := holder["group"]; has {
		name, _ := source["name"].(string)
		return name
	}
	uid, _ := source["uid"].(string)
	return uid
}

// inHolder2 has a holder name what stands for its data source; if it names none, what stands for one of its type.
func (s *sources) inHolder2(holder map[string]any) {
	kind, has := holder["group"].(string)
	if !has {
		if source := objectIn(holder, "datasource"); source != nil {
			holder["datasource"] = s.reference(source)
		}
		return
	}
	name := namedIn2(holder)
	to, has := s.instead(cmp.Or(name, kind))
	if !has {
		return
	}
	source := maps.Clone(objectIn(holder, "datasource"))
	if source == nil {
		source = map[string]any{}
		*s.room -= len(`"datasource":{"name":""},`)
	}
	*s.room -= len(to.UID) - len(name) + len(cmp.Or(to.Type, kind)) - len(kind)
	source["name"] = to.UID
	holder["datasource"], holder["group"] = source, cmp.Or(to.Type, kind)
}

// Lost says what of a JSON object is not in what Grafana has made of it: the first few, by the names that lead there.
// What is empty can be left out.
func Lost(sent, kept []byte) []string {
	s, _, err := decode(sent)
	if err != nil {
		return []string{err.Error()}
	}
	k, _, err := decode(kept)
	if err != nil {
		return []string{err.Error()}
	}
	c := comparison{}
	c.values(s, k)
	return c.lost
}

// mostLost is how many are named.
const mostLost = 5

// comparison finds what is lost.
type comparison struct {
	path []string // that leads to what is compared
	lost []string
}

func (c *comparison) values(sent, kept any) {
	if len(c.lost) > mostLost || kept == nil && isEmpty(sent) {
		return
	}
	switch s := sent.(type) {
	case map[string]any:
		if k, same := kept.(map[string]any); same {
			for _, key := range sortedKeys(s) {
				c.inside("."+key, s[key], k[key])
			}
			return
		}
	case []any:
		if k, same := kept.([]any); same && len(s) == len(k) {
			for i := range s {
				c.inside(fmt.Sprintf("[%d]", i), s[i], k[i])
			}
			return
		}
	default:
		a, errA := appendJSON(nil, sent, asKept)
		b, errB := appendJSON(nil, kept, asKept)
		if errA == nil && errB == nil && bytes.Equal(a, b) {
			return
		}
	}
	c.note()
}

func (c *comparison) inside(name string, sent, kept any) {
	c.path = append(c.path, name)
	c.values(sent, kept)
	c.path = c.path[:len(c.path)-1]
}

// note names where it is, in a length that people read.
func (c *comparison) note() {
	const longest = 120
	if len(c.lost) == mostLost {
		c.lost = append(c.lost, "and more")
		return
	}
	name := ""
	for _, step := range c.path {
		if name += fmt.Sprintf("%.60s", step); len(name) > longest {
			name = fmt.Sprintf("%.120s…", name)
			break
		}
	}
	c.lost = append(c.lost, name)
}

// isEmpty reports whether a value says nothing.
func isEmpty(value any) bool {
	switch v := value.(type) {
	case map[string]any:
		for _, inner := range v {
			if !isEmpty(inner) {
				return false
			}
		}
		return true
	case []any:
		return len(v) == 0
	case json.Number:
		f, err := v.Float64()
		return err == nil && f == 0
	}
	return value == nil || value == "" || value == false
}

package dashboard

import (
	"fmt"
	"strings"
	"testing"
)

const twoInputs = `{"title":"x","__inputs":[{"name":"DS_A","type":"datasource","pluginId":"prometheus","label":"Prometheus A"},{"name":"VAR_B","type":"constant","value":"b"}],"a":"${DS_A}","b":"${VAR_B}"}`

func TestInputs(t *testing.T) {
	for name, c := range map[string]struct {
		source string
		inputs map[string]string
		want   string // of the canonical form, or of the error
	}{
		"given":               {twoInputs, map[string]string{"DS_A": "1"}, `{"a":"1","b":"b","title":"x"}`},
		"constant given":      {twoInputs, map[string]string{"DS_A": "1", "VAR_B": ""}, `{"a":"1","b":"","title":"x"}`},
		"text is not JSON":    {twoInputs, map[string]string{"DS_A": `","c":"\`}, `{"a":"\",\"c\":\"\\","b":"b","title":"x"}`},
		"filled in once":      {twoInputs, map[string]string{"DS_A": "${VAR_B}"}, `{"a":"${VAR_B}","b":"b","title":"x"}`},
		"not UTF-8":           {twoInputs, map[string]string{"DS_A": "\xff"}, `{"a":"` + "\ufffd" + `","b":"b","title":"x"}`},
		"not declared":        {`{"title":"x","a":"${DS_A} ${other} ${DS_A"}`, map[string]string{"DS_A": "1"}, `{"a":"1 ${other} ${DS_A","title":"x"}`},
		"no key":              {`{"title":"x","${A}":"${A}"}`, map[string]string{"A": "1"}, `{"${A}":"1","title":"x"}`},
		"title and uid":       {`{"title":"${A}","uid":"${A}"}`, map[string]string{"A": "1"}, `{"title":"1"}`},
		"declared, not used":  {`{"title":"x","__inputs":[{"name":"A","type":"constant"}]}`, map[string]string{"A": "1"}, `{"title":"x"}`},
		"expressions":         {`{"title":"x","__inputs":[{"name":"A","type":"datasource","pluginId":"__expr__"}],"a":"${A}"}`, nil, `{"a":"__expr__","title":"x"}`},
		"in a resource":       {`{"apiVersion":"dashboard.grafana.app/v1","kind":"Dashboard","spec":` + twoInputs + `}`, map[string]string{"DS_A": "1"}, `{"a":"1","b":"b","title":"x"}`},
		"missing":             {twoInputs, nil, `it needs the input DS_A (type datasource, pluginId prometheus, label "Prometheus A"): add it to spec.inputs`},
		"constant, no value":  {`{"title":"x","__inputs":[{"name":"A","type":"constant"},{"name":"B","type":"constant"},{"name":"A","type":"constant"}]}`, nil, `it needs the inputs A (type constant), B (type constant): add them to spec.inputs`},
		"data source's value": {`{"title":"x","__inputs":[{"name":"A","type":"datasource","value":"theirs"}]}`, nil, `it needs the input A (type datasource): add it to spec.inputs`},
		"of nothing":          {`{"title":"x"}`, map[string]string{"A": "1"}, `it has no input "A", nor any other: take it out of spec.inputs`},
		"of another":          {twoInputs, map[string]string{"DS_A": "1", "DS_C": "1"}, `it has no input "DS_C": take it out of spec.inputs. It has DS_A, VAR_B`},
		"no list":             {`{"title":"x","__inputs":{}}`, nil, `its "__inputs" is an object, not a list`},
		"no name":             {`{"title":"x","__inputs":[{"name":"A","type":"constant","value":""},7]}`, nil, `entry 2 of its "__inputs" has no name`},
		"grows without bound": {`{"title":"x","a":"` + strings.Repeat("${A}", 1000) + `"}`, map[string]string{"A": strings.Repeat("x", 1<<20)}, `with its inputs filled in, it is larger than 16 MiB, the most that Grafana takes`},
	} {
		t.Run(name, func(t *testing.T) {
			content, err := Parse([]byte(c.source), Wishes{Inputs: c.inputs})
			have := fmt.Sprint(err)
			if err == nil {
				canonical, err := content.Canonical()
				must(t, err)
				have = string(canonical)
			}
			if have != c.want {
				t.Errorf("it came to\n%s, want\n%s", have, c.want)
			}
		})
	}
}

func TestManyInputsAreNotAllTold(t *testing.T) {
	var entries []string
	for i := range 100 {
		entries = append(entries, fmt.Sprintf(`{"name":"A%d%s"}`, i, strings.Repeat("x", 1000)))
	}
	_, err := Parse([]byte(`{"title":"x","__inputs":[`+strings.Join(entries, ",")+`]}`), Wishes{})
	if err == nil || len(err.Error()) > 2000 || !strings.Contains(err.Error(), "and 80 more") {
		t.Errorf("Parse said %v", err)
	}
}

func TestLibraryPanelsDoNotGrowWithoutBound(t *testing.T) {
	const reference = `{"libraryPanel":{"uid":"a"}}`
	source := `{"title":"x","__elements":{"a":{"model":{"type":"text","text":"` + strings.Repeat(
		"x",
		1<<20,
	) + `"}}},"panels":[` + strings.Repeat(
		reference+",",
		1000,
	) + reference + `]}`
	if _, err := Parse(
		[]byte(source),
		Wishes{},
	); err == nil ||
		!strings.Contains(err.Error(), "library panels put in, it is larger") {
		t.Errorf("Parse said %v", err)
	}
}

// What Flux has made of a dashboard whose placeholders it took for its own.
func TestInputsThatAreUsedNowhere(t *testing.T) {
	source := `{"title":"x","__inputs":[{"name":"DS_P","type":"datasource"},{"name":"DS_Q","type":"datasource"}],"datasource":{"uid":""},"q":"${DS_Q}"}`
	c := parse(t, []byte(source), map[string]string{"DS_P": "prom", "DS_Q": "other"})
	if got := strings.Join(c.Unused, " "); got != "DS_P" {
		t.Errorf("unused: %q", got)
	}
}

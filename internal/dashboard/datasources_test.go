package dashboard

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestDataSources(t *testing.T) {
	mimir := DataSource{UID: "mimir-uid", Name: "Mimir", Type: "prometheus"}
	for name, c := range map[string]struct {
		source string
		wanted map[string]DataSource
		want   string   // the canonical form
		named  []string // in the end
		unused []string
	}{
		"nothing": {
			source: `{"title":"x","panels":[{"id":1,"datasource":{"type":"prometheus","uid":"p"}}]}`,
			want:   `{"panels":[{"datasource":{"type":"prometheus","uid":"p"},"id":1}],"title":"x"}`,
			named:  []string{"p"},
		},
		"panel, query and row": {
			source: `{"title":"x","panels":[{"id":1,"datasource":{"uid":"p","x":1},"targets":[{"datasource":{"type":"loki","uid":"p"}},{"datasource":{"uid":"q"}}]},{"id":2,"type":"row","panels":[{"id":3,"datasource":{"uid":"p"}}]}]}`,
			wanted: map[string]DataSource{"p": mimir},
			want:   `{"panels":[{"datasource":{"type":"prometheus","uid":"mimir-uid","x":1},"id":1,"targets":[{"datasource":{"type":"prometheus","uid":"mimir-uid"}},{"datasource":{"uid":"q"}}]},{"id":2,"panels":[{"datasource":{"type":"prometheus","uid":"mimir-uid"},"id":3}],"type":"row"}],"title":"x"}`,
			named:  []string{"mimir-uid", "q"},
		},
		"a name of old, in annotations and variables": {
			source: `{"title":"x","annotations":{"list":[{"datasource":"Old"}]},"templating":{"list":[{"name":"job","type":"query","datasource":"Old"}]},"rows":[{"panels":[{"datasource":"Old"}]}]}`,
			wanted: map[string]DataSource{"Old": mimir},
			want:   `{"annotations":{"list":[{"datasource":"Mimir"}]},"rows":[{"panels":[{"datasource":"Mimir"}]}],"templating":{"list":[{"datasource":"Mimir","name":"job","type":"query"}]},"title":"x"}`,
			named:  []string{"Mimir"},
		},
		"no name is known": {
			source: `{"title":"x","datasource":"Old"}`,
			wanted: map[string]DataSource{"Old": {UID: "u"}},
			want:   `{"datasource":"u","title":"x"}`,
			named:  []string{"u"},
		},
		"not there yet": {
			source: `{"title":"x","datasource":"Old","q":"${DS_P}","__inputs":[{"name":"DS_P","type":"datasource"}]}`,
			wanted: map[string]DataSource{"Old": {}, "${DS_P}": {}},
			want:   `{"datasource":"Old","q":"${DS_P}","title":"x"}`,
			named:  []string{"Old"},
		},
		"one after the other": {
			source: `{"title":"x","panels":[{"id":1,"datasource":"A"},{"id":2,"datasource":"B"}]}`,
			wanted: map[string]DataSource{"A": {UID: "B"}, "B": {UID: "A"}},
			want:   `{"panels":[{"datasource":"B","id":1},{"datasource":"A","id":2}],"title":"x"}`,
			named:  []string{"A", "B"},
		},
		"one after the other, by an input": {
			source: `{"title":"x","panels":[{"id":1,"datasource":"${DS_P}"},{"id":2,"datasource":"B"}]}`,
			wanted: map[string]DataSource{"${DS_P}": {UID: "B"}, "B": {UID: "C"}},
			want:   `{"panels":[{"datasource":"B","id":1},{"datasource":"C","id":2}],"title":"x"}`,
			named:  []string{"B", "C"},
		},
		"in a library panel that is there twice": {
			source: `{"title":"x","__elements":{"l":{"model":{"targets":[{"datasource":{"uid":"A"}}]}}},"panels":[{"id":1,"libraryPanel":{"uid":"l"}},{"id":2,"libraryPanel":{"uid":"l"}}]}`,
			wanted: map[string]DataSource{"A": {UID: "B"}, "B": {UID: "C"}},
			want:   `{"panels":[{"id":1,"targets":[{"datasource":{"uid":"B"}}]},{"id":2,"targets":[{"datasource":{"uid":"B"}}]}],"title":"x"}`,
			named:  []string{"B"},
			unused: []string{"B"},
		},
		"input with type, name, and in another text": {
			source: `{"title":"x","__inputs":[{"name":"DS_P","type":"datasource"}],"panels":[{"id":1,"datasource":{"type":"loki","uid":"${DS_P}"},"targets":[{"datasource":"${DS_P}","q":"${DS_P}"}]}]}`,
			wanted: map[string]DataSource{"${DS_P}": mimir},
			want:   `{"panels":[{"datasource":{"type":"prometheus","uid":"mimir-uid"},"id":1,"targets":[{"datasource":"Mimir","q":"mimir-uid"}]}],"title":"x"}`,
			named:  []string{"Mimir", "mimir-uid"},
		},
		"input and variable of one name": {
			source: `{"title":"x","__inputs":[{"name":"DS_P","type":"datasource"}],"panels":[{"id":1,"datasource":{"uid":"${DS_P}"}}],"templating":{"list":[{"name":"DS_P","type":"datasource"}]}}`,
			wanted: map[string]DataSource{"${DS_P}": mimir},
			want:   `{"panels":[{"datasource":{"type":"prometheus","uid":"mimir-uid"},"id":1}],"templating":{"list":[{"current":{"text":"Mimir","value":"mimir-uid"},"name":"DS_P","type":"datasource"}]},"title":"x"}`,
			named:  []string{"mimir-uid"},
		},
		"no references": {
			source: `{"title":"x","panels":[{"id":1,"options":{"datasource":"A","x":{"datasource":{"uid":"A"}}},"targets":[{"term":{"datasource":"A"}}]}]}`,
			wanted: map[string]DataSource{"A": mimir},
			want:   `{"panels":[{"id":1,"options":{"datasource":"A","x":{"datasource":{"uid":"A"}}},"targets":[{"term":{"datasource":"A"}}]}],"title":"x"}`,
			unused: []string{"A"},
		},
		"what every Grafana has is left alone": {
			source: `{"title":"x","panels":[{"id":1,"datasource":"-- Mixed --","targets":[{"datasource":{"uid":"-100"}}]}]}`,
			wanted: map[string]DataSource{"-- Mixed --": mimir, "-100": mimir},
			want:   `{"panels":[{"datasource":"-- Mixed --","id":1,"targets":[{"datasource":{"uid":"-100"}}]}],"title":"x"}`,
			unused: []string{"-- Mixed --", "-100"},
		},
		"input": {
			source: `{"title":"x","__inputs":[{"name":"DS_P","type":"datasource","pluginId":"prometheus"}],"datasource":{"type":"prometheus","uid":"${DS_P}"}}`,
			wanted: map[string]DataSource{"${DS_P}": mimir},
			want:   `{"datasource":{"type":"prometheus","uid":"mimir-uid"},"title":"x"}`,
			named:  []string{"mimir-uid"},
		},
		"input that is declared nowhere": {
			source: `{"title":"x","datasource":"${DS_P}"}`,
			wanted: map[string]DataSource{"${DS_P}": mimir},
			want:   `{"datasource":"Mimir","title":"x"}`,
			named:  []string{"Mimir"},
		},
		"choice of a variable": {
			source: `{"title":"x","panels":[{"id":1,"datasource":{"uid":"${ds}"}}],"templating":{"list":[{"name":"ds","type":"datasource","query":"prometheus","current":{}}]}}`,
			wanted: map[string]DataSource{"${ds}": mimir},
			want:   `{"panels":[{"datasource":{"uid":"${ds}"},"id":1}],"templating":{"list":[{"current":{"text":"Mimir","value":"mimir-uid"},"name":"ds","query":"prometheus","type":"datasource"}]},"title":"x"}`,
		},
		"what a variable has chosen": {
			source: `{"title":"x","templating":{"list":[{"name":"ds","type":"datasource","current":{"text":"P","value":"p"}},{"name":"many","type":"datasource","current":{"text":["P","Q"],"value":["p","q"]}}]}}`,
			wanted: map[string]DataSource{"p": mimir},
			want:   `{"templating":{"list":[{"current":{"text":"Mimir","value":"mimir-uid"},"name":"ds","type":"datasource"},{"current":{"text":["Mimir","Q"],"value":["mimir-uid","q"]},"name":"many","type":"datasource"}]},"title":"x"}`,
		},
		"library panel": {
			source: `{"title":"x","__elements":{"l":{"model":{"type":"text","datasource":{"uid":"p"}}}},"panels":[{"id":1,"libraryPanel":{"uid":"l"}}]}`,
			wanted: map[string]DataSource{"p": mimir},
			want:   `{"panels":[{"datasource":{"type":"prometheus","uid":"mimir-uid"},"id":1,"type":"text"}],"title":"x"}`,
			named:  []string{"mimir-uid"},
		},
		"what every Grafana has, and variables": {
			source: `{"title":"x","targets":[{"datasource":"-- Mixed --"},{"datasource":"default"},{"datasource":null},{"datasource":{"type":"__expr__","uid":"__expr__"}},{"datasource":"$ds"},{"datasource":"[[ds]]"},{"datasource":{"type":"grafana","uid":"-- Grafana --"}},{"datasource":{}},{"datasource":7}]}`,
			want:   `{"targets":[{"datasource":"-- Mixed --"},{"datasource":"default"},{"datasource":null},{"datasource":{"type":"__expr__","uid":"__expr__"}},{"datasource":"$ds"},{"datasource":"[[ds]]"},{"datasource":{"type":"grafana","uid":"-- Grafana --"}},{"datasource":{}},{"datasource":7}],"title":"x"}`,
		},
		"in vain": {
			source: `{"title":"x","q":"Old"}`,
			wanted: map[string]DataSource{"Old": mimir, "${DS_P}": mimir},
			want:   `{"q":"Old","title":"x"}`,
			unused: []string{"${DS_P}", "Old"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			content, err := Parse([]byte(c.source), Wishes{DataSources: c.wanted})
			must(t, err)
			canonical, err := content.Canonical()
			must(t, err)
			if string(canonical) != c.want {
				t.Errorf("it came to\n%s, want\n%s", canonical, c.want)
			}
			if !slices.Equal(content.DataSources, c.named) || !slices.Equal(content.UnusedDataSources, c.unused) {
				t.Errorf("it names %q, and %q was in vain", content.DataSources, content.UnusedDataSources)
			}
		})
	}
}

func TestDataSourcesThatCannotBePutIn(t *testing.T) {
	many := `{"title":"x","panels":[` + strings.Repeat(`{"datasource":"p"},`, 200000) + `0]}`
	for want, c := range map[string]struct {
		source string
		wishes Wishes
	}{
		"with its data sources put in, it is larger than 16 MiB": {
			many, Wishes{DataSources: map[string]DataSource{"p": {UID: strings.Repeat("x", 40), Name: strings.Repeat("y", 190)}}},
		},
		`spec.inputs and spec.datasources both say what the input "DS_P" is`: {
			`{"title":"x","q":"${DS_P}"}`,
			Wishes{Inputs: map[string]string{"DS_P": "a"}, DataSources: map[string]DataSource{"${DS_P}": {UID: "b"}}},
		},
	} {
		if _, err := Parse([]byte(c.source), c.wishes); !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("Parse said %v, want %q", err, want)
		}
	}
}

func TestTitleInThePlaceOfItsOwn(t *testing.T) {
	for _, source := range []string{`{"title":"x"}`, `{"panels":[]}`} {
		c, err := Parse([]byte(source), Wishes{Title: "Ours"})
		must(t, err)
		if canonical, err := c.Canonical(); err != nil || string(canonical) != `{"title":"Ours"}` || c.Title != "Ours" {
			t.Errorf("it came to %s, %v", canonical, err)
		}
	}
}

// A variable may have anything for a name, and a long choice counts towards the size.
func TestVariablesOfAnyKind(t *testing.T) {
	for _, name := range []string{`[]`, `{}`, `7`, `null`} {
		source := fmt.Sprintf(`{"title":"x","templating":{"list":[{"type":"datasource","name":%s}]}}`, name)
		_, err := Parse([]byte(source), Wishes{DataSources: map[string]DataSource{"${ds}": {UID: "u"}}})
		must(t, err)
	}
	many := strings.TrimSuffix(strings.Repeat(`"a",`, 100000), ",")
	source := fmt.Sprintf(
		`{"title":"x","templating":{"list":[{"type":"datasource","name":"ds","current":{"value":[%s],"text":[%s]}}]}}`,
		many, many,
	)
	long := DataSource{UID: strings.Repeat("u", 40), Name: strings.Repeat("n", 190)}
	_, err := Parse([]byte(source), Wishes{DataSources: map[string]DataSource{"a": long}})
	if !strings.Contains(fmt.Sprint(err), "with its data sources put in, it is larger than 16 MiB") {
		t.Errorf("Parse said %v", err)
	}
}

package dashboard

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// resource2 is a resource of schema v2 with these members in its spec.
func resource2(version, spec string) string {
	return `{"apiVersion":"dashboard.grafana.app/` + version + `","kind":"Dashboard","metadata":{"name":"u2",` +
		`"resourceVersion":"7","annotations":{"a":"b"}},"spec":{"title":"x",` + spec + `}}`
}

const panel2 = `"elements":{"panel-1":{"kind":"Panel","spec":{"id":1,"title":"p","data":{"kind":"QueryGroup","spec":` +
	`{"queries":[{"kind":"PanelQuery","spec":{"refId":"A","hidden":false,QUERY}}]}}}}}`

func TestSchema2(t *testing.T) {
	for _, version := range []string{"v2", "v2beta1", "v2alpha1"} {
		c := parse(
			t,
			[]byte(resource2(version, `"elements":{},"layout":{"kind":"GridLayout"},"id":9007199254740993`)),
			nil,
		)
		if c.API != version || c.UID != "u2" || c.Title != "x" {
			t.Errorf("%s: it is %+v", version, c)
		}
		const want = `{"elements":{},"id":9007199254740993,"layout":{"kind":"GridLayout"},"title":"x"}`
		text, err := c.Model("another", 3)
		if must(t, err); string(text) != want {
			t.Errorf("%s: what is sent is %s", version, text)
		}
		if HashOfSpec(text, version) != hashOf(t, c) {
			t.Errorf("%s: what was sent has another hash", version)
		}
		if HashOfSpec(text, "v2other") == hashOf(t, c) || HashOf(text) == hashOf(t, c) {
			t.Errorf("%s: it has the hash of the same text in another schema", version)
		}
	}
}

// A dashboard of /apis whose schema is the classic model is in that, as ever.
func TestAResourceOfTheClassicModel(t *testing.T) {
	for _, version := range []string{"v0alpha1", "v1beta1", "v1"} {
		c := parse(t, []byte(resource2(version, `"panels":[]`)), nil)
		if c.API != "" || c.UID != "u2" || hashOf(t, c) != HashOf([]byte(`{"title":"x"}`)) {
			t.Errorf("%s: it is %+v", version, c)
		}
	}
}

func TestDataSourcesOfSchema2(t *testing.T) {
	mimir := DataSource{UID: "mimir-uid", Name: "Mimir", Type: "mimir"}
	beta := func(query string) string { return strings.Replace(panel2, "QUERY", `"query":{`+query+`}`, 1) }
	for name, c := range map[string]struct {
		spec, version string
		wanted        map[string]DataSource
		want          string // what stands there then
		named, unused []string
	}{
		"a query": {
			spec:   beta(`"kind":"DataQuery","group":"prometheus","datasource":{"name":"p","x":1},"spec":{}`),
			wanted: map[string]DataSource{"p": mimir, "q": mimir},
			want:   beta(`"datasource":{"name":"mimir-uid","x":1},"group":"mimir","kind":"DataQuery","spec":{}`),
			named:  []string{"mimir-uid"}, unused: []string{"q"},
		},
		"a query that names its type alone": {
			spec:   beta(`"kind":"DataQuery","group":"prometheus","spec":{}`),
			wanted: map[string]DataSource{"prometheus": mimir},
			want:   beta(`"datasource":{"name":"mimir-uid"},"group":"mimir","kind":"DataQuery","spec":{}`),
			named:  []string{"mimir-uid"},
		},
		"of that type, but another": {
			spec:   beta(`"kind":"DataQuery","group":"prometheus","datasource":{"name":"q"},"spec":{}`),
			wanted: map[string]DataSource{"prometheus": mimir},
			want:   beta(`"datasource":{"name":"q"},"group":"prometheus","kind":"DataQuery","spec":{}`),
			named:  []string{"q"}, unused: []string{"prometheus"},
		},
		"not there yet": {
			spec:   beta(`"kind":"DataQuery","group":"prometheus","spec":{}`),
			wanted: map[string]DataSource{"prometheus": {}},
			want:   beta(`"group":"prometheus","kind":"DataQuery","spec":{}`),
		},
		"what every Grafana has": {
			spec: `"annotations":[{"kind":"AnnotationQuery","spec":{"builtIn":true,"query":{"group":"grafana","datasource":{"name":"-- Grafana --"}}}}]`,
			want: `"annotations":[{"kind":"AnnotationQuery","spec":{"builtIn":true,"query":{"datasource":{"name":"-- Grafana --"},"group":"grafana"}}}]`,
		},
		"annotation": {
			spec:   `"annotations":[{"spec":{"query":{"group":"loki","datasource":{"name":"p"}}}}]`,
			wanted: map[string]DataSource{"p": {UID: "u"}},
			want:   `"annotations":[{"spec":{"query":{"datasource":{"name":"u"},"group":"loki"}}}]`,
			named:  []string{"u"},
		},
		"variables, of rows and tabs too": {
			spec:   `"layout":{"kind":"TabsLayout","spec":{"tabs":[{"spec":{"layout":{"spec":{"rows":[{"spec":{"variables":[{"kind":"QueryVariable","spec":{"query":{"group":"loki","datasource":{"name":"p"}}}}]}}]}},"variables":[{"kind":"AdhocVariable","group":"loki","datasource":{"name":"p"},"spec":{"name":"f"}}]}}]}}`,
			wanted: map[string]DataSource{"p": {UID: "u"}},
			want:   `"layout":{"kind":"TabsLayout","spec":{"tabs":[{"spec":{"layout":{"spec":{"rows":[{"spec":{"variables":[{"kind":"QueryVariable","spec":{"query":{"datasource":{"name":"u"},"group":"loki"}}}]}}]}},"variables":[{"datasource":{"name":"u"},"group":"loki","kind":"AdhocVariable","spec":{"name":"f"}}]}}]}}`,
			named:  []string{"u"},
		},
		"a variable's choice": {
			spec:   `"variables":[{"kind":"DatasourceVariable","spec":{"name":"ds","pluginId":"prometheus"}}],` + beta(`"group":"prometheus","datasource":{"name":"${ds}"}`),
			wanted: map[string]DataSource{"${ds}": mimir},
			want:   beta(`"datasource":{"name":"${ds}"},"group":"prometheus"`) + `,"variables":[{"kind":"DatasourceVariable","spec":{"current":{"text":"Mimir","value":"mimir-uid"},"name":"ds","pluginId":"prometheus"}}]`,
		},
		"v2alpha1": {
			version: "v2alpha1",
			spec:    strings.Replace(panel2, "QUERY", `"datasource":{"type":"prometheus","uid":"p"},"query":{"kind":"prometheus","spec":{"datasource":{"uid":"p"}}}`, 1),
			wanted:  map[string]DataSource{"p": mimir},
			want:    strings.Replace(panel2, "QUERY", `"datasource":{"type":"mimir","uid":"mimir-uid"},"query":{"kind":"prometheus","spec":{"datasource":{"uid":"p"}}}`, 1),
			named:   []string{"mimir-uid"},
		},
		"what is of other types": {
			spec:   `"annotations":[7,{"spec":7}],"variables":{"a":1},"layout":[],` + strings.Replace(panel2, "QUERY", `"query":{"group":7,"datasource":"p"}`, 1),
			want:   `"annotations":[7,{"spec":7}],"variables":{"a":1},"layout":[],` + strings.Replace(panel2, "QUERY", `"query":{"group":7,"datasource":"p"}`, 1),
			wanted: map[string]DataSource{"p": mimir}, unused: []string{"p"},
		},
	} {
		version := c.version
		if version == "" {
			version = "v2beta1"
		}
		have, err := Parse([]byte(resource2(version, c.spec)), Wishes{DataSources: c.wanted})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		text, err := have.Model("", 0)
		must(t, err)
		if hashOf(t, parse(t, []byte(resource2(version, c.want)), nil)) != hashOf(t, have) {
			t.Errorf("%s: it is %s, want %s in it", name, text, c.want)
		}
		if !slices.Equal(have.DataSources, c.named) || !slices.Equal(have.UnusedDataSources, c.unused) {
			t.Errorf("%s: it names %q, unused %q", name, have.DataSources, have.UnusedDataSources)
		}
	}
}

func TestTitleAndInputsOfSchema2(t *testing.T) {
	c, err := Parse([]byte(resource2("v2", `"description":"for ${WHO}","elements":{}`)),
		Wishes{Title: "y", Inputs: map[string]string{"WHO": "all"}})
	must(t, err)
	if text, err := c.Model(
		"",
		0,
	); err != nil ||
		string(text) != `{"description":"for all","elements":{},"title":"y"}` {
		t.Errorf("it is %s (%v)", text, err)
	}
	if _, err := Parse(
		[]byte(resource2("v2", `"elements":{}`)),
		Wishes{Inputs: map[string]string{"WHO": "all"}},
	); err == nil {
		t.Error("an input that is nowhere in it is taken")
	}
}

func TestLost(t *testing.T) {
	for name, c := range map[string]struct{ sent, kept, want string }{
		"nothing":              {`"a":{"b":[1,{"c":"d"}]}`, `{"title":"x","a":{"b":[1.0,{"c":"d","new":1}]},"new":{}}`, ""},
		"what is empty":        {`"a":[],"b":{},"c":"","d":false,"e":null,"f":{"g":[]}`, `{"title":"x"}`, ""},
		"a member":             {`"a":{"b":1,"c":2}`, `{"title":"x","a":{"c":2}}`, ".a.b"},
		"all of it":            {`"a":{"b":1},"c":[1]`, `{"title":"x"}`, ".a .c"},
		"a member of a list's": {`"a":[{"b":1},{"b":2}]`, `{"title":"x","a":[{"b":1},{}]}`, ".a[1].b"},
		"another value":        {`"a":1,"b":"c","d":true`, `{"title":"x","a":2,"b":"d","d":false}`, ".a .b .d"},
		"what is empty there":  {`"a":"b"`, `{"title":"x","a":""}`, ".a"},
		"another type":         {`"a":{"b":1},"c":[1],"d":0`, `{"title":"x","a":[1],"c":{"b":1},"d":"x"}`, ".a .c .d"},
	} {
		lost := Lost([]byte(`{"title":"x",`+c.sent+`}`), []byte(c.kept))
		if have := strings.Join(lost, " "); have != c.want {
			t.Errorf("%s: lost is %q, want %q", name, have, c.want)
		}
	}
}

// A source that loses much costs no more than it has itself.
func TestLostOfALargeSource(t *testing.T) {
	long := strings.Repeat("k", 100_000)
	var leaves []string
	for i := range 15_000 {
		leaves = append(leaves, fmt.Sprintf(`"%d":1`, i))
	}
	sent := []byte(`{"title":"x","kept":{"` + long + `":{` + strings.Join(leaves, ",") + `}}}`)
	kept := []byte(`{"title":"x","kept":{"` + long + `":{"other":1}}}`)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	lost := Lost(sent, kept)
	runtime.ReadMemStats(&after)
	if spent := after.TotalAlloc - before.TotalAlloc; spent > 64<<20 {
		t.Errorf("it allocated %d MiB for %d bytes", spent>>20, len(sent))
	}
	if len(lost) != 6 || len(strings.Join(lost, "")) > 1000 {
		t.Errorf("lost is %d long, in %d bytes", len(lost), len(strings.Join(lost, "")))
	}
}

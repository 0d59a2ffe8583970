package dashboard

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

var update = flag.Bool("update", false, "write what is sent to testdata/content/*.sent")

// inputsOf the dashboards in testdata/content.
var inputsOf = map[string]map[string]string{
	"exported.json": {"DS_PROMETHEUS": `prom"${VAR_CLUSTER}`, "VAR_LIMIT": "5"},
	"library.json":  {"DS_LOKI": "loki-uid"},
	"rows.json":     {"DS_GRAPHITE": "graphite-uid"},
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func parse(t testing.TB, source []byte, inputs map[string]string) *Content {
	t.Helper()
	c, err := Parse(source, Wishes{Inputs: inputs})
	must(t, err)
	return c
}

func hashOf(t testing.TB, c *Content) string {
	t.Helper()
	h, err := c.Hash()
	must(t, err)
	return h
}

// samples are all dashboards in testdata/content, and a large one. Nothing changes them.
var samples = sync.OnceValue(func() map[string]*Content {
	files, err := filepath.Glob("testdata/content/*.json")
	if err != nil {
		panic(err)
	}
	all := map[string]*Content{}
	add := func(name string, source []byte) {
		c, err := Parse(source, Wishes{Inputs: inputsOf[name]})
		if err != nil {
			panic(fmt.Sprint(name, ": ", err))
		}
		all[name] = c
	}
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			panic(err)
		}
		add(filepath.Base(file), source)
	}
	add("large", large(5<<20))
	return all
})

// large is a dashboard of about so many bytes.
func large(size int) []byte {
	var b bytes.Buffer
	b.WriteString(`{"title":"Large","schemaVersion":39,"panels":[`)
	for i := 1; b.Len() < size; i++ {
		if i > 1 {
			b.WriteByte(',')
		}
		fmt.Fprintf(
			&b,
			`{"datasource":{"type":"prometheus","uid":"${datasource}"},"fieldConfig":{"defaults":{"color":{"mode":"palette-classic"},"custom":{"axisCenteredZero":false,"drawStyle":"line","fillOpacity":10,"lineWidth":1,"spanNulls":false},"mappings":[],"thresholds":{"mode":"absolute","steps":[{"color":"green"},{"color":"red","value":80.5}]},"unit":"percentunit"},"overrides":[]},"gridPos":{"h":8,"w":12,"x":%d,"y":%d},"id":%d,"options":{"legend":{"calcs":["lastNotNull","max"],"displayMode":"table","placement":"bottom","showLegend":true},"tooltip":{"mode":"multi","sort":"desc"}},"targets":[{"editorMode":"code","expr":"sum by (namespace, pod) (rate(container_cpu_usage_seconds_total{job=\"kubelet\", namespace=~\"$namespace\"}[$__rate_interval])) > 0","legendFormat":"{{pod}}","range":true,"refId":"A"}],"title":"Panel %d","type":"timeseries"}`,
			i%2*12,
			i/2*8,
			i,
			i,
		)
	}
	b.WriteString(`]}`)
	return b.Bytes()
}

func TestWhatIsSent(t *testing.T) {
	for name, c := range samples() {
		if name == "large" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			model, err := c.Model("the-uid", 4)
			must(t, err)
			var have bytes.Buffer
			must(t, json.Indent(&have, model, "", "  "))
			have.WriteByte('\n')
			golden := "testdata/content/" + strings.TrimSuffix(name, ".json") + ".sent"
			if *update {
				must(t, os.WriteFile(golden, have.Bytes(), 0o600))
			}
			want, err := os.ReadFile(golden)
			must(t, err)
			if !bytes.Equal(want, have.Bytes()) {
				t.Errorf("it is not as in %s (see -update):\n%s", golden, have.Bytes())
			}
		})
	}
}

func TestUIDs(t *testing.T) {
	for name, want := range map[string]string{"view.json": "as-viewed", "envelope.json": "from-api", "resource.json": "from-resource", "rows.json": ""} {
		if c := samples()[name]; c.UID != want {
			t.Errorf("%s has the uid %q, want %q", name, c.UID, want)
		}
	}
	for own, want := range map[string]string{"own": "own", "": "name"} {
		c := parse(
			t,
			[]byte(
				`{"apiVersion":"dashboard.grafana.app/v0alpha1","kind":"Dashboard","metadata":{"name":"name"},"spec":{"title":"x","uid":"`+own+`"}}`,
			),
			nil,
		)
		if c.UID != want {
			t.Errorf("a resource with uid %q in its spec has the uid %q, want %q", own, c.UID, want)
		}
	}
}

func TestFormsOfTheSame(t *testing.T) {
	const model = `{"uid":"u","title":"x","panels":[{"id":1,"type":"text"}]}`
	want := hashOf(t, parse(t, []byte(model), nil))
	for name, source := range map[string]string{
		"gzipped":               zipped(model),
		"with a BOM":            "\ufeff" + model,
		"gzipped with a BOM":    zipped("\ufeff" + model),
		"with blanks around":    "\n " + model + "\r\n",
		"from GET":              `{"meta":{"slug":"x"},"dashboard":` + model + `}`,
		"for POST":              `{"overwrite":true,"message":"m","folderUid":"f","dashboard":` + model + `}`,
		"v0alpha1":              `{"apiVersion":"dashboard.grafana.app/v0alpha1","kind":"Dashboard","metadata":{"name":"u"},"spec":` + model + `}`,
		"v1":                    `{"apiVersion":"dashboard.grafana.app/v1","kind":"Dashboard","metadata":{},"spec":` + model + `}`,
		"brackets in a text":    `{"__requires":"\"` + strings.Repeat("[", 2*maxDepth) + `",` + model[1:],
		"with access":           `{"apiVersion":"dashboard.grafana.app/v1beta1","kind":"DashboardWithAccessInfo","access":{},"spec":` + model + `}`,
		"a resource for POST":   `{"dashboard":{"apiVersion":"dashboard.grafana.app/v1beta1","kind":"Dashboard","spec":` + model + `}}`,
		"exported, inputs null": `{"__inputs":null,"__requires":[],"__elements":[],` + model[1:],
		"under another id":      `{"id":7,"version":3,` + model[1:],
		"the last key counts":   `{"title":"y",` + model[1:],
	} {
		c, err := Parse([]byte(source), Wishes{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if h := hashOf(t, c); h != want {
			t.Errorf("%s: it is another dashboard", name)
		}
	}
}

func zipped(text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write([]byte(text))
	w.Close()
	return b.String()
}

// rebuilt is what encoding/json makes of a model, as a Grafana does: numbers are float64.
func rebuilt(t *testing.T, c *Content) map[string]any {
	t.Helper()
	model, err := c.Model("a-uid", 0)
	must(t, err)
	var fields map[string]any
	must(t, json.Unmarshal(model, &fields))
	return fields
}

func TestAdditionsOfGrafanaAreNoChange(t *testing.T) {
	builtIn := map[string]any{
		"builtIn":    1,
		"datasource": map[string]any{"type": "grafana", "uid": "-- Grafana --"},
		"enable":     true,
		"hide":       true,
		"iconColor":  "rgba(0, 211, 255, 1)",
		"name":       "Annotations & Alerts",
		"type":       "dashboard",
	}
	additions := map[string]func(fields map[string]any){
		"nothing": func(map[string]any) {},
		"own":     func(f map[string]any) { f["id"], f["version"], f["iteration"] = 3165669782794240, 17, 1.7e12 },
		"defaults": func(f map[string]any) {
			added := map[string]any{}
			must(
				t,
				json.Unmarshal(
					[]byte(
						`{"annotations":{"list":[]},"editable":true,"fiscalYearStartMonth":0,"graphTooltip":0,"links":[],"liveNow":false,"panels":[],"preload":false,"refresh":"","tags":[],"templating":{"list":[]},"time":{"from":"now-6h","to":"now"},"timepicker":{},"timezone":"","weekStart":""}`,
					),
					&added,
				),
			)
			maps.Copy(added, f)
			maps.Copy(f, added)
		},
		"built in annotation": func(f map[string]any) {
			annotations, _ := f["annotations"].(map[string]any)
			list, _ := annotations["list"].([]any)
			f["annotations"] = map[string]any{"list": append([]any{builtIn}, list...)}
		},
		"library panels": func(f map[string]any) {
			list, _ := f["panels"].([]any)
			for _, p := range list {
				if library, ok := p.(map[string]any)["libraryPanel"].(map[string]any); ok {
					library["version"], library["meta"], library["model"] = 2, map[string]any{
						"connectedDashboards": 1,
					}, map[string]any{}
				}
			}
		},
	}
	for name, c := range samples() {
		want := hashOf(t, c)
		all := rebuilt(t, c)
		for addition, add := range additions {
			add(all)
			if name == "large" {
				continue // all together are enough
			}
			fields := rebuilt(t, c)
			add(fields)
			text, err := json.Marshal(fields)
			must(t, err)
			if HashOf(text) != want {
				t.Errorf("%s: %s makes it another dashboard", name, addition)
			}
		}
		text, err := json.MarshalIndent(all, "", "\t")
		must(t, err)
		if HashOf(text) != want {
			t.Errorf("%s: all additions together make it another dashboard", name)
		}
	}
}

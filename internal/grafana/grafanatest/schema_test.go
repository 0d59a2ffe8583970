package grafanatest

import (
	"encoding/json"
	"testing"
)

// A Grafana that adds defaults shows them, and stores, and counts as a version, only what was said.
func TestSchemaDefaults(t *testing.T) {
	for _, version := range Versions() {
		s := New(Options{Version: version, SchemaDefaults: true})
		read := func(uid string) map[string]any {
			_, body := s.Do("GET", "/api/dashboards/uid/"+uid, 1, nil)
			var got struct{ Dashboard map[string]any }
			if err := json.Unmarshal(body, &got); err != nil {
				t.Fatal(err)
			}
			return got.Dashboard
		}
		d := doer{t, s}
		d.do(200, "POST", "/api/dashboards/db", 1, obj{"dashboard": obj{"uid": "bare", "title": "Bare"}})
		d.do(200, "POST", "/api/dashboards/db", 1, obj{"dashboard": obj{
			"uid": "full", "title": "Full", "schemaVersion": 39, "tags": []string{"x"}, "editable": false, "custom": 7,
			"annotations": obj{"list": []obj{{"name": "deploys"}}, "other": 1},
		}})
		d.do(
			200,
			"POST",
			"/api/dashboards/db",
			1,
			obj{
				"dashboard": obj{
					"uid":         "own",
					"title":       "Own",
					"annotations": obj{"list": []obj{{"builtIn": 1, "name": "mine"}}},
				},
			},
		)

		bare := read("bare")
		for field, want := range map[string]string{
			"uid": `"bare"`, "version": `1`, "title": `"Bare"`, "schemaVersion": `42`, "editable": `true`, "graphTooltip": `0`, "links": `[]`, "panels": `[]`,
			"tags": `[]`, "templating": `{"list":[]}`, "time": `{"from":"now-6h","to":"now"}`, "timepicker": `{}`, "weekStart": `""`,
			"annotations": `{"list":[{"builtIn":1,"datasource":{"type":"grafana","uid":"-- Grafana --"},"enable":true,"hide":true,"iconColor":"rgba(0, 211, 255, 1)","name":"Annotations \u0026 Alerts","type":"dashboard"}]}`,
		} {
			if got := string(mustJSON(bare[field])); got != want {
				t.Errorf("%s: %s is %s, want %s", version, field, got, want)
			}
		}
		full := read("full")
		list := full["annotations"].(map[string]any)["list"].([]any)
		if len(list) != 2 || list[1].(map[string]any)["name"] != "deploys" ||
			full["annotations"].(map[string]any)["other"] != 1.0 {
			t.Errorf("%s: annotations %v", version, full["annotations"])
		}
		if full["schemaVersion"] != 42.0 || full["editable"] != false || full["custom"] != 7.0 ||
			len(full["tags"].([]any)) != 1 {
			t.Errorf("%s: %v", version, full)
		}
		if list := read("own")["annotations"].(map[string]any)["list"].([]any); len(list) != 1 {
			t.Errorf("%s: two built-in annotations: %v", version, list)
		}
		for _, stored := range s.Dashboards(1) {
			var model map[string]any
			if err := json.Unmarshal(
				stored.Model,
				&model,
			); err != nil || model["templating"] != nil || model["schemaVersion"] == 42.0 ||
				stored.Version != 1 {
				t.Errorf("%s: stored is %s, version %d: %v", version, stored.Model, stored.Version, err)
			}
		}
		s = New(Options{Version: version})
		doer{t, s}.do(200, "POST", "/api/dashboards/db", 1, obj{"dashboard": obj{"uid": "bare", "title": "Bare"}})
		if got := read("bare"); len(got) != 4 { // id, uid, title and version
			t.Errorf("%s: without the option: %v", version, got)
		}
	}
}

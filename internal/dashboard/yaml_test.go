package dashboard

import (
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// fromYAML is what becomes of a model that is applied as YAML, as kubectl reads it.
func fromYAML(t *testing.T, text string) (string, error) {
	t.Helper()
	model, err := yaml.YAMLToJSON([]byte(text))
	must(t, err)
	model, err = FromYAML(model)
	return string(model), err
}

func TestTheYOfAPositionIsPutRight(t *testing.T) {
	for text, want := range map[string]string{
		`panels: [{gridPos: {x: 1, y: 2, w: 3, h: 4}}]`:                                           `{"panels":[{"gridPos":{"h":4,"w":3,"x":1,"y":2}}]}`,
		`panels: [{panels: [{gridPos: {h: 8, y: 0}}]}]`:                                           `{"panels":[{"panels":[{"gridPos":{"h":8,"y":0}}]}]}`,
		`panels: [{options: {series: [{x: {a: 1}, y: {b: 2}}]}}]`:                                 `{"panels":[{"options":{"series":[{"x":{"a":1},"y":{"b":2}}]}}]}`,
		`panels: [{gridPos: {"y": 9007199254740993}}]`:                                            `{"panels":[{"gridPos":{"y":9007199254740993}}]}`,
		`panels: [{mappings: [{type: value, options: {on: {text: Up}, "false": {text: Down}}}]}]`: `{"panels":[{"mappings":[{"options":{"false":{"text":"Down"},"true":{"text":"Up"}},"type":"value"}]}]}`,
		// What is true or false in Grafana stays so, whatever it is called.
		`panels: [{transformations: [{options: {excludeByName: {text: true, title: on, match: false}}}]}]`: `{"panels":[{"transformations":[{"options":{"excludeByName":{"match":false,"text":true,"title":true}}}]}]}`,
		`panels: [{fieldConfig: {overrides: [{properties: [{id: custom.hidden, value: on}]}]}}]`:           `{"panels":[{"fieldConfig":{"overrides":[{"properties":[{"id":"custom.hidden","value":true}]}]}}]}`,
		`{editable: yes, title: "Y", liveNow: off}`:                                                        `{"editable":true,"liveNow":false,"title":"Y"}`,
	} {
		if got, err := fromYAML(t, text); got != want || err != nil {
			t.Errorf("%s became %s, %v", text, got, err)
		}
	}
}

func TestWordsThatYAMLHasTakenForTrueAndFalseAreRefused(t *testing.T) {
	for text, where := range map[string]string{
		`panels: [{targets: [{refId: A}, {refId: Y}]}]`: "panels[0].targets[1].refId is true",
		`panels: [{targets: [{refId: N, expr: up}]}]`:   "panels[0].targets[0].refId is false",
		`title: On`:                       "title is true",
		`panels: [{title: no}]`:           "panels[0].title is false",
		`tags: [web, y]`:                  "tags[1] is true",
		`templating: {list: [{name: n}]}`: "templating.list[0].name is false",
		`panels: [{transformations: [{options: {n: 1}}]}]`:                                              "panels[0].transformations[0].options has the key false",
		`panels: [{gridPos: {n: 1}}]`:                                                                   "panels[0].gridPos has the key false",
		`panels: [{options: {renameByName: {y: Y axis}}}]`:                                              "panels[0].options.renameByName has the key true",
		`panels: [{gridPos: {y: 1, "y": 2}}]`:                                                           "panels[0].gridPos has the key true",
		`panels: [{options: {legend: {off: 1}}, title: "title"}]`:                                       "panels[0].options.legend has the key false",
		`panels: [{fieldConfig: {defaults: {mappings: [{options: {"1": {text: On}}}]}}}]`:               "mappings[0].options.1.text is true",
		`panels: [{fieldConfig: {defaults: {mappings: [{options: {result: {text: No}}}]}}}]`:            "mappings[0].options.result.text is false",
		`panels: [{fieldConfig: {defaults: {mappings: [{options: {match: true}}]}}}]`:                   "mappings[0].options.match is true",
		`panels: [{fieldConfig: {defaults: {mappings: [{options: {match: null}}]}}}]`:                   "mappings[0].options.match is null",
		`panels: [{fieldConfig: {overrides: [{properties: [{value: [{options: {a: {text: on}}}]}]}]}}]`: "options.a.text is true",
		`panels: [{fieldConfig: {overrides: [{matcher: {id: byName, options: y}}]}}]`:                   "overrides[0].matcher.options is true",
		`panels: [{fieldConfig: {overrides: [{properties: [{id: displayName, value: Yes}]}]}}]`:         "properties[0].value is true",
		`panels: [{fieldConfig: {defaults: {noValue: no}}}]`:                                            "defaults.noValue is false",
		`panels: [{fieldConfig: {defaults: {custom: {axisLabel: y}}}}]`:                                 "custom.axisLabel is true",
		`panels: [{valueMaps: [{op: "=", value: "1", text: On}]}]`:                                      "valueMaps[0].text is true",
		`panels: [{transformations: [{options: {renameByName: {a: Yes}}}]}]`:                            "renameByName.a is true",
		`templating: {list: [{name: a, current: {text: on, value: "on"}}]}`:                             "list[0].current.text is true",
		`templating: {list: [{name: a, current: {text: "on", value: on}}]}`:                             "list[0].current.value is true",
		`templating: {list: [{name: a, options: [{text: "y", value: y}]}]}`:                             "list[0].options[0].value is true",
	} {
		_, err := fromYAML(t, text)
		if err == nil || !strings.Contains(err.Error(), where) ||
			!strings.Contains(err.Error(), "Quote it in your YAML") {
			t.Errorf("%s: %v, want something with %q", text, err, where)
		}
	}
}

func TestWhatIsNoModelIsLeftAsItIs(t *testing.T) {
	for _, text := range []string{``, `7`, `{"a":`, `[true]`, `{"title":"x","panels":[{"gridPos":{"y":1.0}}]}`} {
		if got, err := FromYAML([]byte(text)); string(got) != text || err != nil {
			t.Errorf("%s became %s, %v", text, got, err)
		}
	}
}

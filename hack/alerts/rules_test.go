// Package alerts_test checks alerts and the operator's own dashboard with Prometheus' code.
package alerts_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/rules"
	"sigs.k8s.io/yaml"
)

const prometheus = "../../config/prometheus/"

// testFile is what promtool reads (cmd/promtool/unittest.go), as far as it is used here.
type testFile struct {
	RuleFiles          []string       `json:"rule_files"`
	EvaluationInterval model.Duration `json:"evaluation_interval"`
	Tests              []testGroup    `json:"tests"`
}

type testGroup struct {
	Interval       model.Duration                    `json:"interval"`
	Name           string                            `json:"name"`
	InputSeries    []struct{ Series, Values string } `json:"input_series"`
	AlertRuleTests []alertTest                       `json:"alert_rule_test"`
}

type alertTest struct {
	Alert    string         `json:"alertname"`
	At       model.Duration `json:"eval_time"`
	Expected []firing       `json:"exp_alerts"`
}

type firing struct {
	Labels      map[string]string `json:"exp_labels"`
	Annotations map[string]string `json:"exp_annotations"`
}

func (f *firing) String() string { return fmt.Sprintf("%v %v", f.Labels, f.Annotations) }

func read(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func decode(t *testing.T, path string, into any) {
	t.Helper()
	if err := yaml.UnmarshalStrict(read(t, path), into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// groups writes the groups of the PrometheusRule into a file as Prometheus reads it.
func groups(t *testing.T) string {
	t.Helper()
	var object struct{ Spec any }
	if err := yaml.Unmarshal(read(t, prometheus+"rules.yaml"), &object); err != nil {
		t.Fatal(err)
	}
	text, err := yaml.Marshal(object.Spec)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "groups.yaml")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Each alert fires when it should, with its words, and does not when it should not, by Prometheus' own rule manager.
func TestAlertsFire(t *testing.T) {
	var file testFile
	decode(t, prometheus+"rules.test.yaml", &file)
	path := groups(t)
	fires, silent := map[string]bool{}, map[string]bool{}
	for _, group := range file.Tests {
		for _, test := range group.AlertRuleTests {
			fires[test.Alert] = fires[test.Alert] || len(test.Expected) > 0
			silent[test.Alert] = silent[test.Alert] || len(test.Expected) == 0
		}
		t.Run(group.Name, func(t *testing.T) { group.run(t, path, time.Duration(file.EvaluationInterval)) })
	}
	for _, rule := range load(t, path, &rules.ManagerOptions{}).AlertingRules() {
		if !fires[rule.Name()] || !silent[rule.Name()] {
			t.Errorf("%s needs a test in which it fires, and one in which it does not", rule.Name())
		}
	}
}

// run evaluates the alerts from the first second to the last that a test looks at.
func (g *testGroup) run(t *testing.T, path string, every time.Duration) {
	t.Helper()
	series := "load " + g.Interval.String() + "\n"
	for _, s := range g.InputSeries {
		series += "  " + s.Series + " " + s.Values + "\n"
	}
	data, err := promqltest.NewLazyLoader(
		series,
		promqltest.LazyLoaderOpts{EnableAtModifier: true, EnableNegativeOffset: true},
	)
	if err != nil {
		t.Fatal(err)
	}
	defer data.Close()
	loaded := load(t, path, &rules.ManagerOptions{
		QueryFunc:  rules.EngineQueryFunc(data.QueryEngine(), data.Storage()),
		Appendable: data.Storage(),
		Context:    t.Context(),
		NotifyFunc: func(context.Context, string, ...*rules.Alert) {},
	})
	last := slices.MaxFunc(g.AlertRuleTests, func(a, b alertTest) int { return int(a.At - b.At) })
	for at := time.Duration(0); at <= time.Duration(last.At); at += every {
		now := time.Unix(0, 0).UTC().Add(at)
		data.WithSamplesTill(now, func(err error) {
			if err != nil {
				t.Fatal(err)
			}
			loaded.Eval(t.Context(), now)
		})
		for _, test := range g.AlertRuleTests {
			if time.Duration(test.At) == at {
				test.check(t, loaded)
			}
		}
	}
}

// check compares the alerts of one name that fire with those that should.
func (a *alertTest) check(t *testing.T, loaded *rules.Group) {
	t.Helper()
	var want, have []string
	for _, f := range a.Expected {
		f.Labels["alertname"] = a.Alert
		want = append(want, f.String())
	}
	for _, rule := range loaded.AlertingRules() {
		if rule.LastError() != nil {
			t.Fatalf("%s: %v", rule.Name(), rule.LastError())
		}
		for _, active := range rule.ActiveAlerts() {
			if rule.Name() == a.Alert && active.State == rules.StateFiring {
				have = append(have, (&firing{active.Labels.Map(), active.Annotations.Map()}).String())
			}
		}
	}
	slices.Sort(want)
	slices.Sort(have)
	if !slices.Equal(have, want) {
		t.Errorf("%s after %s:\nhave %s\nwant %s", a.Alert, a.At, have, want)
	}
}

// load has the rule manager read the file, which has one group.
func load(t *testing.T, path string, options *rules.ManagerOptions) *rules.Group {
	t.Helper()
	options.Logger, options.Parser = slog.New(slog.DiscardHandler), parser.NewParser(parser.Options{})
	loaded, errs := rules.NewManager(options).LoadGroups(time.Minute, labels.EmptyLabels(), "", nil, false, path)
	if len(errs) > 0 || len(loaded) != 1 {
		t.Fatalf("%d groups, want one: %v", len(loaded), errs)
	}
	for _, group := range loaded {
		return group
	}
	return nil
}

// A person who is woken by an alert finds it in the documentation.
func TestEveryAlertHasAnEntry(t *testing.T) {
	var alerts []string
	for _, rule := range load(t, groups(t), &rules.ManagerOptions{}).AlertingRules() {
		alerts = append(alerts, rule.Name())
	}
	var entries []string
	for _, m := range regexp.MustCompile(`(?m)^### (GrafanaTenancy\w+)$`).FindAllStringSubmatch(string(read(t, "../../docs/alerts.md")), -1) {
		entries = append(entries, m[1])
	}
	slices.Sort(alerts)
	slices.Sort(entries)
	if !slices.Equal(alerts, entries) {
		t.Errorf("docs/alerts.md has the entries\n%q, and there are\n%q", entries, alerts)
	}
}

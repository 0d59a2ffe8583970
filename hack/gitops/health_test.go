// Package gitops_test checks that Argo CD and Flux understand what the operator's objects say of themselves.
package gitops_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
)

const (
	root           = "../.."
	customizations = root + "/config/argocd/resource_customizations/grafana-tenancy.dev/_"
)

func decode(t *testing.T, path string, into any) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// kinds are those that have a CRD.
func kinds(t *testing.T) (names []string) {
	t.Helper()
	paths, err := filepath.Glob(root + "/config/crd/bases/*.yaml")
	if err != nil || len(paths) == 0 {
		t.Fatalf("found no CRD: %v", err)
	}
	for _, path := range paths {
		var crd struct {
			Spec struct{ Names struct{ Kind string } }
		}
		decode(t, path, &crd)
		names = append(names, crd.Spec.Names.Kind)
	}
	return names
}

// state is an object in a state, but for its kind.
type state struct {
	name               string
	suspend            bool
	generation         int64
	observedGeneration int64
	conditions         []any
}

func (s *state) object(kind string) map[string]any {
	return map[string]any{
		"apiVersion": "grafana-tenancy.dev/v1alpha1",
		"kind":       kind,
		"metadata":   map[string]any{"name": "one", "namespace": "team", "generation": s.generation},
		"spec":       map[string]any{"suspend": s.suspend},
		"status":     map[string]any{"observedGeneration": s.observedGeneration, "conditions": s.conditions},
	}
}

func condition(kind, status string) any {
	return map[string]any{
		"type": kind, "status": status, "reason": "Some", "message": "Some words", "observedGeneration": int64(1),
	}
}

const (
	doneState      = "done"
	suspendedState = "suspended"
)

// documented are the states in the table of docs/conditions.md. Where it allows Ready several statuses, each is one.
func documented(t *testing.T) (states []*state) {
	t.Helper()
	page, err := os.ReadFile(root + "/docs/conditions.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(page), "| state | conditions |\n| --- | --- |\n")
	table, _, _ = strings.Cut(table, "\n\n")
	if !found {
		t.Fatal("docs/conditions.md has no table of states")
	}
	for row := range strings.SplitSeq(table, "\n") {
		cells := strings.Split(strings.Trim(row, "| "), " | ")
		if cells[0] == suspendedState { // as it was
			states = append(states,
				&state{suspendedState, true, 1, 1, []any{condition("Ready", "True")}},
				&state{suspendedState, true, 1, 1, []any{condition("Ready", "False"), condition("Stalled", "True")}})
			continue
		}
		var others []any
		for _, m := range regexp.MustCompile(`(Reconciling|Stalled|Drifted)=(\w+)`).FindAllStringSubmatch(cells[1], -1) {
			others = append(others, condition(m[1], m[2]))
		}
		for _, ready := range regexp.MustCompile(`(?:Ready=|else )(True|False|Unknown)`).FindAllStringSubmatch(cells[1], -1) {
			states = append(
				states,
				&state{cells[0], false, 1, 1, append([]any{condition("Ready", ready[1])}, others...)},
			)
		}
	}
	return states
}

// others are states that every object goes through and that are no row of the table.
func others() []*state {
	ready := []any{condition("Ready", "True")}
	return []*state{
		{"new", false, 1, -1, nil},
		{"changed", false, 2, 1, ready},
		{"a source that does not work", false, 1, 1, append([]any{condition("Healthy", "False")}, ready...)},
		{"others can act in it, but it is unready", false, 1, 1, []any{
			condition("Available", "True"), condition("Ready", "False"), condition("Stalled", "True"),
		}},
	}
}

// wanted is what the tools have to make of a state. What is suspended Flux takes as what it was before.
var wanted = map[string]struct{ argo, flux string }{
	doneState: {"Healthy", "Current"},
	"something it refers to is missing, not Available, or does not allow it": {"Progressing", "InProgress"},
	"bad input, a conflict, refused by Grafana or by something before it":    {"Degraded", "Failed"},
	"Grafana does not answer, or fails":                                      {"Progressing", "InProgress"},
	"edited in Grafana, and policy lets it stand":                            {"Healthy", "Current"},
	suspendedState:                {"Suspended", "Current or Failed"},
	"new":                         {"Progressing", "InProgress"},
	"changed":                     {"Progressing", "InProgress"},
	"a source that does not work": {"Healthy", "Current"},
	"others can act in it, but it is unready": {"Degraded", "Failed"},
}

// configMap is what Argo CD is told.
func configMap(t *testing.T) map[string]string {
	t.Helper()
	var patch struct{ Data map[string]string }
	decode(t, root+"/config/argocd/argocd-cm.yaml", &patch)
	return patch.Data
}

// Every kind in every state, with the script that its key in the ConfigMap of Argo CD has.
func TestHealthOfEveryKindInEveryState(t *testing.T) {
	scripts, seen := configMap(t), map[string]bool{}
	for _, s := range append(documented(t), others()...) {
		seen[s.name] = true
		want, known := wanted[s.name]
		if !known {
			t.Errorf("this test does not say what the tools make of %q", s.name)
		}
		for _, kind := range kinds(t) {
			object := s.object(kind)
			script := scripts["resource.customizations.health.grafana-tenancy.dev_"+kind]
			if argo, message := argoHealth(t, script, object); argo != want.argo || message == "" {
				t.Errorf("%s, %s: Argo CD says %s (%s), want %s", kind, s.name, argo, message, want.argo)
			}
			result, err := status.Compute(&unstructured.Unstructured{Object: object})
			if err != nil {
				t.Errorf("%s, %s: %v", kind, s.name, err)
			} else if !strings.Contains(want.flux, string(result.Status)) {
				t.Errorf(
					"%s, %s: kstatus says %s (%s), want %s",
					kind,
					s.name,
					result.Status,
					result.Message,
					want.flux,
				)
			}
		}
	}
	for name := range wanted {
		if !seen[name] {
			t.Errorf("docs/conditions.md has no state %q", name)
		}
	}
}

// The files that Argo CD's own tests read, in its own layout.
func TestArgoCustomization(t *testing.T) {
	script, err := os.ReadFile(customizations + "/health.lua")
	if err != nil {
		t.Fatal(err)
	}
	for key, other := range configMap(t) {
		if other != string(script) {
			t.Errorf("%s is another script: make generate", key)
		}
	}
	var file struct {
		Tests []struct {
			InputPath    string
			HealthStatus struct{ Status, Message string }
		}
	}
	decode(t, customizations+"/health_test.yaml", &file)
	for _, test := range file.Tests {
		var object map[string]any
		decode(t, filepath.Join(customizations, test.InputPath), &object)
		health, message := argoHealth(t, string(script), object)
		if want := test.HealthStatus; health != want.Status || message != want.Message {
			t.Errorf("%s: %s (%s), want %s (%s)", test.InputPath, health, message, want.Status, want.Message)
		}
	}
	data, err := filepath.Glob(customizations + "/testdata/*.yaml")
	if err != nil || len(data) != len(file.Tests) {
		t.Errorf("%d files of testdata for %d tests (%v)", len(data), len(file.Tests), err)
	}
}

package chart_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const shardLabel = "grafana-tenancy.dev/shard"

// Each shard has a Deployment and a disruption budget to itself, that have to do with its own pods only. All else is
// there once, and is about the pods of all.
func TestShards(t *testing.T) {
	const common = "podDisruptionBudget: {enabled: true}, podMonitor: {enabled: true}, " +
		"networkPolicy: {enabled: true}, " +
		"topologySpreadConstraints: [{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: ScheduleAnyway}]"
	all, one := render(t, "{shards: 3, replicas: 2, "+common+"}"), render(t, "{"+common+"}")
	ofOne := one.get(t, "Deployment", releaseName, "spec", "selector", "matchLabels").(map[string]any)
	for shard := range 3 {
		name, number := fmt.Sprintf("%s-%d", releaseName, shard), fmt.Sprint(shard)
		selector := all.get(t, "Deployment", name, "spec", "selector", "matchLabels").(map[string]any)
		if selector[shardLabel] != number {
			t.Errorf("the Deployment of shard %d selects %v", shard, selector)
		}
		template := all.get(t, "Deployment", name, "spec", "template").(map[string]any)
		labels := template["metadata"].(map[string]any)["labels"]
		pod := template["spec"].(map[string]any)
		constraint := pod["topologySpreadConstraints"].([]any)[0].(map[string]any)
		spread := constraint["labelSelector"].(map[string]any)["matchLabels"]
		for what, got := range map[string]any{
			"labels of pods": labels, "spread": spread,
			"disruption budget": all.get(t, "PodDisruptionBudget", name, "spec", "selector", "matchLabels"),
		} {
			if diff := cmp.Diff(any(selector), got); diff != "" {
				t.Errorf("shard %d: selector (-) and %s (+):\n%s", shard, what, diff)
			}
		}
		args := pod["containers"].([]any)[0].(map[string]any)["args"].([]any)
		for _, flag := range []any{fmt.Sprintf("--shard=%d/3", shard), "--leader-elect"} {
			if !slices.Contains(args, flag) {
				t.Errorf("shard %d has the arguments %v, without %s", shard, args, flag)
			}
		}
		if got := all.get(t, "Deployment", name, "spec", "replicas"); fmt.Sprint(got) != "2" {
			t.Errorf("shard %d has %v pods", shard, got)
		}
	}
	if got, want := len(all), len(one)+4; got != want {
		t.Errorf("there are %d objects with three shards, want %d:\n%q", got, want, keys(all))
	}
	for kind, field := range map[string]string{"PodMonitor": "selector", "NetworkPolicy": "podSelector"} {
		if diff := cmp.Diff(any(ofOne), all.get(t, kind, releaseName, "spec", field, "matchLabels")); diff != "" {
			t.Errorf("%s is not about the pods of all shards:\n%s", kind, diff)
		}
	}
}

// `helm upgrade --reuse-values` from a version before shards: its values take the place of the chart's, so that there
// is no number.
func TestValuesOfAVersionBeforeShards(t *testing.T) {
	const common = "podDisruptionBudget: {enabled: true}"
	none, one := render(t, "{shards: null, "+common+"}"), render(t, "{"+common+"}")
	if diff := cmp.Diff(one, none); diff != "" {
		t.Errorf("without a number of shards (+) it is not as with one (-):\n%s", diff)
	}
}

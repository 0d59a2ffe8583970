package chart_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// The chart installs what kustomize does, object by object and field by field. What differs is meant:
//   - Helm's own labels, and the label with the operator's name on RoleBindings, which those of config/namespaced lack;
//   - the annotation that keeps CRDs when the release goes;
//   - the namespace, which Helm makes.
func TestSameAsConfig(t *testing.T) {
	for name, test := range map[string]struct {
		config []string
		values string
	}{
		"whole cluster":      {[]string{"default"}, ""},
		"by namespace":       {[]string{"namespaced"}, "{watchNamespaces: [monitoring, team-a], clusterID: my-cluster}"},
		"metrics and alerts": {[]string{"default", "prometheus"}, "{podMonitor: {enabled: true}, prometheusRule: {enabled: true}}"},
	} {
		t.Run(name, func(t *testing.T) {
			want, got := objects{}, render(t, test.values)
			for _, dir := range test.config {
				maps.Copy(want, kustomize(t, "../../config/"+dir))
			}
			delete(want, "Namespace  "+namespace)
			if diff := cmp.Diff(keys(want), keys(got)); diff != "" {
				t.Fatalf("objects of config (-) and chart (+):\n%s", diff)
			}
			for key := range want {
				if diff := cmp.Diff(meant(want[key].Object), meant(got[key].Object)); diff != "" {
					t.Errorf("%s of config (-) and chart (+):\n%s", key, diff)
				}
			}
		})
	}
}

func kustomize(t *testing.T, dir string) objects {
	t.Helper()
	resources, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), dir)
	if err != nil {
		t.Fatal(err)
	}
	manifests, err := resources.AsYaml()
	if err != nil {
		t.Fatal(err)
	}
	return decode(t, manifests)
}

func keys(all objects) []string { return slices.Sorted(maps.Keys(all)) }

// meant takes from an object what is meant to differ.
func meant(object map[string]any) map[string]any {
	metadata := object["metadata"].(map[string]any)
	remove(metadata, "labels", "app.kubernetes.io/name")
	remove(metadata, "annotations", "helm.sh/resource-policy")
	removeLabels(object)
	return object
}

// removeLabels takes Helm's labels from wherever there are labels.
func removeLabels(value any) {
	switch value := value.(type) {
	case map[string]any:
		for _, field := range []string{"labels", "matchLabels"} {
			remove(value, field, "helm.sh/chart", "app.kubernetes.io/instance", "app.kubernetes.io/version",
				"app.kubernetes.io/managed-by")
		}
		for _, v := range value {
			removeLabels(v)
		}
	case []any:
		for _, v := range value {
			removeLabels(v)
		}
	}
}

// remove deletes keys from a map in a field, and the field if nothing is left.
func remove(object map[string]any, field string, names ...string) {
	entries, ok := object[field].(map[string]any)
	if !ok {
		return
	}
	for _, name := range names {
		delete(entries, name)
	}
	if len(entries) == 0 {
		delete(object, field)
	}
}

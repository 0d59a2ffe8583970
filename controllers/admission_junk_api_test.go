package controllers_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

// junk is what no field was made for. Each is put in the place of everything.
var junk = []any{
	nil, true, int64(-1), int64(0), int64(math.MaxInt32) + 1, int64(math.MaxInt64), 1.5, 1e30, float64(1 << 63),
	[]any{}, []any{nil}, []any{"x", int64(1), spec{}}, spec{}, spec{"": ""}, spec{"name": spec{"name": "x"}},
	"", "\x00", "\u202e\ufeff\U0010ffff", strings.Repeat("é", 3000), "null", "1", "NaN",
}

// almost is what is nearly a duration or a time, for the fields that are one.
var almost = map[*regexp.Regexp][]any{
	regexp.MustCompile(`^\d+[hms]$`): {" ", "h", "1h1", "-5s", "+5s", "5d", "1.5h", ".5s", "1e9s",
		"99999h99999m99999s", "9999999h", "9223372036854775807s", "1m1h", "1s1s", "1 h", "１h", "10µs", "1H", "0",
		"00000s", "30s\n"},
	regexp.MustCompile(`^\d{4}-\d{2}-\d{2}T`): {" ", "2026-01-02", "2026-01-02T03:04:05", "2026-01-02 03:04:05Z",
		"2026-01-02t03:04:05z", "2026-13-45T99:99:99Z", "2026-02-30T00:00:00Z", "2023-02-29T00:00:00Z",
		"2026-01-02T24:00:00Z", "2016-12-31T23:59:60Z", "0000-00-00T00:00:00Z", "0000-01-01T00:00:00Z",
		"10000-01-01T00:00:00Z", "-001-01-01T00:00:00Z", "2026-01-02T03:04:05+99:99", "2026-01-02T03:04:05+0000",
		"2026-01-02T03:04:05,5Z", "2026-01-02T03:04:05.999999999999Z", "2026-01-02T03:04Z", "2026-1-2T3:4:5Z",
		"2026-01-02T03:04:05Z ", "Fri, 02 Jan 2026 03:04:05 GMT"},
}

// Whatever is put into whichever field is refused, or can still be read by everybody: one object that cannot be decoded
// would stop the operator for all.
func TestAPIJunk(t *testing.T) {
	t.Parallel()
	for kind, samples := range whole {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			w := suite.NewEmpty(t, grafanatest.Options{})
			a := &admission{Cluster: w.Cluster, t: t, ns: w.NS}
			var seen []string
			for _, sample := range samples {
				u := a.object(kind, nil)
				u.Object["spec"] = normal(sample.spec)
				stored := u.DeepCopy()
				if err := w.Client.Create(t.Context(), stored); err != nil {
					t.Fatalf("the whole object itself is refused: %v", err)
				}
				status := normal(sample.status)
				if err := a.patchStatus(stored, status); err != nil {
					t.Fatalf("the whole status itself is refused: %v", err)
				}
				seen = append(seen, a.spoil(u, "spec", a.createLeniently)...)
				u.Object["status"] = status
				seen = append(seen, a.spoil(u, "status", func(o *unstructured.Unstructured) error {
					err := a.patchStatus(stored, o.Object["status"])
					o.Object = stored.Object
					return err
				})...)
			}
			slices.Sort(seen)
			if diff := cmp.Diff(a.leaves(kind), slices.Compact(seen)); diff != "" {
				t.Errorf("the whole objects do not have exactly the fields of the schema (-schema +objects):\n%s", diff)
			}
		})
	}
}

func (a *admission) createLeniently(u *unstructured.Unstructured) error {
	return a.Client.Create(a.t.Context(), u, client.DryRunAll)
}

// patchStatus replaces the whole status of a stored object, as a dry run; what it would have become is in u.
func (a *admission) patchStatus(u *unstructured.Unstructured, status any) error {
	patch, err := json.Marshal([]any{spec{"op": "add", "path": "/status", "value": status}})
	if err != nil {
		a.t.Fatal(err)
	}
	return a.Client.Status().Patch(a.t.Context(), u, client.RawPatch(types.JSONPatchType, patch), client.DryRunAll)
}

// spoil puts all junk into every location below a field, one after the other, and returns the leaves that it found.
func (a *admission) spoil(
	u *unstructured.Unstructured,
	root string,
	write func(*unstructured.Unstructured) error,
) (leaves []string) {
	for _, p := range locations(u.Object[root], []any{root}) {
		if p.leaf {
			leaves = append(leaves, p.String())
		}
		for _, value := range p.junk() {
			o := u.DeepCopy()
			put(o.Object, p.path, value)
			err := write(o)
			switch {
			case err == nil:
				if derr := a.decodes(o); derr != nil {
					a.t.Errorf("%s %s = %s is accepted, and cannot be decoded: %v", u.GetKind(), p,
						shorten(fmt.Sprintf("%#v", value)), derr)
				}
			case !apierrors.IsInvalid(err) && !apierrors.IsBadRequest(err):
				a.t.Errorf("%s %s = %s: %v", u.GetKind(), p, shorten(fmt.Sprintf("%#v", value)), err)
			}
		}
	}
	return leaves
}

// decodes reads an object as the operator's caches do.
func (a *admission) decodes(u *unstructured.Unstructured) error {
	text, err := json.Marshal(u)
	if err != nil {
		return err
	}
	obj, _, err := serializer.NewCodecFactory(a.Scheme).UniversalDeserializer().Decode(text, nil, nil)
	if err == nil {
		_, err = json.Marshal(obj)
	}
	return err
}

// location is a place in an object: a field, or an item of a list.
type location struct {
	path  []any // names and indexes
	leaf  bool
	value any // what belongs there
}

// junk is what is tried there.
func (p location) junk() []any {
	text, _ := p.value.(string)
	for form, more := range almost {
		if form.MatchString(text) {
			return append(slices.Clone(junk), more...)
		}
	}
	return junk
}

// String writes a location as the schema knows it: {} stands for any key of a map.
func (p location) String() string {
	var text strings.Builder
	for i, step := range p.path {
		switch step := step.(type) {
		case int:
			text.WriteString("[]")
		case string:
			keyed := []string{"quotas", "labels", "annotations", "matchLabels", "secureJsonData"}
			in := fmt.Sprint(p.path[max(0, i-1)])
			ofSecret := in == "template" && fmt.Sprint(p.path[max(0, i-2)]) == "secret"
			if slices.Contains(keyed, in) || ofSecret {
				step = "{}"
			}
			text.WriteString("." + step)
		}
	}
	return text.String()
}

// locations lists all locations below a value, and that of the value itself.
func locations(value any, at []any) []location {
	self := location{path: at, value: value}
	var below []location
	switch v := value.(type) {
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			below = append(below, locations(v[k], append(slices.Clone(at), k))...)
		}
	case []any:
		for i := range v {
			below = append(below, locations(v[i], append(slices.Clone(at), i))...)
		}
	}
	self.leaf = len(below) == 0 && len(at) > 1
	return append(below, self)
}

func put(in any, path []any, value any) {
	last := len(path) - 1
	for _, step := range path[:last] {
		switch step := step.(type) {
		case string:
			in = in.(map[string]any)[step]
		case int:
			in = in.([]any)[step]
		}
	}
	value = runtime.DeepCopyJSONValue(plainJSON(value))
	switch step := path[last].(type) {
	case string:
		in.(map[string]any)[step] = value
	case int:
		in.([]any)[step] = value
	}
}

// plainJSON makes JSON's own type of a spec.
func plainJSON(value any) any {
	switch v := value.(type) {
	case spec:
		return normal(v)
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = plainJSON(v[i])
		}
		return out
	}
	return value
}

// leaves lists the fields that the CRD's schema has below spec and status.
func (a *admission) leaves(kind string) []string {
	crd := &unstructured.Unstructured{}
	crd.SetGroupVersionKind(
		schema.GroupVersionKind{Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinition"},
	)
	crd.SetName(strings.ToLower(kind) + "s." + v1alpha1.GroupVersion.Group)
	if err := a.Client.Get(a.t.Context(), client.ObjectKeyFromObject(crd), crd); err != nil {
		a.t.Fatal(err)
	}
	versions, _, _ := unstructured.NestedSlice(crd.Object, "spec", "versions")
	properties, _, _ := unstructured.NestedMap(versions[0].(map[string]any), "schema", "openAPIV3Schema", "properties")
	leaves := append(leavesOf(properties["spec"], ".spec"), leavesOf(properties["status"], ".status")...)
	slices.Sort(leaves)
	return leaves
}

func leavesOf(node any, at string) (leaves []string) {
	schema := node.(map[string]any)
	if properties, ok := schema["properties"].(map[string]any); ok {
		for name, below := range properties {
			leaves = append(leaves, leavesOf(below, at+"."+name)...)
		}
		return leaves
	}
	if below, ok := schema["additionalProperties"].(map[string]any); ok {
		return leavesOf(below, at+".{}")
	}
	if below, ok := schema["items"]; ok {
		return leavesOf(below, at+"[]")
	}
	return []string{at}
}

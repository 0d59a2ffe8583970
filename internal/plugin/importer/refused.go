package importer

import (
	"context"
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	"sigs.k8s.io/yaml"
)

// partForm is what can be left out of an object alone, since the operator leaves as it is what the object does not
// name. Without anything else it would ask for something other than what is there.
var partForm = regexp.MustCompile(`^spec\.(email|description|permissions|preferences\.\w+|members\[\d+\])`)

// admit leaves out of an object what the API server would refuse, and says so. If that cannot be, or the rest would be
// refused as well, the object is not admitted.
func (t *tenant) admit(ctx context.Context, what, name string, obj client.Object) (admitted bool, err error) {
	for {
		errs, fields, err := t.refused(ctx, obj)
		if err != nil || len(errs) == 0 {
			return err == nil, err
		}
		part := partForm.FindString(errs[0].Field)
		was, found := cut(fields, part)
		if !found {
			t.leaveOut(what, name, "the API server would refuse it: %v", errs.ToAggregate())
			return false, nil
		}
		kept, _, _ := strings.Cut(strings.TrimPrefix(part, "spec."), "[")
		t.leaveOut(kept+" of "+what, name, "%s stays as it is, since the API server would refuse it: %s", was,
			errs[0].Detail)
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(fields, obj); err != nil {
			return false, err
		}
	}
}

// refused says what the API server would refuse of an object as it is written.
func (r *run) refused(ctx context.Context, obj client.Object) (field.ErrorList, map[string]any, error) {
	gvk, err := apiutil.GVKForObject(obj, scheme)
	if err != nil {
		return nil, nil, err
	}
	text, err := manifest(obj)
	if err != nil {
		return nil, nil, err
	}
	if text, err = yaml.YAMLToJSON(text); err != nil {
		return nil, nil, err
	}
	var fields map[string]any
	if err := utiljson.Unmarshal(text, &fields); err != nil {
		return nil, nil, err
	}
	return r.definitions[gvk.Kind].Refused(ctx, runtime.DeepCopyJSON(fields), nil), fields, nil
}

// cut takes a part out of an object, if it is there, and returns what it was, as JSON, for people.
func cut(fields map[string]any, part string) (was string, found bool) {
	names := strings.Split(part, ".")
	last := names[len(names)-1]
	holder, _, _ := unstructured.NestedFieldNoCopy(fields, names[:len(names)-1]...)
	in, _ := holder.(map[string]any)
	name, index, listed := strings.Cut(last, "[")
	value, found := in[name]
	switch list, _ := value.([]any); {
	case !found:
		return "", false
	case listed:
		n, err := strconv.Atoi(strings.TrimSuffix(index, "]"))
		if err != nil || n >= len(list) {
			return "", false
		}
		value, in[name] = list[n], slices.Delete(slices.Clone(list), n, n+1)
	default:
		delete(in, name)
	}
	text, err := json.Marshal(value)
	return shortened(string(text)), err == nil
}

// shortened is a text as it fits into a line.
func shortened(text string) string {
	const most = 60
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return text
}

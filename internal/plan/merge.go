package plan

import (
	"cmp"
	"encoding/json"
	"maps"

	jsonpatch "github.com/evanphx/json-patch/v5"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/jsonmergepatch"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// laidOver is what an object is once kubectl has applied a manifest, before anybody looks whether it may be so. What
// was applied before and is not in the manifest goes; where that is not known, all of the spec is the manifest's, and
// what others have put elsewhere stays. The status stays.
func (w *worker) laidOver(m *unstructured.Unstructured, is client.Object) (map[string]any, error) {
	wanted := m.DeepCopy()
	unstructured.RemoveNestedField(wanted.Object, "status")
	if is == nil {
		return wanted.Object, nil
	}
	current, err := runtime.DefaultUnstructuredConverter.ToUnstructured(is)
	if err != nil {
		return nil, err
	}
	(&unstructured.Unstructured{Object: current}).SetGroupVersionKind(m.GroupVersionKind())
	was, err := w.lastApplied(m, is)
	if err != nil {
		return nil, err
	}
	if was == "" && isOurs(m) {
		current["spec"] = wanted.Object["spec"]
		result := unstructured.Unstructured{Object: current}
		result.SetLabels(laid(result.GetLabels(), wanted.GetLabels()))
		result.SetAnnotations(laid(result.GetAnnotations(), wanted.GetAnnotations()))
		return current, nil
	}
	modified, err := json.Marshal(wanted.Object)
	if err != nil {
		return nil, err
	}
	now, err := json.Marshal(current)
	if err != nil {
		return nil, err
	}
	patch, err := jsonmergepatch.CreateThreeWayJSONMergePatch([]byte(cmp.Or(was, "{}")), modified, now)
	if err != nil {
		return nil, err
	}
	text, err := jsonpatch.MergePatch(now, patch)
	if err != nil {
		return nil, err
	}
	var result map[string]any
	err = utiljson.Unmarshal(text, &result) // whole numbers stay such, as admission wants them
	return result, err
}

// lastApplied is what kubectl takes for applied before: an earlier manifest of the object, or what its annotation says.
// Empty: that is not known.
func (w *worker) lastApplied(m *unstructured.Unstructured, is client.Object) (string, error) {
	before := w.applied[subjectKey{m.GetKind(), client.ObjectKeyFromObject(is)}]
	if before == nil {
		return is.GetAnnotations()[corev1.LastAppliedConfigAnnotation], nil
	}
	before = before.DeepCopy()
	unstructured.RemoveNestedField(before.Object, "status")
	text, err := json.Marshal(before.Object)
	return string(text), err
}

func laid(of, over map[string]string) map[string]string {
	all := map[string]string{}
	maps.Copy(all, of)
	maps.Copy(all, over)
	return all
}

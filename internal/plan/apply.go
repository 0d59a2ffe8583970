package plan

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/uuid"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/plan/admission"
)

// apply lays the manifests over the cluster: what our objects refer to first.
func (w *worker) apply(ctx context.Context) error {
	known, err := admission.Definitions()
	if err != nil {
		return err
	}
	for _, kinds := range [][]string{{"Namespace"}, {"Secret", "ConfigMap"}} {
		for i := range w.Manifests {
			m := &w.Manifests[i]
			if !isCore(m) || !slices.Contains(kinds, m.GetKind()) {
				continue
			}
			if err := w.applyCore(ctx, m); err != nil {
				return fmt.Errorf("%s %s: %w", m.GetKind(), m.GetName(), err)
			}
		}
	}
	for i := range w.Manifests {
		m := &w.Manifests[i]
		if m.GroupVersionKind().Group != group {
			continue
		}
		d := known[m.GetKind()]
		if d == nil || !isOurs(m) {
			return fmt.Errorf("%s %s: there is no such kind in %s", m.GetKind(), m.GetName(), m.GetAPIVersion())
		}
		if m.GetName() == "" {
			return fmt.Errorf("a %s of the manifests has no name", m.GetKind())
		}
		if err := w.applyOwn(ctx, m, d); err != nil {
			return fmt.Errorf("%s %s: %w", m.GetKind(), m.GetName(), err)
		}
	}
	return nil
}

func (w *worker) namespaceOf(m *unstructured.Unstructured) string {
	if ns := m.GetNamespace(); ns != "" {
		return ns
	}
	return w.Namespace
}

// applyOwn lays an object of ours over the one that is there.
func (w *worker) applyOwn(ctx context.Context, m *unstructured.Unstructured, d *admission.Definition) error {
	key := client.ObjectKey{Namespace: w.namespaceOf(m), Name: m.GetName()}
	m.SetNamespace(key.Namespace)
	v := w.subject(m.GetKind(), key)
	v.given = true
	is := w.store.objects[m.GetKind()][key]
	if !w.foresees(m.GetKind()) {
		is = w.unforeseen[v.subjectKey]
	}
	obj, err := w.laidOver(m, is)
	if err != nil {
		return err
	}
	var was map[string]any
	if is != nil {
		if was, err = runtime.DefaultUnstructuredConverter.ToUnstructured(is); err != nil {
			return err
		}
		d.Fill(was) // as a read from the API server would
	}
	if err := d.Admit(ctx, obj, was); err != nil {
		v.refused = err.Error()
		v.changed = true
		return nil
	}
	typed, err := w.typed(m, obj)
	if err != nil {
		v.refused, v.changed = "it cannot be read: "+err.Error(), true
		return nil
	}
	if !w.foresees(m.GetKind()) {
		v.last.Message = "what a " + m.GetKind() + " makes is not foreseen"
		v.changed = is == nil || !equality.Semantic.DeepEqual(specOf(typed), specOf(is))
		return nil
	}
	if err := w.checkMeta(ctx, typed, true); err != nil {
		v.refused, v.changed = err.Error(), true
		return nil
	}
	var before lifecycle.Object
	if is != nil {
		if before, err = w.typed(m, was); err != nil {
			return err
		}
	}
	w.keep(typed, before, v)
	w.applied[v.subjectKey] = m
	return nil
}

// foresees reports whether the plan can say what becomes of objects of a kind. Sets make objects, and stand for nothing
// in Grafana themselves.
func (w *worker) foresees(kind string) bool {
	return slices.ContainsFunc(w.controllers, func(c lifecycle.Controller) bool { return c.Name == kind })
}

// typed is an object of the manifest's kind.
func (w *worker) typed(m *unstructured.Unstructured, obj map[string]any) (lifecycle.Object, error) {
	typed, err := w.Scheme.New(m.GroupVersionKind())
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(obj)
	if err != nil {
		return nil, err
	}
	return typed.(lifecycle.Object), json.Unmarshal(text, typed)
}

// keep puts an object into the store as the API server would.
func (w *worker) keep(obj, is lifecycle.Object, v *subject) {
	obj.GetObjectKind().SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(v.kind))
	if is == nil {
		*metaOf(obj) = metav1.ObjectMeta{
			Namespace: obj.GetNamespace(), Name: obj.GetName(), Labels: obj.GetLabels(),
			Annotations: obj.GetAnnotations(), UID: uuid.NewUUID(), Generation: 1,
			CreationTimestamp: metav1.NewTime(w.Now().Truncate(1e9)),
		}
		v.changed = true
	} else {
		own := metaOf(is).DeepCopy()
		own.Labels, own.Annotations = obj.GetLabels(), obj.GetAnnotations()
		*metaOf(obj) = *own
		if !equality.Semantic.DeepEqual(specOf(obj), specOf(is)) {
			obj.SetGeneration(is.GetGeneration() + 1)
			v.changed = true
		}
		v.changed = v.changed || !equality.Semantic.DeepEqual(is.GetLabels(), obj.GetLabels())
	}
	w.store.version++
	obj.SetResourceVersion(strconv.FormatInt(w.store.version, 10))
	w.store.put(obj)
}

func specOf(obj client.Object) any {
	return reflect.ValueOf(obj).Elem().FieldByName("Spec").Interface()
}

// prune has objects be deleted that the manifests do not have any more.
func (w *worker) prune() {
	if w.Prune == nil {
		return
	}
	namespaces := w.namespaces()
	for _, c := range w.controllers {
		for _, key := range sortedKeys(w.store.objects[c.Name]) {
			obj := w.store.objects[c.Name][key]
			v := w.subjects[subjectKey{c.Name, key}]
			given := v != nil && v.given
			if given || !namespaces[key.Namespace] || !w.Prune.Matches(labelSet(obj)) {
				continue
			}
			v = w.subject(c.Name, key)
			v.pruned = true
			v.object = obj.(lifecycle.Object)
			w.store.delete(obj, metav1.NewTime(w.Now()))
		}
	}
}

// namespaces are those of the manifests.
func (w *worker) namespaces() map[string]bool {
	all := map[string]bool{}
	for i := range w.Manifests {
		if m := &w.Manifests[i]; isOurs(m) {
			all[w.namespaceOf(m)] = true
		}
	}
	return all
}

package plan

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// isCore reports whether a manifest is of a kind of Kubernetes' that our objects refer to.
func isCore(m *unstructured.Unstructured) bool {
	return m.GetAPIVersion() == "v1" && slices.Contains([]string{"Namespace", "Secret", "ConfigMap"}, m.GetKind())
}

// applyCore lays a Secret, ConfigMap or Namespace over the one that is there.
func (w *worker) applyCore(ctx context.Context, m *unstructured.Unstructured) error {
	if m.GetKind() != "Namespace" {
		m.SetNamespace(w.namespaceOf(m))
	}
	key := client.ObjectKeyFromObject(m)
	is, err := w.store.find(ctx, m.GetKind(), key)
	if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsForbidden(err) {
		return err
	}
	given, err := w.coreOf(m, nil)
	if err != nil {
		return err
	}
	obj, err := w.coreOf(m, is)
	if err != nil {
		return err
	}
	if err := w.checkMeta(ctx, obj, m.GetKind() != "Namespace"); err != nil {
		return err
	}
	if err := checkData(obj, is); err != nil {
		return err
	}
	own := metaOf(obj)
	switch {
	case is != nil:
		there := metaOf(is).DeepCopy()
		there.Labels, there.Annotations = own.Labels, own.Annotations
		*own = *there
	default:
		*own = metav1.ObjectMeta{Namespace: own.Namespace, Name: own.Name, Labels: own.Labels,
			Annotations: own.Annotations, UID: uuid.NewUUID()}
	}
	if secret, ok := given.(*corev1.Secret); ok {
		w.values[key] = secret.Data
	}
	w.applied[subjectKey{m.GetKind(), key}] = m
	if is != nil && w.isSame(obj, is) {
		return nil // its version says that it is as it was
	}
	w.store.version++
	obj.SetResourceVersion(strconv.FormatInt(w.store.version, 10))
	w.store.put(obj)
	w.others[subjectKey{m.GetKind(), key}] = true
	return nil
}

// coreOf is what a Secret, ConfigMap or Namespace is once a manifest was laid over it; nil: it is a new one.
func (w *worker) coreOf(m *unstructured.Unstructured, is client.Object) (client.Object, error) {
	whole, err := w.laidOver(m, is)
	if err != nil {
		return nil, err
	}
	fresh, err := w.Scheme.New(m.GroupVersionKind())
	if err != nil {
		return nil, err
	}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(whole, fresh, true); err != nil {
		return nil, err
	}
	if secret, ok := fresh.(*corev1.Secret); ok {
		for name, value := range secret.StringData {
			if secret.Data == nil {
				secret.Data = map[string][]byte{}
			}
			secret.Data[name] = []byte(value)
		}
		secret.StringData = nil
		if secret.Type == "" {
			secret.Type = corev1.SecretTypeOpaque
		}
	}
	return fresh.(client.Object), nil
}

// isSame reports whether two objects are the same: whether they name their kind goes by how they were read.
func (w *worker) isSame(a, b client.Object) bool {
	bare := func(obj client.Object) client.Object {
		obj = obj.DeepCopyObject().(client.Object)
		obj.GetObjectKind().SetGroupVersionKind(schema.GroupVersionKind{})
		if secret, ok := obj.(*corev1.Secret); ok && secret.Type == "" {
			secret.Type = corev1.SecretTypeOpaque
		}
		return obj
	}
	return equality.Semantic.DeepEqual(bare(a), bare(b))
}

// checkMeta says why an object's metadata would not be taken: a name that is none, a namespace that is nowhere.
func (w *worker) checkMeta(ctx context.Context, obj client.Object, namespaced bool) error {
	name := apivalidation.NameIsDNSSubdomain
	if !namespaced {
		name = apivalidation.ValidateNamespaceName
	}
	own := metaOf(obj).DeepCopy()
	own.ManagedFields = nil // the API server has its own
	var errs []error
	for _, e := range apivalidation.ValidateObjectMeta(own, namespaced, name, field.NewPath("metadata")) {
		e.BadValue = field.OmitValueType{} // an annotation can hold anything
		errs = append(errs, e)
	}
	if len(errs) > 0 || !namespaced || w.store.cluster == nil {
		return errors.Join(errs...)
	}
	_, err := w.store.find(ctx, "Namespace", client.ObjectKey{Name: obj.GetNamespace()})
	if apierrors.IsNotFound(err) {
		return fmt.Errorf("namespace %s does not exist, and is not in the manifests: create it", obj.GetNamespace())
	}
	return nil // who may not read namespaces is not told
}

package lifecycle

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
)

// Slim is what caches drop of an object on its way in: the managed fields, the annotation in which kubectl keeps all
// that was applied (of a Secret that is its data), and what its kind has no use for.
func (e *Engine) Slim(in any) (any, error) {
	obj, err := meta.Accessor(in)
	if err != nil {
		return in, nil // what is no object has none of these
	}
	obj.SetManagedFields(nil)
	if annotations := obj.GetAnnotations(); annotations[corev1.LastAppliedConfigAnnotation] != "" {
		delete(annotations, corev1.LastAppliedConfigAnnotation)
		obj.SetAnnotations(annotations)
	}
	if k := e.entryOf(in); k != nil && k.slim != nil {
		k.slim(in.(Object))
	}
	return in, nil
}

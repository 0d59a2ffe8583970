package lifecycle

import (
	"cmp"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Slim is what caches drop of an object on its way in: the managed fields, the annotation in which kubectl keeps all
// that was applied (of a Secret that is its data), and what its kind has no use for. Texts that most objects have are
// kept once for all of them.
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
	if k := e.entryOf(in); k != nil {
		if k.slim != nil {
			k.slim(in.(Object))
		}
		e.texts.share(in.(Object))
	}
	return in, nil
}

// texts are those that objects have in common, each once. Package unique forgets a text that nobody holds its handle
// of, so that each object that changes later would get a copy of its own.
type texts struct {
	sync.Mutex
	known map[string]string
}

// maxTexts and maxText, in bytes, bound what is known: far more than there are, and longer than the operator writes
// any.
const maxTexts, maxText = 4096, 1024

// share has an object share what it says with others that say the same.
func (t *texts) share(obj Object) {
	t.Lock()
	defer t.Unlock()
	obj.SetNamespace(t.one(obj.GetNamespace()))
	for i, finalizer := range obj.GetFinalizers() {
		obj.GetFinalizers()[i] = t.one(finalizer)
	}
	for i := range obj.CommonStatus().Conditions {
		c := &obj.CommonStatus().Conditions[i]
		c.Type, c.Status = t.one(c.Type), metav1.ConditionStatus(t.one(string(c.Status)))
		c.Reason, c.Message = t.one(c.Reason), t.one(c.Message)
	}
}

// one is the one copy of a text.
func (t *texts) one(text string) string {
	if known, ok := t.known[text]; ok || len(text) > maxText {
		return cmp.Or(known, text)
	}
	if t.known == nil || len(t.known) == maxTexts {
		t.known = map[string]string{}
	}
	text = strings.Clone(text) // which is not part of a longer one
	t.known[text] = text
	return text
}

package plan

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// contents are what is checked of a Secret or ConfigMap beside its metadata.
type contents struct {
	keys   []string // one that is in two places is twice here
	kind   corev1.SecretType
	fixed  bool
	values []any
}

// contentsOf are those of a Secret or ConfigMap; empty: it is neither.
func contentsOf(obj client.Object) (c contents) {
	fixed := func(immutable *bool) bool { return immutable != nil && *immutable }
	switch obj := obj.(type) {
	case *corev1.Secret:
		c = contents{slices.Sorted(maps.Keys(obj.Data)), obj.Type, fixed(obj.Immutable), []any{obj.Data}}
	case *corev1.ConfigMap:
		c = contents{slices.Sorted(maps.Keys(obj.Data)), "", fixed(obj.Immutable), []any{obj.Data, obj.BinaryData}}
		c.keys = append(c.keys, slices.Sorted(maps.Keys(obj.BinaryData))...)
	}
	return c
}

// checkData says why the API server would not take a Secret or ConfigMap for what it holds. is: what it changes; nil:
// it is a new one.
func checkData(obj, is client.Object) error {
	now := contentsOf(obj)
	var errs []error
	for i, key := range now.keys {
		if why := validation.IsConfigMapKey(key); len(why) > 0 {
			errs = append(errs, fmt.Errorf("data: key %q: %s", key, strings.Join(why, "; ")))
		}
		if slices.Contains(now.keys[:i], key) {
			errs = append(errs, fmt.Errorf("key %q is in both data and binaryData", key))
		}
	}
	if is == nil {
		return errors.Join(errs...)
	}
	was := contentsOf(is)
	if now.kind != was.kind && was.kind != "" {
		errs = append(errs, fmt.Errorf("type: it is %s in the cluster, and cannot be changed", was.kind))
	}
	if was.fixed && (!now.fixed || !equality.Semantic.DeepEqual(now.values, was.values)) {
		errs = append(errs, errors.New("it is immutable in the cluster: give it another name"))
	}
	return errors.Join(errs...)
}

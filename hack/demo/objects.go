package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	grafanav1 "grafana-tenancy.dev/operator/api/v1alpha1"
)

// list returns all objects of the operator's kinds, whichever they are.
func (c *cluster) list(ctx context.Context) ([]unstructured.Unstructured, error) {
	var all []unstructured.Unstructured
	for _, crd := range c.env.CRDs {
		var list unstructured.UnstructuredList
		list.SetGroupVersionKind(schema.GroupVersionKind{
			Group:   crd.Spec.Group,
			Version: crd.Spec.Versions[0].Name,
			Kind:    crd.Spec.Names.ListKind,
		})
		if err := c.client.List(ctx, &list); err != nil {
			return nil, fmt.Errorf("listing %s: %w", crd.Name, err)
		}
		all = append(all, list.Items...)
	}
	return all, nil
}

// ready says whether Ready is True for the generation that there is.
func ready(object unstructured.Unstructured) bool {
	observed, _, _ := unstructured.NestedInt64(object.Object, "status", "observedGeneration")
	return observed == object.GetGeneration() && has(object, "status", "True")
}

// has says whether the object's condition Ready has that value in that field.
func has(object unstructured.Unstructured, field, value string) bool {
	return slices.ContainsFunc(conditions(object), func(c map[string]any) bool {
		return c["type"] == grafanav1.ConditionReady && c[field] == value
	})
}

// describe names the objects and gives their conditions. Those that only wait
// for their parents come last.
func describe(objects []unstructured.Unstructured) string {
	var words strings.Builder
	for _, waiting := range []bool{false, true} {
		for _, object := range objects {
			if has(object, "reason", grafanav1.ReasonParentNotAvailable) == waiting {
				describeOne(&words, object)
			}
		}
	}
	return words.String()
}

func describeOne(words *strings.Builder, object unstructured.Unstructured) {
	fmt.Fprintf(words, "  %s:", name(object))
	var said any
	for _, c := range conditions(object) {
		fmt.Fprintf(words, " %v=%v", c["type"], c["status"])
		if c["message"] != said {
			said = c["message"]
			fmt.Fprintf(words, " (%v: %v)", c["reason"], said)
		}
	}
	if said == nil {
		words.WriteString(" no conditions yet")
	}
	words.WriteString("\n")
}

func name(object unstructured.Unstructured) string {
	return fmt.Sprintf("%s %s/%s", object.GetKind(), object.GetNamespace(), object.GetName())
}

func conditions(object unstructured.Unstructured) []map[string]any {
	list, _, _ := unstructured.NestedSlice(object.Object, "status", "conditions")
	var conditions []map[string]any
	for _, item := range list {
		if condition, ok := item.(map[string]any); ok {
			conditions = append(conditions, condition)
		}
	}
	return conditions
}

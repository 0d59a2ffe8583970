package main

import (
	"context"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
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
	if observed != object.GetGeneration() {
		return false
	}
	for _, condition := range conditions(object) {
		if condition["type"] == "Ready" {
			return condition["status"] == "True"
		}
	}
	return false
}

// describe names the object and gives its conditions.
func describe(object unstructured.Unstructured) string {
	var words []string
	for _, c := range conditions(object) {
		words = append(words, fmt.Sprintf("\n    %v=%v %v: %v", c["type"], c["status"], c["reason"], c["message"]))
	}
	if words == nil {
		words = []string{"\n    no conditions yet"}
	}
	return "  " + name(object) + strings.Join(words, "")
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

package plan

import (
	"context"
	"errors"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// unsupported is what the operator asks of no cluster.
type unsupported struct{}

// Apply fails.
func (unsupported) Apply(context.Context, runtime.ApplyConfiguration, ...client.ApplyOption) error {
	return errors.ErrUnsupported
}

// DeleteAllOf fails.
func (unsupported) DeleteAllOf(context.Context, client.Object, ...client.DeleteAllOfOption) error {
	return errors.ErrUnsupported
}

// SubResource is nil.
func (unsupported) SubResource(string) client.SubResourceClient { return nil }

// RESTMapper is nil.
func (unsupported) RESTMapper() meta.RESTMapper { return nil }

// GroupVersionKindFor fails.
func (unsupported) GroupVersionKindFor(runtime.Object) (schema.GroupVersionKind, error) {
	return schema.GroupVersionKind{}, errors.ErrUnsupported
}

// IsObjectNamespaced fails.
func (unsupported) IsObjectNamespaced(runtime.Object) (bool, error) {
	return false, errors.ErrUnsupported
}

// unsupportedStatus is what the operator does with no status.
type unsupportedStatus struct{}

// Create fails.
func (unsupportedStatus) Create(
	context.Context, client.Object, client.Object, ...client.SubResourceCreateOption,
) error {
	return errors.ErrUnsupported
}

// Update fails.
func (unsupportedStatus) Update(context.Context, client.Object, ...client.SubResourceUpdateOption) error {
	return errors.ErrUnsupported
}

// Apply fails.
func (unsupportedStatus) Apply(
	context.Context, runtime.ApplyConfiguration, ...client.SubResourceApplyOption,
) error {
	return errors.ErrUnsupported
}

// labelsOf are the labels of an object.
type labelsOf = labels.Set

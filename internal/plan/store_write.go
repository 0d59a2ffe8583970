package plan

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	jsonpatch "github.com/evanphx/json-patch/v5"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/uuid"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Create makes an object.
func (s *store) Create(ctx context.Context, obj client.Object, opts ...client.CreateOption) error {
	o := client.CreateOptions{}
	o.ApplyOptions(opts)
	kind, key := s.kindOf(obj), client.ObjectKeyFromObject(obj)
	if key.Name != "" {
		_, err := s.find(ctx, kind, key)
		if err == nil {
			return apierrors.NewAlreadyExists(schema.GroupResource{Resource: strings.ToLower(kind) + "s"}, key.Name)
		}
		if !apierrors.IsNotFound(err) {
			return err
		}
	}
	if len(o.DryRun) > 0 {
		return nil
	}
	obj.SetUID(uuid.NewUUID())
	s.write(obj)
	return nil
}

// Update replaces an object under its version.
func (s *store) Update(ctx context.Context, obj client.Object, opts ...client.UpdateOption) error {
	o := client.UpdateOptions{}
	o.ApplyOptions(opts)
	current, err := s.find(ctx, s.kindOf(obj), client.ObjectKeyFromObject(obj))
	switch {
	case err != nil:
		return err
	case obj.GetResourceVersion() != current.GetResourceVersion():
		return s.conflict(obj)
	case len(o.DryRun) == 0:
		s.write(obj)
	}
	return nil
}

func (s *store) conflict(obj client.Object) error {
	resource := schema.GroupResource{Resource: strings.ToLower(s.kindOf(obj)) + "s"}
	return apierrors.NewConflict(resource, obj.GetName(), errors.New("it has changed since it was read"))
}

// write keeps an object under another version.
func (s *store) write(obj client.Object) {
	s.version++
	s.changes++
	obj.SetResourceVersion(strconv.FormatInt(s.version, 10))
	if obj.GetDeletionTimestamp() != nil && len(obj.GetFinalizers()) == 0 {
		s.drop(s.kindOf(obj), client.ObjectKeyFromObject(obj))
		return
	}
	s.put(obj.DeepCopyObject().(client.Object))
}

// Delete deletes an object, or marks it if it has finalizers.
func (s *store) Delete(ctx context.Context, obj client.Object, opts ...client.DeleteOption) error {
	o := client.DeleteOptions{}
	o.ApplyOptions(opts)
	current, err := s.find(ctx, s.kindOf(obj), client.ObjectKeyFromObject(obj))
	if err != nil {
		return err
	}
	if p := o.Preconditions; p != nil && p.UID != nil && *p.UID != current.GetUID() {
		return s.conflict(obj)
	}
	s.delete(current, metav1.Now())
	return nil
}

func (s *store) delete(obj client.Object, now metav1.Time) {
	going := obj.DeepCopyObject().(client.Object)
	if going.GetDeletionTimestamp() == nil {
		going.SetDeletionTimestamp(&now)
		if s.isOurs(s.kindOf(obj)) {
			going.SetGeneration(going.GetGeneration() + 1)
		}
	}
	s.write(going)
}

// Patch applies a merge patch, to all but the status.
func (s *store) Patch(ctx context.Context, obj client.Object, patch client.Patch, _ ...client.PatchOption) error {
	return s.patch(ctx, obj, patch, func(is, patched reflect.Value) { patched.Set(is) })
}

// patch applies a merge patch. keep may take the status back.
func (s *store) patch(
	ctx context.Context, obj client.Object, patch client.Patch, keep func(is, patched reflect.Value),
) error {
	change, err := patch.Data(obj)
	if err != nil {
		return err
	}
	if patch.Type() != types.MergePatchType {
		return fmt.Errorf("a %s: %w", patch.Type(), errors.ErrUnsupported)
	}
	current, err := s.find(ctx, s.kindOf(obj), client.ObjectKeyFromObject(obj))
	if err != nil {
		return err
	}
	patched, err := mergePatched(current, change)
	if err != nil {
		return err
	}
	if patched.GetResourceVersion() != current.GetResourceVersion() {
		return s.conflict(obj)
	}
	if is := statusOf(current); is.IsValid() {
		keep(is, statusOf(patched))
	}
	if !equality.Semantic.DeepEqual(current, patched) {
		s.write(patched)
	}
	return become(obj, patched)
}

// statusOf is the status of an object; not valid: its kind has none.
func statusOf(obj client.Object) reflect.Value {
	return reflect.ValueOf(obj).Elem().FieldByName("Status")
}

func mergePatched(current client.Object, change []byte) (client.Object, error) {
	text, err := json.Marshal(current)
	if err != nil {
		return nil, err
	}
	if text, err = jsonpatch.MergePatch(text, change); err != nil {
		return nil, err
	}
	patched := reflect.New(reflect.TypeOf(current).Elem()).Interface().(client.Object)
	return patched, json.Unmarshal(text, patched)
}

// Status writes statuses.
func (s *store) Status() client.SubResourceWriter { return statusWriter{store: s} }

// statusWriter writes the status and nothing else.
type statusWriter struct {
	unsupportedStatus
	store *store
}

// Patch applies a merge patch to the status.
func (w statusWriter) Patch(
	ctx context.Context, obj client.Object, patch client.Patch, _ ...client.SubResourcePatchOption,
) error {
	return w.store.patch(ctx, obj, patch, func(_, _ reflect.Value) {})
}

package lifecycle

import (
	"context"
	"maps"
	"reflect"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// vanished are the objects that are kept, by kind and key.
type vanished struct {
	mu   sync.RWMutex
	of   map[string]map[types.NamespacedName]keptObject
	told map[types.UID]time.Time // those of the last minute, and when
}

type keptObject struct {
	Object
	confirmed bool // the API server has been asked, too
}

func (v *vanished) get(kind string, key types.NamespacedName) (keptObject, bool) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	o, ok := v.of[kind][key]
	if ok {
		o.Object = o.DeepCopyObject().(Object)
	}
	return o, ok
}

func (v *vanished) all(kind string) []Object {
	v.mu.RLock()
	defer v.mu.RUnlock()
	var all []Object
	for _, o := range v.of[kind] {
		all = append(all, o.DeepCopyObject().(Object))
	}
	return all
}

// begin keeps an object that has vanished now, of which it is told by several watches, and reports whether it was new.
// One that is kept already is the one before it, for whose successor nothing was done yet.
func (v *vanished) begin(kind string, obj Object, now time.Time) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	maps.DeleteFunc(v.told, func(_ types.UID, at time.Time) bool { return now.Sub(at) > time.Minute })
	_, before := v.of[kind][client.ObjectKeyFromObject(obj)]
	if _, told := v.told[obj.GetUID()]; told || before {
		return false
	}
	if v.told == nil {
		v.told = map[types.UID]time.Time{}
	}
	v.told[obj.GetUID()] = now
	v.put(kind, keptObject{Object: obj})
	return true
}

func (v *vanished) keep(kind string, o keptObject) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.put(kind, o)
}

func (v *vanished) put(kind string, o keptObject) {
	if v.of == nil {
		v.of = map[string]map[types.NamespacedName]keptObject{}
	}
	if v.of[kind] == nil {
		v.of[kind] = map[types.NamespacedName]keptObject{}
	}
	o.Object = o.DeepCopyObject().(Object)
	v.of[kind][client.ObjectKeyFromObject(o)] = o
}

func (v *vanished) drop(kind string, key types.NamespacedName) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.of[kind], key)
}

// Get reads an object of ours as the cache has it, or as it is kept.
func (e *Engine) Get(ctx context.Context, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
	if k := e.entryOf(obj); k != nil {
		if kept, ok := e.vanished.get(k.name, key); ok {
			reflect.ValueOf(obj).Elem().Set(reflect.ValueOf(kept.Object).Elem())
			return nil
		}
	}
	return e.Client.Get(ctx, key, obj, opts...)
}

// List lists objects of ours as the cache has them, or as they are kept.
func (e *Engine) List(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
	if err := e.Client.List(ctx, list, opts...); err != nil {
		return err
	}
	at := slices.IndexFunc(e.kinds, func(k *entry) bool { return reflect.TypeOf(k.list) == reflect.TypeOf(list) })
	if at < 0 {
		return nil
	}
	k := e.kinds[at]
	kept := e.vanished.all(k.name)
	if len(kept) == 0 {
		return nil
	}
	items, err := meta.ExtractList(list)
	if err != nil {
		return err
	}
	o := (&client.ListOptions{}).ApplyOptions(opts)
	for _, obj := range kept {
		items = slices.DeleteFunc(items, func(item runtime.Object) bool {
			return client.ObjectKeyFromObject(item.(client.Object)) == client.ObjectKeyFromObject(obj)
		})
		if k.selects(o, obj) {
			items = append(items, obj)
		}
	}
	return meta.SetList(list, items)
}

// selects reports whether a list with these options has an object of the kind.
func (k *entry) selects(o *client.ListOptions, obj Object) bool {
	if o.Namespace != "" && o.Namespace != obj.GetNamespace() {
		return false
	}
	if o.FieldSelector == nil {
		return true
	}
	indexes := k.allIndexes()
	for _, want := range o.FieldSelector.Requirements() {
		at := slices.IndexFunc(indexes, func(i Index[Object]) bool { return i.Field == want.Field })
		if at < 0 || !slices.Contains(indexes[at].Of(obj), want.Value) {
			return false
		}
	}
	return true
}

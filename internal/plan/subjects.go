package plan

import (
	"context"
	"slices"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/plan/draft"
)

type subjectKey struct {
	kind string
	key  client.ObjectKey
}

// subject is an object that the plan is about.
type subject struct {
	subjectKey
	object  lifecycle.Object // as it was found
	given   bool             // it is in the manifests
	changed bool             // by them
	pruned  bool
	shown   bool   // it is part of the plan; others are visited since these need them
	refused string // why the API server would not take it
	// withheld says why nothing was asked for it, since that would give away a credential.
	withheld string

	asked bool // by others, for another visit
	// believed says that the first visit has only believed what status says, as a process does that starts.
	believed bool
	visits   int
	seenAt   int // the tick after the last visit
	last     lifecycle.Outcome
	after    time.Duration // until the operator comes again
	due      time.Time
	waits    int // that were over
	gone     bool
	unseen   bool // something of it can only be seen later
	events   []lifecycle.Event
	fields   []string
	writes   []draft.Write
}

// subject is the one of an object.
func (w *worker) subject(kind string, key client.ObjectKey) *subject {
	k := subjectKey{kind, key}
	v := w.subjects[k]
	if v == nil {
		v = &subject{subjectKey: k, shown: true, seenAt: -1}
		if obj, there := w.store.objects[kind][key]; there {
			v.object = obj.DeepCopyObject().(lifecycle.Object)
		}
		w.subjects[k] = v
		w.order = append(w.order, v)
	}
	return v
}

// choose completes the subjects: what is being deleted beside the manifests, what is in something that they change, and
// the Instances of all of them.
func (w *worker) choose() {
	namespaces := w.namespaces()
	for _, c := range w.controllers { // what contains others comes first
		for _, key := range sortedKeys(w.store.objects[c.Name]) {
			obj := w.store.objects[c.Name][key].(lifecycle.Object)
			v := w.subjects[subjectKey{c.Name, key}]
			if v != nil && v.object == nil {
				v.object = obj.DeepCopyObject().(lifecycle.Object)
			}
			going := obj.GetDeletionTimestamp() != nil && namespaces[key.Namespace]
			if v == nil && (going || w.inChanged(obj) || w.refersToChanged(c, obj)) {
				w.subject(c.Name, key).changed = w.inChanged(obj)
			}
		}
	}
	for _, v := range slices.Clone(w.order) {
		if v.object == nil {
			continue
		}
		key := w.instanceOf(v.object)
		if key.Name == "" || w.subjects[subjectKey{"Instance", key}] != nil {
			continue
		}
		if _, there := w.store.objects["Instance"][key]; there {
			w.subject("Instance", key).shown = false
		}
	}
}

// inChanged reports whether an object is in one that the manifests change.
func (w *worker) inChanged(obj lifecycle.Object) bool {
	parent := w.parentOf(obj)
	v := w.subjects[parent]
	return v != nil && v.changed && v.visitable(w)
}

// refersToChanged reports whether an object refers to a Secret or ConfigMap that the manifests change, or is in such a
// Namespace.
func (w *worker) refersToChanged(c lifecycle.Controller, obj lifecycle.Object) bool {
	for _, ref := range c.References {
		for _, name := range ref.Names(obj) {
			key := client.ObjectKey{Namespace: obj.GetNamespace(), Name: name}
			if w.others[subjectKey{w.store.kindOf(ref.To), key}] {
				return true
			}
		}
	}
	return w.others[subjectKey{"Namespace", client.ObjectKey{Name: obj.GetNamespace()}}]
}

// spread notes whom the news of an object concern: those who watch it, and, if it is new in Grafana, what is in it.
func (w *worker) spread(ctx context.Context, v *subject) {
	obj, there := w.store.objects[v.kind][v.key]
	if !there {
		obj = v.object
	}
	if obj == nil {
		return
	}
	ask := func(kind string, key client.ObjectKey) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.asked[subjectKey{kind, key}] = true
	}
	fresh := v.has(v1alpha1.EventCreated, v1alpha1.EventFound) != nil
	for _, c := range w.controllers {
		for _, watch := range c.Watches {
			if w.store.kindOf(watch.Of) != v.kind {
				continue
			}
			for _, r := range watch.Requests(ctx, obj) {
				ask(c.Name, r.NamespacedName)
			}
		}
		for _, key := range sortedKeys(w.store.objects[c.Name]) {
			child := w.store.objects[c.Name][key].(lifecycle.Object)
			if fresh && w.parentOf(child) == v.subjectKey {
				ask(c.Name, key)
			}
		}
	}
}

func (v *subject) visitable(w *worker) bool {
	_, there := w.store.objects[v.kind][v.key]
	return there
}

// take notes what came of a visit.
func (v *subject) take(o lifecycle.Outcome) {
	v.last, v.gone = o, o.Gone
	v.events = append(v.events, o.Events...)
	for _, field := range o.Differs {
		if !slices.Contains(v.fields, field) {
			v.fields = append(v.fields, field)
		}
	}
}

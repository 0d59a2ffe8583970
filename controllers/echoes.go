package controllers

import (
	"maps"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// echoes are the visits that the operator brings about itself, by writing the Secret of an object. Such a visit comes
// once, right after, and finds what the pass before has seen: an S. Where somebody has changed the object meanwhile,
// the visit is theirs as well.
type echoes[S any] struct{ expected sync.Map }

// echo is one that is expected.
type echo[S any] struct {
	of    metav1.Object // as it was
	until time.Time
	seen  S
}

// echoLife is how long one is waited for.
const echoLife = 5 * time.Second

// expect one of an object.
func (e *echoes[S]) expect(obj client.Object, now time.Time, seen S) {
	e.expected.Store(client.ObjectKeyFromObject(obj), echo[S]{&metav1.ObjectMeta{
		Generation: obj.GetGeneration(), Annotations: maps.Clone(obj.GetAnnotations()),
	}, now.Add(echoLife), seen})
}

// take reports whether this may be that visit, and what the pass before has seen. The next one is not.
func (e *echoes[S]) take(obj client.Object, now time.Time) (seen S, is bool) {
	found, expected := e.expected.LoadAndDelete(client.ObjectKeyFromObject(obj))
	if !expected {
		return seen, false
	}
	x := found.(echo[S])
	return x.seen, now.Before(x.until) && x.of.GetGeneration() == obj.GetGeneration() &&
		maps.Equal(x.of.GetAnnotations(), obj.GetAnnotations())
}

func (e *echoes[S]) forget(key types.NamespacedName) { e.expected.Delete(key) }

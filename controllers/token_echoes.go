package controllers

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// echoes are the visits that the operator brings about itself, by writing the Secret of a token that it has just made.
// Such a visit comes once, right after, and finds what the pass before has seen.
type echoes struct{ expected sync.Map }

// echoLife is how long one is waited for.
const echoLife = 5 * time.Second

// expect one of an object.
func (e *echoes) expect(obj client.Object, now time.Time) {
	e.expected.Store(client.ObjectKeyFromObject(obj), now.Add(echoLife))
}

// take reports whether this may be that visit. The next one is not.
func (e *echoes) take(obj client.Object, now time.Time) bool {
	until, expected := e.expected.LoadAndDelete(client.ObjectKeyFromObject(obj))
	return expected && now.Before(until.(time.Time))
}

func (e *echoes) forget(key types.NamespacedName) { e.expected.Delete(key) }

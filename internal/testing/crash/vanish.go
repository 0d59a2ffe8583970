package crash

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Vanish has an object deleted by a request that has read it before it got its finalizer, if it is there.
func (w *World) Vanish(obj client.Object) {
	w.TB.Helper()
	ctx := context.Background()
	if !w.Get(obj) {
		return
	}
	last := obj.DeepCopyObject().(client.Object)
	obj.SetFinalizers(nil)
	if err := w.Kube.Update(ctx, obj); err != nil {
		w.TB.Fatal(err)
	}
	if err := w.Kube.Delete(ctx, obj); err != nil {
		w.TB.Fatal(err)
	}
	for _, c := range w.controllers {
		if c.Name == KindOf(obj) {
			c.Deleted(last)
		}
	}
	w.Everybody()
}

// Vanishing has an object vanish at each request that makes something of it, with faults besides, and checks that
// nothing of it is left, also where people have made it anew at once. The process does not die: nobody else knows what
// has vanished.
func Vanishing(t *testing.T, version string, before func(w *World), obj func() client.Object) {
	t.Helper()
	runs := 0
	play := func(at string, anew bool, k int, f Fault) []Point {
		w := New(t, version)
		runs++
		err := w.play(Scenario{Before: before, Act: func(w *World) {
			w.Meanwhile = map[string]func(){at: func() { w.vanishAndReturn(obj, anew) }}
			w.Create(obj())
		}}, k, f)
		if vanished := len(w.Meanwhile) == 0; vanished && w.Get(obj()) != anew {
			err = errors.Join(err, fmt.Errorf("that it is there is %v", !anew))
		}
		if err != nil {
			t.Errorf("at %s (anew: %v); %s at point %d: %v", at, anew, f, k, err)
		}
		return w.Points
	}
	for _, p := range play("", false, -1, None) {
		if p.Where != "grafana" || strings.HasPrefix(p.What, http.MethodGet) {
			continue
		}
		for _, anew := range []bool{false, true} {
			for _, m := range chosen(t.Name()+p.What, play(p.What, anew, -1, None)) {
				if !slices.Contains([]Fault{DeadBefore, DeadAfter, Usurped}, m.f) {
					play(p.What, anew, m.k, m.f)
				}
			}
		}
	}
	if runs == 1 {
		t.Error("nothing was made")
	}
}

func (w *World) vanishAndReturn(obj func() client.Object, anew bool) {
	w.Vanish(obj())
	if anew {
		next := obj()
		next.SetUID("5ecc0de5-0000-4000-8000-000000000000")
		w.Create(next)
	}
}

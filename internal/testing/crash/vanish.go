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

// SecondUID is the uid of an object that is made under the name of another one.
const SecondUID = "5ecc0de5-0000-4000-8000-000000000000"

// Vanish has objects deleted by requests that have read them before they got their finalizers, those that are there.
func (w *World) Vanish(objects ...client.Object) {
	w.TB.Helper()
	var last []client.Object
	for _, obj := range objects {
		if w.Get(obj) {
			last = append(last, w.VanishUntold(obj))
		}
	}
	w.TellDeleted(last...)
}

// VanishUntold has an object go that way, and its watch say nothing of it yet; it returns what that will bring.
func (w *World) VanishUntold(obj client.Object) (last client.Object) {
	w.TB.Helper()
	w.Get(obj)
	last = obj.DeepCopyObject().(client.Object)
	obj.SetFinalizers(nil)
	if err := w.Kube.Update(context.Background(), obj); err != nil {
		w.TB.Fatal(err)
	}
	if err := w.Kube.Delete(context.Background(), obj); err != nil {
		w.TB.Fatal(err)
	}
	return last
}

// TellDeleted has the watch say that objects are gone.
func (w *World) TellDeleted(last ...client.Object) {
	if w.toldGone == nil {
		w.toldGone = map[string]bool{}
	}
	for _, obj := range last {
		w.toldGone[KindOf(obj)+" "+client.ObjectKeyFromObject(obj).String()] = true
		for _, c := range w.controllers {
			if c.Name == KindOf(obj) {
				c.Deleted(obj)
			}
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
		next.SetUID(SecondUID)
		w.Create(next)
	}
}

package controllers

import (
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// scenario is something that people do, which must come out right whatever goes wrong on the way.
type scenario struct {
	name string
	// before is what is there, and at rest, when it begins.
	before func(w *world)
	// act is what people do.
	act func(w *world)
	// stalled names the objects that cannot become Ready in it, and the reason.
	stalled map[string]string
	// ownKeys says that people have made tokens of their own, whose keys they keep.
	ownKeys bool
	// after checks what is special to the scenario, besides the invariants.
	after func(w *world) error
}

// TestCrashMatrix lets every request and every Kubernetes write of every scenario fail in every way, starts the operator anew where it died, and looks at what it comes to.
func TestCrashMatrix(t *testing.T) {
	versions := []string{"12.4.0", "10.4.3"}
	if only := os.Getenv("CRASH_VERSION"); only != "" {
		versions = []string{only}
	}
	var runs, violations atomic.Int64
	for _, version := range versions {
		for _, s := range scenarios() {
			t.Run(version+"/"+s.name, func(t *testing.T) {
				matrix(t, version, s, &runs, &violations)
			})
		}
	}
	t.Logf("crash matrix: %d scenarios, %d runs, %d violations", len(scenarios())*len(versions), runs.Load(), violations.Load())
	fmt.Printf("crash matrix: %d scenarios, %d runs, %d violations\n", len(scenarios())*len(versions), runs.Load(), violations.Load())
}

// stopEarly ends the matrix at the first violation, which is all that a mutant needs.
var stopEarly = os.Getenv("CRASH_STOP") != ""

func matrix(t *testing.T, version string, s scenario, runs, violations *atomic.Int64) {
	if stopEarly && violations.Load() > 0 {
		return
	}
	dry := newWorld(t, version)
	if err := dry.play(s, -1, none); err != nil {
		violations.Add(1)
		t.Fatalf("without any fault: %v", err)
	}
	runs.Add(1)
	points := dry.points
	if len(points) == 0 {
		t.Fatal("the scenario does nothing")
	}
	type job struct {
		k int
		f fault
	}
	jobs := make(chan job)
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for j := range jobs {
				if stopEarly && violations.Load() > 0 {
					continue
				}
				runs.Add(1)
				if err := newWorld(t, version).play(s, j.k, j.f); err != nil {
					violations.Add(1)
					t.Errorf("%s at point %d of %d (%s: %s):\n%v", j.f, j.k, len(points), points[j.k].where, points[j.k].what, err)
				}
			}
		})
	}
	for k, p := range points {
		for _, f := range p.faults() {
			jobs <- job{k, f}
		}
	}
	close(jobs)
	wg.Wait()
}

// play runs one scenario with one fault and checks what it comes to.
func (w *world) play(s scenario, k int, f fault) error {
	w.seed()
	s.before(w)
	if err := w.rest(); err != nil {
		return fmt.Errorf("before: %w", err)
	}
	w.arm(k, f)
	s.act(w)
	foreign := w.foreign()
	if err := w.rest(); err != nil {
		return err
	}
	err := w.check(foreign, s)
	if s.after != nil {
		err = errors.Join(err, s.after(w))
	}
	return errors.Join(err, w.atRest())
}

// uidFor makes an object's uid, the same in every run.
func uidFor(obj client.Object) types.UID {
	h := fnv.New64a()
	_, _ = fmt.Fprintf(h, "%T %s/%s", obj, obj.GetNamespace(), obj.GetName())
	n := h.Sum64()
	return types.UID(fmt.Sprintf("%08x-%04x-4000-8000-%012x", uint32(n>>32), uint16(n>>16), n&0xffffffffffff))
}

// tenantNamespace is where everything of a scenario is.
const tenantNamespace = "tenant"

func named(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: tenantNamespace, Name: name}
}

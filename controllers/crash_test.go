package controllers

import (
	"cmp"
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"regexp"
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
	// midway is what has happened since then, which the operator is still busy with when it begins.
	midway func(w *world)
	// act is what people do.
	act func(w *world)
	// stalled names the objects that cannot become Ready in it, and the reason.
	stalled map[string]string
	// ownKeys says that people have made tokens of their own, whose keys they keep.
	ownKeys bool
	// kept says that what is in Grafana besides ours stays there.
	kept bool
	// atOnce lets passes go on side by side.
	atOnce bool
	// after checks what is special to the scenario, besides the invariants.
	after func(w *world) error
}

// TestCrashMatrix lets every request and every Kubernetes write of every scenario fail in every way, starts the
// operator anew where it died, and looks at what it comes to. Unless CRASH=all, it takes a fixed sample of the points.
// CRASH_SCENARIO and CRASH_VERSION narrow it down.
func TestCrashMatrix(t *testing.T) { playMatrix(t, scenarios()) }

// playMatrix plays scenarios without a fault, and then with each that can happen.
func playMatrix(t *testing.T, all []scenario) {
	t.Helper()
	only, err := regexp.Compile(os.Getenv("CRASH_SCENARIO"))
	if err != nil {
		t.Fatalf("CRASH_SCENARIO: %v", err)
	}
	played := 0
	var runs, violations atomic.Int64
	for _, version := range crashVersions() {
		for _, s := range all {
			if !only.MatchString(s.name) {
				continue
			}
			played++
			t.Run(version+"/"+s.name, func(t *testing.T) {
				matrix(t, version, s, &runs, &violations)
			})
		}
	}
	summarize(t, "crash matrix: %d scenarios, %d runs, %d violations", played, runs.Load(), violations.Load())
}

// crashVersions are the Grafanas that are played against.
func crashVersions() []string {
	if only := os.Getenv("CRASH_VERSION"); only != "" {
		return []string{only}
	}
	return []string{"12.4.0", "10.4.3"}
}

// summarize prints a line, and adds it to the file CRASH_SUMMARY, if there is one, whose content is shown after
// everything else.
func summarize(t *testing.T, format string, args ...any) {
	line := fmt.Sprintf(format+"\n", args...)
	fmt.Print(line)
	name := os.Getenv("CRASH_SUMMARY")
	if name == "" {
		return
	}
	file, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = file.WriteString(line)
		err = errors.Join(err, file.Close())
	}
	if err != nil {
		t.Error(err)
	}
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
	mishaps := make(chan mishap)
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for m := range mishaps {
				if stopEarly && violations.Load() > 0 {
					continue
				}
				runs.Add(1)
				if err := newWorld(t, version).play(s, m.k, m.f); err != nil {
					violations.Add(1)
					t.Errorf(
						"%s at point %d of %d (%s: %s):\n%v",
						m.f,
						m.k,
						len(points),
						points[m.k].where,
						points[m.k].what,
						err,
					)
				}
			}
		})
	}
	for _, m := range chosen(version+"/"+s.name, points) {
		mishaps <- m
	}
	close(mishaps)
	wg.Wait()
}

// mishap is a fault at one point.
type mishap struct {
	k int
	f fault
}

// sampled is of how many points at which a fault can happen one is taken, where not all are.
const sampled = 4

// chosen are the mishaps that a scenario goes through: all, or a sample of each fault's, which hangs on the name alone.
func chosen(name string, points []point) []mishap {
	every := sampled
	if os.Getenv("CRASH") == "all" {
		every = 1
	}
	places := map[fault][]int{}
	for k, p := range points {
		for _, f := range p.faults() {
			places[f] = append(places[f], k)
		}
	}
	var list []mishap
	for f, at := range places {
		first := int(hashOfText(name+string(f))) % min(every, len(at))
		for n := first; n < len(at); n += every {
			list = append(list, mishap{at[n], f})
		}
	}
	return list
}

func hashOfText(text string) uint16 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(text))
	return uint16(h.Sum32())
}

// play runs one scenario with one fault and checks what it comes to.
func (w *world) play(s scenario, k int, f fault) error {
	w.seed()
	if s.atOnce {
		w.letAtOnce(w.order, cmp.Or(w.writers, mostAtOnce))
	}
	s.before(w)
	if err := w.rest(); err != nil {
		return fmt.Errorf("before: %w", err)
	}
	if s.midway != nil {
		s.midway(w)
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

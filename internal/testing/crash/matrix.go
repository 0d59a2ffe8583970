package crash

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
)

// Scenario is something that people do, which must come out right whatever goes wrong on the way.
type Scenario struct {
	Name string
	// before is what is there, and at rest, when it begins.
	Before func(w *World)
	// midway is what has happened since then, which the operator is still busy with when it begins.
	Midway func(w *World)
	// act is what people do.
	Act func(w *World)
	// stalled names the objects that cannot become Ready in it, and the reason.
	Stalled map[string]string
	// ownKeys says that people have made tokens of their own, whose keys they keep.
	OwnKeys bool
	// kept says that what is in Grafana besides ours stays there.
	Kept bool
	// atOnce lets passes go on side by side.
	AtOnce bool
	// Only is the version of Grafana that it is played against; empty: all.
	Only string
	// after checks what is special to the scenario, besides the invariants.
	After func(w *World) error
}

// Matrix plays scenarios without a fault, and then with each that can happen.
func Matrix(t *testing.T, all []Scenario) {
	t.Helper()
	only, err := regexp.Compile(os.Getenv("CRASH_SCENARIO"))
	if err != nil {
		t.Fatalf("CRASH_SCENARIO: %v", err)
	}
	played := 0
	var runs, violations atomic.Int64
	for _, version := range Versions() {
		for _, s := range all {
			if !only.MatchString(s.Name) || s.Only != "" && s.Only != version {
				continue
			}
			played++
			t.Run(version+"/"+s.Name, func(t *testing.T) {
				matrix(t, version, s, &runs, &violations)
			})
		}
	}
	summarize(t, "crash matrix: %d scenarios, %d runs, %d violations", played, runs.Load(), violations.Load())
}

// Versions are the Grafanas that are played against.
func Versions() []string {
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

func matrix(t *testing.T, version string, s Scenario, runs, violations *atomic.Int64) {
	if stopEarly && violations.Load() > 0 {
		return
	}
	dry := New(t, version)
	if err := dry.play(s, -1, None); err != nil {
		violations.Add(1)
		t.Fatalf("without any fault: %v", err)
	}
	runs.Add(1)
	points := dry.Points
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
				if err := New(t, version).play(s, m.k, m.f); err != nil {
					violations.Add(1)
					t.Errorf(
						"%s at point %d of %d (%s: %s):\n%v",
						m.f,
						m.k,
						len(points),
						points[m.k].Where,
						points[m.k].What,
						err,
					)
				}
			}
		})
	}
	for _, m := range chosen(version+"/"+s.Name, points) {
		mishaps <- m
	}
	close(mishaps)
	wg.Wait()
}

// mishap is a fault at one point.
type mishap struct {
	k int
	f Fault
}

// sampled is of how many points at which a fault can happen one is taken, where not all are.
const sampled = 4

// chosen are the mishaps that a scenario goes through: all, or a sample of each fault's, which hangs on the name alone.
func chosen(name string, points []Point) []mishap {
	every := sampled
	if os.Getenv("CRASH") == "all" {
		every = 1
	}
	places := map[Fault][]int{}
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
func (w *World) play(s Scenario, k int, f Fault) error {
	w.Seed()
	if s.AtOnce {
		w.letAtOnce(w.order, cmp.Or(w.writers, mostAtOnce))
	}
	s.Before(w)
	if err := w.Rest(); err != nil {
		return fmt.Errorf("before: %w", err)
	}
	if s.Midway != nil {
		s.Midway(w)
	}
	w.Arm(k, f)
	s.Act(w)
	foreign := w.Foreign()
	if err := w.Rest(); err != nil {
		return err
	}
	err := w.Check(foreign, s)
	if s.After != nil {
		err = errors.Join(err, s.After(w))
	}
	return errors.Join(err, w.atRest())
}

// AtOnce plays scenarios in many orders of the passes that are made side by side, without any other fault.
func AtOnce(t *testing.T, all []Scenario) {
	t.Helper()
	for _, version := range Versions() {
		for _, s := range all {
			t.Run(version+"/"+s.Name, func(t *testing.T) {
				for seed := range uint64(20) {
					w := New(t, version)
					w.order, w.writers = seed, 1+int32(seed)%mostAtOnce
					if err := w.play(s, -1, None); err != nil {
						t.Errorf("order %d: %v", seed, err)
					}
				}
			})
		}
	}
}

package crash

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"regexp"
	"runtime"
	"slices"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"

	"grafana-tenancy.dev/operator/api/v1alpha1"
)

// crowd lets several passes go on side by side: one at a time, each as far as its next request or look, and who goes
// on is drawn. So what comes of it is the same each time for a seed.
type crowd struct {
	draw *rand.Rand
}

func newCrowd(seed uint64) *crowd { return &crowd{draw: rand.New(rand.NewPCG(seed, 0))} }

// mostAtOnce is how many passes go on side by side at most.
const mostAtOnce = 4

// choose picks those of the objects that are due which are visited at once.
func (c *crowd) choose(due []string) []string {
	slices.Sort(due)
	c.draw.Shuffle(len(due), func(i, j int) { due[i], due[j] = due[j], due[i] })
	return due[:min(len(due), 1+c.draw.IntN(mostAtOnce))]
}

// flight is one pass under way.
type flight struct {
	key           string
	reports       chan *flight // to say that it has paused or ended; nil: it goes on without a pause
	goOn          chan bool    // false: its process is dead
	id            string       // of its goroutine
	paused, ended bool         // as last reported
	result        ctrl.Result
	err           error
	died          bool
	panicked      any
	writes, asked int
}

type flightKey struct{}

// flightOf is the pass that a call belongs to; nil: none.
func flightOf(ctx context.Context) *flight {
	f, _ := ctx.Value(flightKey{}).(*flight)
	return f
}

// pause lets others go on. It returns when it is this pass's turn again.
func pause(ctx context.Context) {
	f := flightOf(ctx)
	if f == nil || f.reports == nil {
		return
	}
	f.reports <- f
	if !<-f.goOn {
		panic(died{})
	}
}

// fly makes the pass. It may die of it.
func (f *flight) fly(pass func(*flight)) {
	returned := false
	defer func() {
		r := recover()
		_, f.died = r.(died)
		switch {
		case f.died:
		case r != nil:
			f.panicked = r
		case !returned:
			f.panicked = "the test was ended within a pass"
		}
	}()
	pass(f)
	returned = true
}

// letAtOnce has passes go on side by side from now on, of which so many write at once. They wait at the gate for a
// place that is kept for them for some seconds, which are real ones. All but that comes again with a seed.
func (w *World) letAtOnce(seed uint64, writers int32) {
	w.crowd = newCrowd(seed)
	Edit(w, Instance(), func(i *v1alpha1.Instance) { i.Spec.Limits.MaxConcurrentWrites = writers })
}

var goroutineID = regexp.MustCompile(`^goroutine (\d+) `)

// fly makes all passes, interleaved.
func (c *crowd) fly(flights []*flight, pass func(*flight)) {
	reports := make(chan *flight, len(flights))
	for _, f := range flights {
		f.reports, f.goOn = reports, make(chan bool)
		go func() {
			f.id = goroutineID.FindStringSubmatch(string(stack(false)))[1]
			f.fly(func(f *flight) {
				pause(context.WithValue(context.Background(), flightKey{}, f))
				pass(f)
			})
			f.goOn = nil
			reports <- f
		}()
	}
	for range flights { // they pause at once
		(<-reports).paused = true
	}
	for settle(flights, reports) {
		paused := slices.DeleteFunc(slices.Clone(flights), func(f *flight) bool { return !f.paused })
		f := paused[c.draw.IntN(len(paused))]
		f.paused = false
		f.goOn <- !slices.ContainsFunc(flights, func(f *flight) bool {
			return f.ended && (f.died ||
				f.panicked != nil)
		})
	}
}

const (
	// step is for how long a pass is not asked what it is at: to look is dear, and most report before.
	step = 300 * time.Microsecond
	// mutual is how long nobody can go on before that is a mutual wait: more than a writer waits at the gate for
	// another one.
	mutual = 20 * time.Second
)

// settle waits until one pass has paused at least, and each other one has too, or has ended, or waits for another. It
// reports whether there is any left.
func settle(flights []*flight, reports chan *flight) bool {
	for {
		var running []string
		left, nobody := false, true
		for _, f := range flights {
			left, nobody = left || !f.ended, nobody && !f.paused
			if !f.paused && !f.ended {
				running = append(running, f.id)
			}
		}
		patience := step
		switch {
		case len(running) == 0:
			return left
		case nobody:
			patience = mutual
		}
		select {
		case f := <-reports:
			f.paused, f.ended = f.goOn != nil, f.goOn == nil
		case <-time.After(patience):
			if nobody {
				panic(fmt.Sprintf("the passes wait for each other:\n%s", stack(true)))
			}
			if allWait(running) && len(reports) == 0 {
				return true
			}
		}
	}
}

func stack(all bool) []byte {
	for size := 1 << 16; ; size *= 2 {
		buf := make([]byte, size)
		if n := runtime.Stack(buf, all); n < size {
			return buf[:n]
		}
	}
}

// allWait reports whether all of these goroutines wait for a lock or for a place at a gate. What the runtime itself
// waits for, when it collects garbage, has other names.
func allWait(ids []string) bool {
	all := stack(true)
	return !slices.ContainsFunc(ids, func(id string) bool {
		_, rest, found := bytes.Cut(all, []byte("goroutine "+id+" ["))
		return !found || !waits.Match(rest)
	})
}

// waits is how the state of a goroutine begins that waits for another one.
var waits = regexp.MustCompile(`^(sync\.|chan |select)`)

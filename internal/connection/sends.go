package connection

import (
	"context"
	"errors"
	"slices"
	"time"

	"grafana-tenancy.dev/operator/internal/grafana"
)

// sends are the writers that have a request under way, and those that have everything ready for one.
type sends struct {
	now   map[string]bool // the groups that have one under way
	ready []sender        // next first
	tuner *tuner
	of    origin // the database that the tuner knows
}

// sender is a writer that has everything ready.
type sender struct {
	group string
	turn  chan struct{} // closed when its turn has come
}

// succeed has a Limiter go on by the rules of another connection to the same server. Who is inside stays, so that those
// who still send count beside those who come now; how many are best is found out anew.
func (g *Limiter) succeed(r rules) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.rules, g.read.slots, g.sends.tuner = r, max(1, r.readers), nil
}

// mostLocked is how many may send at once now. What was found out in one database says nothing of another.
func (g *Limiter) mostLocked() int {
	most, of := g.writers()
	if !g.fixed {
		if g.sends.tuner == nil || g.sends.of != of {
			g.sends.tuner, g.sends.of = newTuner(), of
		}
		most = min(most, g.sends.tuner.number())
	}
	if g.gauge != nil {
		g.gauge.Set(float64(most))
	}
	return most
}

// admitWritersLocked has as many writers let in ahead as may send at once.
func (g *Limiter) admitWritersLocked() { g.write.slots = 2 * g.mostLocked() }

// beginTimeout is how long a writer waits for those before it: not as long as the deletion of a large organization
// takes.
const beginTimeout = 2 * time.Second

// BeginWrite is called by a writer with everything ready; done by the same, with what came of it, once its requests are
// answered. One that waits too long goes back into the queue.
func (g *Limiter) BeginWrite(ctx context.Context, t Waiter) (done func(error), err error) {
	g.mu.Lock()
	turn := make(chan struct{})
	g.sends.ready = append(g.sends.ready, sender{t.Group, turn})
	g.sendLocked()
	g.mu.Unlock()
	done = func(err error) { g.sent(t.Group, err) }
	select {
	case <-turn:
		return done, nil
	default:
	}
	wait := time.NewTimer(beginTimeout)
	defer wait.Stop()
	select {
	case <-turn:
		return done, nil
	case <-ctx.Done():
		err = ctx.Err()
	case <-wait.C:
		err = ErrQueued
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	i := slices.IndexFunc(g.sends.ready, func(s sender) bool { return s.turn == turn })
	if i < 0 { // its turn came at the same moment
		return done, nil
	}
	g.sends.ready = slices.Delete(g.sends.ready, i, i+1)
	if errors.Is(err, ErrQueued) {
		g.write.enqueue(t)
	}
	return nil, err
}

// sendLocked lets those send whose turn has come.
func (g *Limiter) sendLocked() {
	most := g.mostLocked()
	g.sends.ready = slices.DeleteFunc(g.sends.ready, func(s sender) bool {
		if len(g.sends.now) >= most || g.sends.now[s.group] {
			return false
		}
		g.sends.now[s.group] = true
		close(s.turn)
		return true
	})
}

// sent is told what came of the requests of a writer.
func (g *Limiter) sent(group string, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	before, busy := g.mostLocked(), g.busyLocked()
	delete(g.sends.now, group)
	if !g.fixed && !errors.Is(err, ErrQueued) {
		most, _ := g.writers()
		demand := len(g.write.order) > 0
		g.sends.tuner.answered(g.clock(), min(most, busy), demand, grafana.IsUnavailable(err))
	}
	g.sendLocked()
	if g.mostLocked() > before {
		g.wakeLocked()
	}
}

// busyLocked is how many groups have something to write.
func (g *Limiter) busyLocked() int {
	n := len(g.write.inside)
	for _, group := range g.write.order {
		if g.write.inside[group] == 0 {
			n++
		}
	}
	return n
}

package controllers

import (
	"context"
	"slices"
	"sync"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"
)

// gate lets passes in to one Grafana: so many readers and so many writers at once, fairly among groups (organizations). A pass that has to wait ends, and is woken when its turn comes. Only the
// next writer is let in ahead, so that it has everything ready when the one before it is done.
type gate struct {
	mu      sync.Mutex
	read    lane
	write   lane
	writing chan struct{} // those who send their request
	// delay is how long until Grafana may be asked again.
	delay func() time.Duration
	timer *time.Timer
}

// ticket names who waits.
type ticket struct {
	kind    string
	request ctrl.Request
	group   string
	wake    func()
}

func (t ticket) key() string { return t.kind + " " + t.request.String() }

// lane is one side of the gate.
type lane struct {
	slots  int
	inside map[string]bool
	called map[string]*time.Timer // woken and expected; the place is kept for them
	queues map[string][]ticket
	order  []string // groups that have somebody waiting, next first
}

// patience is how long a place is kept for somebody who was called. They come late if they were deleted, or when all workers are busy.
const patience = 5 * time.Second

func newGate(readers, writers int, delay func() time.Duration) *gate {
	side := func(n int) lane {
		return lane{slots: max(1, n), inside: map[string]bool{}, called: map[string]*time.Timer{}, queues: map[string][]ticket{}}
	}
	return &gate{read: side(readers), write: side(writers + 1), writing: make(chan struct{}, max(1, writers)), delay: delay}
}

// soleWriter reports whether only one at a time sends what changes Grafana.
func (g *gate) soleWriter() bool { return cap(g.writing) == 1 }

// impatience is how long the next writer waits for the one before it: not as long as the deletion of a large organization takes.
const impatience = 2 * time.Second

// begin is called by a writer with everything ready; done by the same once its requests are answered. One that waits too long goes back into the queue.
func (g *gate) begin(ctx context.Context, t ticket) (done func(), err error) {
	done = func() { <-g.writing }
	select {
	case g.writing <- struct{}{}:
		return done, nil
	default:
	}
	wait := time.NewTimer(impatience)
	defer wait.Stop()
	select {
	case g.writing <- struct{}{}:
		return done, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-wait.C:
		g.mu.Lock()
		defer g.mu.Unlock()
		g.write.wait(t)
		return nil, errParked
	}
}

// enter lets a pass in, or puts it in the queue and answers errParked. leave must be called at its end.
func (g *gate) enter(t ticket, write bool) (leave func(), err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	side := &g.read
	if _, called := g.write.called[t.key()]; write || called {
		side = &g.write
	}
	if g.delay() > 0 || !side.admit(t) {
		side.wait(t)
		g.callLocked()
		return nil, errParked
	}
	return func() { g.leave(t.key()) }, nil
}

// writer makes a writer of a pass that is inside, or queues it as one and answers errParked.
func (g *gate) writer(t ticket) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.write.inside[t.key()] || g.write.admit(t) {
		return nil
	}
	g.write.wait(t)
	g.callLocked()
	return errParked
}

// decline gives back the place of somebody who was called and has nothing to do here any more.
func (g *gate) decline(key string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.read.uncall(key) || g.write.uncall(key) {
		g.callLocked()
	}
}

// drain wakes everybody who waits: they go elsewhere.
func (g *gate) drain() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, side := range []*lane{&g.read, &g.write} {
		for len(side.order) > 0 {
			side.next().wake()
		}
	}
}

func (g *gate) leave(key string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.read.inside, key)
	delete(g.write.inside, key)
	g.callLocked()
}

// callLocked wakes as many as there are free places, once Grafana may be asked again.
func (g *gate) callLocked() {
	if d := g.delay(); d > 0 {
		if g.timer == nil {
			g.timer = time.AfterFunc(d, func() {
				g.mu.Lock()
				defer g.mu.Unlock()
				g.timer = nil
				g.callLocked()
			})
		}
		return
	}
	for _, side := range []*lane{&g.read, &g.write} {
		for side.free() > 0 && len(side.order) > 0 {
			t := side.next()
			side.called[t.key()] = time.AfterFunc(patience, func() { g.giveUp(side, t.key()) })
			t.wake()
		}
	}
}

// giveUp takes back the place of somebody who did not come.
func (g *gate) giveUp(side *lane, key string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(side.called, key)
	g.callLocked()
}

func (l *lane) free() int { return l.slots - len(l.inside) - len(l.called) }

// uncall forgets that somebody was called, and reports whether they were.
func (l *lane) uncall(key string) bool {
	timer, called := l.called[key]
	if called {
		timer.Stop()
		delete(l.called, key)
	}
	return called
}

// admit takes a place for t if one is free or kept for it. While others wait, a free place is theirs.
func (l *lane) admit(t ticket) bool {
	if !l.uncall(t.key()) && (l.free() <= 0 || len(l.order) > 0) {
		return false
	}
	l.inside[t.key()] = true
	return true
}

// wait queues t behind its group, once.
func (l *lane) wait(t ticket) {
	l.uncall(t.key())
	queue := l.queues[t.group]
	if slices.ContainsFunc(queue, func(o ticket) bool { return o.key() == t.key() }) {
		return
	}
	if len(queue) == 0 {
		l.order = append(l.order, t.group)
	}
	l.queues[t.group] = append(queue, t)
}

// next takes the first of the group whose turn it is, and moves that group to the end.
func (l *lane) next() ticket {
	group := l.order[0]
	l.order = l.order[1:]
	queue := l.queues[group]
	t := queue[0]
	if len(queue) == 1 {
		delete(l.queues, group)
	} else {
		l.queues[group] = queue[1:]
		l.order = append(l.order, group)
	}
	return t
}

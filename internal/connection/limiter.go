package connection

import (
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
)

// Limiter lets passes in to one Grafana: so many readers and so many writers at once, fairly among groups
// (organizations). A pass that has to wait ends, and is woken when its turn comes. As many writers as may send at once
// are let in ahead, so that they have everything ready when those before them are done.
//
// No two of a group send at once. On PostgreSQL and MariaDB, writers in one organization race for what Grafana makes
// there in common, such as the roles that hold permissions and the default data source: losers are refused, or left
// with something that only Admins can see (10.4.3, 12.4.0).
type Limiter struct {
	mu sync.Mutex
	rules
	read  admission
	write admission
	sends sends
	timer *time.Timer
	gauge prometheus.Gauge // of how many may send at once; nil: nobody asks
}

// rules are what a Limiter goes by.
type rules struct {
	readers int
	// writers is how many may send at once at most, and to which database. It is asked each time, since both change.
	writers func() (most int, of origin)
	// fixed: as many as may do send at once; else it is found out how many get the most done.
	fixed bool
	// delay is how long until Grafana may be asked again.
	delay func() time.Duration
	clock func() time.Time
}

// ErrQueued ends a pass that has to wait its turn; it is woken when the turn comes.
var ErrQueued = errors.New("waiting for a turn")

// Waiter names who waits.
type Waiter struct {
	Kind    string
	Request ctrl.Request
	Group   string
	Wake    func()
}

// Key is the same for all waiters of one object.
func (t Waiter) Key() string { return t.Kind + " " + t.Request.String() }

// admission is one side of a Limiter: those who read, or those who write.
type admission struct {
	slots    int
	each     int                    // of one group at most; 0: no bound
	holders  map[string]string      // the group of each
	reserved map[string]reservation // woken and expected; the place is kept for them
	inside   map[string]int         // of each group, who has a place or is expected
	queues   map[string][]Waiter
	order    []string // groups that have somebody waiting, next first
}

type reservation struct {
	group string
	*time.Timer
}

// reservationTimeout is how long a place is kept for somebody who was called. They come late if they were deleted, or
// when all workers are busy.
const reservationTimeout = 5 * time.Second

func newLimiter(r rules) *Limiter {
	side := func(slots, each int) admission {
		return admission{
			slots:    slots,
			each:     each,
			holders:  map[string]string{},
			reserved: map[string]reservation{},
			inside:   map[string]int{},
			queues:   map[string][]Waiter{},
		}
	}
	const oneSendsAndOneIsReady = 2
	return &Limiter{
		rules: r, read: side(max(1, r.readers), 0), write: side(0, oneSendsAndOneIsReady),
		sends: sends{now: map[string]bool{}},
	}
}

// observe has the metrics tell how many may send at once to a server.
func (g *Limiter) observe(instance types.NamespacedName) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.gauge = writers.WithLabelValues(instance.String())
	g.mostLocked()
}

// Acquire lets a pass in, or puts it in the queue and answers ErrQueued. leave must be called at its end.
func (g *Limiter) Acquire(t Waiter, write bool) (leave func(), err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.admitWritersLocked()
	side := &g.read
	if _, called := g.write.reserved[t.Key()]; write || called {
		side = &g.write
	}
	if g.delay() > 0 || !side.admit(t) {
		side.enqueue(t)
		g.wakeLocked()
		return nil, ErrQueued
	}
	return func() { g.release(t.Key()) }, nil
}

// AcquireWrite makes a writer of a pass that is inside, or queues it as one and answers ErrQueued.
func (g *Limiter) AcquireWrite(t Waiter) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.admitWritersLocked()
	if _, is := g.write.holders[t.Key()]; is || g.write.admit(t) {
		return nil
	}
	g.write.enqueue(t)
	g.wakeLocked()
	return ErrQueued
}

// Cancel gives back the place of somebody who was called and has nothing to do here any more.
func (g *Limiter) Cancel(key string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.read.unreserve(key) || g.write.unreserve(key) {
		g.wakeLocked()
	}
}

// Drain wakes everybody who waits: they go elsewhere.
func (g *Limiter) Drain() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, side := range []*admission{&g.read, &g.write} {
		for len(side.order) > 0 {
			side.take(0).Wake()
		}
	}
}

func (g *Limiter) release(key string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.read.leave(key)
	g.write.leave(key)
	g.wakeLocked()
}

// wakeLocked wakes as many as there are free places, once Grafana may be asked again.
func (g *Limiter) wakeLocked() {
	if d := g.delay(); d > 0 {
		if g.timer == nil {
			g.timer = time.AfterFunc(d, func() {
				g.mu.Lock()
				defer g.mu.Unlock()
				g.timer = nil
				g.wakeLocked()
			})
		}
		return
	}
	g.admitWritersLocked()
	for _, side := range []*admission{&g.read, &g.write} {
		for at := side.next(); side.free() > 0 && at >= 0; at = side.next() {
			t := side.take(at)
			side.unreserve(t.Key()) // in another group: it was made anew under its name
			side.reserved[t.Key()] = reservation{
				t.Group, time.AfterFunc(reservationTimeout, func() { g.expire(side, t.Key()) }),
			}
			side.inside[t.Group]++
			t.Wake()
		}
	}
}

// expire takes back the place of somebody who did not come.
func (g *Limiter) expire(side *admission, key string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	side.unreserve(key)
	g.wakeLocked()
}

func (l *admission) free() int { return l.slots - len(l.holders) - len(l.reserved) }

// unreserve forgets that somebody was called, and reports whether they were.
func (l *admission) unreserve(key string) bool {
	place, called := l.reserved[key]
	if called {
		place.Stop()
		delete(l.reserved, key)
		l.left(place.group)
	}
	return called
}

// leave gives back the place of somebody who is inside.
func (l *admission) leave(key string) {
	if group, is := l.holders[key]; is {
		delete(l.holders, key)
		l.left(group)
	}
}

func (l *admission) left(group string) {
	if l.inside[group]--; l.inside[group] == 0 {
		delete(l.inside, group)
	}
}

func (l *admission) isFull(group string) bool { return l.each > 0 && l.inside[group] >= l.each }

// admit takes a place for t if one is free or kept for it. While others wait who could have it, a free place is theirs.
func (l *admission) admit(t Waiter) bool {
	if !l.unreserve(t.Key()) && (l.free() <= 0 || l.isFull(t.Group) || l.next() >= 0) {
		return false
	}
	l.holders[t.Key()] = t.Group
	l.inside[t.Group]++
	return true
}

// enqueue queues t behind its group, once.
func (l *admission) enqueue(t Waiter) {
	l.unreserve(t.Key())
	queue := l.queues[t.Group]
	if slices.ContainsFunc(queue, func(o Waiter) bool { return o.Key() == t.Key() }) {
		return
	}
	if len(queue) == 0 {
		l.order = append(l.order, t.Group)
	}
	l.queues[t.Group] = append(queue, t)
}

// next is where the group is whose turn it is; below 0: none can have one.
func (l *admission) next() int {
	return slices.IndexFunc(l.order, func(group string) bool { return !l.isFull(group) })
}

// take takes the first of a group, and moves that group to the end.
func (l *admission) take(at int) Waiter {
	group := l.order[at]
	l.order = slices.Delete(l.order, at, at+1)
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

package fetch

import (
	"context"
	"errors"
	"log"
	"reflect"
	"runtime/debug"
	"slices"
	"sync"
	"time"
)

// keepOutcomes is how long an outcome waits for somebody to take it.
const keepOutcomes = time.Minute

var errPanicked = errors.New("fetching it came to no end, which is a bug of the operator: its log says more")

type fetchFunc = func(context.Context, Request) (Fetched, error)

// Queue fetches in the background, so that a slow server holds nobody up. Groups have turns, one after the other,
// so that none holds up the others. It is safe for concurrent use.
//
// At most total fetches are under way at once. Bodies that are there and not taken count as well: all together are at
// most twice total, which bounds the memory. Nothing new is begun until some are taken or forgotten; dropping them
// for others instead could go on for ever, each being dropped before its turn to be taken. The same holds
// of perGroup in each group.
type Queue struct {
	fetch  fetchFunc
	atOnce bool
	all    load
	each   int

	ctx    context.Context
	cancel context.CancelFunc

	mu     sync.Mutex
	jobs   map[string]*job
	groups map[string]*group
	turns  []*group // those with something waiting, the next first
}

// load counts what is under way, and what is kept, against their limit.
type load struct{ limit, running, kept int }

func (l *load) full() bool { return l.running >= l.limit || l.running+l.kept >= 2*l.limit }

func (l *load) idle() bool { return l.running+l.kept == 0 }

// group is those who share a limit.
type group struct {
	load
	name    string
	waiting []*job
}

type state int

const (
	waiting state = iota
	running
	done
)

// job is one fetch, from when it is asked for until its outcome is taken.
type job struct {
	key     string
	group   *group
	request Request
	wake    func()

	state  state
	cancel context.CancelFunc // while running
	got    Fetched            // when done, as the next two
	err    error
	expiry *time.Timer
}

// kept is how many bodies the job holds.
func (j *job) kept() int {
	if j.state == done && len(j.got.Body) > 0 {
		return 1
	}
	return 0
}

// NewQueue returns a Queue that makes at most total fetches at once, and at most perGroup of one group.
func NewQueue(fetch func(context.Context, Request) (Fetched, error), total, perGroup int) *Queue {
	ctx, cancel := context.WithCancel(context.Background())
	return &Queue{
		fetch: fetch, all: load{limit: max(1, total)}, each: max(1, perGroup), ctx: ctx, cancel: cancel,
		jobs: map[string]*job{}, groups: map[string]*group{},
	}
}

// NewSync returns a Queue whose Take fetches at once, and always has an outcome. It is for tests.
func NewSync(fetch func(context.Context, Request) (Fetched, error)) *Queue {
	q := NewQueue(fetch, 1, 1)
	q.atOnce = true
	return q
}

// Take returns the outcome of a fetch that was asked for before with the same key, group and request, once. If there is
// none, it sees to it that there will be, and returns false; wake is called, once, when it is there. Only the wake
// of the last Take of a key is called. Another request under the same key takes the place of the one before. An
// outcome that nobody takes within a minute is forgotten. After Close there is nothing, ever.
//
//nolint:revive // error and body are the outcome; whether there is one comes last, as in a look-up
func (q *Queue) Take(
	key, group string, r Request, wake func(),
) (Fetched, error, bool) {
	if q.atOnce {
		got, err := q.call(q.ctx, r)
		return got, err, true
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.ctx.Err() != nil {
		return Fetched{}, nil, false
	}
	j := q.jobs[key]
	if j != nil && (j.group.name != group || !reflect.DeepEqual(j.request, r)) {
		q.drop(j)
		j = nil
	}
	switch {
	case j == nil:
		q.ask(&job{key: key, request: r, wake: wake}, group)
	case j.state == done:
		q.drop(j)
		q.start()
		return j.got, j.err, true
	default:
		j.wake = wake
	}
	return Fetched{}, nil, false
}

// Forget drops what there is under the key.
func (q *Queue) Forget(key string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if j := q.jobs[key]; j != nil {
		q.drop(j)
		q.start()
	}
}

// Close cancels what is under way and drops everything. It does not wait, and nobody is woken any more.
func (q *Queue) Close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.cancel()
	for _, j := range q.jobs {
		q.drop(j)
	}
}

// ask lines j up.
func (q *Queue) ask(j *job, name string) {
	g := q.groups[name]
	if g == nil {
		g = &group{name: name, load: load{limit: q.each}}
		q.groups[name] = g
	}
	j.group = g
	q.jobs[j.key] = j
	if len(g.waiting) == 0 {
		q.turns = append(q.turns, g)
	}
	g.waiting = append(g.waiting, j)
	q.start()
}

// drop ends j. A fetch that is under way counts until it has returned.
func (q *Queue) drop(j *job) {
	delete(q.jobs, j.key)
	switch g := j.group; j.state {
	case waiting:
		g.waiting = slices.DeleteFunc(g.waiting, func(other *job) bool { return other == j })
		if len(g.waiting) == 0 {
			q.turns = slices.DeleteFunc(q.turns, func(other *group) bool { return other == g })
		}
	case running:
		j.cancel()
	case done:
		j.expiry.Stop()
		g.kept -= j.kept()
		q.all.kept -= j.kept()
	}
	q.tidy(j.group)
}

// tidy forgets a group that has nothing to do.
func (q *Queue) tidy(g *group) {
	if g.idle() && len(g.waiting) == 0 && q.groups[g.name] == g {
		delete(q.groups, g.name)
	}
}

// start begins what there is room for. A group that has had its turn goes behind the others.
func (q *Queue) start() {
	for !q.all.full() {
		g := q.next()
		if g == nil {
			return
		}
		j := g.waiting[0]
		g.waiting = g.waiting[1:]
		q.turns = slices.DeleteFunc(q.turns, func(other *group) bool { return other == g })
		if len(g.waiting) > 0 {
			q.turns = append(q.turns, g)
		}
		g.running++
		q.all.running++
		j.state = running
		ctx, cancel := context.WithCancel(q.ctx)
		j.cancel = cancel
		go q.run(ctx, j)
	}
}

// next is the group that has the least under way; of several, the one that has waited longest. nil: none may have more.
func (q *Queue) next() *group {
	var best *group
	for _, g := range q.turns {
		if !g.full() && (best == nil || g.running < best.running) {
			best = g
		}
	}
	return best
}

// run makes the fetch and wakes who asked for it.
func (q *Queue) run(ctx context.Context, j *job) {
	got, err := Fetched{}, errPanicked // unless it returns
	defer func() {
		j.cancel()
		if wake := q.finish(j, got, err); wake != nil {
			wake()
		}
	}()
	got, err = q.call(ctx, j.request)
}

// call turns a panic into an error.
func (q *Queue) call(ctx context.Context, r Request) (got Fetched, err error) {
	defer func() {
		if p := recover(); p != nil {
			log.Printf("panic while fetching %v: %v\n%s", r, p, debug.Stack())
			got, err = Fetched{}, errPanicked
		}
	}()
	return q.fetch(ctx, r)
}

// finish keeps the outcome of j, if it is still wanted, and returns whom to wake.
func (q *Queue) finish(j *job, got Fetched, err error) func() {
	q.mu.Lock()
	defer q.mu.Unlock()
	j.group.running--
	q.all.running--
	wake := j.wake
	if q.jobs[j.key] == j {
		j.state, j.got, j.err = done, got, err
		j.group.kept += j.kept()
		q.all.kept += j.kept()
		j.expiry = time.AfterFunc(keepOutcomes, func() { q.expire(j) })
	} else {
		wake = nil
	}
	q.tidy(j.group)
	q.start()
	return wake
}

// expire drops an outcome that nobody took.
func (q *Queue) expire(j *job) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.jobs[j.key] == j {
		q.drop(j)
		q.start()
	}
}

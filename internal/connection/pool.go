package connection

import (
	"context"
	"sync"

	"k8s.io/apimachinery/pkg/types"
)

// Pool holds the way to each server, and those who wait for one.
type Pool struct {
	mu  sync.Mutex
	all map[types.NamespacedName]*state
}

// state is what is known of one server.
type state struct {
	conn      *Conn
	limiter   *Limiter // of all connections there were: who still sends through an earlier one counts
	probed    bool     // whether anything is known of it
	available bool
	waiting   map[string]func()
}

// NewPool makes an empty set.
func NewPool() *Pool {
	return &Pool{all: map[types.NamespacedName]*state{}}
}

func (c *Pool) stateLocked(key types.NamespacedName) *state {
	s := c.all[key]
	if s == nil {
		s = &state{waiting: map[string]func(){}}
		c.all[key] = s
	}
	return s
}

// Available is the way to a server that answers; else nil.
func (c *Pool) Available(key types.NamespacedName) *Conn {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.all[key]; s != nil && s.available {
		return s.conn
	}
	return nil
}

// Probed reports whether it is known yet if the server answers.
func (c *Pool) Probed(key types.NamespacedName) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.all[key]
	return s != nil && s.probed
}

// Current is the way to a server, whether it answers or not.
func (c *Pool) Current(key types.NamespacedName) *Conn {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.all[key]; s != nil {
		return s.conn
	}
	return nil
}

// Await calls wake when the server is next available, or now if it is.
func (c *Pool) Await(key types.NamespacedName, id string, wake func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.stateLocked(key); s.available {
		wake()
	} else {
		s.waiting[id] = wake
	}
}

// Cancel gives back the place that any Limiter keeps for a visit that is over.
func (c *Pool) Cancel(key string) {
	c.mu.Lock()
	var limiters []*Limiter
	for _, s := range c.all {
		if s.limiter != nil {
			limiters = append(limiters, s.limiter)
		}
	}
	c.mu.Unlock()
	for _, l := range limiters {
		l.Cancel(key)
	}
}

// Replace puts a new connection in the place of the old one, which is returned to be closed. They share a Limiter.
func (c *Pool) Replace(key types.NamespacedName, conn *Conn) (old *Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.stateLocked(key)
	switch {
	case conn == nil:
	case s.limiter == nil:
		s.limiter = conn.Limiter
		s.limiter.observe(key)
	default:
		s.limiter.succeed(conn.Limiter.rules)
		s.limiter.observe(key)
		conn.Limiter = s.limiter
	}
	old, s.conn, s.available = s.conn, conn, false
	return old
}

// SetAvailable says whether the server answers, and wakes those who wait for that, or for the first word on it.
func (c *Pool) SetAvailable(key types.NamespacedName, available bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.stateLocked(key)
	first := !s.probed
	s.probed, s.available = true, available && s.conn != nil
	if !s.available && !first {
		return
	}
	for id, wake := range s.waiting {
		delete(s.waiting, id)
		wake()
	}
}

// Drop forgets a server and ends its session.
func (c *Pool) Drop(ctx context.Context, key types.NamespacedName) {
	if old := c.Replace(key, nil); old != nil {
		_ = old.Close(ctx) // what could not be logged out expires by itself
	}
	forgetMetrics(key)
}

// Close ends all sessions.
func (c *Pool) Close(ctx context.Context) {
	c.mu.Lock()
	var conns []*Conn
	for _, s := range c.all {
		if s.conn != nil {
			conns = append(conns, s.conn)
		}
		s.available = false
	}
	c.mu.Unlock()
	var wg sync.WaitGroup
	for _, conn := range conns {
		wg.Go(func() { _ = conn.Close(ctx) })
	}
	wg.Wait()
}

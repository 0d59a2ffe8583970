package connection

import "sync"

// firstCreates has the first object of each kind in an organization made alone. On PostgreSQL and MariaDB, writers that
// are the first there at the same time race to create the organization's managed roles: the losers are refused, or are
// left with a dashboard or folder that only Admins can see.
type firstCreates struct {
	mu  sync.Mutex
	all map[firstKey]*firstCreate
}

// firstKey names a kind in an organization of one database, as far as a session and the count of resets tell one
// database from another.
type firstKey struct {
	org     int64
	kind    string
	session string
	resets  int64
}

// firstCreate is how far the first of a kind is.
type firstCreate struct {
	made    bool // there is one: the others need not wait
	busy    bool // one is being made
	seen    bool // one was seen to have its permissions, and so the roles that they need are there
	waiting map[string]func()
}

// maxFirstCreates is how many organizations and kinds are remembered; to forget costs that one more is made alone.
const maxFirstCreates = 10000

// FirstCreate lets the caller create an object of a kind in an organization. As long as this process has made none
// there, one at a time is let in; for the others the answer is ErrQueued, and they are woken once that one is decided.
// done must be called with whether the object was made.
func (c *Conn) FirstCreate(org int64, kind string, t Waiter) (done func(made bool), err error) {
	if !c.severalWriters() {
		return func(bool) {}, nil
	}
	key := c.firstKey(org, kind)
	f := &c.firstCreates
	f.mu.Lock()
	defer f.mu.Unlock()
	switch s := f.ofLocked(key); {
	case s.made:
		return func(bool) {}, nil
	case s.busy:
		s.waiting[t.Key()] = t.Wake
		return nil, ErrQueued
	default:
		s.busy = true
		return func(made bool) { f.decide(key, made) }, nil
	}
}

func (c *Conn) firstKey(org int64, kind string) firstKey {
	return firstKey{org: org, kind: kind, session: c.SessionID(), resets: c.Resets.Load()}
}

func (f *firstCreates) ofLocked(key firstKey) *firstCreate {
	if f.all == nil {
		f.all = map[firstKey]*firstCreate{}
	}
	s := f.all[key]
	if s == nil {
		f.forgetLocked()
		s = &firstCreate{waiting: map[string]func(){}}
		f.all[key] = s
	}
	return s
}

// forgetLocked makes room. What somebody is at or waits for stays.
func (f *firstCreates) forgetLocked() {
	if len(f.all) < maxFirstCreates {
		return
	}
	for key, s := range f.all {
		if !s.busy {
			delete(f.all, key)
		}
	}
}

// decide wakes those who wait: all may go on, or the next of them is the first.
func (f *firstCreates) decide(key firstKey, made bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.ofLocked(key)
	s.busy, s.made = false, s.made || made
	for key, wake := range s.waiting {
		delete(s.waiting, key)
		wake()
	}
}

// PermissionsSeen reports whether an object of this kind in the organization was seen to have its permissions.
func (c *Conn) PermissionsSeen(org int64, kind string) bool {
	key := c.firstKey(org, kind)
	c.firstCreates.mu.Lock()
	defer c.firstCreates.mu.Unlock()
	s := c.firstCreates.all[key]
	return s != nil && s.seen
}

// SetPermissionsSeen remembers whether one was.
func (c *Conn) SetPermissionsSeen(org int64, kind string, seen bool) {
	key := c.firstKey(org, kind)
	c.firstCreates.mu.Lock()
	defer c.firstCreates.mu.Unlock()
	c.firstCreates.ofLocked(key).seen = seen
}

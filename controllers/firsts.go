package controllers

import "sync"

// firsts has the first object of each kind in an organization made alone. On PostgreSQL and MariaDB, writers that are
// the first there at the same time race to create the organization's managed roles: the losers are refused, or are left
// with a dashboard or folder that only Admins can see.
type firsts struct {
	mu  sync.Mutex
	all map[firstKey]*first
}

// firstKey names a kind in an organization of one database, as far as a session and the count of resets tell one
// database from another.
type firstKey struct {
	org     int64
	kind    string
	session string
	resets  int64
}

// first is how far the first of a kind is.
type first struct {
	made    bool // there is one: the others need not wait
	busy    bool // one is being made
	seen    bool // one was seen to have its permissions, and so the roles that they need are there
	waiting map[string]func()
}

// maxFirsts is how many organizations and kinds are remembered; to forget costs that one more is made alone.
const maxFirsts = 10000

// alone lets the caller create an object of a kind in an organization. As long as this process has made none there, one
// at a time is let in; for the others the answer is errParked, and they are woken once that one is decided. done must be
// called with whether the object was made.
func (c *Connection) alone(org int64, kind string, t ticket) (done func(made bool), err error) {
	if c.gate.soleWriter() {
		return func(bool) {}, nil
	}
	key := c.firstKey(org, kind)
	f := &c.firsts
	f.mu.Lock()
	defer f.mu.Unlock()
	switch s := f.ofLocked(key); {
	case s.made:
		return func(bool) {}, nil
	case s.busy:
		s.waiting[t.key()] = t.wake
		return nil, errParked
	default:
		s.busy = true
		return func(made bool) { f.decide(key, made) }, nil
	}
}

func (c *Connection) firstKey(org int64, kind string) firstKey {
	return firstKey{org: org, kind: kind, session: c.SessionID(), resets: c.resets.Load()}
}

func (f *firsts) ofLocked(key firstKey) *first {
	if f.all == nil {
		f.all = map[firstKey]*first{}
	}
	s := f.all[key]
	if s == nil {
		f.forgetLocked()
		s = &first{waiting: map[string]func(){}}
		f.all[key] = s
	}
	return s
}

// forgetLocked makes room. What somebody is at or waits for stays.
func (f *firsts) forgetLocked() {
	if len(f.all) < maxFirsts {
		return
	}
	for key, s := range f.all {
		if !s.busy {
			delete(f.all, key)
		}
	}
}

// decide wakes those who wait: all may go on, or the next of them is the first.
func (f *firsts) decide(key firstKey, made bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.ofLocked(key)
	s.busy, s.made = false, s.made || made
	for key, wake := range s.waiting {
		delete(s.waiting, key)
		wake()
	}
}

// permissionsSeen reports whether an object of this kind in the organization was seen to have its permissions.
func (c *Connection) permissionsSeen(org int64, kind string) bool {
	key := c.firstKey(org, kind)
	c.firsts.mu.Lock()
	defer c.firsts.mu.Unlock()
	s := c.firsts.all[key]
	return s != nil && s.seen
}

// sawPermissions remembers that one has them.
func (c *Connection) sawPermissions(org int64, kind string) {
	key := c.firstKey(org, kind)
	c.firsts.mu.Lock()
	defer c.firsts.mu.Unlock()
	c.firsts.ofLocked(key).seen = true
}

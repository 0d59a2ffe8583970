package connection

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"grafana-tenancy.dev/operator/internal/grafana"
)

// lists keeps for some seconds the last list of something in each organization, so that one serves all objects that
// are looked at at about the same time.
type lists[T any] struct {
	mu     sync.Mutex
	all    map[listKey]*listed[T]
	swept  time.Time
	rounds atomic.Int64 // how many have begun, of whatever
}

// listKey names a list: of an organization, or of something in it.
type listKey struct{ org, of int64 }

// listed is the last list of one organization.
type listed[T any] struct {
	mu     sync.Mutex
	flight *flight[T] // the list that is being made; nil: none
	known  bool
	round  int64 // of what was found
	begun  time.Time
	origin origin
	found  T
}

// flight is a list on its way. All who come meanwhile wait for it.
type flight[T any] struct {
	done   chan struct{}
	round  int64
	begun  time.Time
	origin origin
	notes  []func(T) T // what the operator has changed since it began, which it may or may not show
	stale  bool        // something was changed since it began, nobody knows what: it is not kept

	found   T
	err     error
	givenUp bool // whoever made it was called off, which says nothing about Grafana
}

// origin tells the databases apart that lists can be of, as far as a session and the count of resets do.
type origin struct {
	session string
	resets  int64
}

func (c *Conn) origin() origin { return origin{c.SessionID(), c.Resets.Load()} }

// How old a list may be: asOfNow is one that begins after it was asked for.
const asOfNow time.Duration = 0

// locked is the list with a key, for whom has to unlock it: until then it is not dropped. Those that are too old to
// serve anybody are, now and then.
func (s *lists[T]) locked(key listKey, now time.Time) *listed[T] {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now.Sub(s.swept) >= dueListLife {
		s.sweepLocked(now)
	}
	if s.all == nil {
		s.all = map[listKey]*listed[T]{}
	}
	if s.all[key] == nil {
		s.all[key] = &listed[T]{}
	}
	l := s.all[key]
	l.mu.Lock()
	return l
}

func (s *lists[T]) sweep(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweepLocked(now)
}

func (s *lists[T]) sweepLocked(now time.Time) {
	s.swept = now
	for key, l := range s.all {
		l.mu.Lock()
		if l.flight == nil && (!l.known || now.Sub(l.begun) >= dueListLife) {
			delete(s.all, key)
		}
		l.mu.Unlock()
	}
}

// get brings a list that is no older than that, or makes one, which is fresh. Who comes while one is being made waits
// for it, and has its error; but who wants one as of now waits for the next, and so does everybody to whom it has
// become of no use meanwhile. If the one who makes it is called off, the next makes it.
func (s *lists[T]) get(
	ctx context.Context, c *Conn, key listKey, maxAge time.Duration, list func() (T, error),
) (found T, fresh bool, err error) {
	l := s.locked(key, c.Clock())
	asked := s.rounds.Load() // what begins later shows all that there was when this was asked
	for {
		if l.round > asked && l.usableLocked(c, dueListLife) || l.usableLocked(c, maxAge) {
			found, fresh = l.found, l.round > asked
			l.mu.Unlock()
			c.HoldSession(ctx)
			return found, fresh, nil
		}
		f := l.flight
		if f == nil {
			f = &flight[T]{done: make(chan struct{}), round: s.rounds.Add(1), begun: c.Clock(), origin: c.origin()}
			l.flight = f
			l.mu.Unlock()
			l.make(ctx, c, f, list)
			return f.found, true, f.err
		}
		l.mu.Unlock()
		select {
		case <-f.done:
		case <-ctx.Done():
			return found, false, ctx.Err()
		}
		refused := f.err != nil && maxAge > asOfNow && f.origin == c.origin() // else it may be different there by now
		if !f.givenUp && (f.round > asked || refused) {
			c.HoldSession(ctx)
			return f.found, f.round > asked, f.err
		}
		l = s.locked(key, c.Clock())
	}
}

// make fills a flight. Whatever happens, nobody is left waiting.
func (l *listed[T]) make(ctx context.Context, c *Conn, f *flight[T], list func() (T, error)) {
	f.givenUp = true // by a panic
	defer func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.flight = nil
		if f.err == nil && !f.givenUp {
			for _, note := range f.notes {
				f.found = note(f.found)
			}
			l.known = !f.stale && f.origin == c.origin() // else it may be of another database
			l.round, l.begun, l.origin, l.found = f.round, f.begun, f.origin, f.found
		}
		close(f.done)
	}()
	f.found, f.err = list()
	f.givenUp = f.err != nil && ctx.Err() != nil
}

func (l *listed[T]) usableLocked(c *Conn, maxAge time.Duration) bool {
	return l.known && maxAge > asOfNow && l.origin == c.origin() && c.Clock().Sub(l.begun) < maxAge
}

// peek is the list that there is, if it is no older than that. It asks nobody.
func (s *lists[T]) peek(c *Conn, key listKey, maxAge time.Duration) (found T, known bool) {
	l := s.locked(key, c.Clock())
	defer l.mu.Unlock()
	if c.SessionID() == "" || !l.usableLocked(c, maxAge) {
		return found, false
	}
	return l.found, true
}

// note has the list show what the operator has just changed; it must leave the list that it is given as it is, since
// others read it.
func (s *lists[T]) note(c *Conn, key listKey, change func(T) T) {
	l := s.locked(key, c.Clock())
	defer l.mu.Unlock()
	if l.known {
		l.found = change(l.found)
	}
	if l.flight != nil {
		l.flight.notes = append(l.flight.notes, change)
	}
}

// forget has the next one make a list.
func (s *lists[T]) forget(c *Conn, key listKey) {
	l := s.locked(key, c.Clock())
	defer l.mu.Unlock()
	l.known = false
	if l.flight != nil {
		l.flight.stale = true
	}
}

// put is a list with one of it as it is now, or without it. The list that it is given stays as it is.
func put[E any](all []E, is func(E) bool, now ...E) []E {
	rest := slices.DeleteFunc(slices.Clone(all), is)
	return append(rest, now...)
}

// maxAge of a list: one of some seconds serves where an older one will do. Without a session nobody would notice that
// the database is another one by now.
func (c *Conn) maxAge(olderDoes bool) time.Duration {
	if olderDoes && c.SessionID() != "" {
		return dueListLife
	}
	return asOfNow
}

// dropOldLists keeps nothing of organizations that nobody looks at any more.
func (c *Conn) dropOldLists() {
	now := c.Clock()
	c.folderLists.sweep(now)
	c.memberLists.sweep(now)
	c.sourceLists.sweep(now)
	c.userLists.sweep(now)
	c.teamLists.sweep(now)
	c.panelLists.sweep(now)
	c.panelUses.sweep(now)
	c.accountLists.sweep(now)
	c.tokenLists.sweep(now)
}

// ListOfFolders lists the folders of an organization by their uids, or brings the list that others have just made.
func (c *Conn) ListOfFolders(ctx context.Context, org *grafana.OrgClient) (map[string]grafana.Folder, error) {
	found, _, err := c.folderLists.get(ctx, c, listKey{org: org.ID()}, dueListLife,
		func() (map[string]grafana.Folder, error) {
			all, err := org.AllFolders(ctx, c.DashboardAPIServed() != "")
			byUID := make(map[string]grafana.Folder, len(all))
			for _, f := range all {
				byUID[f.UID] = f
			}
			return byUID, err
		})
	return found, err
}

// ListOfDataSources lists the data sources of an organization, or brings the list that others have just made. Each says
// whose it is, so that one of another database misleads nobody, and no session is needed to tell.
func (c *Conn) ListOfDataSources(ctx context.Context, org *grafana.OrgClient, age Age) ([]grafana.DataSource, error) {
	found, _, err := c.sourceLists.get(ctx, c, listKey{org: org.ID()}, age.life(),
		func() ([]grafana.DataSource, error) { return org.DataSources(ctx) })
	return found, err
}

// ForgetDataSources has the data sources of an organization listed anew: some may have been made, changed or deleted.
func (c *Conn) ForgetDataSources(org int64) { c.sourceLists.forget(c, listKey{org: org}) }

// ListOfMembers lists the people in an organization, or brings the list that others have just made if an older one will
// do; then it is not fresh. What is written goes by a fresh one.
func (c *Conn) ListOfMembers(ctx context.Context, org int64, olderDoes bool) ([]grafana.Member, bool, error) {
	return c.memberLists.get(ctx, c, listKey{org: org}, c.maxAge(olderDoes), func() ([]grafana.Member, error) {
		return c.OrgMembers(ctx, org)
	})
}

// ForgetMembers has the people in an organization listed anew: some were added, changed or removed.
func (c *Conn) ForgetMembers(org int64) { c.memberLists.forget(c, listKey{org: org}) }

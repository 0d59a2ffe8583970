package connection

import (
	"context"
	"sync"
	"time"

	"grafana-tenancy.dev/operator/internal/grafana"
)

// lists keeps for some seconds the last list of something in each organization, so that one serves all objects that
// are looked at at about the same time.
type lists[T any] struct {
	mu  sync.Mutex
	all map[int64]*listed[T]
}

// listed is the last list of one organization. Its lock is held while it is made, so that all wait for the same one.
type listed[T any] struct {
	mu      sync.Mutex
	begun   time.Time
	session string
	known   bool
	found   T
}

// of is the list of an organization. Those of others that are too old to serve anybody are dropped.
func (s *lists[T]) of(org int64, now time.Time) *listed[T] {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, list := range s.all {
		if id != org && list.mu.TryLock() { // nobody is at it
			if now.Sub(list.begun) >= dueListLife {
				delete(s.all, id)
			}
			list.mu.Unlock()
		}
	}
	if s.all == nil {
		s.all = map[int64]*listed[T]{}
	}
	if s.all[org] == nil {
		s.all[org] = &listed[T]{}
	}
	return s.all[org]
}

// get brings the list that others have just made, if an older one will do, or makes one, which is fresh.
func (s *lists[T]) get(c *Conn, org int64, olderDoes bool, list func() (T, error)) (found T, fresh bool, err error) {
	now := c.Clock()
	l := s.of(org, now)
	l.mu.Lock()
	defer l.mu.Unlock()
	if olderDoes && l.known && l.session == c.SessionID() && now.Sub(l.begun) < dueListLife {
		return l.found, false, nil
	}
	if found, err = list(); err != nil {
		return found, false, err
	}
	l.known, l.begun, l.session, l.found = true, now, c.SessionID(), found
	return found, true, nil
}

// forget has the next one make a list.
func (s *lists[T]) forget(c *Conn, org int64) {
	l := s.of(org, c.Clock())
	l.mu.Lock()
	defer l.mu.Unlock()
	l.known = false
}

// ListOfFolders lists the folders of an organization by their uids, or brings the list that others have just made.
func (c *Conn) ListOfFolders(ctx context.Context, org *grafana.OrgClient) (map[string]grafana.Folder, error) {
	found, _, err := c.folderLists.get(c, org.ID(), true, func() (map[string]grafana.Folder, error) {
		all, err := org.AllFolders(ctx, c.DashboardAPIServed() != "")
		byUID := make(map[string]grafana.Folder, len(all))
		for _, f := range all {
			byUID[f.UID] = f
		}
		return byUID, err
	})
	return found, err
}

// ListOfDataSources lists the data sources of an organization, or brings the list that others have just made if an
// older one will do.
func (c *Conn) ListOfDataSources(
	ctx context.Context,
	org *grafana.OrgClient,
	olderDoes bool,
) ([]grafana.DataSource, error) {
	found, _, err := c.sourceLists.get(c, org.ID(), olderDoes, func() ([]grafana.DataSource, error) {
		return org.DataSources(ctx)
	})
	return found, err
}

// ListOfMembers lists the people in an organization, or brings the list that others have just made if an older one will
// do; then it is not fresh. What is written goes by a fresh one.
func (c *Conn) ListOfMembers(ctx context.Context, org int64, olderDoes bool) ([]grafana.Member, bool, error) {
	return c.memberLists.get(c, org, olderDoes && c.SessionID() != "", func() ([]grafana.Member, error) {
		return c.OrgMembers(ctx, org)
	})
}

// ForgetMembers has the people in an organization listed anew: some were added, changed or removed.
func (c *Conn) ForgetMembers(org int64) { c.memberLists.forget(c, org) }

// ListOfUsers lists the people who can log in, or brings the list that others have just made if an older one will do.
// What is written does not go by it.
func (c *Conn) ListOfUsers(ctx context.Context) ([]grafana.ListedUser, error) {
	all, _, err := c.userLists.get(c, 0, c.SessionID() != "", func() ([]grafana.ListedUser, error) {
		return c.SearchUsers(ctx, "")
	})
	return all, err
}

// ForgetUsers has them listed anew: somebody was added, changed or removed.
func (c *Conn) ForgetUsers() { c.userLists.forget(c, 0) }

// ListOfTeams lists the teams of an organization, or brings the list that others have just made if an older one will
// do.
func (c *Conn) ListOfTeams(ctx context.Context, org *grafana.OrgClient, olderDoes bool) ([]grafana.Team, error) {
	all, _, err := c.teamLists.get(c, org.ID(), olderDoes && c.SessionID() != "", func() ([]grafana.Team, error) {
		return org.Teams(ctx)
	})
	return all, err
}

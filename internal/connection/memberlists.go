package connection

import (
	"context"
	"sync"
	"time"

	"grafana-tenancy.dev/operator/internal/grafana"
)

// memberLists are the last lists of the people in organizations. One serves all Memberships of an organization that are
// looked at at about the same time.
type memberLists struct {
	mu  sync.Mutex
	all map[int64]*memberList
}

// memberList is the last one of an organization. Its lock is held while it is made, so that all wait for the same one.
type memberList struct {
	mu      sync.Mutex
	begun   time.Time
	session string
	found   []grafana.Member // nil: there is none
}

func (l *memberLists) of(org int64, now time.Time) *memberList {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, list := range l.all {
		if id != org && list.mu.TryLock() { // nobody is at it
			if now.Sub(list.begun) >= dueListLife {
				delete(l.all, id)
			}
			list.mu.Unlock()
		}
	}
	if l.all == nil {
		l.all = map[int64]*memberList{}
	}
	if l.all[org] == nil {
		l.all[org] = &memberList{}
	}
	return l.all[org]
}

// ListOfMembers lists the people in an organization, or brings the list that others have just made for those that are
// due; then it is not fresh. What is written goes by a fresh one.
func (c *Conn) ListOfMembers(ctx context.Context, org int64, due bool) (all []grafana.Member, fresh bool, err error) {
	now := c.Clock()
	l := c.memberLists.of(org, now)
	l.mu.Lock()
	defer l.mu.Unlock()
	session := c.SessionID()
	if due && l.found != nil && session != "" && l.session == session && now.Sub(l.begun) < dueListLife {
		return l.found, false, nil
	}
	all, err = c.OrgMembers(ctx, org)
	if err != nil {
		return nil, false, err
	}
	l.begun, l.session, l.found = now, c.SessionID(), all
	return all, true, nil
}

// ForgetMembers has the people in an organization listed anew: some were added, changed or removed.
func (c *Conn) ForgetMembers(org int64) {
	l := c.memberLists.of(org, c.Clock())
	l.mu.Lock()
	defer l.mu.Unlock()
	l.found = nil
}

package controllers

import (
	"context"
	"slices"
	"sync"
)

// marks knows which organization of a Grafana carries whose mark. It is read once in a session, from every organization there is, when the first one is about to be created; what the operator
// itself marks later is among the proofs of the Connection.
type marks struct {
	mu      sync.Mutex
	session string
	read    bool
	ids     map[string]int64
}

// find is the id of the organization that carries the mark of any life of an object; 0: there is none.
func (m *marks) find(ctx context.Context, conn *Connection, want mark) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if session := conn.SessionID(); !m.read || m.session != session {
		ids, err := readMarks(ctx, conn)
		if err != nil {
			return 0, err
		}
		m.ids, m.read, m.session = ids, true, session
	}
	return m.ids[want.cluster+" "+want.owner], nil
}

// carriers are the organizations that were seen to carry the mark of any life of an object.
func (c *Connection) carriers(want mark) (ids []int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, p := range c.proofs {
		if p.mark == want || want.predecessor(p.mark) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// forget has them read again: one was not where it had been.
func (m *marks) forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.read = false
}

func readMarks(ctx context.Context, conn *Connection) (map[string]int64, error) {
	all, err := conn.ListOrgs(ctx)
	if err != nil {
		return nil, err
	}
	ids := map[string]int64{}
	for _, o := range all {
		org, err := conn.OrgByID(ctx, o.ID)
		if absent(err) != nil {
			return nil, err
		}
		if m := readMark(org.Address); err == nil && m != (mark{}) {
			ids[m.cluster+" "+m.owner] = o.ID
		}
	}
	return ids, nil
}

package connection

import (
	"context"
	"slices"
	"sync"

	"grafana-tenancy.dev/operator/internal/grafana"
	"grafana-tenancy.dev/operator/internal/mark"
)

// MarkIndex knows which organization of a Grafana carries whose mark. It is read once in a session, from every
// organization there is, when the first one is about to be created; what the operator itself marks later is among the
// proofs of the Connection.
type MarkIndex struct {
	mu      sync.Mutex
	session string
	read    bool
	ids     map[string]int64
}

// Find is the id of the organization that carries the mark of any life of an object; 0: there is none.
func (m *MarkIndex) Find(ctx context.Context, conn *Conn, want mark.Mark) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if session := conn.SessionID(); !m.read || m.session != session {
		ids, err := readMarks(ctx, conn)
		if err != nil {
			return 0, err
		}
		m.ids, m.read, m.session = ids, true, session
	}
	return m.ids[want.Cluster+" "+want.Owner], nil
}

// Carriers are the organizations that were seen to carry the mark of any life of an object.
func (c *Conn) Carriers(want mark.Mark) (ids []int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, p := range c.proofs {
		if p.mark == want || want.Predecessor(p.mark) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// Forget has them read again: one was not where it had been.
func (m *MarkIndex) Forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.read = false
}

func readMarks(ctx context.Context, conn *Conn) (map[string]int64, error) {
	all, err := conn.ListOrgs(ctx)
	if err != nil {
		return nil, err
	}
	ids := map[string]int64{}
	for _, o := range all {
		org, err := conn.OrgByID(ctx, o.ID)
		if grafana.IgnoreNotFound(err) != nil {
			return nil, err
		}
		if m := mark.Read(org.Address); err == nil && m != (mark.Mark{}) {
			ids[m.Cluster+" "+m.Owner] = o.ID
		}
	}
	return ids, nil
}

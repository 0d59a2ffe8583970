package connection

import (
	"context"
	"errors"
	"time"

	"grafana-tenancy.dev/operator/internal/grafana"
	"grafana-tenancy.dev/operator/internal/mark"
)

// ProofLife is how long a proof that is not live may be used, within one Grafana session: a Grafana whose database was
// reset knows no old session.
const ProofLife = time.Minute

// proof records that an organization was seen to carry a mark.
type proof struct {
	mark    mark.Mark
	at      time.Time
	session string
}

// Prove fails unless the organization carries the mark.
func (c *Conn) Prove(ctx context.Context, id int64, want mark.Mark, live bool) error {
	if !live && c.proven(id, want) {
		return nil
	}
	org, err := c.orgByID(ctx, id)
	switch {
	case grafana.IsNotFound(err):
		return ErrNotOurs
	case err != nil:
		return err
	case org.ID != id, mark.Read(org.Address) != want:
		return ErrNotOurs
	}
	c.RememberMark(ctx, id, want)
	return nil
}

// ErrNotOurs says that an organization does not carry the mark of the object that stands for it.
var ErrNotOurs = errors.New("the organization in Grafana does not carry the operator's mark")

// orgByID reads an organization; a token can read its own only.
func (c *Conn) orgByID(ctx context.Context, id int64) (grafana.Org, error) {
	if c.Login == "" {
		return c.CurrentOrg(ctx)
	}
	return c.OrgByID(ctx, id)
}

func (c *Conn) proven(id int64, want mark.Mark) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	p, ok := c.proofs[id]
	session := c.SessionID()
	return ok && p.mark == want && session != "" && p.session == session && c.Clock().Sub(p.at) < ProofLife
}

// RememberMark records that an organization was seen to carry a mark, in the answer that the work of ctx has just got.
func (c *Conn) RememberMark(ctx context.Context, id int64, seen mark.Mark) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.proofs[id] = proof{mark: seen, at: c.Clock(), session: c.SessionSeen(ctx)}
}

// ForgetProof has the organization looked at again before it is believed to be ours.
func (c *Conn) ForgetProof(id int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.proofs, id)
}

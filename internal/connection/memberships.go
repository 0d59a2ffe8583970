package connection

import (
	"context"
	"time"
)

// memberships is when the operator's own organizations were last listed.
type memberships struct {
	at  time.Time
	ids map[int64]bool
}

// IsMember reports whether the operator's login belongs to the organization. The list is asked for at most once a
// minute, unless fresh.
func (c *Conn) IsMember(ctx context.Context, id int64) (bool, error) {
	if c.Login == "" {
		return true, nil // a token is in its organization
	}
	c.mu.Lock()
	known := c.orgs.ids[id] && c.Clock().Sub(c.orgs.at) < ProofLife
	c.mu.Unlock()
	if known {
		return true, nil
	}
	list, err := c.MyOrgs(ctx)
	if err != nil {
		return false, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.orgs = memberships{at: c.Clock(), ids: map[int64]bool{}}
	for _, o := range list {
		if o.Role == "Admin" {
			c.orgs.ids[o.OrgID] = true
		}
	}
	return c.orgs.ids[id], nil
}

// ForgetMember has the membership looked up again.
func (c *Conn) ForgetMember(id int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.orgs.ids, id)
}

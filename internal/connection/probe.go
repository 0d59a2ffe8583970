package connection

import (
	"time"

	"grafana-tenancy.dev/operator/internal/grafana"
)

// Server is what a Grafana says of itself.
type Server struct {
	grafana.Health
	Edition      string
	Capabilities []string
}

// LastProbe is what the last probe has found, and when; nil: it failed, or there was none.
func (c *Conn) LastProbe() (*Server, time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.probe == nil {
		return nil, c.probedAt
	}
	have := *c.probe
	return &have, c.probedAt
}

// RememberProbe remembers the outcome of a probe. What lists nobody needs any more goes. A Grafana that was away may
// come back with another kind of database, and with the sessions of the one before in it.
func (c *Conn) RememberProbe(have *Server, err error) {
	c.dropOldLists()
	if err != nil {
		c.databaseKind.Store(nil)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.probe, c.probedAt = nil, c.Clock(); err == nil {
		last := *have
		c.probe = &last
	}
}

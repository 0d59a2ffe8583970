package connection

import (
	"context"

	"grafana-tenancy.dev/operator/internal/grafana"
)

// KnowsDatabase reports whether this Grafana was seen to have the database that the operator's objects speak of. A
// session is forgotten with the database that it was in; without sessions the knowledge lasts as long as any proof.
func (c *Conn) KnowsDatabase() bool {
	_, known := c.Database()
	return known
}

// Database is the identity of the database, and whether it is known to be the one.
func (c *Conn) Database() (id string, known bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	session := c.SessionID()
	return c.databaseID, c.database.session == session && (session != "" || c.Clock().Sub(c.database.at) < ProofLife)
}

// RememberDatabase records that the database is the one, and its identity.
func (c *Conn) RememberDatabase(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.database, c.databaseID = proof{at: c.Clock(), session: c.SessionID()}, id
}

// OnSQLite reports whether this Grafana keeps its data in SQLite. It is asked once; where nobody tells, it does not.
func (c *Conn) OnSQLite(ctx context.Context) bool {
	if known := c.databaseKind.Load(); known != nil {
		return *known == grafana.SQLite
	}
	if c.Login == "" { // a token may not ask
		return false
	}
	kind, err := c.DatabaseType(ctx)
	if err == nil || grafana.IsForbidden(err) || grafana.IsNotFound(err) {
		c.databaseKind.Store(&kind)
	}
	return kind == grafana.SQLite
}

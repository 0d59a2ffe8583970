package connection

import (
	"context"
	"strings"

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
func (c *Conn) RememberDatabase(ctx context.Context, id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.database, c.databaseID = proof{at: c.Clock(), session: c.SessionSeen(ctx)}, id
}

// RememberOperator records the id that the operator's own login has in this database.
func (c *Conn) RememberOperator(ctx context.Context, id int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.operator, c.operatorID = proof{at: c.Clock(), session: c.SessionSeen(ctx)}, id
}

// Operator is the id of the operator's own login in the database that the session is in; 0: it is not known.
func (c *Conn) Operator() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if session := c.SessionID(); c.operator.session != session ||
		session == "" && c.Clock().Sub(c.operator.at) >= ProofLife {
		return 0
	}
	return c.operatorID
}

// IsOperator reports whether somebody is the operator's own login: by the id, or, where that is not known, by the name
// that the operator logs in with. Everybody can have that for an address, unless it looks like one.
func (c *Conn) IsOperator(id int64, login, email string) bool {
	if own := c.Operator(); own != 0 {
		return id == own
	}
	is := func(name string) bool { return strings.EqualFold(strings.ToLower(name), strings.ToLower(c.Login)) }
	return c.Login != "" && (is(login) || strings.Contains(c.Login, "@") && is(email))
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

package connection

import (
	"context"
	"strings"
	"time"

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

// databaseKind is what Grafana keeps its data in, as it was told in one session.
type databaseKind struct {
	name   string // as Grafana calls it; empty: it may not be asked
	final  bool   // Grafana has said so itself
	origin origin
}

// OnSQLite reports whether this Grafana keeps its data in SQLite. It is asked once in a session; where nobody tells, it
// does not.
func (c *Conn) OnSQLite(ctx context.Context) bool {
	if _, known := c.kind(); !known {
		c.learnDatabaseKind(ctx)
	}
	name, _ := c.kind()
	return name == grafana.SQLite
}

// questionTimeout is how long the kind of the database is waited for.
const questionTimeout = 5 * time.Second

// LearnWriters finds out what is needed to know how many may write at once. What only something before Grafana has
// said, or what was told without a session, which would end with the database, is asked for each time.
func (c *Conn) LearnWriters(ctx context.Context) {
	k := c.databaseKind.Load()
	_, known := c.kind()
	if c.FixedWriters || c.MaxWrites == 1 && k == nil || known && (k == nil || k.final && k.origin.session != "") {
		return
	}
	c.learnDatabaseKind(ctx)
}

// learnDatabaseKind asks for the kind of the database. Where it is refused, also by something before Grafana, nobody
// tells.
func (c *Conn) learnDatabaseKind(ctx context.Context) {
	if c.Login == "" { // a token may not ask
		return
	}
	ctx, cancel := context.WithTimeout(ctx, questionTimeout)
	defer cancel()
	resets := c.Resets.Load()
	name, err := c.DatabaseType(ctx)
	switch grafana.VerdictOf(err) {
	case grafana.NoAnswer, grafana.Untrusted, grafana.Unauthorized, grafana.RateLimited, grafana.Other:
		return // it may tell the next time
	}
	c.databaseKind.Store(&databaseKind{
		name: name, final: err == nil || grafana.IsForbidden(err), origin: origin{c.SessionSeen(ctx), resets},
	})
}

// kind is that of the database that the session is in, and whether it is known; empty: nobody tells.
func (c *Conn) kind() (name string, known bool) {
	if c.Login == "" {
		return "", true
	}
	k := c.databaseKind.Load()
	if k == nil || k.origin != c.origin() {
		return "", false
	}
	return k.name, true
}

// defaultWriters is how many may write at once at most where nobody says how many.
const defaultWriters = 8

// mostWriters is how many may write at once at most, and to which database. SQLite takes one at a time, and what is not
// known may be SQLite. Where nobody tells, a person's word is taken.
func (c *Conn) mostWriters() (int, origin) {
	switch name, known := c.kind(); {
	case c.FixedWriters:
		return max(1, c.MaxWrites), origin{}
	case !known, name == grafana.SQLite:
		return 1, c.origin()
	case c.MaxWrites == 0 && (name == grafana.Postgres || name == grafana.MySQL):
		return defaultWriters, c.origin()
	}
	return max(1, c.MaxWrites), c.origin()
}

package controllers

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana"
)

// Connection is the way to one Grafana, shared by all objects in it.
type Connection struct {
	*grafana.Client
	Instance types.NamespacedName
	Timeout  time.Duration
	resync   atomic.Int64
	resets   atomic.Int64 // as the Instance's status has them, once they are written
	// Login is the name of the operator's own user; empty with a token credential.
	Login string
	// hint says what looks wrong with the credential; empty: nothing.
	hint string

	fingerprint string // of all that the client was made from
	gate        *gate
	now         func() time.Time
	marks       marks
	surveys     surveys
	folders     folders
	firsts      firsts

	// What the Instance has found out about this Grafana: the version of /apis that lists dashboards, if there is one, and whether folders can be in folders.
	dashboardAPI  atomic.Pointer[string]
	nestedFolders atomic.Bool
	databaseKind  atomic.Pointer[string] // what Grafana keeps its data in; nil: not asked yet, empty: it does not tell
	apisFailing   atomic.Bool
	userHidden    atomic.Bool

	mu       sync.Mutex
	proofs   map[int64]proof
	orgs     memberships
	probe    *serverState // what the last one found; nil: it failed
	probedAt time.Time
	known    proof // that the database is the one that the objects speak of
	// databaseID is the identity of that database; empty where Grafana does not tell.
	databaseID string
}

// proof records that an organization was seen to carry a mark.
type proof struct {
	mark    mark
	at      time.Time
	session string
}

// memberships is when the operator's own organizations were last listed.
type memberships struct {
	at  time.Time
	ids map[int64]bool
}

// proofLife is how long a proof that is not live may be used, within one Grafana session: a Grafana whose database was reset knows no old session.
const proofLife = time.Minute

// Resync is the Instance's interval, for objects that have none of their own.
func (c *Connection) Resync() time.Duration { return time.Duration(c.resync.Load()) }

func (c *Connection) enter(t ticket, write bool) (func(), error) { return c.gate.enter(t, write) }
func (c *Connection) writer(t ticket) error                      { return c.gate.writer(t) }

// prove fails unless the organization carries the mark.
func (c *Connection) prove(ctx context.Context, id int64, want mark, live bool) error {
	if !live && c.proven(id, want) {
		return nil
	}
	org, err := c.orgByID(ctx, id)
	switch {
	case grafana.IsNotFound(err):
		return errNotOurs
	case err != nil:
		return err
	case org.ID != id, readMark(org.Address) != want:
		return errNotOurs
	}
	c.remember(id, want)
	return nil
}

// errNotOurs says that an organization does not carry the mark of the Organization that stands for it.
var errNotOurs = &problem{Reason: v1alpha1.ReasonOwnershipLost, Retry: true, Message: "the organization in Grafana does not carry the operator's mark"}

// orgByID reads an organization; a token can read its own only.
func (c *Connection) orgByID(ctx context.Context, id int64) (grafana.Org, error) {
	if c.Login == "" {
		return c.CurrentOrg(ctx)
	}
	return c.OrgByID(ctx, id)
}

func (c *Connection) proven(id int64, want mark) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	p, ok := c.proofs[id]
	session := c.SessionID()
	return ok && p.mark == want && session != "" && p.session == session && c.now().Sub(p.at) < proofLife
}

func (c *Connection) remember(id int64, seen mark) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.proofs[id] = proof{mark: seen, at: c.now(), session: c.SessionID()}
}

// forgetProof has the organization looked at again before it is believed to be ours.
func (c *Connection) forgetProof(id int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.proofs, id)
}

// member reports whether the operator's login belongs to the organization. The list is asked for at most once a minute, unless fresh.
func (c *Connection) member(ctx context.Context, id int64) (bool, error) {
	if c.Login == "" {
		return true, nil // a token is in its organization
	}
	c.mu.Lock()
	known := c.orgs.ids[id] && c.now().Sub(c.orgs.at) < proofLife
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
	c.orgs = memberships{at: c.now(), ids: map[int64]bool{}}
	for _, o := range list {
		if o.Role == "Admin" {
			c.orgs.ids[o.OrgID] = true
		}
	}
	return c.orgs.ids[id], nil
}

// forgetMember has the membership looked up again.
func (c *Connection) forgetMember(id int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.orgs.ids, id)
}

// Connections holds the way to each Instance, and those who wait for one.
type Connections struct {
	mu  sync.Mutex
	all map[types.NamespacedName]*state
}

// state is what is known of one Instance.
type state struct {
	conn      *Connection
	probed    bool // whether anything is known of it
	available bool
	waiting   map[string]func()
}

// NewConnections makes an empty set.
func NewConnections() *Connections {
	return &Connections{all: map[types.NamespacedName]*state{}}
}

func (c *Connections) stateLocked(key types.NamespacedName) *state {
	s := c.all[key]
	if s == nil {
		s = &state{waiting: map[string]func(){}}
		c.all[key] = s
	}
	return s
}

// available is the way to an Instance that answers; else nil.
func (c *Connections) available(key types.NamespacedName) *Connection {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.all[key]; s != nil && s.available {
		return s.conn
	}
	return nil
}

// probed reports whether it is known yet if the Instance answers.
func (c *Connections) probed(key types.NamespacedName) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.all[key]
	return s != nil && s.probed
}

// current is the way to an Instance, whether it answers or not.
func (c *Connections) current(key types.NamespacedName) *Connection {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.all[key]; s != nil {
		return s.conn
	}
	return nil
}

// await calls wake when the Instance is next available, or now if it is.
func (c *Connections) await(key types.NamespacedName, id string, wake func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.stateLocked(key); s.available {
		wake()
	} else {
		s.waiting[id] = wake
	}
}

// decline gives back the place that any gate keeps for a visit that is over.
func (c *Connections) decline(key string) {
	c.mu.Lock()
	var gates []*gate
	for _, s := range c.all {
		if s.conn != nil {
			gates = append(gates, s.conn.gate)
		}
	}
	c.mu.Unlock()
	for _, g := range gates {
		g.decline(key)
	}
}

// replace puts a new connection in the place of the old one, which is returned to be closed.
func (c *Connections) replace(key types.NamespacedName, conn *Connection) (old *Connection) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.stateLocked(key)
	old, s.conn, s.available = s.conn, conn, false
	return old
}

// setAvailable says whether the Instance answers, and wakes those who wait for that, or for the first word on it.
func (c *Connections) setAvailable(key types.NamespacedName, available bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.stateLocked(key)
	first := !s.probed
	s.probed, s.available = true, available && s.conn != nil
	if !s.available && !first {
		return
	}
	for id, wake := range s.waiting {
		delete(s.waiting, id)
		wake()
	}
}

// drop forgets an Instance and ends its session.
func (c *Connections) drop(ctx context.Context, key types.NamespacedName) {
	if old := c.replace(key, nil); old != nil {
		_ = old.Close(ctx) // what could not be logged out expires by itself
	}
}

// Close ends all sessions.
func (c *Connections) Close(ctx context.Context) {
	c.mu.Lock()
	var conns []*Connection
	for _, s := range c.all {
		if s.conn != nil {
			conns = append(conns, s.conn)
		}
		s.available = false
	}
	c.mu.Unlock()
	var wg sync.WaitGroup
	for _, conn := range conns {
		wg.Go(func() { _ = conn.Close(ctx) })
	}
	wg.Wait()
}

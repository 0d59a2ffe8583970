// Package connection is the way to one Grafana: the client and its session, who is let in and when, what was proven and
// is remembered, and the lists that serve many at once.
package connection

import (
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"grafana-tenancy.dev/operator/internal/grafana"
)

// Conn is the way to one Grafana, shared by all objects in it.
type Conn struct {
	*grafana.Client
	Config
	// Limiter lets passes in, so many at once.
	Limiter *Limiter
	// Marks knows which organization carries whose mark.
	Marks MarkIndex

	// What the last probe has found out: whether folders can be in folders, whether library panels in use are kept and
	// have names of their own in a folder, and how often this Grafana was seen to have another database.
	NestedFolders, KeepsUsedPanels, UniquePanelNames atomic.Bool
	Resets                                           atomic.Int64
	// APIsFailing and UserHidden say what the last probe was refused, so that the next one can tell an accident from a
	// rule.
	APIsFailing, UserHidden atomic.Bool

	resync         atomic.Int64
	dashboardAPIs  atomic.Pointer[[]string]
	databaseKind   atomic.Pointer[databaseKind] // nil: not asked yet
	dashboardLists dashboardLists
	folderLists    lists[map[string]grafana.Folder]
	memberLists    lists[[]grafana.Member]
	sourceLists    lists[[]grafana.DataSource]
	userLists      lists[[]grafana.ListedUser]
	teamLists      lists[[]grafana.Team]
	panelLists     lists[map[string]grafana.LibraryPanel]
	panelUses      panelUses
	accountLists   lists[[]grafana.ServiceAccount]
	tokenLists     lists[[]grafana.Token]
	folders        folders
	permissions    seenPermissions

	mu       sync.Mutex
	proofs   map[int64]proof
	orgs     memberships
	probe    *Server // what the last one found; nil: it failed
	probedAt time.Time
	database proof // that it is the one that the objects speak of
	// databaseID is the identity of that database; empty where Grafana does not tell.
	databaseID string
	operator   proof // of the id that the operator's own login has
	operatorID int64
}

// Config of a Conn.
type Config struct {
	// Server is the object that stands for this Grafana.
	Server types.NamespacedName
	// Timeout of a request.
	Timeout time.Duration
	// Login is the name of the operator's own user; empty with a token credential.
	Login string
	// Hint says what looks wrong with the credential; empty: nothing.
	Hint string
	// Fingerprint is of all that the client was made from.
	Fingerprint string
	// MaxReads is how many passes may read at once, MaxWrites how many may write at most; 0 writers: nobody says.
	MaxReads, MaxWrites int
	// FixedWriters has MaxWrites write at once from the start, whatever the database, for tests. Else the number is
	// found out.
	FixedWriters bool
	// Clock tells the time here; Now, of the client, tells Grafana's.
	Clock func() time.Time
}

// New makes a Conn of a client.
func New(api *grafana.Client, c Config) *Conn {
	conn := &Conn{Client: api, Config: c, proofs: map[int64]proof{}}
	conn.Limiter = newLimiter(rules{
		readers: c.MaxReads, writers: conn.mostWriters, fixed: c.FixedWriters, delay: api.Delay, clock: c.Clock,
	})
	return conn
}

// Resync is the server's interval, for objects that have none of their own.
func (c *Conn) Resync() time.Duration { return time.Duration(c.resync.Load()) }

// SetResync sets that interval.
func (c *Conn) SetResync(every time.Duration) { c.resync.Store(int64(every)) }

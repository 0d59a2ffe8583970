package grafanatest

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"
)

// database is all that a Grafana remembers.
type database struct {
	kind    Database
	quirks  quirks
	random  *rand.Rand
	arrived func() int // the number of the last request that has arrived

	lastOrg, lastUser, lastKey, lastContent, lastVersion, lastRevision, lastSource, lastRule, lastPanel, lastSession,
	lastItem, lastTeam int64

	orgs     map[int64]*org
	users    map[int64]*user // people and service accounts: one table, as in Grafana
	tokens   map[int64]*token
	panels   map[int64]*libraryPanel
	sessions map[int64]*session
	attempts map[string][]time.Time // failed logins, by login
	memory   map[memoryKey]remembered

	permissions map[memoryKey]permissionsAsOf
	panelsKnown map[string]bool // those that were deleted: who may do what to them is remembered
}

// org is an organization with everything in it.
type org struct {
	database Database
	made     int // the last request that had arrived when it was made
	id       int64
	name     string
	address  Address
	members  map[int64]string // user id → role; service accounts too
	prefs    preferences
	quotas   map[string]int64 // set by hand, by target

	dashboards map[string]*dashboard
	folders    map[string]*folder
	lost       map[string]int64 // the numbers of folders that were deleted, by uid
	firsts     map[string]int   // kind → the last request that had arrived when the first of it was made
	sources    map[string]*dataSource
	rules      map[string]*alertRule
	teams      map[int64]*team
}

// user is a person or a service account.
type user struct {
	id                       int64
	uid, login, email, name  string
	password                 string
	serviceAccount           bool
	made                     int // as in org
	serverAdmin, disabled    bool
	external                 bool  // an identity provider decides in which orgs they are
	orgID                    int64 // a person's current org; a service account's only one
	created, updated, seenAt time.Time
}

// token is a service account's.
type token struct {
	id, orgID, accountID int64
	name, key            string
	created              time.Time
	expires, used        *time.Time
	revoked              bool
}

// session is a login's.
type session struct {
	id, userID       int64
	secret, previous string // previous: good until secret is first used
	seen             bool   // secret has been used
	created, rotated time.Time
}

// preferences of an organization or a team.
type preferences struct {
	theme, timezone, weekStart, language, homeUID string
	history, navbar                               obj // never changed
}

// dashboard is a dashboard with its history.
type dashboard struct {
	id                   int64
	uid, title, folder   string
	model                map[string]any
	versions             []dashboardVersion // oldest first; never empty
	created, updated     time.Time
	createdBy, updatedBy string
	maker, updater       int64  // users; updater is 0 until it is changed
	touched              bool   // has been saved without a change
	items                []item // never changed, but replaced
	stored               string // the version of /apis that it was written in; "": the oldest
}

// dashboardVersion is a line of a dashboard's history. Lines of the new storage
// can have the same number: they differ in what is not content.
type dashboardVersion struct {
	id, number, parent int64
	revision           int64 // the resourceVersion behind /apis; no two lines have the same
	restoredFrom       int64
	message, by        string
	notes              map[string]string // annotations of other people's; never changed
	updater            int64             // a user; 0 in the first version
	at                 time.Time
	model              map[string]any // never changed
	folder             string
	stored             string // as in dashboard
	claimed            string // the version that it says it is stored in to whoever asks in the one that it is; "": none
}

type folder struct {
	id                   int64
	uid, title, parent   string
	version              int64
	created, updated     time.Time
	createdBy, updatedBy string
	maker, updater       int64   // updater: 0 while nobody has changed it
	items                []item  // never changed, but replaced
	description          *string // never changed, but replaced; nil: nobody has given one, nor left it out
}

type dataSource struct {
	made        int // as in org
	id, version int64
	uid, name   string
	body        newSource // never changed, but replaced
	isDefault   bool
	provisioned bool // by a file

	updated int64     // in seconds
	read    *settings // for a plugin, lately
	plugged *settings // that its plugin goes by
}

// settings are what a data source was at some time.
type settings struct {
	body    newSource
	updated int64
	readAt  time.Time
}

// newDatabase is a fresh installation: one org, one server admin.
func newDatabase(opts Options, q quirks, arrived func() int) *database {
	db := &database{
		arrived: arrived, kind: opts.Database, quirks: q, random: rand.New(rand.NewPCG(1, 2)),
		orgs: map[int64]*org{}, users: map[int64]*user{}, tokens: map[int64]*token{}, panels: map[int64]*libraryPanel{},
		sessions: map[int64]*session{}, attempts: map[string][]time.Time{}, memory: map[memoryKey]remembered{},
		permissions: map[memoryKey]permissionsAsOf{}, panelsKnown: map[string]bool{},
	}
	now := opts.Now()
	main := db.addOrg("Main Org.")
	admin := db.addUser(
		user{
			login:       opts.Admin,
			email:       opts.Admin + "@localhost",
			password:    opts.Password,
			serverAdmin: true,
			orgID:       main.id,
		},
		now,
	)
	admin.uid = fmt.Sprintf("a%013d", installations.Add(1))
	main.members[admin.id] = roleAdmin
	return db
}

// installations counts the databases of this process: the first user of each has a uid of its own.
var installations atomic.Int64

func (db *database) addOrg(name string) *org {
	db.lastOrg++
	o := &org{
		database:   db.kind,
		id:         db.lastOrg,
		name:       name,
		made:       db.arrived(),
		members:    map[int64]string{},
		quotas:     map[string]int64{},
		firsts:     map[string]int{},
		dashboards: map[string]*dashboard{},
		folders:    map[string]*folder{},
		lost:       map[string]int64{},
		sources:    map[string]*dataSource{},
		rules:      map[string]*alertRule{},
		teams:      map[int64]*team{},
	}
	db.orgs[o.id] = o
	return o
}

func (db *database) addUser(u user, now time.Time) *user {
	db.lastUser++
	u.id, u.uid = db.lastUser, db.newUID()
	u.created, u.updated, u.made = now, now, db.arrived()
	u.seenAt = now.AddDate(-10, 0, 0)
	db.users[u.id] = &u
	return &u
}

// clone is a copy that shares nothing that can change. Models of dashboards
// are never changed once stored.
func (db *database) clone() *database {
	c := *db
	c.random = rand.New(rand.NewPCG(db.random.Uint64(), 2))
	c.orgs = make(map[int64]*org, len(db.orgs))
	for id, o := range db.orgs {
		c.orgs[id] = o.clone()
	}
	c.users = cloneRows(db.users)
	c.tokens = cloneRows(db.tokens)
	c.panels = cloneRows(db.panels)
	c.sessions = cloneRows(db.sessions)
	c.memory = maps.Clone(db.memory)
	c.permissions = maps.Clone(db.permissions)
	c.panelsKnown = maps.Clone(db.panelsKnown)
	c.attempts = make(map[string][]time.Time, len(db.attempts))
	for login, at := range db.attempts {
		c.attempts[login] = slices.Clone(at)
	}
	return &c
}

func (o *org) clone() *org {
	c := *o
	c.members, c.lost = maps.Clone(o.members), maps.Clone(o.lost)
	c.quotas, c.firsts = maps.Clone(o.quotas), maps.Clone(o.firsts)
	c.dashboards = cloneRows(o.dashboards)
	for _, d := range c.dashboards {
		d.versions = slices.Clone(d.versions)
	}
	c.folders = cloneRows(o.folders)
	c.sources = cloneRows(o.sources)
	c.rules = cloneRows(o.rules)
	c.teams = cloneRows(o.teams)
	for _, t := range c.teams {
		t.members = maps.Clone(t.members)
	}
	return &c
}

func cloneRows[K comparable, T any](rows map[K]*T) map[K]*T {
	out := make(map[K]*T, len(rows))
	for k, row := range rows {
		copied := *row
		out[k] = &copied
	}
	return out
}

// sorted returns the rows of a table in the order of a key.
func sorted[K comparable, T any](rows map[K]*T, less func(a, b *T) int) []*T {
	return slices.SortedFunc(maps.Values(rows), less)
}

const lowerAlphabet = "abcdefghijklmnopqrstuvwxyz0123456789"
const alphabet = lowerAlphabet + "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

func (db *database) text(from string, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = from[db.random.IntN(len(from))]
	}
	return string(b)
}

// newUID is a uid as Grafana makes them for users and data sources.
func (db *database) newUID() string { return "a" + db.text(lowerAlphabet, 13) }

// newDashboardUID is a uid as Grafana makes them for dashboards.
func (db *database) newDashboardUID() string {
	if !db.quirks.unified {
		return db.newUID()
	}
	h := db.text("0123456789abcdef", 30)
	return fmt.Sprintf("%s-%s-4%s-a%s-%s", h[:8], h[8:12], h[12:15], h[15:18], h[18:30])
}

// newContentID is an id for a dashboard or folder; a large one where they live
// in the new storage.
func (db *database) newContentID() int64 {
	db.lastContent++
	if db.quirks.unified {
		return 3_160_000_000_000_000 + db.lastContent*4096
	}
	return db.lastContent
}

func (db *database) accessErrorID() string { return "ACE" + db.text("0123456789", 10) }

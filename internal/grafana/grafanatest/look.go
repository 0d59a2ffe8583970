package grafanatest

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"time"
)

// Org is an organization, as the database has it.
type Org struct {
	ID          int64
	Name        string
	Address     Address
	Members     []Member // people only, by user id
	Preferences Preferences
	Quotas      map[string]int64 // limits that were set, by target
}

// Address of an organization.
type Address struct {
	Address1 string `json:"address1"`
	Address2 string `json:"address2"`
	City     string `json:"city"`
	ZipCode  string `json:"zipCode"`
	State    string `json:"state"`
	Country  string `json:"country"`
}

// Member is a person's membership of an organization.
type Member struct {
	UserID      int64
	Login, Role string
}

// Preferences of an organization; "": not set.
type Preferences struct {
	Theme, Timezone, WeekStart, Language, HomeDashboardUID string
}

// SA is a service account.
type SA struct {
	ID                     int64
	UID, Name, Login, Role string
	Disabled               bool
	Created                time.Time
}

// Tok is a service account's token.
type Tok struct {
	ID      int64
	Name    string
	SAID    int64
	Created time.Time
	Expires *time.Time // nil: never
	Revoked bool
}

// Dash is a dashboard.
type Dash struct {
	UID, Title, FolderUID string
	Version               int64
	API                   string // the version of /apis whose schema Model is in; "": the classic model
	Model                 json.RawMessage
	Messages              []string // of all versions, oldest first
}

// Folder is a folder; ParentUID is "" at the root.
type Folder struct{ UID, Title, ParentUID string }

// AlertRule is an alert rule.
type AlertRule struct{ UID, Title, FolderUID string }

// LibraryPanel is a library panel; FolderUID is "" at the root.
type LibraryPanel struct{ UID, Name, FolderUID string }

// Person is somebody who can log in.
type Person struct {
	ID                    int64
	Login, Email, Name    string
	ServerAdmin, Disabled bool
}

// People returns all who can log in, by id.
func (s *Server) People() (out []Person) {
	s.memoryOnly("all people are looked at")
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, u := range s.db.people(func(*user) bool { return true }) {
		out = append(out, Person{u.id, u.login, u.email, u.name, u.serverAdmin, u.disabled})
	}
	slices.SortFunc(out, func(a, b Person) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

// Opens says whether a password is that of the login.
func (s *Server) Opens(login, password string) bool {
	s.memoryOnly("a password is looked at")
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.db.person(login)
	return u != nil && u.password == password
}

// Orgs returns all organizations, by id.
func (s *Server) Orgs() []Org {
	if s.real != nil {
		return s.real.allOrgs()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Org
	for _, o := range sorted(s.db.orgs, func(a, b *org) int { return cmp.Compare(a.id, b.id) }) {
		shown := Org{
			ID:      o.id,
			Name:    o.name,
			Address: o.address,
			Quotas:  maps.Clone(o.quotas),
			Preferences: Preferences{
				o.prefs.theme,
				o.prefs.timezone,
				o.prefs.weekStart,
				o.prefs.language,
				o.prefs.homeUID,
			},
		}
		for _, id := range slices.Sorted(maps.Keys(o.members)) {
			if u := s.db.users[id]; u != nil && !u.serviceAccount {
				shown.Members = append(shown.Members, Member{UserID: id, Login: u.login, Role: o.members[id]})
			}
		}
		out = append(out, shown)
	}
	return out
}

// Org returns the organization of an id; nil if there is none.
func (s *Server) Org(id int64) *Org {
	if s.real != nil {
		return s.real.orgByID(id)
	}
	return first(s.Orgs(), func(o Org) bool { return o.ID == id })
}

// ServiceAccount returns the service account of an id; nil if the organization has none.
func (s *Server) ServiceAccount(orgID, id int64) *SA {
	if s.real != nil {
		return s.real.account(orgID, id)
	}
	return first(s.ServiceAccounts(orgID), func(a SA) bool { return a.ID == id })
}

// Dashboard returns the dashboard of a uid; nil if the organization has none.
func (s *Server) Dashboard(orgID int64, uid string) *Dash {
	if s.real != nil {
		return s.real.dashboard(orgID, uid)
	}
	return first(s.Dashboards(orgID), func(d Dash) bool { return d.UID == uid })
}

// Admin returns the id of the first user, the server admin of Options.
func (s *Server) Admin() int64 {
	if s.real != nil {
		return s.real.admin
	}
	return 1
}

func first[T any](all []T, is func(T) bool) *T {
	if i := slices.IndexFunc(all, is); i >= 0 {
		return &all[i]
	}
	return nil
}

// ServiceAccounts returns an organization's service accounts, by id.
func (s *Server) ServiceAccounts(orgID int64) []SA {
	if s.real != nil {
		return s.real.accounts(orgID)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.db.orgs[orgID]
	if o == nil {
		return nil
	}
	var out []SA
	for _, id := range slices.Sorted(maps.Keys(o.members)) {
		if u := s.db.users[id]; u != nil && u.serviceAccount {
			out = append(out, SA{id, u.uid, u.name, u.login, o.members[id], u.disabled, u.created})
		}
	}
	return out
}

// Tokens returns all tokens of an organization's service accounts, by id, with
// the expired and the revoked.
func (s *Server) Tokens(orgID int64) []Tok {
	if s.real != nil {
		return s.real.tokens(orgID)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Tok
	for _, t := range sorted(s.db.tokens, func(a, b *token) int { return cmp.Compare(a.id, b.id) }) {
		if t.orgID == orgID {
			out = append(out, Tok{t.id, t.name, t.accountID, t.created, clonePointer(t.expires), t.revoked})
		}
	}
	return out
}

// Dashboards returns an organization's dashboards, by uid.
func (s *Server) Dashboards(orgID int64) []Dash {
	if s.real != nil {
		return s.real.dashboards(orgID)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.db.orgs[orgID]
	if o == nil {
		return nil
	}
	var out []Dash
	for _, d := range sorted(o.dashboards, func(a, b *dashboard) int { return cmp.Compare(a.uid, b.uid) }) {
		shown := Dash{UID: d.uid, Title: d.title, FolderUID: d.folder, Version: d.version(), Model: d.json()}
		if isSchema2(d.stored) {
			shown.API, shown.Model = d.stored, mustJSON(d.model)
		}
		for _, v := range d.versions {
			shown.Messages = append(shown.Messages, v.message)
		}
		out = append(out, shown)
	}
	return out
}

// Folders returns an organization's folders, by uid.
func (s *Server) Folders(orgID int64) []Folder {
	if s.real != nil {
		return s.real.folders(orgID)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.db.orgs[orgID]
	if o == nil {
		return nil
	}
	var out []Folder
	for _, f := range sorted(o.folders, func(a, b *folder) int { return cmp.Compare(a.uid, b.uid) }) {
		out = append(out, Folder{f.uid, f.title, f.parent})
	}
	return out
}

// AlertRules returns an organization's alert rules, by uid.
func (s *Server) AlertRules(orgID int64) []AlertRule {
	s.memoryOnly("it looks into the database")
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.db.orgs[orgID]
	if o == nil {
		return nil
	}
	var out []AlertRule
	for _, r := range sorted(o.rules, func(a, b *alertRule) int { return cmp.Compare(a.uid, b.uid) }) {
		out = append(out, AlertRule{r.uid, r.body.Title, r.body.FolderUID})
	}
	return out
}

// LibraryPanels returns an organization's library panels, by name. Those of an
// organization that is deleted are still there, as in Grafana.
func (s *Server) LibraryPanels(orgID int64) []LibraryPanel {
	s.memoryOnly("it looks into the database")
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []LibraryPanel
	for _, p := range s.db.panelsOf(orgID) {
		out = append(out, LibraryPanel{p.uid, p.name, p.folder})
	}
	return out
}

// LibraryPanelModel returns what Grafana keeps in a library panel; nil: there
// is none.
func (s *Server) LibraryPanelModel(orgID int64, uid string) []byte {
	s.memoryOnly("it looks into the database")
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.db.panelsOf(orgID) {
		if p.uid == uid {
			return mustJSON(p.model)
		}
	}
	return nil
}

// KeyAlive says whether a token's key would be accepted now, and whose it is.
func (s *Server) KeyAlive(key string) (orgID, saID, tokenID int64, ok bool) {
	if s.real != nil {
		return s.real.alive(key)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.db.tokens {
		if t.key != key {
			continue
		}
		u := s.db.users[t.accountID]
		alive := !t.revoked && !t.expired(s.opts.Now()) && u != nil && !u.disabled
		return t.orgID, t.accountID, t.id, alive
	}
	return 0, 0, 0, false
}

// Keys returns every key ever issued, through all resets and restores, oldest
// first.
func (s *Server) Keys() []string {
	if s.real != nil {
		return s.real.allKeys()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.keys)
}

func clonePointer[T any](p *T) *T {
	if p == nil {
		return nil
	}
	v := *p
	return &v
}

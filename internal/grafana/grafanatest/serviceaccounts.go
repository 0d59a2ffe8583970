package grafanatest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// account finds the service account of the path in the current org; by uid,
// too, where the version can.
func (c *call) account() (*user, *answer) {
	id := c.id("account")
	if id == 0 && c.quirks.accountsByUID {
		for _, u := range c.db.users {
			if u.uid == c.params["account"] {
				id = u.id
			}
		}
		if id == 0 {
			return nil, notFound()
		}
	}
	if id == 0 {
		return nil, fail(http.StatusBadRequest, "Service Account ID is invalid")
	}
	u := c.db.users[id]
	if u == nil || !u.serviceAccount || u.orgID != c.who.orgID || c.org() == nil || c.org().members[u.id] == "" {
		return nil, noAccount()
	}
	return u, nil
}

func noAccount() *answer {
	return failID(http.StatusNotFound, "serviceaccounts.ErrNotFound", "service account not found")
}

// badAccount is what the service account routes say of a body that does not
// bind.
func badAccount() *answer { return fail(http.StatusBadRequest, "Bad request data") }

// accountLogin is the login of a service account named so at birth.
func accountLogin(orgID int64, name string) string {
	return fmt.Sprintf("sa-%d-%s", orgID, strings.ReplaceAll(strings.ToLower(name), " ", "-"))
}

// BlockLogin takes the login of a service account for good, as a create that
// fails half-way does before 11.3.1: its row is in the table of users, in no
// org's list, and no request of the API shows it or takes it away.
func (s *Server) BlockLogin(orgID int64, login string) {
	s.memoryOnly("a login is taken by nobody")
	s.mu.Lock()
	defer s.mu.Unlock()
	s.db.addUser(user{login: login, email: login, serviceAccount: true, orgID: orgID}, s.opts.Now())
}

func createAccount(c *call) *answer {
	var body struct {
		Name       string
		Role       *string
		IsDisabled *bool
	}
	if !c.bind(&body) || body.Name == "" {
		return badAccount()
	}
	role := roleViewer
	if body.Role != nil {
		role = validRole(*body.Role)
	}
	if role == "" {
		return badAccount()
	}
	if rank[role] > rank[c.role(c.who.orgID)] {
		return roleForbidden()
	}
	if c.org() == nil {
		return fail(http.StatusInternalServerError, "Failed to create service account")
	}
	login := accountLogin(c.who.orgID, body.Name)
	if other := c.db.accountNamed(login); other != nil {
		return c.taken(
			other.made,
			failID(http.StatusBadRequest, "serviceaccounts.ErrAlreadyExists", "service account already exists"),
			"Failed to create service account",
		)
	}
	kept, name := login, body.Name
	if !c.fits(&kept, nameLength) || !c.fits(&name, textLength) ||
		c.db.accountNamed(kept) != nil { // cut, it may be another's
		return fail(http.StatusInternalServerError, "Failed to create service account")
	}
	lost := c.losesFirst(c.org(), "service account")
	if lost && c.quirks.accountsAtOnce {
		return fail(http.StatusInternalServerError, "Failed to create service account")
	}
	u := c.db.addUser(user{
		login:          kept,
		email:          kept,
		name:           name,
		serviceAccount: true,
		orgID:          c.who.orgID,
		disabled:       body.IsDisabled != nil && *body.IsDisabled,
	}, c.now)
	c.org().members[u.id] = role
	if lost { // it is there all the same
		return fail(http.StatusInternalServerError, "Failed to create service account")
	}
	made := c.showAccount(u)
	made["avatarUrl"], made["login"], made["name"] = "", login, body.Name // whatever was kept of them
	return reply(http.StatusCreated, made)
}

// accountNamed is who has a login, person or not.
func (db *database) accountNamed(login string) *user {
	for _, u := range db.users {
		if db.kind.same(u.login, login) {
			return u
		}
	}
	return nil
}

func roleForbidden() *answer {
	return failID(
		http.StatusForbidden,
		"serviceaccounts.ErrRoleForbidden",
		"can not assign a role higher than user's role",
	)
}

// showAccount is a service account as create and search show it.
func (c *call) showAccount(u *user) obj {
	shown := obj{
		"id":         u.id,
		"name":       u.name,
		"login":      u.login,
		"orgId":      u.orgID,
		"isDisabled": u.disabled,
		"role":       c.db.orgs[u.orgID].members[u.id],
		"tokens":     len(c.db.tokensOf(u.id)),
		"avatarUrl":  avatarURL,
	}
	if c.quirks.accountsByUID {
		shown["uid"] = u.uid
	}
	return shown
}

// detailAccount is a service account as get and update show it.
func (c *call) detailAccount(u *user) obj {
	shown := c.showAccount(u)
	shown["createdAt"], shown["updatedAt"], shown["teams"] = stamp(u.created), stamp(u.updated), nil
	if len(c.db.tokensOf(u.id)) == 0 {
		delete(shown, "tokens")
	}
	return shown
}

func getAccount(c *call) *answer {
	u, a := c.account()
	if a != nil {
		return a
	}
	return ok(c.detailAccount(u))
}

func searchAccounts(c *call) *answer {
	pattern := "%" + c.folded(c.query.Get("query")) + "%"
	rows := []obj{}
	for _, u := range c.db.accountsOf(c.org()) {
		matches := like(c.folded(u.login), pattern) || like(c.folded(u.name), pattern) ||
			like(c.folded(u.email), pattern)
		if matches && c.filtered(u) {
			rows = append(rows, c.showAccount(u))
		}
	}
	size, number := c.number("perpage", 1000), max(c.number("page", 1), 1)
	if size <= 0 {
		size = 1000
	}
	return ok(
		obj{"totalCount": len(rows), "serviceAccounts": page(rows, size, number-1), "page": number, "perPage": size},
	)
}

// accountsOf are an org's service accounts, by login.
func (db *database) accountsOf(o *org) []*user {
	var out []*user
	if o == nil {
		return out
	}
	for id := range o.members {
		if u := db.users[id]; u != nil && u.serviceAccount {
			out = append(out, u)
		}
	}
	slices.SortFunc(out, func(a, b *user) int { return strings.Compare(a.login, b.login) })
	return out
}

// filtered says whether a service account passes the search's filter.
func (c *call) filtered(u *user) bool {
	if c.query.Get("disabled") == "true" {
		return u.disabled
	}
	if c.query.Get("expiredTokens") == "true" {
		for _, t := range c.db.tokensOf(u.id) {
			if t.expired(c.now) {
				return true
			}
		}
		return false
	}
	return true
}

func updateAccount(c *call) *answer {
	var body struct {
		Name, Role *string
		IsDisabled *bool
	}
	if !c.bind(&body) || body.Role != nil && validRole(*body.Role) == "" {
		return badAccount()
	}
	u, a := c.account()
	if a != nil {
		return a
	}
	kept := ""
	if body.Name != nil {
		kept = *body.Name
	}
	if !c.fits(&kept, textLength) {
		return fail(http.StatusInternalServerError, "Failed update service account")
	}
	if body.Role != nil {
		role := validRole(*body.Role)
		if rank[role] > rank[c.role(c.who.orgID)] {
			return roleForbidden()
		}
		c.org().members[u.id] = role
	}
	if body.IsDisabled != nil {
		u.disabled = *body.IsDisabled
	}
	if body.Name != nil && *body.Name != "" {
		u.name = kept
	}
	u.updated = c.now
	shown := c.detailAccount(u)
	delete(shown, "tokens")
	if body.Name != nil { // an empty one is echoed, though not kept
		shown["name"] = *body.Name
	}
	return ok(obj{"id": u.id, "message": "Service account updated", "name": shown["name"], "serviceaccount": shown})
}

func deleteAccount(c *call) *answer {
	u, a := c.account()
	if a != nil {
		if c.quirks.deleteMissingFails && a.status == http.StatusNotFound {
			return fail(http.StatusInternalServerError, "Service account deletion error")
		}
		return a
	}
	c.db.forget(u)
	return done("Service account deleted")
}

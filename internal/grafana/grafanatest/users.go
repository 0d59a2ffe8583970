package grafanatest

import (
	"cmp"
	"fmt"
	"net/http"
	"strings"
	"time"
)

const avatarURL = "/public/img/user_profile.png"

// externalLabels are those of who has come by an identity provider.
var externalLabels = []string{"JWT"}

// age is a duration as user lists show it.
func age(d time.Duration) string {
	switch {
	case d < time.Minute:
		return "< 1 minute"
	case d < time.Hour:
		return plural(int(d/time.Minute), "minute")
	case d < 24*time.Hour:
		return plural(int(d/time.Hour), "hour")
	case d < 365*24*time.Hour:
		return plural(int(d/(24*time.Hour)), "day")
	}
	return plural(int(d/(365*24*time.Hour)), "year")
}

func plural(n int, unit string) string {
	if n == 1 {
		return "1 " + unit
	}
	return fmt.Sprintf("%d %ss", n, unit)
}

// profile is a user as the routes about one user show it.
func (c *call) profile(u *user) obj {
	p := obj{
		"id":                             u.id,
		"uid":                            c.userUID(u),
		"email":                          u.email,
		"name":                           u.name,
		"login":                          u.login,
		"theme":                          "",
		"orgId":                          u.orgID,
		"isGrafanaAdmin":                 u.serverAdmin,
		"isDisabled":                     u.disabled,
		"isExternal":                     false,
		"isExternallySynced":             false,
		"isGrafanaAdminExternallySynced": false,
		"authLabels":                     []string{},
		"updatedAt":                      stamp(u.updated),
		"createdAt":                      stamp(u.created),
		"avatarUrl":                      avatarURL,
	}
	if u.external {
		p["isExternal"], p["isExternallySynced"], p["authLabels"] = true, true, externalLabels
	}
	if c.quirks.newUserFields {
		p["isProvisioned"] = false
	}
	return p
}

// userUID is a user's uid; the first one of an old version has none.
func (c *call) userUID(u *user) string {
	if !c.quirks.newUserFields && u.id == 1 {
		return ""
	}
	return u.uid
}

func currentUser(c *call) *answer {
	u := c.who.user
	switch {
	case u == nil:
		return fail(http.StatusUnauthorized, "Unauthorized")
	case !u.serviceAccount:
		return ok(c.profile(u))
	case !c.quirks.accountsAreUsers:
		return fail(http.StatusForbidden, "Endpoint only available for users")
	}
	p := c.profile(u)
	p["id"], p["uid"], p["email"] = 0, fmt.Sprintf("service-account:%d", u.id), u.login
	p["authLabels"], p["updatedAt"], p["createdAt"], p["avatarUrl"] = nil, stamp(time.Time{}), stamp(time.Time{}), ""
	return ok(p)
}

func createUser(c *call) *answer {
	var body struct {
		Name, Login, Email, Password string
		OrgID                        int64 `json:"OrgId"`
	}
	if !c.bind(&body) || body.Password == "" {
		return badData()
	}
	short := len(body.Password) < 4
	if short && !c.quirks.checksUsers {
		return c.passwordTooShort()
	}
	if body.Login = cmp.Or(body.Login, body.Email); body.Login == "" {
		return namesNobody()
	}
	switch {
	case body.OrgID > 0 && c.db.orgs[body.OrgID] == nil:
		return noOrgToJoin(body.OrgID)
	case c.db.taken(body.Login, body.Email, nil):
		return userTaken(body.Login, body.Email)
	case short:
		return c.passwordTooShort()
	case c.org() == nil && !c.quirks.usersAnywhere:
		return denied(c, "users:create")
	}
	orgID := cmp.Or(max(body.OrgID, 0), 1)
	o := c.db.orgs[orgID]
	if o == nil {
		c.db.lastUser++ // made, and unmade again
		return noOrgToJoin(orgID)
	}
	body.Email = cmp.Or(body.Email, body.Login)
	if c.quirks.lowersUsers {
		body.Login, body.Email = strings.ToLower(body.Login), strings.ToLower(body.Email)
	}
	if !c.allFit(nameLength, &body.Login, &body.Email) || !c.fits(&body.Name, textLength) {
		return fail(http.StatusInternalServerError, "failed to create user")
	}
	u := c.db.addUser(
		user{login: body.Login, email: body.Email, name: body.Name, password: body.Password, orgID: orgID},
		c.now,
	)
	o.members[u.id] = roleViewer
	made := obj{"id": u.id, "message": "User created"}
	if c.quirks.newUserFields {
		made["uid"] = u.uid
	}
	return ok(made)
}

func userTaken(login, email string) *answer {
	return fail(
		http.StatusPreconditionFailed,
		fmt.Sprintf("User with email '%s' or username '%s' already exists", email, login),
	)
}

func noOrgToJoin(id int64) *answer {
	return fail(http.StatusBadRequest, fmt.Sprintf("[org.notFound] failed to get organization with ID: %d", id))
}

func namesNobody() *answer {
	return failID(http.StatusBadRequest, "user.empty-username-and-email", "Need to specify either username or email")
}

// taken says whether another than this user has the login or e-mail address.
func (db *database) taken(login, email string, than *user) bool {
	for _, u := range db.people(func(u *user) bool { return u != than }) {
		if login != "" && db.samePerson(u.login, login) || email != "" && db.samePerson(u.email, email) {
			return true
		}
	}
	return false
}

func (c *call) passwordTooShort() *answer {
	if !c.quirks.newUserFields {
		return fail(http.StatusBadRequest, "Password is missing or too short")
	}
	return failID(http.StatusBadRequest, "password.password-policy-too-short", "New password is too short")
}

func setServerAdmin(c *call) *answer {
	var body struct{ IsGrafanaAdmin bool }
	if !c.bind(&body) {
		return badData()
	}
	u := c.db.users[c.id("user")]
	switch {
	case u == nil && c.quirks.checksUsers:
		return fail(http.StatusInternalServerError, "Failed to update user permissions")
	case u == nil:
		return done("User permissions updated")
	}
	if !body.IsGrafanaAdmin && u.serverAdmin && c.db.serverAdmins() == 1 {
		return fail(http.StatusBadRequest, "cannot remove last grafana admin")
	}
	u.serverAdmin = body.IsGrafanaAdmin
	return done("User permissions updated")
}

func (db *database) serverAdmins() int {
	n := 0
	for _, u := range db.users {
		if u.serverAdmin {
			n++
		}
	}
	return n
}

func setPassword(c *call) *answer {
	if c.server.opts.DisableLoginForm {
		return fail(http.StatusForbidden, "Not allowed to reset password when login form is disabled")
	}
	var body struct{ Password string }
	if !c.bind(&body) || body.Password == "" {
		return badData()
	}
	u := c.db.users[c.id("user")]
	switch {
	case (u == nil || len(body.Password) < 4) && c.quirks.checksUsers:
		return fail(http.StatusInternalServerError, "Failed to update user password")
	case u == nil:
		return fail(http.StatusInternalServerError, "Could not read user from database")
	case len(body.Password) < 4:
		return fail(http.StatusInternalServerError, "Internal Server Error")
	}
	u.password = body.Password
	return done("User password updated")
}

func disableUser(c *call) *answer { return c.setDisabled(true, "User disabled") }
func enableUser(c *call) *answer  { return c.setDisabled(false, "User enabled") }

func (c *call) setDisabled(disabled bool, message string) *answer {
	u := c.db.users[c.id("user")]
	if u == nil {
		return fail(http.StatusNotFound, "user not found")
	}
	u.disabled = disabled
	return done(message)
}

// deleteUser takes the last server admin as well.
func deleteUser(c *call) *answer {
	u := c.db.users[c.id("user")]
	if u == nil || u.serviceAccount {
		return fail(http.StatusNotFound, "user not found")
	}
	c.db.forget(u)
	return done("User deleted")
}

// forget removes a user from everywhere.
func (db *database) forget(u *user) {
	for _, o := range db.orgs {
		delete(o.members, u.id)
		o.leaveTeams(u.id)
	}
	for id, t := range db.tokens {
		if t.accountID == u.id {
			delete(db.tokens, id)
		}
	}
	for id, s := range db.sessions {
		if s.userID == u.id {
			delete(db.sessions, id)
		}
	}
	delete(db.users, u.id)
}

// row is a user as lists show it.
func (c *call) row(u *user) obj {
	r := obj{
		"id":            u.id,
		"uid":           "",
		"name":          u.name,
		"login":         u.login,
		"email":         u.email,
		"avatarUrl":     avatarURL,
		"isAdmin":       u.serverAdmin,
		"isDisabled":    u.disabled,
		"lastSeenAt":    stamp(u.seenAt),
		"lastSeenAtAge": age(c.now.Sub(u.seenAt)),
		"authLabels":    []string{},
	}
	if c.quirks.newUserFields {
		r["uid"], r["isProvisioned"], r["created"] = u.uid, false, stamp(u.created)
	}
	return r
}

// usersFound are the rows of a page of users, and how many there are in all.
func (c *call) usersFound() (rows []obj, total int, number, size int64) {
	pattern := "%" + strings.ToLower(c.query.Get("query")) + "%"
	rows = []obj{}
	for _, u := range c.db.people(func(*user) bool { return true }) {
		if like(strings.ToLower(u.login), pattern) || like(strings.ToLower(u.name), pattern) ||
			like(strings.ToLower(u.email), pattern) {
			rows = append(rows, c.row(u))
		}
	}
	total = len(rows)
	number, size = max(c.number("page", 1), 1), c.number("perpage", 1000)
	if size <= 0 {
		size = 1000
	}
	return page(rows, size, number-1), total, number, size
}

func listUsers(c *call) *answer {
	rows, _, _, _ := c.usersFound()
	return ok(rows)
}

func searchUsers(c *call) *answer {
	rows, total, number, size := c.usersFound()
	return ok(obj{"totalCount": total, "users": rows, "page": number, "perPage": size})
}

func lookupUser(c *call) *answer {
	u := c.db.person(c.query.Get("loginOrEmail"))
	if u == nil {
		return fail(http.StatusNotFound, "user not found")
	}
	p := c.profile(u)
	p["avatarUrl"], p["isExternal"], p["isExternallySynced"] = "", false, false
	if !c.quirks.newUserFields {
		p["uid"], p["authLabels"], p["isDisabled"] = "", nil, false
	}
	return ok(p)
}

func userByID(c *call) *answer {
	u := c.db.users[c.id("user")]
	if u == nil || u.serviceAccount {
		return fail(http.StatusNotFound, "user not found")
	}
	return ok(c.profile(u))
}

func updateUser(c *call) *answer {
	var body struct{ Name, Login, Email string }
	if !c.bind(&body) {
		return badData()
	}
	body.Login = cmp.Or(body.Login, body.Email)
	if body.Login == "" {
		return namesNobody()
	}
	u := c.db.users[c.id("user")]
	missing := u == nil || u.serviceAccount
	switch {
	case missing && !c.quirks.checksUsers:
		return done("User updated")
	case missing || c.db.taken(body.Login, body.Email, u):
		return fail(http.StatusInternalServerError, "Failed to update user")
	}
	set(&u.name, body.Name)
	set(&u.login, strings.ToLower(body.Login))
	set(&u.email, strings.ToLower(body.Email))
	u.updated = c.now
	return done("User updated")
}

package grafanatest

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// showMember is a membership as the lists show it.
func (c *call) showMember(o *org, u *user) obj {
	m := obj{
		"orgId":     o.id,
		"userId":    u.id,
		"email":     u.email,
		"name":      u.name,
		"avatarUrl": avatarURL,
		"login":     u.login,
		"role":      o.members[u.id],
		"lastSeenAt": stamp(
			u.seenAt,
		),
		"lastSeenAtAge":      age(c.now.Sub(u.seenAt)),
		"isDisabled":         u.disabled,
		"authLabels":         nil,
		"isExternallySynced": u.external,
	}
	if u.external {
		m["authLabels"] = externalLabels
	}
	if c.quirks.newUserFields {
		m["uid"], m["created"], m["isProvisioned"] = u.uid, stamp(u.created), false
	}
	return m
}

func listMembers(c *call) *answer {
	o := c.db.orgs[c.id("org")]
	out := []obj{}
	for _, u := range c.members(o) {
		out = append(out, c.showMember(o, u))
	}
	return ok(out)
}

func addMember(c *call) *answer {
	var body struct {
		LoginOrEmail string
		Role         *string
	}
	if !c.bind(&body) || body.LoginOrEmail == "" || body.Role == nil ||
		*body.Role != "" && validRole(*body.Role) == "" {
		return badData()
	}
	u := c.db.person(body.LoginOrEmail)
	if u == nil {
		return fail(http.StatusNotFound, "User not found")
	}
	o := c.db.orgs[c.id("org")]
	switch {
	case o == nil:
		return fail(http.StatusInternalServerError, "Could not add user to organization")
	case o.members[u.id] != "":
		return reply(http.StatusConflict, obj{"message": "User is already member of this organization", "userId": u.id})
	case *body.Role == "":
		return badData() // never recorded
	}
	o.members[u.id] = validRole(*body.Role)
	if c.db.orgs[u.orgID] == nil {
		u.orgID = o.id
	}
	return ok(obj{"message": "User added to organization", "userId": u.id})
}

func changeMember(c *call) *answer {
	var body struct{ Role string }
	if !c.bind(&body) || validRole(body.Role) == "" {
		return badData()
	}
	o, id, role := c.db.orgs[c.id("org")], c.id("user"), validRole(body.Role)
	if o == nil || o.members[id] == "" {
		return fail(http.StatusInternalServerError, "Failed update org user")
	}
	if u := c.db.users[id]; u != nil && u.external {
		return failID(http.StatusForbidden, "org.externallySynced", "cannot change role for externally synced user")
	}
	if role != roleAdmin && o.lastAdmin(id) {
		return fail(http.StatusBadRequest, "Cannot change role so that there is no organization admin left")
	}
	o.members[id] = role
	return done("Organization user updated")
}

func removeMember(c *call) *answer {
	o, id := c.db.orgs[c.id("org")], c.id("user")
	u := c.db.users[id]
	if u == nil {
		return fail(http.StatusInternalServerError, "Failed to remove user from organization")
	}
	if o == nil && c.quirks.checksUsers {
		return done("User removed from organization")
	}
	if o == nil || o.lastAdmin(id) {
		return fail(http.StatusBadRequest, "Cannot remove last organization admin")
	}
	if o.members[id] != "" || !c.quirks.checksUsers {
		o.leaveTeams(id)
	}
	delete(o.members, id)
	if u.orgID == o.id {
		c.db.moveOn(u)
	}
	return done("User removed from organization")
}

// lastAdmin says whether an org would have no admin without this one. Service
// accounts count.
func (o *org) lastAdmin(id int64) bool {
	if o.members[id] != roleAdmin {
		return false
	}
	for other, role := range o.members {
		if other != id && role == roleAdmin {
			return false
		}
	}
	return true
}

// moveOn makes another org of a user's the current one.
func (db *database) moveOn(u *user) {
	for _, id := range slices.Sorted(maps.Keys(db.orgs)) {
		if db.orgs[id].members[u.id] != "" {
			u.orgID = id
			return
		}
	}
}

func myOrgs(c *call) *answer {
	if c.who.user == nil || c.who.user.serviceAccount {
		if !c.quirks.unified {
			return fail(http.StatusForbidden, "Endpoint only available for users")
		}
		return &answer{status: http.StatusNotModified, header: http.Header{}}
	}
	return ok(c.db.orgsOf(c.who.user))
}

func orgsOfUser(c *call) *answer {
	u := c.db.users[c.id("user")]
	if u == nil {
		return ok([]obj{})
	}
	return ok(c.db.orgsOf(u))
}

func (db *database) orgsOf(u *user) []obj {
	out := []obj{}
	byName := func(a, b *org) int {
		return cmp.Or(
			strings.Compare(strings.ToLower(a.name), strings.ToLower(b.name)),
			strings.Compare(a.name, b.name),
		)
	}
	for _, o := range sorted(db.orgs, byName) {
		if role := o.members[u.id]; role != "" {
			out = append(out, obj{"orgId": o.id, "name": o.name, "role": role})
		}
	}
	return out
}

func useOrg(c *call) *answer {
	o := c.db.orgs[c.id("org")]
	if o == nil || c.who.user == nil || o.members[c.who.user.id] == "" {
		return fail(http.StatusUnauthorized, "Not a valid organization")
	}
	c.who.user.orgID = o.id
	return done("Active organization changed")
}

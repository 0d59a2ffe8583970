package grafanatest

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
)

// team is a team of an organization.
type team struct {
	made             int // as in org
	id               int64
	uid, name, email string
	members          map[int64]teamMember // by users' ids: people and service accounts
	prefs            preferences
}

// teamMember is somebody's place in a team.
type teamMember struct {
	uid        string
	permission int // 0 or 4
}

// teamAdmin is the permission of a team's admins.
const teamAdmin = 4

// team finds the team of the path; by uid, too, where the version can.
func (c *call) team() *team {
	o, id := c.org(), c.id("team")
	if o == nil {
		return nil
	}
	for _, t := range o.teams {
		if t.id == id || c.quirks.teamsByUID && t.uid == c.params["team"] {
			return t
		}
	}
	return nil
}

func noTeam() *answer { return fail(http.StatusNotFound, "Team not found") }

func (c *call) showTeam(o *org, t *team) obj {
	shown := obj{
		"id": t.id, "uid": t.uid, "orgId": o.id, "name": t.name, "email": t.email, "avatarUrl": avatarURL,
		"memberCount": len(t.members), "permission": 0, "accessControl": nil,
	}
	if c.quirks.newUserFields {
		shown["externalUID"], shown["isProvisioned"] = "", false
	}
	return shown
}

// teamNamed is another team than this one that the database takes to have the name; nil: there is none.
func (o *org) teamNamed(name string, than *team) *team {
	for _, t := range o.teams {
		if t != than && o.database.same(t.name, name) {
			return t
		}
	}
	return nil
}

func createTeam(c *call) *answer {
	var body struct{ Name, Email string }
	if !c.bind(&body) || body.Name == "" {
		return badData()
	}
	o := c.org()
	if o == nil { // it is gone, and who could make teams there still can: into nothing
		o = &org{teams: map[int64]*team{}, database: c.db.kind}
	}
	if !c.allFit(nameLength, &body.Name, &body.Email) {
		return fail(http.StatusInternalServerError, "Failed to create Team")
	}
	if other := o.teamNamed(body.Name, nil); other != nil {
		return c.taken(other.made, fail(http.StatusConflict, "Team name taken"), "Failed to create Team")
	}
	c.db.lastTeam++
	t := &team{
		made: c.db.arrived(), id: c.db.lastTeam, uid: c.db.newUID(), name: body.Name, email: body.Email,
		members: map[int64]teamMember{},
	}
	o.teams[t.id] = t
	if u := c.who.user; u != nil && !u.serviceAccount {
		t.members[u.id] = teamMember{c.db.newUID(), teamAdmin}
	}
	made := obj{"teamId": t.id, "message": "Team created"}
	if c.quirks.newUserFields {
		made["uid"] = t.uid
	}
	return ok(made)
}

func getTeam(c *call) *answer {
	switch t := c.team(); {
	case t != nil:
		return ok(c.showTeam(c.org(), t))
	case c.id("team") == 0 && !c.quirks.teamsByUID:
		return fail(http.StatusBadRequest, "teamId is invalid")
	}
	return noTeam()
}

func searchTeams(c *call) *answer {
	o, name := c.org(), c.query.Get("name")
	pattern := "%" + c.folded(c.query.Get("query")) + "%"
	rows := []obj{}
	if o == nil { // it is gone, and who could read it still can
		o = &org{}
	}
	for _, t := range sorted(o.teams, func(a, b *team) int { return cmp.Compare(a.name, b.name) }) {
		if (name == "" || o.database.same(t.name, name)) && like(c.folded(t.name), pattern) {
			rows = append(rows, c.showTeam(o, t))
		}
	}
	number, size := max(c.number("page", 1), 1), c.number("perpage", 1000)
	return ok(obj{
		"totalCount": len(rows), "teams": page(rows, size, number-1), "page": number, "perPage": size,
	})
}

func updateTeam(c *call) *answer {
	var body struct{ Name, Email string }
	if !c.bind(&body) {
		return badData()
	}
	o, t := c.org(), c.team()
	switch {
	case t == nil && c.quirks.checksTeams:
		return noTeam()
	case t == nil:
		return fail(http.StatusInternalServerError, "Failed to update Team")
	case body.Name != "" && o.teamNamed(body.Name, t) != nil:
		return fail(http.StatusBadRequest, "Team name taken")
	case !c.allFit(nameLength, &body.Name, &body.Email):
		return fail(http.StatusInternalServerError, "Failed to update Team")
	}
	set(&t.name, body.Name)
	t.email = body.Email
	return done("Team updated")
}

func deleteTeam(c *call) *answer {
	t := c.team()
	switch {
	case t == nil && c.quirks.checksTeams:
		return noTeam()
	case t == nil:
		return fail(http.StatusNotFound, "Failed to delete Team. ID not found")
	}
	c.org().dropTeam(t.id)
	return done("Team deleted")
}

// dropTeam deletes a team, with what it may do.
func (o *org) dropTeam(id int64) {
	delete(o.teams, id)
	others := func(items []item) []item { // which are never changed
		return slices.DeleteFunc(slices.Clone(items), func(i item) bool { return i.team == id })
	}
	for _, f := range o.folders {
		f.items = others(f.items)
	}
	for _, d := range o.dashboards {
		d.items = others(d.items)
	}
}

// listTeamMembers shows the people in a team, and no service accounts.
func listTeamMembers(c *call) *answer {
	rows := []obj{}
	t := c.team()
	if t == nil {
		return ok(rows)
	}
	for _, u := range c.db.people(func(u *user) bool { _, in := t.members[u.id]; return in }) {
		m := t.members[u.id]
		row := obj{
			"orgId": c.who.orgID, "teamId": t.id, "teamUID": t.uid, "userId": u.id, "auth_module": "",
			"email": u.email, "name": u.name, "login": u.login, "avatarUrl": avatarURL, "labels": []string{},
			"permission": m.permission,
		}
		if c.quirks.newUserFields {
			row["uid"], row["userUID"] = m.uid, u.uid
		}
		rows = append(rows, row)
	}
	slices.SortFunc(rows, func(a, b obj) int { return strings.Compare(a["login"].(string), b["login"].(string)) })
	return ok(rows)
}

func addTeamMember(c *call) *answer {
	var body struct {
		UserID int64 `json:"userId"`
	}
	if !c.bind(&body) {
		return badData()
	}
	t := c.team()
	if t == nil && c.quirks.checksTeams {
		return noTeam()
	}
	if t == nil || c.db.users[body.UserID] == nil {
		return fail(http.StatusInternalServerError, "Failed to add Member to Team")
	}
	if _, in := t.members[body.UserID]; in {
		return fail(http.StatusBadRequest, "User is already added to this team")
	}
	t.members[body.UserID] = teamMember{uid: c.db.newUID()}
	return done("Member added to Team")
}

func changeTeamMember(c *call) *answer {
	var body struct{ Permission int }
	if !c.bind(&body) {
		return badData()
	}
	t, id := c.team(), c.id("user")
	if t == nil && c.quirks.checksTeams {
		return noTeam()
	}
	if t == nil {
		return fail(http.StatusNotFound, "Team member not found.")
	}
	m, in := t.members[id]
	switch {
	case !in:
		return fail(http.StatusNotFound, "Team member not found.")
	case body.Permission != 0 && body.Permission != teamAdmin && !c.quirks.checksTeams:
		return fail(http.StatusInternalServerError, "Failed to update team member.")
	}
	m.permission = body.Permission
	t.members[id] = m
	return done("Team member updated")
}

func removeTeamMember(c *call) *answer {
	t, id := c.team(), c.id("user")
	if t == nil {
		return noTeam()
	}
	if c.db.users[id] == nil {
		return fail(http.StatusInternalServerError, "Failed to remove Member from Team")
	}
	if _, in := t.members[id]; !in {
		return fail(http.StatusNotFound, "Team member not found")
	}
	delete(t.members, id)
	return done("Team Member removed")
}

// leaveTeams takes a user out of all teams of an organization.
func (o *org) leaveTeams(id int64) {
	for _, t := range o.teams {
		delete(t.members, id)
	}
}

func getTeamPreferences(c *call) *answer {
	if t := c.team(); t != nil {
		return ok(c.showPreferences(c.org(), t.prefs))
	}
	return ok(obj{})
}

// putTeamPreferences takes those of a team that does not exist as well.
func putTeamPreferences(c *call) *answer {
	t := c.team()
	if t == nil {
		t = &team{}
	}
	return c.writePreferences(&t.prefs, true)
}

package grafanatest

import (
	"slices"
	"time"
)

// What an item of a permission list allows.
const (
	mayView  = 1
	mayEdit  = 2
	mayAdmin = 4
)

var levelNames = map[int]string{mayView: "View", mayEdit: "Edit", mayAdmin: "Admin"}

// item is an entry of the permissions of a dashboard or folder: what a user, those
// in a team, or everybody of a role and above, may do.
type item struct {
	n     int64 // counts up
	user  int64
	team  int64
	role  string // "": the user's or the team's
	level int
	at    time.Time
}

func (i item) sameSubject(other item) bool {
	return i.user == other.user && i.team == other.team && i.role == other.role
}

// place is where it stands: users before teams, and these before roles.
func (i item) place() int {
	switch {
	case i.role != "":
		return 2
	case i.team != 0:
		return 1
	}
	return 0
}

// defaultItems are those of something new: of whoever made it, if Grafana gives
// them any, and, if it is to be seen by all, of editors and viewers.
func (c *call) defaultItems(forAll bool) []item {
	var items []item
	if u := c.who.user; u != nil && (!u.serviceAccount || c.quirks.accountsAreUsers) {
		items = append(items, item{user: u.id, level: mayAdmin, at: c.now})
	}
	if forAll {
		items = append(
			items,
			item{role: roleEditor, level: mayEdit, at: c.now},
			item{role: roleViewer, level: mayView, at: c.now},
		)
	}
	return c.numbered(items)
}

// numbered gives new items their numbers.
func (c *call) numbered(items []item) []item {
	for i := range items {
		c.db.lastItem++
		items[i].n = c.db.lastItem
	}
	return items
}

// itemsOfDashboard are those of a new dashboard. At the root, a lost race for the
// roles of the org leaves it with none.
func (c *call) itemsOfDashboard(o *org, folder string) []item {
	if c.in.bare || folder == "" && c.losesFirst(o, "roles") {
		return nil
	}
	return c.defaultItems(folder == "")
}

// itemsOfFolder are those of a new folder. A subfolder of a new Grafana has none
// of its own: it inherits.
func (c *call) itemsOfFolder(o *org, parent string) []item {
	inherits := parent != "" && c.quirks.nestedFolders
	if c.in.bare || inherits && c.quirks.unified || !inherits && c.losesFirst(o, "roles") {
		return nil
	}
	return c.defaultItems(true)
}

// level is what the caller may do to something with these items in a folder:
// what is inherited counts as well.
func (c *call) level(items []item, folder string) int {
	role := c.role(c.who.orgID)
	if role == roleAdmin {
		return mayAdmin
	}
	level := c.ownLevel(items, role)
	o := c.org()
	if o == nil {
		return level
	}
	for f := o.folder(folder); f != nil; f = o.folder(f.parent) {
		level = max(level, c.ownLevel(f.items, role))
	}
	return level
}

func (c *call) ownLevel(items []item, role string) int {
	level := 0
	for _, i := range items {
		forRole := i.role != "" && rank[role] >= rank[i.role]
		forUser := i.role == "" && c.who.user != nil && (c.who.user.id == i.user || c.inTeam(i.team))
		if (forRole || forUser) && c.knows(i) {
			level = max(level, i.level)
		}
	}
	return level
}

// inTeam reports whether the caller is in a team.
func (c *call) inTeam(id int64) bool {
	t := c.org().teams[id]
	if t == nil {
		return false
	}
	_, in := t.members[c.who.user.id]
	return in
}

func (c *call) dashboardLevel(d *dashboard) int { return c.level(d.items, d.folder) }
func (c *call) folderLevel(f *folder) int       { return c.level(f.items, f.parent) }

// replaced are the items after a list of them was set: who had the same before
// keeps their place, of two for one the last counts, and what allows nothing that
// is known is dropped. Users stand before teams, and these before roles.
func replaced(before, wanted []item) []item {
	var after []item
	for _, old := range before {
		if slices.ContainsFunc(wanted, func(w item) bool { return w.sameSubject(old) && w.level == old.level }) {
			after = append(after, old)
		}
	}
	for _, w := range wanted {
		if slices.ContainsFunc(after, func(a item) bool { return a.sameSubject(w) && a.level == w.level }) {
			continue
		}
		after = slices.DeleteFunc(after, w.sameSubject)
		if levelNames[w.level] != "" {
			after = append(after, w)
		}
	}
	slices.SortStableFunc(after, func(a, b item) int { return a.place() - b.place() })
	return after
}

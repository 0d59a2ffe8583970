package grafanatest

import "time"

// permissionsAsOf is what Grafana remembers of the permissions of somebody in an
// org: those items of dashboards and folders that there were then. What was taken
// away since is noticed at once here, though not by Grafana.
type permissionsAsOf struct {
	at    time.Time
	items int64 // the last item
}

// recallPermissions reads what the caller may do, or keeps to what was read not
// long ago.
func (c *call) recallPermissions() {
	key := memoryKey{c.who.user.id, c.who.orgID}
	known, cached := c.db.permissions[key]
	if cached && c.now.Sub(known.at) < c.quirks.permissionTTL {
		c.who.itemsSeen = known.items
		return
	}
	c.reloadPermissions()
}

// reloadPermissions reads what the caller may do.
func (c *call) reloadPermissions() {
	if c.who.user == nil || c.in.hidden {
		return
	}
	c.who.itemsSeen = c.db.lastItem
	c.db.permissions[memoryKey{c.who.user.id, c.who.orgID}] = permissionsAsOf{c.now, c.db.lastItem}
}

// knows says whether the caller's permissions have an item yet. Who asks the new
// storage itself sees all of them.
func (c *call) knows(i item) bool {
	return c.live || c.who.user == nil || c.in.hidden || i.n <= c.who.itemsSeen
}

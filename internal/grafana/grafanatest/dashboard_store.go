package grafanatest

import (
	"maps"
	"reflect"
	"slices"
)

// keptVersions is how many lines of a dashboard's history Grafana keeps if it
// is not told otherwise. It clears up behind itself within minutes; here that is
// done at once.
const keptVersions = 20

// store writes a dashboard.
func (c *call) store(o *org, d *dashboard, req *saveRequest) *dashboard {
	if d == nil {
		d = c.newDashboard(req)
	} else if c.quirks.unified && d.folder == req.FolderUID && d.stored == req.stored &&
		reflect.DeepEqual(d.model, req.model) {
		c.touch(d, req)
		return d
	}
	by := c.signature()
	delete(o.dashboards, d.uid) // an old version can change the uid
	d.uid, d.title, d.folder, d.model, d.stored = req.uid, req.title, req.FolderUID, req.model, req.stored
	d.updated, d.updatedBy = c.now, by
	o.dashboards[d.uid] = d
	if len(d.versions) == 0 && (!req.resource || req.granted) {
		d.items = c.itemsOfDashboard(o, d.folder)
		c.reloadPermissions()
	}
	v := dashboardVersion{
		number:       1,
		message:      req.Message,
		notes:        req.notes,
		by:           by,
		at:           c.now,
		model:        d.model,
		stored:       d.stored,
		folder:       d.folder,
		restoredFrom: req.restoredFrom,
	}
	if len(d.versions) > 0 {
		// The state that is written is that which was read for it, with what was said of its conversion.
		if v.claimed = d.last().claimed; d.last().storedAs() != v.storedAs() {
			v.claimed = d.last().storedAs()
		}
		d.updater = c.makerID()
		v.parent, v.number, v.updater = d.version(), d.version()+1, d.updater
	}
	c.addVersion(d, v)
	return d
}

func (c *call) newDashboard(req *saveRequest) *dashboard {
	if req.uid == "" {
		req.uid = c.db.newDashboardUID()
	}
	d := &dashboard{id: req.id, uid: req.uid, created: c.now, createdBy: c.signature(), maker: c.makerID()}
	if d.id == 0 {
		d.id = c.db.newContentID()
	}
	return d
}

// touch is a save that changes nothing: the version stays, with its author and
// time, but its message is replaced. The first of them through /api, and every
// one that says something else, leaves a line in the history.
func (c *call) touch(d *dashboard, req *saveRequest) {
	last := *d.last()
	same := last.message == req.Message && maps.Equal(last.notes, req.notes)
	if same && (d.touched || req.resource) {
		return
	}
	d.touched = !req.resource
	last.message, last.notes = req.Message, req.notes
	c.addVersion(d, last)
}

// addVersion adds a line to the history, under a revision of its own.
func (c *call) addVersion(d *dashboard, v dashboardVersion) {
	c.db.lastVersion++
	v.id = c.db.lastVersion
	if c.quirks.unified {
		v.id = v.number
	}
	c.db.lastRevision = max(c.db.lastRevision+1, c.now.UnixMicro())
	v.revision = c.db.lastRevision
	d.versions = append(d.versions, v)
	if over := len(d.versions) - keptVersions; over > 0 {
		d.versions = slices.Clone(d.versions[over:])
	}
}

// last is the newest line of the history.
func (d *dashboard) last() *dashboardVersion { return &d.versions[len(d.versions)-1] }

// signature is how the caller is named as author.
func (c *call) signature() string {
	u := c.who.user
	switch {
	case u == nil, u.serviceAccount && !c.quirks.accountsAreUsers:
		return "Anonymous"
	case u.serviceAccount:
		return u.name
	}
	return u.login
}

func (c *call) makerID() int64 {
	if c.who.user == nil {
		return 0
	}
	return c.who.user.id
}

package grafanatest

import "reflect"

// store writes a dashboard.
func (c *call) store(o *org, d *dashboard, req *saveRequest) *dashboard {
	by := c.signature()
	if d == nil {
		if req.uid == "" {
			req.uid = c.db.newDashboardUID()
		}
		d = &dashboard{id: req.id, uid: req.uid, created: c.now, createdBy: by, maker: c.makerID()}
		if d.id == 0 {
			d.id = c.db.newContentID()
		}
	} else if c.quirks.unified && d.folder == req.FolderUID && reflect.DeepEqual(d.model, req.model) {
		c.touch(d, req, by)
		return d
	}
	delete(o.dashboards, d.uid) // an old version can change the uid
	d.uid, d.title, d.folder, d.model = req.uid, req.title, req.FolderUID, req.model
	d.updated, d.updatedBy = c.now, by
	o.dashboards[d.uid] = d
	last := int64(0)
	if len(d.versions) > 0 {
		last, d.updater = d.version(), c.makerID()
	}
	d.addVersion(c, dashboardVersion{number: last + 1, parent: last, message: req.Message, by: by, at: c.now, model: d.model, restoredFrom: req.restoredFrom})
	return d
}

// touch is a save that changes nothing: the version stays, but the first of
// them, and every one with another message, leaves a line in the history.
func (c *call) touch(d *dashboard, req *saveRequest, by string) {
	last := d.versions[len(d.versions)-1]
	if d.touched && last.message == req.Message {
		return
	}
	d.touched = true
	last.message, last.by, last.at = req.Message, by, c.now
	d.addVersion(c, last)
}

func (d *dashboard) addVersion(c *call, v dashboardVersion) {
	c.db.lastVersion++
	v.id = c.db.lastVersion
	if c.quirks.unified {
		v.id = v.number
	}
	d.versions = append(d.versions, v)
}

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

package grafanatest

import (
	"maps"
	"slices"
)

// deepest is how many ancestors a folder can have.
const deepest = 4

// ancestors of a folder, nearest first.
func (o *org) ancestors(f *folder) []*folder {
	var out []*folder
	for p := o.folder(f.parent); p != nil; p = o.folder(p.parent) {
		out = append(out, p)
	}
	return out
}

// below are the uids of a folder and all that are in it.
func (o *org) below(f *folder) map[string]bool {
	uids := map[string]bool{f.uid: true}
	for _, other := range o.folders {
		for _, p := range o.ancestors(other) {
			uids[other.uid] = uids[other.uid] || p == f
		}
	}
	return uids
}

// folderTitled finds another folder of this title in the same place. Flat folders are all in one.
func (c *call) folderTitled(o *org, title, parent, exceptUID string) *folder {
	for _, f := range o.folders {
		if o.database.same(f.title, title) && f.uid != exceptUID && (f.parent == parent || !c.quirks.nestedFolders) {
			return f
		}
	}
	return nil
}

// rulesBelow is how many alert rules are in a folder and those in it.
func (c *call) rulesBelow(f *folder) (n int) {
	for uid := range c.org().below(f) {
		n += c.org().rulesIn(uid)
	}
	return n
}

// panelsUsedIn says whether a dashboard uses a library panel of a folder. 10.4.3 does not ask about folders in it.
func (c *call) panelsUsedIn(f *folder) bool {
	for _, p := range c.db.panelsOf(c.who.orgID) {
		for _, d := range c.org().dashboards {
			if p.folder == f.uid && d.usesPanel(p.uid) {
				return true
			}
		}
	}
	return false
}

// usesPanel says whether a dashboard refers to a library panel.
func (d *dashboard) usesPanel(uid string) bool { return slices.Contains(panelsIn(d.model), uid) }

func (db *database) dropFolder(o *org, uid string, q quirks) {
	if f := o.folders[uid]; f != nil {
		o.lost[uid] = f.id
	}
	delete(o.folders, uid)
	maps.DeleteFunc(o.rules, func(_ string, r *alertRule) bool { return r.body.FolderUID == uid })
	db.dropPanels(o.id, uid, q)
	for id, d := range o.dashboards {
		if d.folder == uid {
			delete(o.dashboards, id)
		}
	}
	for child, f := range o.folders {
		if f.parent == uid {
			db.leavePanels(o.id, child, q)
			db.dropFolder(o, child, q)
		}
	}
}

// gone is the folder of a library panel that was in a folder in one that was deleted: 10.4.3 keeps it, and nothing
// shows it.
const gone = "?gone"

func (db *database) leavePanels(orgID int64, folder string, q quirks) {
	for _, p := range db.panels {
		if p.orgID == orgID && p.folder == folder && !q.unified {
			p.folder = gone
		}
	}
}

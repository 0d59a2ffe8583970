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

// panelsUsedBelow says whether a dashboard uses a library panel of a folder or of one in it.
func (c *call) panelsUsedBelow(f *folder) bool {
	within := c.org().below(f)
	for _, p := range c.db.panelsOf(c.who.orgID) {
		for _, d := range c.org().dashboards {
			if within[p.folder] && d.usesPanel(p.uid) {
				return true
			}
		}
	}
	return false
}

// usesPanel says whether one of a dashboard's panels is a library panel.
func (d *dashboard) usesPanel(uid string) bool {
	panels, _ := d.model["panels"].([]any)
	return slices.ContainsFunc(panels, func(p any) bool {
		panel, _ := p.(map[string]any)
		library, _ := panel["libraryPanel"].(map[string]any)
		return library["uid"] == uid
	})
}

func (db *database) dropFolder(o *org, uid string) {
	delete(o.folders, uid)
	maps.DeleteFunc(o.rules, func(_ string, r *alertRule) bool { return r.body.FolderUID == uid })
	db.dropPanels(o.id, uid)
	for id, d := range o.dashboards {
		if d.folder == uid {
			delete(o.dashboards, id)
		}
	}
	for child, f := range o.folders {
		if f.parent == uid {
			db.dropFolder(o, child)
		}
	}
}

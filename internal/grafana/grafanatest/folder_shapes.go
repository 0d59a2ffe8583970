package grafanatest

import (
	"net/http"
)

func noFolder() *answer { return failStatus(http.StatusNotFound, "not-found", "folder not found") }

func (c *call) folderURL(f *folder) string {
	return "/dashboards/f/" + f.uid + "/" + c.quirks.slug(f.title)
}

// showFolder is a folder without its ancestors.
func (c *call) showFolder(f *folder, may bool) obj {
	shown := obj{
		"id":        f.id,
		"uid":       f.uid,
		"orgId":     0,
		"title":     f.title,
		"url":       c.folderURL(f),
		"hasAcl":    false,
		"canSave":   may,
		"canEdit":   may,
		"canAdmin":  may,
		"canDelete": may,
		"createdBy": f.createdBy,
		"created":   stamp(f.created),
		"updatedBy": f.updatedBy,
		"updated":   stamp(f.updated),
		"version":   f.version,
	}
	if c.quirks.unified {
		shown["orgId"] = c.who.orgID
	}
	return shown
}

// folderWithParents is a folder as the routes about one folder show it.
func (c *call) folderWithParents(f *folder, may bool) obj {
	shown := c.showFolder(f, may)
	if f.parent == "" || !c.quirks.nestedFolders {
		return shown
	}
	shown["parentUid"] = f.parent
	var parents []obj
	for _, p := range c.org().ancestors(f) {
		parents = append([]obj{c.showFolder(p, may)}, parents...)
		if p.parent != "" {
			parents[0]["parentUid"] = p.parent
		}
	}
	if len(parents) > 0 {
		shown["parents"] = parents
	}
	return shown
}

// mayFolder says what the can… fields show.
func (c *call) mayFolder(f *folder) bool {
	return c.folderLevel(f) >= mayAdmin
}

// folderChanged is the 412 of folders.
func (c *call) folderChanged(message string) *answer {
	if c.quirks.unified {
		return fail(http.StatusPreconditionFailed, message)
	}
	return failStatus(http.StatusPreconditionFailed, "version-mismatch", "the folder has been changed by someone else")
}

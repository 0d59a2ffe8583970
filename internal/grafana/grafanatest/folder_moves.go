package grafanatest

import (
	"net/http"
)

func moveFolder(c *call) *answer {
	if !c.quirks.nestedFolders {
		return fail(http.StatusNotFound, "To use this service, you need to activate nested folder feature.")
	}
	var body struct {
		ParentUID string `json:"parentUid"`
	}
	if !c.bind(&body) {
		return badData()
	}
	if c.folder() == nil && !c.quirks.unified {
		return fail(http.StatusInternalServerError, "Internal server error")
	}
	f, a := c.folderFor("folders:write", mayEdit)
	if a != nil {
		return a
	}
	o := c.org()
	if body.ParentUID != "" && o.folder(body.ParentUID) == nil {
		if !c.quirks.unified {
			return failID(http.StatusNotFound, "folder.notFound", "Not found")
		}
		return noFolder()
	}
	for p := o.folder(body.ParentUID); p != nil; p = o.folder(p.parent) {
		if p == f && !c.quirks.unified {
			return fail(http.StatusInternalServerError, "move folder failed")
		}
		if p == f {
			return fail(
				http.StatusInternalServerError,
				"cannot move folder under its own descendant, this would create a circular reference",
			)
		}
	}
	if c.quirks.unified && f.parent == body.ParentUID {
		return ok(c.folderWithParents(f, c.mayFolder(f))) // nothing changes
	}
	f.parent = body.ParentUID
	f.version++
	f.updated, f.updatedBy, f.updater = c.now, c.signature(), c.makerID()
	return ok(c.folderWithParents(f, c.mayFolder(f)))
}

// deleteFolder takes everything in it along. Only alert rules need to be asked
// for.
func deleteFolder(c *call) *answer {
	f := c.folder()
	if f == nil && c.quirks.unified {
		return fail(http.StatusNotFound, `folders.folder.grafana.app "`+c.params["uid"]+`" not found`)
	}
	if _, a := c.folderFor("folders:delete", mayEdit); a != nil {
		return a
	}
	if c.rulesBelow(f) > 0 && c.query.Get("forceDeleteRules") != "true" {
		return failID(http.StatusBadRequest, "folder.not-empty", "Folder cannot be deleted: folder is not empty")
	}
	if !c.quirks.unified && c.panelsUsedIn(f) {
		return fail(http.StatusForbidden, "Folder could not be deleted because it contains library elements in use")
	}
	c.db.dropFolder(c.org(), f.uid, c.quirks)
	return done("Folder deleted")
}

package grafanatest

import (
	"cmp"
	"maps"
	"net/http"
	"strings"
	"time"
)

// panelKind is the kind of library elements that are panels. There is no other
// any more.
const panelKind = 1

// libraryPanel is a panel that dashboards share. It is not in its org, since it
// is left behind when that is deleted.
type libraryPanel struct {
	id, orgID         int64
	uid, name, folder string
	model             map[string]any // never changed
	made              time.Time
	maker             int64
}

func createPanel(c *call) *answer {
	var body struct {
		UID       string `json:"uid"`
		Name      string
		Kind      int64
		FolderUID string `json:"folderUid"`
		Model     map[string]any
	}
	if !c.bind(&body) {
		return badData()
	}
	o := c.org()
	switch {
	case o == nil:
		return denied(c, "library.panels:create")
	case body.FolderUID != "" && o.folder(body.FolderUID) == nil:
		return fail(http.StatusBadRequest, "failed to get folder")
	case body.Kind != panelKind:
		return fail(http.StatusInternalServerError, "Failed to create library element")
	case !legalUID(body.UID):
		return fail(http.StatusBadRequest, "uid contains illegal characters")
	case len(body.UID) > longestUID:
		return fail(http.StatusBadRequest, "uid too long, max 40 characters")
	case c.panelInTheWay(body.UID, body.Name, body.FolderUID):
		return fail(http.StatusBadRequest, "library element with that name or UID already exists")
	}
	if body.UID == "" {
		body.UID = c.db.newUID()
	}
	c.db.lastPanel++
	p := &libraryPanel{
		id:     c.db.lastPanel,
		orgID:  o.id,
		uid:    body.UID,
		name:   body.Name,
		folder: body.FolderUID,
		model:  body.Model,
		made:   c.now,
		maker:  c.makerID(),
	}
	c.db.panels[p.id] = p
	return ok(obj{"result": c.showPanel(o, p)})
}

func (c *call) panelInTheWay(uid, name, folder string) bool {
	for _, p := range c.db.panelsOf(c.who.orgID) {
		if p.uid == uid || c.quirks.uniqueTitles && p.name == name && p.folder == folder {
			return true
		}
	}
	return false
}

// panelsOf are the library panels of an org by name, also of one that is gone.
func (db *database) panelsOf(orgID int64) []*libraryPanel {
	var out []*libraryPanel
	for _, p := range sorted(db.panels, func(a, b *libraryPanel) int {
		return cmp.Or(strings.Compare(a.name, b.name), cmp.Compare(a.id, b.id))
	}) {
		if p.orgID == orgID {
			out = append(out, p)
		}
	}
	return out
}

func (c *call) showPanel(o *org, p *libraryPanel) obj {
	model := maps.Clone(p.model)
	if model == nil {
		model = map[string]any{}
	}
	kind, _ := model["type"].(string)
	text, _ := model["description"].(string)
	model["type"], model["description"] = kind, text
	model["libraryPanel"] = obj{"uid": p.uid, "name": p.name}
	folderID, folderName := int64(0), "General"
	if f := o.folder(p.folder); f != nil {
		folderID, folderName = f.id, f.title
	}
	maker := obj{"id": p.maker, "name": "", "avatarUrl": avatarURL}
	if u := c.db.users[p.maker]; u != nil {
		maker["name"] = u.login
	}
	return obj{
		"id":          p.id,
		"orgId":       p.orgID,
		"folderId":    folderID,
		"folderUid":   p.folder,
		"uid":         p.uid,
		"name":        p.name,
		"kind":        panelKind,
		"type":        kind,
		"description": text,
		"model":       model,
		"version":     1,
		"meta": obj{
			"folderName": folderName, "folderUid": p.folder, "connectedDashboards": 0,
			"created": stamp(p.made), "updated": stamp(p.made), "createdBy": maker, "updatedBy": maker,
		},
	}
}

func listPanels(c *call) *answer {
	size, number := c.number("perPage", 0), max(c.number("page", 1), 1)
	if size <= 0 {
		size = 100
	}
	rows, o := []obj{}, c.org()
	for _, p := range c.db.panelsOf(c.who.orgID) {
		if kind := c.number("kind", 0); o != nil && (kind == 0 || kind == panelKind) {
			rows = append(rows, c.showPanel(o, p))
		}
	}
	return ok(
		obj{
			"result": obj{
				"totalCount": len(rows),
				"elements":   page(rows, size, number-1),
				"page":       number,
				"perPage":    size,
			},
		},
	)
}

func deletePanel(c *call) *answer {
	for _, p := range c.db.panelsOf(c.who.orgID) {
		if p.uid == c.params["uid"] {
			delete(c.db.panels, p.id)
			return ok(obj{"id": p.id, "message": "Library element deleted"})
		}
	}
	return fail(http.StatusNotFound, "library element could not be found")
}

// dropPanels deletes the library panels of a folder.
func (db *database) dropPanels(orgID int64, folder string) {
	maps.DeleteFunc(db.panels, func(_ int64, p *libraryPanel) bool { return p.orgID == orgID && p.folder == folder })
}

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
	id, orgID    int64
	uid, name    string
	folder       string         // it is in; "": none
	born         string         // the folder that it was made in
	model        map[string]any // never changed
	version      int64
	made, edited time.Time
	maker        int64
	editor       int64
}

// home is the folder that lists tell, and that a panel is deleted with: Grafana
// 12 has it in a column that it never writes again.
func (p *libraryPanel) home(q quirks) string {
	if q.unified {
		return p.born
	}
	return p.folder
}

type panelRequest struct {
	UID       string `json:"uid"`
	Name      string
	Kind      int64
	Version   int64
	FolderUID string `json:"folderUid"`
	Model     map[string]any
}

func createPanel(c *call) *answer {
	var body panelRequest
	if !c.bind(&body) || body.Kind == 0 {
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
	case c.panel(body.UID) != nil, c.panelNamed(body.Name, body.FolderUID, nil):
		return panelTaken()
	}
	if body.UID == "" {
		body.UID = c.db.newUID()
	}
	c.db.lastPanel++
	p := &libraryPanel{
		id:      c.db.lastPanel,
		orgID:   o.id,
		uid:     body.UID,
		name:    body.Name,
		folder:  body.FolderUID,
		born:    body.FolderUID,
		version: 1,
		made:    c.now,
		edited:  c.now,
		maker:   c.makerID(),
		editor:  c.makerID(),
	}
	p.setModel(body.Model)
	c.db.panels[p.id] = p
	return ok(obj{"result": c.writtenPanel(p, p.folder)})
}

func panelTaken() *answer {
	return fail(http.StatusBadRequest, "library element with that name or UID already exists")
}

func noPanel() *answer { return fail(http.StatusNotFound, "library element could not be found") }

// setModel keeps a model, with what Grafana writes into each: of what a change
// does not name, what was there.
func (p *libraryPanel) setModel(model map[string]any) {
	model = maps.Clone(model)
	if model == nil {
		model = map[string]any{}
	}
	for _, field := range []string{"type", "description"} {
		if model[field] == nil {
			model[field] = ""
			if was := p.model[field]; was != nil {
				model[field] = was
			}
		}
	}
	p.model = model
}

// panel is the one of this uid in the org.
func (c *call) panel(uid string) *libraryPanel {
	for _, p := range c.db.panelsOf(c.who.orgID) {
		if o := c.org(); uid != "" && o != nil && o.database.same(p.uid, uid) {
			return p
		}
	}
	return nil
}

// panelNamed says whether another panel of a folder has the name, where that is
// unique there.
func (c *call) panelNamed(name, folder string, but *libraryPanel) bool {
	for _, p := range c.db.panelsOf(c.who.orgID) {
		if p != but && c.quirks.uniqueTitles && c.org().database.same(p.name, name) && p.folder == folder {
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

// writtenPanel is what the answer to a write says, which tells the folder that
// the request has named.
func (c *call) writtenPanel(p *libraryPanel, folder string) obj {
	name := ""
	if f := c.org().folder(folder); f != nil {
		name = f.title
	}
	return c.showPanel(p, folder, name)
}

// readPanel is what reads tell of a panel in a folder.
func (c *call) readPanel(p *libraryPanel, folder string) obj {
	name := "General"
	if f := c.org().folder(folder); f != nil {
		name = f.title
	}
	return c.showPanel(p, folder, name)
}

func (c *call) showPanel(p *libraryPanel, folder, folderName string) obj {
	folderID := int64(0)
	if f := c.org().folder(p.folder); f != nil && folder != "" {
		folderID = f.id
	} else if c.lostPanel(p) {
		folderID = c.org().lost[p.folder]
	}
	who := func(id int64) obj {
		maker := obj{"id": id, "name": "", "avatarUrl": avatarURL}
		if u := c.db.users[id]; u != nil {
			maker["name"] = u.login
		}
		return maker
	}
	users := 0
	if !c.quirks.unified {
		users = len(c.usersOf(p))
	}
	return obj{
		"id":          p.id,
		"orgId":       p.orgID,
		"folderId":    folderID,
		"folderUid":   folder,
		"uid":         p.uid,
		"name":        p.name,
		"kind":        panelKind,
		"type":        p.model["type"],
		"description": p.model["description"],
		"model":       p.model,
		"version":     p.version,
		"meta": obj{
			"folderName": folderName, "folderUid": folder, "connectedDashboards": users,
			"created": stamp(p.made), "updated": stamp(p.edited), "createdBy": who(p.maker), "updatedBy": who(p.editor),
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
		if kind := c.number("kind", 0); o != nil && p.folder != gone && (kind == 0 || kind == panelKind) {
			rows = append(rows, c.readPanel(p, p.home(c.quirks)))
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

// dropPanels deletes the library panels of a folder.
func (db *database) dropPanels(orgID int64, folder string, q quirks) {
	maps.DeleteFunc(db.panels, func(_ int64, p *libraryPanel) bool { return p.orgID == orgID && p.home(q) == folder })
}

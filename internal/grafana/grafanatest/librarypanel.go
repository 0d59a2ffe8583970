package grafanatest

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"net/http"
	"strings"
)

func getPanel(c *call) *answer {
	p := c.panel(c.params["uid"])
	if p == nil || p.folder == gone {
		return noPanel()
	}
	if c.lostPanel(p) {
		return fail(http.StatusNotFound, "folder not found")
	}
	shown := c.readPanel(p, p.folder)
	if p.folder == "" {
		shown["folderUid"] = "general"
	}
	if meta := shown["meta"].(obj); p.folder == "" && c.quirks.unified {
		meta["folderUid"] = "general"
	}
	return ok(obj{"result": shown})
}

// panelFor is the panel that a request is about. Grafana 12 finds out first
// whether one may: of what it has never known, nobody may.
func (c *call) panelFor(needs string) (*libraryPanel, *answer) {
	p := c.panel(c.params["uid"])
	switch {
	case p == nil && c.quirks.unified && !c.db.panelsKnown[fmt.Sprint(c.who.orgID, c.params["uid"])]:
		return nil, denied(c, needs)
	case p == nil:
		return nil, noPanel()
	}
	return p, nil
}

// lostPanel says whether a library panel was moved into a folder that was deleted: 12.4.0 keeps it.
func (c *call) lostPanel(p *libraryPanel) bool {
	return c.quirks.unified && p.folder != "" && c.org().folder(p.folder) == nil
}

// hiddenPanel is what 10.4.3 answers of a library panel that it has kept of a folder that is gone.
func hiddenPanel() *answer {
	return failID(http.StatusNotFound, "guardian.dashboardNotFound", "Not found")
}

// patchPanel answers that a panel is in no folder if none is named, and leaves
// it where it is: a zero is no column to be written. Another folder is written.
func patchPanel(c *call) *answer {
	p, a := c.panelFor("library.panels:write")
	if a != nil {
		return a
	}
	var body panelRequest
	if !c.bind(&body) || body.Kind == 0 || body.Version == 0 {
		return badData()
	}
	folder := cmp.Or(body.FolderUID, p.folder)
	if body.FolderUID == "general" {
		folder, body.FolderUID = p.folder, ""
	}
	name := cmp.Or(body.Name, p.name)
	switch {
	case c.org().folder(folder) == nil && body.FolderUID != "":
		return fail(http.StatusBadRequest, "failed to get folder")
	case body.Version != p.version:
		return fail(http.StatusPreconditionFailed, "the library element has been changed by someone else")
	case p.folder == gone:
		return hiddenPanel()
	case c.panelNamed(name, folder, p):
		return panelTaken()
	}
	if p.name, p.folder = name, folder; body.Model != nil {
		p.setModel(body.Model)
	}
	p.version, p.edited, p.editor = p.version+1, c.now, c.makerID()
	return ok(obj{"result": c.writtenPanel(p, body.FolderUID)})
}

// usersOf are the dashboards that use a panel.
func (c *call) usersOf(p *libraryPanel) (users []*dashboard) {
	order := func(a, b *dashboard) int { return cmp.Compare(a.id, b.id) }
	if c.quirks.unified {
		order = func(a, b *dashboard) int { return cmp.Compare(a.title, b.title) }
	}
	for _, d := range sorted(c.org().dashboards, order) {
		if d.usesPanel(p.uid) {
			users = append(users, d)
		}
	}
	return users
}

func listConnections(c *call) *answer {
	p, a := c.panelFor("library.panels:read")
	if a != nil {
		return a
	}
	if c.lostPanel(p) {
		return fail(http.StatusNotFound, "folder not found")
	}
	rows := []obj{}
	for _, d := range c.usersOf(p) {
		if !c.indexed(d.created) {
			continue
		}
		id := fnv.New32a()
		_, _ = id.Write([]byte(p.uid + d.uid))
		rows = append(rows, obj{
			"id": id.Sum32(), "kind": panelKind, "elementId": p.id, "connectionId": d.id, "connectionUid": d.uid,
			"created":   stamp(p.made),
			"createdBy": obj{"id": p.maker, "name": c.db.users[p.maker].login, "avatarUrl": avatarURL},
		})
	}
	return ok(obj{"result": rows})
}

func deletePanel(c *call) *answer {
	p, a := c.panelFor("library.panels:delete")
	if a != nil {
		return a
	}
	if p.folder == gone {
		return hiddenPanel()
	}
	if !c.quirks.unified && len(c.usersOf(p)) > 0 {
		return fail(http.StatusForbidden, "the library element has connections")
	}
	c.db.panelsKnown[fmt.Sprint(p.orgID, p.uid)] = true
	delete(c.db.panels, p.id)
	return ok(obj{"id": p.id, "message": "Library element deleted"})
}

// connectPanels fails if a dashboard that was saved refers to a library panel
// that there is not: before 12 it is saved all the same.
func (c *call) connectPanels(d *dashboard) *answer {
	for _, uid := range panelsIn(d.model) {
		if p := c.panel(uid); (p == nil || p.folder == gone) && !c.quirks.unified {
			return fail(http.StatusInternalServerError, "Error while connecting library panels")
		}
	}
	return nil
}

// panelsIn are the uids of the library panels that a dashboard, or a row of it,
// refers to.
func panelsIn(holder map[string]any) (uids []string) {
	panels, _ := holder["panels"].([]any)
	for _, p := range panels {
		panel, _ := p.(map[string]any)
		library, _ := panel["libraryPanel"].(map[string]any)
		if uid, _ := library["uid"].(string); uid != "" {
			uids = append(uids, strings.Clone(uid))
		} else if panel["type"] == "row" {
			uids = append(uids, panelsIn(panel)...)
		}
	}
	return uids
}

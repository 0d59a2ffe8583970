package grafanatest

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
)

func createFolder(c *call) *answer {
	if c.quirks.unified && c.outsider() {
		return fail(http.StatusForbidden, "Access denied")
	}
	var body struct {
		UID       string `json:"uid"`
		Title     string
		ParentUID string `json:"parentUid"`

		Description string
	}
	if !c.bind(&body) {
		return badData()
	}
	body.Title = strings.TrimSpace(body.Title)
	if body.Title == "" {
		return fail(http.StatusBadRequest, "folder title cannot be empty")
	}
	if a := c.checkFolderUID(body.UID); a != nil {
		return a
	}
	if !c.quirks.unified && !c.fits(&body.Title, titleLength) {
		return fail(http.StatusInternalServerError, "Folder API error")
	}
	o := c.org()
	if a := c.checkPlace(o, body.UID, body.Title, body.ParentUID); a != nil {
		return a
	}
	f := c.storeFolder(o, body.UID, body.Title, body.ParentUID)
	f.description = &body.Description
	shown := c.folderWithParents(f, rank[c.role(c.who.orgID)] >= rank[roleAdmin])
	if f.parent != "" {
		shown["parentUid"] = f.parent
	}
	return ok(shown)
}

// storeFolder writes a new folder.
func (c *call) storeFolder(o *org, uid, title, parent string) *folder {
	if uid == "" {
		uid = c.db.newUID()
	}
	f := &folder{
		id: c.db.newContentID(), uid: uid, title: title, parent: parent, version: 1, maker: c.makerID(),
		created: c.now, updated: c.now, createdBy: c.signature(), updatedBy: c.signature(),
	}
	f.items = c.itemsOfFolder(o, parent)
	c.reloadPermissions()
	o.folders[f.uid] = f
	c.db.lastVersion++ // an old version keeps the history of folders, too
	return f
}

func (c *call) checkFolderUID(uid string) *answer {
	switch {
	case uid == "general" && c.quirks.unified:
		return fail(http.StatusInternalServerError, "Folder API error: invalid uid for folder provided")
	case uid == "general":
		return fail(http.StatusInternalServerError, "Folder API error")
	case c.quirks.unified && strings.Contains(uid, "/"):
		return fail(
			http.StatusUnprocessableEntity,
			`Folder.folder.grafana.app "`+uid+`" is invalid: metadata.name: Invalid value: "`+uid+`": may not contain '/'`,
		)
	case !legalUID(uid):
		return fail(http.StatusBadRequest, "uid contains illegal characters")
	case len(uid) > longestUID:
		return fail(http.StatusBadRequest, "uid too long, max 40 characters")
	}
	return nil
}

// checkPlace checks that a new folder is in nobody's way.
func (c *call) checkPlace(o *org, uid, title, parent string) *answer {
	if o == nil {
		return denied(c, "folders:create")
	}
	if a := c.mayPut(parent, denied(c, "folders:create")); a != nil {
		return a
	}
	if !c.quirks.unified && strings.EqualFold(title, "General") {
		return fail(http.StatusBadRequest, "A folder with that name already exists")
	}
	if parent != "" && o.folder(parent) == nil && !c.quirks.unified {
		return failID(http.StatusNotFound, "folder.notFound", "Not found")
	}
	if p := o.folder(parent); p != nil && len(o.ancestors(p)) >= deepest {
		if c.quirks.unified {
			return fail(http.StatusInternalServerError, "Folder API error: folder max depth exceeded, max depth is 4")
		}
		return failID(http.StatusBadRequest, "folder.maximum-depth-reached", "Maximum nested folder depth reached")
	}
	if o.folder(uid) == nil && !c.quirks.unified && o.dashboard(uid) != nil {
		return fail(http.StatusBadRequest, "Dashboard cannot be changed to a folder")
	}
	if o.folder(uid) != nil {
		return c.folderChanged("the folder has been changed by someone else")
	}
	if c.quirks.uniqueTitles && c.folderTitled(o, title, parent, uid) != nil {
		return fail(http.StatusConflict, "a folder with the same name already exists in the current location")
	}
	return nil
}

// folder finds the folder of the path.
func (c *call) folder() *folder {
	o := c.org()
	if o == nil {
		return nil
	}
	return o.folder(c.params["uid"])
}

// folderFor finds the folder of the path, if the caller may do this to it.
func (c *call) folderFor(action string, level int) (*folder, *answer) {
	f := c.folder()
	if f == nil {
		return nil, noFolder()
	}
	if c.folderLevel(f) < level {
		return nil, denied(c, action)
	}
	return f, nil
}

func getFolder(c *call) *answer {
	if c.params["uid"] == "general" {
		root := c.showFolder(
			&folder{uid: "general", createdBy: "Anonymous", updatedBy: "Anonymous"},
			rank[c.role(c.who.orgID)] >= rank[roleAdmin],
		)
		root["orgId"], root["title"], root["url"] = 0, c.quirks.rootFolder, ""
		delete(root, "version")
		return ok(root)
	}
	f, a := c.folderFor("folders:read", mayView)
	if a != nil {
		return a
	}
	return ok(c.folderWithParents(f, c.mayFolder(f)))
}

// byTitle are an org's folders in the order of titles, regardless of case
// where the new storage lists them.
func (c *call) byTitle(o *org) []*folder {
	return sorted(o.folders, func(a, b *folder) int {
		return cmp.Or(strings.Compare(c.collated(a.title), c.collated(b.title)), cmp.Compare(b.id, a.id))
	})
}

func (c *call) collated(title string) string {
	if c.quirks.unified {
		return strings.ToLower(title)
	}
	return title
}

// listFolders lists the folders of one parent, by title; all of them where
// folders are flat.
func listFolders(c *call) *answer {
	parent := c.query.Get("parentUid")
	if parent == "general" && c.quirks.unified {
		parent = ""
	}
	rows := []obj{}
	if o := c.org(); o != nil {
		if c.quirks.nestedFolders && parent != "" && o.folder(parent) == nil {
			return c.noParent()
		}
		for _, f := range c.byTitle(o) {
			if c.quirks.nestedFolders && f.parent != parent || !c.indexed(f.created) || c.folderLevel(f) < mayView {
				continue
			}
			row := obj{"id": f.id, "uid": f.uid, "title": f.title}
			if c.quirks.nestedFolders && f.parent != "" {
				row["parentUid"] = f.parent
			}
			rows = append(rows, row)
		}
	}
	size, number := c.number("limit", 1000), max(c.number("page", 1), 1)
	if size <= 0 {
		size = 1000
	}
	rows = page(rows, size, number-1)
	slices.SortStableFunc(rows, func(a, b obj) int {
		return strings.Compare(strings.ToLower(a["title"].(string)), strings.ToLower(b["title"].(string)))
	})
	return ok(rows)
}

// noParent is what is said of a list below a folder that is not there: to Grafana 10 it is a dashboard.
func (c *call) noParent() *answer {
	if c.quirks.unified {
		return noFolder()
	}
	text := "[guardian.dashboardNotFound] failed to get dashboard by UID: Dashboard not found"
	return fail(http.StatusNotFound, text)
}

func updateFolder(c *call) *answer {
	var body struct {
		Title       string
		Description *string
		Version     int64
		Overwrite   bool
	}
	if !c.bind(&body) {
		return badData()
	}
	f, a := c.folderFor("folders:write", mayEdit)
	if a != nil {
		return a
	}
	if !body.Overwrite && body.Version != f.version {
		return c.folderChanged("The dashboard has been changed by someone else")
	}
	if strings.EqualFold(body.Title, "General") {
		return fail(http.StatusBadRequest, "A folder with that name already exists")
	}
	if other := c.folderTitled(c.org(), body.Title, f.parent, f.uid); other != nil && c.quirks.uniqueTitles {
		if !body.Overwrite {
			return fail(http.StatusConflict, "a folder with the same name already exists in the current location")
		}
		f = other
	}
	if c.quirks.unified && f.title == body.Title && (body.Description == nil || f.describedAs(*body.Description)) {
		return ok(c.folderWithParents(f, c.mayFolder(f))) // nothing changes
	}
	set(&f.title, body.Title)
	if body.Description != nil {
		f.description = body.Description
	}
	f.version++
	f.updated, f.updatedBy, f.updater = c.now, c.signature(), c.makerID()
	c.db.lastVersion++
	return ok(c.folderWithParents(f, c.mayFolder(f)))
}

func (f *folder) describedAs(text string) bool {
	return f.description != nil && *f.description == text || f.description == nil && text == ""
}

func countFolder(c *call) *answer {
	f := c.folder()
	if f == nil {
		return noFolder()
	}
	dashboards, folders, rules, panels := 0, 0, 0, 0
	for _, d := range c.org().dashboards {
		if d.folder == f.uid {
			dashboards++
		}
	}
	for _, other := range c.org().folders {
		if other.parent == f.uid {
			folders++
		}
	}
	for _, r := range c.org().rules {
		if r.body.FolderUID == f.uid {
			rules++
		}
	}
	for _, p := range c.db.panelsOf(c.who.orgID) {
		if p.folder == f.uid {
			panels++
		}
	}
	counts := obj{"alertrule": rules, "dashboard": dashboards, "librarypanel": panels}
	if c.quirks.nestedFolders {
		counts["folder"] = folders
	}
	return ok(counts)
}

package grafanatest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"strconv"
	"strings"
)

// saveRequest is the body of a dashboard save, and what has been found out
// about it since.
type saveRequest struct {
	Dashboard json.RawMessage
	FolderUID string `json:"folderUid"`
	FolderID  int64  `json:"folderId"`
	Message   string
	Overwrite bool
	IsFolder  bool

	model   map[string]any // without id, uid and version
	uid     string
	title   string
	id      int64
	version int64

	restoredFrom int64 // the version, if it is a restore
}

func (d *dashboard) version() int64 { return d.versions[len(d.versions)-1].number }

// json is the model as a GET shows it.
func (d *dashboard) json() json.RawMessage {
	return mustJSON(d.fullModel())
}

func (d *dashboard) fullModel() map[string]any {
	model := maps.Clone(d.model)
	model["id"], model["uid"], model["version"] = d.id, d.uid, d.version()
	return model
}

func (c *call) dashboardURL(d *dashboard) string {
	return "/d/" + d.uid + "/" + c.quirks.slug(d.title)
}

// saveDashboard is POST /api/dashboards/db.
func saveDashboard(c *call) *answer {
	if a := c.mayWriteDashboards(); a != nil {
		return a
	}
	if len(c.in.body) > c.server.opts.MaxDashboardBytes {
		return fail(http.StatusRequestEntityTooLarge, "request body too large")
	}
	var req saveRequest
	if !c.bind(&req) || len(req.Dashboard) == 0 || string(req.Dashboard) == "null" {
		return badData()
	}
	o := c.org()
	if o == nil {
		return denied(c, "any of dashboards:create, dashboards:write")
	}
	for _, check := range []func(*org, *saveRequest) *answer{c.checkContent, c.checkUID, c.checkFolder} {
		if a := check(o, &req); a != nil {
			return a
		}
	}
	d, a := c.findTarget(o, &req)
	if a != nil {
		return a
	}
	if a := c.mayWrite(d); a != nil {
		return a
	}
	if c.quotaReached("dashboard") {
		return fail(http.StatusForbidden, "Quota reached")
	}
	return c.saved(c.store(o, d, &req))
}

// saved is the answer to a save.
func (c *call) saved(d *dashboard) *answer {
	return ok(obj{
		"folderUid": d.folder, "id": d.id, "slug": c.quirks.slug(d.title), "status": "success", "uid": d.uid, "url": c.dashboardURL(d), "version": d.version(),
	})
}

// mayWriteDashboards is the check before the body is read.
func (c *call) mayWriteDashboards() *answer {
	const needs = "any of dashboards:create, dashboards:write"
	if c.outsider() && c.quirks.unified {
		return reply(http.StatusForbidden, obj{})
	}
	if !c.mayAny(needs, c.who.orgID) && !c.madeAny() {
		return denied(c, needs)
	}
	return nil
}

// madeAny says whether the caller has made a dashboard of the org, where that
// gives rights.
func (c *call) madeAny() bool {
	o := c.org()
	if o == nil {
		return false
	}
	for _, d := range o.dashboards {
		if c.made(d) {
			return true
		}
	}
	return false
}

// made says whether the caller has made a dashboard and therefore keeps all
// rights on it.
func (c *call) made(d *dashboard) bool {
	return c.quirks.makersStayAdmins && d != nil && c.who.user != nil && d.maker == c.who.user.id
}

// mayWrite is the check when it is known which dashboard is meant; nil: a new
// one.
func (c *call) mayWrite(d *dashboard) *answer {
	if c.mayAny("any of dashboards:create, dashboards:write", c.who.orgID) || c.made(d) {
		return nil
	}
	return fail(http.StatusForbidden, "Access denied to save dashboard")
}

// checkFolder resolves the folder.
func (c *call) checkFolder(o *org, req *saveRequest) *answer {
	if req.IsFolder {
		return fail(http.StatusBadRequest, "Use folders endpoint for saving folders.")
	}
	if req.FolderUID == "" && req.FolderID != 0 {
		for _, f := range o.folders {
			if f.id == req.FolderID {
				req.FolderUID = f.uid
			}
		}
		if req.FolderUID == "" {
			return fail(http.StatusBadRequest, "folder not found")
		}
	}
	if req.FolderUID == "general" && c.quirks.unified {
		return fail(http.StatusNotFound, `folders.folder.grafana.app "general" not found`)
	}
	if req.FolderUID != "" && o.folders[req.FolderUID] == nil {
		return fail(http.StatusBadRequest, "folder not found")
	}
	return nil
}

// checkContent takes the model apart.
func (c *call) checkContent(_ *org, req *saveRequest) *answer {
	model := map[string]any{}
	dec := json.NewDecoder(bytes.NewReader(req.Dashboard))
	if !c.quirks.unified {
		dec.UseNumber()
	}
	if dec.Decode(&model) != nil {
		model = map[string]any{} // no object: nothing is found in it
	}
	if spec, wrapped := model["spec"].(map[string]any); wrapped && c.quirks.unified && model["apiVersion"] != nil {
		meta, _ := model["metadata"].(map[string]any)
		spec["uid"] = meta["name"]
		model = spec
	}
	req.id, req.version = number(model["id"]), number(model["version"])
	uid, _ := model["uid"].(string)
	title, _ := model["title"].(string)
	req.uid, req.title = strings.TrimSpace(uid), strings.TrimSpace(title)
	delete(model, "id")
	delete(model, "uid")
	delete(model, "version")
	model["title"] = req.title
	req.model = model
	if req.title == "" {
		return failStatus(http.StatusBadRequest, "empty-name", "Dashboard title cannot be empty")
	}
	if c.quirks.limitsText && len([]rune(req.title)) > 5000 {
		return failStatus(http.StatusBadRequest, "title-too-long", "Dashboard title cannot contain more than 5 000 characters")
	}
	if c.quirks.limitsText && len([]rune(req.Message)) > 500 {
		return failStatus(http.StatusBadRequest, "message-too-long", "Dashboard message cannot contain more than 500 characters")
	}
	return nil
}

func number(v any) int64 {
	switch n := v.(type) {
	case float64:
		return int64(n)
	case json.Number:
		i, _ := n.Int64()
		return i
	}
	return 0
}

func (c *call) checkUID(_ *org, req *saveRequest) *answer {
	if !legalUID(req.uid) {
		return fail(http.StatusBadRequest, "uid contains illegal characters")
	}
	if len(req.uid) > longestUID {
		return fail(http.StatusBadRequest, "uid too long, max 40 characters")
	}
	return nil
}

const longestUID = 40

func legalUID(uid string) bool {
	return strings.IndexFunc(uid, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
	}) < 0
}

func versionMismatch() *answer {
	return failStatus(http.StatusPreconditionFailed, "version-mismatch", "The dashboard has been changed by someone else")
}

// findTarget finds the dashboard that a save changes; nil: it makes one.
func (c *call) findTarget(o *org, req *saveRequest) (*dashboard, *answer) {
	var target *dashboard
	byUID := o.dashboards[req.uid]
	if req.id > 0 {
		if target = o.dashboardByID(req.id); target == nil {
			return nil, failStatus(http.StatusNotFound, "not-found", "Dashboard not found")
		}
		if req.uid == "" {
			req.uid = target.uid
		}
		if byUID != nil && byUID.id != target.id {
			return nil, fail(http.StatusBadRequest, "A dashboard with the same uid already exists")
		}
	}
	if target == nil {
		target = byUID
	}
	if target == nil && !c.quirks.unified && o.folders[req.uid] != nil {
		return nil, fail(http.StatusBadRequest, "Dashboard cannot be changed to a folder")
	}
	if target != nil && !req.Overwrite && req.version != target.version() {
		return nil, versionMismatch()
	}
	if !c.quirks.uniqueTitles {
		return o.dashboards[req.uid], nil
	}
	return c.findByTitle(o, req, target)
}

func (o *org) dashboardByID(id int64) *dashboard {
	for _, d := range o.dashboards {
		if d.id == id {
			return d
		}
	}
	return nil
}

// findByTitle looks for another dashboard or folder in the way, which a save
// with overwrite takes over.
func (c *call) findByTitle(o *org, req *saveRequest, target *dashboard) (*dashboard, *answer) {
	if req.FolderUID == "" {
		for _, f := range o.folders {
			if f.title == req.title && (f.parent == "" || !c.quirks.nestedFolders) {
				return nil, failStatus(http.StatusBadRequest, "name-match", "Dashboard name cannot be the same as folder")
			}
		}
	}
	for _, d := range o.dashboards {
		if d == target || d.title != req.title || d.folder != req.FolderUID {
			continue
		}
		if !req.Overwrite {
			return nil, failStatus(http.StatusPreconditionFailed, "name-exists", "A dashboard with the same name in the folder already exists")
		}
		req.uid = d.uid
		return d, nil
	}
	return target, nil
}

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

func noDashboard() *answer { return fail(http.StatusNotFound, "Dashboard not found") }

// dashboard finds the dashboard of the path, if the caller may do this to it.
func (c *call) dashboard(action string) (*dashboard, *answer) {
	if c.params["uid"] == "" {
		return nil, notFound()
	}
	var d *dashboard
	if o := c.org(); o != nil {
		d = o.dashboards[c.params["uid"]]
	}
	if !c.may(action, c.who.orgID) && !c.made(d) {
		return nil, denied(c, action)
	}
	if d == nil {
		return nil, noDashboard()
	}
	return d, nil
}

func deleteDashboard(c *call) *answer {
	d, a := c.dashboard("dashboards:delete")
	if a != nil {
		if o := c.org(); !c.quirks.unified && a.status == http.StatusNotFound && o != nil && o.folders[c.params["uid"]] != nil {
			return fail(http.StatusBadRequest, "Use folders endpoint for deleting folders.")
		}
		return a
	}
	delete(c.org().dashboards, d.uid)
	gone := obj{"message": fmt.Sprintf("Dashboard %s deleted", d.title), "title": d.title}
	if c.quirks.unified {
		gone["uid"] = d.uid
	} else {
		gone["id"] = d.id
	}
	return ok(gone)
}

func getDashboard(c *call) *answer {
	d, a := c.dashboard("dashboards:read")
	if a != nil {
		return a
	}
	editor, admin := rank[c.role(c.who.orgID)] >= rank[roleEditor] || c.made(d), rank[c.role(c.who.orgID)] >= rank[roleAdmin] || c.made(d)
	can := func(may bool) obj { return obj{"canAdd": may, "canEdit": may, "canDelete": may} }
	meta := obj{
		"type": "db", "canSave": editor, "canEdit": editor, "canAdmin": admin, "canStar": true, "canDelete": editor,
		"slug": c.quirks.slug(d.title), "url": c.dashboardURL(d), "expires": "0001-01-01T00:00:00Z", "created": stamp(d.created), "updated": stamp(d.updated),
		"updatedBy": d.updatedBy, "createdBy": d.createdBy, "version": d.version(), "hasAcl": false, "isFolder": false,
		"folderId": 0, "folderUid": "", "folderTitle": "General", "folderUrl": "", "provisioned": false, "provisionedExternalId": "",
		"annotationsPermissions": obj{"dashboard": can(editor || c.quirks.viewersAnnotate), "organization": can(editor)},
	}
	model := d.fullModel()
	if c.quirks.unified {
		meta["apiVersion"] = "v0alpha1"
	}
	if c.server.opts.SchemaDefaults {
		meta["apiVersion"], model = "v1beta1", migrated(model)
	}
	if f := c.org().folders[d.folder]; f != nil {
		meta["folderId"], meta["folderUid"], meta["folderTitle"], meta["folderUrl"] = f.id, f.uid, f.title, c.folderURL(f)
	}
	return ok(obj{"meta": meta, "dashboard": model})
}

// showVersion is one line of the history.
func (d *dashboard) showVersion(v dashboardVersion) obj {
	data := maps.Clone(v.model)
	data["uid"], data["version"] = d.uid, v.number
	return obj{
		"id": v.id, "dashboardId": d.id, "uid": d.uid, "parentVersion": v.parent, "restoredFrom": v.restoredFrom, "version": v.number,
		"created": stamp(v.at), "message": v.message, "data": data, "createdBy": v.by,
	}
}

// listVersions shows the history, newest first. The message of the first
// version is replaced.
func listVersions(c *call) *answer {
	d, a := c.dashboard("dashboards:write")
	if a != nil {
		return a
	}
	out := []obj{}
	for i := len(d.versions) - 1; i >= 0; i-- {
		v := d.versions[i]
		shown := d.showVersion(v)
		if data := shown["data"].(map[string]any); !c.quirks.unified && v.parent > 0 {
			data["id"] = d.id
		}
		if v.parent == 0 {
			shown["message"] = "Initial save"
		}
		out = append(out, shown)
	}
	limit, token := c.number("limit", 1000), ""
	if limit > 0 && int64(len(out)) > limit {
		out, token = out[:limit], continueToken(limit)
	}
	if !c.quirks.unified {
		return ok(out)
	}
	return ok(obj{"continueToken": token, "versions": out})
}

func (d *dashboard) find(number int64) *dashboardVersion {
	for i := len(d.versions) - 1; i >= 0; i-- {
		if d.versions[i].number == number {
			return &d.versions[i]
		}
	}
	return nil
}

func getVersion(c *call) *answer {
	d, a := c.dashboard("dashboards:write")
	if a != nil {
		return a
	}
	v := d.find(c.id("version"))
	if v == nil {
		return fail(http.StatusNotFound, "Dashboard version "+strconv.FormatInt(c.id("version"), 10)+" not found for dashboardId "+strconv.FormatInt(d.id, 10))
	}
	shown := d.showVersion(*v)
	if !c.quirks.unified {
		shown["data"].(map[string]any)["id"] = d.id
	}
	return ok(shown)
}

func restoreVersion(c *call) *answer {
	var body struct{ Version int64 }
	if !c.bind(&body) {
		return badData()
	}
	d, a := c.dashboard("dashboards:write")
	if a != nil {
		return a
	}
	v := d.find(body.Version)
	if v == nil {
		return fail(http.StatusNotFound, "Dashboard version not found")
	}
	if c.quirks.unified && reflect.DeepEqual(v.model, d.model) {
		return fail(http.StatusBadRequest, "Current dashboard is identical to the specified version")
	}
	title, _ := v.model["title"].(string)
	req := &saveRequest{
		model: v.model, uid: d.uid, title: title, FolderUID: d.folder, restoredFrom: v.number, Message: fmt.Sprintf("Restored from version %d", v.number),
	}
	return c.saved(c.store(c.org(), d, req))
}

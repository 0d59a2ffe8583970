package grafanatest

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"
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

	restoredFrom int64             // the version, if it is a restore
	resource     bool              // it came through /apis
	granted      bool              // through /apis: it is to have the usual permissions
	stored       string            // as in dashboard
	notes        map[string]string // as in dashboardVersion
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
	if a := c.mayWrite(d, req.FolderUID); a != nil {
		return a
	}
	if c.quotaReached("dashboard") {
		return fail(http.StatusForbidden, "Quota reached")
	}
	d = c.store(o, d, &req)
	if a := c.connectPanels(d); a != nil {
		return a
	}
	return c.saved(d)
}

// saved is the answer to a save.
func (c *call) saved(d *dashboard) *answer {
	return ok(obj{
		"folderUid": d.folder,
		"id":        d.id,
		"slug":      c.quirks.slug(d.title),
		"status":    "success",
		"uid":       d.uid,
		"url":       c.dashboardURL(d),
		"version":   d.version(),
	})
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
	if req.FolderUID != "" {
		f := o.folder(req.FolderUID)
		if f == nil {
			return fail(http.StatusBadRequest, "folder not found")
		}
		req.FolderUID = f.uid
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
	raiseRefresh(model)
	req.model = model
	if req.title == "" {
		return failStatus(http.StatusBadRequest, "empty-name", "Dashboard title cannot be empty")
	}
	if c.quirks.limitsText && len([]rune(req.title)) > 5000 {
		return failStatus(
			http.StatusBadRequest,
			"title-too-long",
			"Dashboard title cannot contain more than 5 000 characters",
		)
	}
	if !c.quirks.unified && !c.fits(&req.title, titleLength) {
		return fail(http.StatusInternalServerError, "Failed to save dashboard")
	}
	if c.quirks.limitsText && len([]rune(req.Message)) > 500 {
		return failStatus(
			http.StatusBadRequest,
			"message-too-long",
			"Dashboard message cannot contain more than 500 characters",
		)
	}
	return nil
}

// raiseRefresh makes a refresh that is shorter than a Grafana allows by default, or is no time at all, what it allows.
func raiseRefresh(model map[string]any) {
	const shortest = 5 * time.Second
	text, _ := model["refresh"].(string)
	if text == "" {
		return
	}
	if every, err := gtime(text); err != nil || every < shortest {
		model["refresh"] = shortest.String()
	}
}

// gtime is a time as Grafana writes them: as Go does, or in whole days, weeks, months or years.
func gtime(text string) (time.Duration, error) {
	units := map[byte]time.Duration{'d': 1, 'w': 7, 'M': 30, 'y': 365}
	if days, known := units[text[len(text)-1]]; known {
		n, err := strconv.Atoi(text[:len(text)-1])
		return time.Duration(n) * days * 24 * time.Hour, err
	}
	return time.ParseDuration(text)
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
	return failStatus(
		http.StatusPreconditionFailed,
		"version-mismatch",
		"The dashboard has been changed by someone else",
	)
}

// findTarget finds the dashboard that a save changes; nil: it makes one.
func (c *call) findTarget(o *org, req *saveRequest) (*dashboard, *answer) {
	var target *dashboard
	byUID := o.dashboard(req.uid)
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
	if byUID != nil {
		req.uid = byUID.uid // as it was written at first
	}
	if target == nil && !c.quirks.unified && o.folder(req.uid) != nil {
		return nil, fail(http.StatusBadRequest, "Dashboard cannot be changed to a folder")
	}
	if target != nil && !req.Overwrite && req.version != target.version() {
		return nil, versionMismatch()
	}
	if !c.quirks.uniqueTitles {
		return o.dashboard(req.uid), nil
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
				return nil, failStatus(
					http.StatusBadRequest,
					"name-match",
					"Dashboard name cannot be the same as folder",
				)
			}
		}
	}
	for _, d := range o.dashboards {
		if d == target || d.title != req.title || d.folder != req.FolderUID {
			continue
		}
		if !req.Overwrite {
			return nil, failStatus(
				http.StatusPreconditionFailed,
				"name-exists",
				"A dashboard with the same name in the folder already exists",
			)
		}
		req.uid = d.uid
		return d, nil
	}
	return target, nil
}

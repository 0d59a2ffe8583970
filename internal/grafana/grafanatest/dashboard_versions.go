package grafanatest

import (
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
)

// showVersion is one line of the history.
func (d *dashboard) showVersion(v dashboardVersion) obj {
	data := maps.Clone(in("", v.stored, v.model))
	data["uid"], data["version"] = d.uid, v.number
	return obj{
		"id":            v.id,
		"dashboardId":   d.id,
		"uid":           d.uid,
		"parentVersion": v.parent,
		"restoredFrom":  v.restoredFrom,
		"version":       v.number,
		"created":       stamp(v.at),
		"message":       v.message,
		"data":          data,
		"createdBy":     v.by,
	}
}

// listVersions shows the history, newest first. The message of the first
// version is replaced.
func listVersions(c *call) *answer {
	d, a := c.dashboard("dashboards:write")
	if a != nil {
		return a
	}
	rows, token := c.pageOfVersions(d)
	out := []obj{}
	for _, v := range rows {
		shown := d.showVersion(v)
		if data := shown["data"].(map[string]any); !c.quirks.unified && v.parent > 0 {
			data["id"] = d.id
		}
		if v.parent == 0 {
			shown["message"] = "Initial save"
		}
		out = append(out, shown)
	}
	switch {
	case c.quirks.unified:
		return ok(obj{"continueToken": token, "versions": out})
	case len(out) == 0:
		return fail(http.StatusNotFound, fmt.Sprintf("No versions found for dashboardId %d", d.id))
	}
	return ok(out)
}

// pageOfVersions cuts a page out of the history: an old Grafana counts from
// start, a new one hands out a token instead.
func (c *call) pageOfVersions(d *dashboard) (rows []dashboardVersion, token string) {
	limit := c.number("limit", 1000)
	if limit <= 0 {
		limit = 1000
	}
	from := c.number("start", 0)
	if c.quirks.unified {
		from = continueOffset(c.query.Get("continueToken"))
	}
	return d.newest(limit, from)
}

// newest are the lines of the history from the newest on, and the token for
// those after them; "": none.
func (d *dashboard) newest(limit, from int64) (rows []dashboardVersion, token string) {
	all := slices.Clone(d.versions)
	slices.Reverse(all)
	from = min(max(from, 0), int64(len(all)))
	to := min(from+limit, int64(len(all)))
	if to < int64(len(all)) {
		token = continueToken(to)
	}
	return all[from:to], token
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
		return fail(
			http.StatusNotFound,
			fmt.Sprintf("Dashboard version %d not found for dashboardId %d", c.id("version"), d.id),
		)
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
		model:        v.model,
		stored:       v.stored,
		uid:          d.uid,
		title:        title,
		FolderUID:    d.folder,
		restoredFrom: v.number,
		Message:      fmt.Sprintf("Restored from version %d", v.number),
	}
	return c.saved(c.store(c.org(), d, req))
}

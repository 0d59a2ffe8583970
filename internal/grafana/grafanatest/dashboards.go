package grafanatest

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
)

func (d *dashboard) version() int64 { return d.last().number }

// json is the model as a GET shows it.
func (d *dashboard) json() json.RawMessage {
	return mustJSON(d.fullModel())
}

func (d *dashboard) fullModel() map[string]any {
	model := maps.Clone(in("", d.stored, d.model))
	model["id"], model["uid"], model["version"] = d.id, d.uid, d.version()
	return model
}

func (c *call) dashboardURL(d *dashboard) string {
	return "/d/" + d.uid + "/" + c.quirks.slug(d.title)
}

func noDashboard() *answer { return fail(http.StatusNotFound, "Dashboard not found") }

// dashboard finds the dashboard of the path, if the caller may do this to it.
func (c *call) dashboard(action string) (*dashboard, *answer) {
	if c.params["uid"] == "" {
		return nil, notFound()
	}
	var d *dashboard
	if o := c.org(); o != nil {
		d = o.dashboard(c.params["uid"])
	}
	if a := c.mayDo(action, d); a != nil {
		return nil, a
	}
	if d == nil {
		return nil, noDashboard()
	}
	return d, nil
}

func deleteDashboard(c *call) *answer {
	d, a := c.dashboard("dashboards:delete")
	if a != nil {
		if o := c.org(); !c.quirks.unified && a.status == http.StatusNotFound && o != nil &&
			o.folder(c.params["uid"]) != nil {
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
	level := c.dashboardLevel(d)
	editor, admin := level >= mayEdit, level >= mayAdmin
	can := func(may bool) obj { return obj{"canAdd": may, "canEdit": may, "canDelete": may} }
	meta := obj{
		"type":      "db",
		"canSave":   editor,
		"canEdit":   editor,
		"canAdmin":  admin,
		"canStar":   true,
		"canDelete": editor,
		"slug": c.quirks.slug(
			d.title,
		),
		"url":                   c.dashboardURL(d),
		"expires":               "0001-01-01T00:00:00Z",
		"created":               stamp(d.created),
		"updated":               stamp(d.updated),
		"updatedBy":             d.updatedBy,
		"createdBy":             d.createdBy,
		"version":               d.version(),
		"hasAcl":                false,
		"isFolder":              false,
		"folderId":              0,
		"folderUid":             "",
		"folderTitle":           "General",
		"folderUrl":             "",
		"provisioned":           false,
		"provisionedExternalId": "",
		"annotationsPermissions": obj{
			"dashboard":    can(editor || c.quirks.viewersAnnotate),
			"organization": can(editor),
		},
	}
	model := d.fullModel()
	if c.quirks.unified {
		meta["apiVersion"] = "v0alpha1"
	}
	if c.server.opts.SchemaDefaults {
		meta["apiVersion"], model = "v1beta1", migrated(model)
	}
	if f := c.org().folder(d.folder); f != nil {
		meta["folderId"], meta["folderUid"], meta["folderTitle"], meta["folderUrl"] = f.id, f.uid, f.title, c.folderURL(
			f,
		)
	}
	return ok(obj{"meta": meta, "dashboard": model})
}

package draft

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
)

// dashboardResources are the routes by which dashboards in schema v2 are read and saved.
func dashboardResources() []route {
	const all = "/apis/dashboard.grafana.app/:version/namespaces/:namespace/dashboards"
	return []route{
		{get, all, listResources("dashboard")},
		{get, all + "/:uid", getDashboardResource},
		{post, all, saveDashboardResource},
		{put, all + "/:uid", saveDashboardResource},
	}
}

func getDashboardResource(c *call) (*answer, error) {
	t := c.known(c.place("dashboard", c.params["uid"]))
	resource, drafted := t.fields["resource"].(object)
	switch {
	case t.gone:
		return notFound(c.path), nil
	case drafted:
		return ok(resource), nil
	case t.fields == nil:
		return c.ask()
	}
	// It was saved in the classic model, which is not converted here: it has no panels of this schema.
	meta, _ := t.fields["meta"].(object)
	is := resourceOf(c.params["version"], object{"name": c.params["uid"]}, object{}, meta)
	is["status"] = object{"conversion": object{"storedVersion": "v0alpha1"}}
	return ok(is), nil
}

// resourceOf is a dashboard as a version of /apis would have it.
func resourceOf(version string, metadata, spec, meta object) object {
	return object{
		"apiVersion": "dashboard.grafana.app/" + version, "kind": "Dashboard", "spec": spec,
		"metadata": merged(metadata, object{
			"generation": meta["version"], "resourceVersion": "drafted-" + text(meta["version"]),
			"creationTimestamp": meta["created"],
		}),
	}
}

// saveDashboardResource makes or changes a dashboard, if it is still what the request is based on. Grafana checks what
// is in it; here it is taken as it is.
func saveDashboardResource(c *call) (*answer, error) {
	metadata, _ := c.body["metadata"].(object)
	spec, _ := c.body["spec"].(object)
	annotations, _ := metadata["annotations"].(object)
	uid, folder := text(metadata["name"]), text(annotations["grafana.app/folder"])
	if folder != "" {
		if f, err := c.folder(folder); err != nil || f == nil {
			return notInAPIs("folders.folder", folder), err
		}
	}
	is, err := c.dashboard(uid)
	if err != nil {
		return nil, err
	}
	based, err := c.isBasedOn(uid, text(metadata["resourceVersion"]), is)
	if err != nil || !based {
		return refusedInAPIs(uid, c.req.Method), err
	}
	before, _ := is["meta"].(object)
	created := before["created"]
	if is == nil {
		created = c.stamp()
	}
	meta := object{
		"url": "/d/" + uid + "/draft", "version": number(before["version"]) + 1, "folderUid": folder,
		"updated": c.stamp(), "created": created,
	}
	resource := resourceOf(c.params["version"], metadata, spec, meta)
	fields := object{
		"resource": resource, "meta": meta,
		"dashboard": object{"uid": uid, "title": spec["title"], "version": meta["version"]},
	}
	switch p := c.place("dashboard", uid); {
	case c.reads: // a dry run
	case is == nil:
		c.make(p, fields)
	default:
		c.change(p, fields)
	}
	return ok(resource), nil
}

// isBasedOn reports whether a dashboard still has the resourceVersion that a save is based on; empty: there is none
// yet.
func (c *call) isBasedOn(uid, version string, is object) (bool, error) {
	if version == "" || is == nil {
		return version == "" && is == nil, nil
	}
	resource, drafted := is["resource"].(object)
	if !drafted {
		var err error
		resource, err = c.item("/apis/dashboard.grafana.app/" + c.params["version"] + "/namespaces/" +
			c.params["namespace"] + "/dashboards/" + url.PathEscape(uid))
		if err != nil {
			return false, err
		}
	}
	metadata, _ := resource["metadata"].(object)
	return text(metadata["resourceVersion"]) == version, nil
}

// refusedInAPIs says, as /apis does, that a save is not based on what is there.
func refusedInAPIs(uid, method string) *answer {
	reason, says := "AlreadyExists", fmt.Sprintf("dashboards.dashboard.grafana.app %q already exists", uid)
	if method == put {
		reason = "Conflict"
		says = "Operation cannot be fulfilled on dashboards.dashboard.grafana.app " + strconv.Quote(uid) +
			": the object has been modified"
	}
	return status(http.StatusConflict, reason, says)
}

func notInAPIs(what, name string) *answer {
	return status(http.StatusNotFound, "NotFound", fmt.Sprintf("%s.grafana.app %q not found", what, name))
}

// status is how /apis says that something failed.
func status(code int, reason, message string) *answer {
	return reply(code, object{
		"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "message": message, "code": code,
	})
}

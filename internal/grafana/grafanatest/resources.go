package grafanatest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// resource checks that a path of /apis names something that is served, and that
// the caller may do this to it.
func (c *call) resource(verb string) *answer {
	group, version, resource := c.params["group"], c.params["version"], c.params["resource"]
	if !c.quirks.unified {
		return noGroup()
	}
	served := slices.ContainsFunc(apiGroups, func(g struct {
		name     string
		versions []string
	}) bool {
		return g.name == group && slices.Contains(g.versions, version)
	})
	if !served || group == dashboardGroup && resource != "dashboards" || group == folderGroup && resource != "folders" {
		return kubeFailure(http.StatusNotFound, "NotFound", "the server could not find the requested resource", obj{})
	}
	if c.org() == nil || c.params["namespace"] != namespaceOf(c.who.orgID) {
		return kubeFailure(http.StatusInternalServerError, "", "namespace mismatch", nil)
	}
	c.live = true
	if c.query.Get("watch") == "true" {
		return kubeFailure(
			http.StatusMethodNotAllowed,
			"MethodNotAllowed",
			fmt.Sprintf(
				"watch is not supported on resources of kind %q",
				resource+"."+group,
			),
			obj{"group": group, "kind": resource},
		)
	}
	if !c.may(resource+":"+verb, c.who.orgID) {
		return c.forbidden()
	}
	return nil
}

func (c *call) forbidden() *answer {
	group, resource := c.params["group"], c.params["resource"]
	return kubeFailure(
		http.StatusForbidden,
		"Forbidden",
		resource+"."+group+" is forbidden",
		obj{"group": group, "kind": resource},
	)
}

// collection is the objects at a path of /apis.
func (c *call) collection() ([]obj, *answer) {
	if a := c.resource("read"); a != nil {
		return nil, a
	}
	if c.params["group"] == folderGroup {
		return c.folderObjects(c.params["version"]), nil
	}
	return c.dashboardObjects(c.params["version"]), nil
}

// historyOf is the name of the dashboard whose history a list asks for; "": it
// asks for none.
func (c *call) historyOf() string {
	name, named := strings.CutPrefix(c.query.Get("fieldSelector"), "metadata.name=")
	if !named || c.query.Get("labelSelector") != "grafana.app/get-history=true" || c.params["group"] != dashboardGroup {
		return ""
	}
	return name
}

func listResources(c *call) *answer {
	if name := c.historyOf(); name != "" {
		return c.listHistory(name)
	}
	items, a := c.collection()
	if a != nil {
		return a
	}
	limit, offset := c.window()
	token := ""
	if int64(len(items)) > offset+limit {
		token = continueToken(offset + limit)
	}
	return c.resourceList(items[min(offset, int64(len(items))):min(offset+limit, int64(len(items)))], token)
}

// listHistory lists the lines of a dashboard's history, newest first; none if
// there is no such dashboard.
func (c *call) listHistory(name string) *answer {
	if a := c.resource("read"); a != nil {
		return a
	}
	items, token := []obj{}, ""
	if d := c.org().dashboard(name); d != nil {
		var rows []dashboardVersion
		rows, token = d.newest(c.window())
		for _, v := range rows {
			items = append(items, c.dashboardObject(d, v, c.params["version"]))
		}
	}
	return c.resourceList(items, token)
}

// resourceList is a page of a list; the token says where the next one begins.
func (c *call) resourceList(items []obj, token string) *answer {
	kind, apiVersion := "DashboardList", c.params["group"]+"/"+c.params["version"]
	if c.params["group"] == folderGroup {
		kind = "FolderList"
	}
	if c.wantsMetadata() {
		kind, apiVersion = "PartialObjectMetadataList", "meta.k8s.io/v1"
		for i := range items {
			items[i] = obj{"kind": "PartialObjectMetadata", "apiVersion": apiVersion, "metadata": items[i]["metadata"]}
		}
	}
	meta := obj{"resourceVersion": fmt.Sprint(c.now.UnixMicro())}
	if token != "" {
		meta["continue"] = token
	}
	if len(items) == 0 && c.wantsMetadata() {
		items = nil
	}
	return ok(obj{"kind": kind, "apiVersion": apiVersion, "metadata": meta, "items": items})
}

func getResource(c *call) *answer {
	items, a := c.collection()
	if a != nil {
		return a
	}
	for _, item := range items {
		if c.db.kind.same(item["metadata"].(obj)["name"].(string), c.params["name"]) {
			return ok(item)
		}
	}
	return c.noResource(c.params["name"])
}

func (c *call) noResource(name string) *answer {
	group, resource := c.params["group"], c.params["resource"]
	return kubeFailure(http.StatusNotFound, "NotFound", fmt.Sprintf("%s.%s %q not found", resource, group, name),
		obj{"name": name, "group": group, "kind": resource})
}

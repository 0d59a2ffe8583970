package grafanatest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	dashboardGroup = "dashboard.grafana.app"
	folderGroup    = "folder.grafana.app"
)

// apiGroups are the groups behind /apis that are modelled, with their
// versions, the preferred one first.
var apiGroups = []struct {
	name     string
	versions []string
}{
	{dashboardGroup, []string{"v1beta1", "v0alpha1", "v2beta1", "v2alpha1"}},
	{folderGroup, []string{"v1beta1"}},
}

// kubeFailure is an error as Kubernetes words it.
func kubeFailure(status int, reason, message string, details obj) *answer {
	body := obj{"kind": "Status", "apiVersion": "v1", "metadata": obj{}, "status": "Failure", "message": message, "code": status}
	if reason != "" {
		body["reason"] = reason
	}
	if details != nil {
		body["details"] = details
	}
	return raw(status, "application/json", mustJSON(body))
}

func showGroup(name string, versions []string) obj {
	all := []obj{}
	for _, v := range versions {
		all = append(all, obj{"groupVersion": name + "/" + v, "version": v})
	}
	return obj{"name": name, "versions": all, "preferredVersion": all[0]}
}

func listGroups(c *call) *answer {
	groups := []obj{}
	if c.quirks.unified {
		for _, g := range apiGroups {
			groups = append(groups, showGroup(g.name, g.versions))
		}
	} else {
		groups = append(groups, showGroup("playlist.grafana.app", []string{"v0alpha1"}))
	}
	return ok(obj{"kind": "APIGroupList", "groups": groups})
}

// noGroup is what is said of groups that do not exist.
func noGroup() *answer {
	return raw(http.StatusNotFound, "application/json", mustJSON(obj{"paths": []string{"/apis", "/apis/playlist.grafana.app", "/healthz", "/version"}}))
}

func discoverGroup(c *call) *answer {
	for _, g := range apiGroups {
		if c.quirks.unified && g.name == c.params["group"] {
			found := showGroup(g.name, g.versions)
			found["kind"], found["apiVersion"] = "APIGroup", "v1"
			return ok(found)
		}
	}
	return noGroup()
}

// apiNamespace is the org that a path of /apis names; 0: none.
func apiNamespace(path string) int64 {
	parts := strings.Split(path, "/")
	if len(parts) < 6 || parts[1] != "apis" || parts[4] != "namespaces" {
		return 0
	}
	if parts[5] == "default" {
		return 1
	}
	id, err := strconv.ParseInt(strings.TrimPrefix(parts[5], "org-"), 10, 64)
	if err != nil {
		return 0
	}
	return id
}

// collection checks what a path of /apis names, and returns the objects there.
func (c *call) collection() ([]obj, *answer) {
	group, version, resource := c.params["group"], c.params["version"], c.params["resource"]
	if !c.quirks.unified {
		return nil, noGroup()
	}
	served := slices.ContainsFunc(apiGroups, func(g struct {
		name     string
		versions []string
	}) bool {
		return g.name == group && slices.Contains(g.versions, version)
	})
	if !served || group == dashboardGroup && resource != "dashboards" || group == folderGroup && resource != "folders" {
		return nil, kubeFailure(http.StatusNotFound, "NotFound", "the server could not find the requested resource", obj{})
	}
	if c.org() == nil || c.params["namespace"] != namespaceOf(c.who.orgID) {
		return nil, kubeFailure(http.StatusInternalServerError, "", "namespace mismatch", nil)
	}
	if c.query.Get("watch") == "true" {
		return nil, kubeFailure(http.StatusMethodNotAllowed, "MethodNotAllowed",
			fmt.Sprintf("watch is not supported on resources of kind %q", resource+"."+group), obj{"group": group, "kind": resource})
	}
	action := strings.TrimSuffix(resource, "s") + "s:read"
	if !c.may(action, c.who.orgID) {
		return nil, kubeFailure(http.StatusForbidden, "Forbidden", resource+"."+group+" is forbidden", obj{"group": group, "kind": resource})
	}
	if group == folderGroup {
		return c.folderObjects(version), nil
	}
	return c.dashboardObjects(version), nil
}

func (c *call) dashboardObjects(version string) []obj {
	out := []obj{}
	for _, d := range sorted(c.org().dashboards, func(a, b *dashboard) int { return strings.Compare(a.uid, b.uid) }) {
		last := d.versions[len(d.versions)-1]
		notes := map[string]string{"grafana.app/createdBy": c.db.subject(d.maker)}
		if d.folder != "" {
			notes["grafana.app/folder"] = d.folder
		}
		if last.message != "" {
			notes["grafana.app/message"] = last.message
		}
		if d.updater != 0 {
			notes["grafana.app/updatedBy"], notes["grafana.app/updatedTimestamp"] = c.db.subject(d.updater), stamp(d.updated)
		}
		spec, status := d.model, obj{}
		if version != "v0alpha1" && !c.wantsMetadata() {
			spec, status = migrated(d.model), obj{"conversion": obj{"failed": false, "storedVersion": "v0alpha1"}}
		}
		out = append(out, obj{
			"kind": "Dashboard", "apiVersion": dashboardGroup + "/" + version, "spec": spec, "status": status,
			"metadata": c.kubeMeta(d.uid, d.id, d.version(), d.created, d.updated, notes),
		})
	}
	return out
}

// kubeMeta is the metadata of an object behind /apis.
func (c *call) kubeMeta(name string, id, generation int64, created, updated time.Time, annotations map[string]string) obj {
	return obj{
		"name": name, "namespace": namespaceOf(c.who.orgID), "uid": uuidOf(fmt.Sprint(c.who.orgID, "/", name, "/", id)),
		"resourceVersion": fmt.Sprint(updated.UnixMicro()), "generation": generation, "creationTimestamp": stamp(created),
		"labels": map[string]string{"grafana.app/deprecatedInternalID": fmt.Sprint(id)}, "annotations": annotations,
	}
}

func (c *call) folderObjects(version string) []obj {
	out := []obj{}
	for _, f := range sorted(c.org().folders, func(a, b *folder) int { return strings.Compare(a.uid, b.uid) }) {
		notes := map[string]string{"grafana.app/createdBy": c.db.subject(f.maker)}
		if f.parent != "" {
			notes["grafana.app/folder"] = f.parent
		}
		out = append(out, obj{
			"kind": "Folder", "apiVersion": folderGroup + "/" + version, "spec": obj{"title": f.title}, "status": obj{},
			"metadata": c.kubeMeta(f.uid, f.id, f.version, f.created, f.updated, notes),
		})
	}
	return out
}

// subject names a user as annotations do.
func (db *database) subject(id int64) string {
	u := db.users[id]
	switch {
	case u == nil:
		return ""
	case u.serviceAccount:
		return "service-account:" + u.uid
	}
	return "user:" + u.uid
}

// builtIn is the annotation that every dashboard of the newer versions has.
var builtIn = obj{
	"builtIn": 1, "datasource": obj{"type": "grafana", "uid": "-- Grafana --"}, "enable": true, "hide": true,
	"iconColor": "rgba(0, 211, 255, 1)", "name": "Annotations & Alerts", "type": "dashboard",
}

// migrated is a model as the newer versions of the API show it: brought up to
// the newest schema, with defaults.
func migrated(model map[string]any) map[string]any {
	out := map[string]any{
		"editable": true, "fiscalYearStartMonth": 0, "graphTooltip": 0, "links": []any{}, "panels": []any{}, "refresh": "", "tags": []any{},
		"templating": obj{"list": []any{}}, "time": obj{"from": "now-6h", "to": "now"}, "timepicker": obj{}, "timezone": "", "weekStart": "",
	}
	maps.Copy(out, model)
	out["schemaVersion"], out["annotations"] = 42, withBuiltIn(model["annotations"])
	return out
}

// withBuiltIn adds the annotation that every dashboard has, if it is missing.
func withBuiltIn(annotations any) obj {
	out := obj{}
	given, _ := annotations.(map[string]any)
	maps.Copy(out, given)
	list, _ := given["list"].([]any)
	for _, a := range list {
		if entry, isObject := a.(map[string]any); isObject && entry["builtIn"] != nil {
			return out
		}
	}
	out["list"] = append([]any{builtIn}, list...)
	return out
}

// continueToken says where the next page begins.
func continueToken(offset int64) string {
	return base64.StdEncoding.EncodeToString(fmt.Appendf(nil, `{"o":%d,"v":1,"s":false}`, offset))
}

func continueOffset(token string) int64 {
	plain, err := base64.StdEncoding.DecodeString(token)
	var at struct{ O int64 }
	if err != nil || json.Unmarshal(plain, &at) != nil {
		return 0
	}
	return at.O
}

// window says how many objects are asked for, and how many to leave out first.
func (c *call) window() (limit, offset int64) {
	limit = c.number("limit", 500)
	if limit <= 0 {
		limit = 500
	}
	return limit, continueOffset(c.query.Get("continue"))
}

// wantsMetadata says whether the client asked for a PartialObjectMetadataList.
func (c *call) wantsMetadata() bool {
	return strings.Contains(c.in.header.Get("Accept"), "as=PartialObjectMetadataList")
}

func listResources(c *call) *answer {
	items, a := c.collection()
	if a != nil {
		return a
	}
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
	limit, offset := c.window()
	meta := obj{"resourceVersion": fmt.Sprint(c.now.UnixMicro())}
	if int64(len(items)) > offset+limit {
		meta["continue"] = continueToken(offset + limit)
	}
	items = items[min(offset, int64(len(items))):min(offset+limit, int64(len(items)))]
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
		if item["metadata"].(obj)["name"] == c.params["name"] {
			return ok(item)
		}
	}
	group, resource := c.params["group"], c.params["resource"]
	return kubeFailure(http.StatusNotFound, "NotFound", fmt.Sprintf("%s.%s %q not found", resource, group, c.params["name"]),
		obj{"name": c.params["name"], "group": group, "kind": resource})
}

package grafanatest

import (
	"net/http"
	"strconv"
	"strings"
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
	body := obj{
		"kind":       "Status",
		"apiVersion": "v1",
		"metadata":   obj{},
		"status":     "Failure",
		"message":    message,
		"code":       status,
	}
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
	return raw(
		http.StatusNotFound,
		"application/json",
		mustJSON(obj{"paths": []string{"/apis", "/apis/playlist.grafana.app", "/healthz", "/version"}}),
	)
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

package grafanatest

import (
	"cmp"
	"fmt"
	"maps"
	"strings"
	"time"
)

// Annotations of objects behind /apis that Grafana gives a meaning.
const (
	noteFolder      = "grafana.app/folder"
	noteMessage     = "grafana.app/message"
	noteCreatedBy   = "grafana.app/createdBy"
	noteUpdatedBy   = "grafana.app/updatedBy"
	noteUpdatedTime = "grafana.app/updatedTimestamp"
	noteGrant       = "grafana.app/grant-permissions"
)

// dashboardObject is a line of a dashboard's history as an object behind /apis,
// in one of its versions. The newest line is the dashboard itself.
func (c *call) dashboardObject(d *dashboard, v dashboardVersion, version string) obj {
	notes := maps.Clone(v.notes)
	if notes == nil {
		notes = map[string]string{}
	}
	notes[noteCreatedBy] = c.db.subject(d.maker)
	if v.folder != "" {
		notes[noteFolder] = v.folder
	}
	if v.message != "" {
		notes[noteMessage] = v.message
	}
	if v.updater != 0 {
		notes[noteUpdatedBy], notes[noteUpdatedTime] = c.db.subject(v.updater), stamp(v.at)
	}
	stored := v.storedAs()
	spec, status := in(version, stored, v.model), obj{}
	if version != "v0alpha1" && version != stored && !isSchema2(version) && !isSchema2(stored) &&
		!c.wantsMetadata() {
		spec = migrated(spec)
	}
	if says := cmp.Or(v.claimed, version); version != stored || says != version {
		if version != stored {
			says = stored
		}
		status = obj{"conversion": obj{"failed": false, "storedVersion": says}}
	}
	return obj{
		"kind": "Dashboard", "apiVersion": dashboardGroup + "/" + version, "spec": spec, "status": status,
		"metadata": c.kubeMeta(d.uid, d.id, v.number, v.revision, d.created, notes),
	}
}

// storedAs is the version of /apis that a line of the history was written in.
func (v dashboardVersion) storedAs() string { return cmp.Or(v.stored, "v0alpha1") }

func (c *call) dashboardObjects(version string) []obj {
	out := []obj{}
	for _, d := range sorted(c.org().dashboards, func(a, b *dashboard) int { return strings.Compare(a.uid, b.uid) }) {
		if c.dashboardLevel(d) >= mayView {
			out = append(out, c.dashboardObject(d, *d.last(), version))
		}
	}
	return out
}

// kubeMeta is the metadata of an object behind /apis.
func (c *call) kubeMeta(
	name string,
	id, generation, revision int64,
	created time.Time,
	annotations map[string]string,
) obj {
	return obj{
		"name": name, "namespace": namespaceOf(c.who.orgID), "uid": uuidOf(fmt.Sprint(c.who.orgID, "/", name, "/", id)),
		"resourceVersion": fmt.Sprint(revision), "generation": generation, "creationTimestamp": stamp(created),
		"labels": map[string]string{"grafana.app/deprecatedInternalID": fmt.Sprint(id)}, "annotations": annotations,
	}
}

func (c *call) folderObject(f *folder, version string) obj {
	notes := map[string]string{noteCreatedBy: c.db.subject(f.maker)}
	if f.parent != "" {
		notes[noteFolder] = f.parent
	}
	if f.updater != 0 {
		notes[noteUpdatedBy], notes[noteUpdatedTime] = c.db.subject(f.updater), stamp(f.updated)
	}
	spec := obj{"title": f.title}
	if f.description != nil {
		spec["description"] = *f.description
	}
	return obj{
		"kind": "Folder", "apiVersion": folderGroup + "/" + version, "spec": spec,
		"metadata": c.kubeMeta(f.uid, f.id, f.version, f.updated.UnixMicro(), f.created, notes),
	}
}

func (c *call) folderObjects(version string) []obj {
	out := []obj{}
	for _, f := range sorted(c.org().folders, func(a, b *folder) int { return strings.Compare(a.uid, b.uid) }) {
		if c.folderLevel(f) >= mayView {
			out = append(out, c.folderObject(f, version))
		}
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

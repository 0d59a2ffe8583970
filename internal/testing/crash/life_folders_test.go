package crash

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"pgregory.net/rapid"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/lifecycle"
)

// givenFolder is the uid that a Folder asks for; the other one has one of its own.
const givenFolder = "team-2"

// enlistFolders says which Folders there are in a life, and a Dashboard that refers to one.
func (l *life) enlistFolders() {
	l.join("folder", func() lifecycle.Object {
		f := NewFolder("", "Team")
		f.Spec.Permissions = permissionsOf("account")
		return f
	})
	l.join("folder-2", func() lifecycle.Object { return NewFolder(givenFolder, "Team-2") })
	l.join("filed", func() lifecycle.Object {
		d := Dashboard("", strings.Replace(OneDashboard, "Requests", "Filed", 1))
		d.Spec.Folder = &v1alpha1.DashboardFolder{Ref: &v1alpha1.LocalObjectReference{Name: "folder"}}
		return d
	})
}

func permissionsOf(account string) []v1alpha1.FolderPermission {
	return []v1alpha1.FolderPermission{
		{Role: "Viewer", Permission: v1alpha1.PermissionView},
		{ServiceAccountRef: &v1alpha1.LocalObjectReference{Name: account}, Permission: v1alpha1.PermissionEdit},
	}
}

// changeFolder is what a person can change in it.
func changeFolder(rt *rapid.T, o *v1alpha1.Folder, suffix string) {
	o.Spec.Title = rapid.SampledFrom([]string{"Team", "Squad"}).Draw(rt, "title") + suffix
	o.Spec.DeletionPolicy = rapid.SampledFrom([]v1alpha1.FolderDeletionPolicy{
		"", v1alpha1.FolderDelete, v1alpha1.FolderDeleteWithContents, v1alpha1.FolderOrphan,
	}).Draw(rt, "deletionPolicy")
	o.Spec.Permissions = rapid.SampledFrom([][]v1alpha1.FolderPermission{
		nil, {}, permissionsOf("account"), permissionsOf("account-2"),
	}).Draw(rt, "permissions")
}

// touchFolder is what people do with folders in Grafana.
func (l *life) touchFolder(rt *rapid.T) {
	org := l.ours(rt)
	switch rapid.SampledFrom([]string{"make", "delete", "rename", "open", "fill"}).Draw(rt, "what") {
	case "make":
		l.do(http.MethodPost, org.ID, map[string]any{"uid": givenFolder, "title": "Somebody's folder"}, "/api/folders")
	case "delete":
		l.do(http.MethodDelete, org.ID, nil, "/api/folders/%s", l.folderIn(rt, org.ID))
	case "rename":
		uid := l.folderIn(rt, org.ID)
		l.do(http.MethodPut, org.ID, map[string]any{"title": "Mine " + uid, "overwrite": true}, "/api/folders/%s", uid)
	case "open":
		l.do(http.MethodPost, org.ID, map[string]any{"items": []any{map[string]any{"role": "Viewer", "permission": 4}}},
			"/api/folders/%s/permissions", l.folderIn(rt, org.ID))
	case "fill":
		uid := l.folderIn(rt, org.ID)
		l.do(http.MethodPost, org.ID, map[string]any{
			"dashboard": map[string]any{"uid": "foreign-" + uid[:4], "title": "Foreign " + uid}, "folderUid": uid,
		}, "/api/dashboards/db")
	}
}

// folderIn draws a folder in an organization.
func (l *life) folderIn(rt *rapid.T, org int64) string {
	all := l.Grafana.Folders(org)
	if len(all) == 0 {
		rt.Skip("none there")
	}
	return all[rapid.IntRange(0, len(all)-1).Draw(rt, "folder")].UID
}

// isDoomed reports whether a folder is being deleted with all that is in it.
func (l *life) isDoomed(org int64, uid string) bool {
	return uid != "" && slices.ContainsFunc(l.objects(), func(obj lifecycle.Object) bool {
		f, ok := obj.(*v1alpha1.Folder)
		return ok && !alive(f) && f.Spec.DeletionPolicy == v1alpha1.FolderDeleteWithContents &&
			(f.Status.UID == uid && f.Status.OrgID == org || string(f.UID) == uid)
	})
}

// holder is the Folder that a folder is provably of; nil: it is nobody's.
func (l *life) holder(org int64, f grafanatest.Folder) *v1alpha1.Folder {
	var made struct{ Created time.Time }
	_ = json.Unmarshal(l.do(http.MethodGet, org, nil, "/api/folders/%s", f.UID), &made)
	for _, obj := range l.objects() {
		o, ok := obj.(*v1alpha1.Folder)
		if !ok {
			continue
		}
		at, err := time.Parse(time.RFC3339, o.Status.CreatedAt)
		recorded := o.Status.UID == f.UID && o.Status.OrgID == org && err == nil &&
			made.Created.Sub(at).Abs() < time.Minute
		if recorded || string(o.UID) == f.UID {
			return o
		}
	}
	return nil
}

// calmFolder undoes what keeps it from being Ready for good.
func calmFolder(o *v1alpha1.Folder) {
	o.Spec.Permissions = []v1alpha1.FolderPermission{{Role: "Viewer", Permission: v1alpha1.PermissionView}}
}

// provideFolder creates the Folder again that a Dashboard refers to.
func (l *life) provideFolder(obj lifecycle.Object) {
	d, ok := obj.(*v1alpha1.Dashboard)
	if !ok || !alive(d) || d.Spec.Folder == nil || d.Spec.Folder.Ref == nil {
		return
	}
	if name := d.Spec.Folder.Ref.Name; !l.Get(l.cast[name]()) {
		l.bear(name)
	}
}

// clearFolder deletes what keeps a Folder from being deleted.
func (l *life) clearFolder(o *v1alpha1.Folder) {
	for _, obj := range l.objects() {
		d, ok := obj.(*v1alpha1.Dashboard)
		if ok && alive(d) && (d.Status.FolderUID != "" && d.Status.FolderUID == o.Status.UID ||
			d.Spec.Folder != nil && d.Spec.Folder.Ref != nil && d.Spec.Folder.Ref.Name == o.Name) {
			l.Delete(d)
		}
	}
	for _, d := range l.Grafana.Dashboards(o.Status.OrgID) {
		if d.FolderUID != "" && d.FolderUID == o.Status.UID && (IsForeign(d.Title) || !bornDashboard(d)) {
			l.asAdmin(http.MethodDelete, o.Status.OrgID, "/api/dashboards/uid/%s", d.UID)
		}
	}
}

// tidyFolders has people delete the folders that no Folder has any more, or that keep one from its uid.
func (l *life) tidyFolders(org int64, left map[string]bool) {
	for _, f := range l.Grafana.Folders(org) {
		if l.holder(org, f) == nil && (f.UID == givenFolder || left[f.UID]) {
			l.asAdmin(http.MethodDelete, org, "/api/folders/%s", f.UID)
		}
	}
}

// strayFolders fails if a folder has the uid of an object that is not there any more.
func (l *life) strayFolders() error {
	gone := l.gone()
	for _, org := range l.Grafana.Orgs() {
		for _, f := range l.Grafana.Folders(org.ID) {
			if o := gone[types.UID(f.UID)]; o != nil && !IsForeign(org.Name) {
				return fmt.Errorf("folder %q of organization %d was %s's, which is gone", f.Title, org.ID, o.GetName())
			}
		}
	}
	return nil
}

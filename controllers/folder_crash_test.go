package controllers_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/connection"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/testing/crash"
)

// newFolder is a Folder; with a uid its mark is the title that it is born with.
func newFolder(uid string) *v1alpha1.Folder {
	return &v1alpha1.Folder{ObjectMeta: crash.Named("folder"), Spec: v1alpha1.FolderSpec{
		OrganizationRef: v1alpha1.ObjectReference{Name: "org"}, UID: uid, Title: "Team",
	}}
}

// restricted gives a Folder permissions.
func restricted(f *v1alpha1.Folder) {
	f.Spec.Permissions = []v1alpha1.FolderPermission{
		{Role: "Viewer", Permission: v1alpha1.PermissionView},
		{ServiceAccountRef: &v1alpha1.LocalObjectReference{Name: "account"}, Permission: v1alpha1.PermissionEdit},
	}
}

// inRef has a Dashboard be in the Folder.
func inRef(d *v1alpha1.Dashboard) {
	d.Spec.Folder = &v1alpha1.DashboardFolder{Ref: &v1alpha1.LocalObjectReference{Name: "folder"}}
}

// withFolder is an organization with a folder in it.
func withFolder(uid string, changes ...func(*v1alpha1.Folder)) func(*crash.World) {
	return func(w *crash.World) {
		f := newFolder(uid)
		for _, c := range changes {
			c(f)
		}
		w.Create(crash.Organization("Tenant"), crash.Account("CI"), f)
	}
}

// withFilledFolder has a dashboard in the folder besides.
func withFilledFolder(uid string) func(*crash.World) {
	return func(w *crash.World) {
		d := crash.Dashboard("", crash.OneDashboard)
		inRef(d)
		withFolder(uid)(w)
		w.Create(d)
	}
}

// theFolder is the Folder's, in Grafana.
func theFolder(w *crash.World) (*v1alpha1.Folder, *grafanatest.Folder) {
	f := newFolder("")
	w.Get(f)
	all := w.Grafana.Folders(f.Status.OrgID)
	i := slices.IndexFunc(all, func(o grafanatest.Folder) bool { return o.UID == f.Status.UID })
	if i < 0 {
		return f, nil
	}
	return f, &all[i]
}

// hasFolder fails unless there is one folder, with this title and these permissions; none are not looked at.
func hasFolder(title string, permissions ...string) func(*crash.World) error {
	return func(w *crash.World) error {
		obj, f := theFolder(w)
		all := w.Grafana.Folders(obj.Status.OrgID)
		if f == nil || f.Title != title || len(all) != 1 {
			return fmt.Errorf("there is no one folder %q: %+v", title, all)
		}
		if d := w.Grafana.Dashboards(obj.Status.OrgID); len(d) > 0 && d[0].FolderUID != f.UID {
			return fmt.Errorf("the dashboard is in %q, not in %q", d[0].FolderUID, f.UID)
		}
		_, answer := w.Grafana.Do(http.MethodGet, "/api/folders/"+f.UID+"/permissions", obj.Status.OrgID, nil)
		for _, p := range permissions {
			if !strings.Contains(string(answer), p) {
				return fmt.Errorf("the permissions lack %s: %s", p, answer)
			}
		}
		return nil
	}
}

// noFolders fails unless there is no folder in the organization.
func noFolders(w *crash.World) error {
	if all := w.Grafana.Folders(3); len(all) > 0 {
		return fmt.Errorf("left: %+v", all)
	}
	return nil
}

func folderKindScenarios() []crash.Scenario {
	later := func(w *crash.World) {
		w.Clock = w.Clock.Add(2*connection.ProofLife + lifecycle.DefaultResync)
		w.Everybody()
	}
	rename := func(f *v1alpha1.Folder) { f.Spec.Title = "Squad" }
	account := []string{`"sa-`, `"permission":2`}
	return []crash.Scenario{
		{
			Name:   "folder created",
			Before: crash.WithOrg,
			Act:    func(w *crash.World) { w.Create(newFolder("")) },
			After:  hasFolder("Team"),
		},
		{
			Name:   "folder created under a uid",
			Before: crash.WithOrg,
			Act:    func(w *crash.World) { w.Create(newFolder("Team")) },
			After:  hasFolder("Team"),
		},
		{Name: "folder created with permissions", Before: crash.WithAccount, Act: func(w *crash.World) {
			f := newFolder("team")
			restricted(f)
			w.Create(f)
		}, After: hasFolder("Team", account...)},
		{Name: "folder created with a dashboard for it", Before: crash.WithOrg, Act: func(w *crash.World) {
			d := crash.Dashboard("", crash.OneDashboard)
			inRef(d)
			w.Create(d, newFolder(""))
		}, After: hasFolder("Team")},
		{
			Name:   "folder renamed",
			Before: withFolder(""),
			Act:    func(w *crash.World) { crash.Edit(w, newFolder(""), rename) },
			After:  hasFolder("Squad"),
		},
		{Name: "folder renamed that has a uid", Before: withFolder("team"), Act: func(w *crash.World) {
			crash.Edit(w, newFolder(""), rename)
		}, After: hasFolder("Squad")},
		{Name: "folder renamed by a person", Before: withFolder("team"), Act: func(w *crash.World) {
			obj, f := theFolder(w)
			w.Grafana.Do(http.MethodPut, "/api/folders/"+f.UID, obj.Status.OrgID,
				map[string]any{"title": "Mine", "overwrite": true})
			later(w)
		}, After: hasFolder("Team")},
		{Name: "folder given permissions", Before: withFolder(""), Act: func(w *crash.World) {
			crash.Edit(w, newFolder(""), restricted)
		}, After: hasFolder("Team", account...)},
		{
			Name:   "folder's permissions changed by a person",
			Before: withFolder("", restricted),
			Act: func(w *crash.World) {
				obj, f := theFolder(w)
				w.Grafana.Do(
					http.MethodPost,
					"/api/folders/"+f.UID+"/permissions",
					obj.Status.OrgID,
					map[string]any{"items": []any{}},
				)
				later(w)
			},
			After: hasFolder("Team", account...),
		},
		{
			Name:   "folder deleted by a person, with a dashboard in it",
			Before: withFilledFolder("team"),
			Act: func(w *crash.World) {
				obj, f := theFolder(w)
				w.Grafana.Do(http.MethodDelete, "/api/folders/"+f.UID, obj.Status.OrgID, nil)
				later(w)
			},
			After: hasFolder("Team"),
		},
		{
			Name:   "folder replaced by a person's that is just like it",
			Before: withFolder("team"),
			Act: func(w *crash.World) {
				w.Clock = w.Clock.Add(time.Minute)
				w.Grafana.Do(http.MethodDelete, "/api/folders/team", 3, nil)
				w.Grafana.Do(http.MethodPost, "/api/folders", 3, map[string]any{"uid": "team", "title": "Team"})
				later(w)
			},
			Stalled: map[string]string{"Folder": v1alpha1.ReasonAlreadyExists},
		},
		{
			Name:   "folder deleted",
			Before: withFolder(""),
			Act:    func(w *crash.World) { w.Delete(newFolder("")) },
			After:  noFolders,
		},
		{
			Name:   "folder deleted that has a uid",
			Before: withFolder("team"),
			Act:    func(w *crash.World) { w.Delete(newFolder("")) },
			After:  noFolders,
		},
		{Name: "folder deleted with its dashboard", Before: withFilledFolder(""), Act: func(w *crash.World) {
			w.Delete(newFolder(""), crash.Dashboard("", ""))
		}, After: noFolders},
		{Name: "tenant with a filled folder deleted", Before: withFilledFolder("team"), Act: func(w *crash.World) {
			w.Delete(crash.Organization(""), crash.Account(""), newFolder(""), crash.Dashboard("", ""))
		}},
		{Name: "folder adopted", Before: crash.WithOrg, Act: func(w *crash.World) {
			w.Settle()
			crash.Edit(
				w,
				crash.Organization(""),
				func(o *v1alpha1.Organization) { o.Spec.Adoption = v1alpha1.AdoptionAllow },
			)
			w.Grafana.Do(http.MethodPost, "/api/folders", 3, map[string]any{"uid": "team", "title": "Theirs"})
			w.Clock = w.Clock.Add(time.Minute)
			f := newFolder("team")
			f.Spec.AdoptionPolicy = v1alpha1.AdoptionAdopt
			w.Create(f)
		}, After: hasFolder("Team")},
		{Name: "database reset under a filled folder", Before: withFilledFolder("team"), Act: func(w *crash.World) {
			w.Grafana.ResetDatabase()
			later(w)
		}, After: func(w *crash.World) error {
			if obj, f := theFolder(w); f == nil || len(w.Grafana.Dashboards(obj.Status.OrgID)) != 1 {
				return fmt.Errorf("folder %+v, dashboards %+v", f, w.Grafana.Dashboards(obj.Status.OrgID))
			}
			return hasFolder("Team")(w)
		}},
	}
}

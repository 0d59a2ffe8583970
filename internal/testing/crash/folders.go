package crash

import (
	"slices"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
)

// NewFolder is one of the organization "org".
func NewFolder(uid, title string) *v1alpha1.Folder {
	return &v1alpha1.Folder{ObjectMeta: Named(""), Spec: v1alpha1.FolderSpec{
		OrganizationRef: v1alpha1.ObjectReference{Name: "org"}, UID: uid, Title: title,
	}}
}

// checkFolder fails unless Grafana has the folder just as it is asked for.
func (w *World) checkFolder(o *v1alpha1.Folder, fail failer) {
	all := w.Grafana.Folders(o.Status.OrgID)
	i := slices.IndexFunc(all, func(f grafanatest.Folder) bool { return f.UID == o.Status.UID })
	if i < 0 || all[i].Title != o.WantedTitle() || all[i].ParentUID != o.Status.ParentUID {
		fail("Folder %s (%+v) is in Grafana as none of %+v", o.Name, o.Status, all)
	}
}

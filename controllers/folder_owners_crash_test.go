package controllers_test

import (
	"testing"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/testing/crash"
)

// Whoever asks for the uid of another's dashboard, in an object that the operator has not looked at, does not take that
// dashboard's protection away when a folder goes with its contents.
func TestCrashFolderKeepsWhatAnObjectHasWhoeverElseAsksForIt(t *testing.T) {
	for _, version := range grafanatest.Versions() {
		w := crash.New(t, version)
		w.Seed()
		f := crash.NewFolder("team", "Team")
		f.ObjectMeta = crash.Named("folder")
		f.Spec.DeletionPolicy = v1alpha1.FolderDeleteWithContents
		d := crash.Dashboard("fixed", crash.OneDashboard)
		d.Spec.Folder = &v1alpha1.DashboardFolder{UID: "team"}
		w.Create(crash.Organization("Tenant"), f, d)
		w.Settle()
		rival := crash.Dashboard("fixed", crash.OneDashboard)
		rival.Name, rival.UID = "zz", "99999999-2222-4000-8000-333333333333"
		rival.Finalizers, rival.Spec.Suspend = []string{"example.com/stays"}, true
		w.Create(rival)
		w.Delete(rival, f)
		w.Visit("Folder " + crash.Namespace + "/" + f.Name)
		if n := len(w.Grafana.Dashboards(3)); n != 1 {
			t.Errorf("%s: %d dashboards are left", version, n)
		}
	}
}

package controllers_test

import (
	"net/http"
	"testing"
	"time"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/testing/crash"
)

// A status that was wiped says nothing of what there is. While Grafana is away nobody can look, and a deletion after
// that looks first: what the object has made is not left behind.
func TestWhatAWipedStatusWasAboutIsNotLeft(t *testing.T) {
	t.Parallel()
	for _, version := range grafanatest.Versions() {
		for name, has := range map[string]struct {
			make lifecycle.Object
			wipe func(lifecycle.Object)
			left func(w *crash.World, org int64) int
		}{
			"dashboard": {
				crash.Dashboard("requests", crash.OneDashboard),
				func(o lifecycle.Object) { o.(*v1alpha1.Dashboard).Status = v1alpha1.DashboardStatus{} },
				func(w *crash.World, org int64) int { return len(w.Grafana.Dashboards(org)) },
			},
			"folder": {
				newFolder(""),
				func(o lifecycle.Object) { o.(*v1alpha1.Folder).Status = v1alpha1.FolderStatus{} },
				func(w *crash.World, org int64) int { return len(w.Grafana.Folders(org)) },
			},
			"data source": {
				crash.NewDataSource("requests"),
				func(o lifecycle.Object) { o.(*v1alpha1.DataSource).Status = v1alpha1.DataSourceStatus{} },
				func(w *crash.World, org int64) int { return len(w.Grafana.Sources(org)) },
			},
			"service account": {
				crash.Account(""),
				func(o lifecycle.Object) { o.(*v1alpha1.ServiceAccount).Status = v1alpha1.ServiceAccountStatus{} },
				func(w *crash.World, org int64) int { return len(w.Grafana.ServiceAccounts(org)) },
			},
		} {
			t.Run(version+"/"+name, func(t *testing.T) {
				t.Parallel()
				w := crash.New(t, version)
				w.Seed()
				crash.WithOrg(w)
				org := crash.Organization("")
				w.Create(crash.SourceSecret("first"), has.make)
				w.Settle()
				w.Get(org)
				if has.left(w, org.Status.OrgID) == 0 {
					t.Fatal("it was not made")
				}
				w.Get(has.make)
				has.wipe(has.make)
				if err := w.Kube.Status().Update(t.Context(), has.make); err != nil {
					t.Fatal(err)
				}
				w.Advance(w.Clock.Add(2 * time.Minute)) // no proof is fresh any more
				w.Refuses = func(*http.Request) bool { return true }
				w.Everybody()
				w.Briefly(time.Minute)
				w.Refuses = nil
				w.Delete(has.make)
				w.Settle()
				if n := has.left(w, org.Status.OrgID); n > 0 {
					t.Errorf("the object is gone, and %d are left in Grafana", n)
				}
			})
		}
	}
}

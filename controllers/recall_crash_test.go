package controllers_test

import (
	"net/http"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/testing/crash"
)

// inTenant runs a test beside an Organization that allows adoption, in both versions.
func inTenant(t *testing.T, test func(t *testing.T, w *crash.World, org int64)) {
	t.Parallel()
	for _, version := range grafanatest.Versions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			w := crash.New(t, version)
			w.Seed()
			o := crash.Organization("Tenant")
			o.Spec.Adoption = v1alpha1.AdoptionAllow
			w.Create(o)
			w.Settle()
			w.Get(o)
			test(t, w, o.Status.OrgID)
		})
	}
}

// wipe takes the status off a Dashboard.
func wipe(w *crash.World, d *v1alpha1.Dashboard) {
	w.TB.Helper()
	w.Get(d)
	d.Status = v1alpha1.DashboardStatus{}
	if err := w.Kube.Status().Update(w.TB.Context(), d); err != nil {
		w.TB.Fatal(err)
	}
}

// away has Grafana refuse everything for a minute, in which all are visited.
func away(w *crash.World) {
	w.Advance(w.Clock.Add(2 * time.Minute)) // no proof is fresh any more
	w.Refuses = func(*http.Request) bool { return true }
	w.Everybody()
	w.Briefly(time.Minute)
	w.Refuses = nil
}

// wantDashboards fails unless there are so many.
func wantDashboards(w *crash.World, org int64, want int) {
	w.TB.Helper()
	if all := w.Grafana.Dashboards(org); len(all) != want {
		w.TB.Errorf("%d dashboards, want %d: %+v", len(all), want, all)
	}
}

// adoptingTheirs has a Dashboard take over one that somebody has made.
func adoptingTheirs(w *crash.World) *v1alpha1.Dashboard {
	d := crash.Dashboard("theirs", crash.OneDashboard)
	d.Spec.AdoptionPolicy = v1alpha1.AdoptionAdopt
	w.Create(d)
	w.Settle()
	return d
}

// What was taken over stays when its object is deleted, whatever has become of what Kubernetes knew of it.
func TestDashboardThatWasTakenOverStays(t *testing.T) {
	for name, between := range map[string]func(w *crash.World, d *v1alpha1.Dashboard){
		"another object of its name": func(w *crash.World, d *v1alpha1.Dashboard) {
			w.Delete(d)
			w.Settle()
			*d = *adoptingTheirs(w)
		},
		"status wiped": wipe,
		"status wiped, and seen again": func(w *crash.World, d *v1alpha1.Dashboard) {
			wipe(w, d)
			w.Everybody()
			w.Settle()
		},
	} {
		t.Run(name, func(t *testing.T) {
			inTenant(t, func(t *testing.T, w *crash.World, org int64) {
				w.Grafana.Do(http.MethodPost, "/api/dashboards/db", org, map[string]any{
					"dashboard": map[string]any{"uid": "theirs", "title": "Theirs", "panels": []any{}},
				})
				d := adoptingTheirs(w)
				if w.Get(d); !d.Status.Adopted || d.Status.Version != 2 {
					t.Fatalf("it was not taken over: %+v", d.Status)
				}
				between(w, d)
				w.Delete(d)
				w.Settle()
				wantDashboards(w, org, 1)
			})
		})
	}
}

// The dashboard of a person is adopted; it is deleted in Grafana, and made again: that one is the operator's own.
func TestDashboardMadeInPlaceOfOneThatWasTakenOver(t *testing.T) {
	inTenant(t, func(_ *testing.T, w *crash.World, org int64) {
		w.Grafana.Do(http.MethodPost, "/api/dashboards/db", org, map[string]any{
			"dashboard": map[string]any{"uid": "theirs", "title": "Theirs", "panels": []any{}},
		})
		d := adoptingTheirs(w)
		w.Grafana.Do(http.MethodDelete, "/api/dashboards/uid/theirs", org, nil)
		w.Briefly(15 * time.Minute)
		wantDashboards(w, org, 1)
		wipe(w, d)
		w.Delete(d)
		w.Settle()
		wantDashboards(w, org, 0)
	})
}

// Most sources have a uid, which an object that has lost its status is looked for under.
func TestDashboardWithTheUIDOfItsSourceIsNotLeft(t *testing.T) {
	for name, meanwhile := range map[string]func(*crash.World){"": crash.Nothing, "in an outage": away} {
		t.Run(name, func(t *testing.T) {
			inTenant(t, func(_ *testing.T, w *crash.World, org int64) {
				d := crash.Dashboard("", identified(crash.OneDashboard))
				w.Create(d)
				w.Settle()
				wantDashboards(w, org, 1)
				wipe(w, d)
				meanwhile(w)
				w.Delete(d)
				w.Settle()
				wantDashboards(w, org, 0)
			})
		})
	}
}

// The uid came into the source when the dashboard was there under the object's own.
func TestDashboardWhoseSourceGotAUIDIsNotMadeTwice(t *testing.T) {
	inTenant(t, func(_ *testing.T, w *crash.World, org int64) {
		d := crash.Dashboard("", crash.OneDashboard)
		w.Create(d)
		w.Settle()
		crash.Edit(w, d, func(d *v1alpha1.Dashboard) { *d.Spec.Source.JSON = identified(crash.OtherDashboard) })
		w.Settle()
		wipe(w, d)
		w.Everybody()
		w.Settle()
		wantDashboards(w, org, 1)
		wipe(w, d)
		w.Delete(d)
		w.Settle()
		wantDashboards(w, org, 0)
	})
}

// An edit that Report lets stand is let stand by an object that has lost its status, too: the operator's last save says
// in Grafana what the source was. A source that has changed since is saved.
func TestEditThatReportLetsStandOutlivesTheStatus(t *testing.T) {
	for name, want := range map[string]string{"same source": "Edited by a person", "changed source": "Requests"} {
		t.Run(name, func(t *testing.T) {
			inTenant(t, func(t *testing.T, w *crash.World, org int64) {
				d := crash.Dashboard("board", crash.OneDashboard)
				d.Spec.DriftPolicy = v1alpha1.DriftReport
				w.Create(d)
				w.Settle()
				w.Advance(w.Clock.Add(time.Minute))
				w.Grafana.Do(http.MethodPost, "/api/dashboards/db", org, map[string]any{"overwrite": true,
					"dashboard": map[string]any{"uid": "board", "title": "Edited by a person", "panels": []any{}}})
				w.Briefly(15 * time.Minute)
				if w.Get(d); d.Status.Drift == nil {
					t.Fatalf("the edit is not reported: %+v", d.Status)
				}
				wipe(w, d)
				if want == "Requests" {
					crash.Edit(w, d, func(d *v1alpha1.Dashboard) { *d.Spec.Source.JSON = crash.OtherDashboard })
				}
				w.Everybody()
				w.Settle()
				if got := w.Grafana.Dashboards(org)[0].Title; got != want {
					t.Errorf("its title is %q, want %q", got, want)
				}
				if w.Get(d); (d.Status.Drift != nil) != (want != "Requests") {
					t.Errorf("drift: %+v", d.Status.Drift)
				}
			})
		})
	}
}

// Somebody has taken the uid out of a status.
func TestDashboardWhoseStatusHasLostItsUIDIsNotLeft(t *testing.T) {
	for name, d := range map[string]func() *v1alpha1.Dashboard{
		"of the spec":   func() *v1alpha1.Dashboard { return crash.Dashboard("board", crash.OneDashboard) },
		"of the source": func() *v1alpha1.Dashboard { return crash.Dashboard("", identified(crash.OneDashboard)) },
		"of the object": func() *v1alpha1.Dashboard { return crash.Dashboard("", crash.OneDashboard) },
	} {
		t.Run(name, func(t *testing.T) {
			inTenant(t, func(t *testing.T, w *crash.World, org int64) {
				d := d()
				w.Create(d)
				w.Settle()
				w.Get(d)
				d.Status.UID = ""
				if err := w.Kube.Status().Update(t.Context(), d); err != nil {
					t.Fatal(err)
				}
				w.Delete(d)
				w.Settle()
				wantDashboards(w, org, 0)
			})
		})
	}
}

// What people have restricted, and an object has taken over, is not opened since the status is lost.
func TestDashboardThatWasTakenOverIsNotOpened(t *testing.T) {
	dies := func(w *crash.World) { // when it has given the finalizer
		w.Arm(0, crash.DeadAfter)
		w.Only = "kubernetes patch Dashboard"
	}
	for name, has := range map[string]struct {
		age         time.Duration
		first, then func(w *crash.World)
	}{
		"wiped while new": {0, crash.Nothing, func(w *crash.World) {
			wipe(w, crash.Dashboard("theirs", ""))
			w.Everybody()
		}},
		"wiped when old": {time.Hour, crash.Nothing, func(w *crash.World) {
			wipe(w, crash.Dashboard("theirs", ""))
			w.Everybody()
		}},
		"the process dies while it is new": {0, dies, crash.Nothing},
		"the process dies, then a save fails": {time.Hour, func(w *crash.World) {
			dies(w)
			w.Refuses = func(r *http.Request) bool { return r.URL.Path == "/api/dashboards/db" }
		}, func(w *crash.World) { w.Refuses = nil }},
	} {
		t.Run(name, func(t *testing.T) {
			inTenant(t, func(t *testing.T, w *crash.World, org int64) {
				w.Grafana.Do(http.MethodPost, "/api/dashboards/db", org, map[string]any{
					"dashboard": map[string]any{"uid": "theirs", "title": "Theirs", "panels": []any{}},
				})
				path := "/api/dashboards/uid/theirs"
				w.Grafana.Do(http.MethodPost, path+"/permissions", org, map[string]any{"items": []any{}})
				w.Advance(w.Clock.Add(has.age))
				has.first(w)
				d := crash.Dashboard("theirs", crash.OneDashboard)
				d.Spec.AdoptionPolicy = v1alpha1.AdoptionAdopt
				w.Create(d)
				w.Briefly(30 * time.Second)
				has.then(w)
				w.Settle()
				if w.Get(d); !d.Status.Adopted {
					t.Fatalf("it was not taken over: %+v", d.Status)
				}
				if n := rolesThatSee(w, org, path); n != 0 {
					t.Errorf("permissions for %d roles: it was opened", n)
				}
			})
		})
	}
}

func TestFolderThatWasTakenOverIsNotOpened(t *testing.T) {
	inTenant(t, func(t *testing.T, w *crash.World, org int64) {
		w.Grafana.Do(http.MethodPost, "/api/folders", org, map[string]any{"uid": "team", "title": "Team"})
		w.Grafana.Do(http.MethodPost, "/api/folders/team/permissions", org, map[string]any{"items": []any{}})
		f := newFolder("team")
		f.Spec.AdoptionPolicy = v1alpha1.AdoptionAdopt
		w.Create(f)
		w.Settle()
		if w.Get(f); !f.Status.Adopted || rolesThatSee(w, org, "/api/folders/team") != 0 {
			t.Fatalf("not in the state to test: %+v", f.Status)
		}
		f.Status = v1alpha1.FolderStatus{}
		if err := w.Kube.Status().Update(t.Context(), f); err != nil {
			t.Fatal(err)
		}
		w.Everybody()
		w.Settle()
		if n := rolesThatSee(w, org, "/api/folders/team"); n != 0 {
			t.Errorf("permissions for %d roles: it was opened", n)
		}
	})
}

// The uid can be in a source that is elsewhere: it is fetched for the deletion.
func TestDashboardWithTheUIDOfAnAddressIsNotLeft(t *testing.T) {
	inTenant(t, func(_ *testing.T, w *crash.World, org int64) {
		w.Served = map[string]string{"https://example.com/d": identified(crash.OneDashboard)}
		d := crash.Dashboard("", "")
		d.Spec.Source = v1alpha1.DashboardSource{URL: &v1alpha1.DashboardURL{URL: "https://example.com/d"}}
		w.Create(d)
		w.Settle()
		wantDashboards(w, org, 1)
		wipe(w, d)
		w.Delete(d)
		w.Settle()
		wantDashboards(w, org, 0)
	})
}

// DeleteWithContents spares what a living Dashboard has made, whose status has not come further than the intent.
func TestFolderSparesWhatIsBeingMade(t *testing.T) {
	for name, content := range map[string]string{
		"intent in status": identified(crash.OneDashboard), "uid of the object": crash.OneDashboard,
	} {
		t.Run(name, func(t *testing.T) {
			inTenant(t, func(_ *testing.T, w *crash.World, org int64) {
				f := newFolder("team")
				f.Spec.DeletionPolicy = v1alpha1.FolderDeleteWithContents
				w.Create(f)
				w.Settle()
				d := crash.Dashboard("", content)
				d.Spec.Folder = &v1alpha1.DashboardFolder{UID: "team"}
				w.Arm(0, crash.DeadAfter)
				w.Only = "grafana POST /api/dashboards/db"
				w.Create(d)
				w.Visit("Dashboard tenant/dashboard")
				wantDashboards(w, org, 1)
				w.Get(f)
				w.Delete(f)
				w.Visit("Instance tenant/main")
				w.Visit("Folder tenant/folder")
				w.Visit("Folder tenant/folder")
				wantDashboards(w, org, 1)
			})
		})
	}
}

// An object of another namespace that nobody lets in does not hold up the deletion of a Folder.
func TestStrangerDoesNotHoldUpAFolder(t *testing.T) {
	inTenant(t, func(t *testing.T, w *crash.World, org int64) {
		f := newFolder("team")
		f.Spec.DeletionPolicy = v1alpha1.FolderDeleteWithContents
		w.Create(f)
		w.Settle()
		w.Grafana.Do(http.MethodPost, "/api/dashboards/db", org, map[string]any{"folderUid": "team",
			"dashboard": map[string]any{"uid": "theirs", "title": "Theirs", "panels": []any{}}})
		d := crash.Dashboard("theirs", crash.OneDashboard)
		d.ObjectMeta = metav1.ObjectMeta{Namespace: "stranger", Name: "d", UID: "88888888-2222-4000-8000-333333333333"}
		d.Spec.OrganizationRef.Namespace, d.Spec.Suspend = "tenant", true
		if err := w.Kube.Create(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		w.Get(f)
		w.Delete(f)
		w.Settle()
		if w.Get(f) {
			t.Errorf("the folder is held up: %+v", f.Status.Conditions)
		}
	})
}

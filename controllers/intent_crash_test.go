package controllers_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/testing/crash"
)

// What is found by its object alone needs no word in status before it is made: its finalizer and its status are all
// that is written. What is known by its name or uid in Grafana has these in status first.
func TestKubernetesWritesOfACreation(t *testing.T) {
	t.Parallel()
	elsewhere := func(o lifecycle.Object) lifecycle.Object {
		o.SetNamespace("elsewhere")
		return o
	}
	for name, c := range map[string]struct {
		obj    func() lifecycle.Object
		writes int
	}{
		"dashboard":   {func() lifecycle.Object { return crash.Dashboard("", crash.OneDashboard) }, 2},
		"folder":      {func() lifecycle.Object { return newFolder("") }, 2},
		"data source": {func() lifecycle.Object { return crash.NewDataSource("metrics") }, 2},
		"account":     {func() lifecycle.Object { return objectNamed(crash.Account("Deploy"), "deploy") }, 2},
		"token":       {func() lifecycle.Object { return crash.Token() }, 2},
		"token that expires": {func() lifecycle.Object {
			o := crash.Token()
			dated(o)
			return o
		}, 2},
		"uid of spec": {func() lifecycle.Object { return crash.Dashboard("requests", crash.OneDashboard) }, 3},
		"uid of source": {func() lifecycle.Object {
			return crash.Dashboard("", identified(crash.OneDashboard))
		}, 3},
		"folder with uid": {func() lifecycle.Object { return newFolder("team") }, 4},
		"membership": {func() lifecycle.Object {
			return crash.NewMembership("people", crash.WithRole("ann", v1alpha1.RoleViewer))
		}, 3},
		"team": {func() lifecycle.Object { return crash.NewTeam("Dev") }, 4},
		"user": {func() lifecycle.Object { return crash.NewUser("carol", "carol") }, 4},
		"account, organization elsewhere": {func() lifecycle.Object {
			o := objectNamed(crash.Account("Deploy"), "deploy")
			o.Spec.OrganizationRef.Namespace = crash.Namespace
			return elsewhere(o)
		}, 3},
		"token, organization elsewhere": {func() lifecycle.Object { return elsewhere(crash.Token()) }, 2},
	} {
		for _, version := range grafanatest.Versions() {
			t.Run(name+"/"+version, func(t *testing.T) {
				t.Parallel()
				w := withConsent(t, version)
				obj := c.obj()
				if got := writesOf(w, obj); len(got) != c.writes {
					t.Errorf("%d writes, want %d: %q", len(got), c.writes, got)
				}
				w.Get(obj)
				if !meta.IsStatusConditionTrue(obj.CommonStatus().Conditions, v1alpha1.ConditionReady) {
					t.Errorf("it is not Ready: %+v", obj.CommonStatus().Conditions)
				}
			})
		}
	}
}

// Where each request stands by itself, the answer to a create is no proof for the next; what it has made is found by
// its login all the same.
func TestKubernetesWritesOfACreationWithoutSessions(t *testing.T) {
	t.Parallel()
	for name, obj := range map[string]func() lifecycle.Object{
		"account": func() lifecycle.Object { return objectNamed(crash.Account("Deploy"), "deploy") },
		"token":   func() lifecycle.Object { return crash.Token() },
	} {
		for _, version := range grafanatest.Versions() {
			t.Run(name+"/"+version, func(t *testing.T) {
				t.Parallel()
				w := withConsent(t, version)
				crash.Edit(w, crash.Instance(), func(i *v1alpha1.Instance) {
					i.Spec.Credentials.BasicAuth.Session = v1alpha1.SessionNever
				})
				w.Briefly(time.Minute)
				if got := writesOf(w, obj()); len(got) != 2 {
					t.Errorf("%d writes, want 2: %q", len(got), got)
				}
			})
		}
	}
}

// withConsent is a world with an Organization that lets all namespaces in, and an account here and elsewhere.
func withConsent(t *testing.T, version string) *crash.World {
	t.Helper()
	w := crash.New(t, version)
	w.Seed()
	w.SignUp("ann")
	o := crash.Organization("Tenant")
	o.Spec.AllowedNamespaces.From = v1alpha1.FromAll
	theirs := crash.Account("Theirs")
	theirs.Namespace = "elsewhere"
	theirs.Spec.OrganizationRef.Namespace = crash.Namespace
	w.Create(o, crash.SourceSecret("first"), crash.Account("CI"), theirs)
	w.Briefly(time.Minute)
	return w
}

// writesOf are the writes to an object that is created.
func writesOf(w *crash.World, obj lifecycle.Object) (all []string) {
	w.Arm(-1, crash.None)
	w.Create(obj)
	w.Briefly(time.Minute)
	for _, p := range w.Points {
		if p.Where == "kubernetes" && strings.HasSuffix(p.What, " "+crash.KindOf(obj)) {
			all = append(all, p.What)
		}
	}
	return all
}

// identified gives a dashboard's content a uid.
func identified(content string) string { return `{"uid":"requests",` + content[1:] }

// dies has the process die when it is about to write the first status of obj.
func dies(w *crash.World, obj lifecycle.Object) {
	w.Arm(0, crash.DeadBefore)
	w.Only = "kubernetes patch status " + crash.KindOf(obj)
	w.Create(obj)
}

// A source that gets a uid, after a process has died that had made the dashboard under the object's own, changes
// nothing about whose that is.
func TestSourceThatGetsAUIDAfterACrash(t *testing.T) {
	t.Parallel()
	for _, version := range grafanatest.Versions() {
		w := crash.New(t, version)
		w.Seed()
		crash.WithOrg(w)
		w.Settle()
		d := crash.Dashboard("", crash.OneDashboard)
		dies(w, d)
		w.Refuses = func(*http.Request) bool { return len(w.Grafana.Dashboards(3)) > 0 }
		w.Briefly(time.Second)
		w.Refuses = nil
		if n := len(w.Grafana.Dashboards(3)); n != 1 {
			t.Fatalf("%d dashboards when the process dies", n)
		}
		crash.Edit(w, d, func(d *v1alpha1.Dashboard) {
			*d.Spec.Source.JSON = identified(crash.OtherDashboard)
		})
		w.Settle()
		if all := w.Grafana.Dashboards(3); len(all) != 1 || all[0].UID != string(d.UID) {
			t.Errorf("%s: dashboards: %+v", version, all)
		}
		w.Get(d)
		w.Delete(d)
		w.Settle()
		if n := len(w.Grafana.Dashboards(3)); n != 0 {
			t.Errorf("%s: %d dashboards are left", version, n)
		}
	}
}

// Of a dashboard that only Admins can see, and whose status is lost, it cannot be known whether Grafana has failed to
// give it permissions or people have taken them: a new one is put right, an older one left.
func TestPermissionsOfWhatHasLostItsStatus(t *testing.T) {
	t.Parallel()
	for _, version := range grafanatest.Versions() {
		for age, mended := range map[time.Duration]bool{time.Minute: true, time.Hour: false} {
			t.Run(fmt.Sprint(version, " ", age), func(t *testing.T) {
				t.Parallel()
				w := crash.New(t, version)
				w.Seed()
				crash.WithOrg(w)
				d := crash.Dashboard("", crash.OneDashboard)
				made := w.Clock
				w.Create(d)
				w.Briefly(time.Second)
				path := "/api/dashboards/uid/" + string(d.UID) + "/permissions"
				w.Grafana.Do(http.MethodPost, path, 3, map[string]any{"items": []any{}})
				wipe(w, d)
				w.Advance(made.Add(age))
				w.Start()
				w.Briefly(2 * time.Minute)
				w.Get(d)
				if !meta.IsStatusConditionTrue(d.Status.Conditions, v1alpha1.ConditionReady) {
					t.Errorf("it is not Ready: %+v", d.Status.Conditions)
				}
				var items []grafana.Permission
				_, answer := w.Grafana.Do(http.MethodGet, path, 3, nil)
				if err := json.Unmarshal(answer, &items); err != nil {
					t.Fatal(err)
				}
				if got := len(items) > 0; got != mended {
					t.Errorf("permissions: %+v", items)
				}
			})
		}
	}
}

// rolesThatSee is how many roles have permissions of what is at a path.
func rolesThatSee(w *crash.World, org int64, path string) (n int) {
	w.TB.Helper()
	var items []grafana.Permission
	_, answer := w.Grafana.Do(http.MethodGet, path+"/permissions", org, nil)
	if err := json.Unmarshal(answer, &items); err != nil {
		w.TB.Fatalf("%v: %s", err, answer)
	}
	for _, i := range items {
		if i.Role != "" {
			n++
		}
	}
	return n
}

// A request of a dead process is under way, for the object's own uid, and the source gets another uid: a deletion waits
// for it all the same, and an object that lives does not come to have two.
func TestRequestOfADeadProcessThatLandsWhenTheSourceHasAUID(t *testing.T) {
	for source, json := range map[string]string{
		"same source": crash.OneDashboard, "uid in source": identified(crash.OneDashboard),
	} {
		for then, act := range map[string]func(w *crash.World, d *v1alpha1.Dashboard){
			"deleted": func(w *crash.World, d *v1alpha1.Dashboard) { w.Delete(d) },
			"living":  func(*crash.World, *v1alpha1.Dashboard) {},
		} {
			t.Run(source+", "+then, func(t *testing.T) {
				inTenant(t, func(t *testing.T, w *crash.World, org int64) {
					d := crash.Dashboard("", crash.OneDashboard)
					w.Arm(0, crash.DeadBefore)
					w.Only = "grafana POST /api/dashboards/db"
					w.Create(d)
					w.Visit("Dashboard tenant/dashboard")
					if w.Get(d); len(d.Finalizers) == 0 || d.Status.CreateStarted != nil {
						t.Fatalf("the process has not died where it should: %v %+v", d.Finalizers, d.Status)
					}
					crash.Edit(w, d, func(d *v1alpha1.Dashboard) { *d.Spec.Source.JSON = json })
					act(w, d)
					w.Briefly(time.Second)
					w.Grafana.Do(http.MethodPost, "/api/dashboards/db", org, map[string]any{ // lands
						"dashboard": map[string]any{"uid": string(d.UID), "title": "Requests", "panels": []any{}},
					})
					w.Settle()
					if w.Get(d) && d.DeletionTimestamp.IsZero() {
						w.Delete(d)
						w.Settle()
					}
					wantDashboards(w, org, 0)
				})
			})
		}
	}
}

// A process dies before it sends the request; the next one makes the dashboard, which Grafana gives no permissions.
func TestDashboardLeftBareAfterACrash(t *testing.T) {
	inTenant(t, func(t *testing.T, w *crash.World, org int64) {
		w.Answers = func(r *http.Request) *http.Response {
			if r.Method != http.MethodPost || r.URL.Path != "/api/dashboards/db" {
				return nil
			}
			w.Grafana.SetFault(func(*grafanatest.Request) grafanatest.Fault { return grafanatest.Fault{Bare: true} })
			defer w.Grafana.SetFault(nil)
			resp, err := w.Grafana.RoundTripper().RoundTrip(r)
			if err != nil {
				t.Error(err)
			}
			return resp
		}
		d := crash.Dashboard("", crash.OneDashboard)
		w.Arm(0, crash.DeadBefore)
		w.Only = "grafana POST /api/dashboards/db"
		w.Create(d)
		w.Settle()
		wantDashboards(w, org, 1)
		if n := rolesThatSee(w, org, "/api/dashboards/uid/"+string(d.UID)); n != 2 {
			t.Errorf("permissions for %d roles, want 2", n)
		}
	})
}

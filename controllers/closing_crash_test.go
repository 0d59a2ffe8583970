package controllers_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/testing/crash"
)

// What is being deleted lets nobody new in, whatever a finalizer says: an object has one before the first look into
// Grafana was answered, and anybody can write one.
func TestNobodyNewInWhatIsBeingDeleted(t *testing.T) {
	org := func(w *crash.World) { w.Delete(crash.Organization("")) }
	account := func(w *crash.World) { w.Delete(crash.Account("")) }
	instance := func(w *crash.World) { w.Delete(&v1alpha1.Instance{ObjectMeta: crash.Named("main")}) }
	team := &v1alpha1.Team{ObjectMeta: crash.Named("team"), Spec: v1alpha1.TeamSpec{
		OrganizationRef: v1alpha1.ObjectReference{Name: "org"}, Name: "Team",
	}}
	second := objectNamed(crash.Organization("Second"), "second")
	how := map[string]func(w *crash.World, obj lifecycle.Object, doom func(*crash.World)){
		"its process died at the first look": func(w *crash.World, obj lifecycle.Object, doom func(*crash.World)) {
			dieAt(w, obj, crash.DeadBefore, "grafana GET")
			w.Arm(-1, crash.None)
			w.Only = ""
			w.Start()
			doom(w)
		},
		"Grafana refused the first look": func(w *crash.World, obj lifecycle.Object, doom func(*crash.World)) {
			w.Create(obj)
			w.Refuses = func(r *http.Request) bool { return r.Method == http.MethodGet }
			w.Visit(crash.KindOf(obj) + " tenant/" + obj.GetName())
			doom(w)
			w.Refuses = nil
			w.Arm(-1, crash.None)
		},
		"its finalizer was made up": func(w *crash.World, obj lifecycle.Object, doom func(*crash.World)) {
			doom(w)
			obj.SetFinalizers([]string{v1alpha1.Finalizer})
			w.Create(obj)
			w.Arm(-1, crash.None)
		},
	}
	for name, c := range map[string]struct {
		obj  lifecycle.Object
		doom func(w *crash.World)
		path string // what is asked to make it
	}{
		"account":      {objectNamed(crash.Account("Deploy"), "deploy"), org, "/api/serviceaccounts"},
		"dashboard":    {crash.Dashboard("", crash.OneDashboard), org, "/api/dashboards/db"},
		"data source":  {crash.NewDataSource("metrics"), org, "/api/datasources"},
		"team":         {team, org, "/api/teams"},
		"token":        {crash.Token(), account, "/api/serviceaccounts"},
		"user":         {crash.NewUser("ada", "ada"), instance, "/api/admin/users"},
		"organization": {second, instance, "/api/orgs"},
	} {
		for come, then := range how {
			t.Run(name+", "+come, func(t *testing.T) {
				inTenant(t, func(t *testing.T, w *crash.World, _ int64) {
					w.Create(crash.SourceSecret("first"), crash.Account("CI"))
					w.Settle()
					obj := c.obj.DeepCopyObject().(lifecycle.Object)
					then(w, obj, c.doom)
					w.Briefly(5 * time.Minute)
					if w.Get(obj); w.Env.Holds(obj) {
						t.Errorf("it still holds up what is being deleted: %+v", obj.CommonStatus())
					}
					for _, p := range w.Points {
						if p.Where == "grafana" && strings.HasPrefix(p.What, "POST "+c.path) {
							t.Errorf("made in what is being deleted: %s", p.What)
						}
					}
				})
			})
		}
	}
}

// Of a request that no status tells of there can be two: a dead process's, and its successor's, of which a status told
// until that was lost as well. Once one account is there, the other one can still come.
func TestASecondRequestOfWhichAStatusToldUntilItWasLost(t *testing.T) {
	wiped := func(w *crash.World, a *v1alpha1.ServiceAccount) {
		wipeStatus(w, a)
		w.Start()
	}
	for name, c := range map[string]struct {
		then func(w *crash.World, a *v1alpha1.ServiceAccount)
		want int
	}{
		"it lives":            {wiped, 1},
		"it is deleted later": {func(w *crash.World, a *v1alpha1.ServiceAccount) { wiped(w, a); w.Delete(a) }, 0},
		"it was deleted":      {func(w *crash.World, a *v1alpha1.ServiceAccount) { w.Delete(a); wiped(w, a) }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			inTenant(t, func(t *testing.T, w *crash.World, org int64) {
				a := crash.Account("CI")
				dieAt(w, a, crash.Late, "grafana POST /api/serviceaccounts")
				died := w.Clock
				crash.Edit(w, a, func(a *v1alpha1.ServiceAccount) { a.Spec.Name = "Deploy" })
				w.Briefly(2 * time.Second)
				c.then(w, a)
				w.Briefly(died.Add(20 * time.Second).Sub(w.Clock))
				if w.Grafana.Land() != 1 {
					t.Fatal("the request has not come")
				}
				w.Settle()
				if all := w.Grafana.ServiceAccounts(org); len(all) != c.want {
					t.Errorf("want %d accounts: %+v; object there %v %+v", c.want, all, w.Get(a), a.Status)
				}
			})
		})
	}
}

package controllers_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/testing/crash"
)

// inOrganization is a world with an Organization that allows adoption.
func inOrganization(t *testing.T, change func(*v1alpha1.Organization)) (*crash.World, int64) {
	t.Helper()
	w := crash.New(t, "12.4.0")
	w.Seed()
	o := crash.Organization("Tenant")
	o.Spec.Adoption = v1alpha1.AdoptionAllow
	if change != nil {
		change(o)
	}
	w.Create(o)
	w.Settle()
	w.Get(o)
	return w, o.Status.OrgID
}

// wantReleased fails while an object is there.
func wantReleased(w *crash.World, obj lifecycle.Object) {
	w.TB.Helper()
	if w.Get(obj) {
		w.TB.Errorf("it is never released: %+v", obj.CommonStatus().Conditions)
	}
}

// dieAdmitted has a process die once it has given the finalizer, as each shutdown may: nothing was sent.
func dieAdmitted(w *crash.World, obj lifecycle.Object) {
	w.TB.Helper()
	w.Arm(0, crash.DeadAfter)
	w.Only = "kubernetes patch " + crash.KindOf(obj)
	w.Create(obj)
	w.Visit("Instance tenant/main")
	w.Visit("Organization tenant/org")
	w.Visit(crash.KindOf(obj) + " " + obj.GetNamespace() + "/" + obj.GetName())
	if w.Get(obj); len(obj.GetFinalizers()) == 0 || lifecycle.StatusWritten(obj) {
		w.TB.Fatalf("it did not die where it should: %v %+v", obj.GetFinalizers(), obj.CommonStatus())
	}
}

// An empty Folder, and a Dashboard that has a finalizer and no status, as after a shutdown between the two writes, or
// where a backup of the objects is applied. Whatever keeps that from becoming known holds up no Folder.
func TestDashboardThatIsNeverKnownHoldsUpNoFolder(t *testing.T) {
	for name, alter := range map[string]func(*v1alpha1.Dashboard){
		"suspended":      func(d *v1alpha1.Dashboard) { d.Spec.Suspend = true },
		"without source": func(d *v1alpha1.Dashboard) { *d.Spec.Source.JSON = "{" },
		"to be in it": func(d *v1alpha1.Dashboard) {
			d.Spec.Folder = &v1alpha1.DashboardFolder{Ref: &v1alpha1.LocalObjectReference{Name: "folder"}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w, _ := inOrganization(t, nil)
			f := newFolder("")
			w.Create(f)
			w.Settle()
			d := crash.Dashboard("", crash.OneDashboard)
			dieAdmitted(w, d)
			crash.Edit(w, d, alter)
			w.Get(f)
			w.Delete(f)
			w.Briefly(2 * time.Hour)
			wantReleased(w, f)
		})
	}
}

// A Dashboard that has never made anything, was let in, and is deleted when its source is not there any more.
func TestDeletionWithoutTheSource(t *testing.T) {
	for name, content := range map[string]string{
		"uid of the object": crash.OneDashboard, "uid of the source": identified(crash.OneDashboard),
	} {
		t.Run(name, func(t *testing.T) {
			w, _ := inOrganization(t, nil)
			w.Served = map[string]string{"https://example.com/d": content}
			d := crash.Dashboard("", "")
			d.Spec.Source = v1alpha1.DashboardSource{URL: &v1alpha1.DashboardURL{URL: "https://example.com/d"}}
			w.Arm(0, crash.DeadAfter)
			w.Only = "kubernetes patch Dashboard"
			w.Create(d)
			w.Briefly(2 * time.Second)
			w.Served = nil
			if w.Get(d); len(d.Finalizers) == 0 || lifecycle.StatusWritten(d) {
				t.Fatalf("it did not die where it should: %v %+v", d.Finalizers, d.Status)
			}
			w.Delete(d)
			w.Briefly(2 * time.Hour)
			wantReleased(w, d)
		})
	}
}

// The Secret with the headers goes with the namespace, before the Dashboard: that must not hold the namespace for ever.
func TestDeletionWithoutTheSecretOfTheSource(t *testing.T) {
	w, _ := inOrganization(t, nil)
	w.Served = map[string]string{"https://example.com/d": crash.OneDashboard}
	d := crash.Dashboard("", "")
	secret := crash.SourceSecret("first")
	d.Spec.Source = v1alpha1.DashboardSource{URL: &v1alpha1.DashboardURL{URL: "https://example.com/d",
		HeadersFrom: &v1alpha1.LocalObjectReference{Name: secret.Name}}}
	w.Create(secret)
	w.Create(d)
	w.Settle()
	wipe(w, d)
	w.Delete(secret)
	w.Delete(d)
	w.Briefly(2 * time.Hour)
	wantReleased(w, d)
}

// A process dies after the finalizer; the next one finds that it cannot be made, and that nothing is there.
func TestWhatWasNeverMadeIsNotHeld(t *testing.T) {
	w, org := inOrganization(t, nil)
	for range 2 {
		w.Grafana.Do(http.MethodPost, "/api/folders", org, map[string]any{"title": "Twice"})
	}
	d := crash.Dashboard("", crash.OneDashboard)
	d.Spec.Folder = &v1alpha1.DashboardFolder{Path: []string{"Twice"}}
	dieAdmitted(w, d)
	w.Briefly(2 * time.Hour)
	w.Get(d)
	if d.Status.CreateStarted != nil {
		t.Errorf("two hours later a request is under way that nobody has sent: %+v", d.Status)
	}
	w.Delete(d)
	w.Settle()
	wantReleased(w, d)
}

// The same of a data source, whose name somebody else has.
func TestDataSourceThatWasNeverMade(t *testing.T) {
	w, org := inOrganization(t, nil)
	s := crash.NewDataSource("")
	w.Grafana.Do(http.MethodPost, "/api/datasources", org, map[string]any{
		"name": "Metrics", "type": "prometheus", "access": "proxy", "url": "http://elsewhere"})
	s.Spec.Name = "Metrics"
	w.Create(crash.SourceSecret("first"))
	dieAdmitted(w, s)
	w.Briefly(2 * time.Hour)
	if w.Get(s); s.Status.CreateStarted != nil {
		t.Errorf("two hours later a request is under way that nobody has sent: %+v", s.Status)
	}
	w.Delete(s)
	w.Settle()
	wantReleased(w, s)
}

// ofAFriend is a Dashboard of another namespace.
func ofAFriend(uid string) *v1alpha1.Dashboard {
	d := crash.Dashboard(uid, crash.OneDashboard)
	d.ObjectMeta = metav1.ObjectMeta{Namespace: "friend", Name: "d"}
	d.Spec.OrganizationRef.Namespace = "tenant"
	return d
}

// lettingFriendsIn lets other namespaces in.
func lettingFriendsIn(o *v1alpha1.Organization) {
	o.Spec.AllowedNamespaces = v1alpha1.AllowedNamespaces{From: "All"}
}

// Grafana fails just when a Dashboard of another namespace is to be made. The Organization, which it does not hold up,
// goes; then the Dashboard, of which this very process knows that it has nothing.
func TestDashboardOfAnotherNamespaceIsReleased(t *testing.T) {
	w, _ := inOrganization(t, lettingFriendsIn)
	w.Advance(w.Clock.Add(2 * time.Minute))
	w.Refuses = func(*http.Request) bool { return true }
	d := ofAFriend("")
	w.Create(d)
	w.Visit("Dashboard friend/d")
	if w.Get(d); len(d.Finalizers) == 0 {
		t.Fatalf("it was not let in: %+v", d.Status)
	}
	crash.Edit(w, d, func(d *v1alpha1.Dashboard) { d.Spec.Suspend = true })
	w.Refuses = nil
	w.Settle()
	o := crash.Organization("")
	w.Get(o)
	w.Delete(o)
	w.Settle()
	wantReleased(w, o)
	w.Get(d)
	w.Delete(d)
	w.Briefly(2 * time.Hour)
	wantReleased(w, d)
}

// DeleteWithContents spares what a Dashboard of a namespace that the Organization lets in has made.
func TestFolderSparesWhatAFriendHas(t *testing.T) {
	w, org := inOrganization(t, lettingFriendsIn)
	f := newFolder("team")
	f.Spec.DeletionPolicy = v1alpha1.FolderDeleteWithContents
	w.Create(f)
	w.Settle()
	d := ofAFriend("board")
	d.Spec.Folder = &v1alpha1.DashboardFolder{UID: "team"}
	w.Create(d)
	w.Settle()
	if n := len(w.Grafana.Dashboards(org)); n != 1 {
		t.Fatalf("%d dashboards", n)
	}
	wipe(w, d)
	w.Get(f)
	w.Delete(f)
	w.Visit("Folder tenant/folder")
	if n := len(w.Grafana.Dashboards(org)); n != 1 {
		t.Errorf("%d dashboards: it was deleted", n)
	}
}

// Nothing was ever sent, and the process knows: a deletion in an outage does not wait for Grafana.
func TestDeletionOfWhatWasNeverMadeInAnOutage(t *testing.T) {
	for name, uid := range map[string]string{"derived": "", "uid of spec": "board"} {
		t.Run(name, func(t *testing.T) {
			w, _ := inOrganization(t, nil)
			w.Advance(w.Clock.Add(2 * time.Minute))
			w.Refuses = func(*http.Request) bool { return true }
			d := crash.Dashboard(uid, crash.OneDashboard)
			w.Create(d)
			w.Visit("Dashboard tenant/dashboard")
			if w.Get(d); len(d.Finalizers) == 0 {
				t.Fatalf("it was not let in: %+v", d.Status)
			}
			w.Delete(d)
			w.Briefly(2 * time.Hour)
			wantReleased(w, d)
		})
	}
}

// What people have restricted, and an earlier life of the object has taken over, is not opened by the next one.
func TestWhatAnEarlierLifeTookOverIsNotOpened(t *testing.T) {
	w, org := inOrganization(t, nil)
	w.Grafana.Do(http.MethodPost, "/api/dashboards/db", org, map[string]any{
		"dashboard": map[string]any{"uid": "theirs", "title": "Theirs", "panels": []any{}},
	})
	path := "/api/dashboards/uid/theirs/permissions"
	w.Grafana.Do(http.MethodPost, path, org, map[string]any{"items": []any{}})
	adopt := func(policy v1alpha1.AdoptionPolicy) *v1alpha1.Dashboard {
		d := crash.Dashboard("theirs", crash.OneDashboard)
		d.Spec.AdoptionPolicy = policy
		w.Create(d)
		w.Settle()
		return d
	}
	d := adopt(v1alpha1.AdoptionAdopt)
	w.Get(d)
	w.Delete(d)
	w.Settle()
	w.Advance(w.Clock.Add(24 * time.Hour))
	d = adopt("")
	w.Get(d)
	_, answer := w.Grafana.Do(http.MethodGet, path, org, nil)
	if strings.Contains(string(answer), "Viewer") {
		t.Errorf("it was opened: %s", answer)
	}
}

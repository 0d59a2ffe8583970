package controllers_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/connection"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/testing/crash"
)

func reporting(d *v1alpha1.Dashboard) { d.Spec.DriftPolicy = v1alpha1.DriftReport }

// twoReporting are two Dashboards that carry a library panel, of which the older one leaves edits to stand.
func twoReporting(w *crash.World) {
	w.Create(crash.Sharing(crash.WithPanels("Requests", "one", "old"), reporting))
	rested(w)
	w.Create(crash.Sharing(crash.WithPanels("Errors", "one", "new"), called("second")))
	rested(w)
}

func driftOf(w *crash.World, name string) string {
	d := crash.Sharing("", called(name))
	w.Get(d)
	if c := conditionOf(d, v1alpha1.ConditionDrifted); c != nil {
		return fmt.Sprint(c.Status, " ", c.Message)
	}
	return "no condition"
}

// The content of the oldest Dashboard counts again once it is not suspended any more, whatever it says of edits.
func TestLibraryPanelOfTheOldestThatIsResumed(t *testing.T) {
	inBothVersions(t, func(t *testing.T, w *crash.World) {
		twoReporting(w)
		if err := panelHas("one", "old")(w); err != nil {
			t.Fatal(err)
		}
		suspend := func(is bool) {
			crash.Edit(w, crash.Sharing(""), func(o *v1alpha1.Dashboard) { o.Spec.Suspend = is })
			rested(w)
			resync(w)
		}
		suspend(true)
		if err := panelHas("one", "new")(w); err != nil {
			t.Fatal(err)
		}
		suspend(false)
		if err := panelHas("one", "old")(w); err != nil {
			t.Errorf("%v; Drifted: %s", err, driftOf(w, "dashboard"))
		}
	})
}

// A library panel that a person has deleted, which Grafana 12 lets one do, has the content of the oldest in the end,
// whoever makes it again.
func TestDeletedLibraryPanelMadeByTheYounger(t *testing.T) {
	w := crash.New(t, "12.4.0")
	w.Seed()
	crash.WithOrg(w)
	rested(w)
	twoReporting(w)
	uid := crash.PanelUID(crash.Sharing(""), "one")
	if code, body := w.Grafana.Do(http.MethodDelete, "/api/library-elements/"+uid, 3, nil); code != http.StatusOK {
		t.Fatal(code, string(body))
	}
	w.Clock = w.Clock.Add(lifecycle.DefaultResync + 2*connection.ProofLife)
	w.Visit("Dashboard tenant/second")
	w.Everybody()
	rested(w)
	resync(w)
	if err := panelHas("one", "old")(w); err != nil {
		t.Errorf("%v; Drifted: %s", err, driftOf(w, "dashboard"))
	}
}

// withMovedPanel is a Dashboard in a folder of people's whose library panel a person has moved into another one, and
// deleted that: Grafana 12 keeps the panel, lists it, and does not let it be read.
func withMovedPanel(t *testing.T, folder func(*v1alpha1.Dashboard)) (w *crash.World, d *v1alpha1.Dashboard) {
	w = crash.New(t, "12.4.0")
	w.Seed()
	withFolders(w)
	d = crash.Sharing(twoPanels, folder)
	w.Create(d.DeepCopy())
	rested(w)
	panelMoved(w, d)
	if code, body := w.Grafana.Do(http.MethodDelete, "/api/folders/theirs", 3, nil); code != http.StatusOK {
		t.Fatal(code, string(body))
	}
	uid := crash.PanelUID(d, "one")
	if code, _ := w.Grafana.Do(http.MethodGet, "/api/library-elements/"+uid, 3, nil); code != http.StatusNotFound {
		t.Fatal("it can be read, with ", code)
	}
	return w, d
}

func TestLibraryPanelWhoseFolderIsGone(t *testing.T) {
	w, d := withMovedPanel(t, inFolderUID("team"))
	resync(w)
	if err := readiness(w, "dashboard"); err != nil {
		t.Error(err)
	}
	code, body := w.Grafana.Do(http.MethodGet, "/api/library-elements/"+crash.PanelUID(d, "one"), 3, nil)
	if code != http.StatusOK || !strings.Contains(string(body), `"folderUid":"team"`) {
		t.Error("it is not where it belongs: ", code, string(body))
	}
}

// Nothing can be done about one whose Dashboard is in no folder: Grafana moves none out of all.
func TestLibraryPanelWhoseFolderIsGoneAndHadNone(t *testing.T) {
	w, d := withMovedPanel(t, func(*v1alpha1.Dashboard) {})
	resync(w)
	if n := requestsOf(w, func() { resync(w) })["GET /api/health"]; n > 1 {
		t.Errorf("the Instance is probed %d times in a resync", n)
	}
	want := "was moved in Grafana into a folder that was deleted"
	if is := driftOf(w, "dashboard"); !strings.Contains(is, want) {
		t.Errorf("people are told %q", is)
	}
	inline := func(o *v1alpha1.Dashboard) { o.Spec.LibraryPanels = v1alpha1.LibraryPanelsInline }
	manage := func(o *v1alpha1.Dashboard) { o.Spec.LibraryPanels = v1alpha1.LibraryPanelsManage }
	for _, change := range []func(*v1alpha1.Dashboard){inline, manage} { // as they are advised
		crash.Edit(w, d.DeepCopy(), change)
		rested(w)
		seenLater(w)
	}
	if is := driftOf(w, "dashboard"); strings.Contains(is, want) {
		t.Errorf("people are told %q after they did as advised", is)
	}
}

func TestLeftLibraryPanelWhoseFolderIsGone(t *testing.T) {
	w, d := withMovedPanel(t, inFolderUID("team"))
	w.Delete(d)
	resync(w)
	if err := panelsAre()(w); err != nil {
		t.Error(err)
	}
}

// Who has never had a library panel kept hears nothing of them if Grafana keeps them from the credential, and is not
// visited for them.
func TestLibraryPanelsThatNobodyKeepsAndMayNotBeListed(t *testing.T) {
	inBothVersions(t, func(t *testing.T, w *crash.World) {
		w.Create(crash.Sharing(twoPanels, func(d *v1alpha1.Dashboard) {
			d.Spec.LibraryPanels = v1alpha1.LibraryPanelsInline
		}))
		rested(w)
		o := crash.Organization("Tenant")
		w.Get(o)
		o.Status = v1alpha1.OrganizationStatus{} // as from a backup
		if err := w.Kube.Status().Update(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		told := &heard{}
		w.Env.Events = told
		instead(w, http.MethodGet, "/api/library-elements", 403, `{"message":"You'll need additional permissions `+
			`to perform this action. Permissions needed: library.panels:read"}`)
		w.Everybody()
		resync(w)
		resync(w)
		got := requestsOf(w, func() { resync(w); resync(w); resync(w) })
		if n := got["GET /api/library-elements"]; n > 3 {
			t.Errorf("%d requests for library panels in three resyncs", n)
		}
		for _, e := range told.events {
			if strings.Contains(e, "ibrary") {
				t.Error(e)
			}
		}
	})
}

// A name or uid that Grafana says is taken, by what it does not show, is told once and for all.
func TestLibraryPanelThatIsTakenByNobody(t *testing.T) {
	inBothVersions(t, func(t *testing.T, w *crash.World) {
		instead(w, http.MethodPost, "/api/library-elements", 400,
			`{"message":"library element with that name or UID already exists"}`)
		w.Create(crash.Sharing(crash.WithPanels("Requests", "one", "first")))
		rested(w)
		if err := readiness(w, "dashboard"); err == nil || !strings.Contains(err.Error(), "shows none that is") {
			t.Errorf("people are told %v", err)
		}
	})
}

// inNestedFolders runs a test with a Folder, and a Dashboard with library panels in a folder in it.
func inNestedFolders(t *testing.T, test func(t *testing.T, w *crash.World, create func())) {
	sources := map[string]func(*v1alpha1.Dashboard){
		"inline": func(*v1alpha1.Dashboard) {},
		"fetched": func(d *v1alpha1.Dashboard) {
			d.Spec.Source = v1alpha1.DashboardSource{URL: &v1alpha1.DashboardURL{URL: dashboardURL}}
		},
	}
	for _, version := range grafanatest.Versions() {
		for name, source := range sources {
			t.Run(version+" "+name, func(t *testing.T) {
				w := crash.NewNested(t, version)
				w.Served = map[string]string{dashboardURL: twoPanels}
				w.Seed()
				crash.WithOrg(w)
				rested(w)
				create := func() {
					w.Create(newFolder(""))
					rested(w)
					w.Create(crash.Sharing(twoPanels, path("Team", "Business"), source))
					resync(w)
				}
				create()
				if err := readiness(w, "dashboard"); err != nil {
					t.Fatal(err)
				}
				test(t, w, create)
			})
		}
	}
}

// Who deletes a Folder and the Dashboards below it, and applies all of it again, has them again: Grafana 10 has kept
// the library panels, and shows them to nobody.
func TestLibraryPanelsOfAFolderThatIsAppliedAgain(t *testing.T) {
	inNestedFolders(t, func(t *testing.T, w *crash.World, create func()) {
		for _, o := range []client.Object{newFolder(""), crash.Sharing("")} {
			w.Delete(o)
		}
		rested(w)
		resync(w)
		if w.Get(newFolder("")) || w.Get(crash.Sharing("")) {
			t.Fatal("not deleted")
		}
		create()
		if err := readiness(w, "dashboard"); err != nil {
			t.Error(err)
		}
		kube := w.Writes
		if resync(w); w.Writes != kube {
			t.Errorf("%d writes at rest", w.Writes-kube)
		}
	})
}

func TestLibraryPanelsOfAFolderWhoseParentAPersonDeletes(t *testing.T) {
	inNestedFolders(t, func(t *testing.T, w *crash.World, _ func()) {
		for _, f := range w.Grafana.Folders(3) {
			if f.Title == "Team" {
				w.Grafana.Do(http.MethodDelete, "/api/folders/"+f.UID, 3, nil)
			}
		}
		for range 4 {
			resync(w)
		}
		if err := readiness(w, "dashboard"); err != nil {
			t.Error(err)
		}
	})
}

package controllers_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/testing/crash"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

// landsLate has the next request for a new library panel be unanswered, and land once the operator is back at it.
func landsLate(w *crash.World) {
	w.Arm(0, crash.Late)
	w.Only = "grafana POST /api/library-elements"
	w.Visit("Dashboard tenant/dashboard")
}

// leftPanelScenarios are about library panels that nobody needs any more: their Organization deletes them, whatever
// has become of the Dashboard that made them.
func leftPanelScenarios() []crash.Scenario {
	restored := func(w *crash.World) {
		sharing(twoPanels)(w)
		w.MustRest()
		backup := w.Grafana.Snapshot()
		changeOf("dashboard", crash.WithPanels("Requests", "two", "second"))(w)
		w.MustRest()
		w.Grafana.Restore(backup)
	}
	return []crash.Scenario{
		{
			Name:   "library panel of a change that lands after its dashboard is deleted",
			Before: sharing(crash.WithPanels("Requests", "one", "first")), Midway: func(w *crash.World) {
				changeOf("dashboard", twoPanels)(w)
				landsLate(w)
			},
			Act:   func(w *crash.World) { w.Delete(crash.Sharing("")) },
			After: panelsAre(),
		},
		{
			Name:   "library panel that lands after the source has dropped it",
			Before: sharing(crash.WithPanels("Requests", "one", "first")), Midway: func(w *crash.World) {
				changeOf("dashboard", twoPanels)(w)
				landsLate(w)
			},
			Act:   changeOf("dashboard", crash.WithPanels("Requests", "one", "first")),
			After: panelsAre("Shared one"),
		},
		{
			Name: "library panel of a Dashboard that has lost its status and is deleted", Before: sharing(twoPanels),
			Act: func(w *crash.World) {
				wipe(w, crash.Sharing(""))
				w.Delete(crash.Sharing(""))
			},
			After: panelsAre(),
		},
		{
			Name: "library panel of an Organization that has lost its status", Before: sharing(twoPanels),
			Act: func(w *crash.World) {
				w.Delete(crash.Sharing(""))
				o := crash.Organization("Tenant")
				w.Get(o)
				o.Status = v1alpha1.OrganizationStatus{}
				if err := w.Kube.Status().Update(w.TB.Context(), o); err != nil {
					w.TB.Fatal(err)
				}
			},
			After: panelsAre(),
		},
		{
			Name: "library panel that a restored backup has again", Before: restored,
			Act:   resyncs,
			After: panelsAre("Shared two"),
		},
		{
			Name: "library panel that a person's dashboard does not use any more", Before: func(w *crash.World) {
				sharing(twoPanels)(w)
				w.MustRest()
				theirUse(w, "one")
				w.Delete(crash.Sharing(""))
				w.MustRest()
			},
			Act: func(w *crash.World) {
				w.Grafana.Do(http.MethodDelete, "/api/dashboards/uid/theirs", 3, nil)
				resyncs(w)
			},
			After: panelsAre(),
		},
		{
			Name: "library panel that is carried again", Before: sharing(twoPanels),
			Midway: changeOf("dashboard", crash.WithPanels("Requests", "two", "second")),
			Act:    changeOf("dashboard", twoPanels),
			After:  panelsAre("Shared one", "Shared two"),
		},
		{
			Name: "library panel of a dashboard that is orphaned", Kept: true,
			Before: sharing(twoPanels, func(d *v1alpha1.Dashboard) { d.Spec.DeletionPolicy = v1alpha1.DeletionOrphan }),
			Act:    func(w *crash.World) { w.Delete(crash.Sharing("")) },
			After:  panelsAre("Shared one", "Shared two"),
		},
		{
			Name: "library panel that gets another uid in the source", Before: sharing(twoPanels),
			Act: changeOf("dashboard", strings.ReplaceAll(
				crash.WithPanels("Requests", "three", "first", "two", "second"), "Shared three", "Shared one")),
			After: panelsAre("Shared one", "Shared two"),
		},
		{
			Name:   "library panel whose folder is written otherwise",
			Before: sharing(twoPanels, path("Team")), Act: func(w *crash.World) {
				d := crash.Sharing("")
				w.Get(d)
				crash.Edit(w, crash.Sharing(""), inFolderUID(d.Status.FolderUID))
			},
			After: panelsAre("Shared one", "Shared two"),
		},
		{
			Name: "library panels that swap names", Before: sharing(twoPanels),
			Act: changeOf("dashboard", strings.NewReplacer(
				"Shared one", "Shared two", "Shared two", "Shared one").Replace(twoPanels)),
			After: all(panelsAre("Shared one", "Shared two"), panelHas("one", "first")),
		},
	}
}

// readiness fails unless a Dashboard is Ready.
func readiness(w *crash.World, name string) error {
	d := crash.Sharing("", called(name))
	w.Get(d)
	if c := conditionOf(d, v1alpha1.ConditionReady); c == nil || c.Status != "True" {
		return fmt.Errorf("Dashboard %s: %s", name, suite.MessageOf(d))
	}
	return nil
}

// Where Grafana allows two library panels of one name, a person's is in nobody's way, whatever was refused before.
func TestLibraryPanelNameThatIsAllowed(t *testing.T) {
	w := crash.New(t, "12.4.0")
	w.Seed()
	crash.WithOrg(w)
	rested(w)
	taken := map[string]any{"dashboard": map[string]any{"uid": "taken", "title": "Foreign"}}
	w.Grafana.Do(http.MethodPost, "/api/dashboards/db", 3, taken)
	w.Grafana.Do(http.MethodPost, "/api/library-elements", 3, map[string]any{
		"uid": "theirs", "name": "Shared one", "kind": 1, "model": map[string]any{"type": "stat"},
	})
	w.Create(crash.Sharing(twoPanels, func(d *v1alpha1.Dashboard) {
		d.Spec.UID, d.Spec.LibraryPanels = "taken", v1alpha1.LibraryPanelsInline
	}))
	rested(w)
	w.Grafana.Do(http.MethodDelete, "/api/dashboards/uid/taken", 3, nil)
	crash.Edit(w, crash.Sharing(""), func(d *v1alpha1.Dashboard) {
		d.Spec.LibraryPanels = v1alpha1.LibraryPanelsManage
	})
	rested(w)
	if err := readiness(w, "dashboard"); err != nil {
		t.Error(err)
	}
}

// A library panel that a Dashboard carries makes way for no other, where a folder cannot have two of one name.
func TestLibraryPanelNameThatAnotherDashboardHas(t *testing.T) {
	w := crash.New(t, "10.4.3")
	w.Seed()
	crash.WithOrg(w)
	w.Create(crash.Sharing(crash.WithPanels("Errors", "one", "first"), called("other")))
	rested(w)
	w.Create(crash.Sharing(strings.ReplaceAll(
		crash.WithPanels("Requests", "two", "second"), "Shared two", "Shared one")))
	w.Visit("Dashboard tenant/dashboard")
	if err := panelsAre("Shared one")(w); err != nil {
		t.Error(err)
	}
}

// An older Dashboard that was never created decides about a library panel only as long as its source carries it.
func TestLibraryPanelThatTheOlderDropsUncreated(t *testing.T) {
	inBothVersions(t, func(t *testing.T, w *crash.World) {
		taken := map[string]any{"dashboard": map[string]any{"uid": "taken", "title": "Foreign"}}
		w.Grafana.Do(http.MethodPost, "/api/dashboards/db", 3, taken)
		w.Create(crash.Sharing(crash.WithPanels("Requests", "one", "old"), func(d *v1alpha1.Dashboard) {
			d.Spec.UID = "taken"
		}))
		rested(w)
		w.Create(crash.Sharing(crash.WithPanels("Errors", "one", "new"), called("second")))
		rested(w)
		changeOf("dashboard", crash.WithPanels("Requests"))(w)
		rested(w)
		for _, err := range []error{readiness(w, "second"), panelHas("one", "new")(w)} {
			if err != nil {
				t.Error(err)
			}
		}
	})
}

// Status lists no more library panels than the source carries, however often that changes while nothing can be saved.
func TestLibraryPanelsInStatusAreThoseOfTheSource(t *testing.T) {
	inBothVersions(t, func(t *testing.T, w *crash.World) {
		w.Create(crash.Sharing(crash.WithPanels("Requests", "one", "first")))
		rested(w)
		w.Refuses = func(r *http.Request) bool { return r.Method == http.MethodPost && r.URL.Path == "/api/dashboards/db" }
		for round := range 3 {
			next := crash.WithPanels("Requests", fmt.Sprint(round, "a"), "x", fmt.Sprint(round, "b"), "x")
			changeOf("dashboard", next)(w)
			w.Visit("Dashboard tenant/dashboard")
			d := crash.Sharing("")
			if w.Get(d); len(d.Status.LibraryPanels) != 2 {
				t.Errorf("status has %+v", d.Status.LibraryPanels)
			}
		}
		w.Refuses = nil
		rested(w)
		if err := panelsAre("Shared 2a", "Shared 2b")(w); err != nil {
			t.Error(err)
		}
	})
}

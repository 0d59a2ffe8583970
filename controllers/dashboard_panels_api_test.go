package controllers_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/testing/crash"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

func managed(d *v1alpha1.Dashboard) { d.Spec.LibraryPanels = v1alpha1.LibraryPanelsManage }

// shownPanel is a library panel as Grafana shows it.
type shownPanel struct {
	UID, Name, FolderUID string
	Version              int
	Model                json.RawMessage
}

// panelsIn are the library panels of an organization.
func panelsIn(w *suite.World, org int64) []shownPanel {
	var page struct {
		Result struct{ Elements []shownPanel }
	}
	if err := json.Unmarshal(w.Ask("GET", "/api/library-elements?perPage=100", org, nil), &page); err != nil {
		w.T.Fatal(err)
	}
	return page.Result.Elements
}

// panelShows fails until there is one library panel, with a text in it.
func panelShows(w *suite.World, org int64, text string) {
	w.T.Helper()
	w.Eventually("the library panel shows "+text, oneShows(w, org, text))
}

func oneShows(w *suite.World, org int64, text string) func() error {
	return func() error {
		if all := panelsIn(w, org); len(all) != 1 || !strings.Contains(string(all[0].Model), text) {
			return fmt.Errorf("there are %+v", all)
		}
		return nil
	}
}

// looked has the operator look at a Dashboard again and again until something is so: it goes by lists of some seconds,
// which do not show what a person has just done.
func looked(w *suite.World, d *v1alpha1.Dashboard, what string, is func() error) {
	w.T.Helper()
	last := time.Time{}
	w.Eventually(what, func() error {
		if now := time.Now(); now.Sub(last) > time.Second {
			suite.Visit(w, d)
			last = now
		}
		return is()
	})
}

// whereBoth runs a test against each version of Grafana.
func whereBoth(t *testing.T, test func(w *suite.World, org int64)) {
	for _, version := range grafanatest.Versions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			w := suite.New(t, grafanatest.Options{Version: version})
			test(w, suite.Ready(w, w.Organization("team")).Status.OrgID)
		})
	}
}

// A library panel is kept in the folder of its dashboard, put right when people edit it, and holds up no deletion.
func TestAPILibraryPanelsKept(t *testing.T) {
	t.Parallel()
	whereBoth(t, func(w *suite.World, org int64) {
		dash := suite.Ready(w, w.Dashboard("orders", "team", crash.WithPanels("Orders", "one", "first"), managed,
			inPath("Business")))
		panelShows(w, org, "first")
		panel := panelsIn(w, org)[0]
		if panel.FolderUID != dash.Status.FolderUID || panel.Name != "Shared one" {
			w.T.Errorf("the library panel is %+v, the dashboard in %q", panel, dash.Status.FolderUID)
		}
		w.Ask("PATCH", "/api/library-elements/"+panel.UID, org, map[string]any{
			"kind": 1, "version": panel.Version, "name": "Theirs", "model": map[string]any{"type": "stat"},
		})
		looked(w, dash, "the edit is put right", oneShows(w, org, "first"))
		w.Ask("DELETE", "/api/dashboards/uid/"+dash.Status.UID, org, nil)
		w.Ask("DELETE", "/api/library-elements/"+panel.UID, org, nil)
		looked(w, dash, "it is made again", oneShows(w, org, "first"))
		suite.Ready(w, dash)
		w.Delete(dash)
		w.Gone(dash)
	})
}

// An edit is left to stand by driftPolicy Report.
func TestAPILibraryPanelReported(t *testing.T) {
	t.Parallel()
	whereBoth(t, func(w *suite.World, org int64) {
		dash := suite.Ready(w, w.Dashboard("orders", "team", crash.WithPanels("Orders", "one", "first"), managed,
			func(d *v1alpha1.Dashboard) { d.Spec.DriftPolicy = v1alpha1.DriftReport }))
		panel := panelsIn(w, org)[0]
		w.Ask("PATCH", "/api/library-elements/"+panel.UID, org, map[string]any{
			"kind": 1, "version": panel.Version, "model": map[string]any{"type": "stat", "title": "Theirs"},
		})
		looked(w, dash, "it is told", func() error {
			c := conditionOf(suite.Get(w, dash), v1alpha1.ConditionDrifted)
			if c == nil || c.Status != "True" || !strings.Contains(c.Message, "Shared one") {
				return fmt.Errorf("condition Drifted is %+v", c)
			}
			return nil
		})
		panelShows(w, org, "Theirs")
		suite.Change(w, dash, func() { dash.Spec.Title = "Another title" })
		panelShows(w, org, "first")
		suite.Ready(w, dash)
	})
}

// Of two Dashboards that carry the same library panel the older decides, and what the younger has counts once it goes.
func TestAPILibraryPanelOfTwo(t *testing.T) {
	t.Parallel()
	whereBoth(t, func(w *suite.World, org int64) {
		first := suite.Ready(w, w.Dashboard("a-first", "team", crash.WithPanels("Orders", "one", "old"), managed))
		second := w.Dashboard("b-second", "team", crash.WithPanels("Bills", "one", "new"), managed)
		suite.Stalled(w, second, v1alpha1.ReasonNameConflict, `"Shared one"`, "a-first")
		panelShows(w, org, "old")
		w.Delete(first)
		w.Gone(first)
		suite.Ready(w, second)
		panelShows(w, org, "new")
	})
}

// A library panel that a person has moved is put back where its dashboard is.
func TestAPILibraryPanelMoved(t *testing.T) {
	t.Parallel()
	whereBoth(t, func(w *suite.World, org int64) {
		dash := suite.Ready(w, w.Dashboard("orders", "team", crash.WithPanels("Orders", "one", "first"), managed,
			inPath("Business")))
		w.Ask("POST", "/api/folders", org, map[string]any{"uid": "theirs", "title": "Private"})
		panel := panelsIn(w, org)[0]
		w.Ask("PATCH", "/api/library-elements/"+panel.UID, org, map[string]any{
			"kind": 1, "version": panel.Version, "folderUid": "theirs", "name": panel.Name, "model": panel.Model,
		})
		looked(w, dash, "it is back", func() error {
			var now struct{ Result shownPanel }
			text := w.Ask("GET", "/api/library-elements/"+panel.UID, org, nil)
			if err := json.Unmarshal(text, &now); err != nil {
				return err
			}
			if now.Result.FolderUID != dash.Status.FolderUID {
				return fmt.Errorf("it is %s", text)
			}
			return nil
		})
	})
}

// So Grafana 12 says of no dashboard in schema v2 that it uses a library panel: it is seen all the same.
func TestAPILibraryPanelInUseInSchema2(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{Version: "12.4.0"})
	org := suite.Ready(w, w.Organization("team")).Status.OrgID
	folder := suite.Ready(w, declareFolder(w, "sales", "team"))
	dash := suite.Ready(w, w.Dashboard("orders", "team", crash.WithPanels("Orders", "one", "first"), managed,
		func(d *v1alpha1.Dashboard) {
			d.Spec.Folder = &v1alpha1.DashboardFolder{Ref: &v1alpha1.LocalObjectReference{Name: "sales"}}
		}))
	w.Ask("POST", fmt.Sprintf("/apis/dashboard.grafana.app/v2beta1/namespaces/org-%d/dashboards", org), org,
		crash.Schema2Using("Theirs", panelsIn(w, org)[0].UID))
	w.Delete(dash)
	w.Gone(dash)
	panelShows(w, org, "first")
	w.Delete(folder)
	suite.Stalled(w, folder, v1alpha1.ReasonDeletionBlocked, `"Shared one", which a dashboard elsewhere uses`)
	w.Ask("DELETE", "/api/dashboards/uid/theirs", org, nil)
	suite.Visit(w, folder)
	w.Gone(folder)
}

// A library panel that a person's dashboard uses stays when its Dashboard goes, keeps its folder, and nothing else.
func TestAPILibraryPanelInUse(t *testing.T) {
	t.Parallel()
	whereBoth(t, func(w *suite.World, org int64) {
		folder := suite.Ready(w, declareFolder(w, "sales", "team"))
		dash := suite.Ready(w, w.Dashboard("orders", "team", crash.WithPanels("Orders", "one", "first"), managed,
			func(d *v1alpha1.Dashboard) {
				d.Spec.Folder = &v1alpha1.DashboardFolder{Ref: &v1alpha1.LocalObjectReference{Name: "sales"}}
			}))
		uid := panelsIn(w, org)[0].UID
		w.Ask("POST", "/api/dashboards/db", org, map[string]any{"dashboard": map[string]any{
			"uid": "theirs", "title": "Theirs", "panels": []any{
				map[string]any{"id": 1, "libraryPanel": map[string]string{"uid": uid, "name": "Shared one"}},
			},
		}})
		w.Eventually("Grafana knows", func() error {
			if text := w.Ask("GET", "/api/library-elements/"+uid+"/connections/", org, nil); !strings.Contains(
				string(text), "theirs") {
				return fmt.Errorf("users: %s", text)
			}
			return nil
		})
		w.Delete(dash)
		w.Gone(dash)
		panelShows(w, org, "first")
		w.Delete(folder)
		suite.Stalled(w, folder, v1alpha1.ReasonDeletionBlocked, `"Shared one", which a dashboard elsewhere uses`)
		w.Ask("DELETE", "/api/dashboards/uid/theirs", org, nil)
		suite.Visit(w, folder)
		w.Gone(folder)
	})
}

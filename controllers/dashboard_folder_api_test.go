package controllers_test

import (
	"fmt"
	"strings"
	"testing"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

func inPath(titles ...string) func(*v1alpha1.Dashboard) {
	return func(o *v1alpha1.Dashboard) { o.Spec.Folder = &v1alpha1.DashboardFolder{Path: titles} }
}

// pathOf is where a dashboard is in Grafana.
func pathOf(w *suite.World, org int64, dash *v1alpha1.Dashboard) string {
	var titles []string
	for uid := w.Dash(org, dash.Status.UID).FolderUID; uid != ""; {
		f := suite.Find(w.Grafana.Folders(org), func(f grafanatest.Folder) bool { return f.UID == uid })
		titles = append([]string{f.Title}, titles...)
		uid = f.ParentUID
	}
	return strings.Join(titles, "/")
}

// Folders on a path are made once, shared, found again by title, and stay when the dashboards go; an organization with
// no others can be deleted.
func TestAPIDashboardFolderPath(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{Version: "12.4.0"})
	team := suite.Ready(w, w.Organization("team"))
	org := team.Status.OrgID
	w.Ask("POST", "/api/folders", org, map[string]any{"uid": "theirs", "title": "Business"})
	first := w.Dashboard("first", "team", `{"title": "First"}`, inPath("Business", "Sales", "Europe"))
	second := w.Dashboard("second", "team", `{"title": "Second"}`, inPath("Business", "Sales"))
	for dash, want := range map[*v1alpha1.Dashboard]string{first: "Business/Sales/Europe", second: "Business/Sales"} {
		if suite.Ready(w, dash); pathOf(w, org, dash) != want {
			t.Errorf("%s is in %q", dash.Name, pathOf(w, org, dash))
		}
	}
	if all := w.Grafana.Folders(org); len(all) != 3 {
		t.Errorf("folders: %+v", all)
	}
	var crowd []*v1alpha1.Dashboard
	for n := range 8 {
		crowd = append(
			crowd,
			w.Dashboard(
				fmt.Sprint("crowd-", n),
				"team",
				fmt.Sprintf(`{"title": "Number %d"}`, n),
				inPath("Crowd", "Inner"),
			),
		)
	}
	for _, dash := range crowd {
		if suite.Ready(w, dash); pathOf(w, org, dash) != "Crowd/Inner" {
			t.Errorf("%s is in %q", dash.Name, pathOf(w, org, dash))
		}
		w.Delete(dash)
		w.Gone(dash)
	}
	if all := w.Grafana.Folders(org); len(all) != 5 {
		t.Errorf("folders: %+v", all)
	}
	suite.Change(w, second, func() { second.Spec.Folder.Path = []string{"Elsewhere"} })
	if suite.Ready(
		w,
		second,
	); pathOf(w, org, second) != "Elsewhere" ||
		w.Dash(org, second.Status.UID).Version != 2 && w.Dash(org, second.Status.UID).Title != "Second" {
		t.Errorf("it is in %q: %+v", pathOf(w, org, second), w.Dash(org, second.Status.UID))
	}
	deep := w.Dashboard("deep", "team", `{"title": "Deep"}`, inPath("1", "2", "3", "4", "5", "6", "7", "8"))
	suite.Stalled(w, deep, v1alpha1.ReasonFolderRefused, "1/2/3/4/5/6")
	w.Delete(first, second, deep)
	w.Gone(first, second, deep)
	if all := w.Grafana.Folders(org); len(all) < 4 {
		t.Errorf("folders went with their dashboards: %+v", all)
	}
	w.Ask("DELETE", "/api/folders/theirs", org, nil)
	w.Delete(team)
	w.Gone(team)
}

// Of two folders of one title none is guessed.
func TestAPIDashboardFolderAmbiguous(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{Version: "12.4.0"})
	org := suite.Ready(w, w.Organization("team")).Status.OrgID
	for _, uid := range []string{"one", "two"} {
		w.Ask("POST", "/api/folders", org, map[string]any{"uid": uid, "title": "Twins"})
	}
	dash := w.Dashboard("dash", "team", overview, inPath("Twins", "Child"))
	suite.Stalled(w, dash, v1alpha1.ReasonFolderAmbiguous, `"Twins"`, "by its uid")
	w.Ask("DELETE", "/api/folders/two", org, nil)
	suite.Visit(w, dash)
	if suite.Ready(w, dash); pathOf(w, org, dash) != "Twins/Child" {
		t.Errorf("it is in %q", pathOf(w, org, dash))
	}
}

// A folder that only the database takes for the one on the path is told, where there cannot be both.
func TestAPIDashboardFolderThatTheDatabaseTakesForAnother(t *testing.T) {
	t.Parallel()
	for version, both := range map[string]bool{"10.4.3": false, "12.4.0": true} {
		for title, theirs := range map[string]string{"acme": "Acme", "Team 🚀": "Team 🔥", "Straße": "strasse"} {
			t.Run(version+" "+title, func(t *testing.T) {
				t.Parallel()
				w := suite.New(t, grafanatest.Options{Version: version, Database: grafanatest.MariaDB})
				org := suite.Ready(w, w.Organization("team")).Status.OrgID
				w.Ask("POST", "/api/folders", org, map[string]any{"uid": "theirs", "title": theirs})
				dash := w.Dashboard("d", "team", overview, inPath(title))
				if both {
					suite.Ready(w, dash)
				} else {
					suite.Stalled(
						w,
						dash,
						v1alpha1.ReasonFolderRefused,
						fmt.Sprintf("%q", theirs),
						fmt.Sprintf("%q", title),
					)
					suite.Change(w, dash, func() { dash.Spec.Folder.Path = []string{theirs} })
					suite.Ready(w, dash)
					title = theirs
				}
				if is := pathOf(w, org, dash); is != title {
					t.Errorf("it is in %q", is)
				}
			})
		}
	}
}

// Grafana 10.4 has folders in folders only behind a flag, and one title once in a folder.
func TestAPIDashboardFolderOld(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{Version: "10.4.3"})
	w.Grafana.WantFlatFolders()
	org := suite.Ready(w, w.Organization("team")).Status.OrgID
	flat := suite.Ready(w, w.Dashboard("flat", "team", `{"title": "One"}`, inPath("Flat")))
	if pathOf(w, org, flat) != "Flat" {
		t.Errorf("it is in %q", pathOf(w, org, flat))
	}
	nested := w.Dashboard("nested", "team", `{"title": "Two"}`, inPath("Flat", "Nested"))
	suite.Stalled(w, nested, v1alpha1.ReasonFolderRefused, "Grafana 11")
	twin := w.Dashboard("twin", "team", `{"title": "One"}`, inPath("Flat"))
	suite.Stalled(w, twin, v1alpha1.ReasonAlreadyExists, "title")
	if d := w.Dash(org, flat.Status.UID); d == nil || d.Version != 1 || len(w.Grafana.Dashboards(org)) != 1 {
		t.Errorf("the first became %+v", d)
	}
	suite.Change(w, twin, func() { twin.Spec.Source.JSON = new(`{"title": "Another"}`) })
	suite.Ready(w, twin)
	if all := w.Grafana.Folders(org); len(all) != 1 {
		t.Errorf("folders: %+v", all)
	}

	old := suite.New(t, grafanatest.Options{Version: "10.4.3", NestedFolders: true})
	org = suite.Ready(old, old.Organization("team")).Status.OrgID
	dash := suite.Ready(old, old.Dashboard("nested", "team", overview, inPath("A", "B")))
	if pathOf(old, org, dash) != "A/B" {
		t.Errorf("with the flag it is in %q", pathOf(old, org, dash))
	}
}

package controllers_test

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

func manyWriters(o *v1alpha1.Instance) {
	o.Spec.Limits = v1alpha1.Limits{MaxConcurrentReads: 8, MaxConcurrentWrites: 8}
}

// forRoles is how many permissions for roles something has.
func forRoles(w *suite.World, org int64, path string) (n int) {
	w.T.Helper()
	var items []struct{ Role string }
	if err := json.Unmarshal(w.Ask("GET", path+"/permissions", org, nil), &items); err != nil {
		w.T.Fatal(err)
	}
	for _, item := range items {
		if item.Role != "" {
			n++
		}
	}
	return n
}

func askedForPermissions(w *suite.World) (reads, writes int) {
	for _, r := range w.Grafana.Requests() {
		if strings.HasSuffix(r.Path, "/permissions") && !strings.HasPrefix(r.Path, "/api/access-control") {
			if r.Method == "GET" {
				reads++
			} else {
				writes++
			}
		}
	}
	return reads, writes
}

// The first dashboard or folder of an organization is made alone, however many may write at once, and seen
// to have their permissions. On SQLite all that is made at the root is looked at, once.
func TestAPIDashboardsOfAFreshOrganizationHavePermissions(t *testing.T) {
	t.Parallel()
	for database, version := range map[grafanatest.Database]string{grafanatest.Postgres: "12.4.0", grafanatest.MariaDB: "10.4.3", grafanatest.SQLite: "12.4.0"} {
		t.Run(string(database), func(t *testing.T) {
			t.Parallel()
			w := suite.New(t, grafanatest.Options{Version: version, Database: database}, manyWriters)
			org := suite.Ready(w, w.Organization("team")).Status.OrgID
			w.Grafana.SetFault(func(r *grafanatest.Request) grafanatest.Fault {
				if r.Method == "POST" && (r.Path == "/api/dashboards/db" || r.Path == "/api/folders") {
					return grafanatest.Fault{Delay: 50 * time.Millisecond} // so that those that are sent at once meet
				}
				return grafanatest.Fault{}
			})
			var all []*v1alpha1.Dashboard
			folders := []*v1alpha1.Folder{declareFolder(w, "f0", "team"), declareFolder(w, "f1", "team")}
			for n := range 24 {
				all = append(all, w.Dashboard(fmt.Sprint("d", n), "team", fmt.Sprintf(`{"title": "Number %d"}`, n),
					func(o *v1alpha1.Dashboard) {
						if n%2 == 1 {
							o.Spec.Folder = &v1alpha1.DashboardFolder{Path: []string{fmt.Sprint("Folder ", n/4)}}
						}
					}))
			}
			for _, dash := range all {
				suite.Ready(w, dash)
			}
			for _, folder := range folders {
				suite.Ready(w, folder)
			}
			w.Grafana.SetFault(nil)
			reads, writes := askedForPermissions(w)
			atMost := 16
			if database == grafanatest.SQLite {
				atMost = len(all) + len(folders) // each of itself or of its folder
			}
			if os.Getenv("GRAFANA_URL") == "" && (reads > atMost || writes > 0) {
				t.Errorf("permissions were read %d times and written %d times", reads, writes)
			}
			for n, dash := range all {
				if n%2 == 0 && forRoles(w, org, "/api/dashboards/uid/"+dash.Status.UID) != 2 {
					t.Errorf("%s can be seen by Admins only", dash.Name)
				}
			}
			for _, f := range w.Grafana.Folders(org) {
				if forRoles(w, org, "/api/folders/"+f.UID) != 2 {
					t.Errorf("folder %s can be seen by Admins only", f.Title)
				}
			}
		})
	}
}

// Somebody else writes to the fresh organization at the same moment, and what the operator makes is left without
// permissions: that is seen and put right.
func TestAPIDashboardLeftWithoutPermissions(t *testing.T) {
	suite.NotOnReal(t, "who loses a race there is chance")
	t.Parallel()
	for _, version := range grafanatest.Versions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			w := suite.New(t, grafanatest.Options{Version: version, Database: grafanatest.Postgres})
			team := suite.Ready(w, w.Organization("team")).Status.OrgID
			other := suite.Ready(w, w.Organization("other")).Status.OrgID
			var dashboard, folder atomic.Bool
			w.Grafana.SetFault(func(r *grafanatest.Request) grafanatest.Fault {
				switch {
				case r.Method == "POST" && r.Path == "/api/dashboards/db" && dashboard.CompareAndSwap(false, true):
					theirs := map[string]any{"dashboard": map[string]any{"uid": "theirs", "title": "Theirs"}}
					w.Grafana.Do("POST", r.Path, team, theirs)
				case r.Method == "POST" && r.Path == "/api/folders" && folder.CompareAndSwap(false, true):
					w.Grafana.Do(
						"POST",
						r.Path,
						other,
						map[string]any{"uid": "folder-of-theirs", "title": "Folder of theirs"},
					)
				}
				return grafanatest.Fault{}
			})
			root := suite.Ready(w, w.Dashboard("root", "team", `{"title": "Root"}`))
			inside := suite.Ready(w, w.Dashboard("inside", "other", `{"title": "Inside"}`, inPath("Ours")))
			w.Grafana.SetFault(nil)
			if forRoles(w, team, "/api/dashboards/uid/"+root.Status.UID) != 2 {
				t.Error("the dashboard can be seen by Admins only")
			}
			if uid := w.Dash(other, inside.Status.UID).FolderUID; forRoles(w, other, "/api/folders/"+uid) != 2 {
				t.Error("the folder can be seen by Admins only")
			}
			if _, writes := askedForPermissions(w); writes != 2 {
				t.Errorf("permissions were written %d times", writes)
			}
			announced(w, root, v1alpha1.EventUpdated, "permissions")
			if root.Status.PermissionsPending || inside.Status.PermissionsPending {
				t.Error("status says that they have to be looked at")
			}
		})
	}
}

// SQLite can be locked by anybody at any time, and what was made then is left without permissions: that is seen, also
// of what is not the first, and put right.
func TestAPIDashboardMadeWhileTheDatabaseIsLocked(t *testing.T) {
	suite.NotOnReal(t, "whether its database is locked is chance")
	t.Parallel()
	for _, version := range grafanatest.Versions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			w := suite.New(t, grafanatest.Options{Version: version})
			org := suite.Ready(w, w.Organization("team")).Status.OrgID
			suite.Ready(w, w.Dashboard("first", "team", `{"title": "First"}`))
			suite.Ready(w, w.Dashboard("first-inside", "team", `{"title": "First inside"}`, inPath("First")))
			w.Grafana.SetFault(func(r *grafanatest.Request) grafanatest.Fault {
				if r.Method == "POST" && (r.Path == "/api/dashboards/db" || r.Path == "/api/folders") {
					return grafanatest.Fault{Bare: true}
				}
				return grafanatest.Fault{}
			})
			root := suite.Ready(w, w.Dashboard("root", "team", `{"title": "Root"}`))
			inside := suite.Ready(w, w.Dashboard("inside", "team", `{"title": "Inside"}`, inPath("Ours")))
			if forRoles(w, org, "/api/dashboards/uid/"+root.Status.UID) != 2 {
				t.Error("the dashboard can be seen by Admins only")
			}
			if uid := w.Dash(org, inside.Status.UID).FolderUID; forRoles(w, org, "/api/folders/"+uid) != 2 {
				t.Error("the folder can be seen by Admins only")
			}
		})
	}
}

// One whose creation was answered by nothing can have raced with the next one, which was seen to have its permissions:
// it is looked at when it is found.
func TestAPIDashboardFoundWithoutPermissions(t *testing.T) {
	suite.NotOnReal(t, "who loses a race there is chance")
	t.Parallel()
	w := suite.New(t, grafanatest.Options{Database: grafanatest.Postgres})
	org := suite.Ready(w, w.Organization("team")).Status.OrgID
	suite.Ready(w, w.Dashboard("first", "team", `{"title": "First"}`))
	var lost atomic.Bool
	w.Grafana.SetFault(func(r *grafanatest.Request) grafanatest.Fault {
		if r.Method == "POST" && r.Path == "/api/dashboards/db" && lost.CompareAndSwap(false, true) {
			return grafanatest.Fault{Outcome: grafanatest.DropAfter, Bare: true}
		}
		return grafanatest.Fault{}
	})
	dash := suite.Ready(w, w.Dashboard("root", "team", `{"title": "Root"}`))
	if forRoles(w, org, "/api/dashboards/uid/"+dash.Status.UID) != 2 {
		t.Error("the dashboard can be seen by Admins only")
	}
}

// Grafana 10.4 gives a folder in a folder permissions of its own, whatever the one above restricts. One that the
// operator makes inherits; one that was there is as people want it.
func TestAPIDashboardFolderInARestrictedOne(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{Version: "10.4.3", NestedFolders: true})
	org := suite.Ready(w, w.Organization("team")).Status.OrgID
	w.Ask("POST", "/api/folders", org, map[string]any{"uid": "secret", "title": "Secret"})
	w.Ask("POST", "/api/folders/secret/permissions", org, map[string]any{"items": []any{}})
	w.Ask("POST", "/api/folders", org, map[string]any{"uid": "theirs", "title": "Theirs", "parentUid": "secret"})
	for title, want := range map[string]int{"Ours": 0, "Theirs": forRoles(w, org, "/api/folders/theirs")} {
		dash := suite.Ready(
			w,
			w.Dashboard(strings.ToLower(title), "team", fmt.Sprintf(`{"title": %q}`, title), inPath("Secret", title)),
		)
		uid := w.Dash(org, dash.Status.UID).FolderUID
		if is := forRoles(w, org, "/api/folders/"+uid); is != want {
			t.Errorf("folder %s has %d permissions for roles, want %d", title, is, want)
		}
	}
}

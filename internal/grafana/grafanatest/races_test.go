package grafanatest

import (
	"fmt"
	"testing"
)

// meeting sends two requests, the second of which arrives after the first and is
// done before it, and returns the statuses of their answers.
func (n tenant) meeting(path, first, second string) (loser, winner int) {
	n.t.Helper()
	c := client{t: n.t, server: n.server, auth: adminAuth}
	n.server.SetFault(func(*Request) Fault {
		n.server.SetFault(nil)
		winner = c.status("POST", path, 2, second)
		return Fault{}
	})
	return c.status("POST", path, 2, first), winner
}

// items is how many permissions something has.
func (n tenant) items(path string) int {
	n.t.Helper()
	return len(n.as(adminAuth, 200, "GET", path+"/permissions", "")["list"].([]any))
}

func TestFirstContentsOfAnOrgThatMeet(t *testing.T) {
	for _, version := range Versions() {
		for _, database := range []Database{SQLite, Postgres, MariaDB} {
			t.Run(version+" on "+string(database), func(t *testing.T) {
				n, bare := newTenant(t, Options{Version: version, Database: database}), 0
				if database == SQLite {
					bare = 3
				}
				n.meeting(
					"/api/dashboards/db",
					`{"dashboard":{"uid":"a","title":"a"}}`,
					`{"dashboard":{"uid":"b","title":"b"}}`,
				)
				n.as(adminAuth, 200, "POST", "/api/dashboards/db", `{"dashboard":{"uid":"c","title":"c"}}`)
				n.meeting(
					"/api/folders",
					`{"uid":"fa","title":"fa"}`,
					`{"uid":"fb","title":"fb"}`,
				) // the roles are there
				for path, want := range map[string]int{
					"/api/dashboards/uid/a": bare, "/api/dashboards/uid/b": 3, "/api/dashboards/uid/c": 3,
					"/api/folders/fa": 3, "/api/folders/fb": 3,
				} {
					if got := n.items(path); got != want {
						t.Errorf("%s has %d permissions, want %d", path, got, want)
					}
				}
				seen := map[bool]int{true: 403, false: 200}
				n.as(edAuth, seen[bare == 0], "GET", "/api/dashboards/uid/a", "")
				n.as(adminAuth, 200, "POST", "/api/dashboards/uid/a/permissions",
					`{"items":[{"role":"Viewer","permission":1},{"role":"Editor","permission":2}]}`)
				n.as(edAuth, 200, "GET", "/api/access-control/user/permissions?reloadcache=true", "")
				n.as(edAuth, 200, "GET", "/api/dashboards/uid/a", "")
			})
		}
	}
}

// Folders race for the same roles.
func TestFirstFoldersOfAnOrgThatMeet(t *testing.T) {
	for _, version := range Versions() {
		n := newTenant(t, Options{Version: version, Database: Postgres})
		n.meeting("/api/folders", `{"uid":"fa","title":"fa"}`, `{"uid":"fb","title":"fb"}`)
		n.meeting(
			"/api/dashboards/db",
			`{"dashboard":{"uid":"a","title":"a"}}`,
			`{"dashboard":{"uid":"b","title":"b"}}`,
		)
		for path, want := range map[string]int{
			"/api/folders/fa": 0, "/api/folders/fb": 3, "/api/dashboards/uid/a": 3, "/api/dashboards/uid/b": 3,
		} {
			if got := n.items(path); got != want {
				t.Errorf("%s: %s has %d permissions, want %d", version, path, got, want)
			}
		}
	}
}

func TestFirstServiceAccountsOfAnOrgThatMeet(t *testing.T) {
	for version, again := range map[string]int{"12.4.0": 201, "10.4.3": 400} {
		n := newTenant(t, Options{Version: version, Database: Postgres})
		const a, b = `{"name":"a"}`, `{"name":"b"}`
		if loser, winner := n.meeting("/api/serviceaccounts", a, b); loser != 500 || winner != 201 {
			t.Errorf("%s: %d and %d", version, loser, winner)
		}
		n.as(adminAuth, again, "POST", "/api/serviceaccounts", a)
		if got := len(n.server.ServiceAccounts(2)); got != 2 {
			t.Errorf("%s: %d service accounts in the end", version, got)
		}
	}
}

func TestCreatesOfOneNameThatMeet(t *testing.T) {
	for database, want := range map[Database]int{SQLite: 409, Postgres: 500, MariaDB: 500} {
		n := newTenant(t, Options{Database: database})
		const body = `{"name":"one"}`
		if loser, winner := n.meeting("/api/orgs", body, body); loser != want || winner != 200 {
			t.Errorf("%s: %d and %d, want %d and 200", database, loser, winner, want)
		}
		n.as(adminAuth, 409, "POST", "/api/orgs", body)
	}
}

func TestPermissionsOfWhatIsMade(t *testing.T) {
	for version, subfolder := range map[string]int{"12.4.0": 0, "10.4.3": 3} {
		n := newTenant(t, Options{Version: version, NestedFolders: true})
		n.as(adminAuth, 200, "POST", "/api/folders", `{"uid":"f","title":"f"}`)
		n.as(adminAuth, 200, "POST", "/api/folders", `{"uid":"sub","title":"sub","parentUid":"f"}`)
		n.as(adminAuth, 200, "POST", "/api/dashboards/db", `{"dashboard":{"uid":"d","title":"d"},"folderUid":"f"}`)
		if f, sub, d := n.items(
			"/api/folders/f",
		), n.items(
			"/api/folders/sub",
		), n.items(
			"/api/dashboards/uid/d",
		); f != 3 || sub != subfolder ||
			d != 1 {
			t.Errorf("%s: the folder has %d permissions, the subfolder %d, the dashboard in it %d", version, f, sub, d)
		}
		n.as(edAuth, 200, "GET", "/api/dashboards/uid/d", "")
		n.as(adminAuth, 200, "POST", "/api/folders/f/permissions", `{"items":[]}`)
		n.as(edAuth, 403, "GET", "/api/dashboards/uid/d", "")
		n.as(edAuth, 403, "POST", "/api/dashboards/db", `{"dashboard":{"uid":"e","title":"e"},"folderUid":"f"}`)
		if got := fmt.Sprint(n.as(edAuth, 200, "GET", "/api/search", "")["list"]); version == "12.4.0" && got != "[]" {
			t.Errorf("an editor finds %s", got)
		}
	}
}

func TestWhatComesThroughAPIsHasNoPermissionsUnlessAsked(t *testing.T) {
	n := newTenant(t, Options{})
	n.as(adminAuth, 201, "POST", dashboardsOf2, `{"metadata":{"name":"bare"},"spec":{"title":"x"}}`)
	n.as(
		adminAuth,
		201,
		"POST",
		dashboardsOf2,
		`{"metadata":{"name":"granted","annotations":{"grafana.app/grant-permissions":"default"}},"spec":{"title":"x"}}`,
	)
	if bare, granted := n.items(
		"/api/dashboards/uid/bare",
	), n.items(
		"/api/dashboards/uid/granted",
	); bare != 0 ||
		granted != 3 {
		t.Errorf("%d and %d permissions", bare, granted)
	}
}

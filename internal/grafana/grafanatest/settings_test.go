package grafanatest

import (
	"strings"
	"testing"
)

func TestSettingsTellTheDatabase(t *testing.T) {
	for database, want := range map[Database]string{SQLite: "sqlite3", Postgres: "postgres", MariaDB: "mysql"} {
		n := newTenant(t, Options{Database: database})
		settings := n.as(adminAuth, 200, "GET", "/api/admin/settings", "")
		if got := settings["database"].(obj)["type"]; got != want {
			t.Errorf("%s: the settings say %v", database, got)
		}
		n.as(edAuth, 403, "GET", "/api/admin/settings", "")
	}
}

func TestAGrafanaThatHasJustStartedHasNoAPIs(t *testing.T) {
	s := New(Options{Version: "10.4.3"})
	admin := client{t: t, server: s, auth: adminAuth}
	s.SetStarting(true)
	if status, text := admin.do(
		"GET",
		"/apis/dashboard.grafana.app",
		1,
		"",
	); status != 404 ||
		!strings.Contains(text, "Content-Type: text/plain") {
		t.Errorf("while it starts: %s", text)
	}
	if status := admin.status("GET", "/api/health", 0, ""); status != 200 {
		t.Errorf("its health while it starts: %d", status)
	}
	s.SetStarting(false)
	if status, text := admin.do(
		"GET",
		"/apis/dashboard.grafana.app",
		1,
		"",
	); status != 404 ||
		!strings.Contains(text, "application/json") {
		t.Errorf("afterwards: %s", text)
	}
}

// As on real ones, the last server admin can be deleted, if not made an ordinary person.
func TestLastServerAdminGoes(t *testing.T) {
	for _, version := range Versions() {
		d := doer{t, New(Options{Version: version})}
		d.do(400, "PUT", "/api/admin/users/1/permissions", 1, obj{"isGrafanaAdmin": false})
		d.do(200, "DELETE", "/api/admin/users/1", 1, nil)
	}
}

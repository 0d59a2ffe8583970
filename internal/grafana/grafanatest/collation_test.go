package grafanatest

import (
	"fmt"
	"strings"
	"testing"
)

func TestMariaDBTakesOtherNamesForTheSame(t *testing.T) {
	for _, version := range Versions() {
		n := newTenant(t, Options{Version: version, Database: MariaDB})
		n.as(adminAuth, 200, "POST", "/api/orgs", `{"name":"Acme"}`)
		for _, name := range []string{"acme", "Ácme", "Acme "} {
			n.as(adminAuth, 409, "POST", "/api/orgs", fmt.Sprintf(`{"name":%q}`, name))
		}
		n.as(adminAuth, 400, "PUT", "/api/orgs/2", `{"name":"ACME"}`)
		n.as(adminAuth, 200, "POST", "/api/orgs", `{"name":" Acme"}`)
		if got := n.as(adminAuth, 200, "GET", "/api/orgs/name/acme", ""); got["name"] != "Acme" {
			t.Errorf("%s: asked for acme: %v", version, got)
		}
		n.as(adminAuth, 201, "POST", "/api/serviceaccounts", `{"name":"Bot"}`)
		n.as(adminAuth, 400, "POST", "/api/serviceaccounts", `{"name":"bót"}`)
		id := n.server.ServiceAccounts(2)[0].ID
		n.as(adminAuth, 200, "POST", fmt.Sprintf("/api/serviceaccounts/%d/tokens", id), `{"name":"key"}`)
		n.as(adminAuth, 400, "POST", fmt.Sprintf("/api/serviceaccounts/%d/tokens", id), `{"name":"Kéy "}`)
	}
}

func TestMariaDBTakesOtherUidsForTheSame(t *testing.T) {
	for _, version := range Versions() {
		n := newTenant(t, Options{Version: version, Database: MariaDB})
		n.as(adminAuth, 200, "POST", "/api/dashboards/db", `{"dashboard":{"uid":"Abc","title":"A"}}`)
		n.as(adminAuth, 412, "POST", "/api/dashboards/db", `{"dashboard":{"uid":"abc","title":"B"}}`)
		saved := n.as(
			adminAuth,
			200,
			"POST",
			"/api/dashboards/db",
			`{"dashboard":{"uid":"abc","title":"B"},"overwrite":true}`,
		)
		if saved["uid"] != "Abc" || saved["version"] != 2.0 {
			t.Errorf("%s: a save of abc: %v", version, saved)
		}
		n.as(adminAuth, 200, "POST", "/api/folders", `{"uid":"Fold","title":"F"}`)
		if got := n.as(adminAuth, 200, "GET", "/api/folders/FOLD", ""); got["uid"] != "Fold" {
			t.Errorf("%s: asked for the folder FOLD: %v", version, got)
		}
		n.as(adminAuth, 200, "DELETE", "/api/dashboards/uid/ABC", "")
		if left := n.server.Dashboards(2); len(left) != 0 {
			t.Errorf("%s: left: %+v", version, left)
		}
	}
}

func TestOtherDatabasesTellNamesApart(t *testing.T) {
	for _, database := range []Database{SQLite, Postgres} {
		n := newTenant(t, Options{Database: database})
		n.as(adminAuth, 200, "POST", "/api/orgs", `{"name":"Acme"}`)
		n.as(adminAuth, 200, "POST", "/api/orgs", `{"name":"acme"}`)
		n.as(adminAuth, 200, "POST", "/api/dashboards/db", `{"dashboard":{"uid":"Abc","title":"A"}}`)
		n.as(adminAuth, 404, "GET", "/api/dashboards/uid/abc", "")
	}
}

func TestTextsThatAreTooLong(t *testing.T) {
	name, address := strings.Repeat("n", 200), strings.Repeat("a", 300)
	for _, test := range []struct {
		version        string
		database       Database
		create, change int
		name, address  int // how much of it is kept
	}{
		{"12.4.0", SQLite, 200, 200, 200, 300},
		{"12.4.0", MariaDB, 200, 200, 190, 255},
		{"12.4.0", Postgres, 500, 500, 0, 0},
		{"10.4.3", MariaDB, 500, 500, 0, 0},
	} {
		n := newTenant(t, Options{Version: test.version, Database: test.database})
		n.as(adminAuth, test.change, "PUT", "/api/orgs/2/address", fmt.Sprintf(`{"address2":%q}`, address))
		n.as(adminAuth, test.create, "POST", "/api/orgs", fmt.Sprintf(`{"name":%q}`, name))
		orgs, kept := n.server.Orgs(), 0
		if len(orgs) == 3 {
			kept = len(orgs[2].Name)
		}
		if kept != test.name || len(orgs[1].Address.Address2) != test.address {
			t.Errorf(
				"%s on %s: %d characters of the name, %d of the address are kept",
				test.version,
				test.database,
				kept,
				len(orgs[1].Address.Address2),
			)
		}
	}
}

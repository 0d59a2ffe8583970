package grafanatest

import (
	"fmt"
	"slices"
	"testing"
)

// doer sends requests as Server.Do does, and expects an answer of a status.
type doer struct {
	t      *testing.T
	server *Server
}

func (d doer) do(want int, method, path string, orgID int64, body any) {
	d.t.Helper()
	if status, answer := d.server.Do(method, path, orgID, body); status != want {
		d.t.Errorf("%s %s: %d %s, want %d", method, path, status, answer, want)
	}
}

func (d doer) rule(uid, folder string) {
	d.t.Helper()
	d.do(201, "POST", "/api/v1/provisioning/alert-rules", 2, obj{
		"uid":       uid,
		"title":     "T " + uid,
		"ruleGroup": "g",
		"folderUID": folder,
		"condition": "A",
		"data":      []obj{{"refId": "A"}},
		"for":       "1m",
	})
}

func (d doer) panel(uid, folder string) {
	d.t.Helper()
	d.do(
		200,
		"POST",
		"/api/library-elements",
		2,
		obj{"uid": uid, "name": "N " + uid, "kind": 1, "folderUid": folder, "model": obj{"type": "text"}},
	)
}

// expect compares the uids of an org's alert rules and library panels.
func (d doer) expect(what string, orgID int64, rules, panels []string) {
	d.t.Helper()
	var gotRules, gotPanels []string
	for _, r := range d.server.AlertRules(orgID) {
		gotRules = append(gotRules, r.UID)
	}
	for _, p := range d.server.LibraryPanels(orgID) {
		gotPanels = append(gotPanels, p.UID)
	}
	if !slices.Equal(gotRules, rules) || !slices.Equal(gotPanels, panels) {
		d.t.Errorf("%s: rules %v, panels %v; want %v and %v", what, gotRules, gotPanels, rules, panels)
	}
}

func TestAlertRulesKeepTheirFolder(t *testing.T) {
	for _, version := range Versions() {
		d := doer{t, New(Options{Version: version})}
		withToken(t, d.server)
		d.do(200, "POST", "/api/folders", 2, obj{"uid": "top", "title": "Top"})
		d.do(200, "POST", "/api/folders", 2, obj{"uid": "child", "title": "Child", "parentUid": "top"})
		d.do(200, "POST", "/api/folders", 2, obj{"uid": "other", "title": "Other"})
		d.rule("r1", "child")
		d.rule("r2", "other")
		d.panel("p1", "top")
		d.panel("p2", "")
		if got := d.server.AlertRules(2)[0]; got != (AlertRule{"r1", "T r1", "child"}) {
			t.Errorf("%s: rule %+v", version, got)
		}
		if got := d.server.LibraryPanels(2)[0]; got != (LibraryPanel{"p1", "N p1", "top"}) {
			t.Errorf("%s: panel %+v", version, got)
		}
		d.do(400, "DELETE", "/api/folders/top", 2, nil)
		d.expect(version+": refused", 2, []string{"r1", "r2"}, []string{"p1", "p2"})
		d.do(200, "DELETE", "/api/folders/top?forceDeleteRules=true", 2, nil)
		d.expect(version+": forced", 2, []string{"r2"}, []string{"p2"})
		d.do(204, "DELETE", "/api/v1/provisioning/alert-rules/r2", 2, nil)
		d.do(204, "DELETE", "/api/v1/provisioning/alert-rules/r2", 2, nil)
		d.do(200, "DELETE", "/api/folders/other", 2, nil)
		d.do(200, "DELETE", "/api/library-elements/p2", 2, nil)
		d.do(404, "DELETE", "/api/library-elements/p2", 2, nil)
		d.expect(version+": deleted", 2, nil, nil)
	}
}

func TestWhatADeletedOrgLeavesBehind(t *testing.T) {
	d := doer{t, New(Options{})}
	withToken(t, d.server)
	d.do(200, "POST", "/api/folders", 2, obj{"uid": "f", "title": "F"})
	d.rule("r", "f")
	d.panel("p", "f")
	backup := d.server.Snapshot()
	d.do(200, "DELETE", "/api/orgs/2", 1, nil)
	d.expect("deleted", 2, nil, []string{"p"})
	d.server.ResetDatabase()
	d.expect("reset", 2, nil, nil)
	for range 2 {
		d.server.Restore(backup)
		d.expect("restored", 2, []string{"r"}, []string{"p"})
		d.do(204, "DELETE", "/api/v1/provisioning/alert-rules/r", 2, nil)
		d.do(200, "DELETE", "/api/library-elements/p", 2, nil)
	}
}

func TestRulesAndPanelsThatAreRefused(t *testing.T) {
	d := doer{t, New(Options{Quotas: true})}
	withToken(t, d.server)
	d.do(200, "POST", "/api/folders", 2, obj{"uid": "f", "title": "F"})
	d.rule("r", "f")
	d.panel("p", "")
	const rules, panels = "/api/v1/provisioning/alert-rules", "/api/library-elements"
	d.do(
		400,
		"POST",
		rules,
		2,
		obj{
			"uid":       "r",
			"title":     "x",
			"ruleGroup": "g",
			"folderUID": "f",
			"condition": "A",
			"data":      []obj{{"refId": "A"}},
		},
	)
	d.do(400, "POST", rules, 2, obj{"title": "x"})
	d.do(400, "POST", panels, 2, obj{"uid": "p", "name": "x", "kind": 1, "model": obj{}})
	d.do(400, "POST", panels, 2, obj{"name": "x", "kind": 1, "folderUid": "nosuch", "model": obj{}})
	d.do(500, "POST", panels, 2, obj{"name": "x", "kind": 7, "model": obj{}})
	d.do(200, "PUT", "/api/orgs/2/quotas/alert_rule", 2, obj{"limit": 1})
	d.do(
		403,
		"POST",
		rules,
		2,
		obj{"title": "x", "ruleGroup": "g", "folderUID": "f", "condition": "A", "data": []obj{{"refId": "A"}}},
	)
	d.expect("after all refusals", 2, []string{"r"}, []string{"p"})
}

func TestWhoMayListRulesAndPanels(t *testing.T) {
	s := New(Options{})
	admin := client{t: t, server: s, auth: adminAuth}
	if got := admin.status("POST", "/api/admin/users", 1, `{"login":"eve","password":"secret"}`); got != 200 {
		t.Fatal(got)
	}
	eve := client{t: t, server: s, auth: "Basic ZXZlOnNlY3JldA=="}
	for role, rules := range map[string]int{"Viewer": 403, "Editor": 403, "Admin": 200} {
		if got := admin.status("PATCH", "/api/orgs/1/users/2", 1, fmt.Sprintf(`{"role":%q}`, role)); got != 200 {
			t.Fatal(got)
		}
		if got := eve.status("GET", "/api/v1/provisioning/alert-rules", 1, ""); got != rules {
			t.Errorf("%s: rules: %d, want %d", role, got, rules)
		}
		if got := eve.status("GET", "/api/library-elements", 1, ""); got != 200 {
			t.Errorf("%s: panels: %d", role, got)
		}
	}
}

func TestVersionsAreThoseWithRecordings(t *testing.T) {
	if got := Versions(); !slices.Equal(got, []string{"10.4.3", "12.4.0"}) {
		t.Errorf("versions %v", got)
	}
}

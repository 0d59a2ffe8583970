package grafanatest

import (
	"encoding/json"
	"fmt"
	"testing"
)

// uids of the folders that a list shows.
func (d doer) folders(query string) string {
	d.t.Helper()
	status, body := d.server.Do("GET", "/api/folders"+query, 1, nil)
	var rows []struct{ UID, ParentUID string }
	if err := json.Unmarshal(body, &rows); err != nil || status != 200 {
		d.t.Fatalf("%s: %d %s: %v", query, status, body, err)
	}
	out := []string{}
	for _, row := range rows {
		out = append(out, row.ParentUID+">"+row.UID)
	}
	return fmt.Sprint(out)
}

func TestListsOfFolders(t *testing.T) {
	type lists map[string]string
	nested := lists{
		"":                "[>a >b]",
		"?limit=0":        "[>a >b]",
		"?limit=1":        "[>a]",
		"?limit=1&page=2": "[>b]",
		"?limit=1&page=3": "[]",
		"?parentUid=a":    "[a>c]",
		"?parentUid=b":    "[]",
	}
	flat := lists{
		"":                  "[>a >b >c]",
		"?limit=0":          "[>a >b >c]",
		"?limit=1&page=3":   "[>c]",
		"?parentUid=a":      "[>a >b >c]",
		"?parentUid=nosuch": "[>a >b >c]",
	}
	for _, test := range []struct {
		opts Options
		want lists
	}{
		{Options{Version: "10.4.3"}, flat},
		{Options{Version: "10.4.3", NestedFolders: true}, nested},
		{Options{Version: "12.4.0"}, nested},
		{Options{Version: "12.4.0", NestedFolders: true}, nested},
	} {
		d := doer{t, New(test.opts)}
		for _, uid := range []string{"b", "a"} {
			d.do(200, "POST", "/api/folders", 1, obj{"uid": uid, "title": "T " + uid})
		}
		d.do(200, "POST", "/api/folders", 1, obj{"uid": "c", "title": "T c", "parentUid": "a"})
		for query, want := range test.want {
			if got := d.folders(query); got != want {
				t.Errorf("%+v: %q lists %s, want %s", test.opts, query, got, want)
			}
		}
		if test.opts.Version == "12.4.0" || test.opts.NestedFolders {
			d.do(404, "GET", "/api/folders?parentUid=nosuch", 1, nil)
			d.do(200, "POST", "/api/folders/c/move", 1, obj{"parentUid": "b"})
		}
		_, body := d.server.Do("GET", "/api/frontend/settings", 1, nil)
		var settings struct{ FeatureToggles map[string]bool }
		if err := json.Unmarshal(
			body,
			&settings,
		); err != nil ||
			settings.FeatureToggles["nestedFolders"] != test.opts.NestedFolders {
			t.Errorf("%+v: toggles %v: %v", test.opts, settings.FeatureToggles, err)
		}
	}
}

// Titles are unique in their place before Grafana 12, and a dashboard outside of folders cannot have that of a folder
// there.
func TestTitlesOfFolders(t *testing.T) {
	for _, test := range []struct {
		opts                     Options
		beside, below, dashboard int
	}{
		{Options{Version: "10.4.3"}, 409, 409, 400},
		{Options{Version: "10.4.3", NestedFolders: true}, 409, 200, 400},
		{Options{Version: "12.4.0"}, 200, 200, 200},
	} {
		d := doer{t, New(test.opts)}
		d.do(200, "POST", "/api/folders", 1, obj{"uid": "a", "title": "Same"})
		d.do(test.beside, "POST", "/api/folders", 1, obj{"uid": "b", "title": "Same"})
		d.do(test.below, "POST", "/api/folders", 1, obj{"uid": "c", "title": "Same", "parentUid": "a"})
		d.do(test.dashboard, "POST", "/api/dashboards/db", 1, obj{"dashboard": obj{"uid": "d", "title": "Same"}})
		d.do(200, "POST", "/api/folders", 1, obj{"uid": "e", "title": "Below", "parentUid": "a"})
		if test.opts.NestedFolders {
			d.do(200, "POST", "/api/dashboards/db", 1, obj{"dashboard": obj{"uid": "f", "title": "Below"}})
		}
	}
}

package grafanatest

import (
	"strings"
	"testing"
	"time"
)

// The first user is what tells one database from another, even where the clock stands still.
func TestFirstUserOfEachDatabase(t *testing.T) {
	now := func() time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) }
	for _, version := range Versions() {
		s := New(Options{Version: version, Now: now})
		admin := client{t: t, server: s, auth: adminAuth}
		me := func() string { _, body := admin.do("GET", "/api/user", 1, ""); return body }
		before, snapshot := me(), s.Snapshot()
		s.ResetDatabase()
		if after := me(); after == before || after != me() {
			t.Errorf("%s: the first user was %s and is %s", version, before, after)
		}
		s.Restore(snapshot)
		if after := me(); after != before {
			t.Errorf("%s: restored, the first user is %s instead of %s", version, after, before)
		}
	}
}

func TestResetDatabase(t *testing.T) {
	s := New(Options{})
	key := withToken(t, s)
	s.LockOut("admin")
	s.ResetDatabase()
	if got := orgNames(s); got != "Main Org." {
		t.Errorf("orgs after a reset: %s", got)
	}
	if _, _, _, ok := s.KeyAlive(key); ok {
		t.Error("a key outlived the reset")
	}
	if got := (client{t: t, server: s, auth: adminAuth}).status("GET", "/api/org", 1, ""); got != 200 {
		t.Errorf("a lockout outlived the reset: %d", got)
	}
	if again := withToken(t, s); again == key {
		t.Error("the same key was issued twice")
	}
	if got := s.Orgs()[1].ID; got != 2 {
		t.Errorf("the first org has id %d, want 2", got)
	}
	if got := len(s.Keys()); got != 2 {
		t.Errorf("%d keys remembered, want 2", got)
	}
}

func TestSnapshotAndRestore(t *testing.T) {
	s := New(Options{})
	key := withToken(t, s)
	save := func(title string) {
		t.Helper()
		status, body := s.Do("POST", "/api/dashboards/db", 2,
			obj{"dashboard": obj{"uid": "d", "title": title}, "overwrite": true, "message": "m " + title})
		if status != 200 {
			t.Fatalf("%d %s", status, body)
		}
	}
	save("one")
	backup := s.Snapshot()
	for range 2 {
		save("two")
		s.Do("DELETE", "/api/serviceaccounts/2", 2, nil)
		s.Do("POST", "/api/orgs", 1, obj{"name": "later"})
		s.Restore(backup)
		if got := orgNames(s); got != "Main Org.,team" {
			t.Errorf("orgs after a restore: %s", got)
		}
		if _, _, _, ok := s.KeyAlive(key); !ok {
			t.Error("the key did not come back")
		}
		if d := s.Dashboards(2); len(d) != 1 || d[0].Title != "one" || d[0].Version != 1 ||
			strings.Join(d[0].Messages, ",") != "m one" {
			t.Errorf("dashboards after a restore: %+v", d)
		}
	}
	if a, b := s.Snapshot(), New(Options{}); a.db == b.db {
		t.Error("servers share a database")
	}
}

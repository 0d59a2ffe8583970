package grafanatest

import (
	"testing"
	"time"
)

func TestPermissionsAreRemembered(t *testing.T) {
	for version, memory := range map[string]time.Duration{"12.4.0": time.Minute, "10.4.3": 10 * time.Second} {
		now := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
		n := newTenant(t, Options{Version: version, Now: func() time.Time { return now }})
		n.as(edAuth, 200, "GET", "/api/org", "") // from here on they are remembered
		n.save(adminAuth, "one", "")
		n.as(adminAuth, 200, "POST", "/api/folders", `{"uid":"f","title":"f"}`)
		n.as(edAuth, 403, "GET", "/api/dashboards/uid/d", "")
		n.as(edAuth, 403, "GET", "/api/folders/f", "")
		n.as(adminAuth, 200, "GET", "/api/dashboards/uid/d", "") // an admin of the org needs none of them
		now = now.Add(memory - time.Second)
		n.as(edAuth, 403, "GET", "/api/dashboards/uid/d", "")
		now = now.Add(time.Second)
		n.as(edAuth, 200, "GET", "/api/dashboards/uid/d", "")
		n.as(edAuth, 200, "GET", "/api/folders/f", "")
	}
}

func TestRememberedPermissionsCanBeReadAgain(t *testing.T) {
	n := newTenant(t, Options{})
	n.as(edAuth, 200, "GET", "/api/org", "")
	n.save(adminAuth, "one", "")
	n.as(edAuth, 403, "GET", "/api/dashboards/uid/d", "")
	n.as(edAuth, 200, "GET", dashboardsOf2+"/d", "") // what is behind /apis knows at once
	n.as(edAuth, 200, "GET", "/api/access-control/user/permissions?reloadcache=true", "")
	n.as(edAuth, 200, "GET", "/api/dashboards/uid/d", "")
}

func TestWhoMakesSomethingSeesItAtOnce(t *testing.T) {
	n := newTenant(t, Options{})
	n.as(edAuth, 200, "GET", "/api/org", "")
	n.save(edAuth, "one", "")
	n.as(edAuth, 200, "GET", "/api/dashboards/uid/d", "")
}

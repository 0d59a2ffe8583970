package grafanatest

import (
	"strings"
	"testing"
)

// A test runs on each real Grafana that is the one it asks for, and on no other.
func TestWhichRealGrafanaATestIsFor(t *testing.T) {
	plain := facts{version: "12.4.0", database: "sqlite3"}
	maria := facts{version: "12.4.0", database: "mysql"}
	limited := facts{version: "12.4.0", database: "sqlite3", dayLimit: "7", secondsToLive: "3600", noAlerting: true}
	for _, c := range []struct {
		facts facts
		opts  Options
		why   string
	}{
		{plain, Options{}, ""},
		{maria, Options{}, ""},
		{limited, Options{}, ""},
		{plain, Options{Version: "12.4.0", Database: SQLite}, ""},
		{maria, Options{Database: MariaDB}, ""},
		{plain, Options{Database: MariaDB}, "MariaDB"},
		{maria, Options{Database: Postgres}, "Postgres"},
		{plain, Options{Version: "10.4.3"}, "10.4.3"},
		{limited, Options{TokenExpirationDayLimit: 7, MaxSecondsToLive: 3600}, ""},
		{limited, Options{TokenExpirationDayLimit: 8}, "another time"},
		{plain, Options{MaxSecondsToLive: 3600}, "another time"},
		{limited, Options{AlertingDisabled: true}, ""},
		{plain, Options{AlertingDisabled: true}, "alerting"},
		{plain, Options{MaxDashboardBytes: 1}, "other settings"},
	} {
		why := c.facts.differ(c.opts)
		if (why == "") != (c.why == "") || !strings.Contains(why, c.why) {
			t.Errorf("%+v on %+v: %q, want %q", c.opts, c.facts, why, c.why)
		}
	}
}

package grafanatest

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// keyed is a database that wants a key.
type keyed struct{}

func (keyed) RoundTrip(r *http.Request) (*http.Response, error) {
	status := http.StatusUnauthorized
	if r.Header.Get("X-Key") == "right" {
		status = http.StatusOK
	}
	return &http.Response{StatusCode: status, Status: "401 Unauthorized", Body: http.NoBody}, nil
}

// Seen on 10.4.3 (SQLite, MariaDB) and 12.4.0 (SQLite, PostgreSQL), 2026-11-29.
func TestPluginComesByChangedSettingsLate(t *testing.T) {
	now := time.Date(2026, 11, 29, 0, 0, 0, 0, time.UTC)
	s := New(Options{Sources: keyed{}, Now: func() time.Time { return now }})
	c := client{t: t, server: s, auth: adminAuth}
	send := func(method, path, key string) {
		t.Helper()
		if status, text := c.do(method, path, 1, `{"name":"p","uid":"p","type":"prometheus","access":"proxy",
			"url":"http://db","jsonData":{"httpHeaderName1":"X-Key"},"secureJsonData":{"httpHeaderValue1":"`+key+`"}}`,
		); status != http.StatusOK {
			t.Fatal(text)
		}
	}
	works := func(after time.Duration, want bool) {
		t.Helper()
		now = now.Add(after)
		_, text := c.do("GET", "/api/datasources/uid/p/health", 1, "")
		if got := strings.Contains(text, "Successfully"); got != want {
			t.Errorf("works: %v, want %v", got, want)
		}
	}
	send("POST", "/api/datasources", "wrong")
	works(0, false)
	now = now.Add(2 * time.Second)
	send("PUT", "/api/datasources/uid/p", "right")
	works(0, false)
	works(2999*time.Millisecond, false)
	works(time.Millisecond, true)

	now = now.Add(time.Minute)
	send("PUT", "/api/datasources/uid/p", "wrong")
	works(0, false)
	send("PUT", "/api/datasources/uid/p", "right") // in the same second
	works(time.Hour, false)
	send("PUT", "/api/datasources/uid/p", "right")
	works(5*time.Second, true)
}

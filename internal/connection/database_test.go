package connection_test

import (
	"testing"
	"time"

	"grafana-tenancy.dev/operator/internal/connection"
	"grafana-tenancy.dev/operator/internal/grafana"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
)

// The operator is known by its id as long as the session lasts that it was asked in, else by the name that it logs in
// with: somebody's address is that only if it looks like one.
func TestTheOperatorIsToldFromOthers(t *testing.T) {
	server := grafanatest.New(grafanatest.Options{})
	client, err := grafana.New(grafana.Config{
		URL:       "http://grafana.test",
		BasicAuth: &grafana.BasicAuth{Username: "admin", Password: "admin", Session: true},
		Transport: server.RoundTripper(),
	})
	if err != nil {
		t.Fatal(err)
	}
	conn := connection.New(client, connection.Config{Clock: time.Now, MaxReads: 1, MaxWrites: 1})
	login := func() {
		t.Helper()
		if _, err := conn.ListOrgs(t.Context()); err != nil || conn.SessionID() == "" {
			t.Fatalf("there is no session: %v", err)
		}
	}
	login()
	for _, c := range []struct {
		own          string
		id           int64
		login, email string
		want         bool
	}{
		{"admin", 1, "admin", "ops@example.com", true},
		{"admin", 5, "ann", "admin", false},
		{"admin", 1, "Admin", "", true},
		{"ops@example.com", 1, "ops", "OPS@example.com", true},
		{"ops@example.com", 5, "ann", "ann@example.com", false},
		{"", 1, "", "", false},
	} {
		conn.Login = c.own
		if got := conn.IsOperator(c.id, c.login, c.email); got != c.want {
			t.Errorf("%+v: it is the operator: %t", c, got)
		}
	}
	conn.Login = "admin"
	conn.RememberOperator(t.Context(), 7)
	if !conn.IsOperator(7, "renamed", "") || conn.IsOperator(1, "admin", "") || conn.Operator() != 7 {
		t.Error("it is not known by its id")
	}
	server.EndSessions()
	login()
	if conn.Operator() != 0 || conn.IsOperator(7, "renamed", "") || !conn.IsOperator(1, "admin", "") {
		t.Error("its id of another session is believed")
	}
}

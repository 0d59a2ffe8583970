package connection_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"grafana-tenancy.dev/operator/internal/connection"
	"grafana-tenancy.dev/operator/internal/grafana"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/mark"
)

// afterwards calls something when an answer is on its way.
type afterwards struct {
	http.RoundTripper
	to string
	do func()
}

func (a *afterwards) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := a.RoundTripper.RoundTrip(r)
	if do := a.do; do != nil && r.Method+" "+r.URL.Path == a.to {
		a.do = nil
		do()
	}
	return answer, err
}

// An answer proves something in the session that it was given in, and not in one that somebody else has begun by the
// time it is read: that may be in another database.
func TestWhatAnAnswerProvesGoesWithItsSession(t *testing.T) {
	server := grafanatest.New(grafanatest.Options{})
	late := &afterwards{RoundTripper: server.RoundTripper(), to: "GET /api/orgs/2"}
	client, err := grafana.New(grafana.Config{
		URL:       "http://grafana.test",
		BasicAuth: &grafana.BasicAuth{Username: "admin", Password: "admin", Session: true},
		Transport: late,
	})
	if err != nil {
		t.Fatal(err)
	}
	conn := connection.New(client, connection.Config{Clock: time.Now, MaxReads: 2, MaxWrites: 1})
	conn.Login = "admin"
	want := mark.Mark{Owner: "tenant/org", UID: "f0f0f0f0-0000-4000-8000-000000000000", Cluster: "cluster-1"}
	address := mark.Write(grafana.Address{}, want, false)
	server.Do(http.MethodPost, "/api/orgs", 1, map[string]any{"name": "Tenant"})
	server.Do(http.MethodPut, "/api/orgs/2/address", 1,
		map[string]any{"address1": address.Address1, "address2": address.Address2, "state": address.State})
	login := func() {
		if _, err := conn.ListOrgs(t.Context()); err != nil {
			t.Error(err)
		}
	}
	asked := func() bool {
		server.ResetLog()
		if err := conn.Prove(grafana.WithinSession(t.Context()), 2, want, false); err != nil {
			t.Error(err)
		}
		for _, r := range server.Requests() {
			if strings.HasSuffix(r.Path, "/api/orgs/2") {
				return true
			}
		}
		return false
	}
	login()
	if !asked() || asked() {
		t.Error("a proof does not last as long as its session")
	}
	conn.ForgetProof(2)
	late.do = func() {
		server.EndSessions()
		login()
	}
	if !asked() || late.do != nil {
		t.Fatal("there was no other session")
	}
	if !asked() {
		t.Error("what was seen in another session counts as a proof")
	}
}

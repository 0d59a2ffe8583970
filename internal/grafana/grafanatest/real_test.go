package grafanatest

import (
	"strings"
	"testing"
)

// A Grafana without quotas, which fails when it is asked for them, is not asked again and again: each look at an
// organization would take half a minute.
func TestRealGrafanaWithoutQuotasIsNotAskedForThem(t *testing.T) {
	far := Start(t, Options{Version: "10.4.3"})
	s := Attach(t, Real{URL: far.URL, User: "admin", Password: "admin"}, Options{})
	if orgs := s.Orgs(); len(orgs) != 1 || orgs[0].Name != mainOrg {
		t.Errorf("organizations: %+v", orgs)
	}
	for _, r := range far.Requests() {
		if strings.HasSuffix(r.Path, "/quotas") {
			t.Errorf("%s %s: %d", r.Method, r.Path, r.Status)
		}
	}
}

// The main organization lets in as many as there are tests, and is then as it was.
func TestRealGrafanaMakesRoom(t *testing.T) {
	far := Start(t, Options{Quotas: true})
	to := Real{URL: far.URL, User: "admin", Password: "admin"}
	limit := func() int64 { return far.Orgs()[0].Quotas["org_user"] }
	undo, err := to.MakeRoom()
	if err != nil || limit() != -1 {
		t.Errorf("the limit is %d, %v", limit(), err)
	}
	if err := undo(); err != nil || limit() != 10 {
		t.Errorf("the limit is %d, %v", limit(), err)
	}
}

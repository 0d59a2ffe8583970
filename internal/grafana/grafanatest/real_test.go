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

package grafanatest

import (
	"fmt"
	"testing"
)

// Of an organization that was just deleted, Grafana's memory still lets its Admins ask for teams, and make some.
func TestTeamsOfAnOrgThatIsGone(t *testing.T) {
	for version, noUpdate := range map[string]int{"12.4.0": 404, "10.4.3": 500} {
		n := newTenant(t, Options{Version: version})
		made := n.as(adminAuth, 200, "POST", "/api/teams", `{"name":"a"}`)
		team := fmt.Sprintf("/api/teams/%v", made["teamId"])
		if got := (client{t: t, server: n.server, auth: adminAuth}).status("DELETE", "/api/orgs/2", 1, ""); got != 200 {
			t.Fatal(got)
		}
		if found := n.as(adminAuth, 200, "GET", "/api/teams/search?perpage=10", ""); len(found["teams"].([]any)) != 0 {
			t.Errorf("%s: %v", version, found)
		}
		n.as(adminAuth, 404, "GET", team, "")
		n.as(adminAuth, 200, "GET", team+"/members", "")
		n.as(adminAuth, 200, "GET", team+"/preferences", "")
		n.as(adminAuth, 200, "PUT", team+"/preferences", `{"theme":"dark"}`)
		n.as(adminAuth, noUpdate, "PUT", team, `{"name":"b"}`)
		n.as(adminAuth, 404, "DELETE", team, "")
		n.as(adminAuth, 200, "POST", "/api/teams", `{"name":"c"}`)
	}
}

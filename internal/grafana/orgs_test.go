package grafana

import (
	"net/http"
	"strings"
	"testing"
)

// Of what a database takes for the name, the organization that has it to the letter comes first.
func TestOrgByNameMindsTheCase(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/orgs" { // as MySQL would find them
			answerJSON(w, 200, `[{"id":2,"name":"TEAM"},{"id":3,"name":"team"}]`)
			return
		}
		answerJSON(w, 200, `{"id":`+strings.TrimPrefix(r.URL.Path, "/api/orgs/")+`,"name":"x"}`)
	})
	if org, err := c.OrgByName(t.Context(), "team"); err != nil || org == nil || org.ID != 3 {
		t.Errorf("team: %+v, %v", org, err)
	}
	if org, err := c.OrgByName(t.Context(), "Team"); err != nil || org == nil || org.ID != 2 {
		t.Errorf("Team: %+v, %v", org, err)
	}
}

func TestOrgThatGoesWhileItIsLookedFor(t *testing.T) {
	status := 404
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/orgs" {
			answerJSON(w, 200, `[{"id":3,"name":"team"}]`)
			return
		}
		answerJSON(w, status, `{"message":"Organization not found"}`)
	})
	if org, err := c.OrgByName(t.Context(), "team"); err != nil || org != nil {
		t.Errorf("gone: %+v, %v", org, err)
	}
	status = 500
	if org, err := c.OrgByName(t.Context(), "team"); err == nil || org != nil {
		t.Errorf("failing: %+v, %v", org, err)
	}
}

func TestDeletingTheOnlyOrgOfTheLogin(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == "DELETE" {
			t.Error("deleted")
		}
		answerJSON(w, 200, `[{"orgId":2,"name":"x","role":"Admin"}]`)
	})
	if err := c.DeleteOrg(t.Context(), 2); err == nil || !strings.Contains(err.Error(), "member") {
		t.Errorf("got %v", err)
	}
}

func TestTokenHasNoMemberships(t *testing.T) {
	c := serve(t, func(_ http.ResponseWriter, r *http.Request) { t.Errorf("asked for %s", r.URL) }, withToken)
	if orgs, err := c.MyOrgs(t.Context()); err != nil || len(orgs) != 0 {
		t.Errorf("got %v, %v", orgs, err)
	}
}

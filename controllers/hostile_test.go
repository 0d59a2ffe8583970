package controllers_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/testing/hostile"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

func raids() []hostile.Raid {
	old := grafanatest.Options{Version: "10.4.3"}
	return []hostile.Raid{
		{
			Name: "requests",
			Attempts: func() []hostile.Attempt {
				return slices.Concat(requestsToKubernetes(), hostileFields(),
					hostileTemplates())
			},
		},
		{Name: "references", Attempts: hostileReferences},
		{Name: "ownership", Attempts: hostileClaims},
		{Name: "ownership on 10.4.3", Grafana: old, Attempts: claimedDashboards},
		{Name: "adoption and roles", Attempts: hostileAdoptions},
		{Name: "Secrets", Attempts: hostileSecrets},
		{Name: "floods", Attempts: hostileFloods},
		{Name: "a forged predecessor", Attempts: forgedPredecessor},
		{Name: "a forged mark", Attempts: forgedMark},
		{Name: "a forged birth", Attempts: forgedBirth},
		{Name: "people", Attempts: hostileMemberships},
		{Name: "teams", Attempts: hostileTeams},
		{Name: "folders", Attempts: hostileFolders},
		{Name: "teams in folders", Attempts: hostileTeamFolders},
		{Name: "teams in folders on 10.4.3", Grafana: old, Attempts: hostileTeamFolders},
		{
			Name:     "folders on MariaDB",
			Grafana:  grafanatest.Options{Version: "10.4.3", Database: grafanatest.MariaDB},
			Attempts: hostileFolders,
		},
		{Name: "words", Attempts: tellingWords},
		{Name: "urls", Attempts: hostileURLs},
		{Name: "data sources", Attempts: hostileDataSources},
		{Name: "sets", Attempts: hostileSets},
		{Name: "logins", Attempts: hostileUsers},
		{Name: "logins on 10.4.3", Grafana: old, Attempts: hostileUsers},
	}
}

// TestHostile lets a tenant with edit rights in one namespace try, by all that it can say to Kubernetes and with the
// keys that it gets, to read, write, rename or delete something beyond it.
func TestHostile(t *testing.T) {
	t.Parallel()
	hostile.Play(t, raids())
}

// With the fences down that can be taken down, the same attempts succeed: the tenant may do everything in Kubernetes
// (where it only rehearses), and the victim's Organization lets everybody in.
func TestHostileFindsHoles(t *testing.T) {
	t.Parallel()
	for name, raid := range map[string]struct {
		fence    string
		attempts func() []hostile.Attempt
	}{"Kubernetes": {hostile.ByRBAC, requestsToKubernetes}, "references": {hostile.ByConsent, hostileReferences}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := hostile.New(t, grafanatest.Options{}, hostile.FencesDown)
			var stopped []string
			n := 0
			for _, a := range raid.attempts() {
				if a.Fence != raid.fence {
					continue
				}
				n++
				if s.Play(a) == "" {
					stopped = append(stopped, a.Name)
				}
			}
			if len(stopped) > 0 || n == 0 {
				t.Errorf(
					"of %d attempts, these do not succeed where nothing stops them, and so prove nothing:\n%s",
					n,
					strings.Join(stopped, "\n"),
				)
			}
		})
	}
}

// Whatever changes for others is noticed as harm, and whatever the tenant should not know as a leak.
func TestHostileNoticesHarmAndLeaks(t *testing.T) {
	t.Parallel()
	s := hostile.New(t, grafanatest.Options{}, hostile.FencesUp)
	for name, harm := range map[string]func(){
		"a dashboard is edited": func() {
			s.Ask("POST", "/api/dashboards/db", s.VictimOrg, `{"overwrite": true, "dashboard": {"uid": "victim-overview", "title": "Mine now"}}`)
		},
		"an organization appears": func() { s.Ask("POST", "/api/orgs", 0, `{"name": "Surplus"}`) },
		"an organization is renamed": func() {
			s.Ask("PUT", fmt.Sprintf("/api/orgs/%d", s.ForeignOrg), 0, `{"name": "Foreign no more"}`)
		},
		"a token is revoked": func() {
			s.Ask("DELETE", fmt.Sprintf("/api/serviceaccounts/%d/tokens/%d", s.Robot.Status.ID, s.Ci.Status.TokenID), s.VictimOrg, nil)
		},
		"a Secret is changed": func() {
			secret := s.VictimSecret("database")
			suite.Change(s.World, secret, func() { secret.Data["password"] = []byte("mine") })
		},
		"an annotation is set": func() {
			suite.Change(s.World, s.Board, func() { s.Board.Annotations = map[string]string{"note": "mine"} })
		},
		"the tenant can read a password": func() {
			s.ConfigMap("copy", map[string]string{"x": "the password is " + s.Canaries[0]})
			s.Move("copy")
		},
	} {
		if before := s.Harm() + s.Leak(); before != "" {
			t.Fatalf("%s: before, %s", name, before)
		}
		harm()
		if s.Harm()+s.Leak() == "" {
			t.Errorf("%s: not noticed", name)
		}
		s.Forget()
	}
}

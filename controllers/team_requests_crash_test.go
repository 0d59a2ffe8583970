package controllers_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/testing/crash"
)

// What five Teams of one organization cost: a new one a list, itself, its name, and the operator out of it, and one
// with people a list of those in the organization; and all of them at a resync a list of teams, a list of the
// organization's people, and a look into each that has somebody in it.
func TestRequestsOfTeams(t *testing.T) {
	for _, version := range grafanatest.Versions() {
		t.Run(version, func(t *testing.T) {
			w := crash.New(t, version)
			w.Seed()
			orgForTeams(w)
			asked := func(do func()) (lists, looks, people, writes int) {
				w.Grafana.ResetLog()
				do()
				for _, r := range w.Grafana.Requests() {
					switch {
					case strings.HasPrefix(r.Path, "/api/user/auth-tokens"), r.Path == "/login": // of the session
					case r.Method != http.MethodGet:
						writes++
					case r.Path == "/api/teams/search":
						lists++
					case strings.HasPrefix(r.Path, "/api/teams/"):
						looks++
					case strings.HasSuffix(r.Path, "/users"):
						people++
					}
				}
				return lists, looks, people, writes
			}
			// Older ones do not tell the uid.
			wantLooks := map[bool]int{true: 0, false: 1}[strings.HasPrefix(version, "12.")]
			for i := range 5 {
				name := fmt.Sprint("team-", i)
				lists, looks, people, writes := asked(func() {
					o := crash.NewTeam("")
					if o.Name = name; i == 0 {
						o.Spec.Members = crash.TeamMembers("ada")
					}
					w.Create(o)
					w.Visit("Team tenant/" + name)
				})
				joins := map[bool]int{true: 1}[i == 0]
				if lists != 1 || looks != wantLooks || people != joins || writes != 3+joins {
					t.Errorf("a team: %d lists, %d looks, %d lists of people, %d writes", lists, looks, people, writes)
				}
				rested(w)
			}
			kube := w.Writes
			lists, looks, people, writes := asked(func() {
				for end := w.Clock.Add(lifecycle.DefaultResync); w.Step(end); {
				}
			})
			if lists != 1 || looks != 1 || people != 1 || writes != 0 || w.Writes != kube {
				t.Errorf(
					"a resync of all: %d lists, %d looks, %d lists of people, %d writes to Grafana, %d to Kubernetes",
					lists,
					looks,
					people,
					writes,
					w.Writes-kube,
				)
			}
		})
	}
}

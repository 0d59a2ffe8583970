package grafana_test

import (
	"fmt"
	"sync"
	"testing"

	"grafana-tenancy.dev/operator/internal/grafana"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
)

// A team that is deleted while the others are listed makes none of them be missed.
func TestTeamDeletedWhileTheyAreListed(t *testing.T) {
	s := grafanatest.Start(t, grafanatest.Options{})
	o := dial(t, s, inProcess(s)).Org(1)
	for i := range 1001 {
		have(o.CreateTeam(t.Context(), grafana.TeamProfile{Name: fmt.Sprintf("Team %04d", i)}))(t)
	}
	all := s.Teams(1)
	var once sync.Once
	s.SetFault(func(r *grafanatest.Request) grafanatest.Fault {
		if r.Query.Get("page") == "2" {
			once.Do(func() { s.Do("DELETE", fmt.Sprintf("/api/teams/%d", all[0].ID), 1, nil) })
		}
		return grafanatest.Fault{}
	})
	listed := map[int64]bool{}
	for _, team := range have(o.Teams(t.Context()))(t) {
		listed[team.ID] = true
	}
	for _, team := range s.Teams(1) {
		if !listed[team.ID] {
			t.Errorf("%s is missing", team.Name)
		}
	}
}

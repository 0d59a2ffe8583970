package controllers_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

// Every combination of a team's preferences is applied, over whatever was there; what the spec leaves out stays as it
// was.
func TestAPITeamPreferencesInEveryCombination(t *testing.T) {
	t.Parallel()
	full := map[string]string{
		"theme": "light", "timezone": "utc", "weekStart": "sunday", "language": "fr-FR", "homeDashboardUID": "theirs",
	}
	for _, version := range grafanatest.Versions() {
		for _, before := range []map[string]string{{}, full} {
			t.Run(fmt.Sprintf("%s over %d", version, len(before)), func(t *testing.T) {
				t.Parallel()
				w := suite.New(t, grafanatest.Options{Version: version})
				org := suite.Ready(w, w.Organization("team")).Status.OrgID
				for _, uid := range []string{"home", "theirs"} {
					save(w, org, uid, uid, "")
				}
				team := suite.Ready(w, newTeam(w, "dev"))
				for fields := range 1 << 5 {
					w.Ask("PUT", fmt.Sprintf("/api/teams/%d/preferences", team.Status.ID), org, before)
					teamPrefers(w, team, org, fields, before)
				}
			})
		}
	}
}

// teamPrefers asks for those preferences whose bits are set and checks what Grafana has afterwards.
func teamPrefers(w *suite.World, team *v1alpha1.Team, org int64, fields int, before map[string]string) {
	w.T.Helper()
	spec, want := &v1alpha1.TeamPreferences{}, map[string]string{}
	for bit, f := range []struct {
		field       *string
		name, value string
	}{
		{&spec.Theme, "theme", "dark"}, {&spec.Timezone, "timezone", "Europe/Berlin"},
		{&spec.WeekStart, "weekStart", "monday"}, {&spec.Language, "language", "de-DE"},
		{&spec.HomeDashboardUID, "homeDashboardUID", "home"},
	} {
		want[f.name] = before[f.name]
		if fields&(1<<bit) != 0 {
			*f.field, want[f.name] = f.value, f.value
		}
	}
	suite.Change(w, team, func() { team.Spec.Preferences = spec })
	suite.Ready(w, team)
	all := map[string]any{}
	path := fmt.Sprintf("/api/teams/%d/preferences", team.Status.ID)
	if err := json.Unmarshal(w.Ask("GET", path, org, nil), &all); err != nil {
		w.T.Fatal(err)
	}
	have := map[string]string{}
	for name := range want {
		have[name], _ = all[name].(string)
	}
	if diff := cmp.Diff(want, have); diff != "" {
		w.T.Errorf("asked for %+v over %v (-want +got):\n%s", *spec, before, diff)
	}
}

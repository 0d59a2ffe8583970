package grafana_test

import (
	"testing"

	"grafana-tenancy.dev/operator/internal/grafana"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
)

func TestGrafanasThatCannotDeleteOrganizations(t *testing.T) {
	for version, status := range map[string]int{"12.0.0": 500, "12.0.1": 500, "13.1.0": 405, "13.2.0": 500} {
		s := grafanatest.Start(t, grafanatest.Options{Version: version})
		c := dial(t, s)
		same(t, "version", version, have(c.Settings(t.Context()))(t).Version)
		o := c.Org(have(c.CreateOrg(t.Context(), "x"))(t))
		have(o.CreateFolder(t.Context(), grafana.Folder{UID: "fold", Title: "Folder"}))(t)
		for range 2 {
			expect(t, version+": deleting", c.DeleteOrg(t.Context(), o.ID()), isStatus(status))
			same(t, version+": it exists", true, exists(s, "x"))
			same(t, version+": its folders", 1, len(s.Folders(o.ID())))
		}
	}
}

func TestNoAlertRulesWhereAlertingIsSwitchedOff(t *testing.T) {
	for _, version := range grafanatest.Versions() {
		o := dial(t, grafanatest.Start(t, grafanatest.Options{Version: version, AlertingDisabled: true})).Org(1)
		same(t, version, nil, have(o.AlertRules(t.Context()))(t))
	}
}

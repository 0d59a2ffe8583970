package grafana_test

import (
	"cmp"
	"slices"
	"testing"

	"grafana-tenancy.dev/operator/internal/grafana"
)

func (k contract) testContents(t *testing.T) {
	o := k.org(t)
	same(t, "at first", 0, len(have(o.SearchContents(t.Context(), 100))(t)))
	same(t, "data sources at first", 0, len(have(o.DataSources(t.Context()))(t)))
	have(o.CreateFolder(t.Context(), grafana.Folder{UID: "fold", Title: "Folder"}))(t)
	k.save(t, o, "dash", nil)
	eventually(t, "the search finds both", func() bool { return len(have(o.SearchContents(t.Context(), 100))(t)) == 2 })
	hits := have(o.SearchContents(t.Context(), 100))(t)
	slices.SortFunc(hits, func(a, b grafana.Hit) int { return cmp.Compare(a.UID, b.UID) })
	same(
		t,
		"hits",
		[]grafana.Hit{
			{UID: "dash", Title: "Title of dash", Type: "dash-db"},
			{UID: "fold", Title: "Folder", Type: "dash-folder"},
		},
		hits,
	)
	same(t, "one hit", 1, len(have(o.SearchContents(t.Context(), 1))(t)))

	k.person(t, "POST", "/api/datasources", o.ID(), map[string]any{
		"uid":    "ds",
		"name":   "prom",
		"type":   "prometheus",
		"access": "proxy",
		"url":    "http://127.0.0.1:1",
	})
	sources := have(o.DataSources(t.Context()))(t)
	if len(sources) != 1 || sources[0].UID != "ds" || sources[0].Name != "prom" {
		t.Errorf("data sources: %+v", sources)
	}
}

func (k contract) testAlertRules(t *testing.T) {
	o := k.org(t)
	same(t, "at first", 0, len(have(o.AlertRules(t.Context()))(t)))
	have(o.CreateFolder(t.Context(), grafana.Folder{UID: "fold", Title: "Folder"}))(t)
	k.person(t, "POST", "/api/v1/provisioning/alert-rules", o.ID(), alertRule(o.ID(), "rule", "fold"))
	same(t, "rules", []grafana.AlertRule{{UID: "rule", Title: "Rule", FolderUID: "fold"}},
		have(o.AlertRules(t.Context()))(t))
	same(t, "of another organization", 0, len(have(k.org(t).AlertRules(t.Context()))(t)))
}

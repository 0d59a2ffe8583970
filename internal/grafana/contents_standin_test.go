package grafana_test

import (
	"sync/atomic"
	"testing"
	"time"

	"grafana-tenancy.dev/operator/internal/grafana"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
)

// The times of the list are those of Grafana's clock, in whole seconds.
func TestTimesOfDashboards(t *testing.T) {
	var now atomic.Int64
	now.Store(1_800_000_000)
	o := dial(
		t,
		grafanatest.Start(t, grafanatest.Options{Now: func() time.Time { return time.Unix(now.Load(), 0) }}),
	).Org(
		1,
	)
	save := func(tags ...string) {
		have(
			o.SaveDashboard(
				t.Context(),
				grafana.SaveDashboard{Model: model("d", map[string]any{"tags": tags}), Overwrite: true},
			),
		)(
			t,
		)
	}
	save()
	listed := func() []grafana.DashboardMeta {
		list := have(o.ListDashboards(t.Context(), "v1beta1"))(t)
		for i := range list {
			list[i].ResourceVersion = ""
		}
		return list
	}
	want := grafana.DashboardMeta{UID: "d", Generation: 1, Created: time.Unix(1_800_000_000, 0).UTC()}
	same(t, "new", []grafana.DashboardMeta{want}, listed())
	now.Add(70)
	save("x")
	want.Generation, want.Updated = 2, time.Unix(1_800_000_070, 0).UTC()
	same(t, "changed", []grafana.DashboardMeta{want}, listed())
	must(t, o.DeleteDashboard(t.Context(), "d"))
	now.Add(70)
	save("y")
	want = grafana.DashboardMeta{UID: "d", Generation: 1, Created: time.Unix(1_800_000_140, 0).UTC()}
	same(t, "made again", []grafana.DashboardMeta{want}, listed())
}

func TestListsThatLag(t *testing.T) {
	var now atomic.Int64
	opts := grafanatest.Options{IndexLag: 10 * time.Second, Now: func() time.Time { return time.Unix(now.Load(), 0) }}
	for version, lags := range map[string]bool{"10.4.3": false, "12.4.0": true} {
		opts.Version = version
		o := dial(t, grafanatest.Start(t, opts)).Org(1)
		folder := have(o.CreateFolder(t.Context(), grafana.Folder{UID: "f", Title: "Folder"}))(t)
		have(o.SaveDashboard(t.Context(), grafana.SaveDashboard{Model: model("d", nil)}))(t)
		have(o.Folder(t.Context(), "f"))(t)
		if lags {
			same(t, "folders at first", []grafana.Folder{}, have(o.Folders(t.Context(), ""))(t))
			same(t, "found at first", []grafana.Hit{}, have(o.SearchContents(t.Context(), 10))(t))
			now.Add(10)
		}
		same(t, "folders", []grafana.Folder{folder}, have(o.Folders(t.Context(), ""))(t))
		same(t, "found", 2, len(have(o.SearchContents(t.Context(), 10))(t)))
	}
}

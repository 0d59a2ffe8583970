package controllers_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/testing/crash"
)

// with12 is the Grafana that has schema v2.
const with12 = "12.4.0"

const schema2Path = "/apis/dashboard.grafana.app/v2beta1/namespaces/org-3/dashboards"

// schema2 is a tenant with a dashboard in schema v2.
func schema2(changes ...func(*v1alpha1.Dashboard)) func(*crash.World) {
	return func(w *crash.World) {
		d := crash.Dashboard("", crash.Schema2("timeseries"))
		for _, c := range changes {
			c(d)
		}
		w.Create(crash.Organization("Tenant"), d)
	}
}

func withText(text string) func(*v1alpha1.Dashboard) {
	return func(d *v1alpha1.Dashboard) { *d.Spec.Source.JSON = text }
}

// storedIn fails unless the dashboard is stored in a version of /apis, with a panel of a type, under the same uid as
// ever, in its folder, and with a history.
func storedIn(api, kind string, versions int) func(*crash.World) error {
	return func(w *crash.World) error {
		d := w.Grafana.Dashboards(3)
		if len(d) != 1 || d[0].API != api || d[0].UID != "schema-2" ||
			!strings.Contains(string(d[0].Model), `"`+kind+`"`) ||
			len(d[0].Messages) < versions {
			return fmt.Errorf("it is %+v", d)
		}
		return nil
	}
}

func schema2Scenarios() []crash.Scenario {
	change := func(text string) func(*crash.World) {
		return func(w *crash.World) { crash.Edit(w, crash.Dashboard("", ""), withText(text)) }
	}
	inFolder := func(text string) func(*crash.World) {
		return func(w *crash.World) {
			crash.WithOrg(w)
			w.MustRest()
			w.Grafana.Do(http.MethodPost, "/api/folders", 3, map[string]any{"uid": "team", "title": "Team"})
			d := crash.Dashboard("schema-2", text)
			d.Spec.Folder = &v1alpha1.DashboardFolder{UID: "team"}
			w.Create(d)
		}
	}
	filed := func(then func(*crash.World) error) func(*crash.World) error {
		return func(w *crash.World) error {
			if d := w.Grafana.Dashboards(3); len(d) != 1 || d[0].FolderUID != "team" {
				return fmt.Errorf("it left its folder: %+v", d)
			}
			return then(w)
		}
	}
	return []crash.Scenario{
		{
			Name: "dashboard of schema v2 created", Only: with12, Before: crash.WithOrg,
			Act:   func(w *crash.World) { w.Create(crash.Dashboard("", crash.Schema2("timeseries"))) },
			After: storedIn("v2beta1", "timeseries", 1),
		},
		{
			Name: "dashboard of schema v2 changed", Only: with12, Before: schema2(), Act: change(crash.Schema2("stat")),
			After: storedIn("v2beta1", "stat", 2),
		},
		{
			Name: "dashboard from the classic model to schema v2", Only: with12, Before: inFolder(crash.OneDashboard),
			Act: change(crash.Schema2("stat")), After: filed(storedIn("v2beta1", "stat", 2)),
		},
		{
			Name: "dashboard from schema v2 to the classic model", Only: with12,
			Before: inFolder(crash.Schema2("timeseries")), Act: change(crash.OtherDashboard),
			After: filed(storedIn("", "stat", 2)),
		},
		{
			Name: "dashboard of schema v2 saved by a person in the classic model", Only: with12, Before: schema2(),
			Act: func(w *crash.World) {
				editInGrafana(w)
				w.Everybody()
			},
			After: storedIn("v2beta1", "timeseries", 3),
		},
		{
			Name: "dashboard of schema v2 edited by a person while it is changed", Only: with12, Before: schema2(),
			Act: func(w *crash.World) {
				change(crash.Schema2("stat"))(w)
				body := strings.Replace(crash.Schema2("gauge"), `"name":"schema-2"`,
					`"name":"schema-2","annotations":{"grafana.app/message":"by hand"}`, 1)
				w.Grafana.Do(http.MethodPut, schema2Path+"/schema-2", 3, json.RawMessage(body))
			},
			After: storedIn("v2beta1", "stat", 2),
		},
		{
			Name: "dashboard of schema v2 deleted by a person", Only: with12, Before: schema2(),
			Act: func(w *crash.World) {
				w.Grafana.Do(http.MethodDelete, schema2Path+"/schema-2", 3, nil)
				w.Everybody()
			},
			After: storedIn("v2beta1", "timeseries", 1),
		},
		{
			Name: "dashboard of schema v2 adopted", Only: with12, Before: func(w *crash.World) {
				allowed := crash.Organization("Tenant")
				allowed.Spec.Adoption = v1alpha1.AdoptionAllow
				w.Create(allowed)
				w.MustRest()
				w.Grafana.Do(http.MethodPost, "/api/dashboards/db", 3, map[string]any{
					"dashboard": map[string]any{"uid": "schema-2", "title": "Theirs"},
				})
			},
			Act: func(w *crash.World) {
				d := crash.Dashboard("", crash.Schema2("timeseries"))
				d.Spec.AdoptionPolicy = v1alpha1.AdoptionAdopt
				w.Create(d)
			},
			After: storedIn("v2beta1", "timeseries", 2),
		},
		{
			Name: "dashboard of schema v2 deleted", Only: with12, Before: schema2(),
			Act: func(w *crash.World) { w.Delete(crash.Dashboard("", "")) },
			After: func(w *crash.World) error {
				if d := w.Grafana.Dashboards(3); len(d) != 0 {
					return fmt.Errorf("it is left: %+v", d)
				}
				return nil
			},
		},
		{
			Name: "dashboard of schema v2 where there is none", Only: "10.4.3", Before: inFolder(crash.OneDashboard),
			Act:     change(crash.Schema2("stat")),
			Kept:    true,
			Stalled: map[string]string{"Dashboard": v1alpha1.ReasonUnsupportedVersion},
			After:   filed(func(w *crash.World) error { return shows("timeseries")(w) }),
		},
	}
}

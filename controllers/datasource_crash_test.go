package controllers_test

import (
	"fmt"
	"maps"
	"net/http"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/testing/crash"
)

// unasked is a data source that says nothing of the default.
func unasked(uid string) *v1alpha1.DataSource {
	d := crash.NewDataSource(uid)
	d.Spec.IsDefault = nil
	return d
}

// withSource is an organization with a data source in it.
func withSource(uid string) func(*crash.World) {
	return func(w *crash.World) {
		w.Create(crash.Organization("Tenant"), crash.SourceSecret("first"), crash.NewDataSource(uid))
	}
}

// theirSource makes a data source in an organization as a person does.
func theirSource(w *crash.World, uid, name string) {
	w.Grafana.Do(http.MethodPost, "/api/datasources", 3, map[string]any{
		"uid": uid, "name": name, "type": "loki", "access": "proxy", "url": "http://127.0.0.1:9",
		"secureJsonData": map[string]string{"httpHeaderValue1": "theirs"},
	})
}

// overwriteSource changes a data source as somebody does by the API, without a version.
func overwriteSource(w *crash.World, body map[string]any) {
	d := crash.NewDataSource("")
	w.Get(d)
	fields := map[string]any{"name": "Mine", "type": "loki", "access": "proxy", "url": "http://127.0.0.1:9"}
	maps.Copy(fields, body)
	w.Grafana.Do(http.MethodPut, "/api/datasources/uid/"+d.Status.UID, d.Status.OrgID, fields)
	w.Everybody()
}

func dataSourceScenarios() []crash.Scenario {
	adopt := func(w *crash.World) {
		d := crash.NewDataSource("theirs")
		d.Spec.AdoptionPolicy, d.Spec.DeletionPolicy = v1alpha1.AdoptionAdopt, v1alpha1.DeletionDelete
		w.Create(d, crash.SourceSecret("first"))
	}
	adoptable := func(w *crash.World) {
		org := crash.Organization("Tenant")
		org.Spec.Adoption = v1alpha1.AdoptionAllow
		w.Create(org)
		w.Settle()
		theirSource(w, "theirs", "Theirs")
	}
	return []crash.Scenario{
		{Name: "data source created", Before: crash.WithOrg, Act: func(w *crash.World) {
			w.Create(crash.SourceSecret("first"), crash.NewDataSource(""))
		}},
		{Name: "data source created under a given uid, as the first", Before: crash.WithOrg, Act: func(w *crash.World) {
			w.Create(crash.SourceSecret("first"), unasked("given"))
		}, After: noDefault},
		{Name: "data source changed", Before: withSource(""), Act: func(w *crash.World) {
			crash.Edit(w, crash.NewDataSource(""), func(d *v1alpha1.DataSource) {
				d.Spec.Name, d.Spec.URL, d.Spec.IsDefault = "Renamed", "http://127.0.0.1:2", new(false)
			})
		}, After: noDefault},
		{Name: "data source's secret changed", Before: withSource(""), Act: func(w *crash.World) {
			secret := crash.SourceSecret("")
			w.Get(secret)
			secret.Data["token"] = []byte("second")
			if err := w.Kube.Update(w.TB.Context(), secret); err != nil {
				w.TB.Fatal(err)
			}
			w.Everybody()
		}},
		{Name: "data source without its secret", Before: withSource("given"), Act: func(w *crash.World) {
			crash.Edit(w, crash.NewDataSource(""), func(d *v1alpha1.DataSource) { d.Spec.SecureJSONData = nil })
		}},
		{Name: "data source edited by the API", Before: withSource("given"), Act: func(w *crash.World) {
			overwriteSource(w, map[string]any{"secureJsonData": map[string]string{"token": "theirs"}})
		}},
		{Name: "data source edited, seen at the resync", Before: withSource("given"), Act: func(w *crash.World) {
			overwriteSource(w, nil)
			w.Clock = w.Clock.Add(lifecycle.DefaultResync)
			w.Everybody()
		}},
		{Name: "data source that has lost its mark, deleted", Before: withSource("given"), Act: func(w *crash.World) {
			overwriteSource(w, nil)
			w.Delete(crash.NewDataSource(""))
		}},
		{Name: "data source deleted", Before: withSource(""), Act: func(w *crash.World) {
			w.Delete(crash.NewDataSource(""))
		}},
		{Name: "data source deleted in grafana", Before: withSource(""), Act: func(w *crash.World) {
			d := crash.NewDataSource("")
			w.Get(d)
			w.Grafana.Do(http.MethodDelete, "/api/datasources/uid/"+d.Status.UID, d.Status.OrgID, nil)
			w.Everybody()
		}},
		{Name: "data source deleted while it is created", Before: crash.WithOrg, Act: func(w *crash.World) {
			w.Create(crash.SourceSecret("first"), crash.NewDataSource("given"))
			w.Visit("DataSource tenant/source")
			w.Delete(crash.NewDataSource(""))
		}},
		{Name: "data source adopted", Before: adoptable, Act: adopt},
		{Name: "adopted data source deleted", Before: func(w *crash.World) {
			adoptable(w)
			adopt(w)
		}, Act: func(w *crash.World) { w.Delete(crash.NewDataSource("")) }},
		{Name: "data source whose status is lost", Before: withSource(""), Act: func(w *crash.World) {
			crash.Edit(w, crash.NewDataSource(""), func(d *v1alpha1.DataSource) {
				d.Status = v1alpha1.DataSourceStatus{}
			})
		}},
		{Name: "data source of an earlier life", Before: func(w *crash.World) {
			d := unasked("")
			d.Spec.DeletionPolicy = v1alpha1.DeletionOrphan
			w.Create(crash.Organization("Tenant"), crash.SourceSecret("first"), d)
			w.Settle()
			w.Delete(d)
		}, Act: func(w *crash.World) { w.Create(crash.NewDataSource("")) }},
		{Name: "data source beside foreign ones", Before: func(w *crash.World) {
			crash.WithOrg(w)
			w.Settle()
			theirSource(w, "foreign", "Foreign source")
		}, Act: func(w *crash.World) {
			w.Create(crash.SourceSecret("first"), unasked(""))
		}},
		{Name: "data source of a foreign name", Before: func(w *crash.World) {
			crash.WithOrg(w)
			w.Settle()
			theirSource(w, "foreign", "Foreign source")
		}, Act: func(w *crash.World) {
			d := unasked("")
			d.Spec.Name = "Foreign source"
			w.Create(crash.SourceSecret("first"), d)
		}, Stalled: map[string]string{"DataSource": v1alpha1.ReasonAlreadyExists}},
		{Name: "data source of a name that was just given up", Before: func(w *crash.World) {
			crash.WithOrg(w)
			w.Settle()
			theirSource(w, "theirs", "Metrics")
		}, Act: func(w *crash.World) {
			other := unasked("")
			other.Name, other.Spec.Name = "second", "Second"
			w.Create(crash.SourceSecret("first"), other)
			w.Visit("DataSource tenant/second")
			w.Grafana.Do(http.MethodDelete, "/api/datasources/uid/theirs", 3, nil)
			w.Create(crash.NewDataSource(""))
		}},
		{Name: "data source and its organization deleted", Before: withSource(""), Act: func(w *crash.World) {
			w.Delete(crash.Organization(""), crash.NewDataSource(""))
		}},
		{Name: "data source rebuilt after a reset", Before: withSource(""), Act: func(w *crash.World) {
			w.Grafana.ResetDatabase()
			w.Clock = w.Clock.Add(lifecycle.DefaultResync)
			w.Everybody()
		}},
	}
}

// noDefault fails if the organization has a default data source.
func noDefault(w *crash.World) error {
	for _, s := range w.Grafana.Sources(3) {
		if s.IsDefault {
			return fmt.Errorf("%q has become the default", s.Name)
		}
	}
	return nil
}

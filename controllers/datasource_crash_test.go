package controllers_test

import (
	"fmt"
	"maps"
	"net/http"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/testing/crash"
)

// newDataSource is a data source with a secret and a header, which wants to be the default.
func newDataSource(uid string) *v1alpha1.DataSource {
	return &v1alpha1.DataSource{ObjectMeta: crash.Named("source"), Spec: v1alpha1.DataSourceSpec{
		OrganizationRef: v1alpha1.ObjectReference{Name: "org"},
		Name:            "Metrics", UID: uid, Type: "prometheus", Access: v1alpha1.AccessProxy,
		URL:      "http://127.0.0.1:1/{{ .orgID }}",
		Headers:  []v1alpha1.DataSourceHeader{{Name: "X-Scope-OrgID", Value: "{{ .orgName }}"}},
		JSONData: &runtime.RawExtension{Raw: []byte(`{"timeInterval":"30s"}`)},
		SecureJSONData: map[string]v1alpha1.ValueSource{
			"token": {SecretKeyRef: &v1alpha1.KeyReference{Name: "source", Key: "token"}},
		},
		IsDefault: new(true),
	}}
}

// unasked is a data source that says nothing of the default.
func unasked(uid string) *v1alpha1.DataSource {
	d := newDataSource(uid)
	d.Spec.IsDefault = nil
	return d
}

func sourceSecret(value string) *corev1.Secret {
	return &corev1.Secret{ObjectMeta: crash.Named("source"), Data: map[string][]byte{"token": []byte(value)}}
}

// withSource is an organization with a data source in it.
func withSource(uid string) func(*crash.World) {
	return func(w *crash.World) {
		w.Create(crash.Organization("Tenant"), sourceSecret("first"), newDataSource(uid))
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
	d := newDataSource("")
	w.Get(d)
	fields := map[string]any{"name": "Mine", "type": "loki", "access": "proxy", "url": "http://127.0.0.1:9"}
	maps.Copy(fields, body)
	w.Grafana.Do(http.MethodPut, "/api/datasources/uid/"+d.Status.UID, d.Status.OrgID, fields)
	w.Everybody()
}

func dataSourceScenarios() []crash.Scenario {
	adopt := func(w *crash.World) {
		d := newDataSource("theirs")
		d.Spec.AdoptionPolicy, d.Spec.DeletionPolicy = v1alpha1.AdoptionAdopt, v1alpha1.DeletionDelete
		w.Create(d, sourceSecret("first"))
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
			w.Create(sourceSecret("first"), newDataSource(""))
		}},
		{Name: "data source created under a given uid, as the first", Before: crash.WithOrg, Act: func(w *crash.World) {
			w.Create(sourceSecret("first"), unasked("given"))
		}, After: noDefault},
		{Name: "data source changed", Before: withSource(""), Act: func(w *crash.World) {
			crash.Edit(w, newDataSource(""), func(d *v1alpha1.DataSource) {
				d.Spec.Name, d.Spec.URL, d.Spec.IsDefault = "Renamed", "http://127.0.0.1:2", new(false)
			})
		}, After: noDefault},
		{Name: "data source's secret changed", Before: withSource(""), Act: func(w *crash.World) {
			secret := sourceSecret("")
			w.Get(secret)
			secret.Data["token"] = []byte("second")
			if err := w.Kube.Update(w.TB.Context(), secret); err != nil {
				w.TB.Fatal(err)
			}
			w.Everybody()
		}},
		{Name: "data source without its secret", Before: withSource("given"), Act: func(w *crash.World) {
			crash.Edit(w, newDataSource(""), func(d *v1alpha1.DataSource) { d.Spec.SecureJSONData = nil })
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
			w.Delete(newDataSource(""))
		}},
		{Name: "data source deleted", Before: withSource(""), Act: func(w *crash.World) { w.Delete(newDataSource("")) }},
		{Name: "data source deleted in grafana", Before: withSource(""), Act: func(w *crash.World) {
			d := newDataSource("")
			w.Get(d)
			w.Grafana.Do(http.MethodDelete, "/api/datasources/uid/"+d.Status.UID, d.Status.OrgID, nil)
			w.Everybody()
		}},
		{Name: "data source deleted while it is created", Before: crash.WithOrg, Act: func(w *crash.World) {
			w.Create(sourceSecret("first"), newDataSource("given"))
			w.Visit("DataSource tenant/source")
			w.Delete(newDataSource(""))
		}},
		{Name: "data source adopted", Before: adoptable, Act: adopt},
		{Name: "adopted data source deleted", Before: func(w *crash.World) { adoptable(w); adopt(w) }, Act: func(w *crash.World) {
			w.Delete(newDataSource(""))
		}},
		{Name: "data source whose status is lost", Before: withSource(""), Act: func(w *crash.World) {
			crash.Edit(w, newDataSource(""), func(d *v1alpha1.DataSource) {
				d.Status = v1alpha1.DataSourceStatus{}
			})
		}},
		{Name: "data source of an earlier life", Before: func(w *crash.World) {
			d := unasked("")
			d.Spec.DeletionPolicy = v1alpha1.DeletionOrphan
			w.Create(crash.Organization("Tenant"), sourceSecret("first"), d)
			w.Settle()
			w.Delete(d)
		}, Act: func(w *crash.World) { w.Create(newDataSource("")) }},
		{Name: "data source beside foreign ones", Before: func(w *crash.World) {
			crash.WithOrg(w)
			w.Settle()
			theirSource(w, "foreign", "Foreign source")
		}, Act: func(w *crash.World) {
			w.Create(sourceSecret("first"), unasked(""))
		}},
		{Name: "data source of a foreign name", Before: func(w *crash.World) {
			crash.WithOrg(w)
			w.Settle()
			theirSource(w, "foreign", "Foreign source")
		}, Act: func(w *crash.World) {
			d := unasked("")
			d.Spec.Name = "Foreign source"
			w.Create(sourceSecret("first"), d)
		}, Stalled: map[string]string{"DataSource": v1alpha1.ReasonAlreadyExists}},
		{Name: "data source of a name that was just given up", Before: func(w *crash.World) {
			crash.WithOrg(w)
			w.Settle()
			theirSource(w, "theirs", "Metrics")
		}, Act: func(w *crash.World) {
			other := unasked("")
			other.Name, other.Spec.Name = "second", "Second"
			w.Create(sourceSecret("first"), other)
			w.Visit("DataSource tenant/second")
			w.Grafana.Do(http.MethodDelete, "/api/datasources/uid/theirs", 3, nil)
			w.Create(newDataSource(""))
		}},
		{Name: "data source and its organization deleted", Before: withSource(""), Act: func(w *crash.World) {
			w.Delete(crash.Organization(""), newDataSource(""))
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

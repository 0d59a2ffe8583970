package controllers_test

import (
	"fmt"
	"maps"
	"net/http"
	"testing"
	"time"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/datasource"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/testing/crash"
)

func withOneSource(t *testing.T, f func(t *testing.T, w *crash.World, org int64)) {
	t.Parallel()
	for _, version := range grafanatest.Versions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			w := crash.New(t, version)
			w.Seed()
			crash.WithOrg(w)
			secret, source := crash.SourceSecret("first"), crash.NewDataSource("")
			w.Create(secret, source)
			w.Settle()
			w.Get(source)
			f(t, w, source.Status.OrgID)
		})
	}
}

func restForHours(w *crash.World) {
	for range 12 {
		w.Everybody()
		w.Settle()
	}
	w.Briefly(3 * time.Hour)
	w.Settle()
}

// Somebody deletes the data source and makes it again from what the API shows of it, with another token.
func TestDataSourceMadeAgainFromItsExport(t *testing.T) {
	withOneSource(t, func(t *testing.T, w *crash.World, org int64) {
		body, s := edited(w, org), w.Grafana.Sources(org)[0]
		body["secureJsonData"] = map[string]string{"token": "theirs", "httpHeaderValue1": "x"}
		w.Grafana.Do(http.MethodDelete, "/api/datasources/uid/"+s.UID, org, nil)
		w.Grafana.Do(http.MethodPost, "/api/datasources", org, body)
		restForHours(w)
		if got := w.Grafana.Sources(org)[0]; got.Secrets["token"] != "first" {
			t.Errorf("before %+v\nnow %+v", s, got)
		}
	})
}

// A secret that somebody has entered, and nothing else, is taken out by the first visit that sees it.
func TestDataSourceSecretIsSeenToBeAnothersAtOnce(t *testing.T) {
	withOneSource(t, func(t *testing.T, w *crash.World, org int64) {
		body := edited(w, org)
		body["secureJsonData"] = map[string]string{"token": "theirs"}
		w.Grafana.Do(http.MethodPut, "/api/datasources/uid/"+w.Grafana.Sources(org)[0].UID, org, body)
		if got := w.Grafana.Sources(org)[0]; got.Secrets["token"] != "theirs" {
			t.Fatalf("%+v", got)
		}
		w.Visit("DataSource tenant/" + crash.NewDataSource("").Name)
		if got := w.Grafana.Sources(org)[0]; got.Secrets["token"] != "first" {
			t.Errorf("%+v", got)
		}
	})
}

// No case writes at every visit.
func TestDataSourceIsNotWrittenAgainAndAgain(t *testing.T) {
	for name, act := range map[string]func(w *crash.World, org int64, body map[string]any){
		"nothing": func(*crash.World, int64, map[string]any) {},
		"no seal": func(_ *crash.World, _ int64, body map[string]any) {
			delete(body["jsonData"].(map[string]any), datasource.SealField)
		},
		"no jsonData": func(_ *crash.World, _ int64, body map[string]any) { delete(body, "jsonData") },
		"not default": func(_ *crash.World, _ int64, body map[string]any) { body["isDefault"] = false },
		"higher":      func(_ *crash.World, _ int64, body map[string]any) { body["version"] = 77 },
		"other default": func(w *crash.World, org int64, _ map[string]any) {
			w.Grafana.Do(http.MethodPost, "/api/datasources", org, map[string]any{"name": "o", "type": "testdata",
				"access": "proxy", "isDefault": true})
		},
		"copied": func(w *crash.World, org int64, body map[string]any) {
			w.Grafana.Do(http.MethodPost, "/api/datasources", org, map[string]any{"name": "o", "type": "testdata",
				"access": "proxy", "jsonData": body["jsonData"], "secureJsonData": body["secureJsonData"]})
		},
	} {
		t.Run(name, func(t *testing.T) {
			withOneSource(t, func(t *testing.T, w *crash.World, org int64) {
				source := crash.NewDataSource("")
				w.Get(source)
				uid := source.Status.UID
				body := edited(w, org)
				act(w, org, body)
				w.Grafana.Do(http.MethodPut, "/api/datasources/uid/"+uid, org, body)
				at := func() (s grafanatest.Source) {
					for _, s = range w.Grafana.Sources(org) {
						if s.UID == uid {
							return s
						}
					}
					return grafanatest.Source{}
				}
				w.Everybody()
				w.Settle()
				w.Everybody()
				w.Settle()
				before := at()
				restForHours(w)
				if now := at(); now.Version != before.Version || now.Secrets["token"] != "first" {
					t.Errorf("before %+v\nnow %+v", before, now)
				}
			})
		})
	}
}

// Nor does one that was adopted, with a secret that was there.
func TestDataSourceAdoptedIsNotWrittenAgainAndAgain(t *testing.T) {
	t.Parallel()
	for _, version := range grafanatest.Versions() {
		for _, at := range []int64{0, 1, 9} {
			t.Run(fmt.Sprint(version, at), func(t *testing.T) {
				t.Parallel()
				w := crash.New(t, version)
				w.Seed()
				org := crash.Organization("Tenant")
				org.Spec.Adoption = v1alpha1.AdoptionAllow
				w.Create(org)
				w.Settle()
				w.Get(org)
				body := map[string]any{"name": "Metrics", "type": "prometheus", "access": "proxy", "url": "http://x",
					"uid": "theirs", "secureJsonData": map[string]any{"token": "theirs", "other": "x"}, "version": at}
				w.Grafana.Do(http.MethodPost, "/api/datasources", org.Status.OrgID, body)
				if at > 0 {
					w.Grafana.Do(http.MethodPut, "/api/datasources/uid/theirs", org.Status.OrgID, body)
				}
				source := crash.NewDataSource("")
				source.Spec.AdoptionPolicy = v1alpha1.AdoptionAdopt
				w.Create(crash.SourceSecret("first"), source)
				w.Settle()
				before := w.Grafana.Sources(org.Status.OrgID)[0]
				restForHours(w)
				now := w.Grafana.Sources(org.Status.OrgID)[0]
				if now.Version != before.Version || now.Secrets["token"] != "first" || now.Secrets["other"] != "" {
					t.Errorf("before %+v\nnow %+v", before, now)
				}
			})
		}
	}
}

// withoutSeal is a data source without what is another in each version of it.
func withoutSeal(s grafanatest.Source) grafanatest.Source {
	s.JSONData = maps.Clone(s.JSONData)
	delete(s.JSONData, datasource.SealField)
	return s
}

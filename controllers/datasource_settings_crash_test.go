package controllers_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/testing/crash"
)

func setSourceToken(w *crash.World, token string) {
	w.TB.Helper()
	secret := crash.SourceSecret("")
	w.Get(secret)
	secret.Data["token"] = []byte(token)
	if err := w.Kube.Update(w.TB.Context(), secret); err != nil {
		w.TB.Fatal(err)
	}
}

// Whether it works Grafana is asked at once after a change, then when it goes by it, and not again before the resync.
func TestDataSourceIsTriedAfterAChangeAndOnceMore(t *testing.T) {
	withOneSource(t, func(t *testing.T, w *crash.World, _ int64) {
		source := crash.NewDataSource("")
		crash.Edit(w, source, func(o *v1alpha1.DataSource) { o.Spec.Health = true })
		w.Settle()
		w.Clock = w.Clock.Add(time.Minute)
		tried := func(when string, want int, do func()) {
			t.Helper()
			log := requestsOf(w, do)
			if got := log["GET /api/datasources/uid/"+source.Status.UID+"/health"]; got != want {
				t.Errorf("%s: tried %d times, want %d: %v", when, got, want, log)
			}
		}
		visit := func() { w.Visit("DataSource tenant/source") }
		setSourceToken(w, "second")
		tried("changed", 1, visit)
		tried("a visit in between", 0, visit)
		w.Clock = w.Clock.Add(2 * time.Second)
		refused := true
		w.Answers = func(r *http.Request) *http.Response {
			if r.Method != http.MethodPut || !refused {
				return nil
			}
			header := http.Header{"Content-Type": {"application/json"}}
			return &http.Response{StatusCode: http.StatusBadRequest, Header: header, Body: http.NoBody, Request: r}
		}
		crash.Edit(w, source, func(o *v1alpha1.DataSource) { o.Spec.Database = "x" })
		tried("another change refused", 0, visit)
		refused = false
		crash.Edit(w, source, func(o *v1alpha1.DataSource) { o.Spec.Database = "" })
		tried("and taken back", 1, visit)
		w.Clock = w.Clock.Add(-2 * time.Second)
		w.Clock = w.Clock.Add(6 * time.Second)
		tried("as it is used", 1, visit)
		w.Clock = w.Clock.Add(6 * time.Second)
		tried("later", 0, visit)
	})
}

// Grafana's plugins take settings for new if they were written in another second: of two changes within one, the second
// would never be used.
func TestChangesOfADataSourceAreASecondApart(t *testing.T) {
	withOneSource(t, func(t *testing.T, w *crash.World, org int64) {
		w.Grafana.ResetLog()
		for _, token := range []string{"second", "third"} {
			setSourceToken(w, token)
			w.Visit("DataSource tenant/source")
		}
		source := crash.NewDataSource("")
		w.Get(source)
		if !meta.IsStatusConditionTrue(source.Status.Conditions, v1alpha1.ConditionReady) {
			t.Errorf("it is not Ready for a second: %+v", source.Status.Conditions)
		}
		w.Settle()
		var at []time.Time
		for _, r := range w.Grafana.Requests() {
			if r.Method == http.MethodPut {
				at = append(at, r.Time)
			}
		}
		if len(at) != 2 || at[1].Sub(at[0]) < time.Second {
			t.Errorf("it was changed at %v", at)
		}
		if got := w.Grafana.Sources(org)[0].Secrets["token"]; got != "third" {
			t.Errorf("it has the token %q", got)
		}
	})
}

// What is made and changed in one visit waits for nothing: nobody has used it in between.
func TestWhatIsChangedAsItIsMadeWaitsForNothing(t *testing.T) {
	inBothVersions(t, func(t *testing.T, w *crash.World) {
		source := unasked("")
		source.Spec.IsDefault = new(false) // Grafana makes one of the first
		w.Create(crash.SourceSecret("first"), source)
		log := requestsOf(w, func() { w.Visit("DataSource tenant/source") })
		if log["POST /api/datasources"] != 1 || log["PUT /api/datasources/uid/"+string(source.UID)] != 1 {
			t.Errorf("requests: %v", log)
		}
	})
}

// A change that Grafana refuses, or that cannot be made, is not tried again for the sake of the health, but as one is
// that has none.
func TestHealthAsksForNoChangeThatFails(t *testing.T) {
	for name, act := range map[string]func(w *crash.World, source *v1alpha1.DataSource){
		"refused": func(w *crash.World, source *v1alpha1.DataSource) {
			w.Answers = func(r *http.Request) *http.Response {
				if r.Method != http.MethodPut {
					return nil
				}
				header := http.Header{"Content-Type": {"application/json"}}
				body := io.NopCloser(strings.NewReader(`{"message":"bad request data"}`))
				return &http.Response{StatusCode: http.StatusBadRequest, Header: header, Body: body, Request: r}
			}
			crash.Edit(w, source, func(o *v1alpha1.DataSource) { o.Spec.Database = "x" })
		},
		"taken, and kept as another": func(w *crash.World, source *v1alpha1.DataSource) {
			w.Get(source)
			uid := source.Status.UID
			w.Answers = func(r *http.Request) *http.Response {
				if r.Method != http.MethodPut {
					return nil
				}
				header := http.Header{"Content-Type": {"application/json"}}
				body := io.NopCloser(strings.NewReader(`{"datasource":{"uid":"` + uid + `","database":"another"}}`))
				return &http.Response{StatusCode: http.StatusOK, Header: header, Body: body, Request: r}
			}
			crash.Edit(w, source, func(o *v1alpha1.DataSource) { o.Spec.Database = "x" })
		},
		"impossible, right after another one": func(w *crash.World, source *v1alpha1.DataSource) {
			setSourceToken(w, "second")
			w.Visit("DataSource tenant/source")
			w.Clock = w.Clock.Add(2 * time.Second)
			crash.Edit(w, source, func(o *v1alpha1.DataSource) {
				o.Spec.Type, o.Spec.URL, o.Spec.JSONData = "testdata", "", nil
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			withOneSource(t, func(t *testing.T, w *crash.World, _ int64) {
				source := crash.NewDataSource("")
				crash.Edit(w, source, func(o *v1alpha1.DataSource) { o.Spec.Health = true })
				w.Settle()
				w.Clock = w.Clock.Add(time.Minute)
				act(w, source)
				log := requestsOf(w, func() { w.Briefly(9 * time.Minute) })
				asked := 0
				for what, n := range log {
					if strings.Contains(what, "/api/datasources") {
						asked += n
					}
				}
				if asked > 12 {
					t.Errorf("requests: %v", log)
				}
			})
		})
	}
}

// A change whose status was never written, of something that no list tells and of a source without secrets, is seen at
// the next resync.
func TestUnrecordedChangeOfADataSourceWithoutSecrets(t *testing.T) {
	fromNothing(t, func(t *testing.T, w *crash.World) {
		source := crash.NewDataSource("")
		source.Spec.Headers, source.Spec.SecureJSONData = nil, nil
		w.Create(crash.Organization("Tenant"), source)
		w.MustRest()
		w.Briefly(lifecycle.DefaultResync + time.Minute)
		w.Get(source)
		recorded := *source.Status.DeepCopy()
		crash.Edit(w, source, func(o *v1alpha1.DataSource) { o.Spec.WithCredentials = true })
		w.Visit("DataSource tenant/source")
		if !w.Grafana.Sources(recorded.OrgID)[0].WithCredentials {
			t.Fatal("it was not changed")
		}
		crash.Edit(w, source, func(o *v1alpha1.DataSource) {
			o.Spec.WithCredentials, o.Generation = false, recorded.ObservedGeneration-1
		})
		source.Status = recorded
		if err := w.Kube.Status().Update(t.Context(), source); err != nil {
			t.Fatal(err)
		}
		w.Remember(source)
		w.Clock = w.Clock.Add(lifecycle.DefaultResync + time.Minute)
		w.Visit("DataSource tenant/source")
		if w.Grafana.Sources(recorded.OrgID)[0].WithCredentials {
			t.Error("it is still as nobody asks for")
		}
	})
}

// What Grafana makes of settings, as of the name of a plugin that was called otherwise once, is no edit, also once the
// data source could be changed again.
func TestWhatGrafanaMakesOfSettingsIsNoEdit(t *testing.T) {
	inBothVersions(t, func(t *testing.T, w *crash.World) {
		source := unasked("")
		source.Spec.Type = "postgres"
		w.Create(crash.SourceSecret("first"), source)
		w.Settle()
		w.Get(source)
		if got := w.Grafana.Sources(source.Status.OrgID); len(got) != 1 || got[0].Type == "postgres" {
			t.Fatalf("Grafana has %+v", got)
		}
		w.Clock = w.Clock.Add(time.Minute)
		log := requestsOf(w, func() { w.Visit("DataSource tenant/source") })
		if log["PUT /api/datasources/uid/"+source.Status.UID] != 0 {
			t.Errorf("written at rest: %v", log)
		}
	})
}

package controllers_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

func zipped(t *testing.T, text string) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// A dashboard comes from wherever it is kept, in whatever form people have it, and is written once.
func TestAPIDashboardSources(t *testing.T) {
	t.Parallel()
	const exported = `{"__inputs": [{"name": "DS_P", "type": "datasource", "pluginId": "prometheus"}], "__requires": [], "title": "Exported", "panels": [{"type": "stat", "datasource": {"uid": "${DS_P}"}}]}`
	large := `{"title": "Large", "panels": [{"type": "text", "content": "` + strings.Repeat(
		"0123456789",
		500_000,
	) + `"}]}`
	for _, version := range grafanatest.Versions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			w := suite.New(t, grafanatest.Options{Version: version, SchemaDefaults: version != "10.4.3"})
			org := suite.Ready(w, w.Organization("team")).Status.OrgID
			files := &corev1.ConfigMap{
				ObjectMeta: metav1.ObjectMeta{Name: "files"},
				BinaryData: map[string][]byte{"zipped": zipped(t, `{"title": "From a file"}`)},
			}
			w.Create(files)
			titles := map[string]v1alpha1.DashboardSource{
				"Written out": {
					Model: &runtime.RawExtension{
						Raw: []byte(`{"title": "Written out", "big": 9007199254740993, "float": 1.5, "nothing": null}`),
					},
				},
				"Packed": {
					GzipJSON: new(base64.StdEncoding.EncodeToString(zipped(t, `{"title": "Packed"}`)) + "\n"),
				},
				"Large":       {GzipJSON: new(base64.StdEncoding.EncodeToString(zipped(t, large)))},
				"From a file": {ConfigMapRef: &v1alpha1.KeyReference{Name: "files", Key: "zipped"}},
				"Exported":    {JSON: new(exported)},
				"In envelope": {
					JSON: new(
						`{"dashboard": {"id": 7, "uid": "enveloped", "version": 4, "title": "In envelope"}, "meta": {"slug": "x"}}`,
					),
				},
				"Old": {
					JSON: new(`{"title": "Old", "schemaVersion": 12, "rows": [{"panels": [{"type": "graph"}]}]}`),
				},
				"As resource": {
					JSON: new(
						`{"apiVersion": "dashboard.grafana.app/v1beta1", "kind": "Dashboard", "metadata": {"name": "resource"}, "spec": {"title": "As resource"}}`,
					),
				},
				"With numbers": {
					JSON: new(
						`{"title": "With numbers", "uid": "numbers", "panels": [{"id": 3, "type": "stat", "w": 1.0, "big": 12345678901234567890, "exp": 1e3, "html": "<a & b>"}]}`,
					),
				},
			}
			all := map[string]*v1alpha1.Dashboard{}
			for title, source := range titles {
				name := strings.ToLower(strings.ReplaceAll(title, " ", "-"))
				all[title] = w.Dashboard(name, "team", "", func(o *v1alpha1.Dashboard) {
					o.Spec.Source = source
					if title == "Exported" {
						o.Spec.Inputs = []v1alpha1.DashboardInput{{Name: "DS_P", Value: "prom-uid"}}
					}
				})
			}
			for title, dash := range all {
				if d := w.Dash(org, suite.Ready(w, dash).Status.UID); d == nil || d.Title != title || d.Version != 1 {
					t.Errorf("%q became %+v", title, d)
				}
			}
			if d := w.Dash(
				org,
				all["Exported"].Status.UID,
			); !suite.Contains(string(d.Model), `"prom-uid"`) ||
				suite.Contains(string(d.Model), "__") {
				t.Errorf("its inputs: %s", d.Model)
			}
			for title, uid := range map[string]string{"In envelope": "enveloped", "As resource": "resource"} {
				if got := all[title].Status.UID; got != uid {
					t.Errorf("%q has uid %q", title, got)
				}
			}
			w.Grafana.ResetLog()
			for title, dash := range all {
				w.Eventually(title+" is read back", func() error { // of many at once a list is made instead
					suite.Visit(w, dash)
					if w.Asked("GET", "/api/dashboards/uid/"+dash.Status.UID) == 0 {
						return errors.New("it has not been looked at")
					}
					return nil
				})
				suite.Ready(w, dash)
			}
			if writes := w.Writes(); len(writes) > 0 {
				t.Errorf("written again: %d times, first %.300s", len(writes), writes[0])
			}
		})
	}
}

// What is missing for an exported dashboard is named, and that the spec of schema v2 alone does not say its version.
func TestAPIDashboardSourceRefused(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	w.Organization("team")
	inputs := w.Dashboard(
		"inputs",
		"team",
		`{"__inputs": [{"name": "DS_P", "label": "Prometheus", "type": "datasource", "pluginId": "prometheus"}], "title": "a", "x": "${DS_P}"}`,
	)
	suite.Stalled(w, inputs, v1alpha1.ReasonInvalidSource, "DS_P", "prometheus", "spec.inputs")
	v2 := w.Dashboard("v2", "team", `{"title": "a", "elements": {}, "layout": {"kind": "GridLayout"}}`)
	suite.Stalled(w, v2, v1alpha1.ReasonInvalidSource, "v2", "apiVersion")
	unzipped := w.Dashboard("unzipped", "team", "", func(o *v1alpha1.Dashboard) {
		o.Spec.Source = v1alpha1.DashboardSource{GzipJSON: new("bm90IGNvbXByZXNzZWQgYXQgYWxs")}
	})
	suite.Stalled(w, unzipped, v1alpha1.ReasonInvalidSource)
	suite.Change(w, inputs, func() { inputs.Spec.Inputs = []v1alpha1.DashboardInput{{Name: "DS_P", Value: "p"}} })
	suite.Ready(w, inputs)
}

// shelf is a server with one dashboard, whose tag it knows.
type shelf struct {
	mu      sync.Mutex
	body    string
	asked   int
	unread  int // answered with 304
	headers http.Header
}

func (s *shelf) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	s.headers = r.Header
	tag := fmt.Sprintf(`"%d"`, len(s.body))
	w.Header().Set("ETag", tag)
	switch {
	case s.body == "":
		http.NotFound(w, r)
	case r.Header.Get("If-None-Match") == tag:
		s.unread++
		w.WriteHeader(http.StatusNotModified)
	default:
		_, _ = w.Write([]byte(s.body))
	}
}

func (s *shelf) set(body string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.body = body
}

// A dashboard is fetched from a url, with headers from a Secret, at every resync; what has not changed is not sent
// again. Without it, Grafana keeps what it has.
func TestAPIDashboardURL(t *testing.T) {
	t.Parallel()
	s := &shelf{body: `{"title": "First"}`}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	w := suite.New(t, grafanatest.Options{})
	w.Organization("team")
	dash := w.Dashboard("remote", "team", "", func(o *v1alpha1.Dashboard) {
		o.Spec.Source = v1alpha1.DashboardSource{
			URL: &v1alpha1.DashboardURL{
				URL:         server.URL + suite.ShelfPath + "a.json?token=hidden",
				HeadersFrom: &v1alpha1.LocalObjectReference{Name: "headers"},
			},
		}
		o.Spec.ResyncInterval = &metav1.Duration{Duration: 30 * time.Second}
	})
	suite.Stalled(w, dash, v1alpha1.ReasonSourceUnavailable, "headers")
	w.Create(
		&corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Name: "headers"},
			StringData: map[string]string{"Authorization": "Bearer precious\n"},
		},
	)
	suite.Ready(w, dash)
	org := orgOf(w, "team")
	if d := w.Dash(org, dash.Status.UID); d.Title != "First" {
		t.Errorf("it is %+v", d)
	}
	s.mu.Lock()
	if got := s.headers.Get("Authorization"); got != "Bearer precious" {
		t.Errorf("Authorization: %q", got)
	}
	s.mu.Unlock()
	w.Eventually("a resync asks whether it has changed", func() error {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.unread == 0 {
			return errors.New("it has not been asked for with its tag")
		}
		return nil
	})
	s.set(`{"title": "The second"}`)
	w.Eventually("the new one", func() error {
		if d := w.Dash(org, dash.Status.UID); d.Title != "The second" {
			return fmt.Errorf("it is %+v", d)
		}
		return nil
	})
	s.set("")
	suite.Stalled(w, dash, v1alpha1.ReasonSourceUnavailable, "404")
	if message := suite.MessageOf(dash); suite.Contains(message, "hidden") || suite.Contains(message, "precious") {
		t.Errorf("the condition tells a secret: %s", message)
	}
	if d := w.Dash(org, dash.Status.UID); d.Title != "The second" {
		t.Errorf("without its source the dashboard became %+v", d)
	}
	w.Delete(dash)
	w.Gone(dash)
}

// On Grafana 12 a resync asks for one list, however many dashboards there are; before, for each.
func TestAPIDashboardList(t *testing.T) {
	t.Parallel()
	w := suite.New(
		t,
		grafanatest.Options{Version: "12.4.0"},
		func(o *v1alpha1.Instance) { o.Spec.ResyncInterval = &metav1.Duration{Duration: 30 * time.Second} },
	)
	org := suite.Ready(w, w.Organization("team")).Status.OrgID
	var all []*v1alpha1.Dashboard
	for n := range 20 {
		all = append(all, w.Dashboard(fmt.Sprint("d", n), "team", fmt.Sprintf(`{"title": "Number %d"}`, n)))
	}
	for _, dash := range all { // one whose turn to be made came late, as on a slow Grafana, is looked at once more
		suite.Until(
			w,
			suite.Ready(w, dash),
			"settled",
			func(metav1.Condition) bool { return dash.Status.CreateStarted == nil },
		)
	}
	w.Grafana.ResetLog()
	lists := func() (n int) {
		return w.Asked("GET", fmt.Sprintf("/apis/dashboard.grafana.app/v1beta1/namespaces/org-%d/dashboards", org))
	}
	w.Eventually("a resync", func() error {
		if lists() == 0 {
			return errors.New("there was no list")
		}
		return nil
	})
	w.Ask(
		"POST",
		"/api/dashboards/db",
		org,
		map[string]any{"overwrite": true, "dashboard": map[string]any{"uid": all[7].Status.UID, "title": "Edited"}},
	)
	w.Eventually("correction", func() error {
		if d := w.Dash(org, all[7].Status.UID); d.Title != "Number 7" {
			return fmt.Errorf("it is %+v", d)
		}
		return nil
	})
	if n := lists(); n > 4 {
		t.Errorf("%d lists in about two resyncs", n)
	}
	for n, dash := range all {
		if asked := w.Asked("GET", "/api/dashboards/uid/"+dash.Status.UID); asked > 0 && n != 7 {
			t.Errorf("number %d was asked for %d times", n, asked)
		}
	}
}

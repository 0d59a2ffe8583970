package controllers

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	toolscache "k8s.io/client-go/tools/cache"

	"grafana-tenancy.dev/operator/api/v1alpha1"
)

// Caches hold no content, and which source it is stays to be seen, however often an object comes by.
func TestSlim(t *testing.T) {
	const body = "precious"
	for name, source := range map[string]v1alpha1.DashboardSource{
		"json":     {JSON: new(body)},
		"gzipJson": {GzipJSON: new(body)},
		"model":    {Model: &runtime.RawExtension{Raw: []byte(`"` + body + `"`)}},
	} {
		d := &v1alpha1.Dashboard{ObjectMeta: metav1.ObjectMeta{
			Name: "d", Annotations: map[string]string{corev1.LastAppliedConfigAnnotation: body, "kept": "yes"}, ManagedFields: []metav1.ManagedFieldsEntry{{Manager: body}},
		}, Spec: v1alpha1.DashboardSpec{Source: source, UID: "kept"}}
		for range 2 {
			if _, err := Slim(d); err != nil {
				t.Fatal(err)
			}
			text, err := json.Marshal(d.Annotations)
			if err != nil {
				t.Fatal(err)
			}
			s := d.Spec.Source
			held := string(text) + *orEmpty(s.JSON) + *orEmpty(s.GzipJSON)
			if s.Model != nil {
				held += string(s.Model.Raw)
			}
			if strings.Contains(held, body) || len(d.ManagedFields) > 0 {
				t.Errorf("%s: the cache would hold %s", name, held)
			}
			if (s.JSON != nil) != (name == "json") || (s.GzipJSON != nil) != (name == "gzipJson") || (s.Model != nil) != (name == "model") || d.Spec.UID != "kept" || d.Annotations["kept"] != "yes" {
				t.Errorf("%s: too much is gone: %+v", name, d)
			}
		}
	}
	if _, err := Slim(toolscache.DeletedFinalStateUnknown{Key: "a/b"}); err != nil {
		t.Error(err)
	}
}

func orEmpty(s *string) *string {
	if s == nil {
		return new("")
	}
	return s
}

// After a start, what was in sync is not asked about until its resync is due; then it is, and with it what has changed meanwhile.
func TestRestartIsQuiet(t *testing.T) {
	w := newWorld(t, "12.4.0")
	w.seed()
	tenant(w)
	w.create(secondDashboard())
	w.settle()
	writes := w.writes
	w.grafana.ResetLog()
	w.advance(w.clock.Add(time.Second))
	w.start()
	w.briefly(0)
	if w.writes != writes {
		t.Errorf("%d writes to Kubernetes after a start", w.writes-writes)
	}
	asked := map[string]int{}
	for _, r := range w.grafana.Requests() {
		asked[r.Path]++
	}
	for path, n := range asked {
		if strings.Contains(path, "dashboards/") || strings.HasSuffix(path, "/serviceaccounts/4") && n > 0 {
			t.Errorf("%s was asked for %d times", path, n)
		}
	}
	if len(asked) == 0 {
		t.Error("nothing was asked at all")
	}
	w.grafana.ResetLog()
	w.briefly(defaultResync)
	lists := 0
	for _, r := range w.grafana.Requests() {
		if strings.HasPrefix(r.Path, "/apis/dashboard.grafana.app/v1beta1/") {
			lists++
		} else if strings.Contains(r.Path, "/api/dashboards/uid/") {
			t.Errorf("%s was asked for", r.Path)
		}
	}
	if lists != 1 {
		t.Errorf("%d lists in one resync", lists)
	}
}

package controllers_test

import (
	"encoding/json"
	"runtime/debug"
	"strings"
	"testing"
	"unsafe"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	toolscache "k8s.io/client-go/tools/cache"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/controllers"
	"grafana-tenancy.dev/operator/internal/lifecycle"
)

// Caches hold no content, and which source it is stays to be seen, however often an object comes by.
func TestSlim(t *testing.T) {
	e := &controllers.Env{Engine: &lifecycle.Engine{}, ClusterID: "cluster-1"}
	if err := controllers.Register(e); err != nil {
		t.Fatal(err)
	}
	const body = "precious"
	for name, source := range map[string]v1alpha1.DashboardSource{
		"json":     {JSON: new(body)},
		"gzipJson": {GzipJSON: new(body)},
		"model":    {Model: &runtime.RawExtension{Raw: []byte(`"` + body + `"`)}},
	} {
		d := &v1alpha1.Dashboard{ObjectMeta: metav1.ObjectMeta{
			Name:          "d",
			Annotations:   map[string]string{corev1.LastAppliedConfigAnnotation: body, "kept": "yes"},
			ManagedFields: []metav1.ManagedFieldsEntry{{Manager: body}},
		}, Spec: v1alpha1.DashboardSpec{Source: source, UID: "kept"}}
		for range 2 {
			if _, err := e.Slim(d); err != nil {
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
			if (s.JSON != nil) != (name == "json") || (s.GzipJSON != nil) != (name == "gzipJson") ||
				(s.Model != nil) != (name == "model") ||
				d.Spec.UID != "kept" ||
				d.Annotations["kept"] != "yes" {
				t.Errorf("%s: too much is gone: %+v", name, d)
			}
		}
	}
	if _, err := e.Slim(toolscache.DeletedFinalStateUnknown{Key: "a/b"}); err != nil {
		t.Error(err)
	}
}

// What thousands of objects say is in memory once.
func TestCachesKeepOnceWhatManyObjectsSay(t *testing.T) {
	e := &controllers.Env{Engine: &lifecycle.Engine{}, ClusterID: "cluster-1"}
	if err := controllers.Register(e); err != nil {
		t.Fatal(err)
	}
	say := func(message string) *metav1.Condition {
		d := &v1alpha1.Dashboard{ObjectMeta: metav1.ObjectMeta{Namespace: strings.Clone("tenant")}}
		ready := metav1.Condition{Type: strings.Clone("Ready"), Reason: strings.Clone("InSync")}
		ready.Message = strings.Clone(message)
		d.Status.Conditions = []metav1.Condition{ready}
		if _, err := e.Slim(d); err != nil {
			t.Fatal(err)
		}
		return &d.Status.Conditions[0]
	}
	const message = "all is as it is to be"
	one := say(message)
	debug.FreeOSMemory() // has garbage collected
	other := say(message)
	if *one != *other || one.Message != message {
		t.Errorf("changed: %+v, %+v", one, other)
	}
	for name, texts := range map[string][2]string{
		"type": {one.Type, other.Type}, "reason": {one.Reason, other.Reason}, "message": {one.Message, other.Message},
	} {
		if unsafe.StringData(texts[0]) != unsafe.StringData(texts[1]) {
			t.Errorf("there are two copies of the %s", name)
		}
	}
	long := strings.Repeat("long", 1000)
	if one, other := say(long), say(long); unsafe.StringData(one.Message) == unsafe.StringData(other.Message) {
		t.Error("what people have written stays, however long it is")
	}
}

func orEmpty(s *string) *string {
	if s == nil {
		return new("")
	}
	return s
}

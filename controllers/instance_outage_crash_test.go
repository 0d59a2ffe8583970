package controllers_test

import (
	"net/http"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/controllers"
	"grafana-tenancy.dev/operator/internal/connection"
	"grafana-tenancy.dev/operator/internal/grafana"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/testing/crash"
)

// In an outage, visits that changes elsewhere bring do not put off the next probe: once Grafana is back, that is soon
// known.
func TestOutageManyVisits(t *testing.T) {
	w := crash.New(t, "12.4.0")
	w.Seed()
	crash.WithOrg(w)
	w.Settle()
	w.Advance(w.Clock.Add(4 * time.Second)) // past the pause between probes
	w.Grafana.SetDown(true)
	for range 12 { // as the deletions of so many Organizations bring
		w.Visit("Instance tenant/main")
	}
	w.Briefly(2 * time.Second)
	w.Grafana.SetDown(false)
	w.Briefly(10 * time.Second)
	if i := crash.Instance(); !w.Get(i) ||
		!meta.IsStatusConditionTrue(i.Status.Conditions, v1alpha1.ConditionAvailable) {
		t.Errorf("it is not known that Grafana is back: %+v", i.Status.Conditions)
	}
}

// What a server asks to be left alone for is the least: who says a second each time is not asked each second for ever.
func TestOutageThatAsksForASecond(t *testing.T) {
	for _, status := range []int{429, 503} {
		w := crash.New(t, "12.4.0")
		w.Seed()
		crash.WithOrg(w)
		w.Settle()
		tried := 0
		w.Answers = func(r *http.Request) *http.Response {
			if r.URL.Path != "/api/dashboards/db" {
				return nil
			}
			tried++
			return &http.Response{
				StatusCode: status,
				Header:     http.Header{"Retry-After": {"1"}},
				Body:       http.NoBody,
				Request:    r,
			}
		}
		w.Create(crash.Dashboard("given", crash.OneDashboard))
		w.Briefly(10 * time.Minute)
		if tried < 5 || tried > 30 {
			t.Errorf("%d: it was tried %d times in ten minutes", status, tried)
		}
	}
}

// An Instance that is known to be away is probed in its own time, however many fail for it.
func TestOutageManySuspicions(t *testing.T) {
	key := types.NamespacedName{Namespace: crash.Namespace, Name: "main"}
	e := &controllers.Env{Engine: &lifecycle.Engine{Connections: connection.NewPool()}, ClusterID: "cluster-1"}
	if err := controllers.Register(e); err != nil {
		t.Fatal(err)
	}
	api, err := grafana.New(grafana.Config{URL: "http://127.0.0.1:1", Token: "token"})
	if err != nil {
		t.Fatal(err)
	}
	conn := connection.New(api, connection.Config{Clock: time.Now, MaxReads: 1, MaxWrites: 1})
	asked := &visitsAsked{}
	if err := e.Controllers()[0].UseQueue(t.Context(), asked); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		what string
		do   func()
		want int
	}{
		{"before the first probe", func() {}, 1},
		{"while it is available", func() { e.Connections.Replace(key, conn); e.Connections.SetAvailable(key, true) }, 2},
		{"while it is away", func() { e.Connections.SetAvailable(key, false) }, 2},
	} {
		step.do()
		if e.Visit(lifecycle.Suspect{Key: key}); len(asked.names) != step.want {
			t.Errorf("%s: %d visits, not %d", step.what, len(asked.names), step.want)
		}
	}
}

package controllers_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/testing/crash"
)

// seenLater has the Organization see what Dashboards have changed, and lets so much time pass that it looks next for
// what nobody needs.
func seenLater(w *crash.World) {
	w.Visit("Organization tenant/org")
	w.Advance(w.Clock.Add(lifecycle.DefaultResync / 2))
}

// A dashboard that cannot be read keeps no Dashboard from being deleted, and its library panels until it can be.
func TestLibraryPanelBesideAnUnreadableDashboard(t *testing.T) {
	inBothVersions(t, func(t *testing.T, w *crash.World) {
		w.Create(crash.Sharing(crash.WithPanels("Requests", "one", "first")))
		theirs := map[string]any{"dashboard": map[string]any{"uid": "theirs", "title": "Foreign"}}
		w.Grafana.Do(http.MethodPost, "/api/dashboards/db", 3, theirs)
		rested(w)
		w.Answers = func(r *http.Request) *http.Response {
			if r.URL.Path != "/api/dashboards/uid/theirs" {
				return nil
			}
			return &http.Response{
				StatusCode: 500, Header: http.Header{"Content-Type": {"application/json"}}, Request: r,
				Body: io.NopCloser(strings.NewReader(`{"message":"Internal Server Error"}`)),
			}
		}
		w.Delete(crash.Sharing(""))
		for range 3 {
			resync(w)
		}
		if w.Get(crash.Sharing("")) {
			t.Error("the Dashboard is still there")
		}
		o := crash.Organization("Tenant")
		w.Get(o)
		if c := conditionOf(o, v1alpha1.ConditionReady); c == nil || c.Status != "True" {
			t.Errorf("the Organization is %+v", c)
		}
		if asked := strings.HasSuffix(t.Name(), "12.4.0"); asked { // Grafana 10 knows itself who uses one
			if err := panelsAre("Shared one")(w); err != nil {
				t.Error(err)
			}
		}
		w.Answers = nil
		resync(w)
		if err := panelsAre()(w); err != nil {
			t.Error(err)
		}
	})
}

// The Organization says that library panels are kept in it before the first is made, and no longer than some are there:
// then it asks for none.
func TestOrganizationKnowsOfLibraryPanels(t *testing.T) {
	inBothVersions(t, func(t *testing.T, w *crash.World) {
		says := func(want bool) {
			t.Helper()
			o := crash.Organization("Tenant")
			if w.Get(o); o.Status.LibraryPanels != want {
				t.Errorf("status.libraryPanels is %t, not %t", o.Status.LibraryPanels, want)
			}
		}
		says(false)
		w.Meanwhile = map[string]func(){"POST /api/library-elements": func() { says(true) }}
		w.Create(crash.Sharing(twoPanels))
		rested(w)
		w.Delete(crash.Sharing(""))
		rested(w)
		resync(w)
		says(false)
		kube := w.Writes
		got := requestsOf(w, func() { resync(w) })
		expect(t, "a resync", "library", got, "[]")
		if w.Writes != kube {
			t.Errorf("a resync: %d writes to Kubernetes", w.Writes-kube)
		}
	})
}

// While an Organization is suspended nothing is deleted in it.
func TestLibraryPanelsInASuspendedOrganization(t *testing.T) {
	inBothVersions(t, func(t *testing.T, w *crash.World) {
		w.Create(crash.Sharing(twoPanels))
		rested(w)
		suspend := func(is bool) {
			crash.Edit(w, crash.Organization("Tenant"), func(o *v1alpha1.Organization) { o.Spec.Suspend = is })
		}
		suspend(true)
		w.Delete(crash.Sharing(""))
		resync(w)
		if err := panelsAre("Shared one", "Shared two")(w); err != nil {
			t.Error(err)
		}
		suspend(false)
		resync(w)
		if err := panelsAre()(w); err != nil {
			t.Error(err)
		}
	})
}

// However many library panels people use, an Organization looks at them with one list of each kind at a resync, and
// reads no dashboard that has not changed.
func TestRequestsOfUsedLibraryPanels(t *testing.T) {
	inBothVersions(t, func(t *testing.T, w *crash.World) {
		w.Create(crash.Sharing(twoPanels))
		rested(w)
		theirUse(w, "one")
		w.Grafana.Do(http.MethodPost, "/api/dashboards/db", 3, map[string]any{"dashboard": map[string]any{
			"uid": "more", "title": "Foreign too", "panels": []any{map[string]any{
				"id": 1, "libraryPanel": map[string]any{"uid": crash.PanelUID(crash.Sharing(""), "two")},
			}},
		}})
		w.Delete(crash.Sharing(""))
		rested(w)
		resync(w)
		kube := w.Writes
		got := requestsOf(w, func() { resync(w) })
		lists := "/apis/dashboard.grafana.app/v1beta1/namespaces/org-3/dashboards"
		want := map[string]int{"GET /api/library-elements": 1, "GET " + lists: 1}
		if strings.HasSuffix(t.Name(), "10.4.3") {
			delete(want, "GET "+lists) // which tells itself how many use one
		}
		for request := range got {
			about := strings.Contains(request, "library") || strings.Contains(request, "dashboards")
			if about && got[request] != want[request] {
				t.Errorf("%s: %d requests", request, got[request])
			}
		}
		for request, n := range want {
			if got[request] != n {
				t.Errorf("%s: %d requests, want %d", request, got[request], n)
			}
		}
		if w.Writes != kube {
			t.Errorf("%d writes to Kubernetes", w.Writes-kube)
		}
		if err := panelsAre("Shared one", "Shared two")(w); err != nil {
			t.Error(err)
		}
	})
}

// A library panel that its Organization deletes just before a dashboard is saved that has come to carry it is made
// anew.
func TestLibraryPanelDeletedBeforeItIsCarriedAgain(t *testing.T) {
	inBothVersions(t, func(t *testing.T, w *crash.World) {
		w.Create(crash.Sharing(twoPanels))
		rested(w)
		changeOf("dashboard", crash.WithPanels("Requests", "two", "second"))(w)
		w.Visit("Dashboard tenant/dashboard")
		seenLater(w)
		uid := crash.PanelUID(crash.Sharing(""), "one")
		w.Meanwhile = map[string]func(){"DELETE /api/library-elements/" + uid: func() {
			changeOf("dashboard", twoPanels)(w)
			w.Visit("Dashboard tenant/dashboard")
		}}
		w.Visit("Organization tenant/org")
		if w.Meanwhile["DELETE /api/library-elements/"+uid] != nil {
			t.Fatal("it was not deleted")
		}
		rested(w)
		for _, err := range []error{panelsAre("Shared one", "Shared two")(w), readiness(w, "dashboard")} {
			if err != nil {
				t.Error(err)
			}
		}
	})
}

// A library panel that Grafana has had for some seconds stays, though no Dashboard is seen to list it: a cache can be
// that far behind.
func TestLibraryPanelThatIsYoungStays(t *testing.T) {
	inBothVersions(t, func(t *testing.T, w *crash.World) {
		w.Create(crash.Sharing(twoPanels))
		rested(w)
		w.Delete(crash.Sharing(""))
		w.Visit("Dashboard tenant/dashboard")
		seenLater(w)
		w.Grafana.Do(http.MethodPost, "/api/library-elements", 3, map[string]any{
			"uid": crash.PanelUID(crash.Sharing(""), "new"), "name": "New", "kind": 1,
			"model": map[string]any{"type": "text"},
		})
		w.Visit("Organization tenant/org")
		if err := panelsAre("New")(w); err != nil {
			t.Error(err)
		}
		rested(w)
		if err := panelsAre()(w); err != nil {
			t.Error(err)
		}
	})
}

// No library panel is deleted in what carries another mark by then.
func TestLibraryPanelsOfAnOrganizationThatIsAnothers(t *testing.T) {
	inBothVersions(t, func(t *testing.T, w *crash.World) {
		w.Create(crash.Sharing(twoPanels))
		rested(w)
		w.Delete(crash.Sharing(""))
		w.Visit("Dashboard tenant/dashboard")
		seenLater(w)
		w.Meanwhile = map[string]func(){"GET /api/library-elements": func() { markedByAnother(w) }}
		w.Visit("Organization tenant/org")
		if len(w.Meanwhile) > 0 {
			t.Fatal("it has not looked")
		}
		if err := panelsAre("Shared one", "Shared two")(w); err != nil {
			t.Error(err)
		}
	})
}

// A process that has just begun does not know what the one before has sent, and looks when that has landed.
func TestLibraryPanelOfAnEarlierProcess(t *testing.T) {
	inBothVersions(t, func(t *testing.T, w *crash.World) {
		w.Create(crash.Sharing(crash.WithPanels("Requests", "one", "first")))
		rested(w)
		changeOf("dashboard", twoPanels)(w)
		landsLate(w)
		w.Delete(crash.Sharing(""))
		w.Start()
		rested(w)
		if err := panelsAre()(w); err != nil {
			t.Error(err)
		}
	})
}

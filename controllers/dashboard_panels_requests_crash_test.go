package controllers_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/testing/crash"
)

// What library panels cost: a new one itself, and a list that serves all who come within seconds; of all Dashboards at
// a resync one list, and nothing of those that keep none.
func TestRequestsOfLibraryPanels(t *testing.T) {
	inBothVersions(t, func(t *testing.T, w *crash.World) {
		plain := crash.Dashboard("", crash.OneDashboard)
		got := requestsOf(w, func() { made(w, "Dashboard", plain) })
		expect(t, "a dashboard without", "library", got, "[]")
		w.Create(crash.Sharing(crash.WithPanels("First", "first", "first"), called("first"))) // the Organization knows
		rested(w)
		w.Advance(w.Clock.Add(time.Minute))
		want := "[GET /api/library-elements:1 POST /api/library-elements:1]"
		for i := range 5 {
			d := crash.Sharing(crash.WithPanels(fmt.Sprint("Number ", i), fmt.Sprint(i), "first"))
			d.Name = fmt.Sprint("number-", i)
			got := requestsOf(w, func() { made(w, "Dashboard", d) })
			expect(t, "a dashboard with a library panel", "library", got, want)
			want = "[POST /api/library-elements:1]"
		}
		rested(w)
		kube := w.Writes
		got = requestsOf(w, func() { resync(w) }) // of the Dashboards, and of the Organization at another time
		expect(t, "a resync of all", "library", got, "[GET /api/library-elements:2]")
		if w.Writes != kube {
			t.Errorf("a resync of all: %d writes to Kubernetes", w.Writes-kube)
		}
	})
}

// A credential that may not, and a proxy that hides the route, are told before anything is made.
func TestLibraryPanelsThatCannotBeListed(t *testing.T) {
	for reason, answer := range map[string]struct {
		status     int
		kind, body string
	}{
		v1alpha1.ReasonForbidden: {403, "application/json", `{"message":"You'll need additional permissions."}`},
		v1alpha1.ReasonRefused:   {404, "text/html", "<html>nothing here</html>"},
	} {
		inBothVersions(t, func(t *testing.T, w *crash.World) {
			w.Answers = func(r *http.Request) *http.Response {
				if !strings.HasPrefix(r.URL.Path, "/api/library-elements") {
					return nil
				}
				return &http.Response{
					StatusCode: answer.status, Header: http.Header{"Content-Type": {answer.kind}}, Request: r,
					Body: io.NopCloser(strings.NewReader(answer.body)),
				}
			}
			d := crash.Sharing(twoPanels)
			w.Create(d)
			w.Briefly(5 * time.Minute)
			w.Get(d)
			c := conditionOf(d, v1alpha1.ConditionReady)
			if c == nil || c.Reason != reason || !strings.Contains(c.Message, "spec.libraryPanels: Manage") {
				t.Errorf("it is told %+v", c)
			}
			if all := w.Grafana.Dashboards(3); len(all) > 0 {
				t.Errorf("there is %+v", all)
			}
		})
	}
}

// What people do to a library panel is left to stand by driftPolicy Report, without a write, until the source changes.
func TestLibraryPanelReportedIsLeft(t *testing.T) {
	inBothVersions(t, func(t *testing.T, w *crash.World) {
		w.Create(crash.Sharing(twoPanels, func(d *v1alpha1.Dashboard) { d.Spec.DriftPolicy = v1alpha1.DriftReport }))
		rested(w)
		panelEdited(w, "one", map[string]any{"model": map[string]any{"type": "stat", "title": "Theirs"}})
		rested(w)
		for range 2 {
			if err := panelHas("one", "Theirs")(w); err != nil {
				t.Error(err)
			}
			kube := w.Writes
			resyncs(w)
			rested(w)
			if w.Writes != kube {
				t.Errorf("%d writes to Kubernetes", w.Writes-kube)
			}
		}
		d := crash.Sharing("")
		w.Get(d)
		if c := conditionOf(d, v1alpha1.ConditionDrifted); c == nil || !strings.Contains(c.Message, `"Shared one"`) {
			t.Errorf("it is told %+v", c)
		}
		changeOf("dashboard", crash.WithPanels("Requests", "one", "changed", "two", "second"))(w)
		rested(w)
		if err := panelHas("one", "changed")(w); err != nil {
			t.Error(err)
		}
	})
}

// A panel that somebody changes between the look and the write is looked at again.
func TestLibraryPanelChangedMeanwhile(t *testing.T) {
	inBothVersions(t, func(t *testing.T, w *crash.World) {
		w.Create(crash.Sharing(twoPanels))
		rested(w)
		uid := crash.PanelUID(crash.Sharing(""), "one")
		n := 0
		w.Meanwhile = map[string]func(){"PATCH /api/library-elements/" + uid: func() {
			if n++; n == 1 {
				w.Grafana.Do(http.MethodPatch, "/api/library-elements/"+uid, 3, map[string]any{
					"kind": 1, "version": panelVersion(w, uid), "name": "Theirs",
				})
			}
		}}
		changeOf("dashboard", crash.WithPanels("Requests", "one", "changed", "two", "second"))(w)
		rested(w)
		if err := panelHas("one", "changed")(w); err != nil {
			t.Error(err)
		}
		if err := panelsAre("Shared one", "Shared two")(w); err != nil {
			t.Error(err)
		}
	})
}

// Whatever becomes of the process, status has a library panel before it can be there.
func TestLibraryPanelsAreKnownBeforeTheyAreMade(t *testing.T) {
	inBothVersions(t, func(t *testing.T, w *crash.World) {
		w.Create(crash.Sharing(crash.WithPanels("First", "first", "first"), called("first"))) // the Organization knows
		rested(w)
		asked, want := 0, 2
		var note func()
		note = func() {
			w.Meanwhile = map[string]func(){"POST /api/library-elements": note} // each is called once
			asked++
			d := crash.Sharing("")
			if w.Get(d); len(d.Status.LibraryPanels) != want {
				t.Errorf("status has %+v", d.Status.LibraryPanels)
			}
		}
		w.Meanwhile = map[string]func(){"POST /api/library-elements": note}
		w.Create(crash.Sharing(twoPanels))
		rested(w)
		want = 3
		changeOf("dashboard", crash.WithPanels("Requests", "one", "first", "two", "second", "three", "third"))(w)
		rested(w)
		if asked != 3 {
			t.Errorf("%d were made", asked)
		}
	})
}

// The older of two Dashboards says what is in a library panel, whichever was there first in Grafana, and neither
// overwrites the other for ever.
func TestLibraryPanelOfTheOlder(t *testing.T) {
	inBothVersions(t, func(t *testing.T, w *crash.World) {
		w.Create(crash.Sharing(crash.WithPanels("Requests", "one", "old")))
		w.Create(crash.Sharing(crash.WithPanels("Errors", "one", "new"), called("second")))
		w.Visit("Dashboard tenant/second")
		rested(w)
		for range 2 {
			if err := panelHas("one", "old")(w); err != nil {
				t.Error(err)
			}
			second := crash.Sharing("", called("second"))
			w.Get(second)
			c := conditionOf(second, v1alpha1.ConditionReady)
			if c == nil || c.Reason != v1alpha1.ReasonNameConflict ||
				!strings.Contains(c.Message, "Dashboard dashboard") {
				t.Errorf("it is told %+v", c)
			}
			kube := w.Writes
			resyncs(w)
			if rested(w); w.Writes != kube {
				t.Errorf("%d writes to Kubernetes", w.Writes-kube)
			}
		}
	})
}

// A library panel that another Dashboard lists stays, also before that one has saved its dashboard.
func TestLibraryPanelBetweenTwoSaves(t *testing.T) {
	inBothVersions(t, func(t *testing.T, w *crash.World) {
		w.Create(crash.Sharing(crash.WithPanels("Requests", "one", "same")))
		rested(w)
		w.Create(crash.Sharing(crash.WithPanels("Errors", "one", "same"), called("second")))
		w.Refuses = func(r *http.Request) bool {
			return r.Method == http.MethodPost && r.URL.Path == "/api/dashboards/db"
		}
		w.Visit("Dashboard tenant/second")
		w.Delete(crash.Sharing(""))
		w.Visit("Dashboard tenant/dashboard")
		w.Visit("Organization tenant/org")
		w.Advance(w.Clock.Add(lifecycle.DefaultResync / 2))
		w.Visit("Organization tenant/org")
		if err := panelsAre("Shared one")(w); err != nil {
			t.Error(err)
		}
		w.Refuses = nil
		rested(w)
		if err := panelHas("one", "same")(w); err != nil {
			t.Error(err)
		}
	})
}

// Before a library panel is deleted the dashboards of the organization are looked into, the next time only those that
// have changed since; so one is seen that has come to use it meanwhile.
func TestLibraryPanelUsesAreSeenAnew(t *testing.T) {
	inBothVersions(t, func(t *testing.T, w *crash.World) {
		w.Create(crash.Sharing(crash.WithPanels("Requests", "one", "1", "two", "2", "three", "3")))
		for _, uid := range []string{"other", "theirs"} {
			w.Grafana.Do(http.MethodPost, "/api/dashboards/db", 3, map[string]any{
				"dashboard": map[string]any{"uid": uid, "title": "Foreign " + uid},
			})
		}
		rested(w)
		drops := func(left ...string) map[string]int {
			return requestsOf(w, func() {
				changeOf("dashboard", crash.WithPanels("Requests", left...))(w)
				rested(w)
			})
		}
		asksNobody := strings.HasSuffix(t.Name(), "/10.4.3") // which knows itself who uses one
		got := drops("two", "2", "three", "3")
		if n := got["GET /api/dashboards/uid/other"] + got["GET /api/dashboards/uid/theirs"]; !asksNobody && n != 2 {
			t.Errorf("at first %d of two dashboards were read: %v", n, got)
		}
		w.Grafana.Do(http.MethodPost, "/api/dashboards/db", 3, map[string]any{
			"overwrite": true, "dashboard": map[string]any{"uid": "theirs", "title": "Foreign theirs", "panels": []any{
				map[string]any{
					"id":           1,
					"libraryPanel": map[string]any{"uid": crash.PanelUID(crash.Sharing(""), "two")},
				},
			}},
		})
		got = drops("three", "3")
		if got["GET /api/dashboards/uid/other"] > 0 || !asksNobody && got["GET /api/dashboards/uid/theirs"] != 1 {
			t.Errorf("one has changed since, and read were %v", got)
		}
		if err := panelsAre("Shared three", "Shared two")(w); err != nil {
			t.Error(err)
		}
	})
}

package controllers_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/testing/crash"
)

// heard is what people are told in events.
type heard struct{ events []string }

func (h *heard) Eventf(_, _ runtime.Object, _, reason, _, note string, args ...any) {
	h.events = append(h.events, reason+": "+fmt.Sprintf(note, args...))
}

// With all that it had in it deleted, an organization that is let go has no library panels of the operator either.
func TestLibraryPanelsOfAnOrganizationThatIsLetGo(t *testing.T) {
	inBothVersions(t, func(t *testing.T, w *crash.World) {
		crash.Edit(w, crash.Organization("Tenant"), func(o *v1alpha1.Organization) {
			o.Spec.DeletionPolicy = v1alpha1.OrganizationOrphan
		})
		w.Create(crash.Sharing(crash.WithPanels("Requests", "one", "first", "two", "second", "three", "third")))
		rested(w)
		theirUse(w, "three")
		seenLater(w)
		w.Delete(crash.Sharing(""))
		w.Visit("Dashboard tenant/dashboard")
		w.Delete(crash.Organization("Tenant"))
		rested(w)
		if w.Get(crash.Organization("Tenant")) {
			t.Error("the Organization is still there")
		}
		if err := panelsAre("Shared three")(w); err != nil {
			t.Error(err)
		}
	})
}

// That library panels cannot be looked for keeps no Organization from being let go.
func TestLibraryPanelsThatCannotBeLookedForAtTheEnd(t *testing.T) {
	inBothVersions(t, func(t *testing.T, w *crash.World) {
		crash.Edit(w, crash.Organization("Tenant"), func(o *v1alpha1.Organization) {
			o.Spec.DeletionPolicy = v1alpha1.OrganizationOrphan
		})
		w.Create(crash.Sharing(twoPanels))
		rested(w)
		w.Delete(crash.Sharing(""))
		w.Visit("Dashboard tenant/dashboard")
		w.Delete(crash.Organization("Tenant"))
		instead(w, http.MethodGet, "/api/library-elements", 500, `{"message":"Internal Server Error"}`)
		told := &heard{}
		w.Env.Events = told
		rested(w)
		if w.Get(crash.Organization("Tenant")) {
			t.Error("the Organization is still there")
		}
		if all := strings.Join(told.events, "\n"); !strings.Contains(all, "Left: Library panels that no Dashboard") {
			t.Errorf("people are told: %s", all)
		}
	})
}

// An Organization that is being deleted, and is kept by what people or others have in it, is visited no more often for
// library panels that were to be looked for.
func TestNoLookForLibraryPanelsWhileItIsDeleted(t *testing.T) {
	for what, keep := range map[string]func(*crash.World){
		"by a person's dashboard": func(w *crash.World) {
			w.Grafana.Do(http.MethodPost, "/api/dashboards/db", 3,
				map[string]any{"dashboard": map[string]any{"uid": "theirs", "title": "Foreign"}})
		},
		"by a ServiceAccount": func(w *crash.World) { w.Create(crash.Account("CI")) },
	} {
		t.Run(what, func(t *testing.T) {
			inBothVersions(t, func(t *testing.T, w *crash.World) {
				w.Create(crash.Sharing(twoPanels))
				keep(w)
				rested(w)
				w.Delete(crash.Sharing(""))
				w.Visit("Dashboard tenant/dashboard")
				w.Visit("Organization tenant/org") // which notes when to look
				w.Delete(crash.Organization("Tenant"))
				w.Briefly(lifecycle.DefaultResync)
				got := requestsOf(w, func() { w.Briefly(lifecycle.DefaultResync) })
				if n := got["GET /api/orgs/N"]; n > 10 {
					t.Errorf("%d looks in a resync: %v", n, got)
				}
			})
		})
	}
}

// A library panel that people use stays also where Grafana has been updated a moment ago to a version that deletes it
// all the same, and does not tell who uses it.
func TestLibraryPanelInUseAfterAnUpdateOfGrafana(t *testing.T) {
	w := crash.New(t, "12.4.0")
	w.Seed()
	crash.WithOrg(w)
	rested(w)
	_, settings := w.Grafana.Do(http.MethodGet, "/api/frontend/settings", 1, nil)
	instead(w, http.MethodGet, "/api/frontend/settings", 200,
		strings.ReplaceAll(string(settings), "12.4.0", "10.4.3"))
	w.Create(crash.Sharing(twoPanels))
	resync(w)
	theirUse(w, "one")
	w.Delete(crash.Sharing(""))
	w.Visit("Dashboard tenant/dashboard")
	seenLater(w)
	w.Answers = nil
	w.Visit("Organization tenant/org")
	rested(w)
	if err := panelsAre("Shared one")(w); err != nil {
		t.Error(err)
	}
}

// A credential that may delete no library panel is told once, however many there are and however often it is tried.
func TestLibraryPanelsThatMayNotBeDeleted(t *testing.T) {
	inBothVersions(t, func(t *testing.T, w *crash.World) {
		w.Create(crash.Sharing(twoPanels))
		rested(w)
		told := &heard{}
		w.Env.Events = told
		instead(
			w,
			http.MethodDelete,
			"/api/library-elements/",
			403,
			`{"message":"You'll need additional permissions to perform this action. Permissions needed: library.panels:delete"}`,
		)
		w.Delete(crash.Sharing(""))
		for range 3 {
			resync(w)
		}
		var about []string
		for _, e := range told.events {
			if strings.Contains(strings.ToLower(e), "library panels") {
				about = append(about, e)
			}
		}
		if len(about) != 1 || !strings.HasPrefix(about[0], "Left: ") || !strings.Contains(about[0], `"Shared`) {
			t.Errorf("people are told: %s", strings.Join(about, "\n"))
		}
		w.Answers = nil
		resync(w)
		if err := panelsAre()(w); err != nil {
			t.Error(err)
		}
	})
}

// However many library panels nobody needs, one look deletes no more than some, and those after it the others.
func TestLibraryPanelsAreDeletedSomeAtATime(t *testing.T) {
	inBothVersions(t, func(t *testing.T, w *crash.World) {
		w.Create(crash.Sharing(twoPanels))
		rested(w)
		for i := range 120 {
			w.Grafana.Do(http.MethodPost, "/api/library-elements", 3, map[string]any{
				"uid": crash.PanelUID(crash.Sharing(""), fmt.Sprint(i)), "name": fmt.Sprint("Left ", i), "kind": 1,
				"model": map[string]any{"type": "text"},
			})
		}
		seenLater(w)
		deleted := 0
		for r, n := range requestsOf(w, func() { w.Visit("Organization tenant/org") }) {
			if strings.HasPrefix(r, "DELETE /api/library-elements/") {
				deleted += n
			}
		}
		if deleted == 0 || deleted > 50 {
			t.Errorf("%d were deleted at once", deleted)
		}
		rested(w)
		if err := panelsAre("Shared one", "Shared two")(w); err != nil {
			t.Error(err)
		}
	})
}

// Who may not use an Organization has no part in what it does, until it is let in.
func TestStrangersLibraryPanels(t *testing.T) {
	inBothVersions(t, func(t *testing.T, w *crash.World) {
		stranger := crash.Sharing(twoPanels, inAnotherNamespace)
		w.Create(stranger)
		rested(w)
		resync(w)
		o := crash.Organization("Tenant")
		if w.Get(o); o.Status.LibraryPanels {
			t.Error("status.libraryPanels is true by a Dashboard that is not let in")
		}
		expect(t, "a resync", "library", requestsOf(w, func() { resync(w) }), "[]")
		openToAll(w)
		if err := panelsAre("Shared one", "Shared two")(w); err != nil {
			t.Error(err)
		}
	})
}

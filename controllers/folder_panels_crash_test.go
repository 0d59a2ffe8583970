package controllers_test

import (
	"net/http"
	"strings"
	"testing"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/testing/crash"
)

// Of a dashboard elsewhere that cannot be read nobody knows whether it uses a library panel in a Folder that goes:
// that is told, and holds up none that goes with its contents.
func TestFolderBesideAnUnreadableDashboard(t *testing.T) {
	for policy, goes := range map[v1alpha1.FolderDeletionPolicy]bool{
		v1alpha1.FolderDelete: false, v1alpha1.FolderDeleteWithContents: true,
	} {
		t.Run(string(policy), func(t *testing.T) {
			w := crash.New(t, "12.4.0")
			w.Seed()
			crash.WithOrg(w)
			f := newFolder("")
			f.Spec.DeletionPolicy = policy
			w.Create(f, crash.Sharing(twoPanels, inRef))
			rested(w)
			w.Grafana.Do(http.MethodPost, "/api/dashboards/db", 3,
				map[string]any{"dashboard": map[string]any{"uid": "theirs", "title": "Foreign"}})
			instead(w, http.MethodGet, "/api/dashboards/uid/theirs", 500,
				`{"message":"Internal Server Error"}`)
			w.Delete(crash.Sharing("", inRef))
			w.Delete(newFolder(""))
			for range 3 {
				w.Briefly(lifecycle.DefaultResync)
			}
			there := w.Get(f)
			if there == goes {
				t.Errorf("the Folder is still there: %t", there)
			}
			if c := conditionOf(f, v1alpha1.ConditionReady); there && (c == nil ||
				c.Reason != v1alpha1.ReasonDeletionBlocked || !strings.Contains(c.Message, `dashboard "Foreign"`)) {
				t.Errorf("it is told %+v", c)
			}
			w.Answers = nil
			for range 2 {
				w.Briefly(lifecycle.DefaultResync)
			}
			if w.Get(f) {
				t.Error("the Folder is still there, though all can be read")
			}
		})
	}
}

// An unreadable dashboard in a Folder, or in an organization whose Folder has no library panel, is asked about nothing.
func TestFolderWithoutLibraryPanelsBesideAnUnreadableDashboard(t *testing.T) {
	w := crash.New(t, "12.4.0")
	w.Seed()
	crash.WithOrg(w)
	w.Create(newFolder(""), crash.Sharing(twoPanels))
	rested(w)
	w.Grafana.Do(http.MethodPost, "/api/dashboards/db", 3,
		map[string]any{"dashboard": map[string]any{"uid": "theirs", "title": "Foreign"}})
	instead(w, http.MethodGet, "/api/dashboards/uid/theirs", 500, `{"message":"Internal Server Error"}`)
	w.Delete(newFolder(""))
	w.Briefly(lifecycle.DefaultResync)
	if w.Get(newFolder("")) {
		t.Error("the Folder is still there")
	}
}

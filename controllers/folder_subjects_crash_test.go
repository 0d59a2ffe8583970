package controllers_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/testing/crash"
)

// At a resync one list of people serves all folders; but whoever is given something has the name at that moment.
func TestFolderPermissionsGoToWhoHasTheNameNow(t *testing.T) {
	for _, version := range grafanatest.Versions() {
		t.Run(version, func(t *testing.T) {
			w := crash.New(t, version)
			w.Seed()
			crash.WithOrg(w)
			rested(w)
			w.SignUp("ada")
			letIn(w, "ada", "Viewer")
			for _, uid := range []string{"first", "second"} {
				f := newFolder(uid)
				f.Name, f.Spec.Title = uid, uid
				f.Spec.Permissions = []v1alpha1.FolderPermission{{User: "ada", Permission: v1alpha1.PermissionEdit}}
				w.Create(f)
			}
			rested(w)
			path := func(uid string) string { return "/api/folders/" + uid + "/permissions" }
			for _, uid := range []string{"first", "second"} {
				w.Grafana.Do(http.MethodPost, path(uid), 3, map[string]any{"items": []any{}})
			}
			w.Grafana.ResetLog()
			renamed := false
			for end := w.Clock.Add(lifecycle.DefaultResync); w.Step(end); {
				if !renamed && givesPermissions(w) { // by a list of just now
					renamed = true
					w.Grafana.Do(http.MethodPut, strings.Replace(memberPath(w, "ada"), "orgs/3/", "", 1), 1,
						map[string]any{"login": "eve"})
					w.SignUp("ada")
					letIn(w, "ada", "Viewer")
				}
			}
			var given []string
			for _, uid := range []string{"first", "second"} {
				_, answer := w.Grafana.Do(http.MethodGet, path(uid), 3, nil)
				if strings.Contains(string(answer), `"eve"`) {
					given = append(given, uid)
				}
			}
			if !renamed || len(given) > 1 {
				t.Errorf("renamed: %v; who is not called so any more has the permissions of %v", renamed, given)
			}
		})
	}
}

// givesPermissions reports whether those of a folder were set since the log was reset.
func givesPermissions(w *crash.World) bool {
	return slices.ContainsFunc(w.Grafana.Requests(), func(r grafanatest.Request) bool {
		return r.Method == http.MethodPost && strings.HasPrefix(r.Path, "/api/folders/")
	})
}

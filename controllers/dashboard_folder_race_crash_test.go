package controllers_test

import (
	"net/http"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/connection"
	"grafana-tenancy.dev/operator/internal/testing/crash"
)

// A folder that another Dashboard has made between the look and the request is shared, and says nothing about the
// dashboard.
func TestFolderMadeMeanwhile(t *testing.T) {
	for _, version := range []string{"12.4.0", "10.4.3"} {
		made := teamFolder(t, version, "")
		if again := teamFolder(t, version, made); again != made {
			t.Errorf("%s: the folder %s became %s", version, made, again)
		}
	}
}

// teamFolder makes a dashboard in the folder Team, and returns the uid of that, which is the same in every run. Another
// Dashboard has made it meanwhile, if its uid is given.
func teamFolder(t *testing.T, version, meanwhile string) string {
	t.Helper()
	w := crash.New(t, version)
	w.Seed()
	crash.WithOrg(w)
	w.Settle()
	if meanwhile != "" {
		w.Meanwhile = map[string]func(){"POST /api/folders": func() {
			w.Grafana.Do(http.MethodPost, "/api/folders", 3, map[string]any{"uid": meanwhile, "title": "Team"})
		}}
	}
	d := crash.Dashboard("requests", crash.OneDashboard)
	path("Team")(d)
	w.Create(d)
	w.Briefly(0)
	if w.Get(d); !meta.IsStatusConditionTrue(d.Status.Conditions, v1alpha1.ConditionReady) {
		t.Errorf("%s: %+v", version, d.Status.Conditions)
	}
	if err := inFolder("Team")(w); err != nil {
		t.Fatalf("%s: %v", version, err)
	}
	return w.Grafana.Folders(3)[0].UID
}

// A folder of ours that a person has renamed is still the one of its path: what a person has made in it is found there,
// and nothing is made beside it.
func TestFolderRenamedWithAPersonsInIt(t *testing.T) {
	w := crash.New(t, "12.4.0")
	w.Seed()
	withDashboard("requests", path("Team"))(w)
	w.Settle()
	team := w.Grafana.Folders(3)[0].UID
	w.Grafana.Do(http.MethodPut, "/api/folders/"+team, 3, map[string]any{"title": "Squad", "overwrite": true})
	w.Grafana.Do(
		http.MethodPost,
		"/api/folders",
		3,
		map[string]any{"uid": "theirs", "title": "Reports", "parentUid": team},
	)
	w.Clock = w.Clock.Add(2 * connection.ProofLife)
	crash.Edit(w, crash.Dashboard("", ""), path("Team", "Reports"))
	w.Settle()
	if err := inFolder("Squad", "Reports")(w); err != nil {
		t.Error(err)
	}
}

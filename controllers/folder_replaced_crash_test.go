package controllers_test

import (
	"net/http"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/testing/crash"
)

// A folder of the same uid, title and place that a person has put in the place of ours is told from it by the next
// list: by its number, or by the time at which it was made.
func TestFolderReplacedByOneThatIsJustLikeIt(t *testing.T) {
	for _, version := range grafanatest.Versions() {
		t.Run(version, func(t *testing.T) {
			w := crash.New(t, version)
			w.Seed()
			withFolder("team")(w)
			rested(w)
			w.Clock = w.Clock.Add(time.Minute)
			w.Grafana.Do(http.MethodDelete, "/api/folders/team", 3, nil)
			w.Grafana.Do(http.MethodPost, "/api/folders", 3, map[string]any{"uid": "team", "title": "Team"})
			for end := w.Clock.Add(lifecycle.DefaultResync); w.Step(end); {
			}
			f := newFolder("")
			w.Get(f)
			ready := meta.FindStatusCondition(f.Status.Conditions, v1alpha1.ConditionReady)
			if ready == nil || ready.Reason != v1alpha1.ReasonAlreadyExists {
				t.Errorf("it is %+v", ready)
			}
		})
	}
}

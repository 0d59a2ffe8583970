package controllers_test

import (
	"strings"
	"sync"
	"testing"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

// adds reports whether a request adds somebody to an organization.
func adds(r *grafanatest.Request, login string) bool {
	return r.Method == "POST" && strings.HasSuffix(r.Path, "/users") && strings.Contains(string(r.Body), login)
}

// Who is let in by others at the same moment is theirs, also where somebody else on the list cannot be added yet.
func TestAPIMembershipOfWhoIsAddedInBetweenWhileAnotherFails(t *testing.T) {
	suite.NotOnReal(t, "it needs a request that fails")
	everyVersion(t, func(_ *testing.T, w *suite.World) {
		ada, bob := login(w, "ada"), login(w, "bob")
		person(w, ada)
		person(w, bob)
		org := suite.Ready(w, w.Organization("team")).Status.OrgID
		var once sync.Once
		w.Grafana.SetFault(func(r *grafanatest.Request) grafanatest.Fault {
			switch {
			case adds(r, ada):
				once.Do(func() {
					w.Grafana.Do("POST", r.Path, 1, map[string]any{"loginOrEmail": ada, "role": "Viewer"})
				})
			case adds(r, bob):
				return grafanatest.Fault{Outcome: grafanatest.Answer, Status: 500}
			}
			return grafanatest.Fault{}
		})
		m := membership(w, "people", "team", []v1alpha1.Member{as("Viewer", ada), as("Viewer", bob)})
		suite.Waiting(w, m, v1alpha1.ReasonGrafanaUnavailable, "500")
		w.Grafana.SetFault(nil)
		suite.Ready(w, m)
		w.Delete(m)
		w.Gone(m)
		hasPeople(w, org, ada, "Viewer")
	})
}

// One who is refused and one who cannot be added yet leave a status that Kubernetes takes, and which says why.
func TestAPIMembershipOfTheRefusedWhileAnotherFails(t *testing.T) {
	suite.NotOnReal(t, "it needs a request that fails")
	everyVersion(t, func(_ *testing.T, w *suite.World) {
		ada, bob := login(w, "ada"), login(w, "bob")
		person(w, ada)
		person(w, bob)
		suite.Ready(w, w.Organization("team"))
		w.Grafana.SetFault(func(r *grafanatest.Request) grafanatest.Fault {
			switch {
			case adds(r, ada):
				return grafanatest.Fault{Outcome: grafanatest.Answer, Status: 403, Body: `{"message":"Quota reached"}`}
			case adds(r, bob):
				return grafanatest.Fault{Outcome: grafanatest.Answer, Status: 500}
			}
			return grafanatest.Fault{}
		})
		m := membership(w, "people", "team", []v1alpha1.Member{as("Viewer", ada), as("Viewer", bob)})
		suite.Waiting(w, m, v1alpha1.ReasonGrafanaUnavailable, "500")
		w.Grafana.SetFault(nil)
		suite.Ready(w, m)
	})
}

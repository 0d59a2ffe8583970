package controllers

import (
	"net/http"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/connection"
	"grafana-tenancy.dev/operator/internal/mark"
)

// A folder that another Dashboard has made between the look and the request is shared, and says nothing about the
// dashboard.
func TestFolderMadeMeanwhile(t *testing.T) {
	for _, version := range []string{"12.4.0", "10.4.3"} {
		w := newWorld(t, version)
		w.seed()
		withOrg(w)
		w.settle()
		d := newDashboard("requests", oneDashboard)
		path("Team")(d)
		x := &dash{orgScope: &orgScope{mark: mark.Of("cluster-1", ownerOfFolders(w))}}
		w.meanwhile = map[string]func(){"POST /api/folders": func() {
			w.grafana.Do(
				http.MethodPost,
				"/api/folders",
				3,
				map[string]any{"uid": x.derivedFolder([]string{"Team"}), "title": "Team"},
			)
		}}
		w.create(d)
		w.briefly(0)
		if w.get(d); !meta.IsStatusConditionTrue(d.Status.Conditions, v1alpha1.ConditionReady) {
			t.Errorf("%s: %+v", version, d.Status.Conditions)
		}
		if err := inFolder("Team")(w); err != nil {
			t.Errorf("%s: %v", version, err)
		}
	}
}

// A folder of ours that a person has renamed is still the one of its path: what a person has made in it is found there,
// and nothing is made beside it.
func TestFolderRenamedWithAPersonsInIt(t *testing.T) {
	w := newWorld(t, "12.4.0")
	w.seed()
	withDashboard("requests", path("Team"))(w)
	w.settle()
	team := w.grafana.Folders(3)[0].UID
	w.grafana.Do(http.MethodPut, "/api/folders/"+team, 3, map[string]any{"title": "Squad", "overwrite": true})
	w.grafana.Do(
		http.MethodPost,
		"/api/folders",
		3,
		map[string]any{"uid": "theirs", "title": "Reports", "parentUid": team},
	)
	w.clock = w.clock.Add(2 * connection.ProofLife)
	edit(w, newDashboard("", ""), path("Team", "Reports"))
	w.settle()
	if err := inFolder("Squad", "Reports")(w); err != nil {
		t.Error(err)
	}
}

func ownerOfFolders(w *world) *v1alpha1.Organization {
	o := newOrganization("")
	w.get(o)
	return o
}

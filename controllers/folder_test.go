package controllers

import (
	"net/http"
	"testing"

	"grafana-tenancy.dev/operator/api/v1alpha1"
)

// A folder that another Dashboard has made between the look and the request is shared, and says nothing about the dashboard.
func TestFolderMadeMeanwhile(t *testing.T) {
	for _, version := range []string{"12.4.0", "10.4.3"} {
		w := newWorld(t, version)
		w.seed()
		withOrg(w)
		w.settle()
		d := newDashboard("requests", oneDashboard)
		path("Team")(d)
		x := &dash{place: &place{mark: markOf("cluster-1", ownerOfFolders(w))}}
		w.meanwhile = map[string]func(){"POST /api/folders": func() {
			w.grafana.Do(http.MethodPost, "/api/folders", 3, map[string]any{"uid": x.derivedFolder([]string{"Team"}), "title": "Team"})
		}}
		w.create(d)
		w.briefly(0)
		if w.get(d); !isTrue(d.Status.Conditions, v1alpha1.ConditionReady) {
			t.Errorf("%s: %+v", version, d.Status.Conditions)
		}
		if err := inFolder("Team")(w); err != nil {
			t.Errorf("%s: %v", version, err)
		}
	}
}

func ownerOfFolders(w *world) *v1alpha1.Organization {
	o := newOrganization("")
	w.get(o)
	return o
}

package controllers_test

import (
	"strings"
	"sync/atomic"
	"testing"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

// A new folder in a restricted one is not Ready before it was seen what it was born with, however that look fails.
func TestAPIFolderWhosePermissionsCannotBeReadAtFirst(t *testing.T) {
	suite.NotOnReal(t, "it needs a request that fails")
	t.Parallel()
	w := suite.New(t, grafanatest.Options{Version: "10.4.3", NestedFolders: true})
	org := suite.Ready(w, w.Organization("team")).Status.OrgID
	suite.Ready(w, declareFolder(w, "parent", "team", lets()))
	var failed atomic.Int64
	w.Grafana.SetFault(func(r *grafanatest.Request) grafanatest.Fault {
		if r.Method == "GET" && strings.HasSuffix(r.Path, "/permissions") && failed.Add(1) <= 2 {
			return grafanatest.Fault{Outcome: grafanatest.Refuse}
		}
		return grafanatest.Fault{}
	})
	child := suite.Ready(w, declareFolder(w, "child", "team", below("parent")))
	if is := permissionsIn(w, org, child.Status.UID); len(is) > 0 || failed.Load() < 3 {
		t.Errorf("after %d looks the folder lets %v", failed.Load(), is)
	}
}

// Folders that refer to each other, and so cannot be put there, are deleted all the same.
func TestAPIFolderLoopDeleted(t *testing.T) {
	whereFolders(t, func(_ *testing.T, w *suite.World) {
		suite.Ready(w, w.Organization("team"))
		a, b := declareFolder(w, "a", "team"), declareFolder(w, "b", "team")
		suite.Ready(w, a)
		suite.Ready(w, b)
		suite.Change(w, a, func() { a.Spec.ParentRef = &v1alpha1.LocalObjectReference{Name: "b"} })
		suite.Ready(w, a)
		suite.Change(w, b, func() { b.Spec.ParentRef = &v1alpha1.LocalObjectReference{Name: "a"} })
		w.Delete(a, b)
		w.Gone(a, b)
	})
}

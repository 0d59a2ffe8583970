package controllers_test

import (
	"errors"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

// While the deletion of what contains them is blocked, whatever that is, children are kept up: keys are rotated, edits
// put right, lost things made again. New ones are not made. When they are deleted as well, all of it goes.
func TestAPIBlockedDeletionKeepsChildrenUp(t *testing.T) {
	t.Parallel()
	for name, parents := range map[string]func(*suite.World, *tenant) []lifecycle.Object{
		"Instance": func(w *suite.World, _ *tenant) []lifecycle.Object {
			return []lifecycle.Object{&v1alpha1.Instance{ObjectMeta: w.Named("grafana")}}
		},
		"Organization": func(_ *suite.World, n *tenant) []lifecycle.Object { return []lifecycle.Object{n.org} },
		"all": func(w *suite.World, n *tenant) []lifecycle.Object {
			return []lifecycle.Object{&v1alpha1.Instance{ObjectMeta: w.Named("grafana")}, n.org, n.sa}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clock := suite.NewClock()
			w := suite.New(t, grafanatest.Options{Now: clock.Now})
			n := newTenant(w)
			suite.Change(w, n.token, func() { n.token.Spec.TTL = duration(time.Hour) })
			revised(w, n.token, 2)
			for _, p := range parents(w, n) {
				w.Delete(p)
				suite.Stalled(w, p, v1alpha1.ReasonDeletionBlocked)
			}
			clock.Advance(2 * time.Hour)
			suite.Visit(w, n.token)
			revised(w, n.token, 3)
			if !alive(w, w.Key("ci")) {
				t.Error("the key in the Secret is dead")
			}
			keepsUp(w, n)
		})
	}
}

// keepsUp checks that edits are put right, and that what is lost comes again.
func keepsUp(w *suite.World, n *tenant) {
	w.T.Helper()
	org, uid := n.org.Status.OrgID, n.dash.Status.UID
	w.Ask("DELETE", "/api/dashboards/uid/"+uid, org, nil)
	suite.Visit(w, n.dash)
	w.Eventually("the dashboard again", func() error {
		if w.Dash(org, uid) == nil {
			return errors.New("it is not there")
		}
		return nil
	})
	late := w.Dashboard("late", "team", `{"title":"Late"}`)
	if suite.Get(w, n.org).DeletionTimestamp != nil {
		suite.Waiting(w, late, v1alpha1.ReasonParentNotAvailable, "is being deleted")
		if all := w.Grafana.Dashboards(org); len(all) != 1 {
			w.T.Errorf("dashboards: %+v", all)
		}
	}
	w.Delete(late, n.dash, n.token)
	for _, obj := range []client.Object{n.sa, n.org, &v1alpha1.Instance{ObjectMeta: w.Named("grafana")}} {
		if suite.Get(w, obj).GetDeletionTimestamp() == nil {
			w.Delete(obj)
		}
	}
	w.Gone(late, n.dash, n.token, n.sa, n.org, &v1alpha1.Instance{ObjectMeta: w.Named("grafana")})
	if all := w.Grafana.Orgs(); len(all) != 1 {
		w.T.Errorf("organizations: %+v", all)
	}
}

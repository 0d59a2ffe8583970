package controllers_test

import (
	"errors"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/lifecycle"
)

// While the deletion of what contains them is blocked, whatever that is, children are kept up: keys are rotated, edits
// put right, lost things made again. New ones are not made. When they are deleted as well, all of it goes.
func TestAPIBlockedDeletionKeepsChildrenUp(t *testing.T) {
	t.Parallel()
	for name, parents := range map[string]func(*world, *tenant) []lifecycle.Object{
		"Instance": func(w *world, _ *tenant) []lifecycle.Object {
			return []lifecycle.Object{&v1alpha1.Instance{ObjectMeta: w.named("grafana")}}
		},
		"Organization": func(_ *world, n *tenant) []lifecycle.Object { return []lifecycle.Object{n.org} },
		"all": func(w *world, n *tenant) []lifecycle.Object {
			return []lifecycle.Object{&v1alpha1.Instance{ObjectMeta: w.named("grafana")}, n.org, n.sa}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clock := newClock()
			w := newWorld(t, grafanatest.Options{Now: clock.Now})
			n := w.tenant()
			change(w, n.token, func() { n.token.Spec.TTL = duration(time.Hour) })
			revised(w, n.token, 2)
			for _, p := range parents(w, n) {
				w.delete(p)
				stalled(w, p, v1alpha1.ReasonDeletionBlocked)
			}
			clock.advance(2 * time.Hour)
			visit(w, n.token)
			revised(w, n.token, 3)
			if !w.alive(w.key("ci")) {
				t.Error("the key in the Secret is dead")
			}
			w.keepsUp(n)
		})
	}
}

// keepsUp checks that edits are put right, and that what is lost comes again.
func (w *world) keepsUp(n *tenant) {
	w.t.Helper()
	org, uid := n.org.Status.OrgID, n.dash.Status.UID
	w.ask("DELETE", "/api/dashboards/uid/"+uid, org, nil)
	visit(w, n.dash)
	w.eventually("the dashboard again", func() error {
		if w.dash(org, uid) == nil {
			return errors.New("it is not there")
		}
		return nil
	})
	late := w.dashboard("late", "team", `{"title":"Late"}`)
	if get(w, n.org).DeletionTimestamp != nil {
		waiting(w, late, v1alpha1.ReasonParentNotAvailable, "is being deleted")
		if all := w.grafana.Dashboards(org); len(all) != 1 {
			w.t.Errorf("dashboards: %+v", all)
		}
	}
	w.delete(late, n.dash, n.token)
	for _, obj := range []client.Object{n.sa, n.org, &v1alpha1.Instance{ObjectMeta: w.named("grafana")}} {
		if get(w, obj).GetDeletionTimestamp() == nil {
			w.delete(obj)
		}
	}
	w.gone(late, n.dash, n.token, n.sa, n.org, &v1alpha1.Instance{ObjectMeta: w.named("grafana")})
	if all := w.grafana.Orgs(); len(all) != 1 {
		w.t.Errorf("organizations: %+v", all)
	}
}

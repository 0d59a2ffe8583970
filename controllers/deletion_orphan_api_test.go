package controllers_test

import (
	"fmt"
	"testing"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

// With deletionPolicy Orphan everything stays in Grafana, the key keeps working, and the Secret stays without us.
func TestAPIDeletionOrphan(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	n := newTenant(w)
	suite.Change(w, n.org, func() { n.org.Spec.DeletionPolicy = v1alpha1.OrganizationOrphan })
	suite.Change(w, n.sa, func() { n.sa.Spec.DeletionPolicy = v1alpha1.DeletionOrphan })
	suite.Change(w, n.token, func() { n.token.Spec.DeletionPolicy = v1alpha1.DeletionOrphan })
	suite.Change(w, n.dash, func() { n.dash.Spec.DeletionPolicy = v1alpha1.DeletionOrphan })
	n.ready(w)
	id, key := n.org.Status.OrgID, w.Key("ci")
	w.Delete(n.org, n.sa, n.token, n.dash)
	w.Gone(n.token, n.dash, n.sa, n.org)
	if w.Org(id) == nil || len(w.Grafana.ServiceAccounts(id)) != 1 || len(w.Grafana.Dashboards(id)) != 1 {
		t.Errorf("left in Grafana: %+v, %+v, %+v", w.Org(id), w.Grafana.ServiceAccounts(id), w.Grafana.Dashboards(id))
	}
	if _, _, _, alive := w.Grafana.KeyAlive(key); !alive {
		t.Error("the key does not work any more")
	}
	if secret := w.Secret("ci"); len(secret.OwnerReferences) != 0 || string(secret.Data["token"]) != key {
		t.Errorf("the Secret has owners %v; the same key: %v", secret.OwnerReferences,
			string(secret.Data["token"]) == key)
	}
	again := w.Organization("again", func(o *v1alpha1.Organization) { o.Spec.Name = "team" })
	suite.Stalled(w, again, v1alpha1.ReasonAlreadyExists, `"team"`)
}

// What was let go by Orphan is had back by objects of the same names, with the key that has been in the Secret all the
// time.
func TestAPIDeletionOrphanAndBack(t *testing.T) {
	t.Parallel()
	for _, version := range grafanatest.Versions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			w := suite.New(t, grafanatest.Options{Version: version})
			n := newTenant(w)
			was := n.now(w)
			suite.Change(w, n.org, func() { n.org.Spec.DeletionPolicy = v1alpha1.OrganizationOrphan })
			suite.Change(w, n.sa, func() { n.sa.Spec.DeletionPolicy = v1alpha1.DeletionOrphan })
			suite.Change(w, n.token, func() { n.token.Spec.DeletionPolicy = v1alpha1.DeletionOrphan })
			suite.Change(w, n.dash,
				func() { n.dash.Spec.DeletionPolicy, n.dash.Spec.UID = v1alpha1.DeletionOrphan, "" })
			w.Delete(n.org, n.sa, n.token, n.dash)
			w.Gone(n.token, n.dash, n.sa, n.org)
			w.Ask("PUT", fmt.Sprintf("/api/orgs/%d", was.org), 0, map[string]any{"name": "Renamed meanwhile"})
			w.Ask("PUT", fmt.Sprintf("/api/orgs/%d", was.org), 0, map[string]any{"name": "team"})
			n = &tenant{
				token: w.Token("ci", "robot"), sa: w.Account("robot", "team"), org: w.Organization("team"),
				dash: w.Dashboard("overview", "team", overview, func(o *v1alpha1.Dashboard) { o.Spec.UID = was.uid }),
			}
			n.ready(w)
			if now := n.now(w); now != was || len(w.Grafana.Keys()) != 1 {
				t.Errorf("organization %d became %d, account %d %d, uid %s %s; the same key: %v of %d", was.org,
					now.org, was.account, now.account, was.uid, now.uid, was.key == now.key, len(w.Grafana.Keys()))
			}
			n.check(w)
			n.remove(w)
		})
	}
}

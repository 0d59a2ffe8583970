package controllers_test

import (
	"fmt"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

// A parent that is deleted is held by children that are not, says how many of which kind, and goes when they have gone.
func TestAPIDeletionBlocked(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	n := newTenant(w)
	second := suite.Ready(w, w.Dashboard("second", "team", `{"title":"Second"}`))
	instance := instanceOf(w)

	w.Delete(instance, n.org, n.sa)
	suite.Stalled(w, n.org, v1alpha1.ReasonDeletionBlocked, "2 Dashboards")
	suite.Stalled(w, n.sa, v1alpha1.ReasonDeletionBlocked, "1 ServiceAccountToken", v1alpha1.AnnotationAbandon)
	if w.Org(n.org.Status.OrgID) == nil || w.SA(n.org.Status.OrgID, n.sa.Status.ID) == nil {
		t.Fatal("it was deleted in Grafana while it was blocked")
	}
	if _, _, _, alive := w.Grafana.KeyAlive(w.Key("ci")); !alive {
		t.Error("the token of the blocked service account does not work any more")
	}
	w.Delete(n.token)
	w.Gone(n.token, n.sa)
	w.Delete(second)
	w.Gone(second)
	w.Eventually("one Dashboard left", func() error {
		suite.Stalled(w, n.org, v1alpha1.ReasonDeletionBlocked)
		if !suite.Contains(suite.MessageOf(n.org), "1 Dashboard:") {
			return fmt.Errorf("it says: %s", suite.MessageOf(n.org))
		}
		return nil
	})
	w.Delete(n.dash)
	w.Gone(n.dash, n.org, instance)
	if len(w.Grafana.Orgs()) != 1 {
		t.Errorf("organizations are left: %+v", w.Grafana.Orgs())
	}
}

// Children whose parent is being deleted are not made, and wait with a word about it.
func TestAPIDeletionTakesNoNewChildren(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	n := newTenant(w)
	w.Delete(n.org)
	suite.Stalled(w, n.org, v1alpha1.ReasonDeletionBlocked, "1 Dashboard, 1 ServiceAccount")
	late := w.Dashboard("late", "team", `{"title":"Late"}`)
	suite.Waiting(w, late, v1alpha1.ReasonParentNotAvailable, "is being deleted")
	if len(w.Grafana.Dashboards(n.org.Status.OrgID)) != 1 {
		t.Errorf("dashboards: %+v", w.Grafana.Dashboards(n.org.Status.OrgID))
	}
	w.Delete(late)
	w.Gone(late)
}

// The annotation lets go of everything as it is, even if Grafana is away.
func TestAPIDeletionAbandon(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	n := newTenant(w)
	id, key := n.org.Status.OrgID, w.Key("ci")
	w.Grafana.SetDown(true)
	w.Delete(n.org, n.sa, n.token, n.dash)
	w.Abandon(t.Context(), w.NS)
	w.Grafana.SetDown(false)
	if w.Org(id) == nil || len(w.Grafana.ServiceAccounts(id)) != 1 || len(w.Grafana.Dashboards(id)) != 1 {
		t.Error("something was deleted in Grafana")
	}
	if _, _, _, alive := w.Grafana.KeyAlive(key); !alive {
		t.Error("the key does not work any more")
	}
	if secret := w.Secret("ci"); len(secret.OwnerReferences) != 0 {
		t.Errorf("the Secret would go with its owner: %v", secret.OwnerReferences)
	}
}

// A child whose parent was let go cannot be deleted in Grafana: it says so and what can be done.
func TestAPIDeletionParentGone(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	n := newTenant(w)
	suite.Change(w, n.org, func() { n.org.Annotations = map[string]string{v1alpha1.AnnotationAbandon: "true"} })
	suite.Change(w, n.sa, func() { n.sa.Annotations = map[string]string{v1alpha1.AnnotationAbandon: "true"} })
	w.Delete(n.org, n.sa)
	w.Gone(n.org, n.sa)
	w.Delete(n.dash, n.token)
	suite.Stalled(w, n.dash, v1alpha1.ReasonParentGone, "Organization "+w.NS+"/team does not exist",
		v1alpha1.AnnotationAbandon)
	suite.Stalled(w, n.token, v1alpha1.ReasonParentGone, "ServiceAccount "+w.NS+"/robot does not exist",
		v1alpha1.AnnotationAbandon)
}

// What never got into Grafana goes at once.
func TestAPIDeletionOfNothing(t *testing.T) {
	t.Parallel()
	w := suite.NewEmpty(t, grafanatest.Options{})
	org, sa := w.Organization("team"), w.Account("robot", "team")
	token, dash := w.Token("ci", "robot"), w.Dashboard("overview", "team", overview)
	suite.Waiting(w, org, v1alpha1.ReasonParentNotFound)
	suite.Waiting(w, sa, v1alpha1.ReasonParentNotAvailable)
	suite.Waiting(w, token, v1alpha1.ReasonParentNotAvailable)
	suite.Waiting(w, dash, v1alpha1.ReasonParentNotAvailable)
	w.Delete(org, sa, token, dash)
	w.Gone(token, dash, sa, org)
}

// A whole tenant goes although Grafana is away for a while.
func TestAPIDeletionDuringOutage(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	n := newTenant(w)
	w.Grafana.SetDown(true)
	w.Delete(n.org, n.sa, n.token, n.dash)
	suite.Until(w, n.dash, "a word about the outage", isUnavailable)
	if !meta.IsStatusConditionTrue(n.dash.Status.Conditions, v1alpha1.ConditionReconciling) {
		t.Errorf("conditions: %+v", n.dash.Status.Conditions)
	}
	w.Grafana.SetDown(false)
	w.Gone(n.token, n.dash, n.sa, n.org)
	if len(w.Grafana.Orgs()) != 1 {
		t.Errorf("organizations are left: %+v", w.Grafana.Orgs())
	}
}

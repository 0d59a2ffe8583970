package controllers_test

import (
	"fmt"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
)

// With deletionPolicy Orphan everything stays in Grafana, the key keeps working, and the Secret stays without us.
func TestAPIDeletionOrphan(t *testing.T) {
	t.Parallel()
	w := newWorld(t, grafanatest.Options{})
	n := w.tenant()
	change(w, n.org, func() { n.org.Spec.DeletionPolicy = v1alpha1.DeletionOrphan })
	change(w, n.sa, func() { n.sa.Spec.DeletionPolicy = v1alpha1.DeletionOrphan })
	change(w, n.token, func() { n.token.Spec.DeletionPolicy = v1alpha1.DeletionOrphan })
	change(w, n.dash, func() { n.dash.Spec.DeletionPolicy = v1alpha1.DeletionOrphan })
	n.ready(w)
	id, key := n.org.Status.OrgID, w.key("ci")
	w.delete(n.org, n.sa, n.token, n.dash)
	w.gone(n.token, n.dash, n.sa, n.org)
	if w.org(id) == nil || len(w.grafana.ServiceAccounts(id)) != 1 || len(w.grafana.Dashboards(id)) != 1 {
		t.Errorf("left in Grafana: %+v, %+v, %+v", w.org(id), w.grafana.ServiceAccounts(id), w.grafana.Dashboards(id))
	}
	if _, _, _, alive := w.grafana.KeyAlive(key); !alive {
		t.Error("the key does not work any more")
	}
	if secret := w.secret("ci"); len(secret.OwnerReferences) != 0 || string(secret.Data["token"]) != key {
		t.Errorf("the Secret has owners %v; the same key: %v", secret.OwnerReferences, string(secret.Data["token"]) == key)
	}
	again := w.organization("again", func(o *v1alpha1.Organization) { o.Spec.Name = "team" })
	stalled(w, again, v1alpha1.ReasonAlreadyExists, `"team"`)
}

// A parent that is deleted is held by children that are not, says how many of which kind, and goes when they have gone.
func TestAPIDeletionBlocked(t *testing.T) {
	t.Parallel()
	w := newWorld(t, grafanatest.Options{})
	n := w.tenant()
	second := ready(w, w.dashboard("second", "team", `{"title":"Second"}`))
	instance := get(w, &v1alpha1.Instance{ObjectMeta: w.named("grafana")})

	w.delete(instance, n.org, n.sa)
	stalled(w, n.org, v1alpha1.ReasonDeletionBlocked, "2 Dashboards")
	stalled(w, n.sa, v1alpha1.ReasonDeletionBlocked, "1 ServiceAccountToken", v1alpha1.AnnotationAbandon)
	if w.org(n.org.Status.OrgID) == nil || w.sa(n.org.Status.OrgID, n.sa.Status.ID) == nil {
		t.Fatal("it was deleted in Grafana while it was blocked")
	}
	if _, _, _, alive := w.grafana.KeyAlive(w.key("ci")); !alive {
		t.Error("the token of the blocked service account does not work any more")
	}
	w.delete(n.token)
	w.gone(n.token, n.sa)
	w.delete(second)
	w.gone(second)
	w.eventually("one Dashboard left", func() error {
		if stalled(w, n.org, v1alpha1.ReasonDeletionBlocked); messageOf(n.org) == "" || !contains(messageOf(n.org), "1 Dashboard:") {
			return fmt.Errorf("it says: %s", messageOf(n.org))
		}
		return nil
	})
	w.delete(n.dash)
	w.gone(n.dash, n.org, instance)
	if len(w.grafana.Orgs()) != 1 {
		t.Errorf("organizations are left: %+v", w.grafana.Orgs())
	}
}

// Children whose parent is being deleted are not made, and wait with a word about it.
func TestAPIDeletionTakesNoNewChildren(t *testing.T) {
	t.Parallel()
	w := newWorld(t, grafanatest.Options{})
	n := w.tenant()
	w.delete(n.org)
	stalled(w, n.org, v1alpha1.ReasonDeletionBlocked, "1 Dashboard, 1 ServiceAccount")
	late := w.dashboard("late", "team", `{"title":"Late"}`)
	waiting(w, late, v1alpha1.ReasonParentNotAvailable, "is being deleted")
	if len(w.grafana.Dashboards(n.org.Status.OrgID)) != 1 {
		t.Errorf("dashboards: %+v", w.grafana.Dashboards(n.org.Status.OrgID))
	}
	w.delete(late)
	w.gone(late)
}

// An organization that holds what others put there is not deleted, until it is empty or let go.
func TestAPIDeletionOfOthersWork(t *testing.T) {
	t.Parallel()
	w := newWorld(t, grafanatest.Options{})
	org := ready(w, w.organization("team"))
	id := org.Status.OrgID
	w.ask("POST", "/api/dashboards/db", id, map[string]any{"dashboard": map[string]any{"uid": "theirs", "title": "Their work"}})
	w.delete(org)
	stalled(w, org, v1alpha1.ReasonDeletionBlocked, "Their work", "Orphan")
	if w.dash(id, "theirs") == nil {
		t.Fatal("their dashboard is gone")
	}
	w.ask("DELETE", "/api/dashboards/uid/theirs", id, nil)
	visit(w, org)
	w.gone(org)
	if w.org(id) != nil {
		t.Error("the organization is left")
	}
}

// The annotation lets go of everything as it is, even if Grafana is away.
func TestAPIDeletionAbandon(t *testing.T) {
	t.Parallel()
	w := newWorld(t, grafanatest.Options{})
	n := w.tenant()
	id, key := n.org.Status.OrgID, w.key("ci")
	w.grafana.SetDown(true)
	w.delete(n.org, n.sa, n.token, n.dash)
	w.abandon(t.Context(), w.ns)
	w.grafana.SetDown(false)
	if w.org(id) == nil || len(w.grafana.ServiceAccounts(id)) != 1 || len(w.grafana.Dashboards(id)) != 1 {
		t.Error("something was deleted in Grafana")
	}
	if _, _, _, alive := w.grafana.KeyAlive(key); !alive {
		t.Error("the key does not work any more")
	}
	if secret := w.secret("ci"); len(secret.OwnerReferences) != 0 {
		t.Errorf("the Secret would go with its owner: %v", secret.OwnerReferences)
	}
}

// A child whose parent was let go cannot be deleted in Grafana: it says so and what can be done.
func TestAPIDeletionParentGone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, grafanatest.Options{})
	n := w.tenant()
	change(w, n.org, func() { n.org.Annotations = map[string]string{v1alpha1.AnnotationAbandon: "true"} })
	change(w, n.sa, func() { n.sa.Annotations = map[string]string{v1alpha1.AnnotationAbandon: "true"} })
	w.delete(n.org, n.sa)
	w.gone(n.org, n.sa)
	w.delete(n.dash, n.token)
	stalled(w, n.dash, v1alpha1.ReasonParentGone, "Organization "+w.ns+"/team does not exist", v1alpha1.AnnotationAbandon)
	stalled(w, n.token, v1alpha1.ReasonParentGone, "ServiceAccount "+w.ns+"/robot does not exist", v1alpha1.AnnotationAbandon)
}

// What never got into Grafana goes at once.
func TestAPIDeletionOfNothing(t *testing.T) {
	t.Parallel()
	w := newEmptyWorld(t, grafanatest.Options{})
	org, sa := w.organization("team"), w.account("robot", "team")
	token, dash := w.token("ci", "robot"), w.dashboard("overview", "team", overview)
	waiting(w, org, v1alpha1.ReasonParentNotFound)
	waiting(w, sa, v1alpha1.ReasonParentNotAvailable)
	waiting(w, token, v1alpha1.ReasonParentNotAvailable)
	waiting(w, dash, v1alpha1.ReasonParentNotAvailable)
	w.delete(org, sa, token, dash)
	w.gone(token, dash, sa, org)
}

// A whole tenant goes although Grafana is away for a while.
func TestAPIDeletionDuringOutage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, grafanatest.Options{})
	n := w.tenant()
	w.grafana.SetDown(true)
	w.delete(n.org, n.sa, n.token, n.dash)
	until(w, n.dash, "a word about the outage", isUnavailable)
	if !meta.IsStatusConditionTrue(n.dash.Status.Conditions, v1alpha1.ConditionReconciling) {
		t.Errorf("conditions: %+v", n.dash.Status.Conditions)
	}
	w.grafana.SetDown(false)
	w.gone(n.token, n.dash, n.sa, n.org)
	if len(w.grafana.Orgs()) != 1 {
		t.Errorf("organizations are left: %+v", w.grafana.Orgs())
	}
}

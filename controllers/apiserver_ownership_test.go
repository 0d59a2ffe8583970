package controllers_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/lifecycle"
)

func (w *world) setAddress(org int64, address grafanatest.Address) {
	w.t.Helper()
	w.ask("PUT", fmt.Sprintf("/api/orgs/%d/address", org), 0, address)
}

// A mark that people overwrote is set again while id and name agree, and leaves the rest of the address to them.
func TestAPIMarkRepaired(t *testing.T) {
	t.Parallel()
	w := newWorld(t, grafanatest.Options{})
	org := ready(w, w.organization("team"))
	id := org.Status.OrgID
	if a := w.org(
		id,
	).Address; !strings.Contains(a.Address2, string(org.UID)) ||
		!strings.Contains(a.Address2, "cluster="+clusterID) {
		t.Errorf("the mark is not in the address: %+v", a)
	}
	w.setAddress(id, grafanatest.Address{Address1: "1 Main Street", Address2: "2nd floor", City: "Berlin"})
	visit(w, org)
	w.eventually("the mark", func() error {
		if a := w.org(id).Address; !strings.Contains(a.State, string(org.UID)) {
			return fmt.Errorf("the address is %+v", a)
		}
		return nil
	})
	if a := w.org(id).Address; a.Address1 != "1 Main Street" || a.Address2 != "2nd floor" || a.City != "Berlin" {
		t.Errorf("the address is %+v", a)
	}
	ready(w, org)
	w.delete(org)
	w.gone(org)
	if w.org(id) != nil {
		t.Error("the organization is left")
	}
}

// Where neither mark nor name agree, nothing is touched, also by deletion, until a person has put it right.
func TestAPIOwnershipLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t, grafanatest.Options{})
	n := w.tenant()
	id := n.org.Status.OrgID
	w.setAddress(id, grafanatest.Address{Address2: "somebody else's"})
	w.ask("PUT", fmt.Sprintf("/api/orgs/%d", id), 0, map[string]any{"name": "Theirs"})
	w.grafana.ResetLog()
	visit(w, n.org)
	stalled(w, n.org, v1alpha1.ReasonOwnershipLost, `"Theirs"`, `"team"`)
	w.delete(n.org, n.dash, n.sa, n.token)
	stalled(w, n.org, v1alpha1.ReasonOwnershipLost)
	if writes := w.writes(); len(writes) > 0 {
		t.Errorf("written to an organization that may be somebody else's: %v", writes)
	}
	w.ask("PUT", fmt.Sprintf("/api/orgs/%d", id), 0, map[string]any{"name": "team"})
	visit(w, n.org)
	w.gone(n.org, n.dash, n.sa, n.token)
	if all := w.grafana.Orgs(); len(all) != 1 {
		t.Errorf("organizations are left: %+v", all)
	}
}

// Where neither mark nor name agree, a person can say that the organization is the right one, by its id. What else
// stands in the address stays.
func TestAPIOwnershipConfirmed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, grafanatest.Options{})
	n := w.tenant()
	other := ready(w, w.organization("other"))
	id, key := n.org.Status.OrgID, w.key("ci")
	w.setAddress(id, grafanatest.Address{Address2: "1 Main Street", City: "Berlin"})
	w.ask("PUT", fmt.Sprintf("/api/orgs/%d", id), 0, map[string]any{"name": "Theirs"})
	visit(w, n.org)
	stalled(
		w,
		n.org,
		v1alpha1.ReasonOwnershipLost,
		fmt.Sprintf("%s=%d", v1alpha1.AnnotationConfirmOrgID, id),
		v1alpha1.AnnotationAbandon,
	)
	w.grafana.ResetLog()
	for _, wrong := range []string{"", "yes", "0", fmt.Sprint(other.Status.OrgID), fmt.Sprintf("0%d", id)} {
		change(w, n.org, func() {
			n.org.Annotations = map[string]string{v1alpha1.AnnotationConfirmOrgID: wrong}
			n.org.Spec.Preferences = &v1alpha1.Preferences{Timezone: "utc", Language: "en-" + wrong}
		})
		stalled(w, n.org, v1alpha1.ReasonOwnershipLost)
	}
	if writes := w.writes(); len(writes) > 0 {
		t.Errorf("written to what nobody confirmed: %v", writes)
	}
	change(w, n.org, func() {
		n.org.Annotations[v1alpha1.AnnotationConfirmOrgID] = fmt.Sprint(id)
		n.org.Spec.Preferences = nil
	})
	n.ready(w)
	if o := w.org(
		id,
	); o == nil || o.Name != "team" || o.Address.Address2 != "1 Main Street" || o.Address.City != "Berlin" ||
		!strings.Contains(o.Address.State, string(n.org.UID)) {
		t.Errorf("organization: %+v", o)
	}
	if n.org.Status.OrgID != id || w.key("ci") != key || len(w.grafana.Orgs()) != 3 {
		t.Errorf("status: %+v; organizations: %+v", n.org.Status, w.grafana.Orgs())
	}
	ready(w, other)
}

// Whoever may edit an organization can write another's mark into it. That loses it neither to that one, which has its
// own, nor for good: a person can say whose it is.
func TestAPIOwnershipForged(t *testing.T) {
	t.Parallel()
	w := newWorld(t, grafanatest.Options{})
	team, other := ready(w, w.organization("team")), ready(w, w.organization("other"))
	id, theirs := team.Status.OrgID, *w.org(other.Status.OrgID)
	w.setAddress(id, theirs.Address)
	w.ask("PUT", fmt.Sprintf("/api/orgs/%d", id), 0, map[string]any{"name": "Who knows"})
	visit(w, other)
	stalled(w, visit(w, team), v1alpha1.ReasonOwnershipLost, `"Who knows"`)
	if o := w.org(id); o.Name != "Who knows" || o.Address != theirs.Address || len(w.grafana.Orgs()) != 3 {
		t.Errorf("organizations: %+v", w.grafana.Orgs())
	}
	change(w, team, func() { team.Annotations = map[string]string{v1alpha1.AnnotationConfirmOrgID: fmt.Sprint(id)} })
	until(w, team, "Ready", func(c metav1.Condition) bool { return c.Status == metav1.ConditionTrue })
	if o := w.org(
		id,
	); team.Status.OrgID != id || o.Name != "team" ||
		!strings.Contains(o.Address.Address2, string(team.UID)) {
		t.Errorf("status %+v; organization %+v", team.Status, o)
	}
	if ready(
		w,
		visit(w, other),
	); other.Status.OrgID != theirs.ID || w.org(theirs.ID).Address != theirs.Address ||
		len(w.grafana.Orgs()) != 3 {
		t.Errorf("status %+v; organizations %+v", other.Status, w.grafana.Orgs())
	}
}

// An Organization that was deleted by force and applied again, or restored from a backup, finds its organization again.
func TestAPIPredecessor(t *testing.T) {
	t.Parallel()
	w := newWorld(t, grafanatest.Options{})
	org := ready(w, w.organization("team"))
	id := org.Status.OrgID
	blocker := ready(w, w.dashboard("overview", "team", overview)) // so that the deletion waits for us
	w.delete(org)
	stalled(w, org, v1alpha1.ReasonDeletionBlocked)
	w.release(org)
	w.gone(org)
	org = ready(w, w.organization("team"))
	if org.Status.OrgID != id || len(w.grafana.Orgs()) != 2 {
		t.Errorf("it was %d and is %d, of %+v", id, org.Status.OrgID, w.grafana.Orgs())
	}
	if a := w.org(id).Address; !strings.Contains(a.Address2, string(org.UID)) {
		t.Errorf("the mark is an earlier life's: %+v", a)
	}
	ready(w, blocker)
}

// Everything of a namespace goes at once, the admin Secret first, as when the namespace is deleted.
func TestAPIDeletionOfNamespace(t *testing.T) {
	t.Parallel()
	w := newWorld(t, grafanatest.Options{})
	n := w.tenant()
	instance := get(w, &v1alpha1.Instance{ObjectMeta: w.named("grafana")})
	admin, key := w.secret("admin"), w.key("ci")
	w.delete(admin, instance, n.org, n.sa, n.token, n.dash)
	w.gone(n.token, n.dash, n.sa, n.org, instance, admin)
	if _, _, _, alive := w.grafana.KeyAlive(key); alive {
		t.Error("the key still works")
	}
	if all := w.grafana.Orgs(); len(all) != 1 {
		t.Errorf("organizations are left: %+v", all)
	}
}

// A Grafana that is meant to be lost now and then is filled again, and no tenant gets into another's organization,
// although ids begin anew.
func TestAPIDatabaseReset(t *testing.T) {
	t.Parallel()
	w := newWorld(t, grafanatest.Options{}, rebuild)
	n := w.tenant()
	other := ready(w, w.organization("other"))
	own := ready(w, w.dashboard("own", "other", `{"title": "Own"}`))
	w.grafana.ResetDatabase()
	visit(w, other) // which now gets the id that team had
	w.eventually("other is there again", func() error {
		if w.orgNamed("other") == nil {
			return errors.New("it is not")
		}
		return nil
	})
	for _, obj := range []lifecycle.Object{own, n.token, n.dash, n.sa, n.org} {
		visit(w, obj)
	}
	w.eventually("everything is there again", func() error {
		team, other := w.orgNamed("team"), w.orgNamed("other")
		if team == nil || other == nil {
			return fmt.Errorf("organizations: %+v", w.grafana.Orgs())
		}
		if d := w.grafana.Dashboards(
			other.ID,
		); len(d) != 1 || d[0].Title != "Own" ||
			len(w.grafana.ServiceAccounts(other.ID)) != 0 {
			return fmt.Errorf("in other: %+v, %+v", d, w.grafana.ServiceAccounts(other.ID))
		}
		if d := w.grafana.Dashboards(
			team.ID,
		); len(d) != 1 || d[0].Title != "Overview" ||
			len(w.grafana.ServiceAccounts(team.ID)) != 1 {
			return fmt.Errorf("in team: %+v, %+v", d, w.grafana.ServiceAccounts(team.ID))
		}
		var secret corev1.Secret
		if err := w.client.Get(t.Context(), client.ObjectKey{Namespace: w.ns, Name: "ci"}, &secret); err != nil {
			return err
		}
		if orgID, _, _, alive := w.grafana.KeyAlive(string(secret.Data["token"])); !alive || orgID != team.ID {
			return fmt.Errorf("the key is of organization %d (alive: %v)", orgID, alive)
		}
		return nil
	})
	ready(w, other)
	ready(w, own)
	n.ready(w)
}

// release takes our finalizer off an object, as people do by force.
func (w *world) release(obj client.Object) {
	w.t.Helper()
	if err := w.client.Patch(
		w.t.Context(),
		obj,
		client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`)),
	); client.IgnoreNotFound(
		err,
	) != nil {
		w.t.Fatal(err)
	}
}

// After the operator's login was thrown out of an organization it joins again and goes on.
func TestAPIMembershipLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t, grafanatest.Options{})
	n := w.tenant()
	id := n.org.Status.OrgID
	w.ask(
		"POST",
		"/api/admin/users",
		0,
		map[string]any{"login": "jane", "name": "jane", "password": "jane-password", "email": "jane@example.com"},
	)
	w.ask("POST", fmt.Sprintf("/api/orgs/%d/users", id), 0, map[string]any{"loginOrEmail": "jane", "role": "Admin"})
	w.ask("DELETE", fmt.Sprintf("/api/orgs/%d/users/%d", id, w.grafana.Admin()), 0, nil)
	change(w, n.dash, func() { n.dash.Spec.Source.JSON = new(`{"title": "After all"}`) })
	ready(w, n.dash)
	ready(w, get(w, &v1alpha1.Instance{ObjectMeta: w.named("grafana")}))
	n.ready(w)
}

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
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

func setAddress(w *suite.World, org int64, address grafanatest.Address) {
	w.T.Helper()
	w.Ask("PUT", fmt.Sprintf("/api/orgs/%d/address", org), 0, address)
}

// A mark that people overwrote is set again while id and name agree, and leaves the rest of the address to them.
func TestAPIMarkRepaired(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	org := suite.Ready(w, w.Organization("team"))
	id := org.Status.OrgID
	if a := w.Org(
		id,
	).Address; !strings.Contains(a.Address2, string(org.UID)) ||
		!strings.Contains(a.Address2, "cluster="+suite.ClusterID) {
		t.Errorf("the mark is not in the address: %+v", a)
	}
	setAddress(w, id, grafanatest.Address{Address1: "1 Main Street", Address2: "2nd floor", City: "Berlin"})
	suite.Visit(w, org)
	w.Eventually("the mark", func() error {
		if a := w.Org(id).Address; !strings.Contains(a.State, string(org.UID)) {
			return fmt.Errorf("the address is %+v", a)
		}
		return nil
	})
	if a := w.Org(id).Address; a.Address1 != "1 Main Street" || a.Address2 != "2nd floor" || a.City != "Berlin" {
		t.Errorf("the address is %+v", a)
	}
	suite.Ready(w, org)
	w.Delete(org)
	w.Gone(org)
	if w.Org(id) != nil {
		t.Error("the organization is left")
	}
}

// Where neither mark nor name agree, nothing is touched, also by deletion, until a person has put it right.
func TestAPIOwnershipLost(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	n := newTenant(w)
	id := n.org.Status.OrgID
	setAddress(w, id, grafanatest.Address{Address2: "somebody else's"})
	w.Ask("PUT", fmt.Sprintf("/api/orgs/%d", id), 0, map[string]any{"name": "Theirs"})
	w.Grafana.ResetLog()
	suite.Visit(w, n.org)
	suite.Stalled(w, n.org, v1alpha1.ReasonOwnershipLost, `"Theirs"`, `"team"`)
	w.Delete(n.org, n.dash, n.sa, n.token)
	suite.Stalled(w, n.org, v1alpha1.ReasonOwnershipLost)
	if writes := w.Writes(); len(writes) > 0 {
		t.Errorf("written to an organization that may be somebody else's: %v", writes)
	}
	w.Ask("PUT", fmt.Sprintf("/api/orgs/%d", id), 0, map[string]any{"name": "team"})
	suite.Visit(w, n.org)
	w.Gone(n.org, n.dash, n.sa, n.token)
	if all := w.Grafana.Orgs(); len(all) != 1 {
		t.Errorf("organizations are left: %+v", all)
	}
}

// Where neither mark nor name agree, a person can say that the organization is the right one, by its id. What else
// stands in the address stays.
func TestAPIOwnershipConfirmed(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	n := newTenant(w)
	other := suite.Ready(w, w.Organization("other"))
	id, key := n.org.Status.OrgID, w.Key("ci")
	setAddress(w, id, grafanatest.Address{Address2: "1 Main Street", City: "Berlin"})
	w.Ask("PUT", fmt.Sprintf("/api/orgs/%d", id), 0, map[string]any{"name": "Theirs"})
	suite.Visit(w, n.org)
	suite.Stalled(
		w,
		n.org,
		v1alpha1.ReasonOwnershipLost,
		fmt.Sprintf("%s=%d", v1alpha1.AnnotationConfirmOrgID, id),
		v1alpha1.AnnotationAbandon,
	)
	w.Grafana.ResetLog()
	for _, wrong := range []string{"", "yes", "0", fmt.Sprint(other.Status.OrgID), fmt.Sprintf("0%d", id)} {
		suite.Change(w, n.org, func() {
			n.org.Annotations = map[string]string{v1alpha1.AnnotationConfirmOrgID: wrong}
			n.org.Spec.Preferences = &v1alpha1.Preferences{Timezone: "utc", Language: "en-" + wrong}
		})
		suite.Stalled(w, n.org, v1alpha1.ReasonOwnershipLost)
	}
	if writes := w.Writes(); len(writes) > 0 {
		t.Errorf("written to what nobody confirmed: %v", writes)
	}
	suite.Change(w, n.org, func() {
		n.org.Annotations[v1alpha1.AnnotationConfirmOrgID] = fmt.Sprint(id)
		n.org.Spec.Preferences = nil
	})
	n.ready(w)
	if o := w.Org(
		id,
	); o == nil || o.Name != "team" || o.Address.Address2 != "1 Main Street" || o.Address.City != "Berlin" ||
		!strings.Contains(o.Address.State, string(n.org.UID)) {
		t.Errorf("organization: %+v", o)
	}
	if n.org.Status.OrgID != id || w.Key("ci") != key || len(w.Grafana.Orgs()) != 3 {
		t.Errorf("status: %+v; organizations: %+v", n.org.Status, w.Grafana.Orgs())
	}
	suite.Ready(w, other)
}

// Whoever may edit an organization can write another's mark into it. That loses it neither to that one, which has its
// own, nor for good: a person can say whose it is.
func TestAPIOwnershipForged(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	team, other := suite.Ready(w, w.Organization("team")), suite.Ready(w, w.Organization("other"))
	id, theirs := team.Status.OrgID, *w.Org(other.Status.OrgID)
	setAddress(w, id, theirs.Address)
	w.Ask("PUT", fmt.Sprintf("/api/orgs/%d", id), 0, map[string]any{"name": "Who knows"})
	suite.Visit(w, other)
	suite.Stalled(w, suite.Visit(w, team), v1alpha1.ReasonOwnershipLost, `"Who knows"`)
	if o := w.Org(id); o.Name != "Who knows" || o.Address != theirs.Address || len(w.Grafana.Orgs()) != 3 {
		t.Errorf("organizations: %+v", w.Grafana.Orgs())
	}
	suite.Change(
		w,
		team,
		func() { team.Annotations = map[string]string{v1alpha1.AnnotationConfirmOrgID: fmt.Sprint(id)} },
	)
	suite.Until(w, team, "Ready", func(c metav1.Condition) bool { return c.Status == metav1.ConditionTrue })
	if o := w.Org(
		id,
	); team.Status.OrgID != id || o.Name != "team" ||
		!strings.Contains(o.Address.Address2, string(team.UID)) {
		t.Errorf("status %+v; organization %+v", team.Status, o)
	}
	if suite.Ready(
		w,
		suite.Visit(w, other),
	); other.Status.OrgID != theirs.ID || w.Org(theirs.ID).Address != theirs.Address ||
		len(w.Grafana.Orgs()) != 3 {
		t.Errorf("status %+v; organizations %+v", other.Status, w.Grafana.Orgs())
	}
}

// An Organization that was deleted by force and applied again, or restored from a backup, finds its organization again.
func TestAPIPredecessor(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	org := suite.Ready(w, w.Organization("team"))
	id := org.Status.OrgID
	blocker := suite.Ready(w, w.Dashboard("overview", "team", overview)) // so that the deletion waits for us
	w.Delete(org)
	suite.Stalled(w, org, v1alpha1.ReasonDeletionBlocked)
	release(w, org)
	w.Gone(org)
	org = suite.Ready(w, w.Organization("team"))
	if org.Status.OrgID != id || len(w.Grafana.Orgs()) != 2 {
		t.Errorf("it was %d and is %d, of %+v", id, org.Status.OrgID, w.Grafana.Orgs())
	}
	if a := w.Org(id).Address; !strings.Contains(a.Address2, string(org.UID)) {
		t.Errorf("the mark is an earlier life's: %+v", a)
	}
	suite.Ready(w, blocker)
}

// Everything of a namespace goes at once, the admin Secret first, as when the namespace is deleted.
func TestAPIDeletionOfNamespace(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	n := newTenant(w)
	instance := instanceOf(w)
	admin, key := w.Secret("admin"), w.Key("ci")
	w.Delete(admin, instance, n.org, n.sa, n.token, n.dash)
	w.Gone(n.token, n.dash, n.sa, n.org, instance, admin)
	if _, _, _, alive := w.Grafana.KeyAlive(key); alive {
		t.Error("the key still works")
	}
	if all := w.Grafana.Orgs(); len(all) != 1 {
		t.Errorf("organizations are left: %+v", all)
	}
}

// A Grafana that is meant to be lost now and then is filled again, and no tenant gets into another's organization,
// although ids begin anew.
func TestAPIDatabaseReset(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{}, rebuild)
	n := newTenant(w)
	other := suite.Ready(w, w.Organization("other"))
	own := suite.Ready(w, w.Dashboard("own", "other", `{"title": "Own"}`))
	w.Grafana.ResetDatabase()
	suite.Visit(w, other) // which now gets the id that team had
	w.Eventually("other is there again", func() error {
		if w.OrgNamed("other") == nil {
			return errors.New("it is not")
		}
		return nil
	})
	for _, obj := range []lifecycle.Object{own, n.token, n.dash, n.sa, n.org} {
		suite.Visit(w, obj)
	}
	w.Eventually("everything is there again", func() error {
		team, other := w.OrgNamed("team"), w.OrgNamed("other")
		if team == nil || other == nil {
			return fmt.Errorf("organizations: %+v", w.Grafana.Orgs())
		}
		if d := w.Grafana.Dashboards(
			other.ID,
		); len(d) != 1 || d[0].Title != "Own" ||
			len(w.Grafana.ServiceAccounts(other.ID)) != 0 {
			return fmt.Errorf("in other: %+v, %+v", d, w.Grafana.ServiceAccounts(other.ID))
		}
		if d := w.Grafana.Dashboards(
			team.ID,
		); len(d) != 1 || d[0].Title != "Overview" ||
			len(w.Grafana.ServiceAccounts(team.ID)) != 1 {
			return fmt.Errorf("in team: %+v, %+v", d, w.Grafana.ServiceAccounts(team.ID))
		}
		var secret corev1.Secret
		if err := w.Client.Get(t.Context(), client.ObjectKey{Namespace: w.NS, Name: "ci"}, &secret); err != nil {
			return err
		}
		if orgID, _, _, alive := w.Grafana.KeyAlive(string(secret.Data["token"])); !alive || orgID != team.ID {
			return fmt.Errorf("the key is of organization %d (alive: %v)", orgID, alive)
		}
		return nil
	})
	suite.Ready(w, other)
	suite.Ready(w, own)
	n.ready(w)
}

// release takes our finalizer off an object, as people do by force.
func release(w *suite.World, obj client.Object) {
	w.T.Helper()
	if err := w.Client.Patch(
		w.T.Context(),
		obj,
		client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`)),
	); client.IgnoreNotFound(
		err,
	) != nil {
		w.T.Fatal(err)
	}
}

// After the operator's login was thrown out of an organization it joins again and goes on.
func TestAPIMembershipLost(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	n := newTenant(w)
	id := n.org.Status.OrgID
	w.Ask(
		"POST",
		"/api/admin/users",
		0,
		map[string]any{"login": "jane", "name": "jane", "password": "jane-password", "email": "jane@example.com"},
	)
	w.Ask("POST", fmt.Sprintf("/api/orgs/%d/users", id), 0, map[string]any{"loginOrEmail": "jane", "role": "Admin"})
	w.Ask("DELETE", fmt.Sprintf("/api/orgs/%d/users/%d", id, w.Grafana.Admin()), 0, nil)
	suite.Change(w, n.dash, func() { n.dash.Spec.Source.JSON = new(`{"title": "After all"}`) })
	suite.Ready(w, n.dash)
	suite.Ready(w, instanceOf(w))
	n.ready(w)
}

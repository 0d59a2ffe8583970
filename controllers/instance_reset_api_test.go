package controllers_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/types"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

func rebuild(o *v1alpha1.Instance) { o.Spec.OnReset = v1alpha1.ResetRebuild }

// before is what has to be the same after trouble that is over.
type before struct {
	org, account int64
	uid          string
	secret       types.UID
	key          string
}

func (n *tenant) now(w *suite.World) before {
	w.T.Helper()
	return before{
		org:     n.org.Status.OrgID,
		account: n.sa.Status.ID,
		uid:     n.dash.Status.UID,
		secret:  w.Secret("ci").UID,
		key:     w.Key("ci"),
	}
}

// askedInside lists the requests of the operator since the last ResetLog that concern what is in organizations.
func askedInside(w *suite.World) (asked []string) {
	for _, r := range w.Grafana.Requests() {
		for _, prefix := range []string{"/api/dashboards", "/api/serviceaccounts", "/api/org/", "/api/search", "/api/folders", "/apis/dashboard.grafana.app/v1beta1/namespaces"} {
			if strings.HasPrefix(r.Path, prefix) {
				asked = append(asked, r.Method+" "+r.Path)
			}
		}
	}
	return asked
}

// held waits until the Instance holds, with a word on the annotation to go on, and checks that changes of its children,
// new ones too, are neither written nor asked about.
func (n *tenant) held(w *suite.World, instance *v1alpha1.Instance, confirm string) {
	w.T.Helper()
	suite.Stalled(
		w,
		suite.Visit(w, instance),
		v1alpha1.ReasonDatabaseReset,
		"spec.url",
		v1alpha1.AnnotationConfirmReset+"="+confirm,
	)
	if suite.IsTrue(instance, v1alpha1.ConditionAvailable) {
		w.T.Errorf("it is Available: %+v", instance.Status.Conditions)
	}
	for _, obj := range []lifecycle.Object{n.org, n.sa, n.dash, n.token} {
		suite.Waiting(w, obj, v1alpha1.ReasonParentNotAvailable) // though nobody has visited it
	}
	n.waiting(w) // whoever had begun before is done now
	w.Grafana.ResetLog()
	suite.Change(w, n.org, func() { n.org.Spec.Preferences = &v1alpha1.Preferences{Theme: "light"} })
	suite.Change(w, n.sa, func() {
		n.sa.Spec.Role = map[v1alpha1.Role]v1alpha1.Role{v1alpha1.RoleViewer: v1alpha1.RoleEditor,
			v1alpha1.RoleEditor: v1alpha1.RoleAdmin}[n.sa.Spec.Role]
	})
	suite.Change(w, n.dash, func() { n.dash.Spec.Source.JSON = new(`{"title": "Held"}`) })
	suite.Change(w, n.token, func() {
		n.token.Spec.Secret.Labels = map[string]v1alpha1.LabelValue{"held": v1alpha1.LabelValue(confirm)}
	})
	late := w.Dashboard("late-"+confirm, "team", `{"title": "Late"}`)
	n.waiting(w)
	suite.Waiting(w, late, v1alpha1.ReasonParentNotAvailable)
	if writes, asked := w.Writes(), askedInside(w); len(writes)+len(asked) > 0 {
		w.T.Errorf("written while it is held: %v; asked: %v", writes, asked)
	}
	w.Delete(late)
	w.Gone(late)
}

// waiting has all looked at, and waits until they wait for their Grafana.
func (n *tenant) waiting(w *suite.World) {
	w.T.Helper()
	for _, obj := range []lifecycle.Object{n.org, n.sa, n.dash, n.token} {
		suite.Waiting(w, suite.Visit(w, obj), v1alpha1.ReasonParentNotAvailable)
	}
}

// An Instance that finds none of its organizations stops until a person confirms it, once for each reset. Then
// everything is built again, and the keys are in the same Secrets.
func TestAPIDatabaseResetHeld(t *testing.T) {
	t.Parallel()
	for _, version := range grafanatest.Versions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			w := suite.New(t, grafanatest.Options{Version: version})
			n := newTenant(w)
			instance := instanceOf(w)
			for _, confirm := range []string{"1", "2"} {
				was := n.now(w)
				w.Grafana.ResetDatabase()
				w.Made(
					w.Ask("POST", "/api/orgs", 0, map[string]any{"name": "Somebody's"}),
				) // under the id that team had
				suite.Visit(w, n.dash)
				n.held(w, instance, confirm)
				suite.Change(
					w,
					instance,
					func() { instance.Annotations = map[string]string{v1alpha1.AnnotationConfirmReset: "7"} },
				)
				suite.Stalled(w, instance, v1alpha1.ReasonDatabaseReset)

				suite.Change(w, instance, func() { instance.Annotations[v1alpha1.AnnotationConfirmReset] = confirm })
				suite.Ready(w, instance)
				rebuilt(w, n, was)
				if fmt.Sprint(instance.Status.Resets) != confirm {
					t.Errorf("status: %+v", instance.Status)
				}
			}
			w.Delete(n.token, n.dash, n.sa, n.org)
			w.Gone(n.token, n.dash, n.sa, n.org)
			if w.OrgNamed("team") != nil || w.OrgNamed("Somebody's") == nil {
				t.Errorf("organizations: %+v", w.Grafana.Orgs())
			}
		})
	}
}

// rebuilt waits until a tenant is there again, beside somebody else's organization, and its new key in the Secret that
// held the old one.
func rebuilt(w *suite.World, n *tenant, was before) {
	w.T.Helper()
	w.Eventually("a new key", func() error {
		if n.ready(w); w.Key("ci") == was.key {
			return fmt.Errorf("it is the old one: %+v", n.token.Status)
		}
		return nil
	})
	now := n.now(w)
	team := w.OrgNamed("team")
	if team == nil || team.ID != now.org || len(w.Grafana.ServiceAccounts(now.org)) != 1 ||
		len(w.Grafana.Dashboards(now.org)) != 1 ||
		now.secret != was.secret {
		w.T.Errorf("organizations: %+v; before: %+v, now: %+v", w.Grafana.Orgs(), was.org, now.org)
	}
	if orgID, saID, _, alive := w.Grafana.KeyAlive(now.key); !alive || orgID != now.org || saID != now.account {
		w.T.Errorf("the key is of account %d in organization %d (alive: %v)", saID, orgID, alive)
	}
	theirs := w.OrgNamed("Somebody's")
	if theirs == nil || theirs.Address != (grafanatest.Address{}) ||
		len(w.Grafana.ServiceAccounts(theirs.ID))+len(w.Grafana.Dashboards(theirs.ID)) > 0 {
		w.T.Errorf("somebody else's organization: %+v", theirs)
	}
}

// A database that was only away for a while, as when a volume was not mounted, is found again as it was, and nothing is
// made anew.
func TestAPIDatabaseResetHeldAndBack(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	n := newTenant(w)
	instance := instanceOf(w)
	was, database := n.now(w), w.Grafana.Snapshot()
	w.Grafana.ResetDatabase()
	suite.Visit(w, n.sa)
	n.held(w, instance, "1")
	w.Grafana.Restore(database)
	suite.Ready(w, suite.Visit(w, instance))
	n.ready(w)
	if now := n.now(w); now != was || len(w.Grafana.Keys()) != 1 || instance.Status.Resets != 0 {
		t.Errorf("not as it was: organization %d and %d, %d keys", was.org, now.org, len(w.Grafana.Keys()))
	}
	n.check(w)
}

// A url that leads to another Grafana changes nothing there, even where that has organizations of the same names and
// ids; once it is put right all is as before.
func TestAPIWrongGrafana(t *testing.T) {
	suite.NotOnReal(t, "there is another Grafana")
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	n := newTenant(w)
	instance := instanceOf(w)
	was, right := n.now(w), w.Grafana

	wrong := grafanatest.Start(t, grafanatest.Options{Version: "10.4.3"})
	w.Grafana = wrong
	theirs := w.Made(w.Ask("POST", "/api/orgs", 0, map[string]any{"name": "team"}))
	account := foreign(w, theirs, "robot")
	w.Ask(
		"POST",
		"/api/dashboards/db",
		theirs,
		map[string]any{"dashboard": map[string]any{"uid": was.uid, "title": "Theirs"}},
	)
	if theirs != was.org {
		t.Fatalf("the organization has id %d, not %d", theirs, was.org)
	}
	suite.Change(w, instance, func() { instance.Spec.URL = wrong.URL })
	n.held(w, instance, "1")
	w.Delete(n.dash) // which waits, too
	suite.Waiting(w, suite.Visit(w, n.dash), v1alpha1.ReasonParentNotAvailable, v1alpha1.AnnotationAbandon)
	if d := w.Dash(
		theirs,
		was.uid,
	); d == nil || d.Title != "Theirs" || d.Version != 1 || w.SA(theirs, account) == nil || w.Org(theirs).Address != (grafanatest.Address{}) ||
		w.Org(theirs).Name != "team" {
		t.Errorf("in the other Grafana: %+v, %+v, %+v", w.Org(theirs), d, w.Grafana.ServiceAccounts(theirs))
	}

	w.Grafana = right
	suite.Change(w, instance, func() { instance.Spec.URL = right.URL })
	suite.Ready(w, instance)
	w.Gone(n.dash)
	n.dash = w.Dashboard("overview", "team", overview)
	n.ready(w)
	n.check(w)
	if len(right.Keys()) != 1 || len(wrong.Keys()) != 0 || w.Secret("ci").UID != was.secret ||
		n.org.Status.OrgID != was.org ||
		n.sa.Status.ID != was.account {
		t.Errorf("not as it was: %+v, %+v, keys %d", n.org.Status, n.sa.Status, len(right.Keys()))
	}
}

// While the Instance holds, a tenant's deletion waits and says how to let go; confirmed, there is nothing to delete.
func TestAPIDatabaseResetHeldAndDeleted(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	n := newTenant(w)
	other := suite.Ready(w, w.Organization("other"))
	instance := instanceOf(w)
	w.Grafana.ResetDatabase()
	suite.Stalled(w, suite.Visit(w, instance), v1alpha1.ReasonDatabaseReset, "none of the 2 organizations")
	w.Delete(n.org, n.sa, n.token, n.dash)
	n.waiting(w)
	for _, obj := range []lifecycle.Object{n.org, n.sa, n.token, n.dash} {
		suite.Says(w, obj, v1alpha1.AnnotationAbandon)
	}
	suite.Change(w, instance, func() { instance.Annotations = map[string]string{v1alpha1.AnnotationConfirmReset: "1"} })
	w.Gone(n.token, n.dash, n.sa, n.org)
	suite.Ready(w, instance)
	suite.Ready(w, other)
	if w.OrgNamed("team") != nil || w.OrgNamed("other") == nil {
		t.Errorf("organizations: %+v", w.Grafana.Orgs())
	}
}

// The last organization is no exception: as long as nobody has confirmed that its database is gone, its deletion waits,
// since it may be well and its keys work.
func TestAPIWrongGrafanaLastDeleted(t *testing.T) {
	suite.NotOnReal(t, "there is another Grafana")
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	n := newTenant(w)
	instance := instanceOf(w)
	key, right := w.Key("ci"), w.Grafana
	suite.Change(w, instance, func() { instance.Spec.URL = grafanatest.Start(t, grafanatest.Options{}).URL })
	suite.Stalled(w, instance, v1alpha1.ReasonDatabaseReset)
	w.Delete(n.org, n.sa, n.token, n.dash)
	n.waiting(w)
	suite.Stalled(w, suite.Visit(w, instance), v1alpha1.ReasonDatabaseReset)
	n.waiting(w)
	suite.Change(w, instance, func() { instance.Spec.URL = right.URL })
	w.Gone(n.token, n.dash, n.sa, n.org)
	if _, _, _, alive := right.KeyAlive(key); alive || len(right.Orgs()) != 1 {
		t.Errorf("the key works: %v; organizations: %+v", alive, right.Orgs())
	}
}

// A restart of the operator, which ends its session, is no reset: nor is a Grafana where some of the organizations are
// left.
func TestAPIDatabasePartlyLost(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	n := newTenant(w)
	other := suite.Ready(w, w.Organization("other"))
	instance := instanceOf(w)
	w.Ask("DELETE", fmt.Sprintf("/api/orgs/%d", n.org.Status.OrgID), 0, nil)
	w.Grafana.EndSessions()
	suite.Visit(w, n.org)
	w.Eventually("it is made again", func() error {
		if w.OrgNamed("team") == nil {
			return fmt.Errorf("organizations: %+v", w.Grafana.Orgs())
		}
		return nil
	})
	suite.Ready(w, n.org)
	n.ready(w)
	suite.Ready(w, other)
	if suite.Ready(
		w,
		instance,
	); instance.Status.Resets != 0 ||
		!slices.Contains(instance.Status.Capabilities, v1alpha1.CapabilityOrganizations) {
		t.Errorf("status: %+v", instance.Status)
	}
}

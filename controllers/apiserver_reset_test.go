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
)

func rebuild(o *v1alpha1.Instance) { o.Spec.OnReset = v1alpha1.ResetRebuild }

// before is what has to be the same after trouble that is over.
type before struct {
	org, account int64
	uid          string
	secret       types.UID
	key          string
}

func (n *tenant) now(w *world) before {
	w.t.Helper()
	return before{
		org:     n.org.Status.OrgID,
		account: n.sa.Status.ID,
		uid:     n.dash.Status.UID,
		secret:  w.secret("ci").UID,
		key:     w.key("ci"),
	}
}

// askedInside lists the requests of the operator since the last ResetLog that concern what is in organizations.
func (w *world) askedInside() (asked []string) {
	for _, r := range w.grafana.Requests() {
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
func (n *tenant) held(w *world, instance *v1alpha1.Instance, confirm string) {
	w.t.Helper()
	stalled(
		w,
		visit(w, instance),
		v1alpha1.ReasonDatabaseReset,
		"spec.url",
		v1alpha1.AnnotationConfirmReset+"="+confirm,
	)
	if isTrue(instance, v1alpha1.ConditionAvailable) {
		w.t.Errorf("it is Available: %+v", instance.Status.Conditions)
	}
	for _, obj := range []lifecycle.Object{n.org, n.sa, n.dash, n.token} {
		waiting(w, obj, v1alpha1.ReasonParentNotAvailable) // though nobody has visited it
	}
	n.waiting(w) // whoever had begun before is done now
	w.grafana.ResetLog()
	change(w, n.org, func() { n.org.Spec.Preferences = &v1alpha1.Preferences{Theme: "light"} })
	change(w, n.sa, func() {
		n.sa.Spec.Role = map[v1alpha1.Role]v1alpha1.Role{v1alpha1.RoleViewer: v1alpha1.RoleEditor,
			v1alpha1.RoleEditor: v1alpha1.RoleAdmin}[n.sa.Spec.Role]
	})
	change(w, n.dash, func() { n.dash.Spec.Source.JSON = new(`{"title": "Held"}`) })
	change(w, n.token, func() {
		n.token.Spec.Secret.Labels = map[string]v1alpha1.LabelValue{"held": v1alpha1.LabelValue(confirm)}
	})
	late := w.dashboard("late-"+confirm, "team", `{"title": "Late"}`)
	n.waiting(w)
	waiting(w, late, v1alpha1.ReasonParentNotAvailable)
	if writes, asked := w.writes(), w.askedInside(); len(writes)+len(asked) > 0 {
		w.t.Errorf("written while it is held: %v; asked: %v", writes, asked)
	}
	w.delete(late)
	w.gone(late)
}

// waiting has all looked at, and waits until they wait for their Grafana.
func (n *tenant) waiting(w *world) {
	w.t.Helper()
	for _, obj := range []lifecycle.Object{n.org, n.sa, n.dash, n.token} {
		waiting(w, visit(w, obj), v1alpha1.ReasonParentNotAvailable)
	}
}

// An Instance that finds none of its organizations stops until a person confirms it, once for each reset. Then
// everything is built again, and the keys are in the same Secrets.
func TestAPIDatabaseResetHeld(t *testing.T) {
	t.Parallel()
	for _, version := range grafanatest.Versions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, grafanatest.Options{Version: version})
			n := w.tenant()
			instance := get(w, &v1alpha1.Instance{ObjectMeta: w.named("grafana")})
			for _, confirm := range []string{"1", "2"} {
				was := n.now(w)
				w.grafana.ResetDatabase()
				w.made(
					w.ask("POST", "/api/orgs", 0, map[string]any{"name": "Somebody's"}),
				) // under the id that team had
				visit(w, n.dash)
				n.held(w, instance, confirm)
				change(
					w,
					instance,
					func() { instance.Annotations = map[string]string{v1alpha1.AnnotationConfirmReset: "7"} },
				)
				stalled(w, instance, v1alpha1.ReasonDatabaseReset)

				change(w, instance, func() { instance.Annotations[v1alpha1.AnnotationConfirmReset] = confirm })
				ready(w, instance)
				w.rebuilt(n, was)
				if fmt.Sprint(instance.Status.Resets) != confirm {
					t.Errorf("status: %+v", instance.Status)
				}
			}
			w.delete(n.token, n.dash, n.sa, n.org)
			w.gone(n.token, n.dash, n.sa, n.org)
			if w.orgNamed("team") != nil || w.orgNamed("Somebody's") == nil {
				t.Errorf("organizations: %+v", w.grafana.Orgs())
			}
		})
	}
}

// rebuilt waits until a tenant is there again, beside somebody else's organization, and its new key in the Secret that
// held the old one.
func (w *world) rebuilt(n *tenant, was before) {
	w.t.Helper()
	w.eventually("a new key", func() error {
		if n.ready(w); w.key("ci") == was.key {
			return fmt.Errorf("it is the old one: %+v", n.token.Status)
		}
		return nil
	})
	now := n.now(w)
	team := w.orgNamed("team")
	if team == nil || team.ID != now.org || len(w.grafana.ServiceAccounts(now.org)) != 1 ||
		len(w.grafana.Dashboards(now.org)) != 1 ||
		now.secret != was.secret {
		w.t.Errorf("organizations: %+v; before: %+v, now: %+v", w.grafana.Orgs(), was.org, now.org)
	}
	if orgID, saID, _, alive := w.grafana.KeyAlive(now.key); !alive || orgID != now.org || saID != now.account {
		w.t.Errorf("the key is of account %d in organization %d (alive: %v)", saID, orgID, alive)
	}
	theirs := w.orgNamed("Somebody's")
	if theirs == nil || theirs.Address != (grafanatest.Address{}) ||
		len(w.grafana.ServiceAccounts(theirs.ID))+len(w.grafana.Dashboards(theirs.ID)) > 0 {
		w.t.Errorf("somebody else's organization: %+v", theirs)
	}
}

// A database that was only away for a while, as when a volume was not mounted, is found again as it was, and nothing is
// made anew.
func TestAPIDatabaseResetHeldAndBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, grafanatest.Options{})
	n := w.tenant()
	instance := get(w, &v1alpha1.Instance{ObjectMeta: w.named("grafana")})
	was, database := n.now(w), w.grafana.Snapshot()
	w.grafana.ResetDatabase()
	visit(w, n.sa)
	n.held(w, instance, "1")
	w.grafana.Restore(database)
	ready(w, visit(w, instance))
	n.ready(w)
	if now := n.now(w); now != was || len(w.grafana.Keys()) != 1 || instance.Status.Resets != 0 {
		t.Errorf("not as it was: organization %d and %d, %d keys", was.org, now.org, len(w.grafana.Keys()))
	}
	n.check(w)
}

// A url that leads to another Grafana changes nothing there, even where that has organizations of the same names and
// ids; once it is put right all is as before.
func TestAPIWrongGrafana(t *testing.T) {
	notOnReal(t, "there is another Grafana")
	t.Parallel()
	w := newWorld(t, grafanatest.Options{})
	n := w.tenant()
	instance := get(w, &v1alpha1.Instance{ObjectMeta: w.named("grafana")})
	was, right := n.now(w), w.grafana

	wrong := grafanatest.Start(t, grafanatest.Options{Version: "10.4.3"})
	w.grafana = wrong
	theirs := w.made(w.ask("POST", "/api/orgs", 0, map[string]any{"name": "team"}))
	account := w.foreign(theirs, "robot")
	w.ask(
		"POST",
		"/api/dashboards/db",
		theirs,
		map[string]any{"dashboard": map[string]any{"uid": was.uid, "title": "Theirs"}},
	)
	if theirs != was.org {
		t.Fatalf("the organization has id %d, not %d", theirs, was.org)
	}
	change(w, instance, func() { instance.Spec.URL = wrong.URL })
	n.held(w, instance, "1")
	w.delete(n.dash) // which waits, too
	waiting(w, visit(w, n.dash), v1alpha1.ReasonParentNotAvailable, v1alpha1.AnnotationAbandon)
	if d := w.dash(
		theirs,
		was.uid,
	); d == nil || d.Title != "Theirs" || d.Version != 1 || w.sa(theirs, account) == nil || w.org(theirs).Address != (grafanatest.Address{}) ||
		w.org(theirs).Name != "team" {
		t.Errorf("in the other Grafana: %+v, %+v, %+v", w.org(theirs), d, w.grafana.ServiceAccounts(theirs))
	}

	w.grafana = right
	change(w, instance, func() { instance.Spec.URL = right.URL })
	ready(w, instance)
	w.gone(n.dash)
	n.dash = w.dashboard("overview", "team", overview)
	n.ready(w)
	n.check(w)
	if len(right.Keys()) != 1 || len(wrong.Keys()) != 0 || w.secret("ci").UID != was.secret ||
		n.org.Status.OrgID != was.org ||
		n.sa.Status.ID != was.account {
		t.Errorf("not as it was: %+v, %+v, keys %d", n.org.Status, n.sa.Status, len(right.Keys()))
	}
}

// While the Instance holds, a tenant's deletion waits and says how to let go; confirmed, there is nothing to delete.
func TestAPIDatabaseResetHeldAndDeleted(t *testing.T) {
	t.Parallel()
	w := newWorld(t, grafanatest.Options{})
	n := w.tenant()
	other := ready(w, w.organization("other"))
	instance := get(w, &v1alpha1.Instance{ObjectMeta: w.named("grafana")})
	w.grafana.ResetDatabase()
	stalled(w, visit(w, instance), v1alpha1.ReasonDatabaseReset, "none of the 2 organizations")
	w.delete(n.org, n.sa, n.token, n.dash)
	n.waiting(w)
	for _, obj := range []lifecycle.Object{n.org, n.sa, n.token, n.dash} {
		says(w, obj, v1alpha1.AnnotationAbandon)
	}
	change(w, instance, func() { instance.Annotations = map[string]string{v1alpha1.AnnotationConfirmReset: "1"} })
	w.gone(n.token, n.dash, n.sa, n.org)
	ready(w, instance)
	ready(w, other)
	if w.orgNamed("team") != nil || w.orgNamed("other") == nil {
		t.Errorf("organizations: %+v", w.grafana.Orgs())
	}
}

// The last organization is no exception: as long as nobody has confirmed that its database is gone, its deletion waits,
// since it may be well and its keys work.
func TestAPIWrongGrafanaLastDeleted(t *testing.T) {
	notOnReal(t, "there is another Grafana")
	t.Parallel()
	w := newWorld(t, grafanatest.Options{})
	n := w.tenant()
	instance := get(w, &v1alpha1.Instance{ObjectMeta: w.named("grafana")})
	key, right := w.key("ci"), w.grafana
	change(w, instance, func() { instance.Spec.URL = grafanatest.Start(t, grafanatest.Options{}).URL })
	stalled(w, instance, v1alpha1.ReasonDatabaseReset)
	w.delete(n.org, n.sa, n.token, n.dash)
	n.waiting(w)
	stalled(w, visit(w, instance), v1alpha1.ReasonDatabaseReset)
	n.waiting(w)
	change(w, instance, func() { instance.Spec.URL = right.URL })
	w.gone(n.token, n.dash, n.sa, n.org)
	if _, _, _, alive := right.KeyAlive(key); alive || len(right.Orgs()) != 1 {
		t.Errorf("the key works: %v; organizations: %+v", alive, right.Orgs())
	}
}

// A restart of the operator, which ends its session, is no reset: nor is a Grafana where some of the organizations are
// left.
func TestAPIDatabasePartlyLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t, grafanatest.Options{})
	n := w.tenant()
	other := ready(w, w.organization("other"))
	instance := get(w, &v1alpha1.Instance{ObjectMeta: w.named("grafana")})
	w.ask("DELETE", fmt.Sprintf("/api/orgs/%d", n.org.Status.OrgID), 0, nil)
	w.grafana.EndSessions()
	visit(w, n.org)
	w.eventually("it is made again", func() error {
		if w.orgNamed("team") == nil {
			return fmt.Errorf("organizations: %+v", w.grafana.Orgs())
		}
		return nil
	})
	ready(w, n.org)
	n.ready(w)
	ready(w, other)
	if ready(
		w,
		instance,
	); instance.Status.Resets != 0 ||
		!slices.Contains(instance.Status.Capabilities, v1alpha1.CapabilityOrganizations) {
		t.Errorf("status: %+v", instance.Status)
	}
}

package controllers_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
)

// With deletionPolicy Orphan everything stays in Grafana, the key keeps working, and the Secret stays without us.
func TestAPIDeletionOrphan(t *testing.T) {
	t.Parallel()
	w := newWorld(t, grafanatest.Options{})
	n := w.tenant()
	change(w, n.org, func() { n.org.Spec.DeletionPolicy = v1alpha1.OrganizationOrphan })
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
		t.Errorf(
			"the Secret has owners %v; the same key: %v",
			secret.OwnerReferences,
			string(secret.Data["token"]) == key,
		)
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
		if stalled(
			w,
			n.org,
			v1alpha1.ReasonDeletionBlocked,
		); messageOf(n.org) == "" ||
			!contains(messageOf(n.org), "1 Dashboard:") {
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
	w.ask(
		"POST",
		"/api/dashboards/db",
		id,
		map[string]any{"dashboard": map[string]any{"uid": "theirs", "title": "Their work"}},
	)
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
	stalled(
		w,
		n.dash,
		v1alpha1.ReasonParentGone,
		"Organization "+w.ns+"/team does not exist",
		v1alpha1.AnnotationAbandon,
	)
	stalled(
		w,
		n.token,
		v1alpha1.ReasonParentGone,
		"ServiceAccount "+w.ns+"/robot does not exist",
		v1alpha1.AnnotationAbandon,
	)
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

// theirWork puts one thing into an organization that the operator did not put there, under each way of calling it that
// a condition uses, and returns how to take it out.
var theirWork = map[string]func(w *world, org int64) (takeOut func()){
	`"Their folder"`: func(w *world, org int64) func() {
		w.ask("POST", "/api/folders", org, map[string]any{"uid": "theirs", "title": "Their folder"})
		return func() { w.ask("DELETE", "/api/folders/theirs", org, nil) }
	},
	`data source "Their metrics"`: func(w *world, org int64) func() {
		w.ask(
			"POST",
			"/api/datasources",
			org,
			map[string]any{
				"uid":    "theirs",
				"name":   "Their metrics",
				"type":   "prometheus",
				"access": "proxy",
				"url":    "http://prometheus:9090",
			},
		)
		return func() { w.ask("DELETE", "/api/datasources/uid/theirs", org, nil) }
	},
	`alert rule "Their rule"`: func(w *world, org int64) func() {
		w.ask("POST", "/api/folders", org, map[string]any{"uid": "rules", "title": "Rules"})
		w.ask("POST", "/api/v1/provisioning/alert-rules", org, map[string]any{
			"uid":          "theirs",
			"title":        "Their rule",
			"ruleGroup":    "g",
			"folderUID":    "rules",
			"condition":    "A",
			"for":          "1m",
			"noDataState":  "OK",
			"execErrState": "OK",
			"data": []any{map[string]any{
				"refId": "A", "datasourceUid": "__expr__", "relativeTimeRange": map[string]int{"from": 60, "to": 0},
				"model": map[string]string{"refId": "A", "type": "math", "expression": "1 > 0"},
			}},
		})
		return func() {
			w.ask("DELETE", "/api/v1/provisioning/alert-rules/theirs", org, nil)
			w.ask("DELETE", "/api/folders/rules", org, nil)
		}
	},
	`library panel "Their panel"`: func(w *world, org int64) func() {
		w.ask(
			"POST",
			"/api/library-elements",
			org,
			map[string]any{"uid": "theirs", "name": "Their panel", "kind": 1, "model": map[string]any{"type": "text"}},
		)
		return func() { w.ask("DELETE", "/api/library-elements/theirs", org, nil) }
	},
	`service account "Their robot"`: func(w *world, org int64) func() {
		id := w.foreign(org, "Their robot")
		return func() { w.ask("DELETE", fmt.Sprintf("/api/serviceaccounts/%d", id), org, nil) }
	},
}

// Whatever others have put into an organization holds up its deletion, which names that and the members; members alone
// do not.
func TestAPIDeletionOfContents(t *testing.T) {
	t.Parallel()
	for _, version := range grafanatest.Versions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, grafanatest.Options{Version: version})
			w.ask(
				"POST",
				"/api/admin/users",
				0,
				map[string]any{
					"login":    "jane",
					"name":     "jane",
					"password": "jane-password",
					"email":    "jane@example.com",
				},
			)
			orgs, takeOut := map[string]*v1alpha1.Organization{}, map[string]func(){}
			for what, put := range theirWork {
				org := ready(w, w.organization("", func(o *v1alpha1.Organization) { o.GenerateName = "team-" }))
				w.ask(
					"POST",
					fmt.Sprintf("/api/orgs/%d/users", org.Status.OrgID),
					0,
					map[string]any{"loginOrEmail": "jane", "role": "Viewer"},
				)
				orgs[what], takeOut[what] = org, put(w, org.Status.OrgID)
			}
			for _, org := range orgs {
				w.delete(org)
			}
			for what, org := range orgs {
				stalled(
					w,
					org,
					v1alpha1.ReasonDeletionBlocked,
					what,
					`members are "jane"`,
					"DeleteWithContents",
					"Orphan",
				)
				if w.org(org.Status.OrgID) == nil {
					t.Errorf("with %s in it the organization was deleted", what)
				}
			}
			for what, org := range orgs {
				takeOut[what]()
				visit(w, org)
			}
			for what, org := range orgs {
				if w.gone(org); w.org(org.Status.OrgID) != nil {
					t.Errorf("without %s the organization is left", what)
				}
			}
		})
	}
}

// DeleteWithContents deletes an organization with all that is in it. Service accounts go before it: Grafana would keep
// them, and their keys.
func TestAPIDeletionWithContents(t *testing.T) {
	t.Parallel()
	for _, version := range grafanatest.Versions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, grafanatest.Options{Version: version})
			n := w.tenant()
			id := n.org.Status.OrgID
			for _, put := range theirWork {
				put(w, id)
			}
			theirs := w.foreign(id, "With a key")
			w.ask("POST", fmt.Sprintf("/api/serviceaccounts/%d/tokens", theirs), id, map[string]any{"name": "a"})
			accounts, keys := w.grafana.ServiceAccounts(id), w.grafana.Keys()
			w.delete(n.org)
			stalled(w, n.org, v1alpha1.ReasonDeletionBlocked, "1 Dashboard, 1 ServiceAccount")
			change(w, n.org, func() { n.org.Spec.DeletionPolicy = v1alpha1.OrganizationDeleteWithContents })
			stalled(
				w,
				n.org,
				v1alpha1.ReasonDeletionBlocked,
				"1 Dashboard, 1 ServiceAccount",
			) // objects in Kubernetes are not what is meant by contents
			w.delete(n.dash, n.sa, n.token)
			w.gone(n.token, n.dash, n.sa, n.org)

			deleted := map[string]bool{}
			for _, r := range w.grafana.Requests() {
				if r.Method == "DELETE" && r.Path == fmt.Sprintf("/api/orgs/%d", id) {
					break
				}
				deleted[r.Method+" "+r.Path] = true
			}
			for _, a := range accounts {
				if !deleted[fmt.Sprintf("DELETE /api/serviceaccounts/%d", a.ID)] {
					t.Errorf("service account %s was there when the organization went", a.Login)
				}
			}
			for i, key := range keys {
				if _, _, _, alive := w.grafana.KeyAlive(key); alive {
					t.Errorf("key %d of %d still works", i+1, len(keys))
				}
			}
			if w.org(id) != nil {
				t.Error("the organization is left")
			}
		})
	}
}

// Some versions of Grafana cannot delete organizations. That is said, and not tried again and again; Orphan is a way
// out.
func TestAPIDeletionThatGrafanaCannot(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"12.0.0", "12.0.1", "13.1.0", "13.2.0"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, grafanatest.Options{Version: version})
			org, other := ready(w, w.organization("team")), ready(w, w.organization("other"))
			id := org.Status.OrgID
			w.delete(org)
			stalled(
				w,
				org,
				v1alpha1.ReasonCannotDelete,
				"Grafana "+version+" cannot delete organizations",
				"Update Grafana",
				"deletionPolicy: Orphan",
			)
			w.delete(other) // what a retry would do happens meanwhile
			stalled(w, other, v1alpha1.ReasonCannotDelete)
			ready(w, w.dashboard("overview", ready(w, w.organization("third")).Name, overview))
			if tries := w.asked("DELETE", fmt.Sprintf("/api/orgs/%d", id)); tries != 1 {
				t.Errorf("it was tried %d times", tries)
			}
			if w.org(id) == nil || !strings.Contains(w.org(id).Address.Address2, string(org.UID)) {
				t.Errorf("organization: %+v", w.org(id))
			}
			change(w, org, func() { org.Spec.DeletionPolicy = v1alpha1.OrganizationOrphan })
			w.gone(org)
			if o := w.org(id); o == nil || !strings.Contains(o.Address.Address2, "released") {
				t.Errorf("let go, the organization is %+v", o)
			}
		})
	}
}

// What was let go by Orphan is had back by objects of the same names, with the key that has been in the Secret all the
// time.
func TestAPIDeletionOrphanAndBack(t *testing.T) {
	t.Parallel()
	for _, version := range grafanatest.Versions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, grafanatest.Options{Version: version})
			n := w.tenant()
			was := n.now(w)
			change(w, n.org, func() { n.org.Spec.DeletionPolicy = v1alpha1.OrganizationOrphan })
			change(w, n.sa, func() { n.sa.Spec.DeletionPolicy = v1alpha1.DeletionOrphan })
			change(w, n.token, func() { n.token.Spec.DeletionPolicy = v1alpha1.DeletionOrphan })
			change(w, n.dash, func() { n.dash.Spec.DeletionPolicy, n.dash.Spec.UID = v1alpha1.DeletionOrphan, "" })
			w.delete(n.org, n.sa, n.token, n.dash)
			w.gone(n.token, n.dash, n.sa, n.org)
			w.ask("PUT", fmt.Sprintf("/api/orgs/%d", was.org), 0, map[string]any{"name": "Renamed meanwhile"})
			w.ask("PUT", fmt.Sprintf("/api/orgs/%d", was.org), 0, map[string]any{"name": "team"})
			n = &tenant{
				token: w.token("ci", "robot"), sa: w.account("robot", "team"), org: w.organization("team"),
				dash: w.dashboard("overview", "team", overview, func(o *v1alpha1.Dashboard) { o.Spec.UID = was.uid }),
			}
			n.ready(w)
			if now := n.now(w); now != was || len(w.grafana.Keys()) != 1 {
				t.Errorf(
					"organization %d became %d, account %d %d, uid %s %s; the same key: %v of %d",
					was.org,
					now.org,
					was.account,
					now.account,
					was.uid,
					now.uid,
					was.key == now.key,
					len(w.grafana.Keys()),
				)
			}
			n.check(w)
			n.remove(w)
		})
	}
}

// holds checks which Instances have their finalizer on a Secret.
func (w *world) holds(name string, instances ...*v1alpha1.Instance) {
	w.t.Helper()
	w.eventually(fmt.Sprintf("Secret %s is held by %d Instances", name, len(instances)), func() error {
		secret := &corev1.Secret{ObjectMeta: w.named(name)}
		if err := w.client.Get(w.t.Context(), client.ObjectKeyFromObject(secret), secret); err != nil {
			return err
		}
		for _, i := range instances {
			if !slices.ContainsFunc(
				secret.Finalizers,
				func(f string) bool { return strings.HasSuffix(f, "/in-use-by-"+string(i.UID)[:8]) },
			) {
				return fmt.Errorf("not by %s: %v", i.Name, secret.Finalizers)
			}
		}
		if len(secret.Finalizers) != len(instances) {
			return fmt.Errorf("its finalizers are %v", secret.Finalizers)
		}
		return nil
	})
}

// The Secrets that an Instance logs in with are kept while it has organizations, each Instance for itself, and not a
// moment longer.
func TestAPIInstanceHoldsSecrets(t *testing.T) {
	t.Parallel()
	w := newWorld(t, grafanatest.Options{})
	instance := ready(w, get(w, &v1alpha1.Instance{ObjectMeta: w.named("grafana")}))
	second := ready(w, w.instance(func(o *v1alpha1.Instance) { o.Name = "second" }))
	w.holds("admin")
	org := ready(w, w.organization("team"))
	w.holds("admin", instance)
	other := ready(w, w.organization("other", func(o *v1alpha1.Organization) { o.Spec.InstanceRef.Name = "second" }))
	w.holds("admin", instance, second)

	w.create(
		&corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Name: "admin-2"},
			StringData: map[string]string{"admin-user": "admin", "admin-password": "admin"},
		},
	)
	change(w, instance, func() { instance.Spec.Credentials.BasicAuth.SecretRef.Name = "admin-2" })
	w.holds("admin-2", instance)
	w.holds("admin", second)

	w.delete(w.secret("admin")) // which stays until the second Instance has cleaned up
	late := w.organization("late", func(o *v1alpha1.Organization) { o.Spec.InstanceRef.Name = "second" })
	ready(w, late)
	w.holds("admin", second)
	w.delete(other, late, second)
	w.gone(other, late, second, &corev1.Secret{ObjectMeta: w.named("admin")})
	w.holds("admin-2", instance)

	w.delete(org)
	w.gone(org)
	w.holds("admin-2")
	org = ready(w, w.organization("team"))
	w.holds("admin-2", instance)
	change(w, instance, func() { instance.Annotations = map[string]string{v1alpha1.AnnotationAbandon: "true"} })
	w.delete(instance)
	w.gone(instance)
	w.holds("admin-2")
	w.delete(org)
	stalled(w, org, v1alpha1.ReasonParentGone, "Instance "+w.ns+"/grafana does not exist", v1alpha1.AnnotationAbandon)
	if w.org(org.Status.OrgID) == nil {
		t.Error("the organization is gone")
	}
}

// What people copy of a Secret that an Instance holds has the finalizer, too, and goes all the same; so does one that
// is applied again when the Instance is gone. The Secret itself stays as long as it is needed.
func TestAPICopiesOfAnInstancesSecretGo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, grafanatest.Options{})
	org := ready(w, w.organization("team"))
	original := w.secret("admin")
	if len(original.Finalizers) != 1 {
		t.Fatalf("finalizers: %v", original.Finalizers)
	}
	finalizer := original.Finalizers[0]
	held := func(s *corev1.Secret) { s.Finalizers = []string{finalizer, "example.com/theirs"} }
	other := w.namespace(nil)
	copies := []*corev1.Secret{
		w.copied(
			original,
			"backup",
			held,
		),
		w.copied(original, "admin", held, func(s *corev1.Secret) { s.Namespace = other }),
	}
	w.delete(original)
	for _, c := range copies {
		w.delete(c)
		w.eventually("only the finalizer of others", func() error {
			if f := get(w, c).Finalizers; !slices.Equal(f, []string{"example.com/theirs"}) {
				return fmt.Errorf("finalizers: %v", f)
			}
			return nil
		})
		change(w, c, func() { c.Finalizers = nil })
	}
	w.gone(copies[0], copies[1])
	if f := w.secret("admin").Finalizers; len(f) != 1 {
		t.Errorf("the Secret that is needed has the finalizers %v", f)
	}
	w.delete(org, get(w, &v1alpha1.Instance{ObjectMeta: w.named("grafana")}))
	w.gone(org, original)
	again := w.copied(original, "admin", held)
	w.delete(again)
	w.eventually("only the finalizer of others", func() error {
		if f := get(w, again).Finalizers; len(f) != 1 {
			return fmt.Errorf("finalizers: %v", f)
		}
		return nil
	})
	change(w, again, func() { again.Finalizers = nil })
}

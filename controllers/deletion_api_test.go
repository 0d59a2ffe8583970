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
		t.Errorf(
			"the Secret has owners %v; the same key: %v",
			secret.OwnerReferences,
			string(secret.Data["token"]) == key,
		)
	}
	again := w.Organization("again", func(o *v1alpha1.Organization) { o.Spec.Name = "team" })
	suite.Stalled(w, again, v1alpha1.ReasonAlreadyExists, `"team"`)
}

// A parent that is deleted is held by children that are not, says how many of which kind, and goes when they have gone.
func TestAPIDeletionBlocked(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	n := newTenant(w)
	second := suite.Ready(w, w.Dashboard("second", "team", `{"title":"Second"}`))
	instance := suite.Get(w, &v1alpha1.Instance{ObjectMeta: w.Named("grafana")})

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
		if suite.Stalled(
			w,
			n.org,
			v1alpha1.ReasonDeletionBlocked,
		); suite.MessageOf(n.org) == "" ||
			!suite.Contains(suite.MessageOf(n.org), "1 Dashboard:") {
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

// An organization that holds what others put there is not deleted, until it is empty or let go.
func TestAPIDeletionOfOthersWork(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	org := suite.Ready(w, w.Organization("team"))
	id := org.Status.OrgID
	w.Ask(
		"POST",
		"/api/dashboards/db",
		id,
		map[string]any{"dashboard": map[string]any{"uid": "theirs", "title": "Their work"}},
	)
	w.Delete(org)
	suite.Stalled(w, org, v1alpha1.ReasonDeletionBlocked, "Their work", "Orphan")
	if w.Dash(id, "theirs") == nil {
		t.Fatal("their dashboard is gone")
	}
	w.Ask("DELETE", "/api/dashboards/uid/theirs", id, nil)
	suite.Visit(w, org)
	w.Gone(org)
	if w.Org(id) != nil {
		t.Error("the organization is left")
	}
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
	suite.Stalled(
		w,
		n.dash,
		v1alpha1.ReasonParentGone,
		"Organization "+w.NS+"/team does not exist",
		v1alpha1.AnnotationAbandon,
	)
	suite.Stalled(
		w,
		n.token,
		v1alpha1.ReasonParentGone,
		"ServiceAccount "+w.NS+"/robot does not exist",
		v1alpha1.AnnotationAbandon,
	)
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

// theirWork puts one thing into an organization that the operator did not put there, under each way of calling it that
// a condition uses, and returns how to take it out.
var theirWork = map[string]func(w *suite.World, org int64) (takeOut func()){
	`"Their folder"`: func(w *suite.World, org int64) func() {
		w.Ask("POST", "/api/folders", org, map[string]any{"uid": "theirs", "title": "Their folder"})
		return func() { w.Ask("DELETE", "/api/folders/theirs", org, nil) }
	},
	`data source "Their metrics"`: func(w *suite.World, org int64) func() {
		w.Ask(
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
		return func() { w.Ask("DELETE", "/api/datasources/uid/theirs", org, nil) }
	},
	`alert rule "Their rule"`: func(w *suite.World, org int64) func() {
		w.Ask("POST", "/api/folders", org, map[string]any{"uid": "rules", "title": "Rules"})
		w.Ask("POST", "/api/v1/provisioning/alert-rules", org, map[string]any{
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
			w.Ask("DELETE", "/api/v1/provisioning/alert-rules/theirs", org, nil)
			w.Ask("DELETE", "/api/folders/rules", org, nil)
		}
	},
	`library panel "Their panel"`: func(w *suite.World, org int64) func() {
		w.Ask(
			"POST",
			"/api/library-elements",
			org,
			map[string]any{"uid": "theirs", "name": "Their panel", "kind": 1, "model": map[string]any{"type": "text"}},
		)
		return func() { w.Ask("DELETE", "/api/library-elements/theirs", org, nil) }
	},
	`service account "Their robot"`: func(w *suite.World, org int64) func() {
		id := foreign(w, org, "Their robot")
		return func() { w.Ask("DELETE", fmt.Sprintf("/api/serviceaccounts/%d", id), org, nil) }
	},
}

// Whatever others have put into an organization holds up its deletion, which names that and the members; members alone
// do not.
func TestAPIDeletionOfContents(t *testing.T) {
	t.Parallel()
	for _, version := range grafanatest.Versions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			w := suite.New(t, grafanatest.Options{Version: version})
			w.Ask(
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
				org := suite.Ready(w, w.Organization("", func(o *v1alpha1.Organization) { o.GenerateName = "team-" }))
				w.Ask(
					"POST",
					fmt.Sprintf("/api/orgs/%d/users", org.Status.OrgID),
					0,
					map[string]any{"loginOrEmail": "jane", "role": "Viewer"},
				)
				orgs[what], takeOut[what] = org, put(w, org.Status.OrgID)
			}
			for _, org := range orgs {
				w.Delete(org)
			}
			for what, org := range orgs {
				suite.Stalled(
					w,
					org,
					v1alpha1.ReasonDeletionBlocked,
					what,
					`members are "jane"`,
					"DeleteWithContents",
					"Orphan",
				)
				if w.Org(org.Status.OrgID) == nil {
					t.Errorf("with %s in it the organization was deleted", what)
				}
			}
			for what, org := range orgs {
				takeOut[what]()
				suite.Visit(w, org)
			}
			for what, org := range orgs {
				if w.Gone(org); w.Org(org.Status.OrgID) != nil {
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
			w := suite.New(t, grafanatest.Options{Version: version})
			n := newTenant(w)
			id := n.org.Status.OrgID
			for _, put := range theirWork {
				put(w, id)
			}
			theirs := foreign(w, id, "With a key")
			w.Ask("POST", fmt.Sprintf("/api/serviceaccounts/%d/tokens", theirs), id, map[string]any{"name": "a"})
			accounts, keys := w.Grafana.ServiceAccounts(id), w.Grafana.Keys()
			w.Delete(n.org)
			suite.Stalled(w, n.org, v1alpha1.ReasonDeletionBlocked, "1 Dashboard, 1 ServiceAccount")
			suite.Change(w, n.org, func() { n.org.Spec.DeletionPolicy = v1alpha1.OrganizationDeleteWithContents })
			suite.Stalled(
				w,
				n.org,
				v1alpha1.ReasonDeletionBlocked,
				"1 Dashboard, 1 ServiceAccount",
			) // objects in Kubernetes are not what is meant by contents
			w.Delete(n.dash, n.sa, n.token)
			w.Gone(n.token, n.dash, n.sa, n.org)

			deleted := map[string]bool{}
			for _, r := range w.Grafana.Requests() {
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
				if _, _, _, alive := w.Grafana.KeyAlive(key); alive {
					t.Errorf("key %d of %d still works", i+1, len(keys))
				}
			}
			if w.Org(id) != nil {
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
			w := suite.New(t, grafanatest.Options{Version: version})
			org, other := suite.Ready(w, w.Organization("team")), suite.Ready(w, w.Organization("other"))
			id := org.Status.OrgID
			w.Delete(org)
			suite.Stalled(
				w,
				org,
				v1alpha1.ReasonCannotDelete,
				"Grafana "+version+" cannot delete organizations",
				"Update Grafana",
				"deletionPolicy: Orphan",
			)
			w.Delete(other) // what a retry would do happens meanwhile
			suite.Stalled(w, other, v1alpha1.ReasonCannotDelete)
			suite.Ready(w, w.Dashboard("overview", suite.Ready(w, w.Organization("third")).Name, overview))
			if tries := w.Asked("DELETE", fmt.Sprintf("/api/orgs/%d", id)); tries != 1 {
				t.Errorf("it was tried %d times", tries)
			}
			if w.Org(id) == nil || !strings.Contains(w.Org(id).Address.Address2, string(org.UID)) {
				t.Errorf("organization: %+v", w.Org(id))
			}
			suite.Change(w, org, func() { org.Spec.DeletionPolicy = v1alpha1.OrganizationOrphan })
			w.Gone(org)
			if o := w.Org(id); o == nil || !strings.Contains(o.Address.Address2, "released") {
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
			w := suite.New(t, grafanatest.Options{Version: version})
			n := newTenant(w)
			was := n.now(w)
			suite.Change(w, n.org, func() { n.org.Spec.DeletionPolicy = v1alpha1.OrganizationOrphan })
			suite.Change(w, n.sa, func() { n.sa.Spec.DeletionPolicy = v1alpha1.DeletionOrphan })
			suite.Change(w, n.token, func() { n.token.Spec.DeletionPolicy = v1alpha1.DeletionOrphan })
			suite.Change(
				w,
				n.dash,
				func() { n.dash.Spec.DeletionPolicy, n.dash.Spec.UID = v1alpha1.DeletionOrphan, "" },
			)
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
				t.Errorf(
					"organization %d became %d, account %d %d, uid %s %s; the same key: %v of %d",
					was.org,
					now.org,
					was.account,
					now.account,
					was.uid,
					now.uid,
					was.key == now.key,
					len(w.Grafana.Keys()),
				)
			}
			n.check(w)
			n.remove(w)
		})
	}
}

// holds checks which Instances have their finalizer on a Secret.
func holds(w *suite.World, name string, instances ...*v1alpha1.Instance) {
	w.T.Helper()
	w.Eventually(fmt.Sprintf("Secret %s is held by %d Instances", name, len(instances)), func() error {
		secret := &corev1.Secret{ObjectMeta: w.Named(name)}
		if err := w.Client.Get(w.T.Context(), client.ObjectKeyFromObject(secret), secret); err != nil {
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
	w := suite.New(t, grafanatest.Options{})
	instance := suite.Ready(w, suite.Get(w, &v1alpha1.Instance{ObjectMeta: w.Named("grafana")}))
	second := suite.Ready(w, w.Instance(func(o *v1alpha1.Instance) { o.Name = "second" }))
	holds(w, "admin")
	org := suite.Ready(w, w.Organization("team"))
	holds(w, "admin", instance)
	other := suite.Ready(
		w,
		w.Organization("other", func(o *v1alpha1.Organization) { o.Spec.InstanceRef.Name = "second" }),
	)
	holds(w, "admin", instance, second)

	w.Create(
		&corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Name: "admin-2"},
			StringData: map[string]string{"admin-user": "admin", "admin-password": "admin"},
		},
	)
	suite.Change(w, instance, func() { instance.Spec.Credentials.BasicAuth.SecretRef.Name = "admin-2" })
	holds(w, "admin-2", instance)
	holds(w, "admin", second)

	w.Delete(w.Secret("admin")) // which stays until the second Instance has cleaned up
	late := w.Organization("late", func(o *v1alpha1.Organization) { o.Spec.InstanceRef.Name = "second" })
	suite.Ready(w, late)
	holds(w, "admin", second)
	w.Delete(other, late, second)
	w.Gone(other, late, second, &corev1.Secret{ObjectMeta: w.Named("admin")})
	holds(w, "admin-2", instance)

	w.Delete(org)
	w.Gone(org)
	holds(w, "admin-2")
	org = suite.Ready(w, w.Organization("team"))
	holds(w, "admin-2", instance)
	suite.Change(w, instance, func() { instance.Annotations = map[string]string{v1alpha1.AnnotationAbandon: "true"} })
	w.Delete(instance)
	w.Gone(instance)
	holds(w, "admin-2")
	w.Delete(org)
	suite.Stalled(
		w,
		org,
		v1alpha1.ReasonParentGone,
		"Instance "+w.NS+"/grafana does not exist",
		v1alpha1.AnnotationAbandon,
	)
	if w.Org(org.Status.OrgID) == nil {
		t.Error("the organization is gone")
	}
}

// What people copy of a Secret that an Instance holds has the finalizer, too, and goes all the same; so does one that
// is applied again when the Instance is gone. The Secret itself stays as long as it is needed.
func TestAPICopiesOfAnInstancesSecretGo(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	org := suite.Ready(w, w.Organization("team"))
	original := w.Secret("admin")
	if len(original.Finalizers) != 1 {
		t.Fatalf("finalizers: %v", original.Finalizers)
	}
	finalizer := original.Finalizers[0]
	held := func(s *corev1.Secret) { s.Finalizers = []string{finalizer, "example.com/theirs"} }
	other := w.Namespace(nil)
	copies := []*corev1.Secret{
		copied(w,
			original,
			"backup",
			held,
		),
		copied(w, original, "admin", held, func(s *corev1.Secret) { s.Namespace = other }),
	}
	w.Delete(original)
	for _, c := range copies {
		w.Delete(c)
		w.Eventually("only the finalizer of others", func() error {
			if f := suite.Get(w, c).Finalizers; !slices.Equal(f, []string{"example.com/theirs"}) {
				return fmt.Errorf("finalizers: %v", f)
			}
			return nil
		})
		suite.Change(w, c, func() { c.Finalizers = nil })
	}
	w.Gone(copies[0], copies[1])
	if f := w.Secret("admin").Finalizers; len(f) != 1 {
		t.Errorf("the Secret that is needed has the finalizers %v", f)
	}
	w.Delete(org, suite.Get(w, &v1alpha1.Instance{ObjectMeta: w.Named("grafana")}))
	w.Gone(org, original)
	again := copied(w, original, "admin", held)
	w.Delete(again)
	w.Eventually("only the finalizer of others", func() error {
		if f := suite.Get(w, again).Finalizers; len(f) != 1 {
			return fmt.Errorf("finalizers: %v", f)
		}
		return nil
	})
	suite.Change(w, again, func() { again.Finalizers = nil })
}

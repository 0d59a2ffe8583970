package controllers_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

// tenant is one object of each kind below the Instance.
type tenant struct {
	org   *v1alpha1.Organization
	sa    *v1alpha1.ServiceAccount
	token *v1alpha1.ServiceAccountToken
	dash  *v1alpha1.Dashboard
}

const overview = `{"title": "Overview", "panels": [{"type": "text", "id": 1, "options": {"content": "hello"}}]}`

// newTenant applies one object of each kind, children first, and waits until all are Ready.
func newTenant(w *suite.World) *tenant {
	w.T.Helper()
	n := &tenant{
		token: w.Token("ci", "robot"), dash: w.Dashboard("overview", "team", overview),
		sa: w.Account("robot", "team"), org: w.Organization("team"),
	}
	n.ready(w)
	return n
}

func (n *tenant) ready(w *suite.World) {
	w.T.Helper()
	suite.Ready(w, n.org)
	suite.Ready(w, n.sa)
	suite.Ready(w, n.token)
	suite.Ready(w, n.dash)
}

// The main job, on each Grafana: objects applied in the worst order become Ready, with their ids in status and the key
// in the Secret; changes and renames follow; deleted all at once they go in dependency order and leave nothing.
func TestAPIFlow(t *testing.T) {
	t.Parallel()
	for _, version := range grafanatest.Versions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			w := suite.NewEmpty(t, grafanatest.Options{Version: version})
			token, dash := w.Token("ci", "robot"), w.Dashboard("overview", "team", overview)
			suite.Waiting(w, token, v1alpha1.ReasonParentNotFound, "ServiceAccount "+w.NS+"/robot does not exist yet")
			suite.Waiting(w, dash, v1alpha1.ReasonParentNotFound, "Organization "+w.NS+"/team does not exist yet")
			sa := w.Account("robot", "team", func(o *v1alpha1.ServiceAccount) { o.Spec.Role = v1alpha1.RoleEditor })
			suite.Waiting(w, sa, v1alpha1.ReasonParentNotFound, "Organization "+w.NS+"/team")
			suite.Waiting(w, token, v1alpha1.ReasonParentNotAvailable, "ServiceAccount "+w.NS+"/robot")
			org := w.Organization("team")
			suite.Waiting(w, org, v1alpha1.ReasonParentNotFound, "Instance "+w.NS+"/grafana")
			suite.Waiting(w, dash, v1alpha1.ReasonParentNotAvailable, "Organization "+w.NS+"/team")
			instance := suite.Ready(w, w.Instance())
			n := &tenant{org, sa, token, dash}
			n.ready(w)

			if instance.Status.Version != version || instance.Status.Database != "ok" {
				t.Errorf("Instance: %+v", instance.Status)
			}
			n.check(w)
			n.update(w)
			n.remove(w)
			w.Delete(instance)
			w.Gone(instance)
		})
	}
}

// check compares Grafana with the objects and their status.
func (n *tenant) check(w *suite.World) {
	t := w.T
	t.Helper()
	id := n.org.Status.OrgID
	if o := w.Org(id); o == nil || o.Name != n.org.WantedName() || n.org.Status.Name != o.Name {
		t.Errorf("organization %q (%+v) is %+v", n.org.WantedName(), n.org.Status, o)
	}
	sa := w.SA(id, n.sa.Status.ID)
	if sa == nil || sa.Name != n.sa.WantedName() || sa.Role != string(n.sa.Spec.Role) ||
		sa.Disabled != n.sa.Spec.Disabled ||
		sa.Login != n.sa.Status.Login ||
		n.sa.Status.OrgID != id {
		t.Errorf("service account %+v (%+v) is %+v", n.sa.Spec, n.sa.Status, sa)
	}
	orgID, saID, tokenID, alive := w.Grafana.KeyAlive(w.Key(n.token.SecretName()))
	if !alive || orgID != id || saID != n.sa.Status.ID || tokenID != n.token.Status.TokenID {
		t.Errorf(
			"the key in the Secret is of org %d, account %d, token %d (alive: %v); status is %+v",
			orgID,
			saID,
			tokenID,
			alive,
			n.token.Status,
		)
	}
	if tokens := w.Grafana.Tokens(id); len(tokens) != 1 || tokens[0].Name != n.token.Status.TokenName {
		t.Errorf("tokens: %+v; status is %+v", tokens, n.token.Status)
	}
	d := w.Dash(id, n.dash.Status.UID)
	if d == nil || n.dash.Status.Version != d.Version || n.dash.Status.OrgID != id {
		t.Fatalf("dashboard (%+v) is %+v", n.dash.Status, d)
	}
	if diff := cmp.Diff(content(t, []byte(*n.dash.Spec.Source.JSON)), content(t, d.Model)); diff != "" {
		t.Errorf("dashboard (-want +got):\n%s", diff)
	}
	if all := w.Grafana.Orgs(); len(all) != 2 {
		t.Errorf("there are %d organizations besides Grafana's first", len(all)-1)
	}
	if got, want := len(w.Grafana.ServiceAccounts(id))+len(w.Grafana.Dashboards(id)), 2; got != want {
		t.Errorf("there are %d service accounts and dashboards", got)
	}
}

// content is a dashboard without what Grafana adds to it.
func content(t *testing.T, source []byte) map[string]any {
	t.Helper()
	var fields map[string]any
	if err := json.Unmarshal(source, &fields); err != nil {
		t.Fatal(err)
	}
	for _, own := range []string{"id", "uid", "version"} {
		delete(fields, own)
	}
	return fields
}

// update changes everything that can be changed.
func (n *tenant) update(w *suite.World) {
	w.T.Helper()
	login, uid, key := n.sa.Status.Login, n.dash.Status.UID, w.Key("ci")
	suite.Change(w, n.org, func() {
		n.org.Spec.Name = "The Team"
		n.org.Spec.Preferences = &v1alpha1.Preferences{Theme: "light", WeekStart: "monday"}
	})
	suite.Change(w, n.sa, func() { n.sa.Spec.Name, n.sa.Spec.Role = "The Robot", v1alpha1.RoleAdmin })
	suite.Change(
		w,
		n.dash,
		func() { n.dash.Spec.Source.JSON = new(`{"title": "Second thoughts", "tags": ["a"], "refresh": "5s"}`) },
	)
	suite.Change(w, n.token, func() {
		n.token.Spec.Secret.Labels = map[string]v1alpha1.LabelValue{"team": "blue"}
		n.token.Spec.Secret.Annotations = map[string]string{"example.com/note": "for CI"}
	})
	n.ready(w)
	n.check(w)
	if o := w.Org(n.org.Status.OrgID); o.Preferences.Theme != "light" || o.Preferences.WeekStart != "monday" {
		w.T.Errorf("preferences: %+v", o.Preferences)
	}
	if n.sa.Status.Login != login || n.dash.Status.UID != uid {
		w.T.Errorf("login %q became %q, uid %q became %q", login, n.sa.Status.Login, uid, n.dash.Status.UID)
	}
	secret := w.Secret("ci")
	if secret.Labels["team"] != "blue" || secret.Annotations["example.com/note"] != "for CI" ||
		string(secret.Data["token"]) != key {
		w.T.Errorf("Secret: %+v, the same key: %v", secret.ObjectMeta, string(secret.Data["token"]) == key)
	}
}

// remove deletes everything at once, parents first.
func (n *tenant) remove(w *suite.World) {
	w.T.Helper()
	key := w.Key("ci")
	w.Delete(n.org, n.sa, n.token, n.dash)
	w.Gone(n.token, n.dash, n.sa, n.org)
	if all := w.Grafana.Orgs(); len(all) != 1 {
		w.T.Errorf("organizations are left: %+v", all)
	}
	if _, _, _, alive := w.Grafana.KeyAlive(key); alive {
		w.T.Error("the key still works")
	}
	w.Gone(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: w.NS, Name: "ci"}})
}

// What happened can be read from the events.
func TestAPIEvents(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	org := suite.Ready(w, w.Organization("team"))
	suite.Change(w, org, func() { org.Spec.Name = "Team" })
	suite.Ready(w, org)
	other := w.Organization("other", func(o *v1alpha1.Organization) { o.Spec.Name = "Team" })
	suite.Stalled(w, other, v1alpha1.ReasonNameConflict)
	w.Delete(other)
	w.Gone(other)
	w.Delete(org)
	w.Gone(org)
	w.Eventually("events", func() error {
		seen := w.Events()
		for _, want := range []string{"Normal Created team", "Normal Updated team", "Warning NameConflict other", "Normal Deleted team"} {
			if !seen[want] {
				return fmt.Errorf("no %q among %v", want, seen)
			}
		}
		return nil
	})
	if w.Events()["Normal InSync other"] {
		t.Error("it is said to be in sync, which it never was")
	}
}

package controllers_test

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

// disturb changes everything of a tenant in Grafana, as people would.
func (n *tenant) disturb(w *suite.World) {
	w.T.Helper()
	id := n.org.Status.OrgID
	w.Ask("PUT", fmt.Sprintf("/api/orgs/%d", id), 0, map[string]any{"name": "hijacked"})
	w.Ask(
		"PATCH",
		fmt.Sprintf("/api/serviceaccounts/%d", n.sa.Status.ID),
		id,
		map[string]any{"name": "renamed", "role": "Editor", "isDisabled": true},
	)
	w.Ask(
		"POST",
		"/api/dashboards/db",
		id,
		map[string]any{"overwrite": true, "dashboard": map[string]any{"uid": n.dash.Status.UID, "title": "edited"}},
	)
	w.Ask("DELETE", fmt.Sprintf("/api/serviceaccounts/%d/tokens/%d", n.sa.Status.ID, n.token.Status.TokenID), id, nil)
}

// mended fails until Grafana holds again what the tenant's objects ask for.
func (n *tenant) mended(w *suite.World) error {
	id := n.org.Status.OrgID
	if o := w.Org(id); o == nil || o.Name != "team" {
		return fmt.Errorf("organization: %+v", o)
	}
	if sa := w.SA(id, n.sa.Status.ID); sa == nil || sa.Name != "robot" || sa.Role != "Viewer" || sa.Disabled {
		return fmt.Errorf("service account: %+v", sa)
	}
	if d := w.Dash(id, n.dash.Status.UID); d == nil || d.Title != "Overview" {
		return fmt.Errorf("dashboard: %+v", d)
	}
	var secret corev1.Secret
	if err := w.Client.Get(w.T.Context(), client.ObjectKey{Namespace: w.NS, Name: "ci"}, &secret); err != nil {
		return err
	}
	if _, _, _, alive := w.Grafana.KeyAlive(string(secret.Data["token"])); !alive {
		return errors.New("the key in the Secret is dead")
	}
	return nil
}

// What people change in Grafana is put right at the next visit.
func TestAPIDrift(t *testing.T) {
	t.Parallel()
	for _, version := range grafanatest.Versions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			w := suite.New(t, grafanatest.Options{Version: version})
			n := newTenant(w)
			n.disturb(w)
			suite.Visit(w, n.org)
			suite.Visit(w, n.sa)
			suite.Visit(w, n.token)
			suite.Visit(w, n.dash)
			w.Eventually("correction", func() error { return n.mended(w) })
			w.Eventually("the status of the key", func() error { // the Secret is written before it
				if is := suite.Get(w, n.token).Status.Revision; is < 2 {
					return fmt.Errorf("it is of revision %d", is)
				}
				return nil
			})
			n.ready(w)
			if n.token.Status.Revision != 2 {
				t.Errorf(
					"the token that was deleted in Grafana was reissued as revision %d, not 2",
					n.token.Status.Revision,
				)
			}
			n.check(w)
		})
	}
}

// The same without a nudge: the Instance's resyncInterval alone brings the visits, also to a Dashboard that had no
// source yet. This one test waits for a real interval, the shortest that there is.
func TestAPIResync(t *testing.T) {
	t.Parallel()
	w := suite.New(
		t,
		grafanatest.Options{},
		func(o *v1alpha1.Instance) { o.Spec.ResyncInterval = &metav1.Duration{Duration: 30 * time.Second} },
	)
	n := newTenant(w)
	s := &shelf{}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	late := w.Dashboard("late", n.org.Name, "", func(o *v1alpha1.Dashboard) {
		o.Spec.Source = v1alpha1.DashboardSource{
			URL: &v1alpha1.DashboardURL{URL: server.URL + suite.ShelfPath + "late.json"},
		}
	})
	suite.Stalled(w, late, v1alpha1.ReasonSourceUnavailable, "404")
	s.set(`{"title": "Late"}`)
	n.disturb(w)
	w.Eventually("correction", func() error { return n.mended(w) })
	suite.Ready(w, late)
}

// What was deleted in Grafana is made again, and children of an organization that was made again follow it.
func TestAPIDeletedInGrafana(t *testing.T) {
	t.Parallel()
	for name, remove := range map[string]func(w *suite.World, n *tenant){
		"the dashboard": func(w *suite.World, n *tenant) {
			w.Ask("DELETE", "/api/dashboards/uid/"+n.dash.Status.UID, n.org.Status.OrgID, nil)
			suite.Visit(w, n.dash)
		},
		"the service account": func(w *suite.World, n *tenant) {
			w.Ask("DELETE", fmt.Sprintf("/api/serviceaccounts/%d", n.sa.Status.ID), n.org.Status.OrgID, nil)
			suite.Visit(w, n.sa)
		},
		"the organization": func(w *suite.World, n *tenant) {
			w.Ask("DELETE", fmt.Sprintf("/api/orgs/%d", n.org.Status.OrgID), 0, nil)
			suite.Visit(w, n.org)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := suite.New(t, grafanatest.Options{})
			n := newTenant(w)
			remove(w, n)
			w.Eventually("all is there again", func() error {
				org := w.OrgNamed("team")
				if org == nil {
					return errors.New("there is no organization")
				}
				accounts := w.Grafana.ServiceAccounts(org.ID)
				if len(accounts) != 1 || len(w.Grafana.Dashboards(org.ID)) != 1 || len(w.Grafana.Tokens(org.ID)) != 1 {
					return fmt.Errorf(
						"accounts %+v, dashboards %+v, tokens %+v",
						accounts,
						w.Grafana.Dashboards(org.ID),
						w.Grafana.Tokens(org.ID),
					)
				}
				var secret corev1.Secret
				if err := w.Client.Get(
					t.Context(),
					client.ObjectKey{Namespace: w.NS, Name: "ci"},
					&secret,
				); err != nil {
					return err
				}
				orgID, saID, tokenID, alive := w.Grafana.KeyAlive(string(secret.Data["token"]))
				if !alive || orgID != org.ID || saID != accounts[0].ID {
					return fmt.Errorf(
						"the key in the Secret is of org %d and account %d (alive: %v)",
						orgID,
						saID,
						alive,
					)
				}
				for _, obj := range []lifecycle.Object{n.org, n.sa, n.token, n.dash} {
					if err := w.Client.Get(
						t.Context(),
						client.ObjectKeyFromObject(obj),
						obj,
					); err != nil ||
						!suite.IsTrue(obj, v1alpha1.ConditionReady) {
						return fmt.Errorf("%T is not Ready: %+v (%w)", obj, obj.CommonStatus().Conditions, err)
					}
				}
				if n.token.Status.TokenID != tokenID { // it was Ready all the time
					return fmt.Errorf(
						"the key in the Secret is of token %d, status says %d",
						tokenID,
						n.token.Status.TokenID,
					)
				}
				return nil
			})
			n.check(w)
		})
	}
}

// At rest nothing is written, neither to Grafana nor to Kubernetes, whatever is looked at.
func TestAPIAtRest(t *testing.T) {
	t.Parallel()
	for _, version := range grafanatest.Versions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			w := suite.New(t, grafanatest.Options{Version: version, Quotas: true})
			n := settled(w)
			secret := w.Secret("ci")
			w.Grafana.ResetLog()
			looks := map[lifecycle.Object]string{
				n.org: fmt.Sprintf(
					"/api/orgs/%d",
					n.org.Status.OrgID,
				),
				n.sa: fmt.Sprintf("/api/serviceaccounts/%d", n.sa.Status.ID),
				n.token: fmt.Sprintf(
					"/api/serviceaccounts/%d/tokens",
					n.sa.Status.ID,
				),
				n.dash: "/api/dashboards/uid/" + n.dash.Status.UID,
				suite.Get(w, &v1alpha1.Instance{ObjectMeta: metav1.ObjectMeta{Namespace: w.NS, Name: "grafana"}}): "/api/health",
			}
			for obj, path := range looks {
				visitTwice(w, obj, path)
			}
			if writes := w.Writes(); len(writes) > 0 {
				t.Errorf("written to Grafana at rest:\n%s", strings.Join(writes, "\n"))
			}
			if now := w.Secret("ci"); now.ResourceVersion != secret.ResourceVersion {
				t.Errorf("the Secret was written: %s", cmp.Diff(secret.ObjectMeta, now.ObjectMeta))
			}
		})
	}
}

// settled is a tenant with everything set that can be set, after its last change.
func settled(w *suite.World) *tenant {
	w.T.Helper()
	n := &tenant{
		org: w.Organization("team", func(o *v1alpha1.Organization) {
			o.Spec.Preferences = &v1alpha1.Preferences{
				Theme:            "dark",
				Timezone:         "Europe/Berlin",
				WeekStart:        "sunday",
				Language:         "de-DE",
				HomeDashboardRef: &v1alpha1.ObjectReference{Name: "overview"},
			}
			o.Spec.Quotas = map[string]v1alpha1.QuotaLimit{"dashboard": 50, "org_user": -1}
		}),
		sa: w.Account(
			"robot",
			"team",
			func(o *v1alpha1.ServiceAccount) { o.Spec.Name, o.Spec.Role = "The Robot", v1alpha1.RoleNone },
		),
		token: w.Token("ci", "robot", func(o *v1alpha1.ServiceAccountToken) {
			o.Spec.TTL = &metav1.Duration{Duration: 90 * time.Minute}
			o.Spec.Secret.Labels = map[string]v1alpha1.LabelValue{"a": "b"}
			o.Spec.Secret.Annotations = map[string]string{"c": "d, e"}
		}),
		dash: w.Dashboard(
			"overview",
			"team",
			`{"title": "Numbers", "uid": "numbers", "version": 7, "id": 3, "panels": [{"id": 1, "type": "stat", "w": 1.0, "big": 12345678901234567890, "exp": 1e3, "html": "<a & b>"}]}`,
		),
	}
	n.ready(w)
	w.Eventually("the home dashboard", func() error {
		if home := w.Org(n.org.Status.OrgID).Preferences.HomeDashboardUID; home != "numbers" {
			return fmt.Errorf("it is %q", home)
		}
		return nil
	})
	n.ready(w)
	return n
}

// visitTwice has an object visited twice, and fails if the operator writes it meanwhile. The second visit begins only
// when the first is over.
func visitTwice(w *suite.World, obj lifecycle.Object, path string) {
	w.T.Helper()
	before := obj.DeepCopyObject().(lifecycle.Object)
	for range 3 {
		visits := w.Asked("GET", path)
		version := suite.Visit(w, obj).GetResourceVersion()
		w.Eventually("visit of "+path, func() error {
			if w.Asked("GET", path) == visits {
				return errors.New("it has not been looked at")
			}
			return nil
		})
		if now := suite.Get(w, obj); now.GetResourceVersion() != version {
			w.T.Errorf(
				"%T was written at rest:\n%s",
				obj,
				cmp.Diff(before, now, cmpopts.IgnoreTypes(metav1.TypeMeta{})),
			)
		}
	}
}

// Suspended, an object is left alone until it is resumed; a deletion goes through all the same.
func TestAPISuspend(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	n := newTenant(w)
	suspend := func(on bool) {
		suite.Change(w, n.org, func() { n.org.Spec.Suspend, n.org.Spec.Name = on, "Later" })
		suite.Change(w, n.sa, func() { n.sa.Spec.Suspend, n.sa.Spec.Name = on, "Later" })
		suite.Change(w, n.token, func() {
			n.token.Spec.Suspend = on
			n.token.Spec.Secret.Labels = map[string]v1alpha1.LabelValue{"when": "later"}
		})
		suite.Change(w, n.dash, func() { n.dash.Spec.Suspend = on; n.dash.Spec.Source.JSON = new(`{"title":"Later"}`) })
	}
	w.Grafana.ResetLog()
	suspend(true)
	for _, obj := range []lifecycle.Object{n.org, n.sa, n.token, n.dash} {
		suite.Until(w, obj, "suspended", func(c metav1.Condition) bool {
			return c.Reason == v1alpha1.ReasonSuspended && c.Status == metav1.ConditionTrue
		})
		if got, now := obj.CommonStatus().ObservedGeneration, obj.GetGeneration(); got >= now {
			t.Errorf("%T: observedGeneration went on to %d of %d while suspended", obj, got, now)
		}
	}
	if writes := w.Writes(); len(writes) > 0 {
		t.Errorf("written while suspended:\n%s", strings.Join(writes, "\n"))
	}
	if w.Secret("ci").Labels["when"] != "" {
		t.Error("the Secret was written while suspended")
	}
	suspend(false)
	n.ready(w)
	n.check(w)

	suspend(true)
	n.remove(w)
}

// Suspended from birth, nothing is created, and nothing is there to delete.
func TestAPISuspendedFromBirth(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	org := w.Organization("team", func(o *v1alpha1.Organization) { o.Spec.Suspend = true })
	suite.Until(w, org, "suspended", func(c metav1.Condition) bool {
		return c.Reason == v1alpha1.ReasonSuspended && c.Status != metav1.ConditionTrue
	})
	if all := w.Grafana.Orgs(); len(all) != 1 || suite.IsTrue(org, v1alpha1.ConditionAvailable) {
		t.Errorf("organizations: %+v, conditions %+v", all, org.Status.Conditions)
	}
	w.Delete(org)
	w.Gone(org)
}

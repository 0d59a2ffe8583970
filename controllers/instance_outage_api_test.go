package controllers_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

func isUnavailable(c metav1.Condition) bool {
	return c.Status != metav1.ConditionTrue &&
		(c.Reason == v1alpha1.ReasonGrafanaUnavailable || c.Reason == v1alpha1.ReasonParentNotAvailable)
}

// While Grafana is away, what was Ready is Unknown and waits; what is applied meanwhile waits too; all of it recovers.
func TestAPIOutage(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	n := newTenant(w)
	instance := instanceOf(w)
	w.Grafana.SetDown(true)
	suite.Visit(w, instance)
	suite.Unready(
		w,
		instance,
		v1alpha1.ConditionReconciling,
		v1alpha1.ReasonGrafanaUnavailable,
		"no answer from Grafana",
	)
	suite.Change(w, n.org, func() { n.org.Spec.Name = "Meanwhile" })
	suite.Change(w, n.dash, func() { n.dash.Spec.Source.JSON = new(`{"title":"Meanwhile"}`) })
	late := w.Organization("late")
	for _, obj := range []lifecycle.Object{n.org, n.dash, late} {
		suite.Until(w, obj, "a word about the outage", isUnavailable)
		if !suite.IsTrue(obj, v1alpha1.ConditionReconciling) {
			t.Errorf("%T %s: %+v", obj, obj.GetName(), obj.CommonStatus().Conditions)
		}
	}
	for _, obj := range []lifecycle.Object{instance, n.org, n.dash} {
		suite.Until(
			w,
			obj,
			"Ready Unknown, as it was True",
			func(c metav1.Condition) bool { return c.Status == metav1.ConditionUnknown },
		)
	}
	w.Grafana.SetDown(false)
	suite.Ready(w, instance)
	n.ready(w)
	suite.Ready(w, late)
	if w.OrgNamed("Meanwhile") == nil || w.OrgNamed("late") == nil {
		t.Errorf("organizations: %+v", w.Grafana.Orgs())
	}
	if d := w.Dash(n.org.Status.OrgID, n.dash.Status.UID); d == nil || d.Title != "Meanwhile" {
		t.Errorf("dashboard: %+v", d)
	}
}

// A Grafana that is not there yet is waited for.
func TestAPIGrafanaComesLater(t *testing.T) {
	t.Parallel()
	w := suite.NewEmpty(t, grafanatest.Options{})
	w.Grafana.SetDown(true)
	instance := w.Instance()
	org := w.Organization("team")
	suite.Waiting(w, instance, v1alpha1.ReasonGrafanaUnavailable)
	suite.Waiting(w, org, v1alpha1.ReasonParentNotAvailable, "Instance "+w.NS+"/grafana")
	w.Grafana.SetDown(false)
	suite.Ready(w, instance)
	suite.Ready(w, org)
}

// Grafana's own failures are told from refusals, object by object.
func TestAPIGrafanaFails(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		fault  grafanatest.Fault
		reason string
	}{
		"500": {grafanatest.Fault{Outcome: grafanatest.Answer, Status: 500}, v1alpha1.ReasonGrafanaUnavailable},
		"502 in HTML": {grafanatest.Fault{Outcome: grafanatest.Answer, Status: 502, Body: "<html>Bad Gateway</html>"},
			v1alpha1.ReasonGrafanaUnavailable},
		"429": {grafanatest.Fault{Outcome: grafanatest.Answer, Status: 429, RetryAfter: 1}, v1alpha1.ReasonRateLimited},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := suite.New(t, grafanatest.Options{})
			org := suite.Ready(w, w.Organization("team"))
			w.Grafana.SetFault(func(r *grafanatest.Request) grafanatest.Fault {
				if r.Route == "/api/dashboards/db" {
					return test.fault
				}
				return grafanatest.Fault{}
			})
			dash := w.Dashboard("overview", "team", overview)
			suite.Waiting(w, dash, test.reason)
			w.Grafana.SetFault(nil)
			suite.Ready(w, dash)
			if all := w.Grafana.Dashboards(org.Status.OrgID); len(all) != 1 {
				t.Errorf("dashboards: %+v", all)
			}
		})
	}
}

// The first Organization has the Secret held, which changes it. The request that creates is not cut off by that,
// however long Grafana takes for it.
func TestAPISlowFirstOrganization(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	suite.Ready(w, instanceOf(w))
	w.Grafana.SetFault(func(r *grafanatest.Request) grafanatest.Fault {
		if r.Method == "POST" && r.Route == "/api/orgs" {
			return grafanatest.Fault{Delay: time.Second}
		}
		return grafanatest.Fault{}
	})
	suite.Ready(w, w.Organization("team"))
	if n := w.Asked("POST", "/login"); n != 1 {
		t.Errorf("logged in %d times", n)
	}
}

// A changed password takes effect as soon as the Secret says so, without a restart.
func TestAPICredentialsChange(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	instance := instanceOf(w)
	suite.Ready(w, instance)
	w.Grafana.SetPassword("admin", "correct horse")
	w.Grafana.EndSessions()
	suite.Visit(w, instance)
	suite.Stalled(w, instance, v1alpha1.ReasonInvalidCredentials, "spec.credentials")
	org := w.Organization("team")
	suite.Waiting(w, org, v1alpha1.ReasonParentNotAvailable)
	setAdmin(w, "admin-password", "correct horse")
	suite.Ready(w, instance)
	suite.Ready(w, org)
	if instance.Status.LoginFailure != nil {
		t.Errorf("the refusal is still noted: %+v", instance.Status.LoginFailure)
	}
	if n := w.Asked("POST", "/login"); n > 5 {
		t.Errorf("%d logins: five wrong ones lock a login out", n)
	}
}

// instanceOf is the Instance of a world as it is now.
func instanceOf(w *suite.World) *v1alpha1.Instance {
	w.T.Helper()
	return suite.Get(w, &v1alpha1.Instance{ObjectMeta: w.Named("grafana")})
}

func setAdmin(w *suite.World, key, value string) {
	w.T.Helper()
	secret := w.Secret("admin")
	suite.Change(w, secret, func() { secret.StringData = map[string]string{key: value} })
}

// Sessions that end in Grafana are noticed by nobody.
func TestAPISessionsEnd(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	n := newTenant(w)
	w.Grafana.EndSessions()
	suite.Change(w, n.org, func() { n.org.Spec.Name = "Still here" })
	suite.Change(w, n.sa, func() { n.sa.Spec.Role = v1alpha1.RoleEditor })
	n.ready(w)
	n.check(w)
}

// An Instance can be pointed at another address of the same Grafana, and each kind of credential works.
func TestAPIBasicAuthWithoutSession(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{DisableLoginForm: true})
	n := newTenant(w)
	n.check(w)
	instance := instanceOf(w)
	for _, c := range suite.Ready(w, instance).Status.Capabilities {
		if c == v1alpha1.CapabilitySession {
			t.Error("it claims a session where Grafana has no login form")
		}
	}
	n.remove(w)
}

// With a service account's token as credential there is one organization, which was there before and stays.
func TestAPITokenCredential(t *testing.T) {
	t.Parallel()
	w := suite.NewEmpty(t, grafanatest.Options{})
	orgID := w.Made(w.Ask("POST", "/api/orgs", 0, map[string]any{"name": "Cloud"}))
	saID := w.Made(w.Ask("POST", "/api/serviceaccounts", orgID, map[string]any{"name": "operator", "role": "Admin"}))
	w.Ask("POST", fmt.Sprintf("/api/serviceaccounts/%d/tokens", saID), orgID, map[string]any{"name": "operator"})
	secret := w.Secret("admin")
	// The label keeps the check for leaked keys from this one, which a person put there.
	suite.Change(w, secret, func() {
		secret.Labels = map[string]string{v1alpha1.LabelManagedBy: v1alpha1.ManagedBy}
		secret.StringData = map[string]string{"key": w.Grafana.Keys()[0]}
	})
	w.Instance(func(o *v1alpha1.Instance) {
		o.Spec.Credentials = v1alpha1.Credentials{Token: &v1alpha1.KeyReference{Name: "admin", Key: "key"}}
	})
	wrong := w.Organization("wrong")
	suite.Stalled(w, wrong, v1alpha1.ReasonInvalidSpec, `"Cloud"`, "spec.name")
	org := suite.Ready(w, w.Organization("team", func(o *v1alpha1.Organization) { o.Spec.Name = "Cloud" }))
	dash := suite.Ready(w, w.Dashboard("overview", "team", overview))
	sa := suite.Ready(w, w.Account("robot", "team"))
	token := suite.Ready(w, w.Token("ci", "robot"))
	if org.Status.OrgID != orgID || w.Dash(orgID, dash.Status.UID) == nil || w.SA(orgID, sa.Status.ID) == nil {
		t.Errorf("organization %d: %+v, %+v", orgID, w.Grafana.Dashboards(orgID), w.Grafana.ServiceAccounts(orgID))
	}
	if _, _, _, alive := w.Grafana.KeyAlive(w.Key("ci")); !alive {
		t.Error("the key does not work")
	}
	w.Delete(org, dash, sa, token)
	w.Gone(token, dash, sa, org)
	if w.OrgNamed("Cloud") == nil {
		t.Error("the organization was deleted, although it was not ours")
	}
	w.Eventually("only the operator's own account is left", func() error {
		if len(w.Grafana.ServiceAccounts(orgID)) != 1 || len(w.Grafana.Dashboards(orgID)) != 0 {
			return errors.New("there is more")
		}
		return nil
	})
}

// With a token Grafana may answer 403 to what was just made again under its uid, for as long as it remembers what the
// token could see before. The dashboard becomes Ready all the same, and is not made twice.
func TestAPIDashboardMadeAgainOnAToken(t *testing.T) {
	t.Parallel()
	for _, version := range grafanatest.Versions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			clock := suite.NewClock()
			w := suite.NewEmpty(t, grafanatest.Options{Version: version, Now: clock.Now})
			org := w.Made(w.Ask("POST", "/api/orgs", 0, map[string]any{"name": "Cloud"}))
			account := w.Made(w.Ask("POST", "/api/serviceaccounts", org,
				map[string]any{"name": "operator", "role": "Admin"}))
			tokens := fmt.Sprintf("/api/serviceaccounts/%d/tokens", account)
			w.Ask("POST", tokens, org, map[string]any{"name": "operator"})
			secret := w.Secret("admin")
			suite.Change(w, secret, func() {
				secret.Labels = map[string]string{v1alpha1.LabelManagedBy: v1alpha1.ManagedBy}
				secret.StringData = map[string]string{"key": w.Grafana.Keys()[0]}
			})
			w.Instance(func(o *v1alpha1.Instance) {
				o.Spec.Credentials = v1alpha1.Credentials{Token: &v1alpha1.KeyReference{Name: "admin", Key: "key"}}
			})
			suite.Ready(w, w.Organization("team", func(o *v1alpha1.Organization) { o.Spec.Name = "Cloud" }))
			dash := w.Dashboard("d", "team", overview, func(o *v1alpha1.Dashboard) { o.Spec.UID = "given" })
			clock.Advance(2 * time.Minute)
			suite.Ready(w, suite.Visit(w, dash))
			w.Ask("DELETE", "/api/dashboards/uid/given", org, nil)
			suite.Visit(w, dash)
			w.Eventually("the dashboard again", func() error {
				if w.Dash(org, "given") == nil {
					return errors.New("it is not there")
				}
				return nil
			})
			clock.Advance(2 * time.Minute)
			suite.Ready(w, suite.Visit(w, dash))
			if all := w.Grafana.Dashboards(org); len(all) != 1 || all[0].Version != 1 {
				t.Errorf("dashboards: %+v", all)
			}
		})
	}
}

// While Grafana cannot be reached, tenants are told that, and neither where it is nor whose it is: their objects name
// an Organization and no more. The Instance has the whole story.
func TestAPIOutageConcealed(t *testing.T) {
	t.Parallel()
	for name, begin := range map[string]func(w *suite.World){
		"down": func(w *suite.World) { w.Grafana.SetDown(true) },
		"a proxy's page": func(w *suite.World) {
			w.Grafana.SetFault(func(*grafanatest.Request) grafanatest.Fault {
				return grafanatest.Fault{Outcome: grafanatest.Answer, Status: 200, Body: "<html>Welcome to nginx</html>"}
			})
		},
		"a proxy's error": func(w *suite.World) {
			w.Grafana.SetFault(func(*grafanatest.Request) grafanatest.Fault {
				return grafanatest.Fault{Outcome: grafanatest.Answer, Status: 503, Body: "no upstream at " + w.Grafana.URL}
			})
		},
		"the credential is refused": func(w *suite.World) {
			w.Grafana.SetPassword("admin", "another")
			w.Grafana.EndSessions()
		},
		"the Instance is gone": func(w *suite.World) {
			instance := instanceOf(w)
			suite.Change(w, instance, func() { instance.Annotations = map[string]string{v1alpha1.AnnotationAbandon: "true"} })
			w.Delete(instance)
			w.Gone(instance)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := suite.New(t, grafanatest.Options{})
			suite.Ready(
				w,
				w.Organization(
					"team",
					func(o *v1alpha1.Organization) { o.Spec.AllowedNamespaces.From = v1alpha1.FromAll },
				),
			)
			tenant, ref := w.Namespace(nil), v1alpha1.ObjectReference{Name: "team", Namespace: w.NS}
			dash := w.Dashboard(
				"overview",
				"",
				overview,
				func(o *v1alpha1.Dashboard) { o.Namespace, o.Spec.OrganizationRef = tenant, ref },
			)
			sa := w.Account(
				"robot",
				"",
				func(o *v1alpha1.ServiceAccount) { o.Namespace, o.Spec.OrganizationRef = tenant, ref },
			)
			token := w.Token("ci", "robot", func(o *v1alpha1.ServiceAccountToken) { o.Namespace = tenant })
			suite.Ready(w, dash)
			suite.Ready(w, sa)
			suite.Ready(w, token)

			begin(w)
			trouble := func(c metav1.Condition) bool { return c.Status != metav1.ConditionTrue }
			suite.Change(w, dash, func() { dash.Spec.Source.JSON = new(`{"title": "During the outage"}`) })
			suite.Change(w, sa, func() { sa.Spec.Role = v1alpha1.RoleEditor })
			suite.Change(w, token, func() { token.Spec.TTL = &metav1.Duration{Duration: time.Hour} })
			for range 2 { // what is told at first, and once the Instance is known to be away
				for _, obj := range []lifecycle.Object{dash, sa, token} {
					suite.Until(w, obj, "trouble", trouble)
					suite.Visit(w, obj)
				}
				tellsNothing(w, tenant)
			}
			w.Delete(dash, token, sa)
			for _, obj := range []lifecycle.Object{dash, token, sa} {
				suite.Until(
					w,
					obj,
					"a deletion that waits",
					func(c metav1.Condition) bool { return trouble(c) && obj.GetDeletionTimestamp() != nil },
				)
			}
			tellsNothing(w, tenant)
		})
	}
}

// tellsNothing checks that what can be read in a namespace has neither Grafana's address nor its Instance's name in it.
func tellsNothing(w *suite.World, ns string) {
	w.T.Helper()
	host := strings.TrimPrefix(w.Grafana.URL, "http://")
	for _, obj := range w.Objects(w.T.Context(), ns) {
		for _, c := range obj.CommonStatus().Conditions {
			conceals(w, fmt.Sprintf("%T %s, %s", obj, obj.GetName(), c.Type), c.Message, host)
		}
	}
	var list eventsv1.EventList
	if err := w.Client.List(w.T.Context(), &list, client.InNamespace(ns)); err != nil {
		w.T.Fatal(err)
	}
	for _, e := range list.Items {
		conceals(w, "an event about "+e.Regarding.Name, e.Note, host)
	}
}

func conceals(w *suite.World, what, text, host string) {
	w.T.Helper()
	for _, word := range []string{host, strings.Split(host, ":")[0], "dial", w.NS + "/grafana", "nginx"} {
		if strings.Contains(text, word) {
			w.T.Errorf("%s tells %q: %s", what, word, text)
		}
	}
}

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
)

func isUnavailable(c metav1.Condition) bool {
	return c.Status != metav1.ConditionTrue &&
		(c.Reason == v1alpha1.ReasonGrafanaUnavailable || c.Reason == v1alpha1.ReasonParentNotAvailable)
}

// While Grafana is away, what was Ready is Unknown and waits; what is applied meanwhile waits too; all of it recovers.
func TestAPIOutage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, grafanatest.Options{})
	n := w.tenant()
	instance := get(w, &v1alpha1.Instance{ObjectMeta: w.named("grafana")})
	w.grafana.SetDown(true)
	visit(w, instance)
	unready(w, instance, v1alpha1.ConditionReconciling, v1alpha1.ReasonGrafanaUnavailable, "no answer from Grafana")
	change(w, n.org, func() { n.org.Spec.Name = "Meanwhile" })
	change(w, n.dash, func() { n.dash.Spec.Source.JSON = new(`{"title":"Meanwhile"}`) })
	late := w.organization("late")
	for _, obj := range []lifecycle.Object{n.org, n.dash, late} {
		until(w, obj, "a word about the outage", isUnavailable)
		if !isTrue(obj, v1alpha1.ConditionReconciling) {
			t.Errorf("%T %s: %+v", obj, obj.GetName(), obj.CommonStatus().Conditions)
		}
	}
	for _, obj := range []lifecycle.Object{instance, n.org, n.dash} {
		until(
			w,
			obj,
			"Ready Unknown, as it was True",
			func(c metav1.Condition) bool { return c.Status == metav1.ConditionUnknown },
		)
	}
	w.grafana.SetDown(false)
	ready(w, instance)
	n.ready(w)
	ready(w, late)
	if w.orgNamed("Meanwhile") == nil || w.orgNamed("late") == nil {
		t.Errorf("organizations: %+v", w.grafana.Orgs())
	}
	if d := w.dash(n.org.Status.OrgID, n.dash.Status.UID); d == nil || d.Title != "Meanwhile" {
		t.Errorf("dashboard: %+v", d)
	}
}

// A Grafana that is not there yet is waited for.
func TestAPIGrafanaComesLater(t *testing.T) {
	t.Parallel()
	w := newEmptyWorld(t, grafanatest.Options{})
	w.grafana.SetDown(true)
	instance := w.instance()
	org := w.organization("team")
	waiting(w, instance, v1alpha1.ReasonGrafanaUnavailable)
	waiting(w, org, v1alpha1.ReasonParentNotAvailable, "Instance "+w.ns+"/grafana")
	w.grafana.SetDown(false)
	ready(w, instance)
	ready(w, org)
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
			w := newWorld(t, grafanatest.Options{})
			org := ready(w, w.organization("team"))
			w.grafana.SetFault(func(r *grafanatest.Request) grafanatest.Fault {
				if r.Route == "/api/dashboards/db" {
					return test.fault
				}
				return grafanatest.Fault{}
			})
			dash := w.dashboard("overview", "team", overview)
			waiting(w, dash, test.reason)
			w.grafana.SetFault(nil)
			ready(w, dash)
			if all := w.grafana.Dashboards(org.Status.OrgID); len(all) != 1 {
				t.Errorf("dashboards: %+v", all)
			}
		})
	}
}

// The first Organization has the Secret held, which changes it. The request that creates is not cut off by that,
// however long Grafana takes for it.
func TestAPISlowFirstOrganization(t *testing.T) {
	t.Parallel()
	w := newWorld(t, grafanatest.Options{})
	ready(w, get(w, &v1alpha1.Instance{ObjectMeta: w.named("grafana")}))
	w.grafana.SetFault(func(r *grafanatest.Request) grafanatest.Fault {
		if r.Method == "POST" && r.Route == "/api/orgs" {
			return grafanatest.Fault{Delay: time.Second}
		}
		return grafanatest.Fault{}
	})
	ready(w, w.organization("team"))
	if n := w.asked("POST", "/login"); n != 1 {
		t.Errorf("logged in %d times", n)
	}
}

// A changed password takes effect as soon as the Secret says so, without a restart.
func TestAPICredentialsChange(t *testing.T) {
	t.Parallel()
	w := newWorld(t, grafanatest.Options{})
	instance := get(w, &v1alpha1.Instance{ObjectMeta: w.named("grafana")})
	ready(w, instance)
	w.grafana.SetPassword("admin", "correct horse")
	w.grafana.EndSessions()
	visit(w, instance)
	stalled(w, instance, v1alpha1.ReasonInvalidCredentials, "spec.credentials")
	org := w.organization("team")
	waiting(w, org, v1alpha1.ReasonParentNotAvailable)
	w.setAdmin("admin-password", "correct horse")
	ready(w, instance)
	ready(w, org)
	if instance.Status.LoginFailure != nil {
		t.Errorf("the refusal is still noted: %+v", instance.Status.LoginFailure)
	}
	if n := w.asked("POST", "/login"); n > 5 {
		t.Errorf("%d logins: five wrong ones lock a login out", n)
	}
}

func (w *world) setAdmin(key, value string) {
	w.t.Helper()
	secret := w.secret("admin")
	change(w, secret, func() { secret.StringData = map[string]string{key: value} })
}

// Sessions that end in Grafana are noticed by nobody.
func TestAPISessionsEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t, grafanatest.Options{})
	n := w.tenant()
	w.grafana.EndSessions()
	change(w, n.org, func() { n.org.Spec.Name = "Still here" })
	change(w, n.sa, func() { n.sa.Spec.Role = v1alpha1.RoleEditor })
	n.ready(w)
	n.check(w)
}

// An Instance can be pointed at another address of the same Grafana, and each kind of credential works.
func TestAPIBasicAuthWithoutSession(t *testing.T) {
	t.Parallel()
	w := newWorld(t, grafanatest.Options{DisableLoginForm: true})
	n := w.tenant()
	n.check(w)
	instance := get(w, &v1alpha1.Instance{ObjectMeta: w.named("grafana")})
	for _, c := range ready(w, instance).Status.Capabilities {
		if c == v1alpha1.CapabilitySession {
			t.Error("it claims a session where Grafana has no login form")
		}
	}
	n.remove(w)
}

// With a service account's token as credential there is one organization, which was there before and stays.
func TestAPITokenCredential(t *testing.T) {
	t.Parallel()
	w := newEmptyWorld(t, grafanatest.Options{})
	orgID := w.made(w.ask("POST", "/api/orgs", 0, map[string]any{"name": "Cloud"}))
	saID := w.made(w.ask("POST", "/api/serviceaccounts", orgID, map[string]any{"name": "operator", "role": "Admin"}))
	w.ask("POST", fmt.Sprintf("/api/serviceaccounts/%d/tokens", saID), orgID, map[string]any{"name": "operator"})
	secret := w.secret("admin")
	// The label keeps the check for leaked keys from this one, which a person put there.
	change(w, secret, func() {
		secret.Labels = map[string]string{v1alpha1.LabelManagedBy: v1alpha1.ManagedBy}
		secret.StringData = map[string]string{"key": w.grafana.Keys()[0]}
	})
	w.instance(func(o *v1alpha1.Instance) {
		o.Spec.Credentials = v1alpha1.Credentials{Token: &v1alpha1.KeyReference{Name: "admin", Key: "key"}}
	})
	wrong := w.organization("wrong")
	stalled(w, wrong, v1alpha1.ReasonInvalidSpec, `"Cloud"`, "spec.name")
	org := ready(w, w.organization("team", func(o *v1alpha1.Organization) { o.Spec.Name = "Cloud" }))
	dash := ready(w, w.dashboard("overview", "team", overview))
	sa := ready(w, w.account("robot", "team"))
	token := ready(w, w.token("ci", "robot"))
	if org.Status.OrgID != orgID || w.dash(orgID, dash.Status.UID) == nil || w.sa(orgID, sa.Status.ID) == nil {
		t.Errorf("organization %d: %+v, %+v", orgID, w.grafana.Dashboards(orgID), w.grafana.ServiceAccounts(orgID))
	}
	if _, _, _, alive := w.grafana.KeyAlive(w.key("ci")); !alive {
		t.Error("the key does not work")
	}
	w.delete(org, dash, sa, token)
	w.gone(token, dash, sa, org)
	if w.orgNamed("Cloud") == nil {
		t.Error("the organization was deleted, although it was not ours")
	}
	w.eventually("only the operator's own account is left", func() error {
		if len(w.grafana.ServiceAccounts(orgID)) != 1 || len(w.grafana.Dashboards(orgID)) != 0 {
			return errors.New("there is more")
		}
		return nil
	})
}

// While Grafana cannot be reached, tenants are told that, and neither where it is nor whose it is: their objects name
// an Organization and no more. The Instance has the whole story.
func TestAPIOutageConcealed(t *testing.T) {
	t.Parallel()
	for name, begin := range map[string]func(w *world){
		"down": func(w *world) { w.grafana.SetDown(true) },
		"a proxy's page": func(w *world) {
			w.grafana.SetFault(func(*grafanatest.Request) grafanatest.Fault {
				return grafanatest.Fault{Outcome: grafanatest.Answer, Status: 200, Body: "<html>Welcome to nginx</html>"}
			})
		},
		"a proxy's error": func(w *world) {
			w.grafana.SetFault(func(*grafanatest.Request) grafanatest.Fault {
				return grafanatest.Fault{Outcome: grafanatest.Answer, Status: 503, Body: "no upstream at " + w.grafana.URL}
			})
		},
		"the credential is refused": func(w *world) {
			w.grafana.SetPassword("admin", "another")
			w.grafana.EndSessions()
		},
		"the Instance is gone": func(w *world) {
			instance := get(w, &v1alpha1.Instance{ObjectMeta: w.named("grafana")})
			change(w, instance, func() { instance.Annotations = map[string]string{v1alpha1.AnnotationAbandon: "true"} })
			w.delete(instance)
			w.gone(instance)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, grafanatest.Options{})
			ready(
				w,
				w.organization(
					"team",
					func(o *v1alpha1.Organization) { o.Spec.AllowedNamespaces.From = v1alpha1.FromAll },
				),
			)
			tenant, ref := w.namespace(nil), v1alpha1.ObjectReference{Name: "team", Namespace: w.ns}
			dash := w.dashboard(
				"overview",
				"",
				overview,
				func(o *v1alpha1.Dashboard) { o.Namespace, o.Spec.OrganizationRef = tenant, ref },
			)
			sa := w.account(
				"robot",
				"",
				func(o *v1alpha1.ServiceAccount) { o.Namespace, o.Spec.OrganizationRef = tenant, ref },
			)
			token := w.token("ci", "robot", func(o *v1alpha1.ServiceAccountToken) { o.Namespace = tenant })
			ready(w, dash)
			ready(w, sa)
			ready(w, token)

			begin(w)
			trouble := func(c metav1.Condition) bool { return c.Status != metav1.ConditionTrue }
			change(w, dash, func() { dash.Spec.Source.JSON = new(`{"title": "During the outage"}`) })
			change(w, sa, func() { sa.Spec.Role = v1alpha1.RoleEditor })
			change(w, token, func() { token.Spec.TTL = &metav1.Duration{Duration: time.Hour} })
			for range 2 { // what is told at first, and once the Instance is known to be away
				for _, obj := range []lifecycle.Object{dash, sa, token} {
					until(w, obj, "trouble", trouble)
					visit(w, obj)
				}
				w.tellsNothing(tenant)
			}
			w.delete(dash, token, sa)
			for _, obj := range []lifecycle.Object{dash, token, sa} {
				until(
					w,
					obj,
					"a deletion that waits",
					func(c metav1.Condition) bool { return trouble(c) && obj.GetDeletionTimestamp() != nil },
				)
			}
			w.tellsNothing(tenant)
		})
	}
}

// tellsNothing checks that what can be read in a namespace has neither Grafana's address nor its Instance's name in it.
func (w *world) tellsNothing(ns string) {
	w.t.Helper()
	host := strings.TrimPrefix(w.grafana.URL, "http://")
	for _, obj := range w.objects(w.t.Context(), ns) {
		for _, c := range obj.CommonStatus().Conditions {
			w.conceals(fmt.Sprintf("%T %s, %s", obj, obj.GetName(), c.Type), c.Message, host)
		}
	}
	var list eventsv1.EventList
	if err := w.client.List(w.t.Context(), &list, client.InNamespace(ns)); err != nil {
		w.t.Fatal(err)
	}
	for _, e := range list.Items {
		w.conceals("an event about "+e.Regarding.Name, e.Note, host)
	}
}

func (w *world) conceals(what, text, host string) {
	w.t.Helper()
	for _, word := range []string{host, strings.Split(host, ":")[0], "dial", w.ns + "/grafana", "nginx"} {
		if strings.Contains(text, word) {
			w.t.Errorf("%s tells %q: %s", what, word, text)
		}
	}
}

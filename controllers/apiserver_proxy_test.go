package controllers_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/lifecycle"
)

// told checks that a tenant's conditions say what it got, and not where Grafana is.
func (p *proxy) told(w *world, obj lifecycle.Object, texts ...string) {
	w.t.Helper()
	host := strings.TrimPrefix(p.URL, "http://")
	for _, c := range obj.CommonStatus().Conditions {
		for _, secret := range []string{host, "grafana.internal", "sso.example.org"} {
			if strings.Contains(c.Message, secret) {
				w.t.Errorf("%s tells %s: %s", c.Type, secret, c.Message)
			}
		}
		for _, text := range append(texts, "") {
			if c.Type == v1alpha1.ConditionReady && !strings.Contains(c.Message, text) {
				w.t.Errorf("Ready does not say %q: %s", text, c.Message)
			}
		}
	}
}

// What a proxy or firewall refuses of one dashboard is told there, and stays with it: the Instance is well, and so are
// others.
func TestAPIProxyRefusesADashboard(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		rule   rule
		reason string
		texts  []string
	}{
		"413 with a page":       {rule{status: 413, answer: page}, v1alpha1.ReasonTooLarge, []string{"413", "an HTML page"}},
		"413 with text":         {rule{status: 413, kind: "text/plain", answer: "too large"}, v1alpha1.ReasonTooLarge, []string{"413"}},
		"413 with nothing":      {rule{status: 413}, v1alpha1.ReasonTooLarge, []string{"413"}},
		"413 in JSON":           {rule{status: 413, kind: "application/json", answer: `{"message":"Request Too Long"}`}, v1alpha1.ReasonTooLarge, []string{"413"}},
		"403 with a page":       {rule{status: 403, answer: page}, v1alpha1.ReasonRefused, []string{"403", "an HTML page"}},
		"403 with text":         {rule{status: 403, kind: "text/plain", answer: "RBAC: access denied"}, v1alpha1.ReasonRefused, []string{"403", "plain text"}},
		"403 in JSON":           {rule{status: 403, kind: "application/json", answer: `{"message":"Forbidden"}`}, v1alpha1.ReasonForbidden, []string{"403", "Forbidden"}},
		"401 of a gateway":      {rule{status: 401, kind: "application/json", header: map[string]string{"WWW-Authenticate": "Key"}, answer: `{"message":"No API key found"}`}, v1alpha1.ReasonRefused, []string{"401"}},
		"401 with a page":       {rule{status: 401, answer: page}, v1alpha1.ReasonRefused, []string{"401", "an HTML page"}},
		"404 with a page":       {rule{status: 404, answer: page}, v1alpha1.ReasonRefused, []string{"404", "an HTML page"}},
		"404 of a gateway":      {rule{status: 404, kind: "application/json", answer: `{"message":"no Route matched with those values"}`}, v1alpha1.ReasonRefused, []string{"404", "no Route matched"}},
		"405":                   {rule{status: 405, answer: page}, v1alpha1.ReasonRefused, []string{"405"}},
		"409 in JSON":           {rule{status: 409, kind: "application/json", answer: `{"error":"conflict"}`}, v1alpha1.ReasonRefused, []string{"409"}},
		"412 in JSON":           {rule{status: 412, kind: "application/json", answer: `{"message":"Precondition Failed"}`}, v1alpha1.ReasonRefused, []string{"412"}},
		"400 of a managed one":  {rule{status: 400, kind: "application/json", answer: `{"message":"at most 100 of them"}`}, v1alpha1.ReasonRefused, []string{"400", "at most 100 of them"}},
		"302 to a login":        {rule{status: 302, header: map[string]string{"Location": "https://sso.example.org/login"}}, v1alpha1.ReasonGrafanaUnavailable, []string{"302", "a redirect"}},
		"200 with a page":       {rule{status: 200, answer: page}, v1alpha1.ReasonGrafanaUnavailable, []string{"200", "an HTML page"}},
		"200 with other JSON":   {rule{status: 200, kind: "application/json", answer: `{"ok":true}`}, v1alpha1.ReasonGrafanaUnavailable, []string{"200", "JSON that is not"}},
		"204":                   {rule{status: 204}, v1alpha1.ReasonGrafanaUnavailable, []string{"204", "no body"}},
		"502 with a page":       {rule{status: 502, answer: page}, v1alpha1.ReasonGrafanaUnavailable, []string{"502", "an HTML page"}},
		"503 of a mesh":         {rule{status: 503, kind: "text/plain", answer: "no healthy upstream"}, v1alpha1.ReasonGrafanaUnavailable, []string{"503", "plain text"}},
		"429 for a day":         {rule{status: 429, answer: page, header: map[string]string{"Retry-After": "86400"}}, v1alpha1.ReasonRateLimited, []string{"429"}},
		"a truncated answer":    {rule{status: 200, kind: "application/json", header: map[string]string{"Content-Length": "500"}, answer: `{"uid":"x"`}, v1alpha1.ReasonGrafanaUnavailable, []string{"no answer from Grafana"}},
		"an answer in no gzip":  {rule{status: 200, kind: "application/json", header: map[string]string{"Content-Encoding": "gzip"}, answer: `{"uid":"x"}`}, v1alpha1.ReasonGrafanaUnavailable, []string{"no answer from Grafana"}},
		"another protocol":      {rule{status: 426, kind: "text/plain", answer: "Upgrade Required"}, v1alpha1.ReasonRefused, []string{"426"}},
		"a page in no language": {rule{status: 451, answer: page}, v1alpha1.ReasonRefused, []string{"451"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test.rule.method, test.rule.path, test.rule.body = "POST", "/api/dashboards/db", "suspicious"
			w, p := newProxiedWorld(t, grafanatest.Options{}, test.rule)
			org := ready(w, w.organization("team"))
			harmless := w.dashboard("harmless", "team", overview)
			dash := w.dashboard("blocked", "team", `{"title":"suspicious"}`)
			unready(w, dash, with(test.reason), test.reason, "/api/dashboards/db", "POST")
			p.told(w, dash, test.texts...)
			ready(w, harmless)
			ready(w, get(w, &v1alpha1.Instance{ObjectMeta: w.named("grafana")}))
			p.set()
			visit(w, dash)
			ready(w, dash)
			if all := w.grafana.Dashboards(org.Status.OrgID); len(all) != 2 {
				t.Errorf("dashboards: %+v", all)
			}
		})
	}
}

// with is the condition that goes with a reason.
func with(reason string) string {
	if reason == v1alpha1.ReasonGrafanaUnavailable || reason == v1alpha1.ReasonRateLimited {
		return v1alpha1.ConditionReconciling
	}
	return v1alpha1.ConditionStalled
}

// alien are answers that say nothing of any object, though they look like it.
var alien = map[string]rule{
	"a page":                  {status: 404, answer: page},
	"Grafana's unknown route": {status: 404, kind: "application/json", answer: `{"message":"Not found"}`},
	"AWS API Gateway":         {status: 404, kind: "application/json", answer: `{"message":"Not Found"}`},
	"Kong": {
		status: 404,
		kind:   "application/json",
		answer: `{"message":"no Route matched with those values"}`,
	},
	"an application server": {
		status: 404,
		kind:   "application/json",
		answer: `{"statusCode":404,"message":"Route GET:/api/dashboards/uid/dashboard not found","error":"Not Found"}`,
	},
	"Kubernetes": {
		status: 404,
		kind:   "application/json",
		answer: `{"kind":"Status","apiVersion":"v1","status":"Failure","message":"services \"dashboard\" not found","reason":"NotFound","code":404}`,
	},
	"text":                     {status: 404, kind: "text/plain", answer: "default backend - 404"},
	"nothing":                  {status: 404},
	"gone":                     {status: 410, kind: "application/json", answer: `{"message":"Gone"}`},
	"an empty object":          {status: 404, kind: "application/json", answer: `{}`},
	"another object's absence": {status: 404, kind: "application/json", answer: `{"message":"team not found"}`},
}

// Absence and deletion are concluded from Grafana's own word only: nothing is made again, nothing is let go, and all
// goes on when the proxy is out of the way.
func TestAPIProxyDeniesThatThingsExist(t *testing.T) {
	t.Parallel()
	for name, rule := range alien {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, p := newProxiedWorld(t, grafanatest.Options{})
			n := w.tenant()
			org, sa, dash := n.org.Status.OrgID, n.sa.Status.ID, n.dash.Status.UID
			key := w.key("ci")
			rule.method = "GET"
			for _, of := range []ruleOf{
				{n.dash, "/api/dashboards/uid/"}, {n.sa, fmt.Sprintf("/api/serviceaccounts/%d", sa)}, {n.org, fmt.Sprintf("/api/orgs/%d", org)},
			} {
				rule.path = of.path
				p.set(rule)
				w.grafana.ResetLog()
				unready(
					w,
					visit(w, of.obj),
					v1alpha1.ConditionStalled,
					v1alpha1.ReasonRefused,
					fmt.Sprint(rule.status),
					of.path,
				)
				if writes := w.writes(); len(writes) != 0 {
					t.Errorf("%s: it wrote %v", of.path, writes)
				}
				p.set()
				ready(w, visit(w, of.obj))
			}
			n.check(w)
			if n.org.Status.OrgID != org || n.sa.Status.ID != sa || n.dash.Status.UID != dash || w.key("ci") != key {
				t.Errorf("something was made again: %+v %+v %+v", n.org.Status, n.sa.Status, n.dash.Status)
			}
			rule.method = "DELETE"
			rule.path = "/api/"
			p.set(rule)
			w.delete(n.dash, n.sa)
			for _, obj := range []lifecycle.Object{n.dash, n.sa} {
				until(w, obj, "a word on the deletion", func(c metav1.Condition) bool {
					return c.Reason == v1alpha1.ReasonRefused || c.Reason == v1alpha1.ReasonDeletionBlocked
				})
			}
			if w.dash(org, dash) == nil || w.sa(org, sa) == nil {
				t.Error("something was deleted after all")
			}
			w.delete(n.token)
			p.set()
			visit(w, n.dash)
			w.gone(n.dash, n.token, n.sa)
			if w.dash(org, dash) != nil || w.sa(org, sa) != nil {
				t.Error("something was let go, and not deleted")
			}
		})
	}
}

type ruleOf struct {
	obj  lifecycle.Object
	path string
}

// A proxy that keeps /apis to itself ends no probe.
func TestAPIProxyHidesApis(t *testing.T) {
	t.Parallel()
	for name, rule := range map[string]rule{
		"a page":      {status: 404, answer: page},
		"forbidden":   {status: 403, kind: "application/json", answer: `{"message":"Forbidden"}`},
		"no method":   {status: 405, answer: page},
		"no media":    {status: 406, answer: page},
		"a login":     {status: 302, header: map[string]string{"Location": "https://sso.example.org/"}},
		"a 200":       {status: 200, answer: page},
		"starting up": {status: 404, kind: "text/plain", answer: "404 page not found"},
		"no upstream": {status: 503, kind: "text/plain", answer: "no healthy upstream"},
		"who":         {status: 401, kind: "application/json", answer: `{"message":"Unauthorized"}`},
		"who, basic":  {status: 401, kind: "application/json", answer: `{"message":"Unauthorized"}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rule.path = "/apis"
			w, _ := newProxiedWorld(t, grafanatest.Options{}, rule)
			if strings.HasSuffix(name, "basic") {
				w.withoutSession()
			}
			n := w.tenant()
			n.check(w)
			instance := ready(w, get(w, &v1alpha1.Instance{ObjectMeta: w.named("grafana")}))
			for _, c := range instance.Status.Capabilities {
				if c == v1alpha1.CapabilityBulkDashboardList {
					t.Error("it claims a list that nobody gets")
				}
			}
		})
	}
}

// withoutSession has the Instance send its password with every request.
func (w *world) withoutSession() {
	w.t.Helper()
	i := &v1alpha1.Instance{ObjectMeta: w.named("grafana")}
	change(w, i, func() { i.Spec.Credentials.BasicAuth.Session = v1alpha1.SessionNever })
	ready(w, i)
}

// A 401 to one dashboard, which does not say why, stays with it, whatever the credential: nobody else's password is
// doubted.
func TestAPIProxyRefusesADashboardAsIfItWereTheCredential(t *testing.T) {
	t.Parallel()
	w, p := newProxiedWorld(t, grafanatest.Options{})
	w.withoutSession()
	ready(w, w.organization("team"))
	p.set(
		rule{
			method: "POST",
			path:   "/api/dashboards/db",
			body:   "suspicious",
			status: 401,
			kind:   "application/json",
			answer: `{"message":"Unauthorized"}`,
		},
	)
	dash := w.dashboard("blocked", "team", `{"title":"suspicious"}`)
	waiting(w, dash, v1alpha1.ReasonInvalidCredentials, "401", "POST /api/dashboards/db")
	ready(w, w.dashboard("harmless", "team", overview))
	if i := ready(w, get(w, &v1alpha1.Instance{ObjectMeta: w.named("grafana")})); i.Status.LoginFailure != nil {
		t.Errorf("it is taken for a refused password: %+v", i.Status.LoginFailure)
	}
	p.set()
	ready(w, visit(w, dash))
}

// What Grafana says of itself in its settings can be done without, as long as its health says which version it is.
func TestAPIProxyHidesSettings(t *testing.T) {
	t.Parallel()
	for name, rule := range map[string]rule{
		"a page":    {status: 404, answer: page},
		"forbidden": {status: 403, kind: "application/json", answer: `{"message":"Forbidden"}`},
		"a login":   {status: 302, header: map[string]string{"Location": "https://sso.example.org/"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rule.path = "/api/frontend/settings"
			w, p := newProxiedWorld(t, grafanatest.Options{Version: "12.4.0"}, rule)
			n := w.tenant()
			n.check(w)
			instance := ready(w, get(w, &v1alpha1.Instance{ObjectMeta: w.named("grafana")}))
			if instance.Status.Version != "12.4.0" {
				t.Errorf("status: %+v", instance.Status)
			}
			nested := w.dashboard("nested", "team", overview, func(o *v1alpha1.Dashboard) {
				o.Spec.Folder = &v1alpha1.DashboardFolder{Path: []string{"one", "two"}}
			})
			ready(w, nested)
			p.set()
			ready(w, visit(w, instance))
			until(w, instance, "its edition", func(metav1.Condition) bool { return instance.Status.Edition != "" })
			p.set(rule)
			ready(w, visit(w, instance))
			if instance.Status.Edition == "" {
				t.Error("the edition is not known any more")
			}
		})
	}
}

// A gateway that does not let permissions be seen keeps no dashboard from being Ready. They are looked at, and put
// right, once it does.
func TestAPIProxyHidesPermissions(t *testing.T) {
	t.Parallel()
	for name, rule := range map[string]rule{
		"a page":    {status: 404, answer: page},
		"forbidden": {status: 403, answer: page},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rule.path = "/api/dashboards/uid/given/permissions"
			w, p := newProxiedWorld(t, grafanatest.Options{Database: grafanatest.Postgres}, rule)
			org := ready(w, w.organization("team")).Status.OrgID
			var met atomic.Bool
			w.grafana.SetFault(func(r *grafanatest.Request) grafanatest.Fault {
				if r.Method == "POST" && r.Path == "/api/dashboards/db" && met.CompareAndSwap(false, true) {
					w.grafana.Do(
						"POST",
						r.Path,
						org,
						map[string]any{"dashboard": map[string]any{"uid": "theirs", "title": "Theirs"}},
					)
				}
				return grafanatest.Fault{}
			})
			dash := w.dashboard("d", "team", overview, func(o *v1alpha1.Dashboard) { o.Spec.UID = "given" })
			if ready(w, dash); !dash.Status.PermissionsPending {
				t.Error("nobody will look at its permissions any more")
			}
			p.set()
			visit(w, dash)
			until(
				w,
				dash,
				"permissions that were seen",
				func(metav1.Condition) bool { return !dash.Status.PermissionsPending },
			)
			ready(w, dash)
			if w.forRoles(org, "/api/dashboards/uid/given") != 2 {
				t.Error("the dashboard can be seen by Admins only")
			}
		})
	}
}

// A managed Grafana may hide its health: what it says of itself in its settings is enough.
func TestAPIProxyHidesHealth(t *testing.T) {
	t.Parallel()
	for name, rule := range map[string]rule{
		"400 in JSON": {status: 400, kind: "application/json", answer: `{"message":"Bad Request"}`},
		"404, a page": {status: 404, answer: page},
		"403":         {status: 403, kind: "application/json", answer: `{"message":"Forbidden"}`},
		"its own":     {status: 200, kind: "application/json", answer: `{"status":"ok"}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rule.path = "/api/health"
			w, p := newProxiedWorld(t, grafanatest.Options{Version: "12.4.0"}, rule)
			n := w.tenant()
			n.check(w)
			instance := ready(w, get(w, &v1alpha1.Instance{ObjectMeta: w.named("grafana")}))
			if instance.Status.Version != "12.4.0" || instance.Status.Edition == "" {
				t.Errorf("status: %+v", instance.Status)
			}
			settings := rule
			settings.path = "/api/frontend/settings"
			p.set(rule, settings)
			reason := v1alpha1.ReasonNotGrafana
			if name == "403" { // in words that could be Grafana's
				reason = v1alpha1.ReasonForbidden
			}
			stalled(w, visit(w, instance), reason, "/api/health")
			p.set()
			ready(w, visit(w, instance))
		})
	}
}

// A gateway's own login is no word of Grafana's on the credential: no attempt is noted, and the Instance goes on as
// soon as it is gone.
func TestAPIProxyAsksForALogin(t *testing.T) {
	t.Parallel()
	for name, rule := range map[string]rule{
		"a page":    {status: 401, answer: page},
		"nginx":     {status: 401, answer: page, header: map[string]string{"WWW-Authenticate": `Basic realm="x"`}},
		"a gateway": {status: 401, kind: "application/json", answer: `{"message":"Unauthorized"}`, header: map[string]string{"WWW-Authenticate": "Bearer"}},
		"sign-in":   {status: 403, answer: page},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, p := newProxiedWorld(t, grafanatest.Options{})
			n := w.tenant()
			rule.path = "/"
			p.set(rule)
			instance := get(w, &v1alpha1.Instance{ObjectMeta: w.named("grafana")})
			stalled(w, visit(w, instance), v1alpha1.ReasonNotGrafana, fmt.Sprint(rule.status))
			if instance.Status.LoginFailure != nil {
				t.Errorf("it counts as a refused password: %+v", instance.Status.LoginFailure)
			}
			waiting(w, visit(w, n.dash), v1alpha1.ReasonParentNotAvailable)
			p.told(w, n.dash)
			p.set()
			ready(w, visit(w, instance))
			n.ready(w)
			n.check(w)
		})
	}
}

// A managed service that hides the operator's own account: the database is known by its organizations.
func TestAPIProxyHidesTheOwnAccount(t *testing.T) {
	t.Parallel()
	w, _ := newProxiedWorld(
		t,
		grafanatest.Options{},
		rule{path: "/api/user", method: "GET", status: 404, answer: page, body: ""},
	)
	instance := get(w, &v1alpha1.Instance{ObjectMeta: w.named("grafana")})
	ready(w, instance)
	if instance.Status.DatabaseID != "" {
		t.Errorf("database %q", instance.Status.DatabaseID)
	}
}

// Who owns the Instance is told where a redirect leads.
func TestAPIProxyRedirectsToALogin(t *testing.T) {
	t.Parallel()
	login := rule{path: "/", status: 302, header: map[string]string{"Location": "https://sso.example.org/login"}}
	w, p := newProxiedWorld(t, grafanatest.Options{}, login)
	instance := get(w, &v1alpha1.Instance{ObjectMeta: w.named("grafana")})
	stalled(w, instance, v1alpha1.ReasonNotGrafana, "302", "https://sso.example.org/login")
	p.set()
	ready(w, visit(w, instance))
}

// Two servers behind one address that share no database: nothing is made again, in neither of them, no login is locked
// out, and all goes on when there is one of them.
func TestAPIProxyBalancesTwoDatabases(t *testing.T) {
	t.Parallel()
	w, p := newProxiedWorld(t, grafanatest.Options{})
	n := w.tenant()
	org, sa, dash, key := n.org.Status.OrgID, n.sa.Status.ID, n.dash.Status.UID, w.key("ci")
	other := grafanatest.New(grafanatest.Options{})
	p.balance(other)
	instance := get(w, &v1alpha1.Instance{ObjectMeta: w.named("grafana")})
	all := []lifecycle.Object{instance, n.org, n.sa, n.token, n.dash}
	w.eventually("both have been asked a lot", func() error { // which of them is asked what is chance
		for _, obj := range all {
			visit(w, obj)
		}
		if n := len(other.Requests()); n < 30 {
			return fmt.Errorf("the other was asked %d times", n)
		}
		return nil
	})
	if get(w, instance).Status.LoginFailure != nil {
		t.Errorf("it is taken for a refused password: %+v", instance.Status.LoginFailure)
	}
	p.balance(nil)
	ready(w, visit(w, instance))
	n.ready(w)
	n.check(w)
	if n.org.Status.OrgID != org || n.sa.Status.ID != sa || n.dash.Status.UID != dash || w.key("ci") != key {
		t.Errorf("something was made again: %+v %+v %+v", n.org.Status, n.sa.Status, n.dash.Status)
	}
	if all := other.Orgs(); len(all) != 1 {
		t.Errorf("in the other database: %+v", all)
	}
}

// A line end in the Secret is the most frequent reason for a refused credential, and cannot be seen.
func TestAPILineEndInTheCredential(t *testing.T) {
	t.Parallel()
	w := newEmptyWorld(t, grafanatest.Options{})
	w.setAdmin("admin-password", "admin\n")
	instance := w.instance()
	stalled(w, instance, v1alpha1.ReasonInvalidCredentials, "key admin-password ends with a line end")
	w.setAdmin("admin-password", "admin")
	ready(w, instance)
}

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
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

// What a proxy or firewall refuses of one dashboard is told there, and stays with it: the Instance is well, and so are
// others.
func TestAPIProxyRefusesADashboard(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		rule   suite.Rule
		reason string
		texts  []string
	}{
		"413 with a page":       {suite.Rule{Status: 413, Answer: suite.ProxyPage}, v1alpha1.ReasonTooLarge, []string{"413", "an HTML page"}},
		"413 with text":         {suite.Rule{Status: 413, Kind: "text/plain", Answer: "too large"}, v1alpha1.ReasonTooLarge, []string{"413"}},
		"413 with nothing":      {suite.Rule{Status: 413}, v1alpha1.ReasonTooLarge, []string{"413"}},
		"413 in JSON":           {suite.Rule{Status: 413, Kind: "application/json", Answer: `{"message":"Request Too Long"}`}, v1alpha1.ReasonTooLarge, []string{"413"}},
		"403 with a page":       {suite.Rule{Status: 403, Answer: suite.ProxyPage}, v1alpha1.ReasonRefused, []string{"403", "an HTML page"}},
		"403 with text":         {suite.Rule{Status: 403, Kind: "text/plain", Answer: "RBAC: access denied"}, v1alpha1.ReasonRefused, []string{"403", "plain text"}},
		"403 in JSON":           {suite.Rule{Status: 403, Kind: "application/json", Answer: `{"message":"Forbidden"}`}, v1alpha1.ReasonForbidden, []string{"403", "Forbidden"}},
		"401 of a gateway":      {suite.Rule{Status: 401, Kind: "application/json", Header: map[string]string{"WWW-Authenticate": "Key"}, Answer: `{"message":"No API key found"}`}, v1alpha1.ReasonRefused, []string{"401"}},
		"401 with a page":       {suite.Rule{Status: 401, Answer: suite.ProxyPage}, v1alpha1.ReasonRefused, []string{"401", "an HTML page"}},
		"404 with a page":       {suite.Rule{Status: 404, Answer: suite.ProxyPage}, v1alpha1.ReasonRefused, []string{"404", "an HTML page"}},
		"404 of a gateway":      {suite.Rule{Status: 404, Kind: "application/json", Answer: `{"message":"no Route matched with those values"}`}, v1alpha1.ReasonRefused, []string{"404", "no Route matched"}},
		"405":                   {suite.Rule{Status: 405, Answer: suite.ProxyPage}, v1alpha1.ReasonRefused, []string{"405"}},
		"409 in JSON":           {suite.Rule{Status: 409, Kind: "application/json", Answer: `{"error":"conflict"}`}, v1alpha1.ReasonRefused, []string{"409"}},
		"412 in JSON":           {suite.Rule{Status: 412, Kind: "application/json", Answer: `{"message":"Precondition Failed"}`}, v1alpha1.ReasonRefused, []string{"412"}},
		"400 of a managed one":  {suite.Rule{Status: 400, Kind: "application/json", Answer: `{"message":"at most 100 of them"}`}, v1alpha1.ReasonRefused, []string{"400", "at most 100 of them"}},
		"302 to a login":        {suite.Rule{Status: 302, Header: map[string]string{"Location": "https://sso.example.org/login"}}, v1alpha1.ReasonGrafanaUnavailable, []string{"302", "a redirect"}},
		"200 with a page":       {suite.Rule{Status: 200, Answer: suite.ProxyPage}, v1alpha1.ReasonGrafanaUnavailable, []string{"200", "an HTML page"}},
		"200 with other JSON":   {suite.Rule{Status: 200, Kind: "application/json", Answer: `{"ok":true}`}, v1alpha1.ReasonGrafanaUnavailable, []string{"200", "JSON that is not"}},
		"204":                   {suite.Rule{Status: 204}, v1alpha1.ReasonGrafanaUnavailable, []string{"204", "no body"}},
		"502 with a page":       {suite.Rule{Status: 502, Answer: suite.ProxyPage}, v1alpha1.ReasonGrafanaUnavailable, []string{"502", "an HTML page"}},
		"503 of a mesh":         {suite.Rule{Status: 503, Kind: "text/plain", Answer: "no healthy upstream"}, v1alpha1.ReasonGrafanaUnavailable, []string{"503", "plain text"}},
		"429 for a day":         {suite.Rule{Status: 429, Answer: suite.ProxyPage, Header: map[string]string{"Retry-After": "86400"}}, v1alpha1.ReasonRateLimited, []string{"429"}},
		"a truncated answer":    {suite.Rule{Status: 200, Kind: "application/json", Header: map[string]string{"Content-Length": "500"}, Answer: `{"uid":"x"`}, v1alpha1.ReasonGrafanaUnavailable, []string{"no answer from Grafana"}},
		"an answer in no gzip":  {suite.Rule{Status: 200, Kind: "application/json", Header: map[string]string{"Content-Encoding": "gzip"}, Answer: `{"uid":"x"}`}, v1alpha1.ReasonGrafanaUnavailable, []string{"no answer from Grafana"}},
		"another protocol":      {suite.Rule{Status: 426, Kind: "text/plain", Answer: "Upgrade Required"}, v1alpha1.ReasonRefused, []string{"426"}},
		"a page in no language": {suite.Rule{Status: 451, Answer: suite.ProxyPage}, v1alpha1.ReasonRefused, []string{"451"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test.rule.Method, test.rule.Path, test.rule.Body = "POST", "/api/dashboards/db", "suspicious"
			w, p := suite.NewProxied(t, grafanatest.Options{}, test.rule)
			org := suite.Ready(w, w.Organization("team"))
			harmless := w.Dashboard("harmless", "team", overview)
			dash := w.Dashboard("blocked", "team", `{"title":"suspicious"}`)
			suite.Unready(w, dash, with(test.reason), test.reason, "/api/dashboards/db", "POST")
			tells(p, w, dash, test.texts...)
			suite.Ready(w, harmless)
			suite.Ready(w, instanceOf(w))
			p.Set()
			suite.Visit(w, dash)
			suite.Ready(w, dash)
			if all := w.Grafana.Dashboards(org.Status.OrgID); len(all) != 2 {
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

// tells checks that a tenant's conditions say what it got, and not where Grafana is.
func tells(p *suite.Proxy, w *suite.World, obj lifecycle.Object, texts ...string) {
	w.T.Helper()
	host := strings.TrimPrefix(p.URL, "http://")
	for _, c := range obj.CommonStatus().Conditions {
		for _, secret := range []string{host, "grafana.internal", "sso.example.org"} {
			if strings.Contains(c.Message, secret) {
				w.T.Errorf("%s tells %s: %s", c.Type, secret, c.Message)
			}
		}
		for _, text := range append(texts, "") {
			if c.Type == v1alpha1.ConditionReady && !strings.Contains(c.Message, text) {
				w.T.Errorf("Ready does not say %q: %s", text, c.Message)
			}
		}
	}
}

// Absence and deletion are concluded from Grafana's own word only: nothing is made again, nothing is let go, and all
// goes on when the proxy is out of the way.
func TestAPIProxyDeniesThatThingsExist(t *testing.T) {
	t.Parallel()
	for name, rule := range alien {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, p := suite.NewProxied(t, grafanatest.Options{})
			n := newTenant(w)
			org, sa, dash := n.org.Status.OrgID, n.sa.Status.ID, n.dash.Status.UID
			key := w.Key("ci")
			rule.Method = "GET"
			for _, of := range []ruleOf{
				{n.dash, "/api/dashboards/uid/"}, {n.sa, fmt.Sprintf("/api/serviceaccounts/%d", sa)}, {n.org, fmt.Sprintf("/api/orgs/%d", org)},
			} {
				rule.Path = of.path
				p.Set(rule)
				w.Grafana.ResetLog()
				suite.Unready(w, suite.Visit(w, of.obj), v1alpha1.ConditionStalled, v1alpha1.ReasonRefused,
					fmt.Sprint(rule.Status), of.path)
				if writes := w.Writes(); len(writes) != 0 {
					t.Errorf("%s: it wrote %v", of.path, writes)
				}
				p.Set()
				suite.Ready(w, suite.Visit(w, of.obj))
			}
			n.check(w)
			if n.org.Status.OrgID != org || n.sa.Status.ID != sa || n.dash.Status.UID != dash || w.Key("ci") != key {
				t.Errorf("something was made again: %+v %+v %+v", n.org.Status, n.sa.Status, n.dash.Status)
			}
			rule.Method = "DELETE"
			rule.Path = "/api/"
			p.Set(rule)
			w.Delete(n.dash, n.sa)
			for _, obj := range []lifecycle.Object{n.dash, n.sa} {
				suite.Until(w, obj, "a word on the deletion", func(c metav1.Condition) bool {
					return c.Reason == v1alpha1.ReasonRefused || c.Reason == v1alpha1.ReasonDeletionBlocked
				})
			}
			if w.Dash(org, dash) == nil || w.SA(org, sa) == nil {
				t.Error("something was deleted after all")
			}
			p.Set()
			w.Delete(n.token)
			suite.Visit(w, n.dash)
			w.Gone(n.dash, n.token, n.sa)
			if w.Dash(org, dash) != nil || w.SA(org, sa) != nil {
				t.Error("something was let go, and not deleted")
			}
		})
	}
}

// alien are answers that say nothing of any object, though they look like it.
var alien = map[string]suite.Rule{
	"a page":                  {Status: 404, Answer: suite.ProxyPage},
	"Grafana's unknown route": {Status: 404, Kind: "application/json", Answer: `{"message":"Not found"}`},
	"AWS API Gateway":         {Status: 404, Kind: "application/json", Answer: `{"message":"Not Found"}`},
	"Kong": {
		Status: 404,
		Kind:   "application/json",
		Answer: `{"message":"no Route matched with those values"}`,
	},
	"an application server": {
		Status: 404,
		Kind:   "application/json",
		Answer: `{"statusCode":404,"message":"Route GET:/api/dashboards/uid/dashboard not found","error":"Not Found"}`,
	},
	"Kubernetes": {
		Status: 404,
		Kind:   "application/json",
		Answer: `{"kind":"Status","apiVersion":"v1","status":"Failure","message":"services \"dashboard\" not found","reason":"NotFound","code":404}`,
	},
	"text":                     {Status: 404, Kind: "text/plain", Answer: "default backend - 404"},
	"nothing":                  {Status: 404},
	"gone":                     {Status: 410, Kind: "application/json", Answer: `{"message":"Gone"}`},
	"an empty object":          {Status: 404, Kind: "application/json", Answer: `{}`},
	"another object's absence": {Status: 404, Kind: "application/json", Answer: `{"message":"team not found"}`},
}

type ruleOf struct {
	obj  lifecycle.Object
	path string
}

// A gateway that does not let permissions be seen keeps no dashboard from being Ready. They are looked at, and put
// right, once it does.
func TestAPIProxyHidesPermissions(t *testing.T) {
	t.Parallel()
	for name, rule := range map[string]suite.Rule{
		"a page":    {Status: 404, Answer: suite.ProxyPage},
		"forbidden": {Status: 403, Answer: suite.ProxyPage},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rule.Path = "/api/dashboards/uid/given/permissions"
			w, p := suite.NewProxied(t, grafanatest.Options{Database: grafanatest.Postgres}, rule)
			org := suite.Ready(w, w.Organization("team")).Status.OrgID
			var met atomic.Bool
			w.Grafana.SetFault(func(r *grafanatest.Request) grafanatest.Fault {
				if r.Method == "POST" && r.Path == "/api/dashboards/db" && met.CompareAndSwap(false, true) {
					w.Grafana.Do("POST", r.Path, org,
						map[string]any{"dashboard": map[string]any{"uid": "theirs", "title": "Theirs"}})
				}
				return grafanatest.Fault{}
			})
			dash := w.Dashboard("d", "team", overview, func(o *v1alpha1.Dashboard) { o.Spec.UID = "given" })
			if suite.Ready(w, dash); !dash.Status.PermissionsPending {
				t.Error("nobody will look at its permissions any more")
			}
			p.Set()
			suite.Visit(w, dash)
			suite.Until(w, dash, "permissions that were seen",
				func(metav1.Condition) bool { return !dash.Status.PermissionsPending })
			suite.Ready(w, dash)
			if forRoles(w, org, "/api/dashboards/uid/given") != 2 {
				t.Error("the dashboard can be seen by Admins only")
			}
		})
	}
}

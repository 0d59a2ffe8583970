package controllers_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

// A proxy that keeps /apis to itself ends no probe.
func TestAPIProxyHidesApis(t *testing.T) {
	t.Parallel()
	for name, rule := range map[string]suite.Rule{
		"a page":      {Status: 404, Answer: suite.ProxyPage},
		"forbidden":   {Status: 403, Kind: "application/json", Answer: `{"message":"Forbidden"}`},
		"no method":   {Status: 405, Answer: suite.ProxyPage},
		"no media":    {Status: 406, Answer: suite.ProxyPage},
		"a login":     {Status: 302, Header: map[string]string{"Location": "https://sso.example.org/"}},
		"a 200":       {Status: 200, Answer: suite.ProxyPage},
		"starting up": {Status: 404, Kind: "text/plain", Answer: "404 page not found"},
		"no upstream": {Status: 503, Kind: "text/plain", Answer: "no healthy upstream"},
		"who":         {Status: 401, Kind: "application/json", Answer: `{"message":"Unauthorized"}`},
		"who, basic":  {Status: 401, Kind: "application/json", Answer: `{"message":"Unauthorized"}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rule.Path = "/apis"
			w, _ := suite.NewProxied(t, grafanatest.Options{}, rule)
			if strings.HasSuffix(name, "basic") {
				withoutSession(w)
			}
			n := newTenant(w)
			n.check(w)
			instance := suite.Ready(w, instanceOf(w))
			for _, c := range instance.Status.Capabilities {
				if c == v1alpha1.CapabilityBulkDashboardList {
					t.Error("it claims a list that nobody gets")
				}
			}
		})
	}
}

// A Grafana that has started a moment ago says that it is well, and does not serve /apis yet. That ends no probe, and
// is asked about again.
func TestAPIGrafanaThatHasJustStarted(t *testing.T) {
	t.Parallel()
	for _, version := range grafanatest.Versions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			w := suite.NewEmpty(t, grafanatest.Options{Version: version})
			suite.NotOnReal(t, "it started long ago")
			w.Grafana.SetStarting(true)
			instance := suite.Ready(w, w.Instance())
			n := newTenant(w)
			n.check(w)
			w.Grafana.SetStarting(false)
			suite.Ready(w, suite.Visit(w, instance))
			if version < "12" {
				return
			}
			suite.Until(w, instance, "its list", func(metav1.Condition) bool {
				return slices.Contains(instance.Status.Capabilities, v1alpha1.CapabilityBulkDashboardList)
			})
		})
	}
}

// What Grafana says of itself in its settings can be done without, as long as its health says which version it is.
func TestAPIProxyHidesSettings(t *testing.T) {
	t.Parallel()
	for name, rule := range map[string]suite.Rule{
		"a page":    {Status: 404, Answer: suite.ProxyPage},
		"forbidden": {Status: 403, Kind: "application/json", Answer: `{"message":"Forbidden"}`},
		"a login":   {Status: 302, Header: map[string]string{"Location": "https://sso.example.org/"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rule.Path = "/api/frontend/settings"
			w, p := suite.NewProxied(t, grafanatest.Options{Version: "12.4.0"}, rule)
			n := newTenant(w)
			n.check(w)
			instance := suite.Ready(w, instanceOf(w))
			if instance.Status.Version != "12.4.0" {
				t.Errorf("status: %+v", instance.Status)
			}
			nested := w.Dashboard("nested", "team", overview, func(o *v1alpha1.Dashboard) {
				o.Spec.Folder = &v1alpha1.DashboardFolder{Path: []string{"one", "two"}}
			})
			suite.Ready(w, nested)
			p.Set()
			suite.Ready(w, suite.Visit(w, instance))
			suite.Until(w, instance, "its edition",
				func(metav1.Condition) bool { return instance.Status.Edition != "" })
			p.Set(rule)
			suite.Ready(w, suite.Visit(w, instance))
			if instance.Status.Edition == "" {
				t.Error("the edition is not known any more")
			}
		})
	}
}

// A managed Grafana may hide its health: what it says of itself in its settings is enough.
func TestAPIProxyHidesHealth(t *testing.T) {
	t.Parallel()
	for name, rule := range map[string]suite.Rule{
		"400 in JSON": {Status: 400, Kind: "application/json", Answer: `{"message":"Bad Request"}`},
		"404, a page": {Status: 404, Answer: suite.ProxyPage},
		"403":         {Status: 403, Kind: "application/json", Answer: `{"message":"Forbidden"}`},
		"its own":     {Status: 200, Kind: "application/json", Answer: `{"status":"ok"}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rule.Path = "/api/health"
			w, p := suite.NewProxied(t, grafanatest.Options{Version: "12.4.0"}, rule)
			n := newTenant(w)
			n.check(w)
			instance := suite.Ready(w, instanceOf(w))
			if instance.Status.Version != "12.4.0" || instance.Status.Edition == "" {
				t.Errorf("status: %+v", instance.Status)
			}
			settings := rule
			settings.Path = "/api/frontend/settings"
			p.Set(rule, settings)
			reason := v1alpha1.ReasonNotGrafana
			if name == "403" { // in words that could be Grafana's
				reason = v1alpha1.ReasonForbidden
			}
			suite.Stalled(w, suite.Visit(w, instance), reason, "/api/health")
			p.Set()
			suite.Ready(w, suite.Visit(w, instance))
		})
	}
}

// A managed service that hides the operator's own account: the database is known by its organizations.
func TestAPIProxyHidesTheOwnAccount(t *testing.T) {
	t.Parallel()
	w, _ := suite.NewProxied(t, grafanatest.Options{},
		suite.Rule{Path: "/api/user", Method: "GET", Status: 404, Answer: suite.ProxyPage, Body: ""})
	instance := instanceOf(w)
	suite.Ready(w, instance)
	if instance.Status.DatabaseID != "" {
		t.Errorf("database %q", instance.Status.DatabaseID)
	}
}

// Two servers behind one address that share no database: nothing is made again, in neither of them, no login is locked
// out, and all goes on when there is one of them.
func TestAPIProxyBalancesTwoDatabases(t *testing.T) {
	t.Parallel()
	w, p := suite.NewProxied(t, grafanatest.Options{})
	n := newTenant(w)
	org, sa, dash, key := n.org.Status.OrgID, n.sa.Status.ID, n.dash.Status.UID, w.Key("ci")
	other := grafanatest.New(grafanatest.Options{})
	p.Balance(other)
	instance := instanceOf(w)
	all := []lifecycle.Object{instance, n.org, n.sa, n.token, n.dash}
	w.Eventually("both have been asked a lot", func() error { // which of them is asked what is chance
		for _, obj := range all {
			suite.Visit(w, obj)
		}
		if n := len(other.Requests()); n < 30 {
			return fmt.Errorf("the other was asked %d times", n)
		}
		return nil
	})
	if suite.Get(w, instance).Status.LoginFailure != nil {
		t.Errorf("it is taken for a refused password: %+v", instance.Status.LoginFailure)
	}
	p.Balance(nil)
	suite.Ready(w, suite.Visit(w, instance))
	n.ready(w)
	n.check(w)
	if n.org.Status.OrgID != org || n.sa.Status.ID != sa || n.dash.Status.UID != dash || w.Key("ci") != key {
		t.Errorf("something was made again: %+v %+v %+v", n.org.Status, n.sa.Status, n.dash.Status)
	}
	if all := other.Orgs(); len(all) != 1 {
		t.Errorf("in the other database: %+v", all)
	}
}

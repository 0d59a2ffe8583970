package controllers_test

import (
	"fmt"
	"testing"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

// A 401 to one dashboard, which does not say why, stays with it, whatever the credential: nobody else's password is
// doubted.
func TestAPIProxyRefusesADashboardAsIfItWereTheCredential(t *testing.T) {
	t.Parallel()
	w, p := suite.NewProxied(t, grafanatest.Options{})
	withoutSession(w)
	suite.Ready(w, w.Organization("team"))
	p.Set(suite.Rule{
		Method: "POST",
		Path:   "/api/dashboards/db",
		Body:   "suspicious",
		Status: 401,
		Kind:   "application/json",
		Answer: `{"message":"Unauthorized"}`,
	})
	dash := w.Dashboard("blocked", "team", `{"title":"suspicious"}`)
	suite.Waiting(w, dash, v1alpha1.ReasonInvalidCredentials, "401", "POST /api/dashboards/db")
	suite.Ready(w, w.Dashboard("harmless", "team", overview))
	if i := suite.Ready(w,
		instanceOf(w)); i.Status.LoginFailure != nil {
		t.Errorf("it is taken for a refused password: %+v", i.Status.LoginFailure)
	}
	p.Set()
	suite.Ready(w, suite.Visit(w, dash))
}

// A gateway's own login is no word of Grafana's on the credential: no attempt is noted, and the Instance goes on as
// soon as it is gone.
func TestAPIProxyAsksForALogin(t *testing.T) {
	t.Parallel()
	for name, rule := range map[string]suite.Rule{
		"a page":    {Status: 401, Answer: suite.ProxyPage},
		"nginx":     {Status: 401, Answer: suite.ProxyPage, Header: map[string]string{"WWW-Authenticate": `Basic realm="x"`}},
		"a gateway": {Status: 401, Kind: "application/json", Answer: `{"message":"Unauthorized"}`, Header: map[string]string{"WWW-Authenticate": "Bearer"}},
		"sign-in":   {Status: 403, Answer: suite.ProxyPage},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, p := suite.NewProxied(t, grafanatest.Options{})
			n := newTenant(w)
			rule.Path = "/"
			p.Set(rule)
			instance := instanceOf(w)
			suite.Stalled(w, suite.Visit(w, instance), v1alpha1.ReasonNotGrafana, fmt.Sprint(rule.Status))
			if instance.Status.LoginFailure != nil {
				t.Errorf("it counts as a refused password: %+v", instance.Status.LoginFailure)
			}
			suite.Waiting(w, suite.Visit(w, n.dash), v1alpha1.ReasonParentNotAvailable)
			tells(p, w, n.dash)
			p.Set()
			suite.Ready(w, suite.Visit(w, instance))
			n.ready(w)
			n.check(w)
		})
	}
}

// Who owns the Instance is told where a redirect leads.
func TestAPIProxyRedirectsToALogin(t *testing.T) {
	t.Parallel()
	login := suite.Rule{Path: "/", Status: 302, Header: map[string]string{"Location": "https://sso.example.org/login"}}
	w, p := suite.NewProxied(t, grafanatest.Options{}, login)
	instance := instanceOf(w)
	suite.Stalled(w, instance, v1alpha1.ReasonNotGrafana, "302", "https://sso.example.org/login")
	p.Set()
	suite.Ready(w, suite.Visit(w, instance))
}

// Where something before Grafana keeps back only the way to a session, the Instance says which setting does without.
func TestAPIProxyHidesTheLogin(t *testing.T) {
	t.Parallel()
	for name, hidden := range map[string]suite.Rule{
		"forbidden":   {Status: 403, Answer: suite.ProxyPage},
		"no such way": {Status: 405, Answer: suite.ProxyPage},
		"elsewhere":   {Status: 302, Header: map[string]string{"Location": "https://sso.example.org/"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			hidden.Path, hidden.Method = "/login", "POST"
			w, _ := suite.NewProxied(t, grafanatest.Options{}, hidden)
			instance := instanceOf(w)
			suite.Stalled(w, instance, v1alpha1.ReasonNotGrafana, "/login", "basicAuth.session to Never")
			suite.Change(w, instance, func() { instance.Spec.Credentials.BasicAuth.Session = v1alpha1.SessionNever })
			suite.Ready(w, instance)
		})
	}
}

// withoutSession has the Instance send its password with every request.
func withoutSession(w *suite.World) {
	w.T.Helper()
	i := &v1alpha1.Instance{ObjectMeta: w.Named("grafana")}
	suite.Change(w, i, func() { i.Spec.Credentials.BasicAuth.Session = v1alpha1.SessionNever })
	suite.Ready(w, i)
}

package controllers_test

import (
	"fmt"
	"testing"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

// suspects are objects of every kind that is written with a name of its own, whose requests hold a word.
var suspects = map[string]func(*suite.World) lifecycle.Object{
	"Organization": func(w *suite.World) lifecycle.Object {
		return w.Organization("other", func(o *v1alpha1.Organization) { o.Spec.Name = "suspicious-" + w.NS })
	},
	"ServiceAccount": func(w *suite.World) lifecycle.Object {
		return w.Account("robot", "team", func(o *v1alpha1.ServiceAccount) { o.Spec.Name = "suspicious" })
	},
	"Folder": func(w *suite.World) lifecycle.Object {
		return declareFolder(w, "folder", "team", func(o *v1alpha1.Folder) { o.Spec.Title = "suspicious" })
	},
	"DataSource": func(w *suite.World) lifecycle.Object {
		return dataSource(w, "source", "team", func(o *v1alpha1.DataSource) { o.Spec.Name = "suspicious" })
	},
	"Team": func(w *suite.World) lifecycle.Object {
		return newTeam(w, "crew", func(o *v1alpha1.Team) { o.Spec.Name = "suspicious" })
	},
	"User":       func(w *suite.World) lifecycle.Object { return newUser(w, "suspicious") },
	"Membership": suspectMembership,
}

func suspectMembership(w *suite.World) lifecycle.Object {
	who := login(w, "suspicious")
	person(w, who)
	return membership(w, "people", "team", []v1alpha1.Member{as("Viewer", who)})
}

// What a proxy or firewall refuses is told on the object, whatever kind it is of, and stays with it.
func TestAPIProxyRefusesAnyKind(t *testing.T) {
	t.Parallel()
	for kind, declare := range suspects {
		for reason, status := range map[string]int{v1alpha1.ReasonTooLarge: 413, v1alpha1.ReasonRefused: 403} {
			t.Run(fmt.Sprint(kind, " ", status), func(t *testing.T) {
				t.Parallel()
				rule := suite.Rule{Path: "/api/", Body: "suspicious", Status: status, Answer: suite.ProxyPage}
				w, p := suite.NewProxied(t, grafanatest.Options{}, rule)
				suite.Ready(w, w.Organization("team"))
				obj := declare(w)
				suite.Stalled(w, obj, reason, fmt.Sprint(status), "an HTML page", "/api/")
				tells(p, w, obj)
				suite.Ready(w, instanceOf(w))
				p.Set()
				suite.Ready(w, suite.Visit(w, obj))
			})
		}
	}
}

// Of folders, data sources, teams and logins, too, nothing is made again or let go because somebody else's answer
// denies that they exist.
func TestAPIProxyDeniesThatOthersExist(t *testing.T) {
	t.Parallel()
	for name, rule := range alien {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if name == "another object's absence" {
				rule.Answer = `{"message":"playlist not found"}`
			}
			w, p := suite.NewProxied(t, grafanatest.Options{})
			suite.Ready(w, w.Organization("team"))
			folder := suite.Ready(w, declareFolder(w, "folder", "team"))
			source := suite.Ready(w, dataSource(w, "source", "team"))
			team := suite.Ready(w, newTeam(w, "crew"))
			user := suite.Ready(w, newUser(w, "ada"))
			for path, obj := range map[string]lifecycle.Object{
				"/api/folders": folder, "/api/datasources": source, "/api/teams": team, "/api/users": user,
			} {
				denied(w, p, rule, path, obj)
			}
		})
	}
}

// denied has a proxy deny that what is below a path exists, while it is looked at and while it is deleted.
func denied(w *suite.World, p *suite.Proxy, rule suite.Rule, path string, obj lifecycle.Object) {
	w.T.Helper()
	rule.Method, rule.Path = "GET", path
	p.Set(rule)
	w.Grafana.ResetLog()
	suite.Unready(w, suite.Visit(w, obj), v1alpha1.ConditionStalled, v1alpha1.ReasonRefused,
		fmt.Sprint(rule.Status), path)
	if writes := w.Writes(); len(writes) != 0 {
		w.T.Errorf("%s: it wrote %v", path, writes)
	}
	p.Set()
	w.Grafana.ResetLog()
	suite.Ready(w, suite.Visit(w, obj))
	if writes := w.Writes(); len(writes) != 0 {
		w.T.Errorf("%s: it wrote %v", path, writes)
	}
	rule.Method, rule.Path = "DELETE", "/api/"
	p.Set(rule)
	w.Delete(obj)
	suite.Unready(w, obj, v1alpha1.ConditionStalled, v1alpha1.ReasonRefused, fmt.Sprint(rule.Status), "DELETE")
	p.Set()
	w.Grafana.ResetLog()
	suite.Visit(w, obj)
	w.Gone(obj)
	if len(w.Writes()) == 0 {
		w.T.Errorf("%s: it was let go, and not deleted", path)
	}
}

package controllers_test

import (
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/testing/hostile"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

// tellingWords are what the operator says to a tenant while things go wrong. The Instance's namespace and Grafana's
// address are the platform team's: a tenant is told only what it refers to itself.
func tellingWords() []hostile.Attempt {
	failing := func(name string, f grafanatest.Fault) hostile.Attempt {
		return hostile.Attempt{Name: "an error that " + name, Fence: hostile.BySilence, Try: func(s *hostile.Scene) {
			s.Grafana.SetFault(func(r *grafanatest.Request) grafanatest.Fault {
				if r.OrgID == s.MyOrg && strings.HasPrefix(r.Path, "/api/dashboards") {
					return f
				}
				return grafanatest.Fault{}
			})
			d := s.MyDashboard("", "mine", overview, func(o *v1alpha1.Dashboard) { o.GenerateName = "failing-" })
			suite.Until(s.World, d, "a failure", func(c metav1.Condition) bool {
				return c.Reason != v1alpha1.ReasonCreating && c.Status != metav1.ConditionTrue
			})
		}, Succeeded: func(s *hostile.Scene) string {
			evidence := s.Leak()
			s.Grafana.SetFault(nil)
			return evidence
		}}
	}
	conflict := func(name string, about func(s *hostile.Scene) string) hostile.Attempt {
		return hostile.Attempt{Name: name, Fence: hostile.BySilence, Succeeded: func(s *hostile.Scene) string {
			if message := about(
				s,
			); strings.Contains(message, s.Theirs) ||
				strings.Contains(message, string(s.Shared.UID)) {
				return "it is told: " + message
			}
			return ""
		}}
	}
	return []hostile.Attempt{
		failing("Grafana answers with 500", grafanatest.Fault{Outcome: grafanatest.Answer, Status: 500}),
		failing("drops the connection", grafanatest.Fault{Outcome: grafanatest.Unsent}),
		failing(
			"is a page of a proxy",
			grafanatest.Fault{Outcome: grafanatest.Answer, Status: 502, Body: "<html>bad gateway</html>"},
		),
		failing("is a refusal", grafanatest.Fault{Outcome: grafanatest.Answer, Status: 403}),
		conflict("who has the uid of a dashboard", func(s *hostile.Scene) string {
			return suite.MessageOf(
				hostile.Judged(
					s,
					s.MyDashboard(
						"",
						"commons",
						overview,
						func(o *v1alpha1.Dashboard) { o.GenerateName, o.Spec.UID = "who-", "commons-overview" },
					),
				),
			)
		}),
		conflict("who has the name of a service account", func(s *hostile.Scene) string {
			return suite.MessageOf(
				hostile.Judged(
					s,
					s.MyAccount(
						"",
						"commons",
						func(o *v1alpha1.ServiceAccount) { o.GenerateName, o.Spec.Name = "who-", "shared-robot" },
					),
				),
			)
		}),
		{
			Name:  "an outage of the whole Grafana",
			Fence: hostile.BySilence,
			Succeeded: outage(
				func(s *hostile.Scene) { s.Grafana.SetDown(true) },
				func(s *hostile.Scene) { s.Grafana.SetDown(false) },
			),
		},
		{Name: "a credential that is refused", Fence: hostile.BySilence, Succeeded: outage(func(s *hostile.Scene) {
			s.Grafana.SetPassword(hostile.AdminLogin, "changed")
			s.Grafana.EndSessions()
		}, func(s *hostile.Scene) {
			s.Grafana.SetPassword(hostile.AdminLogin, hostile.AdminPassword)
			secret := s.Secret("admin")
			suite.Change(s.World, secret, func() { secret.Labels = map[string]string{"tried": "again"} })
		})},
	}
}

// outage has the tenant's objects looked at while nothing of Grafana works, each kind once, by way of changes and of
// new ones.
func outage(begin, end func(s *hostile.Scene)) func(s *hostile.Scene) string {
	return func(s *hostile.Scene) (evidence string) {
		d := suite.Ready(
			s.World,
			s.MyDashboard("", "mine", overview, func(o *v1alpha1.Dashboard) { o.GenerateName = "outage-" }),
		)
		a := suite.Ready(
			s.World,
			s.MyAccount("", "mine", func(o *v1alpha1.ServiceAccount) { o.GenerateName = "outage-" }),
		)
		k := suite.Ready(
			s.World,
			s.MyToken("", a.Name, func(o *v1alpha1.ServiceAccountToken) { o.GenerateName = "outage-" }),
		)
		begin(s)
		unready := func(c metav1.Condition) bool { return c.Status != metav1.ConditionTrue }
		suite.Change(s.World, d, func() { d.Spec.Source.JSON = new(`{"title": "During the outage"}`) })
		suite.Until(s.World, d, "trouble", unready)
		suite.Change(s.World, a, func() { a.Spec.Role = v1alpha1.RoleEditor })
		suite.Until(s.World, a, "trouble", unready)
		suite.Change(s.World, k, func() { k.Spec.TTL = &metav1.Duration{Duration: 3600e9} })
		suite.Until(s.World, k, "trouble", unready)
		suite.Until(
			s.World,
			s.MyDashboard("", "mine", overview, func(o *v1alpha1.Dashboard) { o.GenerateName = "during-" }),
			"trouble",
			unready,
		)
		suite.Until(s.World, suite.Get(s.World, &v1alpha1.Instance{ObjectMeta: s.Named("grafana")}), "trouble", unready)
		suite.Until(s.World, suite.Visit(s.World, d), "trouble", unready)
		evidence = s.Leak()
		end(s)
		suite.Ready(s.World, d)
		suite.Ready(s.World, a)
		suite.Ready(s.World, k)
		s.Before = s.Snapshot() // the Secret was changed by us
		return evidence
	}
}

package controllers_test

import (
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
)

// tellingWords are what the operator says to a tenant while things go wrong. The Instance's namespace and Grafana's
// address are the platform team's: a tenant is told only what it refers to itself.
func tellingWords() []attempt {
	failing := func(name string, f grafanatest.Fault) attempt {
		return attempt{name: "an error that " + name, fence: bySilence, try: func(s *scene) {
			s.grafana.SetFault(func(r *grafanatest.Request) grafanatest.Fault {
				if r.OrgID == s.myOrg && strings.HasPrefix(r.Path, "/api/dashboards") {
					return f
				}
				return grafanatest.Fault{}
			})
			d := s.hostileDashboard("", "mine", overview, func(o *v1alpha1.Dashboard) { o.GenerateName = "failing-" })
			until(s.world, d, "a failure", func(c metav1.Condition) bool {
				return c.Reason != v1alpha1.ReasonCreating && c.Status != metav1.ConditionTrue
			})
		}, succeeded: func(s *scene) string {
			evidence := s.leak()
			s.grafana.SetFault(nil)
			return evidence
		}}
	}
	conflict := func(name string, about func(s *scene) string) attempt {
		return attempt{name: name, fence: bySilence, succeeded: func(s *scene) string {
			if message := about(
				s,
			); strings.Contains(message, s.theirs) ||
				strings.Contains(message, string(s.shared.UID)) {
				return "it is told: " + message
			}
			return ""
		}}
	}
	return []attempt{
		failing("Grafana answers with 500", grafanatest.Fault{Outcome: grafanatest.Answer, Status: 500}),
		failing("drops the connection", grafanatest.Fault{Outcome: grafanatest.Unsent}),
		failing(
			"is a page of a proxy",
			grafanatest.Fault{Outcome: grafanatest.Answer, Status: 502, Body: "<html>bad gateway</html>"},
		),
		failing("is a refusal", grafanatest.Fault{Outcome: grafanatest.Answer, Status: 403}),
		conflict("who has the uid of a dashboard", func(s *scene) string {
			return messageOf(
				judged(
					s,
					s.hostileDashboard(
						"",
						"commons",
						overview,
						func(o *v1alpha1.Dashboard) { o.GenerateName, o.Spec.UID = "who-", "commons-overview" },
					),
				),
			)
		}),
		conflict("who has the name of a service account", func(s *scene) string {
			return messageOf(
				judged(
					s,
					s.hostileAccount(
						"",
						"commons",
						func(o *v1alpha1.ServiceAccount) { o.GenerateName, o.Spec.Name = "who-", "shared-robot" },
					),
				),
			)
		}),
		{
			name:      "an outage of the whole Grafana",
			fence:     bySilence,
			succeeded: outage(func(s *scene) { s.grafana.SetDown(true) }, func(s *scene) { s.grafana.SetDown(false) }),
		},
		{name: "a credential that is refused", fence: bySilence, succeeded: outage(func(s *scene) {
			s.grafana.SetPassword(adminLogin, "changed")
			s.grafana.EndSessions()
		}, func(s *scene) {
			s.grafana.SetPassword(adminLogin, adminPassword)
			secret := s.secret("admin")
			change(s.world, secret, func() { secret.Labels = map[string]string{"tried": "again"} })
		})},
	}
}

// outage has the tenant's objects looked at while nothing of Grafana works, each kind once, by way of changes and of
// new ones.
func outage(begin, end func(s *scene)) func(s *scene) string {
	return func(s *scene) (evidence string) {
		d := ready(
			s.world,
			s.hostileDashboard("", "mine", overview, func(o *v1alpha1.Dashboard) { o.GenerateName = "outage-" }),
		)
		a := ready(
			s.world,
			s.hostileAccount("", "mine", func(o *v1alpha1.ServiceAccount) { o.GenerateName = "outage-" }),
		)
		k := ready(
			s.world,
			s.hostileToken("", a.Name, func(o *v1alpha1.ServiceAccountToken) { o.GenerateName = "outage-" }),
		)
		begin(s)
		unready := func(c metav1.Condition) bool { return c.Status != metav1.ConditionTrue }
		change(s.world, d, func() { d.Spec.Source.JSON = new(`{"title": "During the outage"}`) })
		until(s.world, d, "trouble", unready)
		change(s.world, a, func() { a.Spec.Role = v1alpha1.RoleEditor })
		until(s.world, a, "trouble", unready)
		change(s.world, k, func() { k.Spec.TTL = &metav1.Duration{Duration: 3600e9} })
		until(s.world, k, "trouble", unready)
		until(
			s.world,
			s.hostileDashboard("", "mine", overview, func(o *v1alpha1.Dashboard) { o.GenerateName = "during-" }),
			"trouble",
			unready,
		)
		until(s.world, get(s.world, &v1alpha1.Instance{ObjectMeta: s.named("grafana")}), "trouble", unready)
		until(s.world, visit(s.world, d), "trouble", unready)
		evidence = s.leak()
		end(s)
		ready(s.world, d)
		ready(s.world, a)
		ready(s.world, k)
		s.before = s.snapshot() // the Secret was changed by us
		return evidence
	}
}

package controllers_test

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/testing/hostile"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

// hostileClaims are claims, within organizations that let the tenant in, on what is not its own.
func hostileClaims() []hostile.Attempt {
	return slices.Concat(claimedDashboards(), claimedAccounts(), byKey())
}

// short is what names in Grafana carry of an object's uid.
func short(obj client.Object) string { return strings.ReplaceAll(string(obj.GetUID()), "-", "")[:8] }

// claim is an attempt to take over, and then to delete, what a dashboard in the common organization stands for.
func claim(name, source string, changes ...func(s *hostile.Scene, o *v1alpha1.Dashboard)) []hostile.Attempt {
	var d *v1alpha1.Dashboard
	return []hostile.Attempt{
		{Name: name, Fence: hostile.ByMark, Try: func(s *hostile.Scene) {
			d = hostile.Judged(s, s.MyDashboard("", "commons", source, func(o *v1alpha1.Dashboard) {
				o.GenerateName = "claim-"
				for _, c := range changes {
					c(s, o)
				}
			}))
		}},
		{Name: name + ", and deletion of it", Fence: hostile.ByMark, Try: func(s *hostile.Scene) { s.Removed(d) }},
	}
}

func claimedDashboards() []hostile.Attempt {
	uid := func(_ *hostile.Scene, o *v1alpha1.Dashboard) { o.Spec.UID = "commons-overview" }
	policy := func(p v1alpha1.DriftPolicy) func(*hostile.Scene, *v1alpha1.Dashboard) {
		return func(_ *hostile.Scene, o *v1alpha1.Dashboard) { o.Spec.DriftPolicy = p }
	}
	return slices.Concat(
		claim("a dashboard of the victim's uid", `{"title": "Mine"}`, uid),
		claim(
			"a dashboard of the victim's uid that only reports",
			`{"title": "Mine"}`,
			uid,
			policy(v1alpha1.DriftReport),
		),
		claim(
			"a dashboard of the victim's uid to be orphaned",
			`{"title": "Mine"}`,
			uid,
			func(_ *hostile.Scene, o *v1alpha1.Dashboard) { o.Spec.DeletionPolicy = v1alpha1.DeletionOrphan },
		),
		claim("a dashboard of the victim's uid in its content", `{"title": "Mine", "uid": "commons-overview"}`),
		claim(
			"a dashboard of the victim's uid in its content, twice",
			`{"title": "Mine", "uid": "x", "uid": "commons-overview"}`,
		),
		claim(
			"a dashboard of the victim's uid in other letters",
			`{"title": "Mine", "UID": "commons-overview", "Uid": "commons-overview"}`,
		),
		claim(
			"a dashboard of the victim's numbers",
			`{"title": "Mine", "id": 1, "version": 1, "overwrite": true, "orgId": 1, "folderUid": "x"}`,
			uid,
		),
		claim("a dashboard of the victim's title", `{"title": "Board"}`),
		claim("a dashboard of the victim's title and content", `{"title": "Board", "id": 2, "version": 99}`, uid),
	)
}

func claimedAccounts() []hostile.Attempt {
	var a *v1alpha1.ServiceAccount
	account := func(name string, called func(s *hostile.Scene) string) []hostile.Attempt {
		return []hostile.Attempt{
			{Name: name + ", and a key of it", Fence: hostile.ByMark, Try: func(s *hostile.Scene) {
				a = hostile.Judged(s, s.MyAccount("", "commons", func(o *v1alpha1.ServiceAccount) {
					o.GenerateName, o.Spec.Name, o.Spec.Role = "claim-", called(s), v1alpha1.RoleEditor
				}))
				suite.Visit(s.World, s.SharedRobot)
				suite.Visit(s.World, s.SharedCI)
			}, Succeeded: func(s *hostile.Scene) string {
				k := hostile.Judged(
					s,
					s.MyToken("", a.Name, func(o *v1alpha1.ServiceAccountToken) { o.GenerateName = "claim-" }),
				)
				var secret corev1.Secret
				if err := s.Real.Get(s.T.Context(), client.ObjectKeyFromObject(k), &secret); apierrors.IsNotFound(err) {
					return ""
				}
				if _, id, _, _ := s.Grafana.KeyAlive(string(secret.Data["token"])); id == s.SharedRobot.Status.ID {
					return "the Secret has a key of the victim's service account"
				}
				return ""
			}},
			{Name: name + ", and deletion of it", Fence: hostile.ByMark, Try: func(s *hostile.Scene) {
				var tokens v1alpha1.ServiceAccountTokenList
				if err := s.Real.List(s.T.Context(), &tokens, client.InNamespace(s.Mine)); err != nil {
					s.T.Fatal(err)
				}
				for i := range tokens.Items {
					if tokens.Items[i].Spec.ServiceAccountRef.Name == a.Name {
						s.Removed(&tokens.Items[i])
					}
				}
				s.Removed(a)
			}},
		}
	}
	return slices.Concat(
		account("a service account of the victim's name", func(*hostile.Scene) string { return "shared-robot" }),
		account(
			"a service account called like the victim's mark",
			func(s *hostile.Scene) string { return "x-" + short(s.SharedRobot) },
		),
		account(
			"a service account called like the victim's mark and a counter",
			func(s *hostile.Scene) string { return "x-" + short(s.SharedRobot) + "-2" },
		),
		account(
			"a service account called like the victim's login",
			func(s *hostile.Scene) string { return s.SharedRobot.Status.Login },
		),
		account("a service account whose name is a pattern for all", func(*hostile.Scene) string { return "%_%" }),
		account("a service account that climbs", func(*hostile.Scene) string { return "../../../api/orgs/1?x=" }),
		account(
			"a service account of another one's short uid in capitals",
			func(s *hostile.Scene) string { return "X-" + strings.ToUpper(short(s.SharedRobot)) },
		),
		[]hostile.Attempt{
			{Name: "a token called like the victim's next one", Fence: hostile.ByMark, Try: func(s *hostile.Scene) {
				hostile.Judged(s, s.MyAccount("racer", "commons"))
				hostile.Judged(s, s.MyToken(fmt.Sprintf("shared-ci-%s-2", short(s.SharedCI)), "racer"))
				suite.Visit(s.World, s.SharedCI)
			}},
		},
	)
}

// byKey are requests to Grafana itself with the key that the tenant was given, of an Admin in its own organization.
func byKey() []hostile.Attempt {
	ask := func(name, method, path, body string, org func(s *hostile.Scene) int64) hostile.Attempt {
		return hostile.Attempt{Name: name, Fence: hostile.ByGrafana, Succeeded: func(s *hostile.Scene) string {
			status, answer := s.InGrafana(
				s.Key,
				method,
				strings.NewReplacer(
					"VICTIM",
					fmt.Sprint(s.VictimOrg),
					"ROBOT",
					fmt.Sprint(s.Robot.Status.ID),
				).Replace(
					path,
				),
				org(s),
				body,
			)
			for _, c := range s.Canaries {
				if strings.Contains(answer, c) {
					return fmt.Sprintf("Grafana tells %q", c)
				}
			}
			if status < 300 && org(s) != 0 && org(s) != s.MyOrg && method != "GET" {
				return fmt.Sprintf("Grafana answered %d: %s", status, answer)
			}
			return ""
		}}
	}
	own := func(s *hostile.Scene) int64 { return s.MyOrg }
	victim := func(s *hostile.Scene) int64 { return s.VictimOrg }
	main := func(*hostile.Scene) int64 { return 1 }
	return []hostile.Attempt{
		ask(
			"the victim's dashboard read with a key of its own",
			"GET",
			"/api/dashboards/uid/victim-overview",
			"",
			victim,
		),
		ask(
			"the victim's dashboard read from its own organization",
			"GET",
			"/api/dashboards/uid/victim-overview",
			"",
			own,
		),
		ask(
			"a dashboard written into the main organization with a key of its own",
			"POST",
			"/api/dashboards/db",
			`{"dashboard": {"title": "Mine"}, "overwrite": true}`,
			main,
		),
		ask("all organizations listed with a key of its own", "GET", "/api/orgs", "", own),
		ask("the victim's organization read by id", "GET", "/api/orgs/VICTIM", "", own),
		ask("the victim's organization renamed", "PUT", "/api/orgs/VICTIM", `{"name": "Mine"}`, victim),
		ask(
			"a token made for the victim's service account",
			"POST",
			"/api/serviceaccounts/ROBOT/tokens",
			`{"name": "mine"}`,
			own,
		),
		ask("its own organization called as the victim's", "PUT", "/api/org", `{"name": "victim"}`, own),
	}
}

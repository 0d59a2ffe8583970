package controllers_test

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
)

// hostileClaims are claims, within organizations that let the tenant in, on what is not its own.
func hostileClaims() []attempt {
	return slices.Concat(claimedDashboards(), claimedAccounts(), byKey())
}

// short is what names in Grafana carry of an object's uid.
func short(obj client.Object) string { return strings.ReplaceAll(string(obj.GetUID()), "-", "")[:8] }

// claim is an attempt to take over, and then to delete, what a dashboard in the common organization stands for.
func claim(name, source string, changes ...func(s *scene, o *v1alpha1.Dashboard)) []attempt {
	var d *v1alpha1.Dashboard
	return []attempt{
		{name: name, fence: byMark, try: func(s *scene) {
			d = judged(s, s.hostileDashboard("", "commons", source, func(o *v1alpha1.Dashboard) {
				o.GenerateName = "claim-"
				for _, c := range changes {
					c(s, o)
				}
			}))
		}},
		{name: name + ", and deletion of it", fence: byMark, try: func(s *scene) { s.removed(d) }},
	}
}

func claimedDashboards() []attempt {
	uid := func(_ *scene, o *v1alpha1.Dashboard) { o.Spec.UID = "commons-overview" }
	policy := func(p v1alpha1.DriftPolicy) func(*scene, *v1alpha1.Dashboard) {
		return func(_ *scene, o *v1alpha1.Dashboard) { o.Spec.DriftPolicy = p }
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
			func(_ *scene, o *v1alpha1.Dashboard) { o.Spec.DeletionPolicy = v1alpha1.DeletionOrphan },
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

func claimedAccounts() []attempt {
	var a *v1alpha1.ServiceAccount
	account := func(name string, called func(s *scene) string) []attempt {
		return []attempt{
			{name: name + ", and a key of it", fence: byMark, try: func(s *scene) {
				a = judged(s, s.hostileAccount("", "commons", func(o *v1alpha1.ServiceAccount) {
					o.GenerateName, o.Spec.Name, o.Spec.Role = "claim-", called(s), v1alpha1.RoleEditor
				}))
				visit(s.world, s.sharedRobot)
				visit(s.world, s.sharedCI)
			}, succeeded: func(s *scene) string {
				k := judged(
					s,
					s.hostileToken("", a.Name, func(o *v1alpha1.ServiceAccountToken) { o.GenerateName = "claim-" }),
				)
				var secret corev1.Secret
				if err := s.real.Get(s.t.Context(), client.ObjectKeyFromObject(k), &secret); apierrors.IsNotFound(err) {
					return ""
				}
				if _, id, _, _ := s.grafana.KeyAlive(string(secret.Data["token"])); id == s.sharedRobot.Status.ID {
					return "the Secret has a key of the victim's service account"
				}
				return ""
			}},
			{name: name + ", and deletion of it", fence: byMark, try: func(s *scene) {
				var tokens v1alpha1.ServiceAccountTokenList
				if err := s.real.List(s.t.Context(), &tokens, client.InNamespace(s.mine)); err != nil {
					s.t.Fatal(err)
				}
				for i := range tokens.Items {
					if tokens.Items[i].Spec.ServiceAccountRef.Name == a.Name {
						s.removed(&tokens.Items[i])
					}
				}
				s.removed(a)
			}},
		}
	}
	return slices.Concat(
		account("a service account of the victim's name", func(*scene) string { return "shared-robot" }),
		account(
			"a service account called like the victim's mark",
			func(s *scene) string { return "x-" + short(s.sharedRobot) },
		),
		account(
			"a service account called like the victim's mark and a counter",
			func(s *scene) string { return "x-" + short(s.sharedRobot) + "-2" },
		),
		account(
			"a service account called like the victim's login",
			func(s *scene) string { return s.sharedRobot.Status.Login },
		),
		account("a service account whose name is a pattern for all", func(*scene) string { return "%_%" }),
		account("a service account that climbs", func(*scene) string { return "../../../api/orgs/1?x=" }),
		account(
			"a service account of another one's short uid in capitals",
			func(s *scene) string { return "X-" + strings.ToUpper(short(s.sharedRobot)) },
		),
		[]attempt{{name: "a token called like the victim's next one", fence: byMark, try: func(s *scene) {
			judged(s, s.hostileAccount("racer", "commons"))
			judged(s, s.hostileToken(fmt.Sprintf("shared-ci-%s-2", short(s.sharedCI)), "racer"))
			visit(s.world, s.sharedCI)
		}}},
	)
}

// byKey are requests to Grafana itself with the key that the tenant was given, of an Admin in its own organization.
func byKey() []attempt {
	ask := func(name, method, path, body string, org func(s *scene) int64) attempt {
		return attempt{name: name, fence: byGrafana, succeeded: func(s *scene) string {
			status, answer := s.inGrafana(
				s.key,
				method,
				strings.NewReplacer(
					"VICTIM",
					fmt.Sprint(s.victimOrg),
					"ROBOT",
					fmt.Sprint(s.robot.Status.ID),
				).Replace(
					path,
				),
				org(s),
				body,
			)
			for _, c := range s.canaries {
				if strings.Contains(answer, c) {
					return fmt.Sprintf("Grafana tells %q", c)
				}
			}
			if status < 300 && org(s) != 0 && org(s) != s.myOrg && method != "GET" {
				return fmt.Sprintf("Grafana answered %d: %s", status, answer)
			}
			return ""
		}}
	}
	own, victim, main := func(s *scene) int64 { return s.myOrg }, func(s *scene) int64 { return s.victimOrg },
		func(*scene) int64 { return 1 }
	return []attempt{
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

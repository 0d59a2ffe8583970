package controllers_test

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"grafana-tenancy.dev/operator/api/v1alpha1"
)

// An Admin of an organization can rename it and edit its address, in which the mark stands. These attempts each have a
// scene of their own, since they turn it upside down if they succeed.

// disguise writes an address and a name into the tenant's own organization, with the key that it was given.
func (s *scene) disguise(mark, name string) {
	s.t.Helper()
	if status, answer := s.inGrafana(
		s.key,
		"PUT",
		"/api/org/address",
		s.myOrg,
		fmt.Sprintf(`{"address2": %q, "state": %q}`, mark, mark),
	); status != 200 {
		s.t.Fatalf("the address: %d %s", status, answer)
	}
	if status, answer := s.inGrafana(
		s.key,
		"PUT",
		"/api/org",
		s.myOrg,
		fmt.Sprintf(`{"name": %q}`, name),
	); status != 200 {
		s.t.Fatalf("the name: %d %s", status, answer)
	}
}

func markText(namespace, name, uid string) string {
	return fmt.Sprintf("grafana-tenancy.dev owner=%s/%s uid=%s cluster=%s", namespace, name, uid, clusterID)
}

// forgedPredecessor passes the tenant's organization off as an earlier life of one that the platform team is about to
// make for somebody else.
func forgedPredecessor() []attempt {
	return []attempt{{
		name: "its own organization, where it has an Admin's key, taken for another tenant's new one", fence: byMark,
		try: func(s *scene) {
			s.disguise(markText(s.platform, "newcomer", "00000000-0000-4000-8000-000000000000"), "newcomer")
		},
		succeeded: func(s *scene) string {
			newcomer := judged(s, s.platformOrg("newcomer", v1alpha1.AllowedNamespaces{From: v1alpha1.FromSame}))
			mine := s.myOrganization()
			s.before = s.snapshot()
			if _, _, _, alive := s.grafana.KeyAlive(s.key); newcomer.Status.OrgID == s.myOrg && alive {
				return fmt.Sprintf(
					"organization %d, which the tenant's key opens, became the newcomer's (Organization mine has %d)",
					s.myOrg,
					mine.Status.OrgID,
				)
			}
			return ""
		},
	}}
}

func (s *scene) myOrganization() *v1alpha1.Organization {
	return get(s.world, &v1alpha1.Organization{ObjectMeta: metav1.ObjectMeta{Namespace: s.platform, Name: "mine"}})
}

// forgedMark puts the victim's own mark on the tenant's organization.
func forgedMark() []attempt {
	uid := func(s *scene) string {
		return string(
			get(
				s.world,
				&v1alpha1.Organization{ObjectMeta: metav1.ObjectMeta{Namespace: s.platform, Name: "victim"}},
			).UID,
		)
	}
	return []attempt{
		{name: "the victim drawn into its organization by the victim's mark", fence: byMark,
			try: func(s *scene) {
				mark := markText(s.platform, "victim", uid(s))
				s.disguise(mark, "victim 2")
				visit(s.world, s.board)
				visit(
					s.world,
					get(
						s.world,
						&v1alpha1.Organization{ObjectMeta: metav1.ObjectMeta{Namespace: s.platform, Name: "victim"}},
					),
				)
				mine := visit(s.world, s.myOrganization())
				until(s.world, mine, "the forgery is seen", func(c metav1.Condition) bool {
					return c.Status != metav1.ConditionTrue || mine.Status.OrgID != s.myOrg ||
						s.org(s.myOrg).Address.Address2 != mark
				})
				// An Organization whose organization has another's mark may make itself a new one.
				s.own[judged(s, mine).Status.OrgID] = true
				change(
					s.world,
					s.board,
					func() { s.board.Spec.Source.JSON = new(`{"title": "Board, after the forgery"}`) },
				)
				ready(s.world, s.board)
				s.before = s.snapshot()
			},
			succeeded: func(s *scene) string {
				if d := s.dash(s.myOrg, "victim-overview"); d != nil {
					return "the victim's dashboard is in the tenant's organization"
				}
				victim := get(
					s.world,
					&v1alpha1.Organization{ObjectMeta: metav1.ObjectMeta{Namespace: s.platform, Name: "victim"}},
				)
				if victim.Status.OrgID != s.victimOrg {
					return fmt.Sprintf("the victim's Organization has organization %d now", victim.Status.OrgID)
				}
				return ""
			}},
		outliving("an organization that outlives its Organization, by the mark of another"),
	}
}

// forgedBirth takes the mark off the tenant's organization and gives it a name like those of organizations that are
// being made.
func forgedBirth() []attempt {
	return []attempt{
		{name: "its own organization passed off as one that is being made", fence: byMark, try: func(s *scene) {
			s.disguise("somewhere", "mine [0badcafe]")
			mine := visit(s.world, s.myOrganization())
			until(s.world, mine, "the forgery is seen", func(c metav1.Condition) bool {
				return c.Status != metav1.ConditionTrue || mine.Status.OrgID != s.myOrg || s.org(s.myOrg).Name == "mine"
			})
			s.own[judged(s, mine).Status.OrgID] = true
			s.before = s.snapshot()
		}},
		outliving(
			"an organization that outlives its Organization, by a name like those of organizations that are being made",
		),
	}
}

// outliving has all of the tenant's objects deleted after a forgery, and its Organization. What is left in Grafana
// then, with a key that opens it, is known to nobody. A deletion that says why it cannot end is no success.
func outliving(name string) attempt {
	blocked := ""
	return attempt{name: name, fence: byMark,
		try: func(s *scene) {
			for _, obj := range s.objects(s.t.Context(), s.mine) {
				s.delete(obj)
			}
			mine := s.myOrganization()
			s.delete(mine)
			blocked = s.ends(mine)
			s.before = s.snapshot()
		},
		succeeded: func(s *scene) string {
			if _, _, _, alive := s.grafana.KeyAlive(s.key); alive && blocked == "" {
				return fmt.Sprintf(
					"nothing is left in Kubernetes, and the tenant's key opens organization %d, which nobody knows of",
					s.myOrg,
				)
			}
			return ""
		},
	}
}

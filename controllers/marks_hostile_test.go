package controllers_test

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/testing/hostile"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

// An Admin of an organization can rename it and edit its address, in which the mark stands. These attempts each have a
// scene of their own, since they turn it upside down if they succeed.

// disguise writes an address and a name into the tenant's own organization, with the key that it was given.
func disguise(s *hostile.Scene, mark, name string) {
	s.T.Helper()
	if status, answer := s.InGrafana(
		s.Key,
		"PUT",
		"/api/org/address",
		s.MyOrg,
		fmt.Sprintf(`{"address2": %q, "state": %q}`, mark, mark),
	); status != 200 {
		s.T.Fatalf("the address: %d %s", status, answer)
	}
	if status, answer := s.InGrafana(
		s.Key,
		"PUT",
		"/api/org",
		s.MyOrg,
		fmt.Sprintf(`{"name": %q}`, name),
	); status != 200 {
		s.T.Fatalf("the name: %d %s", status, answer)
	}
}

func markText(namespace, name, uid string) string {
	return fmt.Sprintf("grafana-tenancy.dev owner=%s/%s uid=%s cluster=%s", namespace, name, uid, suite.ClusterID)
}

// forgedPredecessor passes the tenant's organization off as an earlier life of one that the platform team is about to
// make for somebody else.
func forgedPredecessor() []hostile.Attempt {
	return []hostile.Attempt{
		{
			Name:  "its own organization, where it has an Admin's key, taken for another tenant's new one",
			Fence: hostile.ByMark,
			Try: func(s *hostile.Scene) {
				disguise(s, markText(s.Platform, "newcomer", "00000000-0000-4000-8000-000000000000"), "newcomer")
			},
			Succeeded: func(s *hostile.Scene) string {
				newcomer := hostile.Judged(
					s,
					s.PlatformOrg("newcomer", v1alpha1.AllowedNamespaces{From: v1alpha1.FromSame}),
				)
				mine := myOrganization(s)
				s.Before = s.Snapshot()
				if _, _, _, alive := s.Grafana.KeyAlive(s.Key); newcomer.Status.OrgID == s.MyOrg && alive {
					return fmt.Sprintf(
						"organization %d, which the tenant's key opens, became the newcomer's (Organization mine has %d)",
						s.MyOrg,
						mine.Status.OrgID,
					)
				}
				return ""
			},
		},
	}
}

func myOrganization(s *hostile.Scene) *v1alpha1.Organization {
	return suite.Get(
		s.World,
		&v1alpha1.Organization{ObjectMeta: metav1.ObjectMeta{Namespace: s.Platform, Name: "mine"}},
	)
}

// forgedMark puts the victim's own mark on the tenant's organization.
func forgedMark() []hostile.Attempt {
	uid := func(s *hostile.Scene) string {
		return string(
			suite.Get(
				s.World,
				&v1alpha1.Organization{ObjectMeta: metav1.ObjectMeta{Namespace: s.Platform, Name: "victim"}},
			).UID,
		)
	}
	return []hostile.Attempt{
		{Name: "the victim drawn into its organization by the victim's mark", Fence: hostile.ByMark,
			Try: func(s *hostile.Scene) {
				mark := markText(s.Platform, "victim", uid(s))
				disguise(s, mark, "victim 2")
				suite.Visit(s.World, s.Board)
				suite.Visit(
					s.World,
					suite.Get(
						s.World,
						&v1alpha1.Organization{ObjectMeta: metav1.ObjectMeta{Namespace: s.Platform, Name: "victim"}},
					),
				)
				mine := suite.Visit(s.World, myOrganization(s))
				suite.Until(s.World, mine, "the forgery is seen", func(c metav1.Condition) bool {
					return c.Status != metav1.ConditionTrue || mine.Status.OrgID != s.MyOrg ||
						s.Org(s.MyOrg).Address.Address2 != mark
				})
				// An Organization whose organization has another's mark may make itself a new one.
				s.Own[hostile.Judged(s, mine).Status.OrgID] = true
				suite.Change(
					s.World,
					s.Board,
					func() { s.Board.Spec.Source.JSON = new(`{"title": "Board, after the forgery"}`) },
				)
				suite.Ready(s.World, s.Board)
				s.Before = s.Snapshot()
			},
			Succeeded: func(s *hostile.Scene) string {
				if d := s.Dash(s.MyOrg, "victim-overview"); d != nil {
					return "the victim's dashboard is in the tenant's organization"
				}
				victim := suite.Get(
					s.World,
					&v1alpha1.Organization{ObjectMeta: metav1.ObjectMeta{Namespace: s.Platform, Name: "victim"}},
				)
				if victim.Status.OrgID != s.VictimOrg {
					return fmt.Sprintf("the victim's Organization has organization %d now", victim.Status.OrgID)
				}
				return ""
			}},
		outliving("an organization that outlives its Organization, by the mark of another"),
	}
}

// forgedBirth takes the mark off the tenant's organization and gives it a name like those of organizations that are
// being made.
func forgedBirth() []hostile.Attempt {
	return []hostile.Attempt{
		{
			Name:  "its own organization passed off as one that is being made",
			Fence: hostile.ByMark,
			Try: func(s *hostile.Scene) {
				disguise(s, "somewhere", "mine [0badcafe]")
				mine := suite.Visit(s.World, myOrganization(s))
				suite.Until(s.World, mine, "the forgery is seen", func(c metav1.Condition) bool {
					return c.Status != metav1.ConditionTrue || mine.Status.OrgID != s.MyOrg ||
						s.Org(s.MyOrg).Name == "mine"
				})
				s.Own[hostile.Judged(s, mine).Status.OrgID] = true
				s.Before = s.Snapshot()
			},
		},
		outliving(
			"an organization that outlives its Organization, by a name like those of organizations that are being made",
		),
	}
}

// outliving has all of the tenant's objects deleted after a forgery, and its Organization. What is left in Grafana
// then, with a key that opens it, is known to nobody. A deletion that says why it cannot end is no success.
func outliving(name string) hostile.Attempt {
	blocked := ""
	return hostile.Attempt{Name: name, Fence: hostile.ByMark,
		Try: func(s *hostile.Scene) {
			for _, obj := range s.Objects(s.T.Context(), s.Mine) {
				s.Delete(obj)
			}
			mine := myOrganization(s)
			s.Delete(mine)
			blocked = ends(s, mine)
			s.Before = s.Snapshot()
		},
		Succeeded: func(s *hostile.Scene) string {
			if _, _, _, alive := s.Grafana.KeyAlive(s.Key); alive && blocked == "" {
				return fmt.Sprintf(
					"nothing is left in Kubernetes, and the tenant's key opens organization %d, which nobody knows of",
					s.MyOrg,
				)
			}
			return ""
		},
	}
}

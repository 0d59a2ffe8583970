package controllers_test

import (
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/testing/hostile"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

// hostileMemberships are attempts to let people in, raise, lower or throw them out, and to learn of them. They are
// made by an admin of the hostile tenant's namespace: others may not make a Membership.
func hostileMemberships() []hostile.Attempt {
	return slices.Concat(
		[]hostile.Attempt{
			{
				Name:  "an editor's Membership",
				Fence: hostile.ByRBAC,
				Try:   func(s *hostile.Scene) { letPeopleIn(s) },
				Succeeded: func(s *hostile.Scene) string {
					if err := s.Real.Create(
						s.T.Context(),
						list(s, "editors", "mine", as("Viewer", "nobody")),
					); err == nil {
						return "it came through"
					}
					return ""
				},
			},
			{Name: "people let into the victim's organization", Fence: hostile.ByConsent, Try: func(s *hostile.Scene) {
				hostile.Judged(s, hostileMembership(s, "uninvited", "victim", as("Viewer", "outsider")))
			}},
		},
		thrownOut(), higherMembers(), toldOfPeople(),
	)
}

// letPeopleIn has people in the common organization: boss, an Admin whom a person made, guest, whom a person let in,
// and vic, whom the victim's Membership has.
func letPeopleIn(s *hostile.Scene) {
	for _, login := range []string{"boss", "guest", "vic", "outsider", "canary-login"} {
		s.Ask("POST", "/api/admin/users", 1, map[string]any{
			"login": login, "email": strings.TrimPrefix(login, "canary-") + "@example.org", "password": "secret",
		})
	}
	path := fmt.Sprintf("/api/orgs/%d/users", s.Commons)
	s.Ask("POST", path, 1, map[string]any{"loginOrEmail": "boss", "role": "Admin"})
	s.Ask("POST", path, 1, map[string]any{"loginOrEmail": "guest", "role": "Editor"})
	vics := list(s, "people", "commons", as("Editor", "vic"))
	vics.Namespace = s.Theirs
	s.Create(vics)
	suite.Ready(s.World, vics)
	s.Canaries = append(s.Canaries, "canary-login")
	s.Before = s.Snapshot()
}

func list(s *hostile.Scene, name, organization string, members ...v1alpha1.Member) *v1alpha1.Membership {
	return &v1alpha1.Membership{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.Mine, Name: name},
		Spec:       v1alpha1.MembershipSpec{OrganizationRef: s.Of(organization), Members: members},
	}
}

// hostileMembership is made by an admin of the namespace.
func hostileMembership(s *hostile.Scene, name, organization string, members ...v1alpha1.Member) *v1alpha1.Membership {
	s.T.Helper()
	return owned(s, list(s, name, organization, members...))
}

func owned(s *hostile.Scene, obj *v1alpha1.Membership) *v1alpha1.Membership {
	s.T.Helper()
	if err := s.Owner.Create(s.T.Context(), obj); err != nil {
		s.T.Fatalf("%s: the tenant cannot create it: %v", s.Now, err)
	}
	return obj
}

// thrownOut are attempts on the people of others, in an organization that the hostile tenant may let people into.
func thrownOut() []hostile.Attempt {
	adopting := func(s *hostile.Scene, name string, members ...v1alpha1.Member) *v1alpha1.Membership {
		m := list(s, name, "commons", members...)
		m.Spec.AdoptionPolicy = v1alpha1.AdoptionAdopt
		return owned(s, m)
	}
	exclusive := func(s *hostile.Scene, name string) *v1alpha1.Membership {
		m := list(s, name, "commons", as("Viewer", "nobody"))
		m.Spec.Mode = v1alpha1.MembershipExclusive
		return owned(s, m)
	}
	return []hostile.Attempt{
		{
			Name:  "an Admin lowered",
			Fence: hostile.ByConsent,
			Try:   func(s *hostile.Scene) { hostile.Judged(s, adopting(s, "lowered", as("None", "boss"))) },
		},
		{Name: "the victim's people lowered", Fence: hostile.ByMark, Try: func(s *hostile.Scene) {
			hostile.Judged(s, adopting(s, "theirs", as("None", "vic"), as("None", "vic@example.org")))
		}},
		{
			Name:  "the operator lowered",
			Fence: hostile.ByBounds,
			Try: func(s *hostile.Scene) {
				hostile.Judged(s, adopting(s, "operator", as("None", strings.ToUpper(hostile.AdminLogin))))
			},
		},
		{
			Name:  "everybody else thrown out",
			Fence: hostile.ByConsent,
			Try:   func(s *hostile.Scene) { hostile.Judged(s, exclusive(s, "alone")) },
		},
		{
			Name:  "people of others thrown out by listing and deleting",
			Fence: hostile.ByMark,
			Try: func(s *hostile.Scene) {
				m := hostile.Judged(
					s,
					hostileMembership(s, "brief", "commons", as("Editor", "guest"), as("Editor", "vic")),
				)
				if err := s.Owner.Delete(s.T.Context(), m); err != nil {
					s.T.Fatal(err)
				}
				s.Gone(m)
			},
		},
		{
			Name:  "an Admin and the victim's people thrown out, where adoption is allowed",
			Fence: hostile.ByMark + " and maxMemberRole",
			Try: func(s *hostile.Scene) {
				s.Ask(
					"DELETE",
					fmt.Sprintf("/api/orgs/%d/users/%d", s.Commons, loginID(s, "guest")),
					1,
					nil,
				) // whom it may throw out
				commons := commonOrganization(s)
				suite.Change(s.World, commons, func() { commons.Spec.Adoption = v1alpha1.AdoptionAllow })
				suite.Ready(s.World, commons)
				s.Before = s.Snapshot()
				hostile.Judged(s, exclusive(s, "again"))
				hostile.Judged(s, adopting(s, "once-more", as("None", "boss")))
			},
		},
		{Name: "the victim's people claimed from outside", Fence: hostile.ByConsent, Try: func(s *hostile.Scene) {
			hostile.Judged(s, hostileMembership(s, "claim", "victim", as("Viewer", "vic")))
			theirs := list(s, "own", "victim", as("Editor", "vic"))
			theirs.Namespace = s.Theirs
			s.Create(theirs)
			suite.Ready(s.World, theirs)
			s.Before = s.Snapshot()
		}},
	}
}

// loginID is a person's id in Grafana.
func loginID(s *hostile.Scene, login string) int64 {
	s.T.Helper()
	return s.Made(s.Ask("GET", "/api/users/lookup?loginOrEmail="+login, 1, nil))
}

// higherMembers are ways to a role above the ceiling.
func higherMembers() []hostile.Attempt {
	climbed := func(s *hostile.Scene) string {
		for _, m := range s.Org(s.Commons).Members {
			if m.Login == "outsider" && m.Role == "Admin" {
				return "the outsider is an Admin"
			}
		}
		return ""
	}
	return []hostile.Attempt{
		{
			Name:      "an Admin in an organization that allows Editors",
			Fence:     hostile.ByBounds,
			Succeeded: climbed,
			Answered:  true,
			Try: func(s *hostile.Scene) {
				hostile.Judged(s, hostileMembership(s, "climber", "commons", as("Admin", "outsider")))
			},
		},
		{
			Name:      "an Editor raised later",
			Fence:     hostile.ByBounds,
			Succeeded: climbed,
			Answered:  true,
			Try: func(s *hostile.Scene) {
				m := hostile.Judged(s, hostileMembership(s, "climber-2", "commons", as("Editor", "outsider")))
				patch := client.RawPatch(
					"application/merge-patch+json",
					[]byte(`{"spec": {"members": [{"login": "outsider", "role": "Admin"}]}}`),
				)
				if err := s.Owner.Patch(s.T.Context(), m, patch); err != nil {
					s.T.Fatal(err)
				}
				hostile.Judged(s, m)
				if err := s.Owner.Delete(s.T.Context(), m); err != nil {
					s.T.Fatal(err)
				}
				s.Gone(m)
			},
		},
	}
}

// toldOfPeople are attempts to learn of people by asking for them.
func toldOfPeople() []hostile.Attempt {
	said := func(s *hostile.Scene, name, login string) string {
		m := hostile.Judged(s, hostileMembership(s, name, "mine", as("Viewer", login)))
		return strings.ReplaceAll(
			toldOf(m, login)+fmt.Sprint(m.Status.Present, m.Status.Missing, m.Status.Added),
			login,
			"LOGIN",
		)
	}
	return []hostile.Attempt{
		{Name: "the platform's User let in by its name", Fence: hostile.ByNamespace, Answered: true,
			Try: func(s *hostile.Scene) {
				user := suite.Ready(s.World, newUser(s.World, "canary-user"))
				s.Canaries, s.Before = append(s.Canaries, user.Spec.Login), s.Snapshot()
				hostile.Judged(s, hostileMembership(s, "by-user", "mine", byUser("Viewer", user.Name)))
			}, Succeeded: func(s *hostile.Scene) string {
				m := suite.Get(s.World, list(s, "by-user", "mine"))
				if len(m.Status.Added) > 0 || m.Status.Present != "0/1" {
					return fmt.Sprintf("status %+v", m.Status)
				}
				return ""
			}},
		{Name: "a login by its address", Fence: hostile.BySilence, Answered: true, Try: func(s *hostile.Scene) {
			m := hostile.Judged(s, hostileMembership(s, "probe", "mine", as("Viewer", "login@example.org")))
			if err := s.Owner.Delete(s.T.Context(), m); err != nil {
				s.T.Fatal(err)
			}
			s.Gone(m)
		}, Succeeded: func(s *hostile.Scene) string { return s.Leak() }},
		{
			Name:     "the operator's login told from nobody's",
			Fence:    hostile.BySilence,
			Answered: true,
			Succeeded: func(s *hostile.Scene) string {
				if one, other := said(
					s,
					"guess",
					strings.ToUpper(hostile.AdminLogin),
				), said(
					s,
					"wrong",
					"nobody",
				); one != other {
					return fmt.Sprintf("it says %s, and of nobody %s", one, other)
				}
				return ""
			},
		},
	}
}

package controllers_test

import (
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/testing/hostile"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

// formTeams has the victim make a team in the common organization, and people another one, with canary-guest in both.
// Beside them canary-outsider and stranger are people elsewhere.
func formTeams(s *hostile.Scene) {
	for _, login := range []string{"canary-guest", "canary-outsider", "stranger"} {
		s.Ask("POST", "/api/admin/users", 1, map[string]any{
			"login": login, "email": strings.TrimPrefix(login, "canary-") + "@example.org", "password": "secret",
		})
	}
	s.Ask("POST", fmt.Sprintf("/api/orgs/%d/users", s.Commons), 1,
		map[string]any{"loginOrEmail": "canary-guest", "role": "Viewer"})
	s.Ask("POST", "/api/teams", s.Commons, map[string]any{"name": "Peoples"})
	for _, t := range s.Grafana.Teams(s.Commons) {
		s.Ask("POST", fmt.Sprintf("/api/teams/%d/members", t.ID), s.Commons,
			map[string]any{"userId": loginID(s, "canary-guest")})
	}
	theirs := team(s, "theirs", "commons", "canary-guest")
	theirs.Namespace, theirs.Spec.Name = s.Theirs, "Theirs"
	s.Create(theirs)
	suite.Ready(s.World, theirs)
	s.Canaries = append(s.Canaries, "canary-guest", "canary-outsider")
	s.Before = s.Snapshot()
	for key := range s.Before {
		s.TheirOwn[key] = true
	}
}

// team is a Team of the hostile tenant's.
func team(s *hostile.Scene, name, organization string, logins ...string) *v1alpha1.Team {
	o := &v1alpha1.Team{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.Mine, Name: name},
		Spec:       v1alpha1.TeamSpec{OrganizationRef: s.Of(organization)},
	}
	withMembers(logins...)(o)
	return o
}

// seized is an attempt on a team of others: taken over, emptied and deleted.
func seized(s *hostile.Scene, name, wanted string) {
	s.T.Helper()
	o := team(s, name, "commons")
	o.Spec.Name, o.Spec.Mode = wanted, v1alpha1.TeamExclusive
	o.Spec.AdoptionPolicy, o.Spec.DeletionPolicy = v1alpha1.AdoptionAdopt, v1alpha1.DeletionDelete
	hostile.Judged(s, byOwner(s, o))
	if err := s.Owner.Delete(s.T.Context(), o); err != nil {
		s.T.Fatal(err)
	}
	s.Gone(o)
}

// byOwner has an admin of the namespace create it: others may not make a Team.
func byOwner(s *hostile.Scene, o *v1alpha1.Team) *v1alpha1.Team {
	s.T.Helper()
	if err := s.Owner.Create(s.T.Context(), o); err != nil {
		s.T.Fatalf("%s: the tenant cannot create it: %v", s.Now, err)
	}
	return o
}

// hostileTeams are attempts to take, empty or fill the teams of others, and to learn of people.
func hostileTeams() []hostile.Attempt {
	said := func(s *hostile.Scene, name string, m v1alpha1.TeamMember) string {
		o := team(s, name, "mine")
		o.Spec.Members = []v1alpha1.TeamMember{m}
		hostile.Judged(s, byOwner(s, o))
		told := toldOf(o, name) + fmt.Sprint(o.Status.Present, o.Status.Missing, o.Status.Added)
		return strings.ReplaceAll(told, m.Who(), "WHO")
	}
	return []hostile.Attempt{
		{Name: "an editor's Team", Fence: hostile.ByRBAC, Try: formTeams, Succeeded: func(s *hostile.Scene) string {
			if err := s.Real.Create(s.T.Context(), team(s, "editors", "mine")); err == nil {
				return "it came through"
			}
			return ""
		}},
		{Name: "a team in the victim's organization", Fence: hostile.ByConsent, Try: func(s *hostile.Scene) {
			hostile.Judged(s, byOwner(s, team(s, "uninvited", "victim", "canary-guest")))
		}},
		{Name: "people's team taken, emptied and deleted", Fence: hostile.ByConsent, Try: func(s *hostile.Scene) {
			seized(s, "peoples", "Peoples")
		}},
		{Name: "the victim's team taken, emptied and deleted", Fence: hostile.ByMark, Try: func(s *hostile.Scene) {
			seized(s, "theirs", "Theirs")
		}},
		{Name: "and that where adoption is allowed", Fence: hostile.ByMark, Try: func(s *hostile.Scene) {
			commons := commonOrganization(s)
			suite.Change(s.World, commons, func() { commons.Spec.Adoption = v1alpha1.AdoptionAllow })
			suite.Ready(s.World, commons)
			s.Before = s.Snapshot()
			seized(s, "theirs-again", "Theirs")
		}},
		{
			Name:  "the birth of the victim's team forged",
			Fence: hostile.ByAdmission,
			Succeeded: func(s *hostile.Scene) string {
				theirs := suite.Get(
					s.World,
					&v1alpha1.Team{ObjectMeta: metav1.ObjectMeta{Namespace: s.Theirs, Name: "theirs"}},
				)
				o := team(s, "forged", "commons")
				o.Spec.Name = "Theirs [" + string(theirs.UID)[:8] + "]"
				if err := s.Owner.Create(s.T.Context(), o); err == nil {
					return "it came through"
				}
				return ""
			},
			Try: func(*hostile.Scene) {},
		},
		{Name: "whether Grafana knows somebody, asked by a team", Fence: hostile.BySilence, Answered: true,
			Try: func(*hostile.Scene) {}, Succeeded: func(s *hostile.Scene) string {
				nobody := said(s, "of-0", v1alpha1.TeamMember{Login: "nobody"})
				for name, m := range map[string]v1alpha1.TeamMember{
					"of-1": {Login: "stranger"}, "of-2": {Email: "outsider@example.org"},
					"of-3": {Login: strings.ToUpper(hostile.AdminLogin)},
					"of-4": {UserRef: &v1alpha1.LocalObjectReference{Name: "theirs"}},
				} {
					if one := said(s, name, m); one != nobody {
						return fmt.Sprintf("of %s it says %s, and of nobody %s", m.Who(), one, nobody)
					}
				}
				return ""
			}},
	}
}

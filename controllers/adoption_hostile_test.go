package controllers_test

import (
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/testing/hostile"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

// hostileAdoptions are attempts to take over what is there, and to get a role above what the Organization allows: first
// where adoption is forbidden, and then where it is allowed.
func hostileAdoptions() []hostile.Attempt {
	people := hostile.Attempt{
		Name:  "adopt what people made, where that is forbidden",
		Fence: hostile.ByConsent,
		Try: func(s *hostile.Scene) {
			s.Ask("POST", "/api/dashboards/db", s.Commons, `{"dashboard": {"uid": "peoples", "title": "Peoples"}}`)
			s.Ask("POST", "/api/serviceaccounts", s.Commons, `{"name": "peoples-admin", "role": "Admin"}`)
			s.Ask("POST", "/api/serviceaccounts", s.Commons, `{"name": "peoples-viewer", "role": "Viewer"}`)
			theirsToo(s)
			adopts(s, "peoples", "peoples-viewer")
		},
	}
	allowed := hostile.Attempt{
		Name:  "adopt what is the victim's, where adoption is allowed",
		Fence: hostile.ByMark,
		Try: func(s *hostile.Scene) {
			commons := commonOrganization(s)
			suite.Change(s.World, commons, func() { commons.Spec.Adoption = v1alpha1.AdoptionAllow })
			suite.Ready(s.World, commons)
			s.Before = s.Snapshot()
			adopts(s, "commons-overview", "shared-robot")
		},
	}
	return slices.Concat([]hostile.Attempt{
		people,
		{
			Name:  "adopt what is the victim's, where that is forbidden",
			Fence: hostile.ByMark,
			Try:   func(s *hostile.Scene) { adopts(s, "commons-overview", "shared-robot") },
		},
		allowed,
		{
			Name:  "adopt an account of a higher role than is allowed",
			Fence: hostile.ByConsent + " and maxServiceAccountRole",
			Try:   func(s *hostile.Scene) { adopts(s, "none", "peoples-admin") },
		},
		{
			Name:  "adopt an account by its login",
			Fence: hostile.ByMark,
			Try:   func(s *hostile.Scene) { adopts(s, "none-2", s.SharedRobot.Status.Login) },
		},
	}, higherRoles())
}

// higherRoles are ways to an Admin in an organization that allows Editors.
func higherRoles() []hostile.Attempt {
	admin := func(s *hostile.Scene) string {
		for _, a := range s.Grafana.ServiceAccounts(s.Commons) {
			if a.Role == "Admin" && strings.HasPrefix(a.Name, "climber") {
				return fmt.Sprintf("service account %d, %s, is Admin", a.ID, a.Name)
			}
		}
		return ""
	}
	var climber *v1alpha1.ServiceAccount
	return []hostile.Attempt{
		{
			Name:      "an Admin in the common organization",
			Fence:     "maxServiceAccountRole",
			Succeeded: admin,
			Try: func(s *hostile.Scene) {
				hostile.Judged(
					s,
					s.MyAccount(
						"climber-0",
						"commons",
						func(o *v1alpha1.ServiceAccount) { o.Spec.Role = v1alpha1.RoleAdmin },
					),
				)
			},
		},
		{
			Name:      "an Editor in the common organization made Admin later",
			Fence:     "maxServiceAccountRole",
			Succeeded: admin,
			Try: func(s *hostile.Scene) {
				climber = suite.Ready(
					s.World,
					s.MyAccount(
						"climber-1",
						"commons",
						func(o *v1alpha1.ServiceAccount) { o.Spec.Role = v1alpha1.RoleEditor },
					),
				)
				suite.Change(s.World, climber, func() { climber.Spec.Role = v1alpha1.RoleAdmin })
				suite.Until(
					s.World,
					climber,
					"a verdict",
					func(metav1.Condition) bool { return climber.Status.ObservedGeneration == climber.Generation },
				)
			},
		},
		{
			Name:      "the same while it is suspended, and then not any more",
			Fence:     "maxServiceAccountRole",
			Succeeded: admin,
			Try: func(s *hostile.Scene) {
				suite.Change(
					s.World,
					climber,
					func() { climber.Spec.Suspend, climber.Spec.Role = true, v1alpha1.RoleEditor },
				)
				suite.Change(
					s.World,
					climber,
					func() { climber.Spec.Suspend, climber.Spec.Role = false, v1alpha1.RoleAdmin },
				)
				suite.Until(
					s.World,
					climber,
					"a verdict",
					func(metav1.Condition) bool { return climber.Status.ObservedGeneration == climber.Generation },
				)
			},
		},
		{
			Name:  "a key for what asks for a higher role",
			Fence: "maxServiceAccountRole",
			Try:   func(s *hostile.Scene) { hostile.Judged(s, s.MyToken("climber-0", "climber-0")) },
			Succeeded: func(s *hostile.Scene) string {
				if account := suite.Get(
					s.World,
					&v1alpha1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: s.Mine, Name: "climber-0"}},
				); account.Status.ID != 0 {
					return fmt.Sprintf("there is service account %d", account.Status.ID)
				}
				return ""
			},
		},
	}
}

func commonOrganization(s *hostile.Scene) *v1alpha1.Organization {
	return suite.Get(
		s.World,
		&v1alpha1.Organization{ObjectMeta: metav1.ObjectMeta{Namespace: s.Platform, Name: "commons"}},
	)
}

// theirsToo takes what is in the common organization now as not the hostile tenant's.
func theirsToo(s *hostile.Scene) {
	s.TheirOwn = nil
	s.Before = s.Snapshot()
	s.TheirOwn = map[string]bool{}
	for key := range s.Before {
		s.TheirOwn[key] = true
	}
}

// adopts asks for a dashboard and a service account of the common organization, has them changed if they are got, and
// deletes them.
func adopts(s *hostile.Scene, uid, account string) {
	s.T.Helper()
	d := hostile.Judged(s, s.MyDashboard("", "commons", `{"title": "Mine"}`, func(o *v1alpha1.Dashboard) {
		o.GenerateName, o.Spec.UID, o.Spec.AdoptionPolicy, o.Spec.DeletionPolicy = "adopter-", uid, v1alpha1.AdoptionAdopt, v1alpha1.DeletionDelete
	}))
	a := hostile.Judged(s, s.MyAccount("", "commons", func(o *v1alpha1.ServiceAccount) {
		o.GenerateName, o.Spec.Name, o.Spec.AdoptionPolicy, o.Spec.DeletionPolicy, o.Spec.Role = "adopter-", account, v1alpha1.AdoptionAdopt, v1alpha1.DeletionDelete, v1alpha1.RoleEditor
	}))
	s.Removed(d, a)
}

package controllers_test

import (
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"grafana-tenancy.dev/operator/api/v1alpha1"
)

// hostileAdoptions are attempts to take over what is there, and to get a role above what the Organization allows: first
// where adoption is forbidden, and then where it is allowed.
func hostileAdoptions() []attempt {
	people := attempt{name: "adopt what people made, where that is forbidden", fence: byConsent, try: func(s *scene) {
		s.ask("POST", "/api/dashboards/db", s.commons, `{"dashboard": {"uid": "peoples", "title": "Peoples"}}`)
		s.ask("POST", "/api/serviceaccounts", s.commons, `{"name": "peoples-admin", "role": "Admin"}`)
		s.ask("POST", "/api/serviceaccounts", s.commons, `{"name": "peoples-viewer", "role": "Viewer"}`)
		s.theirsToo()
		s.adopts("peoples", "peoples-viewer")
	}}
	allowed := attempt{
		name:  "adopt what is the victim's, where adoption is allowed",
		fence: byMark,
		try: func(s *scene) {
			commons := s.commonOrganization()
			change(s.world, commons, func() { commons.Spec.Adoption = v1alpha1.AdoptionAllow })
			ready(s.world, commons)
			s.before = s.snapshot()
			s.adopts("commons-overview", "shared-robot")
		},
	}
	return slices.Concat([]attempt{
		people,
		{
			name:  "adopt what is the victim's, where that is forbidden",
			fence: byMark,
			try:   func(s *scene) { s.adopts("commons-overview", "shared-robot") },
		},
		allowed,
		{
			name:  "adopt an account of a higher role than is allowed",
			fence: byConsent + " and maxServiceAccountRole",
			try:   func(s *scene) { s.adopts("none", "peoples-admin") },
		},
		{
			name:  "adopt an account by its login",
			fence: byMark,
			try:   func(s *scene) { s.adopts("none-2", s.sharedRobot.Status.Login) },
		},
	}, higherRoles())
}

// higherRoles are ways to an Admin in an organization that allows Editors.
func higherRoles() []attempt {
	admin := func(s *scene) string {
		for _, a := range s.grafana.ServiceAccounts(s.commons) {
			if a.Role == "Admin" && strings.HasPrefix(a.Name, "climber") {
				return fmt.Sprintf("service account %d, %s, is Admin", a.ID, a.Name)
			}
		}
		return ""
	}
	var climber *v1alpha1.ServiceAccount
	return []attempt{
		{
			name:      "an Admin in the common organization",
			fence:     "maxServiceAccountRole",
			succeeded: admin,
			try: func(s *scene) {
				judged(
					s,
					s.hostileAccount(
						"climber-0",
						"commons",
						func(o *v1alpha1.ServiceAccount) { o.Spec.Role = v1alpha1.RoleAdmin },
					),
				)
			},
		},
		{
			name:      "an Editor in the common organization made Admin later",
			fence:     "maxServiceAccountRole",
			succeeded: admin,
			try: func(s *scene) {
				climber = ready(
					s.world,
					s.hostileAccount(
						"climber-1",
						"commons",
						func(o *v1alpha1.ServiceAccount) { o.Spec.Role = v1alpha1.RoleEditor },
					),
				)
				change(s.world, climber, func() { climber.Spec.Role = v1alpha1.RoleAdmin })
				until(
					s.world,
					climber,
					"a verdict",
					func(metav1.Condition) bool { return climber.Status.ObservedGeneration == climber.Generation },
				)
			},
		},
		{
			name:      "the same while it is suspended, and then not any more",
			fence:     "maxServiceAccountRole",
			succeeded: admin,
			try: func(s *scene) {
				change(s.world, climber, func() { climber.Spec.Suspend, climber.Spec.Role = true, v1alpha1.RoleEditor })
				change(s.world, climber, func() { climber.Spec.Suspend, climber.Spec.Role = false, v1alpha1.RoleAdmin })
				until(
					s.world,
					climber,
					"a verdict",
					func(metav1.Condition) bool { return climber.Status.ObservedGeneration == climber.Generation },
				)
			},
		},
		{
			name:  "a key for what asks for a higher role",
			fence: "maxServiceAccountRole",
			try:   func(s *scene) { judged(s, s.hostileToken("climber-0", "climber-0")) },
			succeeded: func(s *scene) string {
				if account := get(
					s.world,
					&v1alpha1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: s.mine, Name: "climber-0"}},
				); account.Status.ID != 0 {
					return fmt.Sprintf("there is service account %d", account.Status.ID)
				}
				return ""
			},
		},
	}
}

func (s *scene) commonOrganization() *v1alpha1.Organization {
	return get(s.world, &v1alpha1.Organization{ObjectMeta: metav1.ObjectMeta{Namespace: s.platform, Name: "commons"}})
}

// theirsToo takes what is in the common organization now as not the hostile tenant's.
func (s *scene) theirsToo() {
	s.theirOwn = nil
	s.before = s.snapshot()
	s.theirOwn = map[string]bool{}
	for key := range s.before {
		s.theirOwn[key] = true
	}
}

// adopts asks for a dashboard and a service account of the common organization, has them changed if they are got, and
// deletes them.
func (s *scene) adopts(uid, account string) {
	s.t.Helper()
	d := judged(s, s.hostileDashboard("", "commons", `{"title": "Mine"}`, func(o *v1alpha1.Dashboard) {
		o.GenerateName, o.Spec.UID, o.Spec.AdoptionPolicy, o.Spec.DeletionPolicy = "adopter-", uid, v1alpha1.AdoptionAdopt, v1alpha1.DeletionDelete
	}))
	a := judged(s, s.hostileAccount("", "commons", func(o *v1alpha1.ServiceAccount) {
		o.GenerateName, o.Spec.Name, o.Spec.AdoptionPolicy, o.Spec.DeletionPolicy, o.Spec.Role = "adopter-", account, v1alpha1.AdoptionAdopt, v1alpha1.DeletionDelete, v1alpha1.RoleEditor
	}))
	s.removed(d, a)
}

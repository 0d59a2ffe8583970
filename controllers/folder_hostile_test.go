package controllers_test

import (
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/testing/hostile"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

// myFolder applies a Folder of the hostile tenant's.
func myFolder(s *hostile.Scene, name, organization string, changes ...func(*v1alpha1.Folder)) *v1alpha1.Folder {
	s.T.Helper()
	return hostile.Placed(s, &v1alpha1.Folder{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       v1alpha1.FolderSpec{OrganizationRef: s.Of(organization)},
	}, changes)
}

// furnish has the victim put a restricted folder with a dashboard into the common organization, and people another one.
func furnish(s *hostile.Scene) {
	s.Ask("POST", "/api/folders", s.Commons, `{"uid": "peoples", "title": "canary-peoples"}`)
	s.Ask("POST", "/api/dashboards/db", s.Commons,
		`{"folderUid": "peoples", "dashboard": {"uid": "in-peoples", "title": "canary-in-peoples"}}`)
	vault := &v1alpha1.Folder{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.Theirs, Name: "vault"},
		Spec: v1alpha1.FolderSpec{
			OrganizationRef: s.Of("commons"), UID: "vault", Title: "canary-vault",
			Permissions: []v1alpha1.FolderPermission{},
		},
	}
	s.Create(vault)
	suite.Ready(s.World, vault)
	s.Canaries = append(s.Canaries, "canary-peoples", "canary-in-peoples", "canary-vault")
	s.Before = s.Snapshot()
	for key := range s.Before {
		s.TheirOwn[key] = true
	}
}

func opening(uid string) func(*v1alpha1.Folder) {
	return func(f *v1alpha1.Folder) {
		f.Spec.UID, f.Spec.AdoptionPolicy = uid, v1alpha1.AdoptionAdopt
		f.Spec.DeletionPolicy = v1alpha1.FolderDeleteWithContents
		f.Spec.Permissions = []v1alpha1.FolderPermission{{Role: "Viewer", Permission: v1alpha1.PermissionAdmin}}
	}
}

// hostileFolders are attempts to take, open, empty or fill the folders of others.
func hostileFolders() []hostile.Attempt {
	judged := func(name, organization string, changes ...func(*v1alpha1.Folder)) func(*hostile.Scene) {
		return func(s *hostile.Scene) { hostile.Judged(s, myFolder(s, name, organization, changes...)) }
	}
	tryAndDelete := func(name, uid string) func(*hostile.Scene) {
		return func(s *hostile.Scene) {
			f := hostile.Judged(s, myFolder(s, name, "commons", opening(uid)))
			s.Removed(f)
		}
	}
	return []hostile.Attempt{
		{Name: "a folder in the victim's organization", Fence: hostile.ByConsent, Try: func(s *hostile.Scene) {
			furnish(s)
			judged("uninvited", "victim")(s)
		}},
		{Name: "people's folder taken, opened and deleted with its contents", Fence: hostile.ByConsent,
			Try: tryAndDelete("taken", "peoples")},
		{Name: "the victim's folder taken, opened and deleted with its contents", Fence: hostile.ByMark,
			Try: tryAndDelete("theirs", "vault")},
		{Name: "the victim's folder in other letters", Fence: hostile.ByMark, Try: tryAndDelete("letters", "VAULT")},
		{Name: "a folder put into the victim's", Fence: hostile.ByNamespace, Try: judged("below", "commons",
			func(f *v1alpha1.Folder) { f.Spec.ParentRef = &v1alpha1.LocalObjectReference{Name: "vault"} })},
		{Name: "a dashboard put into the victim's folder", Fence: hostile.ByNamespace, Try: func(s *hostile.Scene) {
			hostile.Judged(
				s,
				s.MyDashboard("intruder", "commons", `{"title": "Intruder"}`, func(o *v1alpha1.Dashboard) {
					o.Spec.Folder = &v1alpha1.DashboardFolder{Ref: &v1alpha1.LocalObjectReference{Name: "vault"}}
				}),
			)
		}, Succeeded: func(s *hostile.Scene) string {
			for _, d := range s.Grafana.Dashboards(s.Commons) {
				if d.FolderUID == "vault" {
					return "there is " + d.UID
				}
			}
			return ""
		}},
		{
			Name:  "permissions for the victim's service account",
			Fence: hostile.ByNamespace,
			Try: judged("robot", "commons",
				func(f *v1alpha1.Folder) {
					f.Spec.Permissions = []v1alpha1.FolderPermission{{
						ServiceAccountRef: &v1alpha1.LocalObjectReference{Name: "shared"},
						Permission:        v1alpha1.PermissionAdmin,
					}}
				}),
		},
		{Name: "the operator lowered in a folder", Fence: hostile.ByBounds, Try: func(s *hostile.Scene) {
			f := hostile.Judged(s, myFolder(s, "operators", "mine", func(f *v1alpha1.Folder) {
				f.Spec.Permissions = []v1alpha1.FolderPermission{
					{User: strings.ToUpper(hostile.AdminLogin), Permission: v1alpha1.PermissionView},
				}
			}))
			s.Removed(f) // which it could not do without its rights
			s.Gone(f)
		}},
		{Name: "a person's address found out by a folder", Fence: hostile.BySilence, Try: judged("probe", "mine",
			func(f *v1alpha1.Folder) {
				f.Spec.Permissions = []v1alpha1.FolderPermission{
					{User: "nobody@example.org", Permission: v1alpha1.PermissionView},
				}
			})},
		{Name: "status that claims the victim's folder", Fence: hostile.ByRBAC, Try: func(s *hostile.Scene) {
			f := hostile.Judged(s, myFolder(s, "claim", "commons"))
			f.Status.UID, f.Status.OrgID = "vault", s.Commons
			if err := s.Real.Status().Update(s.T.Context(), f); err == nil {
				s.T.Log("the status was taken")
			}
			s.Removed(f)
			s.Gone(f)
		}, Succeeded: func(s *hostile.Scene) string {
			if !strings.Contains(fmt.Sprint(s.Grafana.Folders(s.Commons)), "vault") {
				return "the victim's folder is gone"
			}
			return ""
		}},
	}
}

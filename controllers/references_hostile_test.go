package controllers_test

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/testing/hostile"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

// hostileReferences are references to what does not allow them.
func hostileReferences() []hostile.Attempt {
	return slices.Concat(uninvited(), oracles(), deletedUninvited(), withinNamespace(), withdrawn())
}

func uninvited() []hostile.Attempt {
	return []hostile.Attempt{
		{Name: "a dashboard in the victim's organization", Fence: hostile.ByConsent,
			Try: func(s *hostile.Scene) { hostile.Judged(s, s.MyDashboard("uninvited", "victim", overview)) }},
		{Name: "a service account in the victim's organization", Fence: hostile.ByConsent,
			Try: func(s *hostile.Scene) {
				hostile.Judged(s, s.MyAccount("uninvited", "victim",
					func(o *v1alpha1.ServiceAccount) { o.Spec.Role = v1alpha1.RoleEditor }))
			}},
		{Name: "a token in the victim's organization", Fence: hostile.ByConsent,
			Try: func(s *hostile.Scene) { hostile.Judged(s, s.MyToken("uninvited", "uninvited")) },
			Succeeded: func(s *hostile.Scene) string {
				err := s.Real.Get(s.T.Context(), client.ObjectKey{Namespace: s.Mine, Name: "uninvited"},
					&corev1.Secret{})
				if err == nil {
					return "there is a Secret with a key"
				}
				return ""
			}},
		{
			Name:  "a dashboard under the victim's uid in the victim's organization",
			Fence: hostile.ByConsent + ", and proof of ownership",
			Try: func(s *hostile.Scene) {
				hostile.Judged(s, s.MyDashboard("overview", "victim", `{"title": "Mine"}`,
					func(o *v1alpha1.Dashboard) { o.Spec.UID = "victim-overview" }))
			},
		},
		{Name: "an Organization in the victim's own namespace", Fence: hostile.ByConsent + " (Same)",
			Try: func(s *hostile.Scene) {
				own := s.Organization("private",
					func(o *v1alpha1.Organization) { o.Namespace, o.Spec.InstanceRef.Namespace = s.Theirs, s.NS })
				suite.Ready(s.World, own)
				s.Before = s.Snapshot()
				hostile.Judged(s, s.MyDashboard("private", "", overview, func(o *v1alpha1.Dashboard) {
					o.Spec.OrganizationRef = v1alpha1.ObjectReference{Namespace: s.Theirs, Name: "private"}
				}))
			}},
	}
}

// withinNamespace are references that name no namespace, and must not leave theirs.
func withinNamespace() []hostile.Attempt {
	source := func(name string) hostile.Attempt {
		return hostile.Attempt{
			Name:  "a dashboard from ConfigMap " + name,
			Fence: hostile.ByNamespace,
			Succeeded: func(s *hostile.Scene) string {
				d := hostile.Placed(
					s,
					&v1alpha1.Dashboard{
						ObjectMeta: metav1.ObjectMeta{GenerateName: "borrowed-"},
						Spec: v1alpha1.DashboardSpec{
							OrganizationRef: s.Of("mine"),
							Source: v1alpha1.DashboardSource{
								ConfigMapRef: &v1alpha1.KeyReference{
									Name: strings.ReplaceAll(name, "THEIRS", s.Theirs),
									Key:  "json",
								},
							},
						},
					},
					nil,
				)
				if hostile.Judged(s, d); suite.IsTrue(d, v1alpha1.ConditionReady) {
					return "it became Ready"
				}
				return ""
			},
		}
	}
	token := func(name, account string) hostile.Attempt {
		return hostile.Attempt{Name: name, Fence: hostile.ByNamespace, Succeeded: func(s *hostile.Scene) string {
			k := hostile.Judged(s, s.MyToken("", strings.ReplaceAll(account, "THEIRS", s.Theirs),
				func(o *v1alpha1.ServiceAccountToken) { o.GenerateName = "borrowed-" }))
			if suite.IsTrue(k, v1alpha1.ConditionReady) {
				return "it became Ready"
			}
			return ""
		}}
	}
	return []hostile.Attempt{
		source("board"),
		source("../THEIRS/board"),
		source("THEIRS/board"),
		source("../../namespaces/THEIRS/configmaps/board"),
		token("a token for the victim's service account, by name", "robot"),
		token("a token for the victim's service account, by a path", "../THEIRS/robot"),
		token("a token for the victim's service account, by namespace/name", "THEIRS/robot"),
		{Name: "a Secret called as the admin credential's, with another credential", Fence: hostile.ByNamespace,
			Try: func(s *hostile.Scene) {
				hostile.Placed(
					s,
					&corev1.Secret{
						ObjectMeta: metav1.ObjectMeta{Name: "admin"},
						StringData: map[string]string{"admin-user": "mallory", "admin-password": "mallory"},
					},
					nil,
				)
				hostile.Judged(s, s.MyToken("admin", "basis"))
			},
			Succeeded: func(s *hostile.Scene) string {
				for _, r := range s.Grafana.Requests() {
					if r.Login == "mallory" {
						return "the operator logged in by it"
					}
				}
				return ""
			}},
	}
}

// withdrawn is what goes on after the platform team has taken its consent back.
func withdrawn() []hostile.Attempt {
	var org *v1alpha1.Organization
	var d *v1alpha1.Dashboard
	var k *v1alpha1.ServiceAccountToken
	return []hostile.Attempt{
		{
			Name:  "write on after consent was withdrawn",
			Fence: hostile.ByConsent + ", withdrawn",
			Try: func(s *hostile.Scene) {
				org = suite.Ready(s.World, s.PlatformOrg("leased", v1alpha1.AllowedNamespaces{From: v1alpha1.FromAll}))
				d, k = s.MyDashboard("leased", "leased", overview), s.MyToken("leased", "leased")
				a := s.MyAccount("leased", "leased")
				suite.Ready(s.World, a)
				suite.Ready(s.World, d)
				suite.Ready(s.World, k)
				suite.Change(s.World, org,
					func() { org.Spec.AllowedNamespaces = v1alpha1.AllowedNamespaces{From: v1alpha1.FromSame} })
				suite.Waiting(s.World, d, v1alpha1.ReasonReferenceNotPermitted)
				suite.Waiting(s.World, a, v1alpha1.ReasonReferenceNotPermitted)
				s.Before = s.Snapshot()
				suite.Change(s.World, d, func() { d.Spec.Source.JSON = new(`{"title": "After the lease"}`) })
				suite.Change(s.World, a, func() { a.Spec.Role = v1alpha1.RoleAdmin })
				hostile.Judged(s, d)
				hostile.Judged(s, a)
			},
		},
		{
			Name:  "have a key made after consent was withdrawn",
			Fence: hostile.ByConsent + ", withdrawn",
			Try: func(s *hostile.Scene) {
				suite.Change(s.World, k, func() { k.Spec.TTL = &metav1.Duration{Duration: 3600e9} })
				suite.Until(s.World, k, "a verdict",
					func(c metav1.Condition) bool { return c.Status != metav1.ConditionTrue })
			},
		},
		{
			Name:  "hold up the deletion of an Organization by objects that were never let in",
			Fence: hostile.ByConsent + ", for dependents",
			Succeeded: func(s *hostile.Scene) string {
				closed := suite.Ready(s.World,
					s.PlatformOrg("closed", v1alpha1.AllowedNamespaces{From: v1alpha1.FromSame}))
				hostile.Judged(s, s.MyDashboard("clinging", "closed", overview))
				s.Delete(closed)
				return ends(s, closed)
			},
		},
	}
}

// ends waits until a deletion has come to its end, or to a word that says why not, which it returns.
func ends(s *hostile.Scene, obj lifecycle.Object) (blocked string) {
	s.Eventually("an end", func() error {
		err := s.Client.Get(s.T.Context(), client.ObjectKeyFromObject(obj), obj)
		if err != nil {
			return client.IgnoreNotFound(err)
		}
		ready := meta.FindStatusCondition(obj.CommonStatus().Conditions, v1alpha1.ConditionReady)
		if suite.IsTrue(obj, v1alpha1.ConditionStalled) ||
			ready != nil && ready.Reason == v1alpha1.ReasonOwnershipLost {
			blocked = suite.MessageOf(obj)
			return nil
		}
		return fmt.Errorf("it is still there: %s", suite.MessageOf(obj))
	})
	return blocked
}

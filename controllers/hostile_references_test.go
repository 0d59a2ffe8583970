package controllers_test

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/lifecycle"
)

// hostileReferences are references to what does not allow them.
func hostileReferences() []attempt {
	return slices.Concat(uninvited(), oracles(), deletedUninvited(), withinNamespace(), withdrawn())
}

func uninvited() []attempt {
	return []attempt{
		{name: "a dashboard in the victim's organization", fence: byConsent,
			try: func(s *scene) { judged(s, s.hostileDashboard("uninvited", "victim", overview)) }},
		{name: "a service account in the victim's organization", fence: byConsent,
			try: func(s *scene) {
				judged(
					s,
					s.hostileAccount(
						"uninvited",
						"victim",
						func(o *v1alpha1.ServiceAccount) { o.Spec.Role = v1alpha1.RoleEditor },
					),
				)
			}},
		{name: "a token in the victim's organization", fence: byConsent,
			try: func(s *scene) { judged(s, s.hostileToken("uninvited", "uninvited")) },
			succeeded: func(s *scene) string {
				err := s.real.Get(
					s.t.Context(),
					client.ObjectKey{Namespace: s.mine, Name: "uninvited"},
					&corev1.Secret{},
				)
				if err == nil {
					return "there is a Secret with a key"
				}
				return ""
			}},
		{
			name:  "a dashboard under the victim's uid in the victim's organization",
			fence: byConsent + ", and proof of ownership",
			try: func(s *scene) {
				judged(
					s,
					s.hostileDashboard(
						"overview",
						"victim",
						`{"title": "Mine"}`,
						func(o *v1alpha1.Dashboard) { o.Spec.UID = "victim-overview" },
					),
				)
			},
		},
		{name: "an Organization in the victim's own namespace", fence: byConsent + " (Same)",
			try: func(s *scene) {
				own := s.organization(
					"private",
					func(o *v1alpha1.Organization) { o.Namespace, o.Spec.InstanceRef.Namespace = s.theirs, s.ns },
				)
				ready(s.world, own)
				s.before = s.snapshot()
				judged(s, s.hostileDashboard("private", "", overview, func(o *v1alpha1.Dashboard) {
					o.Spec.OrganizationRef = v1alpha1.ObjectReference{Namespace: s.theirs, Name: "private"}
				}))
			}},
	}
}

// told is all that the operator says of an object, without the name of what it refers to.
func told(obj lifecycle.Object, target string) string {
	var text []string
	for _, c := range obj.CommonStatus().Conditions {
		text = append(
			text,
			fmt.Sprintf("%s=%s %s: %s", c.Type, c.Status, c.Reason, strings.ReplaceAll(c.Message, target, "TARGET")),
		)
	}
	return strings.Join(text, "\n")
}

// oracle tells two targets apart by what is said of objects that refer to them.
func oracle(name string, one, other func(s *scene) v1alpha1.ObjectReference) attempt {
	return attempt{name: name, fence: bySilence, succeeded: func(s *scene) string {
		var words []string
		for _, target := range []v1alpha1.ObjectReference{one(s), other(s)} {
			full := target.Namespace + "/" + target.Name
			d := judged(
				s,
				s.hostileDashboard(
					"",
					"",
					overview,
					func(o *v1alpha1.Dashboard) { o.GenerateName, o.Spec.OrganizationRef = "oracle-", target },
				),
			)
			a := judged(
				s,
				s.hostileAccount(
					"",
					"",
					func(o *v1alpha1.ServiceAccount) { o.GenerateName, o.Spec.OrganizationRef = "oracle-", target },
				),
			)
			words = append(words, told(d, full)+told(a, full))
		}
		if words[0] != words[1] {
			return fmt.Sprintf("they are told apart: %s\nand %s", words[0], words[1])
		}
		return ""
	}}
}

func oracles() []attempt {
	return []attempt{
		oracle(
			"find out whether an Organization exists",
			func(s *scene) v1alpha1.ObjectReference { return s.of("victim") },
			func(s *scene) v1alpha1.ObjectReference { return s.of("none") },
		),
		oracle("find out whether a namespace exists", func(s *scene) v1alpha1.ObjectReference {
			return v1alpha1.ObjectReference{Namespace: s.theirs, Name: "none"}
		}, func(*scene) v1alpha1.ObjectReference {
			return v1alpha1.ObjectReference{Namespace: "nowhere", Name: "none"}
		}),
	}
}

// deletedUninvited are deletions, which need nobody's consent, of objects that were never let in.
func deletedUninvited() []attempt {
	stranger := func(s *scene, target string, policy v1alpha1.DeletionPolicy) *v1alpha1.Dashboard {
		return judged(s, s.hostileDashboard("", target, overview, func(o *v1alpha1.Dashboard) {
			o.GenerateName, o.Spec.UID, o.Spec.DeletionPolicy = "stranger-", "victim-overview", policy
		}))
	}
	return []attempt{
		{name: "delete the victim's dashboard by deleting one of its uid that was never let in", fence: byMark,
			try: func(s *scene) { s.removed(stranger(s, "victim", v1alpha1.DeletionDelete)) }},
		{name: "let go of the victim's dashboard in the same way", fence: byMark,
			try: func(s *scene) { s.removed(stranger(s, "victim", v1alpha1.DeletionOrphan)) }},
		{name: "have the operator ask in the victim's organization, by a deletion", fence: byMark,
			succeeded: func(s *scene) string {
				s.grafana.ResetLog()
				account := judged(
					s,
					s.hostileAccount("", "victim", func(o *v1alpha1.ServiceAccount) { o.GenerateName = "stranger-" }),
				)
				s.removed(account)
				mark := strings.ReplaceAll(string(account.UID), "-", "")[:8]
				for _, r := range s.grafana.Requests() {
					if r.OrgID == s.victimOrg && strings.Contains(r.Query.Encode()+r.Path, mark) {
						return fmt.Sprintf(
							"the operator sent %s %s for it, in organization %d",
							r.Method,
							r.Path,
							r.OrgID,
						)
					}
				}
				return ""
			}},
		{
			name:      "find out whether an Organization exists, by the events of a deletion",
			fence:     bySilence,
			succeeded: eventsTellApart(stranger),
		},
		{
			name:      "find out whether an Organization exists, by a deletion that Grafana fails",
			fence:     bySilence,
			succeeded: failuresTell(stranger),
		},
		{name: "take the finalizer off the victim's by abandoning a stranger", fence: byNamespace,
			try: func(s *scene) {
				d := stranger(s, "victim", v1alpha1.DeletionDelete)
				change(s.world, d, func() { d.Annotations = map[string]string{v1alpha1.AnnotationAbandon: "true"} })
				s.removed(d)
			}},
	}
}

func eventsTellApart(stranger func(*scene, string, v1alpha1.DeletionPolicy) *v1alpha1.Dashboard) func(s *scene) string {
	return func(s *scene) string {
		var seen []string
		for _, target := range []string{"victim", "none"} {
			d := stranger(s, target, v1alpha1.DeletionDelete)
			s.removed(d)
			witness := ready(
				s.world,
				s.hostileDashboard("", "mine", overview, func(o *v1alpha1.Dashboard) { o.GenerateName = "witness-" }),
			)
			var list eventsv1.EventList
			s.eventually("events are written in their order", func() error {
				if err := s.real.List(s.t.Context(), &list, client.InNamespace(s.mine)); err != nil {
					return err
				}
				if !slices.ContainsFunc(list.Items, func(e eventsv1.Event) bool {
					return e.Regarding.UID == witness.UID && e.Reason == v1alpha1.EventCreated
				}) {
					return fmt.Errorf("no event about %s yet", witness.Name)
				}
				return nil
			})
			var of []string
			for _, e := range list.Items {
				if e.Regarding.UID == d.UID {
					of = append(of, e.Reason+": "+e.Note)
				}
			}
			slices.Sort(of)
			seen = append(seen, strings.ReplaceAll(strings.Join(of, ", "), s.platform+"/"+target, "TARGET"))
		}
		if seen[0] != seen[1] {
			return fmt.Sprintf("they are told apart: %q and %q", seen[0], seen[1])
		}
		return ""
	}
}

func failuresTell(stranger func(*scene, string, v1alpha1.DeletionPolicy) *v1alpha1.Dashboard) func(s *scene) string {
	return func(s *scene) string {
		d := stranger(s, "victim", v1alpha1.DeletionDelete)
		s.grafana.SetFault(func(r *grafanatest.Request) grafanatest.Fault {
			if r.OrgID == s.victimOrg && strings.Contains(r.Path, "victim-overview") {
				return grafanatest.Fault{Outcome: grafanatest.Answer, Status: 409}
			}
			return grafanatest.Fault{}
		})
		defer s.grafana.SetFault(nil)
		before := told(d, "")
		if err := s.real.Delete(s.t.Context(), d); err != nil {
			s.t.Fatal(err)
		}
		evidence := ""
		s.eventually("an end or a word", func() error {
			switch err := s.client.Get(s.t.Context(), client.ObjectKeyFromObject(d), d); {
			case client.IgnoreNotFound(err) != nil:
				return err
			case err != nil:
				return nil
			case told(d, "") == before:
				return fmt.Errorf("nothing new is said")
			}
			evidence = "it is told: " + messageOf(d)
			return nil
		})
		s.grafana.SetFault(nil)
		if evidence != "" {
			visit(s.world, d)
			s.gone(d)
		}
		return evidence
	}
}

// withinNamespace are references that name no namespace, and must not leave theirs.
func withinNamespace() []attempt {
	source := func(name string) attempt {
		return attempt{
			name:  "a dashboard from ConfigMap " + name,
			fence: byNamespace,
			succeeded: func(s *scene) string {
				d := placed(
					s,
					&v1alpha1.Dashboard{
						ObjectMeta: metav1.ObjectMeta{GenerateName: "borrowed-"},
						Spec: v1alpha1.DashboardSpec{
							OrganizationRef: s.of(
								"mine",
							),
							Source: v1alpha1.DashboardSource{
								ConfigMapRef: &v1alpha1.KeyReference{
									Name: strings.ReplaceAll(name, "THEIRS", s.theirs),
									Key:  "json",
								},
							},
						},
					},
					nil,
				)
				if judged(s, d); isTrue(d, v1alpha1.ConditionReady) {
					return "it became Ready"
				}
				return ""
			},
		}
	}
	token := func(name, account string) attempt {
		return attempt{name: name, fence: byNamespace, succeeded: func(s *scene) string {
			k := judged(
				s,
				s.hostileToken(
					"",
					strings.ReplaceAll(account, "THEIRS", s.theirs),
					func(o *v1alpha1.ServiceAccountToken) { o.GenerateName = "borrowed-" },
				),
			)
			if isTrue(k, v1alpha1.ConditionReady) {
				return "it became Ready"
			}
			return ""
		}}
	}
	return []attempt{
		source(
			"board",
		),
		source("../THEIRS/board"),
		source("THEIRS/board"),
		source("../../namespaces/THEIRS/configmaps/board"),
		token("a token for the victim's service account, by name", "robot"),
		token("a token for the victim's service account, by a path", "../THEIRS/robot"),
		token("a token for the victim's service account, by namespace/name", "THEIRS/robot"),
		{name: "a Secret called as the admin credential's, with another credential", fence: byNamespace,
			try: func(s *scene) {
				placed(
					s,
					&corev1.Secret{
						ObjectMeta: metav1.ObjectMeta{Name: "admin"},
						StringData: map[string]string{"admin-user": "mallory", "admin-password": "mallory"},
					},
					nil,
				)
				judged(s, s.hostileToken("admin", "basis"))
			},
			succeeded: func(s *scene) string {
				for _, r := range s.grafana.Requests() {
					if r.Login == "mallory" {
						return "the operator logged in by it"
					}
				}
				return ""
			}},
	}
}

// withdrawn is what goes on after the platform team has taken its consent back.
func withdrawn() []attempt {
	var org *v1alpha1.Organization
	var d *v1alpha1.Dashboard
	var k *v1alpha1.ServiceAccountToken
	return []attempt{
		{name: "write on after consent was withdrawn", fence: byConsent + ", withdrawn", try: func(s *scene) {
			org = ready(s.world, s.platformOrg("leased", v1alpha1.AllowedNamespaces{From: v1alpha1.FromAll}))
			d, k = s.hostileDashboard("leased", "leased", overview), s.hostileToken("leased", "leased")
			a := s.hostileAccount("leased", "leased")
			ready(s.world, a)
			ready(s.world, d)
			ready(s.world, k)
			change(
				s.world,
				org,
				func() { org.Spec.AllowedNamespaces = v1alpha1.AllowedNamespaces{From: v1alpha1.FromSame} },
			)
			waiting(s.world, d, v1alpha1.ReasonReferenceNotPermitted)
			waiting(s.world, a, v1alpha1.ReasonReferenceNotPermitted)
			s.before = s.snapshot()
			change(s.world, d, func() { d.Spec.Source.JSON = new(`{"title": "After the lease"}`) })
			change(s.world, a, func() { a.Spec.Role = v1alpha1.RoleAdmin })
			judged(s, d)
			judged(s, a)
		}},
		{name: "have a key made after consent was withdrawn", fence: byConsent + ", withdrawn", try: func(s *scene) {
			change(s.world, k, func() { k.Spec.TTL = &metav1.Duration{Duration: 3600e9} })
			until(s.world, k, "a verdict", func(c metav1.Condition) bool { return c.Status != metav1.ConditionTrue })
		}},
		{
			name:  "hold up the deletion of an Organization by objects that were never let in",
			fence: byConsent + ", for dependents",
			succeeded: func(s *scene) string {
				closed := ready(s.world, s.platformOrg("closed", v1alpha1.AllowedNamespaces{From: v1alpha1.FromSame}))
				judged(s, s.hostileDashboard("clinging", "closed", overview))
				s.delete(closed)
				return s.ends(closed)
			},
		},
	}
}

// ends waits until a deletion has come to its end, or to a word that says why not, which it returns.
func (s *scene) ends(obj lifecycle.Object) (blocked string) {
	s.eventually("an end", func() error {
		err := s.client.Get(s.t.Context(), client.ObjectKeyFromObject(obj), obj)
		if err != nil {
			return client.IgnoreNotFound(err)
		}
		if ready := meta.FindStatusCondition(
			obj.CommonStatus().Conditions,
			v1alpha1.ConditionReady,
		); isTrue(obj, v1alpha1.ConditionStalled) ||
			ready != nil && ready.Reason == v1alpha1.ReasonOwnershipLost {
			blocked = messageOf(obj)
			return nil
		}
		return fmt.Errorf("it is still there: %s", messageOf(obj))
	})
	return blocked
}

package controllers_test

import (
	"fmt"
	"slices"
	"strings"

	eventsv1 "k8s.io/api/events/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/testing/hostile"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

func oracles() []hostile.Attempt {
	return []hostile.Attempt{
		oracle("find out whether an Organization exists",
			func(s *hostile.Scene) v1alpha1.ObjectReference { return s.Of("victim") },
			func(s *hostile.Scene) v1alpha1.ObjectReference { return s.Of("none") }),
		oracle("find out whether a namespace exists", func(s *hostile.Scene) v1alpha1.ObjectReference {
			return v1alpha1.ObjectReference{Namespace: s.Theirs, Name: "none"}
		}, func(*hostile.Scene) v1alpha1.ObjectReference {
			return v1alpha1.ObjectReference{Namespace: "nowhere", Name: "none"}
		}),
	}
}

// oracle tells two targets apart by what is said of objects that refer to them.
func oracle(name string, one, other func(s *hostile.Scene) v1alpha1.ObjectReference) hostile.Attempt {
	return hostile.Attempt{Name: name, Fence: hostile.BySilence, Succeeded: func(s *hostile.Scene) string {
		var words []string
		for _, target := range []v1alpha1.ObjectReference{one(s), other(s)} {
			full := target.Namespace + "/" + target.Name
			d := hostile.Judged(s, s.MyDashboard("", "", overview,
				func(o *v1alpha1.Dashboard) { o.GenerateName, o.Spec.OrganizationRef = "oracle-", target }))
			a := hostile.Judged(s, s.MyAccount("", "",
				func(o *v1alpha1.ServiceAccount) { o.GenerateName, o.Spec.OrganizationRef = "oracle-", target }))
			words = append(words, toldOf(d, full)+toldOf(a, full))
		}
		if words[0] != words[1] {
			return fmt.Sprintf("they are told apart: %s\nand %s", words[0], words[1])
		}
		return ""
	}}
}

// deletedUninvited are deletions, which need nobody's consent, of objects that were never let in.
func deletedUninvited() []hostile.Attempt {
	stranger := func(s *hostile.Scene, target string, policy v1alpha1.DeletionPolicy) *v1alpha1.Dashboard {
		return hostile.Judged(s, s.MyDashboard("", target, overview, func(o *v1alpha1.Dashboard) {
			o.GenerateName, o.Spec.UID, o.Spec.DeletionPolicy = "stranger-", "victim-overview", policy
		}))
	}
	return []hostile.Attempt{
		{Name: "delete the victim's dashboard by deleting one of its uid that was never let in", Fence: hostile.ByMark,
			Try: func(s *hostile.Scene) { s.Removed(stranger(s, "victim", v1alpha1.DeletionDelete)) }},
		{Name: "let go of the victim's dashboard in the same way", Fence: hostile.ByMark,
			Try: func(s *hostile.Scene) { s.Removed(stranger(s, "victim", v1alpha1.DeletionOrphan)) }},
		{Name: "have the operator ask in the victim's organization, by a deletion", Fence: hostile.ByMark,
			Succeeded: func(s *hostile.Scene) string {
				s.Grafana.ResetLog()
				account := hostile.Judged(s,
					s.MyAccount("", "victim", func(o *v1alpha1.ServiceAccount) { o.GenerateName = "stranger-" }))
				s.Removed(account)
				mark := strings.ReplaceAll(string(account.UID), "-", "")[:8]
				for _, r := range s.Grafana.Requests() {
					if r.OrgID == s.VictimOrg && strings.Contains(r.Query.Encode()+r.Path, mark) {
						return fmt.Sprintf("the operator sent %s %s for it, in organization %d", r.Method, r.Path,
							r.OrgID)
					}
				}
				return ""
			}},
		{
			Name:      "find out whether an Organization exists, by the events of a deletion",
			Fence:     hostile.BySilence,
			Succeeded: eventsTellApart(stranger),
		},
		{
			Name:      "find out whether an Organization exists, by a deletion that Grafana fails",
			Fence:     hostile.BySilence,
			Succeeded: failuresTell(stranger),
		},
		{Name: "take the finalizer off the victim's by abandoning a stranger", Fence: hostile.ByNamespace,
			Try: func(s *hostile.Scene) {
				d := stranger(s, "victim", v1alpha1.DeletionDelete)
				suite.Change(s.World, d,
					func() { d.Annotations = map[string]string{v1alpha1.AnnotationAbandon: "true"} })
				s.Removed(d)
			}},
	}
}

func eventsTellApart(
	stranger func(*hostile.Scene, string, v1alpha1.DeletionPolicy) *v1alpha1.Dashboard,
) func(s *hostile.Scene) string {
	return func(s *hostile.Scene) string {
		var seen []string
		for _, target := range []string{"victim", "none"} {
			d := stranger(s, target, v1alpha1.DeletionDelete)
			s.Removed(d)
			witness := suite.Ready(s.World,
				s.MyDashboard("", "mine", overview, func(o *v1alpha1.Dashboard) { o.GenerateName = "witness-" }))
			var list eventsv1.EventList
			s.Eventually("events are written in their order", func() error {
				if err := s.Real.List(s.T.Context(), &list, client.InNamespace(s.Mine)); err != nil {
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
			seen = append(seen, strings.ReplaceAll(strings.Join(of, ", "), s.Platform+"/"+target, "TARGET"))
		}
		if seen[0] != seen[1] {
			return fmt.Sprintf("they are told apart: %q and %q", seen[0], seen[1])
		}
		return ""
	}
}

func failuresTell(
	stranger func(*hostile.Scene, string, v1alpha1.DeletionPolicy) *v1alpha1.Dashboard,
) func(s *hostile.Scene) string {
	return func(s *hostile.Scene) string {
		d := stranger(s, "victim", v1alpha1.DeletionDelete)
		s.Grafana.SetFault(func(r *grafanatest.Request) grafanatest.Fault {
			if r.OrgID == s.VictimOrg && strings.Contains(r.Path, "victim-overview") {
				return grafanatest.Fault{Outcome: grafanatest.Answer, Status: 409}
			}
			return grafanatest.Fault{}
		})
		defer s.Grafana.SetFault(nil)
		before := toldOf(d, "")
		if err := s.Real.Delete(s.T.Context(), d); err != nil {
			s.T.Fatal(err)
		}
		evidence := ""
		s.Eventually("an end or a word", func() error {
			switch err := s.Client.Get(s.T.Context(), client.ObjectKeyFromObject(d), d); {
			case client.IgnoreNotFound(err) != nil:
				return err
			case err != nil:
				return nil
			case toldOf(d, "") == before:
				return fmt.Errorf("nothing new is said")
			}
			evidence = "it is told: " + suite.MessageOf(d)
			return nil
		})
		s.Grafana.SetFault(nil)
		if evidence != "" {
			suite.Visit(s.World, d)
			s.Gone(d)
		}
		return evidence
	}
}

// toldOf is all that the operator says of an object, without the name of what it refers to.
func toldOf(obj lifecycle.Object, target string) string {
	var text []string
	for _, c := range obj.CommonStatus().Conditions {
		text = append(text,
			fmt.Sprintf("%s=%s %s: %s", c.Type, c.Status, c.Reason, strings.ReplaceAll(c.Message, target, "TARGET")))
	}
	return strings.Join(text, "\n")
}

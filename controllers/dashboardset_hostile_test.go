package controllers_test

import (
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/testing/hostile"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

// hostileSet is a set of the hostile tenant's, over all Organizations of the scene.
func hostileSet(s *hostile.Scene, name string, changes ...func(*v1alpha1.DashboardSet)) *v1alpha1.DashboardSet {
	s.T.Helper()
	obj := &v1alpha1.DashboardSet{ObjectMeta: metav1.ObjectMeta{Name: name}}
	obj.Spec.Organizations.Selector.MatchLabels = map[string]string{"scene": s.Mine}
	obj.Spec.Template.Spec.Source.JSON = new(`{"title": "Mine"}`)
	obj.Spec.Rollout.MaxUnavailable = atMost(100)
	return hostile.Placed(s, obj, changes)
}

// hostileSets are what a tenant can try by a DashboardSet.
func hostileSets() []hostile.Attempt {
	var set *v1alpha1.DashboardSet
	var guesses []*v1alpha1.Dashboard
	attempts := []hostile.Attempt{
		{Name: "the victim's Organization by a set over all", Fence: hostile.ByConsent, Try: func(s *hostile.Scene) {
			set = suite.Ready(s.World, hostileSet(s, "all"))
		}, Succeeded: func(s *hostile.Scene) string {
			for _, child := range childrenOf(s.World, set) {
				if child.Spec.OrganizationRef.Name == "victim" {
					return "there is a Dashboard for it"
				}
			}
			if n := set.Status.Organizations; n != 2 || mentions(set, "victim") {
				return fmt.Sprintf("of the two that let it in, %d are counted: %+v", n, set.Status)
			}
			return ""
		}},
		{Name: "the victim's dashboard by the uid of a set", Fence: hostile.ByMark, Try: func(s *hostile.Scene) {
			set := hostileSet(s, "taker", func(o *v1alpha1.DashboardSet) {
				spec := &o.Spec.Template.Spec
				spec.UID, spec.AdoptionPolicy = "commons-overview", v1alpha1.AdoptionAdopt
				o.Spec.DeletionPolicy = v1alpha1.DeletionDelete
			})
			suite.Stalled(s.World, set, v1alpha1.ReasonChildrenFailed)
			s.Removed(set)
			for _, child := range childrenOf(s.World, set) {
				s.Removed(&child)
			}
		}},
		{Name: "a Dashboard of the tenant's own for another's by a set's mark", Fence: hostile.ByMark,
			Try: func(s *hostile.Scene) {
				set := suite.Ready(s.World, hostileSet(s, "forged"))
				guesses = []*v1alpha1.Dashboard{forged(s, set, "victim"), forged(s, set, "nobody")}
				suite.Change(s.World, set, func() { set.Spec.Template.Spec.Title = "Another" })
				suite.Ready(s.World, set)
			}, Succeeded: func(s *hostile.Scene) string {
				for _, guess := range guesses { // a set lets go of both, whether there is such an Organization or not
					s.Gone(guess)
				}
				return ""
			}},
	}
	for what, text := range map[string]string{
		"loops":                `{{ range .labels }}x{{ end }}`,
		"makes text for ever":  `{{ printf "%999999999d" 1 }}`,
		"fills the memory":     `{{ indent 65000 (indent 65000 "x") }}`,
		"reaches for a method": `{{ .labels.scene.String }}`,
		"defines others":       `{{ define "a" }}{{ template "a" }}{{ end }}`,
	} {
		attempts = append(attempts, badTemplate("a set's template that "+what, text))
	}
	return append(attempts, badTemplate("a set that calls without end", strings.Repeat(`{{ lower "x" }}`, 60)))
}

// forged is a Dashboard of the tenant's own in an Organization of the victim's, which is there or not, that says that a
// set has made it.
func forged(s *hostile.Scene, set *v1alpha1.DashboardSet, organization string) *v1alpha1.Dashboard {
	return s.MyDashboard("forged-"+organization, "victim", `{"title": "Mine"}`, func(o *v1alpha1.Dashboard) {
		o.Spec.OrganizationRef.Name = organization
		o.Labels = map[string]string{v1alpha1.LabelSet: set.Name}
		o.OwnerReferences = []metav1.OwnerReference{{
			APIVersion: v1alpha1.GroupVersion.String(), Kind: "DashboardSet", Name: set.Name, UID: set.UID,
			Controller: new(true),
		}}
	})
}

// badTemplate is a set with a text in many places, none of which must get anywhere.
func badTemplate(name, text string) hostile.Attempt {
	var set *v1alpha1.DashboardSet
	return hostile.Attempt{Name: name, Fence: hostile.ByBounds, Try: func(s *hostile.Scene) {
		set = hostileSet(s, "bad", func(o *v1alpha1.DashboardSet) {
			for i := range 10 {
				o.Spec.Template.Spec.Inputs = append(o.Spec.Template.Spec.Inputs,
					v1alpha1.DashboardInput{Name: fmt.Sprintf("I%d", i), Value: text})
			}
		})
		hostile.Judged(s, set)
		s.Eventually("it stalls", func() error {
			if suite.Get(s.World, set); !suite.IsTrue(set, v1alpha1.ConditionStalled) {
				return fmt.Errorf("it is %+v", set.Status)
			}
			return nil
		})
		s.Removed(client.Object(set))
	}, Succeeded: func(s *hostile.Scene) string {
		if n := len(childrenOf(s.World, set)); n > 0 {
			return fmt.Sprintf("it has made %d Dashboards", n)
		}
		return ""
	}}
}

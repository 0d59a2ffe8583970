package controllers_test

import (
	"errors"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/testing/crash"
)

// selectedOrgs are two Organizations that sets select.
func selectedOrgs(w *crash.World) { w.Create(crash.Selected("one"), crash.Selected("two")) }

// ofSet is what a scenario has to know of one kind of sets.
type ofSet struct {
	what   string
	set    func() client.Object
	change func(w *crash.World) // of the template
	policy func(w *crash.World, prune, deletion v1alpha1.DeletionPolicy)
	held   func(w *crash.World, org int64) int // how many of its things an organization has in Grafana
}

func ofDashboards() ofSet {
	return ofSet{
		what: "dashboard set",
		set:  func() client.Object { return crash.NewDashboardSet(crash.OneDashboard) },
		change: func(w *crash.World) {
			crash.Edit(w, crash.NewDashboardSet(""), func(s *v1alpha1.DashboardSet) {
				s.Spec.Template.Spec.Title = "Changed, of {{ .name }}"
				s.Spec.Template.Spec.Source.JSON = new(crash.OtherDashboard)
			})
		},
		policy: func(w *crash.World, prune, deletion v1alpha1.DeletionPolicy) {
			crash.Edit(w, crash.NewDashboardSet(""), func(s *v1alpha1.DashboardSet) {
				s.Spec.PrunePolicy, s.Spec.DeletionPolicy = prune, deletion
			})
		},
		held: func(w *crash.World, org int64) int { return len(w.Grafana.Dashboards(org)) },
	}
}

func ofDataSources() ofSet {
	return ofSet{
		what: "data source set",
		set:  func() client.Object { return crash.NewDataSourceSet() },
		change: func(w *crash.World) {
			crash.Edit(w, crash.NewDataSourceSet(), func(s *v1alpha1.DataSourceSet) {
				s.Spec.Template.Spec.URL = "http://127.0.0.1:2/{{ .orgID }}"
			})
		},
		policy: func(w *crash.World, prune, deletion v1alpha1.DeletionPolicy) {
			crash.Edit(w, crash.NewDataSourceSet(), func(s *v1alpha1.DataSourceSet) {
				s.Spec.PrunePolicy, s.Spec.DeletionPolicy = prune, deletion
			})
		},
		held: func(w *crash.World, org int64) int { return len(w.Grafana.Sources(org)) },
	}
}

// unselect takes an Organization out of the selection.
func unselect(w *crash.World, name string) {
	crash.Edit(w, crash.Selected(name), func(o *v1alpha1.Organization) { o.Labels = nil })
}

func setScenarios() (all []crash.Scenario) {
	for _, kind := range []ofSet{ofDashboards(), ofDataSources()} {
		all = append(all, scenariosOf(kind)...)
	}
	return all
}

func scenariosOf(k ofSet) []crash.Scenario {
	made := func(w *crash.World) {
		selectedOrgs(w)
		w.Create(crash.SourceSecret("first"), k.set())
	}
	with := func(prune, deletion v1alpha1.DeletionPolicy) func(*crash.World) {
		return func(w *crash.World) {
			made(w)
			w.Settle()
			k.policy(w, prune, deletion)
		}
	}
	remove := func(w *crash.World) { w.Delete(k.set()) }
	return []crash.Scenario{
		{Name: k.what + " created", Before: selectedOrgs, Act: func(w *crash.World) {
			w.Create(crash.SourceSecret("first"), k.set())
		}, After: k.holds(1, 1)},
		{Name: k.what + " and its organizations created", Before: crash.Nothing, Act: made, After: k.holds(1, 1)},
		{Name: k.what + " changed", Before: made, Act: k.change, After: k.holds(1, 1)},
		{Name: k.what + " whose organization leaves", Before: made, Act: func(w *crash.World) {
			unselect(w, "one")
		}, After: k.holds(0, 1)},
		{Name: k.what + " whose organization leaves, orphaned", Before: with("Orphan", ""), Act: func(w *crash.World) {
			unselect(w, "one")
		}, Kept: true, After: k.holds(1, 1)},
		{Name: k.what + " changed as an organization leaves", Before: made, Act: func(w *crash.World) {
			k.change(w)
			unselect(w, "one")
		}, After: k.holds(0, 1)},
		{Name: k.what + " whose organization is deleted", Before: made, Act: func(w *crash.World) {
			w.Delete(crash.Selected("one"))
		}, After: k.holds(0, 1)},
		{Name: k.what + " whose organization is orphaned", Before: made, Act: func(w *crash.World) {
			crash.Edit(w, crash.Selected("one"), func(o *v1alpha1.Organization) {
				o.Spec.DeletionPolicy = v1alpha1.OrganizationOrphan
			})
			w.Delete(crash.Selected("one"))
		}, Kept: true, After: k.holds(1, 1)},
		{Name: k.what + " deleted", Before: made, Act: remove, After: k.holds(0, 0)},
		{
			Name:   k.what + " deleted, orphaned",
			Before: with("", "Orphan"),
			Act:    remove,
			Kept:   true,
			After:  k.holds(1, 1),
		},
	}
}

// holds says how many things of a set the first two organizations have in Grafana in the end.
func (k ofSet) holds(one, two int) func(*crash.World) error {
	return func(w *crash.World) (err error) {
		for name, want := range map[string]int{"Tenant one": one, "Tenant two": two} {
			for _, org := range w.Grafana.Orgs() {
				if org.Name != name {
					continue
				}
				if n := k.held(w, org.ID); n != want {
					err = errors.Join(err, fmt.Errorf("%s has %d of the %s, want %d", name, n, k.what, want))
				}
			}
		}
		return err
	}
}

// stalledBy fails unless a set is Stalled by a reason, with a text in its message.
func stalledBy(w *crash.World, set *v1alpha1.DashboardSet, reason, text string) error {
	w.Get(set)
	c := meta.FindStatusCondition(set.Status.Conditions, v1alpha1.ConditionStalled)
	if c == nil || c.Reason != reason || !strings.Contains(c.Message, text) {
		return fmt.Errorf("it should be Stalled by %s with %q: %+v", reason, text, set.Status.Conditions)
	}
	return nil
}

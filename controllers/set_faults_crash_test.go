package controllers_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/testing/crash"
)

// stoppedAtCanary is a set whose new template fails for a, the canary. b and c have the one before, and d and e, which
// came later, none.
func stoppedAtCanary(t *testing.T) *crash.World {
	t.Helper()
	w := crash.New(t, "12.4.0")
	w.Seed()
	canary := colored("a")
	canary.Labels["canary"] = "yes"
	w.Create(canary, colored("b"), colored("c"))
	set := crash.NewDashboardSet(crash.OneDashboard)
	set.Spec.Template.Spec.Title = "old"
	set.Spec.Rollout.MaxUnavailable = atMost(3) // so that the bound is not what holds newcomers
	set.Spec.Rollout.Waves = []v1alpha1.SetWave{
		{Selector: metav1.LabelSelector{MatchLabels: map[string]string{"canary": "yes"}}},
	}
	w.Create(set)
	w.Briefly(5 * time.Minute)
	crash.Edit(w, crash.NewDashboardSet(""), func(s *v1alpha1.DashboardSet) {
		s.Spec.Template.Spec.Title = "new"
		s.Spec.Template.Spec.Source.JSON = new(`{"title": broken`)
	})
	w.Briefly(5 * time.Minute)
	w.Create(colored("d"), colored("e"))
	w.Briefly(5 * time.Minute)
	if boardOf(w, "a").Spec.Title != "new" || boardOf(w, "b").Spec.Title != "old" || boardOf(w, "d") != nil {
		t.Fatalf("it should have stopped at the canary: %+v", current(w).Status)
	}
	return w
}

// A wave has begun for newcomers once somebody in it has the template, and by nothing else.
func TestAWaveOfASetIsBegunByTheTemplateAlone(t *testing.T) {
	stuck := func(w *crash.World) {
		w.Refuses = func(r *http.Request) bool { return r.Method == http.MethodDelete }
	}
	for name, act := range map[string]func(w *crash.World){
		"who leaves and comes back, and whose dashboard cannot be deleted": func(w *crash.World) {
			stuck(w)
			unselect(w, "b")
			w.Briefly(5 * time.Second)
			crash.Edit(w, crash.Selected("b"), func(o *v1alpha1.Organization) {
				o.Labels = map[string]string{crash.SetLabel: "yes"}
			})
			w.Briefly(time.Minute)
		},
		"whose dashboard is being deleted": func(w *crash.World) {
			stuck(w)
			w.Delete(boardOf(w, "b"))
			w.Briefly(time.Minute)
		},
		"who is not Available, and whose dashboard is Ready as it was": func(w *crash.World) {
			o := crash.Selected("b")
			w.Get(o)
			meta.SetStatusCondition(&o.Status.Conditions, metav1.Condition{
				Type: v1alpha1.ConditionAvailable, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonFailed,
			})
			if err := w.Kube.Status().Update(context.Background(), o); err != nil {
				w.TB.Fatal(err)
			}
			w.Visit(boardKey)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := stoppedAtCanary(t)
			act(w)
			if d := boardOf(w, "d"); d != nil {
				t.Errorf("nobody in its wave has the template, and it has %q", d.Spec.Title)
			}
			if s := current(w).Status; s.Ready != 0 {
				t.Errorf("nobody is Ready as the template asks, and %d are told: %+v", s.Ready, s.Conditions)
			}
		})
	}
}

var five = []string{"a", "b", "c", "d", "e"}

// firstRollOut is a set over five Organizations that have none of it yet, of which one may be unavailable.
func firstRollOut(t *testing.T, before func(*crash.World), set *v1alpha1.DashboardSet) *crash.World {
	t.Helper()
	w := crash.New(t, "12.4.0")
	w.Seed()
	for _, name := range five {
		o := colored(name)
		o.Spec.Adoption = v1alpha1.AdoptionAllow
		w.Create(o)
	}
	w.Briefly(5 * time.Minute)
	before(w)
	set.Spec.Rollout.MaxUnavailable = atMost(1)
	w.Create(set)
	return w
}

// A template that works for nobody reaches as many as may be unavailable, also where nobody has anything yet.
func TestTheFirstRollOutOfASetStopsAtItsBound(t *testing.T) {
	w := firstRollOut(t, crash.Nothing, crash.NewDashboardSet(`{"title": broken`))
	w.Briefly(time.Hour)
	if s := current(w).Status; s.Updated != 1 || s.Failed != 1 || boardOf(w, "b") != nil {
		t.Errorf("one may be unavailable: %+v", s)
	}
	if err := stalledBy(w, current(w), v1alpha1.ReasonProgressDeadlineExceeded, "1 failed"); err != nil {
		t.Error(err)
	}
	crash.Edit(w, crash.NewDashboardSet(""), func(s *v1alpha1.DashboardSet) {
		s.Spec.Template.Spec.Source.JSON = new(crash.OneDashboard)
	})
	w.Briefly(time.Hour)
	if s := current(w).Status; s.Ready != 5 {
		t.Errorf("put right: %+v", s)
	}
}

// One that lacks what the template needs keeps nobody from theirs: nothing was tried.
func TestTheFirstRollOutOfASetIsHeldByNobodyItCannotBeTriedFor(t *testing.T) {
	set := crash.NewDashboardSet(crash.OneDashboard)
	byColor(1)(set)
	w := firstRollOut(t, func(w *crash.World) {
		crash.Edit(w, crash.Selected("a"), func(o *v1alpha1.Organization) { delete(o.Labels, "color") })
	}, set)
	w.Briefly(time.Hour)
	if s := current(w).Status; s.Ready != 4 || s.Failed != 1 {
		t.Errorf("one lacks a label: %+v", s)
	}
}

// What people made by hand is taken over by no more at once than may be unavailable.
func TestTheFirstRollOutOfASetAdoptsWithinItsBound(t *testing.T) {
	set := crash.NewDashboardSet(crash.OtherDashboard)
	set.Spec.Template.Spec.UID, set.Spec.Template.Spec.AdoptionPolicy = "shared", v1alpha1.AdoptionAdopt
	w := firstRollOut(t, func(w *crash.World) {
		for _, o := range w.Grafana.Orgs() {
			w.Grafana.Do(http.MethodPost, "/api/dashboards/db", o.ID, map[string]any{
				"dashboard": map[string]any{"uid": "shared", "title": "made by hand"},
			})
		}
	}, set)
	w.Visit(boardKey)
	if boardOf(w, "a") == nil || boardOf(w, "b") != nil {
		t.Errorf("one is made in the first pass: %v", w.ChildrenOf(current(w)))
	}
	w.Briefly(5 * time.Minute)
	if s := current(w).Status; s.Ready != 5 {
		t.Errorf("in the end: %+v", s)
	}
}

// refusing is a client to which Kubernetes refuses Dashboards.
type refusing struct {
	client.Client
	creates, deletes bool
	refused          int
}

func (c *refusing) refuse(obj client.Object, is bool) error {
	if _, dashboard := obj.(*v1alpha1.Dashboard); !dashboard || !is {
		return nil
	}
	c.refused++
	return apierrors.NewForbidden(schema.GroupResource{Resource: "dashboards"}, obj.GetName(), errors.New("quota"))
}

func (c *refusing) Create(ctx context.Context, obj client.Object, opts ...client.CreateOption) error {
	if err := c.refuse(obj, c.creates); err != nil {
		return err
	}
	return c.Client.Create(ctx, obj, opts...)
}

func (c *refusing) Delete(ctx context.Context, obj client.Object, opts ...client.DeleteOption) error {
	if err := c.refuse(obj, c.deletes); err != nil {
		return err
	}
	return c.Client.Delete(ctx, obj, opts...)
}

// What Kubernetes does not take counts as failed, and is tried again ever more seldom, whatever happens to its
// Organization meanwhile, as long as the same object would be made.
func TestASetSeldomTriesAgainWhatKubernetesRefuses(t *testing.T) {
	var c *refusing
	w := firstRollOut(t, func(w *crash.World) {
		c = &refusing{Client: w.Env.Client, creates: true}
		w.Env.Client = c
	}, crash.NewDashboardSet(crash.OneDashboard))
	for i := range 60 {
		w.Briefly(time.Minute)
		crash.Edit(w, crash.Selected("a"), func(o *v1alpha1.Organization) {
			o.Annotations = map[string]string{"example.com/seen": fmt.Sprint(i)}
		})
	}
	if s := current(w).Status; c.refused < 3 || c.refused > 8 || s.Failed != 1 {
		t.Errorf("in an hour %d were tried: %+v", c.refused, s)
	}
	c.creates = false
	w.Briefly(2 * time.Hour)
	if s := current(w).Status; s.Ready != 5 {
		t.Errorf("once it is let: %+v", s)
	}
}

// A child that Kubernetes does not let go gets the policy by which it goes, once.
func TestARefusedDeletionChangesNoChildAgain(t *testing.T) {
	w := worldOfSet(t)
	c := &refusing{Client: w.Env.Client, deletes: true}
	w.Env.Client = c
	crash.Edit(w, crash.NewDashboardSet(""), func(s *v1alpha1.DashboardSet) { s.Spec.PrunePolicy = "Orphan" })
	unselect(w, "one")
	for range 10 {
		w.Visit(boardKey)
	}
	d := boardOf(w, "one")
	if d.Generation != 2 || d.Spec.DeletionPolicy != v1alpha1.DeletionOrphan || c.refused < 3 {
		t.Errorf("refused %d times: generation %d, policy %q", c.refused, d.Generation, d.Spec.DeletionPolicy)
	}
}

// What never came as far as Grafana goes as well, when its Organization in another namespace does.
func TestASetPrunesWhatNeverCameToGrafana(t *testing.T) {
	for name, act := range map[string]func(w *crash.World, o *v1alpha1.Organization){
		"of one that leaves": func(w *crash.World, o *v1alpha1.Organization) {
			o.Labels = nil
			if err := w.Kube.Update(context.Background(), o); err != nil {
				w.TB.Fatal(err)
			}
		},
		"of one that is deleted": func(w *crash.World, o *v1alpha1.Organization) { w.Delete(o) },
	} {
		t.Run(name, func(t *testing.T) {
			w := crash.New(t, "12.4.0")
			w.Seed()
			crash.Edit(
				w,
				crash.Instance(),
				func(i *v1alpha1.Instance) { i.Spec.AllowedNamespaces.From = v1alpha1.FromAll },
			)
			o := colored("one")
			o.Namespace, o.Spec.InstanceRef.Namespace = "other", crash.Namespace
			o.Spec.AllowedNamespaces.From = v1alpha1.FromAll
			w.Create(o)
			w.Briefly(5 * time.Minute)
			w.Create(crash.NewDashboardSet(`{"title": broken`))
			w.Briefly(5 * time.Minute)
			if d := boardOf(w, "one"); d == nil || d.Status.OrgID != 0 {
				t.Fatalf("it should have failed before it came to Grafana: %+v", d)
			}
			w.Get(o)
			act(w, o)
			w.Everybody()
			w.Briefly(10 * time.Minute)
			if d := boardOf(w, "one"); d != nil {
				t.Errorf("it is there still: %+v", d.Status)
			}
		})
	}
}

// An Organization can be let go after its deletion began: what waits to be deleted stays then, too.
func TestASetLetsGoOfWhatIsBeingDeleted(t *testing.T) {
	w := worldOfSet(t)
	o := crash.Selected("one")
	w.Get(o)
	w.Refuses = func(r *http.Request) bool { return r.Method == http.MethodDelete }
	w.Delete(o)
	w.Briefly(5 * time.Minute)
	crash.Edit(w, crash.Selected("one"), func(o *v1alpha1.Organization) {
		o.Spec.DeletionPolicy = v1alpha1.OrganizationOrphan
	})
	w.Briefly(5 * time.Minute)
	w.Refuses = nil
	w.Briefly(time.Hour)
	if there := len(w.Grafana.Dashboards(o.Status.OrgID)); there != 1 || w.Get(crash.Selected("one")) {
		t.Errorf("Grafana has %d dashboards, and the Organization should be gone", there)
	}
}

// What is being deleted since its Organization is not selected any more is deleted in Grafana, however long that takes.
func TestASetGoesOnDeletingWhatIsNotSelected(t *testing.T) {
	w := worldOfSet(t)
	o := crash.Selected("one")
	w.Get(o)
	w.Refuses = func(r *http.Request) bool { return r.Method == http.MethodDelete }
	o.Labels = nil
	if err := w.Kube.Update(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	w.Everybody()
	w.Briefly(5 * time.Minute)
	if d := boardOf(w, "one"); d == nil || d.DeletionTimestamp.IsZero() {
		t.Fatalf("it is not being deleted: %+v", d)
	}
	w.Refuses = nil
	w.Everybody()
	w.Briefly(time.Hour)
	if there := len(w.Grafana.Dashboards(o.Status.OrgID)); there != 0 || boardOf(w, "one") != nil {
		t.Errorf("Grafana has %d dashboards", there)
	}
}

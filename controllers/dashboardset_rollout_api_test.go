package controllers_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrlconfig "sigs.k8s.io/controller-runtime/pkg/config"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/controllers"
	"grafana-tenancy.dev/operator/internal/connection"
	"grafana-tenancy.dev/operator/internal/dashboard/fetch"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

func atMost(n int) *intstr.IntOrString { return new(intstr.FromInt32(int32(n))) }

// titlesOf are the titles that the children of a set ask for, by what of them there is.
func titlesOf(w *suite.World, set *v1alpha1.DashboardSet) map[string]int {
	w.T.Helper()
	titles := map[string]int{}
	for _, child := range childrenOf(w, set) {
		titles[child.Spec.Title]++
	}
	return titles
}

// A change reaches wave after wave. One that fails holds what comes after, until the template is put right.
func TestAPIDashboardSetRollsOutInWaves(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	canary := w.Organization("canary", chosen(w, map[string]string{"wave": "first"}))
	for i := range 3 {
		suite.Ready(w, w.Organization(fmt.Sprintf("team-%d", i), chosen(w, nil)))
	}
	suite.Ready(w, canary)
	set := dashboardSet(w, "board", func(o *v1alpha1.DashboardSet) {
		o.Spec.Rollout.MaxUnavailable = atMost(2)
		o.Spec.Rollout.Waves = []v1alpha1.SetWave{
			{Selector: metav1.LabelSelector{MatchLabels: map[string]string{"wave": "first"}}},
		}
		o.Spec.Template.Spec.Title = "Good"
	})
	suite.Ready(w, set)

	suite.Change(w, set, func() {
		set.Spec.Template.Spec.Title = "Bad"
		set.Spec.Template.Spec.Folder = &v1alpha1.DashboardTemplateFolder{UID: "nowhere"}
	})
	failing(w, set, canary, v1alpha1.ReasonFolderNotFound, "nowhere")
	suite.Stalled(w, set, v1alpha1.ReasonChildrenFailed, "canary")
	if titles := titlesOf(w, set); titles["Bad"] != 1 || titles["Good"] != 3 {
		t.Errorf("behind a wave that failed: %v", titles)
	}

	suite.Change(w, set, func() { // without waves as many fail as may be unavailable
		set.Spec.Rollout.Waves = nil
	})
	w.Eventually("two that failed", func() error {
		if suite.Get(w, set); set.Status.Failed != 2 || set.Status.ObservedGeneration != set.Generation {
			return fmt.Errorf("it is %+v", set.Status)
		}
		return nil
	})
	suite.Stalled(w, set, v1alpha1.ReasonChildrenFailed)
	if titles := titlesOf(w, set); titles["Bad"] != 2 || titles["Good"] != 2 {
		t.Errorf("behind failures: %v", titles)
	}

	suite.Change(w, set, func() { set.Spec.Template.Spec.Title, set.Spec.Template.Spec.Folder = "Better", nil })
	suite.Ready(w, set)
	if titles := titlesOf(w, set); titles["Better"] != 4 {
		t.Errorf("in the end: %v", titles)
	}
}

// While a set is paused, nothing is made, changed or deleted.
func TestAPIDashboardSetPaused(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	set := dashboardSet(w, "board")
	leaving := w.Organization("leaving", chosen(w, nil))
	child := childOfReady(w, set, leaving)
	suite.Ready(w, set)

	suite.Change(w, set, func() { set.Spec.Paused, set.Spec.Template.Spec.Title = true, "Next" })
	progressing(w, set, metav1.ConditionUnknown, v1alpha1.ReasonSuspended)
	coming := suite.Ready(w, w.Organization("coming", chosen(w, nil)))
	suite.Change(w, leaving, func() { leaving.Labels = nil })
	suite.Ready(w, suite.Visit(w, leaving))
	suite.Visit(w, set)
	if all := childrenOf(w, set); len(all) != 1 || all[0].ResourceVersion != suite.Get(w, child).ResourceVersion ||
		child.Spec.Title != "" || !child.DeletionTimestamp.IsZero() {
		t.Errorf("while it was paused: %+v", all)
	}

	suite.Change(w, set, func() { set.Spec.Paused = false })
	w.Gone(child)
	if made := childOfReady(w, set, coming); made.Spec.Title != "Next" {
		t.Errorf("afterwards: %+v", made.Spec)
	}
	suite.Ready(w, set)
}

// A set that is deleted has said before, in what it has made, what becomes of that in Grafana. The garbage collector
// does the rest, which this control plane has not: the test does as it would.
func TestAPIDashboardSetDeleted(t *testing.T) {
	t.Parallel()
	for policy, stays := range map[v1alpha1.DeletionPolicy]bool{"": false, "Orphan": true} {
		t.Run("policy "+string(policy), func(t *testing.T) {
			t.Parallel()
			w := suite.New(t, grafanatest.Options{})
			set := dashboardSet(w, "board", func(o *v1alpha1.DashboardSet) { o.Spec.PrunePolicy = "Delete" })
			child := childOfReady(w, set, w.Organization("team", chosen(w, nil)))
			suite.Ready(w, set)
			suite.Change(w, set, func() { set.Spec.DeletionPolicy = policy })
			suite.Ready(w, set)
			w.Delete(set)
			w.Gone(set)
			suite.Get(w, child)
			if owner := metav1.GetControllerOf(child); owner == nil || owner.UID != set.UID {
				t.Fatalf("its owner is %+v", owner)
			}
			for _, name := range contentsOf(w, set) {
				w.Delete(&corev1.ConfigMap{ObjectMeta: w.Named(name)})
			}
			w.Delete(child)
			w.Gone(child)
			if there := w.Dash(orgOf(w, "team"), child.Status.UID) != nil; there != stays {
				t.Errorf("the dashboard is there: %t", there)
			}
			if left := childrenOf(w, set); len(left) > 0 {
				t.Errorf("there is %+v", left)
			}
		})
	}
}

// setsClient is the operator's client, through which a test sees and delays deletions of Dashboards.
type setsClient struct {
	client.Client
	before func(client.Object)
	failed atomic.Int32
}

func (c *setsClient) Delete(ctx context.Context, obj client.Object, opts ...client.DeleteOption) error {
	if _, is := obj.(*v1alpha1.Dashboard); is {
		c.before(obj)
	}
	err := c.Client.Delete(ctx, obj, opts...)
	if apierrors.IsConflict(err) {
		c.failed.Add(1)
	}
	return err
}

// newSetsWorld is a world with an operator of its own, which goes by the test's clock.
func newSetsWorld(t *testing.T, clock *suite.Clock, deletes *setsClient) *suite.World {
	t.Helper()
	w := &suite.World{Cluster: suite.Bare(t), T: t, Grafana: suite.StartGrafana(t, grafanatest.Options{})}
	w.NS = w.Namespace(nil)
	w.Create(&corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "admin"},
		StringData: map[string]string{"admin-user": "admin", "admin-password": "admin"},
	})
	env := &controllers.Env{Engine: &lifecycle.Engine{
		Connections: connection.NewPool(), Now: clock.Now,
		FirstRetry: 50 * time.Millisecond, LastRetry: time.Second,
	}, ClusterID: suite.ClusterID, UserAgent: suite.UserAgent}
	env.Sources = fetch.NewQueue(fetch.New(fetch.Options{}).Fetch, 1, 1)
	mgr, err := ctrl.NewManager(w.Config, ctrl.Options{
		Scheme: w.Scheme, Metrics: metricsserver.Options{BindAddress: "0"}, Logger: w.Log.Logger(),
		Cache:      cache.Options{DefaultNamespaces: map[string]cache.Config{w.NS: {}}, DefaultTransform: env.Slim},
		Controller: ctrlconfig.Controller{SkipNameValidation: new(true)},
	})
	if err != nil {
		t.Fatal(err)
	}
	deletes.Client = mgr.GetClient()
	env.Client, env.Live, env.Events = deletes, mgr.GetAPIReader(), mgr.GetEventRecorder(v1alpha1.ManagedBy)
	if err := suite.Setup(mgr, env); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- mgr.Start(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		env.Connections.Close(context.Background())
	})
	w.Instance()
	return w
}

// A roll-out that does not come forward is told of after progressDeadline. Who comes later gets a Dashboard all the
// same.
func TestAPIDashboardSetProgressDeadline(t *testing.T) {
	suite.NotOnReal(t, "the operator goes by the test's clock")
	t.Parallel()
	clock := suite.NewClock()
	w := newSetsWorld(t, clock, &setsClient{before: func(client.Object) {}})
	team := suite.Ready(w, w.Organization("team", chosen(w, nil)))
	set := dashboardSet(w, "board", func(o *v1alpha1.DashboardSet) {
		o.Spec.Rollout.ProgressDeadline = &metav1.Duration{Duration: time.Hour}
		o.Spec.Rollout.MaxUnavailable = atMost(5)
		o.Spec.Template.Spec.Folder = &v1alpha1.DashboardTemplateFolder{
			Ref: &v1alpha1.TemplateReference{Name: "folder-{{ .name }}"},
		}
	})
	progressing(w, set, metav1.ConditionTrue, v1alpha1.ReasonRollingOut)
	child := childOf(set, team)
	w.Eventually("a Dashboard that waits", func() error {
		return w.Client.Get(t.Context(), client.ObjectKeyFromObject(child), child)
	})
	suite.Waiting(w, child, v1alpha1.ReasonParentNotFound)
	clock.Advance(2 * time.Hour)
	suite.Visit(w, set)
	progressing(w, set, metav1.ConditionFalse, v1alpha1.ReasonProgressDeadlineExceeded)
	suite.Stalled(w, set, v1alpha1.ReasonProgressDeadlineExceeded, "1h")

	late := suite.Ready(w, w.Organization("late", chosen(w, nil)))
	clock.Advance(time.Minute)
	w.Eventually("a Dashboard for who comes after the deadline", func() error {
		made := childOf(set, late)
		return w.Client.Get(t.Context(), client.ObjectKeyFromObject(made), made)
	})

	for _, o := range []*v1alpha1.Organization{team, late} {
		suite.Apply(w, &v1alpha1.Folder{
			ObjectMeta: metav1.ObjectMeta{Name: "folder-" + o.Name},
			Spec:       v1alpha1.FolderSpec{OrganizationRef: v1alpha1.ObjectReference{Name: o.Name}},
		}, nil)
	}
	childOfReady(w, set, late)
	suite.Ready(w, set)
	if c := meta.FindStatusCondition(set.Status.Conditions, v1alpha1.ConditionProgressing); c.Status != "True" {
		t.Errorf("in the end it is %+v", c)
	}
}

// What was changed since it was read is not deleted as it was.
func TestAPIDashboardSetPrunesWhatItHasRead(t *testing.T) {
	suite.NotOnReal(t, "the operator is delayed")
	t.Parallel()
	deletes := &setsClient{}
	w := newSetsWorld(t, suite.NewClock(), deletes)
	changed := atomic.Bool{}
	deletes.before = func(obj client.Object) {
		if changed.Swap(true) {
			return
		}
		d := &v1alpha1.Dashboard{ObjectMeta: w.Named(obj.GetName())}
		suite.Change(w, d, func() { d.Annotations = map[string]string{"changed": "meanwhile"} })
	}
	set := dashboardSet(w, "board")
	org := w.Organization("team", chosen(w, nil))
	child := childOfReady(w, set, org)
	suite.Change(w, org, func() { org.Labels = nil })
	w.Gone(child)
	if deletes.failed.Load() == 0 {
		t.Error(errors.New("it was deleted though it had changed"))
	}
}

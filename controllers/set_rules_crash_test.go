package controllers_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/testing/crash"
)

const boardKey = "DashboardSet tenant/board"

// worldOfSet has the Organizations one and two, with a color each, and a set over them, at rest.
func worldOfSet(t *testing.T, changes ...func(*v1alpha1.DashboardSet)) *crash.World {
	t.Helper()
	w := crash.New(t, "12.4.0")
	w.Seed()
	w.Create(colored("one"), colored("two"))
	set := crash.NewDashboardSet(crash.OneDashboard)
	for _, change := range changes {
		change(set)
	}
	w.Create(set)
	w.Briefly(5 * time.Minute)
	return w
}

func colored(name string) *v1alpha1.Organization {
	o := crash.Selected(name)
	o.Labels["color"] = "red"
	return o
}

// boardOf is the Dashboard of the set board for an Organization; nil: there is none.
func boardOf(w *crash.World, organization string) *v1alpha1.Dashboard {
	for _, obj := range w.ChildrenOf(current(w)) {
		if d, is := obj.(*v1alpha1.Dashboard); is && d.Spec.OrganizationRef.Name == organization {
			return d
		}
	}
	return nil
}

// current is the set board as it is now.
func current(w *crash.World) *v1alpha1.DashboardSet {
	set := crash.NewDashboardSet("")
	w.Get(set)
	return set
}

// byColor is a template that needs a label, of which as many may be unavailable at once.
func byColor(bound int) func(*v1alpha1.DashboardSet) {
	return func(s *v1alpha1.DashboardSet) {
		s.Spec.Rollout.MaxUnavailable = atMost(bound)
		s.Spec.Template.Spec.Title = "{{ .labels.color }}"
	}
}

// breakOne has an Organization lack the label, as somebody can who may edit it, for longer than progressDeadline.
func breakOne(w *crash.World) {
	crash.Edit(w, crash.Selected("one"), func(o *v1alpha1.Organization) { delete(o.Labels, "color") })
	w.Briefly(time.Hour)
}

// What somebody does to their own Organization does not keep those from their dashboards that come later.
func TestNewcomersOfASetWaitForNobodysFailure(t *testing.T) {
	w := worldOfSet(t, byColor(1))
	breakOne(w)
	w.Create(colored("three"))
	w.Briefly(5 * time.Minute)
	if d := boardOf(w, "three"); d == nil || d.Spec.Title != "red" {
		t.Errorf("one failed, and the one that came later has %+v; status is %+v", d, current(w).Status)
	}
}

// Nor does it hold changes of others, as long as no more have failed than may.
func TestAFailureBelowTheBoundHoldsNothingOfASet(t *testing.T) {
	w := worldOfSet(t, byColor(2))
	breakOne(w)
	crash.Edit(w, crash.Selected("two"), func(o *v1alpha1.Organization) { o.Labels["color"] = "blue" })
	w.Briefly(5 * time.Minute)
	if d := boardOf(w, "two"); d == nil || d.Spec.Title != "blue" {
		t.Errorf("one failed, and the other has %+v; status is %+v", d, current(w).Status)
	}
}

// Whom a set is for does not hang on its template: what has to go does, also where nothing can be made.
func TestASetThatIsStalledPrunes(t *testing.T) {
	sum := sha256.Sum256([]byte(crash.OtherDashboard))
	taken := "board-" + hex.EncodeToString(sum[:])[:10]
	for name, test := range map[string]struct {
		spoil        func(s *v1alpha1.DashboardSet)
		reason, text string
	}{
		"by its template": {func(s *v1alpha1.DashboardSet) { s.Spec.Template.Spec.Title = "{{" },
			v1alpha1.ReasonInvalidSpec, "title"},
		"by the name of its content": {func(s *v1alpha1.DashboardSet) {
			s.Spec.Template.Spec.Source.JSON = new(crash.OtherDashboard)
		}, v1alpha1.ReasonChildConflict, taken},
	} {
		t.Run(name, func(t *testing.T) {
			w := worldOfSet(t)
			w.Create(&corev1.ConfigMap{ObjectMeta: crash.Named(taken)})
			crash.Edit(w, crash.NewDashboardSet(""), test.spoil)
			unselect(w, "one")
			w.Briefly(5 * time.Minute)
			if err := stalledBy(w, current(w), test.reason, test.text); err != nil {
				t.Error(err)
			}
			if boardOf(w, "one") != nil || boardOf(w, "two") == nil {
				t.Error("the one that left has a dashboard still, or the other has none")
			}
		})
	}
}

// watched is a client of the operator's through which a test sees what is read, and hides objects.
type watched struct {
	client.Client
	before func(obj client.Object)
	hidden string // the name of a Dashboard that is not listed
}

func (c *watched) Get(ctx context.Context, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
	if c.before != nil {
		c.before(obj)
	}
	return c.Client.Get(ctx, key, obj, opts...)
}

func (c *watched) List(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
	err := c.Client.List(ctx, list, opts...)
	if all, is := list.(*v1alpha1.DashboardList); is {
		all.Items = slices.DeleteFunc(all.Items, func(d v1alpha1.Dashboard) bool { return d.Name == c.hidden })
	}
	return err
}

// The content of a Dashboard stays that the cache does not have yet.
func TestASetKeepsContentOfWhatItsCacheLacks(t *testing.T) {
	w := worldOfSet(t, func(s *v1alpha1.DashboardSet) { s.Spec.Rollout.MaxUnavailable = atMost(2) })
	last := boardOf(w, "two")
	cache := &watched{Client: w.Env.Client, hidden: last.Name}
	w.Env.Client = cache
	crash.Edit(w, crash.NewDashboardSet(""), func(s *v1alpha1.DashboardSet) {
		s.Spec.Template.Spec.Source.JSON = new(crash.OtherDashboard)
	})
	w.Briefly(time.Minute)
	needed := boardOf(w, "two").Spec.Source.ConfigMapRef.Name
	if !w.Get(&corev1.ConfigMap{ObjectMeta: crash.Named(needed)}) {
		t.Errorf("%s, which %s refers to, was deleted", needed, last.Name)
	}
	cache.hidden = ""
	w.Everybody()
	w.Settle()
	if now := boardOf(w, "two").Spec.Source.ConfigMapRef.Name; now == needed || len(w.ChildrenOf(current(w))) != 3 {
		t.Errorf("in the end it refers to %s, as before, or there is too much: %v", now, w.ChildrenOf(current(w)))
	}
}

// A set that somebody pauses while it is about to delete something deletes nothing.
func TestASetThatChangesMeanwhilePrunesNothing(t *testing.T) {
	w := worldOfSet(t)
	w.Briefly(time.Minute)
	live := &watched{Client: w.Env.Live.(client.Client)}
	paused := false
	live.before = func(obj client.Object) {
		if _, is := obj.(*v1alpha1.Organization); !is || paused || !isUnselected(w, "one") {
			return
		}
		paused = true
		crash.Edit(w, crash.NewDashboardSet(""), func(s *v1alpha1.DashboardSet) { s.Spec.Paused = true })
	}
	w.Env.Live = live
	unselect(w, "one")
	w.Briefly(time.Minute)
	if d := boardOf(w, "one"); !paused || d == nil || !d.DeletionTimestamp.IsZero() {
		t.Errorf("it was paused meanwhile (%v), and the dashboard is %+v", paused, d)
	}
}

func isUnselected(w *crash.World, name string) bool {
	o := crash.Selected(name)
	w.Get(o)
	return o.Labels == nil
}

// What says that it is a set's is not believed: a ConfigMap that somebody has made can change.
func TestADashboardFollowsAConfigMapThatIsNoSets(t *testing.T) {
	w := worldOfSet(t)
	set := current(w)
	cm := &corev1.ConfigMap{ObjectMeta: crash.Named("board-0123456789")}
	cm.BinaryData = map[string][]byte{"dashboard.json.gz": []byte(crash.OneDashboard)}
	d := crash.Dashboard("", "")
	d.Labels = map[string]string{v1alpha1.LabelSet: set.Name}
	d.OwnerReferences = []metav1.OwnerReference{{
		APIVersion: v1alpha1.GroupVersion.String(), Kind: "DashboardSet", Name: set.Name, UID: set.UID,
		Controller: new(true),
	}}
	d.Spec.OrganizationRef.Name = "one"
	d.Spec.Source = v1alpha1.DashboardSource{
		ConfigMapRef: &v1alpha1.KeyReference{Name: cm.Name, Key: "dashboard.json.gz"},
	}
	w.Create(cm, d)
	w.Briefly(time.Minute)
	cm.BinaryData["dashboard.json.gz"] = []byte(crash.OtherDashboard)
	if err := w.Kube.Update(t.Context(), cm); err != nil {
		t.Fatal(err)
	}
	w.Visit("Dashboard tenant/dashboard")
	w.Briefly(time.Minute)
	w.Get(d)
	for _, there := range w.Grafana.Dashboards(d.Status.OrgID) {
		if there.UID == d.Status.UID && !strings.Contains(string(there.Model), "stat") {
			t.Errorf("Grafana has %s", there.Model)
		}
	}
}

// Templates are told what people have written on an Organization, and nothing of what tools keep there.
func TestASetTellsTemplatesNothingOfTools(t *testing.T) {
	w := worldOfSet(t, func(s *v1alpha1.DashboardSet) { s.Spec.Template.Spec.Title = "{{ toJson .annotations }}" })
	crash.Edit(w, crash.Selected("one"), func(o *v1alpha1.Organization) {
		o.Annotations = map[string]string{
			"example.com/owner": "somebody", "kubectl.kubernetes.io/last-applied-configuration": "{}",
			"kubectl.kubernetes.io/restartedAt": "now", "argocd.argoproj.io/tracking-id": "id",
			"meta.helm.sh/release-name": "release", "grafana-tenancy.dev/confirm": "1",
		}
	})
	w.Briefly(time.Minute)
	if d := boardOf(w, "one"); d.Spec.Title != `{"example.com/owner":"somebody"}` {
		t.Errorf("the template was told %s", d.Spec.Title)
	}
}

// Whether a set is Ready is told as of any object, so that the alert for those that are not knows it.
func TestASetTellsInMetricsWhetherItIsReady(t *testing.T) {
	w := worldOfSet(t)
	if got := readyOfSets(t); !maps.Equal(got, map[string]float64{"InSync": 1}) {
		t.Errorf("in sync: %v", got)
	}
	crash.Edit(w, crash.NewDashboardSet(""), func(s *v1alpha1.DashboardSet) { s.Spec.Template.Spec.Title = "{{" })
	w.Briefly(time.Minute)
	if got := readyOfSets(t); !maps.Equal(got, map[string]float64{"InvalidSpec": 0}) {
		t.Errorf("stalled: %v", got)
	}
	crash.Edit(w, crash.NewDashboardSet(""), func(s *v1alpha1.DashboardSet) { s.Spec.Paused = true })
	w.Briefly(time.Minute)
	if got := readyOfSets(t); len(got) > 0 {
		t.Errorf("paused: %v", got)
	}
	crash.Edit(w, crash.NewDashboardSet(""), func(s *v1alpha1.DashboardSet) { s.Spec.Paused = false })
	w.Briefly(time.Minute)
	w.Delete(current(w))
	w.Briefly(time.Minute)
	if got := readyOfSets(t); len(got) > 0 {
		t.Errorf("gone: %v", got)
	}
}

// readyOfSets is what the metrics tell of the set board, by reason.
func readyOfSets(t *testing.T) map[string]float64 {
	t.Helper()
	families, err := ctrlmetrics.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	told := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			labels := map[string]string{}
			for _, l := range m.GetLabel() {
				labels[l.GetName()] = l.GetValue()
			}
			if f.GetName() == "grafana_tenancy_ready" && labels["kind"] == "DashboardSet" && labels["name"] == "board" {
				told[labels["reason"]] = m.GetGauge().GetValue()
			}
		}
	}
	return told
}

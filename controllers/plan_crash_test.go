package controllers_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/plan"
	"grafana-tenancy.dev/operator/internal/testing/crash"
)

// TestPlanForeseesTheOperator plays the scenarios of the crash matrix. Before the operator sees what people have done,
// a plan says what it is going to do; then it does it, and the two are compared. Of sets it says that what they make is
// not foreseen.
func TestPlanForeseesTheOperator(t *testing.T) {
	only := regexp.MustCompile(os.Getenv("CRASH_SCENARIO"))
	ofSets := map[string]bool{}
	for _, s := range setScenarios() {
		ofSets[s.Name] = true
	}
	played, foreseen, actions := 0, 0, map[plan.Action]int{}
	for _, version := range crash.Versions() {
		for _, s := range scenarios() {
			if !only.MatchString(s.Name) || ofSets[s.Name] || s.Only != "" && s.Only != version {
				continue
			}
			played++
			t.Run(version+"/"+s.Name, func(t *testing.T) {
				if p := foresee(t, crash.New(t, version), s); p != nil {
					foreseen++
					for action, n := range p.Summary {
						actions[action] += n
					}
				}
			})
		}
	}
	fmt.Printf("plan: %d of %d scenarios foreseen: %v\n", foreseen, played, actions)
	if only.String() == "" && foreseen*5 < played*4 {
		t.Error("most of the scenarios should leave something to foresee")
	}
}

// foresee compares what the plan says with what the operator does. There is no plan where the operator is at work while
// people are, so that there is no moment to plan at, or where they leave nothing to be applied.
func foresee(t *testing.T, w *crash.World, s crash.Scenario) *plan.Plan {
	t.Helper()
	w.Seed()
	s.Before(w)
	w.MustRest()
	if s.Midway != nil {
		s.Midway(w)
	}
	before := map[string]client.Object{}
	for _, obj := range w.Objects() {
		before[nameOfObject(obj)] = obj
	}
	operator := newSpectator(w)
	s.Act(w)
	if len(operator.seen) > 0 {
		return nil
	}
	var there []client.Object
	var manifests []unstructured.Unstructured
	for _, obj := range w.Objects() {
		is := obj.DeepCopyObject().(client.Object)
		if was := before[nameOfObject(obj)]; was != nil {
			if is.GetDeletionTimestamp() == nil {
				unedit(is, was.DeepCopyObject().(client.Object))
			}
			there = append(there, is)
		}
		if obj.GetDeletionTimestamp() == nil {
			manifests = append(manifests, manifestOf(t, obj))
		}
	}
	if len(manifests) == 0 {
		return nil
	}
	w.Grafana.ResetLog()
	p := planOf(t, w, there, manifests)
	wantOnlyReads(t, w)
	wantNoSecrets(t, w, p)
	if err := w.Rest(); err != nil {
		t.Fatal(err)
	}
	if os.Getenv("PLAN_TELL") != "" {
		for _, o := range p.Objects() {
			fmt.Printf("%+v\n", o)
		}
	}
	compare(t, p, operator)
	return p
}

// unedit takes off an object what people have changed, but not what others have done to its status.
func unedit(is, was client.Object) {
	reflect.ValueOf(is).Elem().FieldByName("Spec").Set(reflect.ValueOf(was).Elem().FieldByName("Spec"))
	is.SetLabels(was.GetLabels())
	is.SetAnnotations(was.GetAnnotations())
	is.SetGeneration(was.GetGeneration())
}

func nameOfObject(obj client.Object) string {
	return crash.KindOf(obj) + " " + client.ObjectKeyFromObject(obj).String()
}

func manifestOf(t *testing.T, obj lifecycle.Object) unstructured.Unstructured {
	t.Helper()
	whole, err := runtime.DefaultUnstructuredConverter.ToUnstructured(obj)
	if err != nil {
		t.Fatal(err)
	}
	metadata := map[string]any{"namespace": obj.GetNamespace(), "name": obj.GetName()}
	m := unstructured.Unstructured{Object: map[string]any{"metadata": metadata, "spec": whole["spec"]}}
	m.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(lifecycle.NameOf(obj)))
	m.SetLabels(obj.GetLabels())
	m.SetAnnotations(obj.GetAnnotations())
	return m
}

// planOf is the plan of manifests by somebody who trusts them.
func planOf(t *testing.T, w *crash.World, there []client.Object, m []unstructured.Unstructured) *plan.Plan {
	t.Helper()
	return planWith(t, w, plan.Options{Objects: there, Manifests: m, TrustURLs: true})
}

// planWith is the plan with the options of a world where they do not say.
func planWith(t *testing.T, w *crash.World, o plan.Options) *plan.Plan {
	t.Helper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: crash.Namespace}}
	if err := client.IgnoreAlreadyExists(w.Kube.Create(t.Context(), ns)); err != nil {
		t.Fatal(err)
	}
	o.Scheme, o.Cluster, o.Namespace, o.ClusterID, o.Sources = w.Scheme(), w.Kube, crash.Namespace, "cluster-1", w.Sources
	if o.Now == nil {
		o.Now = func() time.Time { return w.Clock }
	}
	if o.Transport == nil {
		o.Transport = w.Grafana.RoundTripper()
	}
	if o.Objects == nil {
		o.Objects = thereIn(w)
	}
	p, err := plan.Make(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// thereIn are the objects of a world.
func thereIn(w *crash.World) (there []client.Object) {
	for _, obj := range w.Objects() {
		there = append(there, obj)
	}
	return there
}

// coreManifest is the manifest of a Secret, ConfigMap or Namespace.
func coreManifest(t *testing.T, obj client.Object, kind string) unstructured.Unstructured {
	t.Helper()
	whole, err := runtime.DefaultUnstructuredConverter.ToUnstructured(obj)
	if err != nil {
		t.Fatal(err)
	}
	m := unstructured.Unstructured{Object: whole}
	unstructured.RemoveNestedField(m.Object, "status")
	m.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind(kind))
	return m
}

// through is a network in the place of another one.
type through func(*http.Request) (*http.Response, error)

// RoundTrip answers a request.
func (f through) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// wantOnlyReads fails if Grafana was asked for anything but to show something, or to let the login in.
func wantOnlyReads(t *testing.T, w *crash.World) {
	t.Helper()
	for _, r := range w.Grafana.Requests() {
		if r.Method != http.MethodGet && r.Path != "/login" {
			t.Errorf("the plan sent %s %s", r.Method, r.Path)
		}
	}
}

// spectator notes what the operator does for each object.
type spectator struct{ seen map[string]*sight }

type sight struct {
	events, fields map[string]bool
	last           lifecycle.Outcome
}

func newSpectator(w *crash.World) *spectator {
	s := &spectator{seen: map[string]*sight{}}
	w.Told = func(o lifecycle.Outcome) {
		name := o.Kind + " " + o.Key.String()
		one := s.seen[name]
		if one == nil {
			one = &sight{events: map[string]bool{}, fields: map[string]bool{}}
			s.seen[name] = one
		}
		for _, e := range o.Events {
			one.events[e.Reason] = true
		}
		for _, field := range o.Differs {
			one.fields[field] = true
		}
		if o.Ready != "" || o.Gone || o.Suspended {
			one.last = o
		}
	}
	return s
}

// action is what the operator has done, in the plan's words.
func (s *sight) action() plan.Action {
	for _, of := range []struct {
		event  string
		action plan.Action
	}{
		{v1alpha1.EventDeleted, plan.Delete},
		{v1alpha1.EventOrphaned, plan.Release},
		{v1alpha1.EventAbandoned, plan.Release},
		{v1alpha1.EventCreated, plan.Create},
		{v1alpha1.EventFound, plan.Adopt},
		{v1alpha1.EventRotated, plan.Change},
		{v1alpha1.EventReissued, plan.Change},
		{v1alpha1.EventUpdated, plan.Change},
	} {
		if s.events[of.event] {
			return of.action
		}
	}
	if s.last.Ready == metav1.ConditionTrue || s.last.Gone || s.last.Suspended {
		return plan.None
	}
	return plan.Blocked
}

// wantNoSecrets fails if a key or a password is in the plan.
func wantNoSecrets(t *testing.T, w *crash.World, p *plan.Plan) {
	t.Helper()
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	var secrets corev1.SecretList
	if err := w.Kube.List(t.Context(), &secrets); err != nil {
		t.Fatal(err)
	}
	for _, secret := range secrets.Items {
		for name, value := range secret.Data {
			if len(value) > 5 && bytes.Contains(text, value) {
				t.Errorf("what Secret %s has under %s is in the plan: %s", secret.Name, name, text)
			}
		}
	}
	if bytes.Contains(text, []byte("glsa_")) {
		t.Errorf("there is a key in the plan: %s", text)
	}
}

// compare fails unless the plan says of each object what the operator did.
func compare(t *testing.T, p *plan.Plan, operator *spectator) {
	t.Helper()
	said := map[string]bool{}
	for _, o := range p.Objects() {
		said[fmt.Sprintf("%s %s/%s", o.Kind, o.Namespace, o.Name)] = true
	}
	for name, did := range operator.seen {
		if action := did.action(); !said[name] && action != plan.None {
			t.Errorf("%s: the plan says nothing, and the operator did %s", name, action)
		}
	}
	for _, o := range p.Objects() {
		name := fmt.Sprintf("%s %s/%s", o.Kind, o.Namespace, o.Name)
		did := operator.seen[name]
		if did == nil {
			did = &sight{}
		}
		want := did.action()
		if left := "library panels that nobody needs"; did.fields[left] { // some minutes later
			if delete(did.fields, left); want == plan.Change && len(did.fields) == 0 {
				want = plan.None
			}
		}
		if want == plan.Change && o.Action == plan.None && len(did.fields) == 1 && did.fields["old tokens"] {
			continue // in its own time, as a note says
		}
		if o.Action == plan.Unknown && strings.Contains(o.Message, "once the operator has joined the organization") {
			continue // which is said, and cannot be known
		}
		if want != o.Action {
			t.Errorf("%s: the plan says %s (%s: %s), and the operator did %s %v (%s: %s)",
				name, o.Action, o.Reason, o.Message, want, slices.Sorted(maps.Keys(did.events)), did.last.Reason,
				did.last.Message)
			continue
		}
		if want == plan.Delete || want == plan.Release {
			continue
		}
		ready := did.last.Ready == metav1.ConditionTrue || did.last.Gone || did.last.Suspended
		if o.Ready != ready || !ready && o.Reason != did.last.Reason {
			t.Errorf("%s: the plan says ready %t %s (%s), and the operator ready %t %s (%s)",
				name, o.Ready, o.Reason, o.Message, ready, did.last.Reason, did.last.Message)
		}
		if want != plan.Create {
			planned := slices.Clone(o.Fields)
			if at := slices.Index(planned, "mark"); at >= 0 && o.Kind == "DataSource" { // which is in its settings
				planned[at] = "jsonData"
			}
			slices.Sort(planned)
			if want == plan.Adopt && o.Kind == "DataSource" { // its mark has the uid, which a plan gives another one
				planned = slices.DeleteFunc(planned, func(field string) bool { return field == "jsonData" })
				delete(did.fields, "jsonData")
			}
			if slices.ContainsFunc(o.Notes, func(n string) bool { return strings.Contains(n, "is revoked then") }) {
				delete(did.fields, "old tokens")
			}
			if done := slices.Sorted(maps.Keys(did.fields)); !slices.Equal(planned, done) {
				t.Errorf("%s: the plan says %q, and the operator did %q", name, planned, done)
			}
		}
	}
}

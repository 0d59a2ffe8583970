package controllers_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

// chosen gives an Organization labels, among them one that no other test's has.
func chosen(w *suite.World, labels map[string]string) func(*v1alpha1.Organization) {
	return func(o *v1alpha1.Organization) {
		o.Labels = map[string]string{"test": w.NS}
		maps.Copy(o.Labels, labels)
	}
}

// dashboardSet applies a set for the Organizations of a test.
func dashboardSet(w *suite.World, name string, changes ...func(*v1alpha1.DashboardSet)) *v1alpha1.DashboardSet {
	w.T.Helper()
	source := overview
	obj := &v1alpha1.DashboardSet{ObjectMeta: metav1.ObjectMeta{Name: name}}
	obj.Spec.Organizations.Selector.MatchLabels = map[string]string{"test": w.NS}
	obj.Spec.Template.Spec.Source.JSON = &source
	return suite.Apply(w, obj, changes)
}

// childOf is the Dashboard that a set has for an Organization, whether it is there or not.
func childOf(set *v1alpha1.DashboardSet, organization *v1alpha1.Organization) *v1alpha1.Dashboard {
	sum := sha256.Sum256([]byte(client.ObjectKeyFromObject(organization).String()))
	return &v1alpha1.Dashboard{ObjectMeta: metav1.ObjectMeta{
		Namespace: set.Namespace,
		Name:      fmt.Sprintf("%s-%s-%s", set.Name, organization.Name, hex.EncodeToString(sum[:4])),
	}}
}

// childrenOf lists the Dashboards that a set has made.
func childrenOf(w *suite.World, set *v1alpha1.DashboardSet) (all []v1alpha1.Dashboard) {
	w.T.Helper()
	var list v1alpha1.DashboardList
	if err := w.Client.List(w.T.Context(), &list, client.InNamespace(set.Namespace)); err != nil {
		w.T.Fatal(err)
	}
	return slices.DeleteFunc(list.Items, func(d v1alpha1.Dashboard) bool { return !metav1.IsControlledBy(&d, set) })
}

// contentsOf are the names of the ConfigMaps that a set has made.
func contentsOf(w *suite.World, set *v1alpha1.DashboardSet) (names []string) {
	w.T.Helper()
	var list corev1.ConfigMapList
	if err := w.Client.List(w.T.Context(), &list, client.InNamespace(set.Namespace)); err != nil {
		w.T.Fatal(err)
	}
	for i := range list.Items {
		if metav1.IsControlledBy(&list.Items[i], set) {
			names = append(names, list.Items[i].Name)
		}
	}
	return names
}

// progressing waits until a set says how its roll-out goes.
func progressing(w *suite.World, set *v1alpha1.DashboardSet, status metav1.ConditionStatus, reason string) {
	w.T.Helper()
	w.Eventually("Progressing is "+string(status)+" by "+reason, func() error {
		c := meta.FindStatusCondition(suite.Get(w, set).Status.Conditions, v1alpha1.ConditionProgressing)
		if c == nil || c.Status != status || c.Reason != reason || c.ObservedGeneration != set.Generation {
			return fmt.Errorf("it is %+v", set.Status)
		}
		return nil
	})
}

// failing waits until a set tells of a failure, and checks the message.
func failing(w *suite.World, set *v1alpha1.DashboardSet, o *v1alpha1.Organization, reason, text string) {
	w.T.Helper()
	w.Eventually(o.Name+" fails by "+reason, func() error {
		for _, f := range suite.Get(w, set).Status.Failures {
			if f.Organization == o.Namespace+"/"+o.Name && f.Reason == reason && strings.Contains(f.Message, text) {
				return nil
			}
		}
		return fmt.Errorf("it is %+v", set.Status)
	})
}

// Each Organization that is selected gets a dashboard, also one that comes later: small, filled in by what the
// Organization is, and with its content in one place.
func TestAPIDashboardSetForEachOrganization(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	set := dashboardSet(w, "board", func(o *v1alpha1.DashboardSet) {
		o.Spec.Template.Metadata.Labels = map[string]string{"made-by": "set"}
		spec := &o.Spec.Template.Spec
		spec.Source.JSON = new(strings.Replace(overview, "hello", strings.Repeat("{{ hello }} ", 1000), 1))
		spec.Title, spec.UID = "{{ .orgName }} at a glance", "board-{{ .labels.color }}"
		spec.Folder = &v1alpha1.DashboardTemplateFolder{Path: []string{"From {{ .name }}"}}
	})
	for _, color := range []string{"red", "blue", "green"} {
		org := w.Organization("team-"+color, chosen(w, map[string]string{"color": color}),
			func(o *v1alpha1.Organization) { o.Spec.Name = "Team " + color })
		child := childOf(set, org)
		w.Eventually("a Dashboard for "+org.Name, func() error {
			return w.Client.Get(t.Context(), client.ObjectKeyFromObject(child), child)
		})
		suite.Ready(w, child)
		dash := w.Dash(orgOf(w, org.Name), "board-"+color)
		if dash == nil || dash.Title != "Team "+color+" at a glance" || dash.FolderUID == "" ||
			!strings.Contains(string(dash.Model), "{{ hello }}") {
			t.Errorf("the dashboard is %+v", dash)
		}
		if child.Labels["made-by"] != "set" || child.Labels[v1alpha1.LabelSet] != "board" {
			t.Errorf("its labels are %v", child.Labels)
		}
	}
	suite.Ready(w, set)
	if s := set.Status; s.Organizations != 3 || s.Ready != 3 || s.Updated != 3 || s.Failed != 0 {
		t.Errorf("status: %+v", s)
	}
	if names := contentsOf(w, set); len(names) != 1 {
		t.Errorf("the content is in %v", names)
	}
	for _, child := range childrenOf(w, set) {
		if n := storedBytes(w, &child); n > 2000 {
			t.Errorf("%s takes %d bytes", child.Name, n)
		}
	}
}

// storedBytes is how many bytes etcd keeps of a Dashboard.
func storedBytes(w *suite.World, d *v1alpha1.Dashboard) int {
	w.T.Helper()
	u := &unstructured.Unstructured{}
	u.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("Dashboard"))
	if err := w.Client.Get(w.T.Context(), client.ObjectKeyFromObject(d), u); err != nil {
		w.T.Fatal(err)
	}
	text, err := json.Marshal(u)
	if err != nil {
		w.T.Fatal(err)
	}
	return len(text)
}

// What the template says of content, title and labels reaches all, and the content of before goes once nobody has it.
func TestAPIDashboardSetTemplateChanged(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	set := dashboardSet(w, "board", func(o *v1alpha1.DashboardSet) {
		o.Spec.Template.Metadata.Labels = map[string]string{"first": "1", "both": "1"}
	})
	child := childOfReady(w, set, w.Organization("team", chosen(w, nil)))
	suite.Ready(w, set)
	before := contentsOf(w, set)
	suite.Change(w, suite.Get(w, child), func() { child.Labels["somebodys"] = "own" })
	stranger := w.ConfigMap("stranger", nil)
	suite.Change(w, stranger, func() { stranger.Labels = map[string]string{v1alpha1.LabelSet: set.Name} })

	suite.Change(w, set, func() {
		set.Spec.Template.Metadata.Labels = map[string]string{"both": "2"}
		set.Spec.Template.Spec.Source = v1alpha1.DashboardSource{JSON: new(`{"title": "Next"}`)}
	})
	suite.Ready(w, set)
	suite.Ready(w, child)
	if d := w.Dash(orgOf(w, "team"), child.Status.UID); d == nil || d.Title != "Next" {
		t.Errorf("dashboard: %+v", d)
	}
	want := map[string]string{"both": "2", "somebodys": "own", v1alpha1.LabelSet: "board"}
	if !maps.Equal(child.Labels, want) {
		t.Errorf("labels: %v", child.Labels)
	}
	if n := storedBytes(w, child); n > 2000 {
		t.Errorf("it takes %d bytes", n)
	}
	w.Eventually("only the new content is kept", func() error {
		if now := contentsOf(w, set); len(now) != 1 || now[0] == before[0] {
			return fmt.Errorf("there is %v, and was %v", now, before)
		}
		return nil
	})
	suite.Get(w, stranger)
	w.Delete(&corev1.ConfigMap{ObjectMeta: w.Named(contentsOf(w, set)[0])})
	w.Eventually("the content is written again", func() error {
		if len(contentsOf(w, set)) == 0 {
			return fmt.Errorf("there is none")
		}
		return nil
	})
}

// An Organization that is not selected any more loses its dashboard, or keeps it, as prunePolicy says.
func TestAPIDashboardSetPrunes(t *testing.T) {
	t.Parallel()
	for policy, stays := range map[v1alpha1.DeletionPolicy]bool{"": false, "Delete": false, "Orphan": true} {
		t.Run("policy "+string(policy), func(t *testing.T) {
			t.Parallel()
			w := suite.New(t, grafanatest.Options{})
			set := dashboardSet(w, "board", func(o *v1alpha1.DashboardSet) {
				o.Spec.PrunePolicy = policy
				if policy == "Delete" {
					o.Spec.DeletionPolicy = v1alpha1.DeletionOrphan
				}
			})
			org, other := w.Organization("team", chosen(w, nil)), w.Organization("other", chosen(w, nil))
			suite.Ready(w, org)
			suite.Ready(w, other)
			child := childOf(set, org)
			w.Eventually("a Dashboard", func() error {
				return w.Client.Get(t.Context(), client.ObjectKeyFromObject(child), child)
			})
			suite.Ready(w, child)
			suite.Change(w, org, func() { org.Labels = nil })
			w.Gone(child)
			if there := w.Dash(org.Status.OrgID, child.Status.UID) != nil; there != stays {
				t.Errorf("the dashboard is there: %t", there)
			}
			suite.Ready(w, childOf(set, other))
		})
	}
}

// An Organization of another namespace counts only while it lets the set's in, and is not told of before. Once it does
// not any more, nothing of its is changed or deleted.
func TestAPIDashboardSetConsent(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{}, func(o *v1alpha1.Instance) {
		o.Spec.AllowedNamespaces = v1alpha1.AllowedNamespaces{From: v1alpha1.FromAll}
	})
	elsewhere := w.Namespace(nil)
	theirs := w.Organization("theirs", chosen(w, nil), func(o *v1alpha1.Organization) {
		o.Namespace, o.Spec.InstanceRef.Namespace = elsewhere, w.NS
	})
	suite.Ready(w, theirs)
	set := dashboardSet(w, "board")
	suite.Ready(w, childOfReady(w, set, w.Organization("ours", chosen(w, nil))))
	suite.Ready(w, set)
	if n := len(childrenOf(w, set)); n != 1 || set.Status.Organizations != 1 || mentions(set, "theirs") {
		t.Errorf("there are %d Dashboards, and status is %+v", n, set.Status)
	}

	suite.Change(w, theirs, func() { theirs.Spec.AllowedNamespaces.From = v1alpha1.FromAll })
	child := childOfReady(w, set, theirs)
	suite.Change(w, theirs, func() { theirs.Spec.AllowedNamespaces.From = v1alpha1.FromSame })
	suite.Waiting(w, child, v1alpha1.ReasonReferenceNotPermitted)
	suite.Change(w, set, func() { set.Spec.Template.Spec.Title = "Next" })
	suite.Ready(w, set)
	if suite.Get(w, child).Spec.Title != "" || !child.DeletionTimestamp.IsZero() || mentions(set, "theirs") {
		t.Errorf("what does not let it in was touched, or told of: %+v, %+v", child, set.Status)
	}
	if w.Dash(theirs.Status.OrgID, child.Status.UID) == nil {
		t.Error("its dashboard is gone")
	}
}

// childOfReady waits for the Dashboard of an Organization.
func childOfReady(w *suite.World, set *v1alpha1.DashboardSet, o *v1alpha1.Organization) *v1alpha1.Dashboard {
	w.T.Helper()
	child := childOf(set, o)
	w.Eventually("a Dashboard for "+o.Name, func() error {
		return w.Client.Get(w.T.Context(), client.ObjectKeyFromObject(child), child)
	})
	return suite.Ready(w, child)
}

// mentions reports whether the status of a set has a text in it.
func mentions(set *v1alpha1.DashboardSet, part string) bool {
	return strings.Contains(fmt.Sprintf("%+v", set.Status), part)
}

// instanceRefs bound a set to Organizations of Instances that let its namespace in: which Instance another one is of
// cannot be found out by trying.
func TestAPIDashboardSetOfAnInstance(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	suite.Ready(w, w.Organization("team", chosen(w, nil), func(o *v1alpha1.Organization) {
		o.Spec.AllowedNamespaces.From = v1alpha1.FromAll
	}))
	elsewhere := w.Namespace(nil)
	guess := dashboardSet(w, "guess", func(o *v1alpha1.DashboardSet) {
		o.Namespace = elsewhere
		o.Spec.Organizations.InstanceRefs = []v1alpha1.ObjectReference{{Name: "grafana", Namespace: w.NS}}
	})
	mine := dashboardSet(w, "mine", func(o *v1alpha1.DashboardSet) {
		o.Spec.Organizations.InstanceRefs = []v1alpha1.ObjectReference{{Name: "grafana"}}
	})
	other := dashboardSet(w, "other", func(o *v1alpha1.DashboardSet) {
		o.Spec.Organizations.InstanceRefs = []v1alpha1.ObjectReference{{Name: "another"}}
	})
	for _, set := range []*v1alpha1.DashboardSet{guess, mine, other} {
		suite.Ready(w, set)
	}
	if guess.Status.Organizations != 0 || mine.Status.Organizations != 1 || other.Status.Organizations != 0 {
		t.Errorf("%+v, %+v, %+v", guess.Status, mine.Status, other.Status)
	}
	if instance := (&v1alpha1.Instance{ObjectMeta: w.Named("grafana")}); true {
		suite.Change(w, instance, func() { instance.Spec.AllowedNamespaces.From = v1alpha1.FromAll })
	}
	w.Eventually("the guess is none any more", func() error {
		if suite.Get(w, guess).Status.Organizations != 1 {
			return fmt.Errorf("it is %+v", guess.Status)
		}
		return nil
	})
}

// A Dashboard of the name that a set needs is not touched if the set has not made it, whatever its labels say.
func TestAPIDashboardSetLeavesWhatItDidNotMake(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	org, hers := w.Organization("team", chosen(w, nil)), w.Organization("hers")
	suite.Ready(w, org)
	suite.Ready(w, hers)
	probe := &v1alpha1.DashboardSet{ObjectMeta: w.Named("board")}
	foreign := w.Dashboard(childOf(probe, org).Name, "team", `{"title": "Foreign"}`)
	lookalike := w.Dashboard("board-lookalike", "hers", `{"title": "Lookalike"}`, func(o *v1alpha1.Dashboard) {
		o.Labels = map[string]string{v1alpha1.LabelSet: "board"}
	})
	suite.Ready(w, foreign)
	suite.Ready(w, lookalike)
	was, like := foreign.DeepCopy(), lookalike.DeepCopy()
	set := dashboardSet(w, "board")
	failing(w, set, org, v1alpha1.ReasonChildConflict, foreign.Name)
	suite.Stalled(w, set, v1alpha1.ReasonChildrenFailed, foreign.Name)
	if set.Status.Failed != 1 || set.Status.Updated != 0 {
		t.Errorf("status: %+v", set.Status)
	}
	for obj, before := range map[*v1alpha1.Dashboard]*v1alpha1.Dashboard{foreign: was, lookalike: like} {
		if suite.Get(w, obj); obj.ResourceVersion != before.ResourceVersion {
			t.Errorf("%s was touched: %+v", obj.Name, obj)
		}
	}
	w.Delete(foreign)
	w.Eventually("the set's own in its place", func() error {
		now := foreign.DeepCopy()
		if err := w.Client.Get(t.Context(), client.ObjectKeyFromObject(foreign), now); err != nil {
			return err
		}
		if now.UID == foreign.UID {
			return errors.New("it is still there")
		}
		return nil
	})
	childOfReady(w, set, org)
	suite.Ready(w, set)
}

// What a template names and an Organization does not have fails that one alone, and says so.
func TestAPIDashboardSetTemplateErrors(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	set := dashboardSet(w, "board", func(o *v1alpha1.DashboardSet) {
		o.Spec.Rollout.MaxUnavailable = atMost(5)
		o.Spec.Template.Spec.Title = "{{ .labels.color }}"
	})
	plain, red := w.Organization("plain", chosen(w, nil)), w.Organization("red",
		chosen(w, map[string]string{"color": "red"}))
	childOfReady(w, set, red)
	failing(w, set, plain, v1alpha1.ReasonInvalidSpec, "color")
	suite.Change(w, plain, func() { plain.Labels["color"] = "none" })
	childOfReady(w, set, plain)
	suite.Ready(w, set)

	suite.Change(w, set, func() { set.Spec.Template.Spec.Title = "{{ range .labels }}{{ end }}" })
	suite.Stalled(w, set, v1alpha1.ReasonInvalidSpec, "spec.template.spec.title")
	suite.Change(w, set, func() { set.Spec.Template.Spec.Title = "{{ indent 60000 `x` }}" })
	failing(w, set, plain, v1alpha1.ReasonInvalidSpec, "title")
	suite.Change(w, set, func() {
		set.Spec.Template.Spec.Title = ""
		set.Spec.Organizations.Selector.MatchExpressions = []metav1.LabelSelectorRequirement{
			{Key: "a", Operator: "Near"},
		}
	})
	suite.Stalled(w, set, v1alpha1.ReasonInvalidSpec, "selector")
}

// A new deletionPolicy reaches the children also where the rest of the set cannot be done: whoever gives it up waits
// for observedGeneration, and deletes it then.
func TestAPIDashboardSetThatIsStalledSpreadsItsDeletionPolicy(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{Version: "12.4.0"})
	org := suite.Ready(w, w.Organization("one", chosen(w, nil)))
	set := dashboardSet(w, "usage")
	child := childOfReady(w, set, org)
	suite.Change(w, set, func() {
		set.Spec.Template.Spec.Title = "{{"
		set.Spec.DeletionPolicy = v1alpha1.DeletionOrphan
	})
	suite.Stalled(w, set, v1alpha1.ReasonInvalidSpec, "spec.template.spec.title")
	if suite.Get(w, child); child.Spec.DeletionPolicy != v1alpha1.DeletionOrphan {
		t.Errorf("observedGeneration is %d of %d, and the child has deletionPolicy %q",
			set.Status.ObservedGeneration, set.Generation, child.Spec.DeletionPolicy)
	}
}

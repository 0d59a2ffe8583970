package controllers_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	ctrlconfig "sigs.k8s.io/controller-runtime/pkg/config"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/controllers"
	"grafana-tenancy.dev/operator/internal/connection"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

// Across namespaces a reference is refused in the same words whether its target exists or not.
func TestAPIConsentTellsNothing(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	suite.Ready(w, w.Organization("team"))
	w.Grafana.ResetLog()
	tenant := w.Namespace(nil)
	from := func(name string) v1alpha1.ObjectReference {
		return v1alpha1.ObjectReference{Name: name, Namespace: w.NS}
	}
	messages := map[string][]string{}
	for _, target := range []string{"team", "none"} {
		sa := w.Account(
			"robot-"+target,
			target,
			func(o *v1alpha1.ServiceAccount) { o.Namespace, o.Spec.OrganizationRef = tenant, from(target) },
		)
		dash := w.Dashboard(
			"dash-"+target,
			target,
			overview,
			func(o *v1alpha1.Dashboard) { o.Namespace, o.Spec.OrganizationRef = tenant, from(target) },
		)
		suite.Waiting(w, sa, v1alpha1.ReasonReferenceNotPermitted)
		suite.Waiting(w, dash, v1alpha1.ReasonReferenceNotPermitted)
		for _, c := range append(sa.Status.Conditions, dash.Status.Conditions...) {
			messages[target] = append(
				messages[target],
				c.Type+" "+string(c.Status)+" "+c.Reason+" "+strings.ReplaceAll(c.Message, w.NS+"/"+target, "TARGET"),
			)
		}
	}
	for _, target := range []string{"grafana", "none"} {
		org := w.Organization(
			"org-"+target,
			func(o *v1alpha1.Organization) { o.Namespace, o.Spec.InstanceRef = tenant, from(target) },
		)
		suite.Waiting(w, org, v1alpha1.ReasonReferenceNotPermitted)
		for _, c := range org.Status.Conditions {
			messages[target] = append(
				messages[target],
				c.Type+" "+string(c.Status)+" "+c.Reason+" "+strings.ReplaceAll(c.Message, w.NS+"/"+target, "TARGET"),
			)
		}
	}
	exists, absent := strings.Join(
		append(messages["team"], messages["grafana"]...),
		"\n",
	), strings.Join(
		messages["none"],
		"\n",
	)
	if exists != absent {
		t.Errorf("what exists is told apart from what does not:\n%s\n--- and\n%s", exists, absent)
	}
	if writes := w.Writes(); len(writes) > 0 {
		t.Errorf("written without consent: %v", writes)
	}
}

// A selector lets namespaces in by their labels. A change of label or of selector takes effect by itself; consent
// withdrawn stops writing and deletes nothing.
func TestAPIConsentBySelector(t *testing.T) {
	t.Parallel()
	w := suite.New(
		t,
		grafanatest.Options{},
		func(o *v1alpha1.Instance) { o.Spec.AllowedNamespaces.From = v1alpha1.FromAll },
	)
	tenant := w.Namespace(map[string]string{"team": "red"})
	selector := v1alpha1.AllowedNamespaces{
		From:     v1alpha1.FromSelector,
		Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"team": "blue"}},
	}
	org := suite.Ready(
		w,
		w.Organization("team", func(o *v1alpha1.Organization) { o.Spec.AllowedNamespaces = selector }),
	)
	ref := v1alpha1.ObjectReference{Name: "team", Namespace: w.NS}
	dash := w.Dashboard(
		"overview",
		"",
		overview,
		func(o *v1alpha1.Dashboard) { o.Namespace, o.Spec.OrganizationRef = tenant, ref },
	)
	sa := w.Account("robot", "", func(o *v1alpha1.ServiceAccount) { o.Namespace, o.Spec.OrganizationRef = tenant, ref })
	token := w.Token("ci", "robot", func(o *v1alpha1.ServiceAccountToken) { o.Namespace = tenant })
	suite.Waiting(w, dash, v1alpha1.ReasonReferenceNotPermitted)
	suite.Waiting(w, sa, v1alpha1.ReasonReferenceNotPermitted)

	relabel(w, tenant, "blue")
	suite.Ready(w, dash)
	suite.Ready(w, sa)
	suite.Ready(w, token)

	relabel(w, tenant, "red")
	suite.Waiting(w, dash, v1alpha1.ReasonReferenceNotPermitted)
	suite.Waiting(w, sa, v1alpha1.ReasonReferenceNotPermitted)
	w.Grafana.ResetLog()
	suite.Change(w, dash, func() { dash.Spec.Source.JSON = new(`{"title":"Unwanted"}`) })
	suite.Waiting(w, dash, v1alpha1.ReasonReferenceNotPermitted)
	if d := w.Dash(org.Status.OrgID, dash.Status.UID); d == nil || d.Title != "Overview" {
		t.Errorf("without consent the dashboard became %+v", d)
	}
	if writes := w.Writes(); len(writes) > 0 {
		t.Errorf("written without consent: %v", writes)
	}
	if len(w.Grafana.Tokens(org.Status.OrgID)) != 1 {
		t.Error("the token was revoked when consent was withdrawn")
	}

	suite.Change(w, org, func() { org.Spec.AllowedNamespaces = v1alpha1.AllowedNamespaces{From: v1alpha1.FromAll} })
	suite.Ready(w, dash)
	suite.Ready(w, sa)
	if d := w.Dash(org.Status.OrgID, dash.Status.UID); d == nil || d.Title != "Unwanted" {
		t.Errorf("with consent the dashboard is %+v", d)
	}

	suite.Change(w, org, func() { org.Spec.AllowedNamespaces = v1alpha1.AllowedNamespaces{From: v1alpha1.FromSame} })
	suite.Waiting(w, dash, v1alpha1.ReasonReferenceNotPermitted)
	w.Delete(dash, token, sa)
	w.Gone(dash, token, sa)
	if left := len(
		w.Grafana.Dashboards(org.Status.OrgID),
	) + len(
		w.Grafana.ServiceAccounts(org.Status.OrgID),
	); left > 0 {
		t.Errorf("a deletion needs no consent, but %d objects are left in Grafana", left)
	}
}

// An Instance decides in the same way who may create organizations.
func TestAPIConsentOfInstance(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	tenant := w.Namespace(nil)
	org := w.Organization("team", func(o *v1alpha1.Organization) {
		o.Namespace, o.Spec.InstanceRef = tenant, v1alpha1.ObjectReference{Name: "grafana", Namespace: w.NS}
	})
	suite.Waiting(w, org, v1alpha1.ReasonReferenceNotPermitted)
	instance := instanceOf(w)
	suite.Change(w, instance, func() {
		instance.Spec.AllowedNamespaces = v1alpha1.AllowedNamespaces{
			From: v1alpha1.FromSelector,
			Selector: &metav1.LabelSelector{
				MatchExpressions: []metav1.LabelSelectorRequirement{
					{Key: "team", Operator: metav1.LabelSelectorOpExists},
				},
			},
		}
	})
	suite.Ready(w, instance)
	suite.Waiting(w, org, v1alpha1.ReasonReferenceNotPermitted)
	relabel(w, tenant, "any")
	suite.Ready(w, org)
	if w.OrgNamed("team") == nil {
		t.Error("there is no organization")
	}
}

// A namespace that refers to itself by name needs nobody's consent.
func TestAPIConsentWithinNamespace(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	org := w.Organization("team", func(o *v1alpha1.Organization) { o.Spec.InstanceRef.Namespace = w.NS })
	suite.Ready(w, org)
	suite.Ready(
		w,
		w.Dashboard(
			"overview",
			"team",
			overview,
			func(o *v1alpha1.Dashboard) { o.Spec.OrganizationRef.Namespace = w.NS },
		),
	)
}

func relabel(w *suite.World, namespace, team string) {
	w.T.Helper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}
	suite.Change(w, ns, func() { ns.Labels["team"] = team })
}

// A selector that cannot be evaluated lets nobody in, and the object that has it says so; its own namespace goes on.
func TestAPIConsentBrokenSelector(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	org := w.Organization("team", func(o *v1alpha1.Organization) {
		o.Spec.AllowedNamespaces = v1alpha1.AllowedNamespaces{
			From:     v1alpha1.FromSelector,
			Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"not a label": "x"}},
		}
	})
	suite.Stalled(w, org, v1alpha1.ReasonInvalidSpec, "spec.allowedNamespaces.selector", "not a label")
	suite.Ready(w, w.Dashboard("own", "team", `{"title":"Own"}`))
	theirs := w.Dashboard("theirs", "", overview, func(o *v1alpha1.Dashboard) {
		o.Namespace, o.Spec.OrganizationRef = w.Namespace(nil), v1alpha1.ObjectReference{Name: "team", Namespace: w.NS}
	})
	suite.Waiting(w, theirs, v1alpha1.ReasonReferenceNotPermitted)
	suite.Change(w, org, func() { org.Spec.AllowedNamespaces.Selector = &metav1.LabelSelector{} })
	suite.Ready(w, org)
	suite.Ready(w, theirs)
	if got := fmt.Sprint(len(w.Grafana.Dashboards(org.Status.OrgID))); got != "2" {
		t.Errorf("%s dashboards", got)
	}
}

// Whoever refers to an Organization without its consent has nothing in it, and cannot hold up its deletion.
func TestAPIConsentHoldsUpNobody(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	org := suite.Ready(w, w.Organization("team"))
	other := w.Namespace(nil)
	ref := v1alpha1.ObjectReference{Name: "team", Namespace: w.NS}
	dash := w.Dashboard(
		"unwanted",
		"",
		overview,
		func(o *v1alpha1.Dashboard) { o.Namespace, o.Spec.OrganizationRef = other, ref },
	)
	suite.Waiting(w, dash, v1alpha1.ReasonReferenceNotPermitted)
	w.Delete(org)
	w.Gone(org)
	w.Delete(dash)
	w.Gone(dash)
}

// With --watch-namespaces the operator needs rights in those namespaces only, and a selector, for which it would have
// to read Namespaces, lets nobody in; the object that has it says so, and works for its own namespace.
func TestAPIConsentWithinWatchedNamespaces(t *testing.T) {
	t.Parallel()
	w := &suite.World{Cluster: suite.Bare(t), T: t, Grafana: suite.StartGrafana(t, grafanatest.Options{})}
	w.NS = w.Namespace(map[string]string{"team": "blue"})
	watched, unwatched := w.Namespace(map[string]string{"team": "blue"}), w.Namespace(map[string]string{"team": "blue"})
	watch(w, w.NS, watched)
	w.Create(
		&corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Name: "admin"},
			StringData: map[string]string{"admin-user": "admin", "admin-password": "admin"},
		},
	)
	selector := v1alpha1.AllowedNamespaces{
		From:     v1alpha1.FromSelector,
		Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"team": "blue"}},
	}
	instance := w.Instance(func(o *v1alpha1.Instance) { o.Spec.AllowedNamespaces = selector })
	suite.Stalled(
		w,
		instance,
		v1alpha1.ReasonInvalidSpec,
		"spec.allowedNamespaces.selector",
		"cannot be evaluated",
		"use from: Same or All",
	)
	if !suite.IsTrue(instance, v1alpha1.ConditionAvailable) {
		t.Errorf("conditions: %+v", instance.Status.Conditions)
	}
	org := w.Organization("team", func(o *v1alpha1.Organization) { o.Spec.AllowedNamespaces = selector })
	suite.Stalled(w, org, v1alpha1.ReasonInvalidSpec, "cannot be evaluated")
	sa, token := suite.Ready(w, w.Account("robot", "team")), w.Token("ci", "robot")
	suite.Ready(w, token)

	from := func(name string) v1alpha1.ObjectReference {
		return v1alpha1.ObjectReference{Name: name, Namespace: w.NS}
	}
	dash := func(ns string) *v1alpha1.Dashboard {
		return w.Dashboard(
			"overview",
			"",
			overview,
			func(o *v1alpha1.Dashboard) { o.Namespace, o.Spec.OrganizationRef = ns, from("team") },
		)
	}
	theirs, unseen := dash(watched), dash(unwatched)
	suite.Waiting(w, theirs, v1alpha1.ReasonReferenceNotPermitted)
	suite.Waiting(
		w,
		w.Organization(
			"other",
			func(o *v1alpha1.Organization) { o.Namespace, o.Spec.InstanceRef = watched, from("grafana") },
		),
		v1alpha1.ReasonReferenceNotPermitted,
	)
	suite.Change(w, org, func() { org.Spec.AllowedNamespaces = v1alpha1.AllowedNamespaces{From: v1alpha1.FromAll} })
	suite.Ready(w, org)
	suite.Ready(w, theirs)
	if suite.Get(w, unseen); len(unseen.Finalizers)+len(unseen.Status.Conditions) > 0 {
		t.Errorf("an object in a namespace that is not watched was visited: %+v", unseen.Status)
	}
	w.Delete(theirs, token, sa, org)
	w.Gone(theirs, token, sa, org)
	if w.OrgNamed("team") != nil {
		t.Error("the organization is left")
	}
}

// watch runs an operator that watches some namespaces and has its role in them, and nowhere else.
func watch(w *suite.World, namespaces ...string) {
	w.T.Helper()
	text, err := os.ReadFile(filepath.Join("..", "config", "rbac", "role.yaml"))
	if err != nil {
		w.T.Fatal(err)
	}
	role := &rbacv1.ClusterRole{}
	if _, _, err := serializer.NewCodecFactory(w.Scheme).UniversalDeserializer().Decode(text, nil, role); err != nil {
		w.T.Fatal(err)
	}
	if err := w.Client.Create(w.T.Context(), role); err != nil {
		w.T.Fatal(err)
	}
	watched := map[string]cache.Config{}
	for _, ns := range namespaces {
		watched[ns] = cache.Config{}
		w.Create(&rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "operator"},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role.Name},
			Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: "operator"}},
		})
	}
	config := rest.CopyConfig(w.Config)
	config.Impersonate.UserName = "operator"
	mgr, err := ctrl.NewManager(config, ctrl.Options{
		Scheme:     w.Scheme,
		Metrics:    metricsserver.Options{BindAddress: "0"},
		Cache:      cache.Options{DefaultNamespaces: watched},
		Controller: ctrlconfig.Controller{SkipNameValidation: new(true)},
		Logger:     w.Log.Logger(),
	})
	if err != nil {
		w.T.Fatal(err)
	}
	env := &controllers.Env{Engine: &lifecycle.Engine{
		Client:           mgr.GetClient(),
		Live:             mgr.GetAPIReader(),
		Events:           mgr.GetEventRecorder(v1alpha1.ManagedBy),
		Connections:      connection.NewPool(),
		Now:              time.Now,
		NamespacesHidden: true,
		FirstRetry:       50 * time.Millisecond,
		LastRetry:        time.Second,
	}, ClusterID: suite.ClusterID}
	if err := suite.Setup(mgr, env); err != nil {
		w.T.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- mgr.Start(ctx) }()
	w.T.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			w.T.Error(err)
		}
		if w.T.Failed() {
			w.T.Log(w.Log.About("forbidden"))
		}
	})
}

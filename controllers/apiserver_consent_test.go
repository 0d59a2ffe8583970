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
)

// Across namespaces a reference is refused in the same words whether its target exists or not.
func TestAPIConsentTellsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, grafanatest.Options{})
	ready(w, w.organization("team"))
	w.grafana.ResetLog()
	tenant := w.namespace(nil)
	from := func(name string) v1alpha1.ObjectReference {
		return v1alpha1.ObjectReference{Name: name, Namespace: w.ns}
	}
	messages := map[string][]string{}
	for _, target := range []string{"team", "none"} {
		sa := w.account(
			"robot-"+target,
			target,
			func(o *v1alpha1.ServiceAccount) { o.Namespace, o.Spec.OrganizationRef = tenant, from(target) },
		)
		dash := w.dashboard(
			"dash-"+target,
			target,
			overview,
			func(o *v1alpha1.Dashboard) { o.Namespace, o.Spec.OrganizationRef = tenant, from(target) },
		)
		waiting(w, sa, v1alpha1.ReasonReferenceNotPermitted)
		waiting(w, dash, v1alpha1.ReasonReferenceNotPermitted)
		for _, c := range append(sa.Status.Conditions, dash.Status.Conditions...) {
			messages[target] = append(
				messages[target],
				c.Type+" "+string(c.Status)+" "+c.Reason+" "+strings.ReplaceAll(c.Message, w.ns+"/"+target, "TARGET"),
			)
		}
	}
	for _, target := range []string{"grafana", "none"} {
		org := w.organization(
			"org-"+target,
			func(o *v1alpha1.Organization) { o.Namespace, o.Spec.InstanceRef = tenant, from(target) },
		)
		waiting(w, org, v1alpha1.ReasonReferenceNotPermitted)
		for _, c := range org.Status.Conditions {
			messages[target] = append(
				messages[target],
				c.Type+" "+string(c.Status)+" "+c.Reason+" "+strings.ReplaceAll(c.Message, w.ns+"/"+target, "TARGET"),
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
	if writes := w.writes(); len(writes) > 0 {
		t.Errorf("written without consent: %v", writes)
	}
}

// A selector lets namespaces in by their labels. A change of label or of selector takes effect by itself; consent
// withdrawn stops writing and deletes nothing.
func TestAPIConsentBySelector(t *testing.T) {
	t.Parallel()
	w := newWorld(
		t,
		grafanatest.Options{},
		func(o *v1alpha1.Instance) { o.Spec.AllowedNamespaces.From = v1alpha1.FromAll },
	)
	tenant := w.namespace(map[string]string{"team": "red"})
	selector := v1alpha1.AllowedNamespaces{
		From:     v1alpha1.FromSelector,
		Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"team": "blue"}},
	}
	org := ready(w, w.organization("team", func(o *v1alpha1.Organization) { o.Spec.AllowedNamespaces = selector }))
	ref := v1alpha1.ObjectReference{Name: "team", Namespace: w.ns}
	dash := w.dashboard(
		"overview",
		"",
		overview,
		func(o *v1alpha1.Dashboard) { o.Namespace, o.Spec.OrganizationRef = tenant, ref },
	)
	sa := w.account("robot", "", func(o *v1alpha1.ServiceAccount) { o.Namespace, o.Spec.OrganizationRef = tenant, ref })
	token := w.token("ci", "robot", func(o *v1alpha1.ServiceAccountToken) { o.Namespace = tenant })
	waiting(w, dash, v1alpha1.ReasonReferenceNotPermitted)
	waiting(w, sa, v1alpha1.ReasonReferenceNotPermitted)

	w.relabel(tenant, "blue")
	ready(w, dash)
	ready(w, sa)
	ready(w, token)

	w.relabel(tenant, "red")
	waiting(w, dash, v1alpha1.ReasonReferenceNotPermitted)
	waiting(w, sa, v1alpha1.ReasonReferenceNotPermitted)
	w.grafana.ResetLog()
	change(w, dash, func() { dash.Spec.Source.JSON = new(`{"title":"Unwanted"}`) })
	waiting(w, dash, v1alpha1.ReasonReferenceNotPermitted)
	if d := w.dash(org.Status.OrgID, dash.Status.UID); d == nil || d.Title != "Overview" {
		t.Errorf("without consent the dashboard became %+v", d)
	}
	if writes := w.writes(); len(writes) > 0 {
		t.Errorf("written without consent: %v", writes)
	}
	if len(w.grafana.Tokens(org.Status.OrgID)) != 1 {
		t.Error("the token was revoked when consent was withdrawn")
	}

	change(w, org, func() { org.Spec.AllowedNamespaces = v1alpha1.AllowedNamespaces{From: v1alpha1.FromAll} })
	ready(w, dash)
	ready(w, sa)
	if d := w.dash(org.Status.OrgID, dash.Status.UID); d == nil || d.Title != "Unwanted" {
		t.Errorf("with consent the dashboard is %+v", d)
	}

	change(w, org, func() { org.Spec.AllowedNamespaces = v1alpha1.AllowedNamespaces{From: v1alpha1.FromSame} })
	waiting(w, dash, v1alpha1.ReasonReferenceNotPermitted)
	w.delete(dash, token, sa)
	w.gone(dash, token, sa)
	if left := len(
		w.grafana.Dashboards(org.Status.OrgID),
	) + len(
		w.grafana.ServiceAccounts(org.Status.OrgID),
	); left > 0 {
		t.Errorf("a deletion needs no consent, but %d objects are left in Grafana", left)
	}
}

// An Instance decides in the same way who may create organizations.
func TestAPIConsentOfInstance(t *testing.T) {
	t.Parallel()
	w := newWorld(t, grafanatest.Options{})
	tenant := w.namespace(nil)
	org := w.organization("team", func(o *v1alpha1.Organization) {
		o.Namespace, o.Spec.InstanceRef = tenant, v1alpha1.ObjectReference{Name: "grafana", Namespace: w.ns}
	})
	waiting(w, org, v1alpha1.ReasonReferenceNotPermitted)
	instance := get(w, &v1alpha1.Instance{ObjectMeta: w.named("grafana")})
	change(w, instance, func() {
		instance.Spec.AllowedNamespaces = v1alpha1.AllowedNamespaces{
			From: v1alpha1.FromSelector,
			Selector: &metav1.LabelSelector{
				MatchExpressions: []metav1.LabelSelectorRequirement{
					{Key: "team", Operator: metav1.LabelSelectorOpExists},
				},
			},
		}
	})
	ready(w, instance)
	waiting(w, org, v1alpha1.ReasonReferenceNotPermitted)
	w.relabel(tenant, "any")
	ready(w, org)
	if w.orgNamed("team") == nil {
		t.Error("there is no organization")
	}
}

// A namespace that refers to itself by name needs nobody's consent.
func TestAPIConsentWithinNamespace(t *testing.T) {
	t.Parallel()
	w := newWorld(t, grafanatest.Options{})
	org := w.organization("team", func(o *v1alpha1.Organization) { o.Spec.InstanceRef.Namespace = w.ns })
	ready(w, org)
	ready(
		w,
		w.dashboard(
			"overview",
			"team",
			overview,
			func(o *v1alpha1.Dashboard) { o.Spec.OrganizationRef.Namespace = w.ns },
		),
	)
}

func (w *world) relabel(namespace, team string) {
	w.t.Helper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}
	change(w, ns, func() { ns.Labels["team"] = team })
}

// A selector that cannot be evaluated lets nobody in, and the object that has it says so; its own namespace goes on.
func TestAPIConsentBrokenSelector(t *testing.T) {
	t.Parallel()
	w := newWorld(t, grafanatest.Options{})
	org := w.organization("team", func(o *v1alpha1.Organization) {
		o.Spec.AllowedNamespaces = v1alpha1.AllowedNamespaces{
			From:     v1alpha1.FromSelector,
			Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"not a label": "x"}},
		}
	})
	stalled(w, org, v1alpha1.ReasonInvalidSpec, "spec.allowedNamespaces.selector", "not a label")
	ready(w, w.dashboard("own", "team", `{"title":"Own"}`))
	theirs := w.dashboard("theirs", "", overview, func(o *v1alpha1.Dashboard) {
		o.Namespace, o.Spec.OrganizationRef = w.namespace(nil), v1alpha1.ObjectReference{Name: "team", Namespace: w.ns}
	})
	waiting(w, theirs, v1alpha1.ReasonReferenceNotPermitted)
	change(w, org, func() { org.Spec.AllowedNamespaces.Selector = &metav1.LabelSelector{} })
	ready(w, org)
	ready(w, theirs)
	if got := fmt.Sprint(len(w.grafana.Dashboards(org.Status.OrgID))); got != "2" {
		t.Errorf("%s dashboards", got)
	}
}

// Whoever refers to an Organization without its consent has nothing in it, and cannot hold up its deletion.
func TestAPIConsentHoldsUpNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t, grafanatest.Options{})
	org := ready(w, w.organization("team"))
	other := w.namespace(nil)
	ref := v1alpha1.ObjectReference{Name: "team", Namespace: w.ns}
	dash := w.dashboard(
		"unwanted",
		"",
		overview,
		func(o *v1alpha1.Dashboard) { o.Namespace, o.Spec.OrganizationRef = other, ref },
	)
	waiting(w, dash, v1alpha1.ReasonReferenceNotPermitted)
	w.delete(org)
	w.gone(org)
	w.delete(dash)
	w.gone(dash)
}

// With --watch-namespaces the operator needs rights in those namespaces only, and a selector, for which it would have
// to read Namespaces, lets nobody in; the object that has it says so, and works for its own namespace.
func TestAPIConsentWithinWatchedNamespaces(t *testing.T) {
	t.Parallel()
	w := &world{cluster: bareCluster(t), t: t, grafana: startGrafana(t, grafanatest.Options{})}
	w.ns = w.namespace(map[string]string{"team": "blue"})
	watched, unwatched := w.namespace(map[string]string{"team": "blue"}), w.namespace(map[string]string{"team": "blue"})
	w.watch(w.ns, watched)
	w.create(
		&corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Name: "admin"},
			StringData: map[string]string{"admin-user": "admin", "admin-password": "admin"},
		},
	)
	selector := v1alpha1.AllowedNamespaces{
		From:     v1alpha1.FromSelector,
		Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"team": "blue"}},
	}
	instance := w.instance(func(o *v1alpha1.Instance) { o.Spec.AllowedNamespaces = selector })
	stalled(
		w,
		instance,
		v1alpha1.ReasonInvalidSpec,
		"spec.allowedNamespaces.selector",
		"cannot be evaluated",
		"use from: Same or All",
	)
	if !isTrue(instance, v1alpha1.ConditionAvailable) {
		t.Errorf("conditions: %+v", instance.Status.Conditions)
	}
	org := w.organization("team", func(o *v1alpha1.Organization) { o.Spec.AllowedNamespaces = selector })
	stalled(w, org, v1alpha1.ReasonInvalidSpec, "cannot be evaluated")
	sa, token := ready(w, w.account("robot", "team")), w.token("ci", "robot")
	ready(w, token)

	from := func(name string) v1alpha1.ObjectReference {
		return v1alpha1.ObjectReference{Name: name, Namespace: w.ns}
	}
	dash := func(ns string) *v1alpha1.Dashboard {
		return w.dashboard(
			"overview",
			"",
			overview,
			func(o *v1alpha1.Dashboard) { o.Namespace, o.Spec.OrganizationRef = ns, from("team") },
		)
	}
	theirs, unseen := dash(watched), dash(unwatched)
	waiting(w, theirs, v1alpha1.ReasonReferenceNotPermitted)
	waiting(
		w,
		w.organization(
			"other",
			func(o *v1alpha1.Organization) { o.Namespace, o.Spec.InstanceRef = watched, from("grafana") },
		),
		v1alpha1.ReasonReferenceNotPermitted,
	)
	change(w, org, func() { org.Spec.AllowedNamespaces = v1alpha1.AllowedNamespaces{From: v1alpha1.FromAll} })
	ready(w, org)
	ready(w, theirs)
	if get(w, unseen); len(unseen.Finalizers)+len(unseen.Status.Conditions) > 0 {
		t.Errorf("an object in a namespace that is not watched was visited: %+v", unseen.Status)
	}
	w.delete(theirs, token, sa, org)
	w.gone(theirs, token, sa, org)
	if w.orgNamed("team") != nil {
		t.Error("the organization is left")
	}
}

// watch runs an operator that watches some namespaces and has its role in them, and nowhere else.
func (w *world) watch(namespaces ...string) {
	w.t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "config", "rbac", "role.yaml"))
	if err != nil {
		w.t.Fatal(err)
	}
	role := &rbacv1.ClusterRole{}
	if _, _, err := serializer.NewCodecFactory(w.scheme).UniversalDeserializer().Decode(text, nil, role); err != nil {
		w.t.Fatal(err)
	}
	if err := w.client.Create(w.t.Context(), role); err != nil {
		w.t.Fatal(err)
	}
	watched := map[string]cache.Config{}
	for _, ns := range namespaces {
		watched[ns] = cache.Config{}
		w.create(&rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "operator"},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role.Name},
			Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: "operator"}},
		})
	}
	config := rest.CopyConfig(w.config)
	config.Impersonate.UserName = "operator"
	mgr, err := ctrl.NewManager(config, ctrl.Options{
		Scheme:     w.scheme,
		Metrics:    metricsserver.Options{BindAddress: "0"},
		Cache:      cache.Options{DefaultNamespaces: watched},
		Controller: ctrlconfig.Controller{SkipNameValidation: new(true)},
		Logger:     w.log.logger(),
	})
	if err != nil {
		w.t.Fatal(err)
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
	}, ClusterID: clusterID}
	if err := setup(mgr, env); err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- mgr.Start(ctx) }()
	w.t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			w.t.Error(err)
		}
		if w.t.Failed() {
			w.t.Log(w.log.about("forbidden"))
		}
	})
}

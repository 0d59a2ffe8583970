package controllers

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
)

// +kubebuilder:rbac:groups="",resources=namespaces,verbs=get;list;watch
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch
// +kubebuilder:rbac:groups=grafana-tenancy.dev,resources=serviceaccounttokens/finalizers,verbs=update

// Options of Setup.
type Options struct {
	// MaxConcurrentReconciles is how many objects of a kind are worked on at once. 0: 32.
	MaxConcurrentReconciles int
	// RoleBinding is the name of the RoleBinding that gives the operator its rights in each namespace, and that is kept
	// until the last object there is gone. "": none is.
	RoleBinding string
}

// Reconcilers of all kinds.
type Reconcilers struct {
	Instances       *Reconciler[*v1alpha1.Instance, serverState]
	Organizations   *Reconciler[*v1alpha1.Organization, orgState]
	ServiceAccounts *Reconciler[*v1alpha1.ServiceAccount, accountState]
	Tokens          *Reconciler[*v1alpha1.ServiceAccountToken, tokenState]
	Dashboards      *Reconciler[*v1alpha1.Dashboard, dashboardState]
}

// NewReconcilers makes the reconcilers of all kinds over what they share.
func NewReconcilers(e *Env) *Reconcilers {
	r := &Reconcilers{
		Instances:       &Reconciler[*v1alpha1.Instance, serverState]{Env: e, Kind: instanceKind{e}},
		Organizations:   &Reconciler[*v1alpha1.Organization, orgState]{Env: e, Kind: organizationKind{e}},
		ServiceAccounts: &Reconciler[*v1alpha1.ServiceAccount, accountState]{Env: e, Kind: serviceAccountKind{e}},
		Tokens:          &Reconciler[*v1alpha1.ServiceAccountToken, tokenState]{Env: e, Kind: newTokenKind(e)},
		Dashboards:      &Reconciler[*v1alpha1.Dashboard, dashboardState]{Env: e, Kind: dashboardKind{e}},
	}
	e.visits = map[string]func(ctrl.Request){
		"Instance": r.Instances.enqueue, "Organization": r.Organizations.enqueue, "ServiceAccount": r.ServiceAccounts.enqueue,
		"ServiceAccountToken": r.Tokens.enqueue, "Dashboard": r.Dashboards.enqueue,
	}
	return r
}

// Setup registers all controllers with the manager.
func Setup(mgr ctrl.Manager, e *Env, opts Options) error {
	if err := checkClusterID(e.ClusterID); err != nil {
		return err
	}
	for _, ix := range indexes() {
		if err := mgr.GetFieldIndexer().IndexField(context.Background(), ix.obj, ix.field, ix.of); err != nil {
			return err
		}
	}
	r := NewReconcilers(e)
	w := watcher{mgr: mgr, Env: e, opts: opts}
	for _, build := range []func() error{
		func() error {
			return w.kind(&v1alpha1.Instance{}, r.Instances, r.Instances.useQueue).
				naming(&corev1.Secret{}, &v1alpha1.InstanceList{}, bySecret).
				naming(&corev1.ConfigMap{}, &v1alpha1.InstanceList{}, byConfigMap).
				childOf(&v1alpha1.Organization{}).complete()
		},
		func() error {
			return w.kind(&v1alpha1.Organization{}, r.Organizations, r.Organizations.useQueue).
				parent(&v1alpha1.Instance{}, func() client.ObjectList { return &v1alpha1.OrganizationList{} }).
				childOf(&v1alpha1.ServiceAccount{}).childOf(&v1alpha1.Dashboard{}).home().
				consent(func() client.ObjectList { return &v1alpha1.OrganizationList{} }).complete()
		},
		func() error {
			return w.kind(&v1alpha1.ServiceAccount{}, r.ServiceAccounts, r.ServiceAccounts.useQueue).
				parent(&v1alpha1.Organization{}, func() client.ObjectList { return &v1alpha1.ServiceAccountList{} }).
				childOf(&v1alpha1.ServiceAccountToken{}).
				consent(func() client.ObjectList { return &v1alpha1.ServiceAccountList{} }).complete()
		},
		func() error {
			return w.kind(&v1alpha1.ServiceAccountToken{}, r.Tokens, r.Tokens.useQueue).
				parent(&v1alpha1.ServiceAccount{}, func() client.ObjectList { return &v1alpha1.ServiceAccountTokenList{} }).
				grandparent().naming(&corev1.Secret{}, &v1alpha1.ServiceAccountTokenList{}, bySecret).
				consent(func() client.ObjectList { return &v1alpha1.ServiceAccountTokenList{} }).complete()
		},
		func() error {
			return w.kind(&v1alpha1.Dashboard{}, r.Dashboards, r.Dashboards.useQueue).
				parent(&v1alpha1.Organization{}, func() client.ObjectList { return &v1alpha1.DashboardList{} }).
				naming(&corev1.ConfigMap{}, &v1alpha1.DashboardList{}, byConfigMap).
				naming(&corev1.Secret{}, &v1alpha1.DashboardList{}, bySecret).
				consent(func() client.ObjectList { return &v1alpha1.DashboardList{} }).complete()
		},
	} {
		if err := build(); err != nil {
			return err
		}
	}
	if err := setupSecretCopies(mgr, e); err != nil || opts.RoleBinding == "" {
		return err
	}
	return setupRights(mgr, e, opts.RoleBinding)
}

// Watched lists what is watched in every namespace, so that the operator can do nothing where one of them cannot be read.
func Watched() []schema.GroupVersionKind {
	kinds := []schema.GroupVersionKind{
		corev1.SchemeGroupVersion.WithKind("Secret"), corev1.SchemeGroupVersion.WithKind("ConfigMap"),
	}
	for _, kind := range []string{"Instance", "Organization", "ServiceAccount", "ServiceAccountToken", "Dashboard"} {
		kinds = append(kinds, v1alpha1.GroupVersion.WithKind(kind))
	}
	return kinds
}

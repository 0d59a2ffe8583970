// Package controllers has the kinds of api/v1alpha1: each is described to the lifecycle, and says what it asks and does
// in Grafana.
package controllers

import (
	"errors"
	"sync"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/mark"
)

// +kubebuilder:rbac:groups="",resources=namespaces,verbs=get;list;watch
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch
// +kubebuilder:rbac:groups=grafana-tenancy.dev,resources=serviceaccounttokens/finalizers,verbs=update

// Env is what the kinds share, beside the lifecycle.
type Env struct {
	*lifecycle.Engine
	// ClusterID is part of every mark, so that two clusters can share a Grafana.
	ClusterID string
	// Transport replaces the network between the operator and Grafana; nil: the network.
	Transport grafana.RoundTripper
	// Through, if set, is put before the network, or before Transport, for each Instance.
	Through func(*v1alpha1.Instance, grafana.RoundTripper) grafana.RoundTripper
	// Sources fetches dashboards that are kept elsewhere.
	Sources Sources
	// GrafanaCom is the server that takes the place of https://grafana.com; empty: none does.
	GrafanaCom string
	// UserAgent is sent to Grafana with every request; empty: grafana-tenancy-operator.
	UserAgent string
	// FixedWriters has each Grafana written to by as many at once as its limits say, from the start and on any
	// database, so that tests see them side by side. Where limits do not say, it is found out as ever.
	FixedWriters bool

	fetches    fetches
	panelLooks panelLooks
	parsing    sync.Mutex // one large dashboard at a time
}

// Register has the lifecycle know all kinds.
func Register(e *Env) error {
	if err := mark.CheckClusterID(e.ClusterID); err != nil {
		return err
	}
	registerKinds(e)
	return nil
}

func registerKinds(e *Env) {
	lifecycle.RegisterKind(e.Engine, instanceKind{e}.describe())
	lifecycle.RegisterKind(e.Engine, organizationKind{e}.describe())
	lifecycle.RegisterKind(e.Engine, serviceAccountKind{e}.describe())
	lifecycle.RegisterKind(e.Engine, newTokenKind(e).describe())
	lifecycle.RegisterKind(e.Engine, folderKind{e}.describe())
	lifecycle.RegisterKind(e.Engine, dashboardKind{e}.describe())
	lifecycle.RegisterKind(e.Engine, newDataSourceKind(e).describe())
	lifecycle.RegisterKind(e.Engine, membershipKind{e}.describe())
	lifecycle.RegisterKind(e.Engine, newUserKind(e).describe())
	lifecycle.RegisterKind(e.Engine, teamKind{e}.describe())
}

// Setup registers the controllers of all kinds with the manager.
func Setup(mgr ctrl.Manager, e *Env, opts lifecycle.Options) error {
	return errors.Join(e.Setup(mgr, opts), setupSecretCopies(mgr, e), setupSets(mgr, e))
}

// Lists are empty lists of all kinds, parents before what they contain, and sets last.
func Lists() []client.ObjectList {
	e := &Env{Engine: &lifecycle.Engine{}}
	registerKinds(e)
	return append(e.Lists(), setLists()...)
}

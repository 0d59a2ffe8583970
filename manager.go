package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/time/rate"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/controllers"
	"grafana-tenancy.dev/operator/internal/connection"
	"grafana-tenancy.dev/operator/internal/dashboard/fetch"
	"grafana-tenancy.dev/operator/internal/lease"
	"grafana-tenancy.dev/operator/internal/lifecycle"
)

// run runs the manager until ctx ends, and then logs out of every Grafana.
func run(ctx context.Context, o options) error {
	shard, err := lifecycle.ParseShard(o.shard)
	if err != nil {
		return fmt.Errorf("--shard: %w", err)
	}
	config, err := ctrl.GetConfig()
	if err != nil {
		return err
	}
	scheme := newScheme()
	direct, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		return err
	}
	if o.clusterID == "" {
		if o.clusterID, err = clusterID(ctx, direct); err != nil {
			return err
		}
	}
	env := &controllers.Env{
		Engine:     &lifecycle.Engine{Now: time.Now, NamespacesHidden: len(o.namespaces()) > 0, Shard: shard},
		ClusterID:  o.clusterID,
		GrafanaCom: o.grafanaCom,
		UserAgent:  userAgent(),
	}
	if err := controllers.Register(env); err != nil {
		return err
	}
	scope, err := newScope(ctx, direct, env.Watched(), o.namespaces())
	if err != nil {
		return err
	}
	ctx, end := context.WithCancel(ctx)
	defer end()
	mgr, err := lease.NewManager(config, "", shard, managerOptions(o, env, scope, scheme))
	if err != nil {
		return err
	}
	caches := &cacheState{}
	if err := errors.Join(
		mgr.AddHealthzCheck("healthz", healthz.Ping), mgr.AddReadyzCheck("readyz", caches.check),
	); err != nil {
		return err
	}
	go giveBack(ctx)
	go func() {
		caches.await(ctx, mgr.GetCache(), cacheTimeout)
		end()
	}()
	go func() {
		scope.awaitMore(ctx)
		end()
	}()
	context.AfterFunc(ctx, func() { caches.boundShutdown(os.Exit) })
	return errors.Join(explained(start(ctx, mgr, env, o, config)), caches.failure())
}

// explained is an error that says what to do where the kinds that the operator watches are not in the cluster.
func explained(err error) error {
	if !meta.IsNoMatchError(err) || !strings.Contains(err.Error(), v1alpha1.GroupVersion.Group) {
		return err
	}
	return fmt.Errorf("the CRDs are not installed, or not all of this version: make install, or with Helm "+
		"crds.enabled=true: %w", err)
}

// newScheme has Kubernetes' kinds and ours.
func newScheme() *runtime.Scheme {
	scheme := runtime.NewScheme()
	utilruntime.Must(clientgoscheme.AddToScheme(scheme))
	utilruntime.Must(v1alpha1.AddToScheme(scheme))
	return scheme
}

// start sets the controllers up and runs them.
func start(ctx context.Context, mgr ctrl.Manager, env *controllers.Env, o options, config *rest.Config) error {
	recorder, closeRecorder, err := lifecycle.NewEventRecorder(ctx, config, mgr.GetScheme())
	if err != nil {
		return err
	}
	defer closeRecorder()
	connections := connection.NewPool()
	fetcher := fetch.New(fetch.Options{AllowPrivate: o.privateURLs, UserAgent: userAgent()})
	fetches := fetch.NewQueue(fetcher.Fetch, maxFetches, maxFetchesOfOne)
	defer fetches.Close()
	env.Client, env.Live, env.Events = mgr.GetClient(), mgr.GetAPIReader(), recorder
	env.Connections, env.Sources = connections, fetches
	env.Creations = rate.NewLimiter(creationsTold, creationsAtOnce)
	opts := lifecycle.Options{MaxConcurrentReconciles: o.maxConcurrent, RoleBinding: o.roleBinding}
	if err := controllers.Setup(mgr, env, opts); err != nil {
		return err
	}
	ctrl.Log.WithName("setup").Info("starting", "version", version, "clusterID", o.clusterID, "shard", o.shard)
	err = mgr.Start(ctx)
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	connections.Close(closing)
	return err
}

// How many events a second tell that an object was created, and how many at once.
const (
	creationsTold   = 1
	creationsAtOnce = 100
)

// How many dashboards are fetched at once, and how many of those for one namespace.
const (
	maxFetches      = 4
	maxFetchesOfOne = 2
)

func managerOptions(o options, env *controllers.Env, scope *scope, scheme *runtime.Scheme) ctrl.Options {
	opts := ctrl.Options{
		Scheme:                        scheme,
		Metrics:                       metricsserver.Options{BindAddress: o.metricsAddress},
		HealthProbeBindAddress:        o.probeAddress,
		LeaderElection:                o.leaderElect,
		LeaderElectionReleaseOnCancel: true,
		Cache:                         cache.Options{DefaultTransform: env.Slim},
	}
	for _, ns := range scope.readable() {
		if opts.Cache.DefaultNamespaces == nil {
			opts.Cache.DefaultNamespaces = map[string]cache.Config{}
		}
		opts.Cache.DefaultNamespaces[ns] = cache.Config{}
	}
	if o.roleBinding != "" { // its rights are for this one only
		opts.Cache.ByObject = map[client.Object]cache.ByObject{
			lifecycle.RoleBinding(): {Field: fields.OneTermEqualSelector("metadata.name", o.roleBinding)},
		}
	}
	return opts
}

// clusterID is the uid of the namespace kube-system, which every cluster has and which lives as long as the cluster.
func clusterID(ctx context.Context, c client.Reader) (string, error) {
	var ns corev1.Namespace
	if err := c.Get(ctx, client.ObjectKey{Name: "kube-system"}, &ns); err != nil {
		return "", fmt.Errorf("reading namespace kube-system, whose uid names this cluster "+
			"(give --cluster-id instead if that may not be read): %w", err)
	}
	return string(ns.UID), nil
}

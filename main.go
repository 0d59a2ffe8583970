// Command manager is grafana-tenancy-operator: it makes Grafana organizations, and what is in them, as Kubernetes objects describe them.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	"go.uber.org/zap/zapcore"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/controllers"
	"grafana-tenancy.dev/operator/internal/dashboard/fetch"
)

// version is set when a release is built.
var version = "dev"

// options are the command's flags.
type options struct {
	metricsAddress  string
	probeAddress    string
	leaderElect     bool
	watchNamespaces string
	maxConcurrent   int
	clusterID       string
	privateURLs     bool
	grafanaCom      string
	log             zap.Options
}

func parseFlags() options {
	o := options{log: zap.Options{StacktraceLevel: zapcore.DPanicLevel}} // an error that is told in a condition needs no stack trace
	flag.StringVar(&o.metricsAddress, "metrics-bind-address", ":8080", "address that metrics are served on; 0 switches them off")
	flag.StringVar(&o.probeAddress, "health-probe-bind-address", ":8081", "address that /healthz and /readyz are served on")
	flag.BoolVar(&o.leaderElect, "leader-elect", false, "make sure that only one of several managers is active")
	flag.StringVar(&o.watchNamespaces, "watch-namespaces", "", "comma-separated namespaces to watch, each of which needs a RoleBinding for the operator; empty: all of them")
	flag.IntVar(&o.maxConcurrent, "max-concurrent-reconciles", 32, "how many objects of a kind are worked on at once; each Instance's limits apply as well")
	flag.StringVar(&o.clusterID, "cluster-id", "", "name of this cluster in the marks on Grafana's organizations; default: the uid of the namespace kube-system")
	flag.BoolVar(&o.privateURLs, "allow-private-dashboard-urls", false, "let Dashboards fetch their content from private, loopback and link-local addresses too")
	flag.StringVar(&o.grafanaCom, "grafana-com-url", "", "server that takes the place of https://grafana.com for Dashboards with a grafanaCom source, such as a mirror; it may have a private address")
	o.log.BindFlags(flag.CommandLine)
	flag.Parse()
	if bodies := zapcore.Level(-8); o.log.Level != nil && o.log.Level.Enabled(bodies) {
		o.log.Level = bodies + 1 // from there on client-go logs the bodies of requests and answers, Secrets' among them
	}
	return o
}

func main() {
	o := parseFlags()
	ctrl.SetLogger(zap.New(zap.UseFlagOptions(&o.log)))
	if err := run(ctrl.SetupSignalHandler(), o); err != nil {
		ctrl.Log.WithName("setup").Error(err, "the manager stops")
		os.Exit(1)
	}
}

// run runs the manager until ctx ends, and then logs out of every Grafana.
func run(ctx context.Context, o options) error {
	config, err := ctrl.GetConfig()
	if err != nil {
		return err
	}
	scheme := runtime.NewScheme()
	utilruntime.Must(clientgoscheme.AddToScheme(scheme))
	utilruntime.Must(v1alpha1.AddToScheme(scheme))
	mgr, err := ctrl.NewManager(config, managerOptions(o, scheme))
	if err != nil {
		return err
	}
	if err := errors.Join(mgr.AddHealthzCheck("healthz", healthz.Ping), mgr.AddReadyzCheck("readyz", healthz.Ping)); err != nil {
		return err
	}
	if o.clusterID == "" {
		if o.clusterID, err = clusterID(ctx, config, scheme); err != nil {
			return err
		}
	}
	connections := controllers.NewConnections()
	fetches := fetch.NewQueue(fetch.New(fetch.Options{AllowPrivate: o.privateURLs}).Fetch, maxFetches, maxFetchesOfOne)
	defer fetches.Close()
	env := &controllers.Env{
		Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Events: mgr.GetEventRecorder(v1alpha1.ManagedBy),
		Connections: connections, ClusterID: o.clusterID, Now: time.Now, NamespacesHidden: o.watchNamespaces != "",
		Sources: fetches, GrafanaCom: o.grafanaCom,
	}
	if err := controllers.Setup(mgr, env, controllers.Options{MaxConcurrentReconciles: o.maxConcurrent}); err != nil {
		return err
	}
	ctrl.Log.WithName("setup").Info("starting", "version", version, "clusterID", o.clusterID)
	err = mgr.Start(ctx)
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	connections.Close(closing)
	return err
}

// How many dashboards are fetched at once, and how many of those for one namespace.
const (
	maxFetches      = 4
	maxFetchesOfOne = 2
)

func managerOptions(o options, scheme *runtime.Scheme) ctrl.Options {
	opts := ctrl.Options{
		Scheme:                        scheme,
		Metrics:                       metricsserver.Options{BindAddress: o.metricsAddress},
		HealthProbeBindAddress:        o.probeAddress,
		LeaderElection:                o.leaderElect,
		LeaderElectionID:              "grafana-tenancy.dev",
		LeaderElectionReleaseOnCancel: true,
		Cache:                         cache.Options{DefaultTransform: controllers.Slim},
	}
	for _, ns := range strings.Split(o.watchNamespaces, ",") {
		if ns = strings.TrimSpace(ns); ns != "" {
			if opts.Cache.DefaultNamespaces == nil {
				opts.Cache.DefaultNamespaces = map[string]cache.Config{}
			}
			opts.Cache.DefaultNamespaces[ns] = cache.Config{}
		}
	}
	return opts
}

// clusterID is the uid of the namespace kube-system, which every cluster has and which lives as long as the cluster.
func clusterID(ctx context.Context, config *rest.Config, scheme *runtime.Scheme) (string, error) {
	c, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		return "", err
	}
	var ns corev1.Namespace
	if err := c.Get(ctx, client.ObjectKey{Name: "kube-system"}, &ns); err != nil {
		return "", fmt.Errorf("reading namespace kube-system, whose uid names this cluster (give --cluster-id instead if that may not be read): %w", err)
	}
	return string(ns.UID), nil
}

package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/controller-manager/pkg/informerfactory"
	"k8s.io/kubernetes/pkg/controller/garbagecollector"
	"k8s.io/kubernetes/pkg/controller/namespace"
)

// The two controllers that deletion needs, as kube-controller-manager names them.
const deletionControllers = "garbage-collector-controller,namespace-controller"

// newControllerManagerCommand is kube-controller-manager with the controllers
// of deletion and no others. Its flags are some of the real one's.
func newControllerManagerCommand() *cobra.Command {
	var kubeconfig, controllers string
	var elect bool
	var port, burst int
	var qps float32
	cmd := &cobra.Command{
		Use:          "kube-controller-manager",
		Args:         cobra.NoArgs,
		SilenceUsage: true,
		RunE: func(*cobra.Command, []string) error {
			if controllers != deletionControllers || elect || port != 0 {
				return errors.New("this kube-controller-manager is built for --controllers=" +
					deletionControllers + " --leader-elect=false --secure-port=0")
			}
			config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
			if err != nil {
				return err
			}
			config.QPS, config.Burst = qps, burst
			return runControllers(genericapiserver.SetupSignalContext(), config)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&kubeconfig, "kubeconfig", "", "the file that says how to reach the API server")
	flags.StringVar(&controllers, "controllers", "*", "the controllers to run: "+deletionControllers)
	flags.BoolVar(&elect, "leader-elect", true, "must be false")
	flags.IntVar(&port, "secure-port", 10257, "must be 0")
	flags.Float32Var(&qps, "kube-api-qps", 20, "requests per second")
	flags.IntVar(&burst, "kube-api-burst", 30, "requests at once")
	return cmd
}

const (
	workers      = 20
	initialSync  = 30 * time.Second
	namespaces   = 5 * time.Minute
	resyncPeriod = 12 * time.Hour
)

// runControllers runs both controllers until ctx is done.
func runControllers(ctx context.Context, config *rest.Config) error {
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	objects, err := metadata.NewForConfig(config)
	if err != nil {
		return err
	}
	typed := informers.NewSharedInformerFactory(client, resyncPeriod)
	all := informerfactory.NewInformerFactory(typed, metadatainformer.NewSharedInformerFactory(objects, resyncPeriod))
	mapper := restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(client.Discovery()))
	started := make(chan struct{})
	collector, err := garbagecollector.NewGarbageCollector(ctx, client, objects, mapper,
		garbagecollector.DefaultIgnoredResources(), all, started)
	if err != nil {
		return err
	}
	finisher := namespace.NewNamespaceController(ctx, client, objects,
		client.Discovery().ServerPreferredNamespacedResources,
		typed.Core().V1().Namespaces(), namespaces, corev1.FinalizerKubernetes)
	all.Start(ctx.Done())
	close(started)

	var running sync.WaitGroup
	running.Go(func() { collector.Run(ctx, workers, initialSync) })
	running.Go(func() { collector.Sync(ctx, client.Discovery(), initialSync) })
	running.Go(func() { finisher.Run(ctx, workers) })
	running.Wait()
	return nil
}

// Package local runs a Kubernetes control plane and the operator on this machine, for programs that try the operator
// out. Everything listens on loopback.
package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"grafana-tenancy.dev/operator/api/v1alpha1"
)

// Cluster is a Kubernetes control plane, with the operator's CRDs in it unless it is an empty one, and no nodes.
type Cluster struct {
	// Client is the admin's.
	Client client.Client

	tree   string // the root of the repository that the CRDs and the operator are of
	dir    string // for everything that is written
	assets string // where the binaries are
	config *rest.Config
	env    *envtest.Environment

	clientset   *kubernetes.Clientset
	controllers *Process
}

// StartCluster starts etcd and kube-apiserver from KUBEBUILDER_ASSETS, installs the CRDs, and starts
// kube-controller-manager for garbage collection and the end of namespaces. tree is the root of the repository, or of
// another checkout of it. What is written goes into dir. If a process ends by itself, failed is told so.
func StartCluster(ctx context.Context, tree, dir string, failed func(error)) (*Cluster, error) {
	return startCluster(ctx, tree, dir, []string{filepath.Join(tree, "config", "crd", "bases")}, failed)
}

// StartEmptyCluster is StartCluster without the CRDs, for people who install them in their own way.
func StartEmptyCluster(ctx context.Context, dir string, failed func(error)) (*Cluster, error) {
	return startCluster(ctx, ".", dir, nil, failed)
}

func startCluster(
	ctx context.Context, tree, dir string, crds []string, failed func(error),
) (_ *Cluster, err error) {
	c := &Cluster{tree: tree, dir: dir, assets: os.Getenv("KUBEBUILDER_ASSETS")}
	if c.assets == "" {
		return nil, errors.New("KUBEBUILDER_ASSETS is not set: use the make target, which sets it")
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.Stop())
		}
	}()
	if err := c.startAPIServer(crds); err != nil {
		return nil, err
	}
	if c.clientset, err = kubernetes.NewForConfig(c.config); err != nil {
		return nil, err
	}
	if err := c.waitComplete(ctx); err != nil {
		return nil, fmt.Errorf("waiting for the control plane to be complete: %w", err)
	}
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		return nil, err
	}
	if c.Client, err = client.New(c.config, client.Options{Scheme: scheme}); err != nil {
		return nil, err
	}
	if err := os.WriteFile(c.Kubeconfig(), c.env.KubeConfig, 0o600); err != nil {
		return nil, err
	}
	// Its garbage collector looks for new kinds only every 30 s, so it comes after the CRDs.
	c.controllers, err = Start(
		filepath.Join(dir, "kube-controller-manager.log"),
		failed,
		filepath.Join(c.assets, "kube-controller-manager"),
		"--kubeconfig",
		c.Kubeconfig(),
		"--controllers",
		"garbage-collector-controller,namespace-controller",
		"--leader-elect=false",
		"--secure-port=0",
		"--kube-api-qps=500",
		"--kube-api-burst=1000",
	)
	return c, err
}

// Kubeconfig is the file with the admin's way in.
func (c *Cluster) Kubeconfig() string { return filepath.Join(c.dir, "kubeconfig") }

// URL is where the API server is.
func (c *Cluster) URL() string { return c.config.Host }

func (c *Cluster) startAPIServer(crds []string) (err error) {
	log.SetLogger(logr.Discard()) // errors are returned as well
	data, certificates := filepath.Join(c.dir, "etcd"), filepath.Join(c.dir, "certificates")
	if err := errors.Join(os.Mkdir(data, 0o700), os.Mkdir(certificates, 0o700)); err != nil {
		return err
	}
	c.env = &envtest.Environment{
		UseExistingCluster:       new(false),
		BinaryAssetsDirectory:    c.assets,
		CRDDirectoryPaths:        crds,
		ErrorIfCRDPathMissing:    true,
		CRDInstallOptions:        envtest.CRDInstallOptions{MaxTime: time.Minute},
		ControlPlaneStartTimeout: time.Minute,
		ControlPlane:             envtest.ControlPlane{Etcd: &envtest.Etcd{DataDir: data}},
	}
	c.env.ControlPlane.GetAPIServer().CertDir = certificates
	// Its default of 2 GiB is soon full of large dashboards.
	c.env.ControlPlane.Etcd.Configure().Set("quota-backend-bytes", strconv.Itoa(8<<30))
	if c.config, err = c.env.Start(); err != nil {
		return fmt.Errorf("starting the control plane of %s with the CRDs of %v: %w", c.assets, crds, err)
	}
	c.config.QPS = -1
	return nil
}

// waitComplete waits for what takes a moment longer than the API server's start and would make the operator give up:
// kube-system, and the new kinds in the one document that clients discover all kinds by.
func (c *Cluster) waitComplete(ctx context.Context) error {
	return Poll(ctx, time.Minute, func(ctx context.Context) (bool, error) {
		_, err := c.clientset.CoreV1().Namespaces().Get(ctx, metav1.NamespaceSystem, metav1.GetOptions{})
		if err != nil {
			return false, client.IgnoreNotFound(err)
		}
		_, kinds, _, err := c.clientset.DiscoveryClient.GroupsAndMaybeResources()
		if err != nil {
			return false, err
		}
		known := map[string]bool{}
		for group, list := range kinds {
			for _, resource := range list.APIResources {
				known[resource.Name+"."+group.Group] = true
			}
		}
		for _, crd := range c.env.CRDs {
			if !known[crd.Name] {
				return false, nil
			}
		}
		return true, nil
	})
}

// Raw asks the API server for a path, as admin, in the format that accept names.
func (c *Cluster) Raw(ctx context.Context, path, accept string) ([]byte, error) {
	return c.clientset.DiscoveryClient.RESTClient().Get().RequestURI(path).SetHeader("Accept", accept).DoRaw(ctx)
}

// Stream is Raw for an answer that goes on.
func (c *Cluster) Stream(ctx context.Context, path, accept string) (io.ReadCloser, error) {
	return c.clientset.DiscoveryClient.RESTClient().Get().RequestURI(path).SetHeader("Accept", accept).Stream(ctx)
}

// Stop ends what was started, in reverse order.
func (c *Cluster) Stop() error {
	if c.controllers != nil {
		c.controllers.Stop()
	}
	if c.env != nil {
		return c.env.Stop()
	}
	return nil
}

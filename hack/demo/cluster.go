package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
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

	grafanav1 "grafana-tenancy.dev/operator/api/v1alpha1"
)

const crdDir = "config/crd/bases"

// cluster is a Kubernetes control plane with the operator's CRDs in it, and no
// nodes.
type cluster struct {
	dir        string // for everything that is written
	assets     string // where the binaries are
	kubeconfig string // the admin's
	config     *rest.Config
	client     client.Client

	env         *envtest.Environment
	controllers *process
}

// startCluster starts etcd and kube-apiserver, installs the CRDs, and starts
// kube-controller-manager for garbage collection and the end of namespaces.
func startCluster(ctx context.Context, fail context.CancelCauseFunc, dir string) (_ *cluster, err error) {
	c := &cluster{dir: dir, assets: os.Getenv("KUBEBUILDER_ASSETS"), kubeconfig: filepath.Join(dir, "kubeconfig")}
	if err := c.check(); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			c.stop()
		}
	}()
	say("starting etcd and kube-apiserver, and installing the CRDs of %s", crdDir)
	if err := c.startAPIServer(); err != nil {
		return nil, err
	}
	if err := c.waitComplete(ctx); err != nil {
		return nil, fmt.Errorf("waiting for the control plane to be complete: %w", err)
	}
	if err := os.WriteFile(c.kubeconfig, c.env.KubeConfig, 0o600); err != nil {
		return nil, err
	}
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), grafanav1.AddToScheme(scheme)); err != nil {
		return nil, err
	}
	if c.client, err = client.New(c.config, client.Options{Scheme: scheme}); err != nil {
		return nil, err
	}
	// Its garbage collector looks for new kinds only every 30 s, so it comes
	// after the CRDs.
	c.controllers, err = start(fail, dir, c.binary("kube-controller-manager"),
		"--kubeconfig", c.kubeconfig,
		"--controllers", "garbage-collector-controller,namespace-controller",
		"--leader-elect=false",
		"--secure-port=0",
	)
	return c, err
}

// check says what is missing before anything is started.
func (c *cluster) check() error {
	if _, err := os.Stat(crdDir); err != nil {
		return fmt.Errorf("%s is not here: run make demo in the root of the repository", crdDir)
	}
	if c.assets == "" {
		return errors.New("KUBEBUILDER_ASSETS is not set: run make demo, which sets it")
	}
	for _, name := range []string{"etcd", "kube-apiserver", "kube-controller-manager", "kubectl"} {
		if _, err := os.Stat(c.binary(name)); err != nil {
			return fmt.Errorf(
				"KUBEBUILDER_ASSETS=%s has no %s: unset it and run make demo, which builds what it needs",
				c.assets,
				name,
			)
		}
	}
	return nil
}

func (c *cluster) startAPIServer() (err error) {
	log.SetLogger(logr.Discard()) // errors are returned as well
	data, certificates := filepath.Join(c.dir, "etcd"), filepath.Join(c.dir, "certificates")
	if err := errors.Join(os.Mkdir(data, 0o700), os.Mkdir(certificates, 0o700)); err != nil {
		return err
	}
	c.env = &envtest.Environment{
		UseExistingCluster:       new(false),
		BinaryAssetsDirectory:    c.assets,
		CRDDirectoryPaths:        []string{crdDir},
		ErrorIfCRDPathMissing:    true,
		CRDInstallOptions:        envtest.CRDInstallOptions{MaxTime: time.Minute},
		ControlPlaneStartTimeout: time.Minute,
		ControlPlane:             envtest.ControlPlane{Etcd: &envtest.Etcd{DataDir: data}},
	}
	c.env.ControlPlane.GetAPIServer().CertDir = certificates
	if c.config, err = c.env.Start(); err != nil {
		return fmt.Errorf("starting the control plane of %s: %w", c.assets, err)
	}
	return nil
}

// waitComplete waits for what takes a moment longer than the API server's start
// and would make the manager give up: kube-system, and the new kinds in the one
// document that clients discover all kinds by.
func (c *cluster) waitComplete(ctx context.Context) error {
	clientset, err := kubernetes.NewForConfig(c.config)
	if err != nil {
		return err
	}
	return poll(ctx, time.Minute, func(ctx context.Context) (bool, error) {
		_, err := clientset.CoreV1().Namespaces().Get(ctx, metav1.NamespaceSystem, metav1.GetOptions{})
		if err != nil {
			return false, client.IgnoreNotFound(err)
		}
		_, kinds, _, err := clientset.DiscoveryClient.GroupsAndMaybeResources()
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

// stop ends what was started, in reverse order.
func (c *cluster) stop() {
	if c.controllers != nil {
		c.controllers.stop()
	}
	if c.env != nil {
		if err := c.env.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, "demo: stopping the control plane:", err)
		}
	}
}

func (c *cluster) binary(name string) string { return filepath.Join(c.assets, name) }

// kubectl runs kubectl as the cluster's admin.
func (c *cluster) kubectl(ctx context.Context, out io.Writer, args ...string) error {
	cmd := exec.CommandContext(ctx, c.binary("kubectl"), args...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+c.kubeconfig, "KUBECACHEDIR="+filepath.Join(c.dir, "cache"))
	cmd.Stdout = out
	return runToEnd(ctx, cmd)
}

package chart_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/hack/internal/local"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
)

const group = "grafana-tenancy.dev"

// world is a control plane without CRDs, a Grafana, and what the operator is asked for in them.
type world struct {
	t          *testing.T
	dir        string
	kubeconfig string // the admin's
	manager    string // the operator's binary

	client  client.Client
	grafana *grafanatest.Server
}

func newWorld(t *testing.T) *world {
	t.Helper()
	if os.Getenv("KUBEBUILDER_ASSETS") == "" {
		t.Fatal("KUBEBUILDER_ASSETS is not set: use make chart-test, which sets it")
	}
	w := &world{t: t, dir: t.TempDir(), grafana: grafanatest.Start(t, grafanatest.Options{})}
	w.kubeconfig, w.manager = filepath.Join(w.dir, "kubeconfig"), filepath.Join(w.dir, "manager")
	build := exec.CommandContext(t.Context(), "go", "build", "-C", "../..", "-o", w.manager, ".")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building the operator: %v\n%s", err, out)
	}
	tree := filepath.Join(w.dir, "tree") // has no CRDs: the chart brings them
	if err := os.MkdirAll(filepath.Join(tree, "config", "crd", "bases"), 0o755); err != nil {
		t.Fatal(err)
	}
	cluster, err := local.StartCluster(t.Context(), tree, w.dir, func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cluster.Stop(); err != nil {
			t.Error(err)
		}
	})
	w.client = cluster.Client
	return w
}

// eventually waits until look finds nothing amiss.
func (w *world) eventually(look func(context.Context) error) {
	w.t.Helper()
	var amiss error
	err := local.Poll(w.t.Context(), 2*time.Minute, func(ctx context.Context) (bool, error) {
		amiss = look(ctx)
		return amiss == nil, nil
	})
	if err != nil {
		w.t.Fatal(errors.Join(err, amiss))
	}
}

// awaitKinds waits until clients discover the operator's kinds, without which the operator gives up.
func (w *world) awaitKinds() {
	w.t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", w.kubeconfig)
	if err != nil {
		w.t.Fatal(err)
	}
	d, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		w.t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(chartDir, "files", "crds", "*.yaml"))
	if err != nil {
		w.t.Fatal(err)
	}
	w.eventually(func(context.Context) error {
		_, lists, _, err := d.GroupsAndMaybeResources()
		if err != nil {
			return err
		}
		for version, list := range lists {
			if version.Group == group && len(list.APIResources) >= len(files) {
				return nil
			}
		}
		return fmt.Errorf("not all of the %d kinds are known", len(files))
	})
}

// apply makes objects of YAML in which GRAFANA stands for its url.
func (w *world) apply(manifests string) objects {
	w.t.Helper()
	all := decode(w.t, []byte(strings.ReplaceAll(manifests, "GRAFANA", w.grafana.URL)))
	for _, o := range all {
		if err := w.client.Create(w.t.Context(), o); err != nil {
			w.t.Fatal(err)
		}
	}
	return all
}

func (w *world) get(o client.Object, ns, name string) {
	w.t.Helper()
	if err := w.client.Get(w.t.Context(), client.ObjectKey{Namespace: ns, Name: name}, o); err != nil {
		w.t.Fatal(err)
	}
}

// awaitReady waits until those of the objects that are the operator's are Ready at the generation that there is.
func (w *world) awaitReady(all objects) {
	w.t.Helper()
	w.eventually(func(ctx context.Context) error {
		for key, o := range all {
			if o.GroupVersionKind().Group != group {
				continue
			}
			if err := w.client.Get(ctx, client.ObjectKeyFromObject(o), o); err != nil {
				return err
			}
			observed, _, _ := unstructured.NestedInt64(o.Object, "status", "observedGeneration")
			status, _, _ := unstructured.NestedMap(o.Object, "status")
			if observed != o.GetGeneration() || !ready(status) {
				return fmt.Errorf("%s of generation %d is not Ready: %v", key, o.GetGeneration(), status)
			}
		}
		return nil
	})
}

func ready(status map[string]any) bool {
	conditions, _, _ := unstructured.NestedSlice(status, "conditions")
	for _, c := range conditions {
		if c, ok := c.(map[string]any); ok && c["type"] == "Ready" {
			return c["status"] == string(metav1.ConditionTrue)
		}
	}
	return false
}

// key is that of a ServiceAccountToken, which has to be good.
func (w *world) key(ns, name string) string {
	w.t.Helper()
	var secret corev1.Secret
	w.get(&secret, ns, name)
	key := string(secret.Data["token"])
	if _, _, _, ok := w.grafana.KeyAlive(key); !ok {
		w.t.Errorf("the key in Secret %s/%s is not good", ns, name)
	}
	return key
}

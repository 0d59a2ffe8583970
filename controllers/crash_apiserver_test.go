package controllers

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

// TestCrashMatrixOnAPIServer runs a part of the same cases on a real kube-apiserver, since the one in memory could be
// wrong in the very things that the operator relies on.
func TestCrashMatrixOnAPIServer(t *testing.T) {
	assets := os.Getenv("KUBEBUILDER_ASSETS")
	if assets == "" {
		t.Fatal(
			"this test needs a kube-apiserver and KUBEBUILDER_ASSETS is not set: run `make test`, which builds " +
				"one and sets it",
		)
	}
	env := &envtest.Environment{
		BinaryAssetsDirectory: assets,
		CRDDirectoryPaths:     []string{filepath.Join("..", "config", "crd", "bases")},
		ErrorIfCRDPathMissing: true,
		UseExistingCluster:    new(false),
	}
	config, err := env.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := env.Stop(); err != nil {
			t.Error(err)
		}
	})
	playOnAPIServer(t, config, slices.DeleteFunc(scenarios(), func(s scenario) bool {
		return !slices.Contains(
			[]string{
				"an organization deleted while it is created",
				"service account deleted and applied again",
				"token created",
				"dashboard changed",
			},
			s.name,
		)
	}))
}

// playOnAPIServer plays scenarios on a real kube-apiserver, which no operator is at work on.
func playOnAPIServer(t *testing.T, config *rest.Config, all []scenario) {
	t.Helper()
	config.QPS = -1
	kube, err := client.NewWithWatch(config, client.Options{Scheme: emptyWorld(t, "12.4.0").scheme})
	if err != nil {
		t.Fatal(err)
	}
	if err := kube.Create(
		t.Context(),
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: tenantNamespace}},
	); err != nil {
		t.Fatal(err)
	}
	kube = interceptor.NewClient(kube, interceptor.Funcs{List: listByIndex})
	runs := 0
	for _, s := range all {
		t.Run(s.name, func(t *testing.T) { runs += sample(t, kube, s) })
	}
	t.Logf("crash matrix on a kube-apiserver: %d runs", runs)
}

// sample plays a scenario without a fault, and then with each fault that there is at every ninth point.
func sample(t *testing.T, kube client.WithWatch, s scenario) (runs int) {
	play := func(k int, f fault) []point {
		w := emptyWorld(t, "12.4.0")
		w.kube = kube
		w.start()
		runs++
		if err := w.play(s, k, f); err != nil {
			t.Errorf("%s at point %d:\n%v", f, k, err)
		}
		w.clear()
		return w.points
	}
	points := play(-1, none)
	for k := 0; k < len(points); k += 9 {
		for _, f := range points[k].faults() {
			play(k, f)
		}
	}
	return runs
}

// clear empties the namespace for the next run.
func (w *world) clear() {
	ctx := context.Background()
	for _, obj := range w.objects() {
		obj.SetFinalizers(nil)
		if err := w.kube.Update(ctx, obj); client.IgnoreNotFound(err) != nil {
			w.tb.Fatal(err)
		}
		if err := w.kube.Delete(ctx, obj); client.IgnoreNotFound(err) != nil {
			w.tb.Fatal(err)
		}
	}
	var secrets corev1.SecretList
	if err := w.kube.List(ctx, &secrets, client.InNamespace(tenantNamespace)); err != nil {
		w.tb.Fatal(err)
	}
	for i := range secrets.Items {
		secrets.Items[i].Finalizers = nil
		if err := w.kube.Update(ctx, &secrets.Items[i]); client.IgnoreNotFound(err) != nil {
			w.tb.Fatal(err)
		}
	}
	if err := w.kube.DeleteAllOf(ctx, &corev1.Secret{}, client.InNamespace(tenantNamespace)); err != nil {
		w.tb.Fatal(err)
	}
}

// listByIndex does for a client without a cache what the cache's field indexes do.
func listByIndex(ctx context.Context, c client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
	o := client.ListOptions{}
	o.ApplyOptions(opts)
	selector := o.FieldSelector
	o.FieldSelector = nil
	if err := c.List(ctx, list, &o); err != nil {
		return err
	}
	return selectByIndex(list, selector)
}

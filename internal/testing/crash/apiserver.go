package crash

import (
	"context"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
)

// OnAPIServer plays scenarios on a real kube-apiserver, which no operator is at work on.
func OnAPIServer(t *testing.T, config *rest.Config, all []Scenario) {
	t.Helper()
	config.QPS = -1
	kube, err := client.NewWithWatch(
		config,
		client.Options{Scheme: emptyWorld(t, grafanatest.Options{Version: "12.4.0"}).scheme},
	)
	if err != nil {
		t.Fatal(err)
	}
	if err := kube.Create(
		t.Context(),
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: Namespace}},
	); err != nil {
		t.Fatal(err)
	}
	kube = interceptor.NewClient(kube, interceptor.Funcs{List: listByIndex})
	runs := 0
	for _, s := range all {
		t.Run(s.Name, func(t *testing.T) { runs += sampleOn(t, kube, s) })
	}
	t.Logf("crash matrix on a kube-apiserver: %d runs", runs)
}

// sampleOn plays a scenario without a fault, and then with each fault that there is at every ninth point.
func sampleOn(t *testing.T, kube client.WithWatch, s Scenario) (runs int) {
	play := func(k int, f Fault) []Point {
		w := emptyWorld(t, grafanatest.Options{Version: "12.4.0"})
		w.Kube = kube
		w.Start()
		runs++
		if err := w.play(s, k, f); err != nil {
			t.Errorf("%s at point %d:\n%v", f, k, err)
		}
		w.clear()
		return w.Points
	}
	points := play(-1, None)
	for k := 0; k < len(points); k += 9 {
		for _, f := range points[k].faults() {
			play(k, f)
		}
	}
	return runs
}

// clear empties the namespace for the next run.
func (w *World) clear() {
	ctx := context.Background()
	for _, obj := range w.objects() {
		obj.SetFinalizers(nil)
		if err := w.Kube.Update(ctx, obj); client.IgnoreNotFound(err) != nil {
			w.TB.Fatal(err)
		}
		if err := w.Kube.Delete(ctx, obj); client.IgnoreNotFound(err) != nil {
			w.TB.Fatal(err)
		}
	}
	var secrets corev1.SecretList
	if err := w.Kube.List(ctx, &secrets, client.InNamespace(Namespace)); err != nil {
		w.TB.Fatal(err)
	}
	for i := range secrets.Items {
		secrets.Items[i].Finalizers = nil
		if err := w.Kube.Update(ctx, &secrets.Items[i]); client.IgnoreNotFound(err) != nil {
			w.TB.Fatal(err)
		}
	}
	if err := w.Kube.DeleteAllOf(ctx, &corev1.Secret{}, client.InNamespace(Namespace)); err != nil {
		w.TB.Fatal(err)
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

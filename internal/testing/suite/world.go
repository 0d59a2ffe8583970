package suite

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/controllers"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/lifecycle"
)

// World is what one test has to itself: a namespace and a Grafana, with an Instance called grafana that stands for it.
type World struct {
	*Cluster
	T       *testing.T
	NS      string
	Grafana *grafanatest.Server
	also    []string // further namespaces of this test
}

// StartGrafana starts a Grafana for a test: the stand-in, or, with GRAFANA_URL set (and GRAFANA_USER and
// GRAFANA_PASSWORD, "admin" by default), what stands before that one. There a test is skipped if its Grafana has to be
// another.
func StartGrafana(t *testing.T, opts grafanatest.Options) *grafanatest.Server {
	t.Helper()
	url := os.Getenv("GRAFANA_URL")
	if url == "" {
		return grafanatest.Start(t, opts)
	}
	user, password := cmp.Or(os.Getenv("GRAFANA_USER"), "admin"), cmp.Or(os.Getenv("GRAFANA_PASSWORD"), "admin")
	return grafanatest.Attach(t, grafanatest.Real{URL: url, User: user, Password: password}, opts)
}

// NotOnReal skips a test that cannot be made with a real Grafana, if it is to be, and says why in a few words.
func NotOnReal(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("GRAFANA_URL") != "" {
		grafanatest.NotOnReal(t, why)
	}
}

// New makes a world whose Instance has been applied.
func New(t *testing.T, opts grafanatest.Options, changes ...func(*v1alpha1.Instance)) *World {
	t.Helper()
	w := NewEmpty(t, opts)
	w.Instance(changes...)
	return w
}

// NewEmpty makes a world without an Instance.
func NewEmpty(t *testing.T, opts grafanatest.Options) *World {
	t.Helper()
	w := &World{Cluster: Shared(t), T: t, Grafana: StartGrafana(t, opts)}
	w.NS = w.Namespace(nil)
	w.also = nil
	w.Create(&corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "admin"},
		StringData: map[string]string{"admin-user": "admin", "admin-password": "admin"},
	})
	t.Cleanup(w.end)
	return w
}

// Namespace makes a further namespace.
func (w *World) Namespace(labels map[string]string) string {
	w.T.Helper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "api-", Labels: labels}}
	if err := w.Client.Create(w.T.Context(), ns); err != nil {
		w.T.Fatal(err)
	}
	w.also = append(w.also, ns.Name)
	return ns.Name
}

// end checks what holds for every test, and takes away what would otherwise go on working.
func (w *World) end() {
	ctx, cancel := context.WithTimeout(context.Background(), Timeout)
	defer cancel()
	for _, ns := range append([]string{w.NS}, w.also...) {
		for _, fault := range w.status.of(ns) {
			w.T.Error(fault)
		}
		for _, leak := range w.Leaks(ctx, ns) {
			w.T.Error(leak)
		}
		if w.T.Failed() {
			w.T.Logf("log about %s:\n%s", ns, w.Log.About(ns))
		}
	}
	for _, ns := range append([]string{w.NS}, w.also...) {
		w.Abandon(ctx, ns)
	}
}

// Abandon deletes all our objects in a namespace without a thought for Grafana. What a set has made at its last moment
// goes with the rest.
func (w *World) Abandon(ctx context.Context, ns string) {
	patch := client.RawPatch(
		types.MergePatchType,
		[]byte(`{"metadata":{"annotations":{"`+v1alpha1.AnnotationAbandon+`":"true"}}}`),
	)
	asked := map[types.UID]bool{}
	if err := poll(ctx, func() error {
		left := w.Objects(ctx, ns)
		for _, obj := range left {
			if asked[obj.GetUID()] {
				continue
			}
			asked[obj.GetUID()] = true
			if err := errors.Join(
				client.IgnoreNotFound(w.Client.Patch(ctx, obj, patch)),
				client.IgnoreNotFound(w.Client.Delete(ctx, obj)),
			); err != nil {
				w.T.Error(err)
			}
		}
		if len(left) > 0 {
			return fmt.Errorf("%d objects are left in %s, such as %T %s", len(left), ns, left[0], left[0].GetName())
		}
		return nil
	}); err != nil {
		w.T.Errorf("abandoned objects do not go: %v", err)
	}
}

// Objects lists all our objects in a namespace, what contains others last.
func (w *World) Objects(ctx context.Context, ns string) (all []lifecycle.Object) {
	lists := controllers.Lists()
	slices.Reverse(lists)
	for _, list := range lists {
		if err := w.Client.List(ctx, list, client.InNamespace(ns)); err != nil {
			w.T.Fatal(err)
		}
		items, err := meta.ExtractList(list)
		if err != nil {
			w.T.Fatal(err)
		}
		for _, item := range items {
			all = append(all, item.(lifecycle.Object))
		}
	}
	return all
}

// Leaks finds keys of this world's Grafana where none may be.
func (w *World) Leaks(ctx context.Context, ns string) (leaks []string) {
	keys := w.Grafana.Keys()
	look := func(what string, content any) {
		text, err := json.Marshal(content)
		if err != nil {
			w.T.Fatal(err)
		}
		for _, key := range keys {
			if bytes.Contains(text, []byte(key)) {
				leaks = append(leaks, fmt.Sprintf("%s holds the key %s…", what, key[:12]))
			}
		}
	}
	for _, obj := range w.Objects(ctx, ns) {
		look(fmt.Sprintf("%T %s", obj, obj.GetName()), obj)
	}
	var events eventsv1.EventList
	var configMaps corev1.ConfigMapList
	var secrets corev1.SecretList
	for _, list := range []client.ObjectList{&events, &configMaps, &secrets} {
		if err := w.Client.List(ctx, list, client.InNamespace(ns)); err != nil {
			w.T.Fatal(err)
		}
	}
	look("an event", events)
	look("a ConfigMap", configMaps)
	for _, secret := range secrets.Items {
		if secret.Labels[v1alpha1.LabelManagedBy] == v1alpha1.ManagedBy {
			secret.Data = nil // this is where keys belong
		}
		look("Secret "+secret.Name, secret)
	}
	return leaks
}

// Create creates an object, in the world's namespace unless it names one.
func (w *World) Create(obj client.Object) {
	w.T.Helper()
	if obj.GetNamespace() == "" {
		obj.SetNamespace(w.NS)
	}
	if err := w.Client.Create(w.T.Context(), obj); err != nil {
		w.T.Fatalf("creating %T %s: %v", obj, obj.GetName(), err)
	}
}

// Delete asks for an object's deletion and does not wait.
func (w *World) Delete(objs ...client.Object) {
	w.T.Helper()
	for _, obj := range objs {
		if err := w.Client.Delete(w.T.Context(), obj); err != nil {
			w.T.Fatalf("deleting %T %s: %v", obj, obj.GetName(), err)
		}
	}
}

// Gone waits until objects are no more.
func (w *World) Gone(objs ...client.Object) {
	w.T.Helper()
	for _, obj := range objs {
		w.Eventually(fmt.Sprintf("deletion of %T %s", obj, obj.GetName()), func() error {
			err := w.Client.Get(w.T.Context(), client.ObjectKeyFromObject(obj), obj)
			if apierrors.IsNotFound(err) {
				return nil
			}
			if o, ours := obj.(lifecycle.Object); ours && err == nil {
				return fmt.Errorf("it is still there: %+v", o.CommonStatus().Conditions)
			}
			return fmt.Errorf("it is still there (%w)", err)
		})
	}
}

// Get reads an object afresh.
func Get[T client.Object](w *World, obj T) T {
	w.T.Helper()
	if err := w.Client.Get(w.T.Context(), client.ObjectKeyFromObject(obj), obj); err != nil {
		w.T.Fatal(err)
	}
	return obj
}

// Change changes an object in Kubernetes.
func Change[T client.Object](w *World, obj T, mutate func()) T {
	w.T.Helper()
	err := retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		if err := w.Client.Get(w.T.Context(), client.ObjectKeyFromObject(obj), obj); err != nil {
			return err
		}
		mutate()
		return w.Client.Update(w.T.Context(), obj)
	})
	if err != nil {
		w.T.Fatalf("changing %T %s: %v", obj, obj.GetName(), err)
	}
	return obj
}

// Visit has the operator look at an object now.
func Visit[T client.Object](w *World, obj T) T {
	w.T.Helper()
	patch := fmt.Sprintf(`{"metadata":{"annotations":{"example.com/visit":"%d"}}}`, time.Now().UnixNano())
	if err := w.Client.Patch(w.T.Context(), obj, client.RawPatch(types.MergePatchType, []byte(patch))); err != nil {
		w.T.Fatal(err)
	}
	return obj
}

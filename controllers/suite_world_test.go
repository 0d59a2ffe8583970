package controllers_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync/atomic"
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

// reservationTimeout is how long a test waits for something that must happen. It is long, since a machine can be slow,
// and costs nothing where all is well.
const reservationTimeout = 2 * time.Minute

// world is what one test has to itself: a namespace and a Grafana, with an Instance called grafana that stands for it.
type world struct {
	*cluster
	t       *testing.T
	ns      string
	grafana *grafanatest.Server
	also    []string // further namespaces of this test
}

// startGrafana starts a Grafana for a test: the stand-in, or, with GRAFANA_URL set (and GRAFANA_USER and
// GRAFANA_PASSWORD, "admin" by default), what stands before that one. There a test is skipped if its Grafana has to be
// another.
func startGrafana(t *testing.T, opts grafanatest.Options) *grafanatest.Server {
	t.Helper()
	url := os.Getenv("GRAFANA_URL")
	if url == "" {
		return grafanatest.Start(t, opts)
	}
	user, password := cmp.Or(os.Getenv("GRAFANA_USER"), "admin"), cmp.Or(os.Getenv("GRAFANA_PASSWORD"), "admin")
	return grafanatest.Attach(t, grafanatest.Real{URL: url, User: user, Password: password}, opts)
}

// notOnReal skips a test that cannot be made with a real Grafana, if it is to be, and says why in a few words.
func notOnReal(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("GRAFANA_URL") != "" {
		grafanatest.NotOnReal(t, why)
	}
}

// newWorld makes a world whose Instance has been applied.
func newWorld(t *testing.T, opts grafanatest.Options, changes ...func(*v1alpha1.Instance)) *world {
	t.Helper()
	w := newEmptyWorld(t, opts)
	w.instance(changes...)
	return w
}

// newEmptyWorld makes a world without an Instance.
func newEmptyWorld(t *testing.T, opts grafanatest.Options) *world {
	t.Helper()
	w := &world{cluster: sharedCluster(t), t: t, grafana: startGrafana(t, opts)}
	w.ns = w.namespace(nil)
	w.also = nil
	w.create(&corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "admin"},
		StringData: map[string]string{"admin-user": "admin", "admin-password": "admin"},
	})
	t.Cleanup(w.end)
	return w
}

// namespace makes a further namespace.
func (w *world) namespace(labels map[string]string) string {
	w.t.Helper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "api-", Labels: labels}}
	if err := w.client.Create(w.t.Context(), ns); err != nil {
		w.t.Fatal(err)
	}
	w.also = append(w.also, ns.Name)
	return ns.Name
}

// end checks what holds for every test, and takes away what would otherwise go on working.
func (w *world) end() {
	ctx, cancel := context.WithTimeout(context.Background(), reservationTimeout)
	defer cancel()
	for _, ns := range append([]string{w.ns}, w.also...) {
		for _, fault := range w.status.of(ns) {
			w.t.Error(fault)
		}
		for _, leak := range w.leaks(ctx, ns) {
			w.t.Error(leak)
		}
		if w.t.Failed() {
			w.t.Logf("log about %s:\n%s", ns, w.log.about(ns))
		}
	}
	for _, ns := range append([]string{w.ns}, w.also...) {
		w.abandon(ctx, ns)
	}
}

// abandon deletes all our objects in a namespace without a thought for Grafana.
func (w *world) abandon(ctx context.Context, ns string) {
	for _, obj := range w.objects(ctx, ns) {
		patch := client.RawPatch(
			types.MergePatchType,
			[]byte(`{"metadata":{"annotations":{"`+v1alpha1.AnnotationAbandon+`":"true"}}}`),
		)
		if err := errors.Join(
			client.IgnoreNotFound(w.client.Patch(ctx, obj, patch)),
			client.IgnoreNotFound(w.client.Delete(ctx, obj)),
		); err != nil {
			w.t.Error(err)
		}
	}
	if err := poll(ctx, func() error {
		if left := w.objects(ctx, ns); len(left) > 0 {
			return fmt.Errorf("%d objects are left in %s, such as %T %s", len(left), ns, left[0], left[0].GetName())
		}
		return nil
	}); err != nil {
		w.t.Errorf("abandoned objects do not go: %v", err)
	}
}

// objects lists all our objects in a namespace, what contains others last.
func (w *world) objects(ctx context.Context, ns string) (all []lifecycle.Object) {
	lists := controllers.Lists()
	slices.Reverse(lists)
	for _, list := range lists {
		if err := w.client.List(ctx, list, client.InNamespace(ns)); err != nil {
			w.t.Fatal(err)
		}
		items, err := meta.ExtractList(list)
		if err != nil {
			w.t.Fatal(err)
		}
		for _, item := range items {
			all = append(all, item.(lifecycle.Object))
		}
	}
	return all
}

// leaks finds keys of this world's Grafana where none may be.
func (w *world) leaks(ctx context.Context, ns string) (leaks []string) {
	keys := w.grafana.Keys()
	look := func(what string, content any) {
		text, err := json.Marshal(content)
		if err != nil {
			w.t.Fatal(err)
		}
		for _, key := range keys {
			if bytes.Contains(text, []byte(key)) {
				leaks = append(leaks, fmt.Sprintf("%s holds the key %s…", what, key[:12]))
			}
		}
	}
	for _, obj := range w.objects(ctx, ns) {
		look(fmt.Sprintf("%T %s", obj, obj.GetName()), obj)
	}
	var events eventsv1.EventList
	var configMaps corev1.ConfigMapList
	var secrets corev1.SecretList
	for _, list := range []client.ObjectList{&events, &configMaps, &secrets} {
		if err := w.client.List(ctx, list, client.InNamespace(ns)); err != nil {
			w.t.Fatal(err)
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

// poll asks until check is content or ctx ends, less and less often.
func poll(ctx context.Context, check func() error) error {
	pause := 5 * time.Millisecond
	for {
		err := check()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pause):
			pause = min(2*pause, 100*time.Millisecond)
		}
	}
}

// eventually waits until check is content.
func (w *world) eventually(what string, check func() error) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), reservationTimeout)
	defer cancel()
	if err := poll(ctx, check); err != nil {
		w.t.Fatalf("%s: %v", what, err)
	}
}

// create creates an object, in the world's namespace unless it names one.
func (w *world) create(obj client.Object) {
	w.t.Helper()
	if obj.GetNamespace() == "" {
		obj.SetNamespace(w.ns)
	}
	if err := w.client.Create(w.t.Context(), obj); err != nil {
		w.t.Fatalf("creating %T %s: %v", obj, obj.GetName(), err)
	}
}

// delete asks for an object's deletion and does not wait.
func (w *world) delete(objs ...client.Object) {
	w.t.Helper()
	for _, obj := range objs {
		if err := w.client.Delete(w.t.Context(), obj); err != nil {
			w.t.Fatalf("deleting %T %s: %v", obj, obj.GetName(), err)
		}
	}
}

// gone waits until objects are no more.
func (w *world) gone(objs ...client.Object) {
	w.t.Helper()
	for _, obj := range objs {
		w.eventually(fmt.Sprintf("deletion of %T %s", obj, obj.GetName()), func() error {
			err := w.client.Get(w.t.Context(), client.ObjectKeyFromObject(obj), obj)
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

// get reads an object afresh.
func get[T client.Object](w *world, obj T) T {
	w.t.Helper()
	if err := w.client.Get(w.t.Context(), client.ObjectKeyFromObject(obj), obj); err != nil {
		w.t.Fatal(err)
	}
	return obj
}

// change changes an object in Kubernetes.
func change[T client.Object](w *world, obj T, mutate func()) T {
	w.t.Helper()
	err := retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		if err := w.client.Get(w.t.Context(), client.ObjectKeyFromObject(obj), obj); err != nil {
			return err
		}
		mutate()
		return w.client.Update(w.t.Context(), obj)
	})
	if err != nil {
		w.t.Fatalf("changing %T %s: %v", obj, obj.GetName(), err)
	}
	return obj
}

// visit has the operator look at an object now.
func visit[T client.Object](w *world, obj T) T {
	w.t.Helper()
	patch := fmt.Sprintf(`{"metadata":{"annotations":{"example.com/visit":"%d"}}}`, time.Now().UnixNano())
	if err := w.client.Patch(w.t.Context(), obj, client.RawPatch(types.MergePatchType, []byte(patch))); err != nil {
		w.t.Fatal(err)
	}
	return obj
}

// until waits for a state of an object, at its present generation at least.
func until[T lifecycle.Object](w *world, obj T, what string, reached func(ready metav1.Condition) bool) T {
	w.t.Helper()
	generation := obj.GetGeneration()
	w.eventually(fmt.Sprintf("%T %s: %s", obj, obj.GetName(), what), func() error {
		if err := w.client.Get(w.t.Context(), client.ObjectKeyFromObject(obj), obj); err != nil {
			return err
		}
		status := obj.CommonStatus()
		ready := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionReady)
		if ready == nil || ready.ObservedGeneration < generation && ready.Reason != v1alpha1.ReasonSuspended ||
			!reached(*ready) {
			return fmt.Errorf(
				"generation %d, observed %d, conditions %+v",
				generation,
				status.ObservedGeneration,
				status.Conditions,
			)
		}
		return nil
	})
	return obj
}

// ready waits until an object is Ready at its present generation.
func ready[T lifecycle.Object](w *world, obj T) T {
	w.t.Helper()
	return until(w, obj, "Ready", func(c metav1.Condition) bool {
		return c.Status == metav1.ConditionTrue && obj.CommonStatus().ObservedGeneration >= obj.GetGeneration()
	})
}

// stalled waits until an object is stalled for a reason, and checks that the message has all of the texts in it.
func stalled[T lifecycle.Object](w *world, obj T, reason string, texts ...string) T {
	w.t.Helper()
	return unready(w, obj, v1alpha1.ConditionStalled, reason, texts...)
}

// waiting waits until an object waits for a reason, and checks that the message has all of the texts in it.
func waiting[T lifecycle.Object](w *world, obj T, reason string, texts ...string) T {
	w.t.Helper()
	return unready(w, obj, v1alpha1.ConditionReconciling, reason, texts...)
}

func unready[T lifecycle.Object](w *world, obj T, with, reason string, texts ...string) T {
	w.t.Helper()
	until(w, obj, with+" by "+reason, func(c metav1.Condition) bool {
		return c.Status != metav1.ConditionTrue && c.Reason == reason &&
			meta.IsStatusConditionTrue(obj.CommonStatus().Conditions, with)
	})
	says(w, obj, texts...)
	return obj
}

// says checks the message of an object's Ready condition.
func says(w *world, obj lifecycle.Object, texts ...string) {
	w.t.Helper()
	message := messageOf(obj)
	for _, text := range texts {
		if !strings.Contains(message, text) {
			w.t.Errorf("%T %s: the message lacks %q: %s", obj, obj.GetName(), text, message)
		}
	}
}

func messageOf(obj lifecycle.Object) string {
	if c := meta.FindStatusCondition(obj.CommonStatus().Conditions, v1alpha1.ConditionReady); c != nil {
		return c.Message
	}
	return ""
}

func isTrue(obj lifecycle.Object, condition string) bool {
	return meta.IsStatusConditionTrue(obj.CommonStatus().Conditions, condition)
}

// clock is a clock that can be put forward.
type clock struct{ ahead atomic.Int64 }

func newClock() *clock { return &clock{} }

func (c *clock) Now() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }

func (c *clock) advance(d time.Duration) { c.ahead.Add(int64(d)) }

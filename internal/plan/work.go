package plan

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/controllers"
	"grafana-tenancy.dev/operator/internal/connection"
	"grafana-tenancy.dev/operator/internal/grafana"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/plan/draft"
)

// worker has the operator at work on the draft.
type worker struct {
	Options
	store       *store
	env         *controllers.Env
	controllers []lifecycle.Controller
	subjects    map[subjectKey]*subject
	order       []*subject                   // as they came to be known
	others      map[subjectKey]bool          // Secrets, ConfigMaps and Namespaces that the manifests change
	live        map[subjectKey]client.Object // as they are in the cluster
	// values are those that the manifests give Secrets, by key.
	values map[client.ObjectKey]map[string][]byte
	// refusals are the Instances whose credential was refused, by where the Grafana is.
	refusals map[string]client.ObjectKey
	// unforeseen are the objects in the cluster of which the plan cannot say what becomes of them.
	unforeseen map[subjectKey]client.Object
	applied    map[subjectKey]*unstructured.Unstructured // manifests that are laid over already
	told       *lifecycle.Outcome
	ahead      time.Duration // of the clock
	visited    int
	tick       int                      // counts what visits have changed
	news       map[client.ObjectKey]int // the last change in each organization or instance

	mu    sync.Mutex
	asked map[subjectKey]bool // visits that somebody has asked for
	woken chan struct{}

	drafts map[client.ObjectKey]*draft.Draft
}

func newWorker(o Options) *worker {
	return &worker{
		Options: o, store: newStore(o.Scheme, o.Cluster), subjects: map[subjectKey]*subject{},
		news: map[client.ObjectKey]int{}, asked: map[subjectKey]bool{}, woken: make(chan struct{}, 1),
		drafts: map[client.ObjectKey]*draft.Draft{}, others: map[subjectKey]bool{},
		live: map[subjectKey]client.Object{}, values: map[client.ObjectKey]map[string][]byte{},
		applied: map[subjectKey]*unstructured.Unstructured{}, refusals: map[string]client.ObjectKey{},
		unforeseen: map[subjectKey]client.Object{},
	}
}

// register makes the operator's reconcilers, on the store and the drafts.
func (w *worker) register() error {
	w.env = &controllers.Env{
		Engine: &lifecycle.Engine{
			Client: w.store, Live: w.store, Events: quiet{}, Connections: connection.NewPool(), Now: w.now,
			Told: func(o lifecycle.Outcome) { w.told = &o },
		},
		ClusterID: w.ClusterID, Transport: w.Transport, Through: w.through, Sources: w.Sources, UserAgent: w.UserAgent,
		GrafanaCom: w.GrafanaCom,
	}
	if err := controllers.Register(w.env); err != nil {
		return err
	}
	w.controllers = w.env.Controllers()
	for _, c := range w.controllers {
		for _, index := range c.Indexes {
			w.store.indexes[c.Name+" "+index.Field] = func(o client.Object) []string {
				return index.Of(o.(lifecycle.Object))
			}
		}
		if err := c.UseQueue(context.Background(), &queue{w: w, kind: c.Name}); err != nil {
			return err
		}
	}
	w.store.named = secretsNamed(w.controllers, w.store)
	return nil
}

// visitKey is under which a context has the subject that a request is sent for.
type visitKey struct{}

// through puts a draft before the Grafana of an Instance, the same one for all connections to it.
func (w *worker) through(obj *v1alpha1.Instance, network grafana.RoundTripper) grafana.RoundTripper {
	key := client.ObjectKeyFromObject(obj)
	if d := w.drafts[key]; d != nil {
		return d
	}
	path := ""
	if u, err := url.Parse(obj.Spec.URL); err == nil {
		path = strings.TrimRight(u.EscapedPath(), "/")
	}
	if to := w.Addresses[key]; to != nil {
		network = elsewhere{network, to, path}
	}
	of := func(ctx context.Context) *subject {
		v, _ := ctx.Value(visitKey{}).(*subject)
		if v == nil {
			v = &subject{} // nobody's: it is not sent either
		}
		return v
	}
	w.drafts[key] = draft.New(network, draft.Options{
		Path: path, Now: w.Now,
		Noted:  func(ctx context.Context, r draft.Write) { v := of(ctx); v.writes = append(v.writes, r) },
		Unseen: func(ctx context.Context) { of(ctx).unseen = true },
	})
	return w.drafts[key]
}

// work visits all until nothing new comes of it.
func (w *worker) work(ctx context.Context) error {
	ctx = logr.NewContext(ctx, logr.Discard())
	const rounds = 100
	for n := 0; n < rounds+mostWaits*len(w.order); n++ {
		visited := false
		for _, v := range w.turn() {
			if !w.isDue(v) {
				continue
			}
			if v.believed && w.ahead < believedFor {
				w.ahead = believedFor
			}
			if err := w.visit(ctx, v); err != nil {
				return err
			}
			visited = true
		}
		if visited {
			continue
		}
		v := w.later()
		if v == nil {
			return nil
		}
		if err := w.visit(ctx, v); err != nil {
			return err
		}
		if v.kind == "Instance" { // what it has found out is not all in its status
			w.tick++
			v.seenAt = w.tick
		}
	}
	return errors.New("it does not come to rest")
}

const (
	// soon is how far ahead a plan looks: what the operator finishes after a short wait is part of it.
	soon = 2 * time.Minute
	// mostWaits is how often an object is looked at again since it waits for nothing but time.
	mostWaits = 5
)

// believedFor is for how long a process that starts believes what status says of sources that are fetched.
const believedFor = 2 * time.Second

// isFetched reports whether what an object asks for is on another server, and so can have changed there.
func isFetched(obj lifecycle.Object) bool {
	d, is := obj.(*v1alpha1.Dashboard)
	return is && d.Spec.Source.URL != nil
}

// later puts the clock forward to the next visit that is due soon, of an object that the operator is not done with, or
// of an Instance, which has just been asked; nil: there is none.
func (w *worker) later() *subject {
	var next *subject
	for _, v := range w.order {
		waits := mostWaits
		if v.last.Tried {
			waits = 2
		}
		unfinished := v.last.Ready != metav1.ConditionTrue || v.kind == "Instance"
		if v.gone || !v.visitable(w) || !unfinished || v.after == 0 || v.after > soon || v.waits >= waits ||
			v.kind == "Instance" && v.last.Tried || v.isRefused() {
			continue
		}
		if next == nil || v.due.Before(next.due) {
			next = v
		}
	}
	if next != nil {
		w.ahead = max(w.ahead, next.due.Sub(w.Now()))
		next.waits++
	}
	return next
}

// now is the time that the operator goes by.
func (w *worker) now() time.Time { return w.Now().Add(w.ahead) }

// turn is the order of visits: from what contains others to what is in it, and back for what goes.
func (w *worker) turn() []*subject {
	w.mu.Lock()
	for k := range w.asked {
		if _, there := w.store.objects[k.kind][k.key]; there {
			w.subject(k.kind, k.key).asked = true
		}
		delete(w.asked, k)
	}
	w.mu.Unlock()
	rank := map[string]int{}
	for i, kind := range []string{
		"Instance", "User", "Organization", "Membership", "Team", "ServiceAccount", "ServiceAccountToken", "Folder",
		"DataSource", "Dashboard",
	} {
		rank[kind] = i
	}
	place := func(v *subject) int {
		obj := w.store.objects[v.kind][v.key]
		if obj != nil && obj.GetDeletionTimestamp() != nil && v.kind != "Instance" {
			return 100 - rank[v.kind]
		}
		return rank[v.kind]
	}
	all := slices.Clone(w.order)
	slices.SortStableFunc(all, func(a, b *subject) int { return place(a) - place(b) })
	return all
}

// isDue reports whether a visit can bring anything new.
func (w *worker) isDue(v *subject) bool {
	switch {
	case v.gone || !v.visitable(w), v.isRefused():
		return false
	case v.visits == 0, v.believed, v.asked && w.tick > v.seenAt:
		return true
	case v.last.Ready == metav1.ConditionTrue:
		obj := w.store.objects[v.kind][v.key].(lifecycle.Object)
		return len(v.writes) == 0 && v.kind != "Instance" && w.news[w.organizationOf(obj)] > v.seenAt
	}
	return w.tick > v.seenAt
}

// isRefused reports whether a Grafana has refused its credential. Another try would be refused as well, and few more of
// them lock the login out.
func (v *subject) isRefused() bool {
	return v.kind == "Instance" && v.visits > 0 && v.last.Reason == v1alpha1.ReasonInvalidCredentials
}

// visit has the operator look at an object.
func (w *worker) visit(ctx context.Context, v *subject) error {
	if v.visits == 0 {
		w.visited++
	}
	w.Progress(w.visited, len(w.order))
	obj := w.store.objects[v.kind][v.key].(lifecycle.Object)
	in := w.organizationOf(obj)
	changes, writes := w.store.changes, len(v.writes)
	v.asked = false
	if why := w.withheld(ctx, v); why != "" {
		w.withhold(v, why)
		return nil
	}
	if err := w.reconcile(context.WithValue(ctx, visitKey{}, v), v); err != nil {
		return err
	}
	v.visits++
	if v.isRefused() {
		w.refusals[w.baseOf(obj)] = v.key
	}
	v.believed = v.visits == 1 && (w.told.Unvisited || isFetched(obj))
	if w.store.changes != changes || len(v.writes) != writes {
		w.tick++
		w.news[in] = w.tick
		w.spread(ctx, v)
	}
	v.seenAt = w.tick
	return nil
}

// reconcile has the operator's reconciler look at an object, once it is its turn.
func (w *worker) reconcile(ctx context.Context, v *subject) error {
	i := slices.IndexFunc(w.controllers, func(c lifecycle.Controller) bool { return c.Name == v.kind })
	for n := 0; n < mostTurns; n++ {
		w.told = nil
		result, err := w.controllers[i].Reconciler.Reconcile(ctx, ctrl.Request{NamespacedName: v.key})
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			return fmt.Errorf("%s %s: %w", v.kind, v.key, err)
		case w.told == nil:
			return fmt.Errorf("nothing is known of %s %s", v.kind, v.key)
		}
		v.take(*w.told)
		v.after, v.due = result.RequeueAfter, w.now().Add(result.RequeueAfter)
		if !w.told.Queued {
			return nil
		}
		if err := w.awaitTurn(ctx); err != nil {
			return err
		}
	}
	return nil
}

// mostTurns is how often a turn is waited for.
const mostTurns = 100

// longestTurn is how long a turn is waited for: the limits of an Instance make nobody wait for longer.
const longestTurn = time.Minute

// awaitTurn waits until somebody is woken.
func (w *worker) awaitTurn(ctx context.Context) error {
	timer := time.NewTimer(longestTurn)
	defer timer.Stop()
	select {
	case <-w.woken:
	case <-timer.C:
	case <-ctx.Done():
	}
	return ctx.Err()
}

// queue takes the visits that the operator asks for.
type queue struct {
	workqueue.TypedRateLimitingInterface[ctrl.Request]
	w    *worker
	kind string
}

// Add notes that a visit is asked for.
func (q *queue) Add(r ctrl.Request) {
	q.w.mu.Lock()
	defer q.w.mu.Unlock()
	q.w.asked[subjectKey{q.kind, r.NamespacedName}] = true
	select {
	case q.w.woken <- struct{}{}:
	default:
	}
}

// quiet tells nobody of events: their texts come with the outcome.
type quiet struct{}

// Eventf does nothing.
func (quiet) Eventf(runtime.Object, runtime.Object, string, string, string, string, ...any) {}

package lease_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	coordinationclient "k8s.io/client-go/kubernetes/typed/coordination/v1"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/client-go/tools/leaderelection/resourcelock"

	"grafana-tenancy.dev/operator/internal/lease"
	"grafana-tenancy.dev/operator/internal/lifecycle"
)

const namespace = "operators"

// world is an API server with leases only, and a clock.
type world struct {
	t     *testing.T
	kube  *fake.Clientset
	clock time.Time
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, kube: fake.NewClientset(), clock: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	w.kube.PrependReactor("update", "leases", w.underVersion)
	return w
}

var leaseResource = coordinationv1.SchemeGroupVersion.WithResource("leases")

// underVersion refuses an update of another version than that which is there, as an API server does.
func (w *world) underVersion(action clienttesting.Action) (handled bool, ret runtime.Object, err error) {
	lease := action.(clienttesting.UpdateAction).GetObject().(*coordinationv1.Lease)
	stored, err := w.kube.Tracker().Get(leaseResource, lease.Namespace, lease.Name)
	if err != nil {
		return true, nil, err
	}
	was := stored.(*coordinationv1.Lease).ResourceVersion
	if lease.ResourceVersion != was {
		return true, nil, apierrors.NewConflict(leaseResource.GroupResource(), lease.Name, errors.New("modified"))
	}
	lease.ResourceVersion = was + "+"
	return false, nil, nil
}

// clients are those of the fake API server, which itself answers whose context has ended, too.
type clients struct {
	coordinationclient.LeasesGetter
}

func (c clients) Leases(namespace string) coordinationclient.LeaseInterface {
	return leases{c.LeasesGetter.Leases(namespace)}
}

type leases struct {
	coordinationclient.LeaseInterface
}

func (l leases) Update(
	ctx context.Context, lease *coordinationv1.Lease, opts metav1.UpdateOptions,
) (*coordinationv1.Lease, error) {
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return l.LeaseInterface.Update(ctx, lease, opts)
}

// mustBeGivenBack fails unless nobody holds a lease.
func (w *world) mustBeGivenBack(name string) {
	w.t.Helper()
	if held := w.stored(name); held != "" {
		w.t.Errorf("%s is not given back, held by %q", name, held)
	}
}

// stored is who holds a lease, as it says itself.
func (w *world) stored(name string) string {
	w.t.Helper()
	lease, err := w.kube.CoordinationV1().Leases(namespace).Get(w.t.Context(), name, metav1.GetOptions{})
	if err != nil {
		w.t.Fatal(err)
	}
	return *lease.Spec.HolderIdentity
}

func shard(t *testing.T, text string) lifecycle.Shard {
	t.Helper()
	s, err := lifecycle.ParseShard(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// lock is what the elector of a process has: of a shard ours, of the whole fleet client-go's own.
func (w *world) lock(text, identity string) resourcelock.Interface {
	w.t.Helper()
	s := shard(w.t, text)
	plain := &resourcelock.LeaseLock{
		LeaseMeta:  metav1.ObjectMeta{Namespace: namespace, Name: lease.Name(s)},
		Client:     clients{w.kube.CoordinationV1()},
		LockConfig: resourcelock.ResourceLockConfig{Identity: identity},
	}
	if s.Of == 1 {
		return plain
	}
	return lease.NewLock(plain, s, func() time.Time { return w.clock })
}

// record is what an elector writes for a holder; "": for nobody.
func (w *world) record(identity string) resourcelock.LeaderElectionRecord {
	now := metav1.NewTime(w.clock)
	return resourcelock.LeaderElectionRecord{
		HolderIdentity: identity, LeaseDurationSeconds: 15, AcquireTime: now, RenewTime: now,
	}
}

// holder is who has the lease, as an elector sees it; "": it may be taken.
func holder(t *testing.T, l resourcelock.Interface) string {
	t.Helper()
	record, _, err := l.Get(t.Context())
	if err != nil {
		if strings.Contains(err.Error(), "not found") {
			return ""
		}
		t.Fatal(err)
	}
	return record.HolderIdentity
}

// take is what an elector does to become the holder.
func (w *world) take(l resourcelock.Interface) error {
	w.t.Helper()
	if _, _, err := l.Get(w.t.Context()); err != nil {
		return l.Create(w.t.Context(), w.record(l.Identity()))
	}
	return l.Update(w.t.Context(), w.record(l.Identity()))
}

func (w *world) mustTake(l resourcelock.Interface) {
	w.t.Helper()
	if err := w.take(l); err != nil {
		w.t.Fatal(err)
	}
}

func TestNames(t *testing.T) {
	for text, want := range map[string]string{
		"0/1": "grafana-tenancy.dev", "0/2": "grafana-tenancy.dev-0-of-2", "11/12": "grafana-tenancy.dev-11-of-12",
	} {
		if got := lease.Name(shard(t, text)); got != want {
			t.Errorf("the lease of %s is %s", text, got)
		}
	}
	if got := lease.Name(lifecycle.Shard{}); got != "grafana-tenancy.dev" {
		t.Errorf("the lease of the whole fleet is %s", got)
	}
}

func TestEachShardHasALeaseOfItsOwn(t *testing.T) {
	w := newWorld(t)
	first, second, standby := w.lock("0/2", "a"), w.lock("1/2", "b"), w.lock("0/2", "c")
	w.mustTake(first)
	w.mustTake(second)
	if got := holder(t, standby); got != "a" {
		t.Errorf("the lease that a second process waits for is held by %q", got)
	}
	if got := holder(t, second); got != "b" {
		t.Errorf("the other shard's is held by %q", got)
	}
}

// No shard begins while a process with another number of shards is at work, and that one goes on undisturbed.
func TestAnotherDivisionIsWaitedFor(t *testing.T) {
	for _, test := range [][2]string{{"0/1", "1/2"}, {"1/2", "1/3"}, {"2/3", "0/2"}} {
		w := newWorld(t)
		old, next := w.lock(test[0], "old"), w.lock(test[1], "new")
		w.mustTake(old)
		if got := holder(t, next); got != "old" {
			t.Errorf("%v: the one that waits sees the lease held by %q", test, got)
		}
		w.clock = w.clock.Add(10 * time.Second)
		w.mustTake(old)
		w.clock = w.clock.Add(10 * time.Second)
		if got := holder(t, next); got != "old" {
			t.Errorf("%v: after the lease was renewed it is held by %q", test, got)
		}
		if err := old.Update(t.Context(), w.record("")); err != nil {
			t.Fatal(err)
		}
		if got := holder(t, next); got != "" {
			t.Errorf("%v: after it was given back it is held by %q", test, got)
		}
		w.mustTake(next)
		if got := holder(t, old); got != "new" && test[0] != "0/1" { // which looks once it is elected
			t.Errorf("%v: the way back is open, held by %q", test, got)
		}
	}
}

// Of two that begin at the same time, none has seen the other before it took its lease.
func TestTwoDivisionsThatBeginAtOnce(t *testing.T) {
	w := newWorld(t)
	one, two := w.lock("0/3", "one"), w.lock("0/2", "two")
	for _, l := range []resourcelock.Interface{one, two} {
		if got := holder(t, l); got != "" {
			t.Errorf("the lease of nobody is held by %q", got)
		}
	}
	if err := two.Create(t.Context(), w.record("two")); err != nil {
		t.Fatal(err)
	}
	err := one.Create(t.Context(), w.record("one"))
	if err == nil || !strings.Contains(err.Error(), "grafana-tenancy.dev-0-of-2 is held by two") {
		t.Errorf("the one that comes second takes its lease: %v", err)
	}
	w.mustBeGivenBack("grafana-tenancy.dev-0-of-3")
	w.mustTake(two) // renewed, with nobody in its way
}

// Who steps back has nothing to come back for, also when it is told to end meanwhile.
func TestLeaseIsGivenBackWhenTheProcessEnds(t *testing.T) {
	w := newWorld(t)
	one, two := w.lock("0/1", "one"), w.lock("0/2", "two")
	ctx, end := context.WithCancel(t.Context())
	w.kube.PrependReactor("list", "leases", func(clienttesting.Action) (bool, runtime.Object, error) {
		end()
		return false, nil, nil
	})
	w.mustTake(one)
	if err := two.Create(ctx, w.record("two")); err == nil {
		t.Error("it has its lease")
	}
	w.mustBeGivenBack("grafana-tenancy.dev-0-of-2")
}

// A process that was suspended, with its machine for example, has been taken for dead. When it wakes, it must not go on
// beside those of the other division, whose leases are not its own.
func TestHolderThatWasSuspendedCannotGoOn(t *testing.T) {
	for _, test := range [][2]string{{"0/1", "1/2"}, {"1/2", "1/3"}} {
		w := newWorld(t)
		suspended, next := w.lock(test[0], "suspended"), w.lock(test[1], "next")
		w.mustTake(suspended)
		if got := holder(t, next); got != "suspended" {
			t.Errorf("%v: it is held by %q", test, got)
		}
		w.clock = w.clock.Add(16 * time.Second)
		w.mustTake(next)
		if err := suspended.Update(t.Context(), w.record("suspended")); !apierrors.IsConflict(err) {
			t.Errorf("%v: it renews its lease: %v", test, err)
		}
		if got := holder(t, suspended); got != "replaced by next" {
			t.Errorf("%v: its lease is held by %q", test, got)
		}
		w.clock = w.clock.Add(16 * time.Second)
		if err := next.Update(t.Context(), w.record("")); err != nil {
			t.Fatal(err)
		}
		w.mustTake(w.lock(test[0], "anew")) // as after any lease that has run out
	}
}

// It wakes at the last moment.
func TestHolderThatRenewsItsLeaseJustBeforeItIsReplaced(t *testing.T) {
	w := newWorld(t)
	suspended, next := w.lock("0/1", "suspended"), w.lock("0/2", "next")
	w.mustTake(suspended)
	holder(t, next)
	w.clock = w.clock.Add(16 * time.Second)
	holder(t, next)
	w.kube.PrependReactor("update", "leases", func(action clienttesting.Action) (bool, runtime.Object, error) {
		if action.(clienttesting.UpdateAction).GetObject().(*coordinationv1.Lease).Name != "grafana-tenancy.dev" {
			return false, nil, nil
		}
		return false, nil, w.store("grafana-tenancy.dev", "suspended")
	})
	if err := w.take(next); err == nil || !strings.Contains(err.Error(), "grafana-tenancy.dev is held by suspended") {
		t.Errorf("both are at work: %v", err)
	}
	w.mustBeGivenBack("grafana-tenancy.dev-0-of-2")
}

// An elector that is told to end writes what it had when it last looked, under the version that it reads then. Somebody
// else of its shard may have taken the lease from it while it was suspended.
func TestLeaseOfSomebodyElseIsNotGivenBack(t *testing.T) {
	w := newWorld(t)
	suspended := w.lock("0/2", "suspended")
	w.mustTake(suspended)
	if err := w.store("grafana-tenancy.dev-0-of-2", "next"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := suspended.Get(t.Context()); err != nil {
		t.Fatal(err)
	}
	err := suspended.Update(t.Context(), w.record(""))
	if err == nil || !strings.Contains(err.Error(), `held by "next"`) {
		t.Errorf("it gives back what it has not: %v", err)
	}
	if held := w.stored("grafana-tenancy.dev-0-of-2"); held != "next" {
		t.Errorf("it is held by %q", held)
	}
}

// A shard's lease that was deleted under its holder has to be taken anew, and somebody else may have begun meanwhile.
func TestHolderWhoseLeaseWasDeleted(t *testing.T) {
	w := newWorld(t)
	first := w.lock("0/3", "first")
	w.mustTake(first)
	if err := w.kube.Tracker().Delete(leaseResource, namespace, "grafana-tenancy.dev-0-of-3"); err != nil {
		t.Fatal(err)
	}
	w.mustTake(w.lock("0/2", "second"))
	if err := w.take(first); err == nil {
		t.Error("both are at work")
	}
	if got := holder(t, first); got != "second" {
		t.Errorf("it sees the lease held by %q", got)
	}
}

// A process that was killed gives nothing back. Its lease ends when it has stood still for as long as it was taken for,
// by this machine's clock alone.
func TestLeaseThatIsNotRenewedEnds(t *testing.T) {
	for name, skew := range map[string]time.Duration{
		"same clock": 0, "behind": -10 * time.Minute, "ahead": 10 * time.Minute,
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			dead, next := w.lock("0/1", "dead"), w.lock("0/2", "new")
			w.mustTake(dead)
			w.clock = w.clock.Add(skew)
			for _, at := range []time.Duration{0, 10 * time.Second, 5 * time.Second} {
				w.clock = w.clock.Add(at)
				if got := holder(t, next); got != "dead" {
					t.Errorf("it is held by %q", got)
				}
			}
			w.clock = w.clock.Add(time.Second)
			if got := holder(t, next); got != "" {
				t.Errorf("it is still held by %q", got)
			}
			w.mustTake(next)
		})
	}
}

// A clock that is hours behind says nothing of a lease, however old it looks.
func TestLeaseThatLooksOldIsWatchedFirst(t *testing.T) {
	w := newWorld(t)
	old, next := w.lock("0/3", "old"), w.lock("0/2", "new")
	w.mustTake(old)
	w.clock = w.clock.Add(2 * time.Hour)
	if got := holder(t, next); got != "old" {
		t.Errorf("it is held by %q", got)
	}
	w.clock = w.clock.Add(16 * time.Second)
	w.mustTake(next)
}

func TestOtherLeasesAreNobodysShards(t *testing.T) {
	w := newWorld(t)
	record := w.record("somebody")
	for _, name := range []string{
		"another-operator", "grafana-tenancy.dev-", "grafana-tenancy.dev-blue", "grafana-tenancy.dev-a-of-b",
		"grafana-tenancy.dev-0-of-2-of-3", "my-grafana-tenancy.dev-0-of-3",
	} {
		o := &coordinationv1.Lease{
			ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: resourcelock.LeaderElectionRecordToLeaseSpec(&record),
		}
		_, err := w.kube.CoordinationV1().Leases(namespace).Create(t.Context(), o, metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
	}
	w.mustTake(w.lock("0/2", "new"))
}

func TestLeasesThatCannotBeListed(t *testing.T) {
	w := newWorld(t)
	w.kube.PrependReactor("list", "leases", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, nil, errors.New("forbidden")
	})
	l := w.lock("0/2", "new")
	if _, _, err := l.Get(t.Context()); err == nil || !strings.Contains(err.Error(), "allowed to list leases") {
		t.Errorf("it looks at its own lease only: %v", err)
	}
	if err := l.Create(t.Context(), w.record("new")); err == nil {
		t.Error("it takes its lease, and does not know who else is at work")
	}
	if err := l.Update(t.Context(), w.record("new")); err == nil {
		t.Error("it takes its lease, and does not know who else is at work")
	}
}

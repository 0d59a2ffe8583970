package lease_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	ctrl "sigs.k8s.io/controller-runtime"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"grafana-tenancy.dev/operator/internal/lease"
	"grafana-tenancy.dev/operator/internal/lifecycle"
)

// awaitShards looks until the process of the whole fleet may begin, and returns how often. The clock goes on by five
// seconds with each look.
func (w *world) awaitShards(ctx context.Context, onLook func(look int) (handled bool, err error)) (looks int) {
	w.t.Helper()
	w.kube.PrependReactor("list", "leases", func(clienttesting.Action) (bool, runtime.Object, error) {
		looks++
		w.clock = w.clock.Add(5 * time.Second)
		handled, err := onLook(looks)
		return handled, &coordinationv1.LeaseList{}, err
	})
	lease.AwaitShards(ctx, &resourcelock.LeaseLock{
		LeaseMeta:  metav1.ObjectMeta{Namespace: namespace, Name: "grafana-tenancy.dev"},
		Client:     w.kube.CoordinationV1(),
		LockConfig: resourcelock.ResourceLockConfig{Identity: "whole"},
	}, func() time.Time { return w.clock }, 0)
	return looks
}

// store has another process renew a lease, or give it back for the holder "". A reactor has the client to itself, so
// that it is written beside that.
func (w *world) store(name, holder string) error {
	record := w.record(holder)
	return w.kube.Tracker().Update(leaseResource, &coordinationv1.Lease{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, ResourceVersion: w.clock.String()},
		Spec:       resourcelock.LeaderElectionRecordToLeaseSpec(&record),
	}, namespace)
}

func TestWholeFleetWaitsForShards(t *testing.T) {
	t.Run("none", func(t *testing.T) {
		w := newWorld(t)
		w.mustTake(w.lock("0/1", "itself"))
		if looks := w.awaitShards(t.Context(), func(int) (bool, error) { return false, nil }); looks != 1 {
			t.Errorf("it looked %d times", looks)
		}
	})
	t.Run("given back", func(t *testing.T) {
		w := newWorld(t)
		w.mustTake(w.lock("1/2", "shard"))
		looks := w.awaitShards(t.Context(), func(look int) (bool, error) {
			if look < 9 {
				return false, w.store("grafana-tenancy.dev-1-of-2", "shard")
			}
			return false, w.store("grafana-tenancy.dev-1-of-2", "")
		})
		if looks != 9 {
			t.Errorf("it began after %d looks, and the shard's lease was given back at the ninth", looks)
		}
	})
	t.Run("dead", func(t *testing.T) {
		w := newWorld(t)
		w.mustTake(w.lock("1/2", "shard"))
		if looks := w.awaitShards(t.Context(), func(int) (bool, error) { return false, nil }); looks != 6 {
			t.Errorf("it believed the lease to be dead after %d looks, want six: not 15 s after the first", looks)
		}
		if got := w.stored("grafana-tenancy.dev-1-of-2"); got != "replaced by whole" {
			t.Errorf("the shard can wake up and go on: its lease is held by %q", got)
		}
	})
}

// The Role of the version before has get, create and update.
func TestWholeFleetWorksWithoutTheRightToListLeases(t *testing.T) {
	w := newWorld(t)
	w.mustTake(w.lock("0/2", "shard"))
	looks := w.awaitShards(t.Context(), func(int) (bool, error) {
		return true, apierrors.NewForbidden(leaseResource.GroupResource(), "", nil)
	})
	if looks != 2 { // what is forbidden once may be by an API server that has not read its rules yet
		t.Errorf("it looked %d times", looks)
	}
}

// The right to update leases can be bound to the names that there were, and a policy can be in the way.
func TestWholeFleetWorksWithoutTheRightToWriteOverLeases(t *testing.T) {
	for what, test := range map[string]struct {
		refusal error
		looks   int
	}{
		"forbidden": {apierrors.NewForbidden(leaseResource.GroupResource(), "", nil), 7},
		"policy":    {apierrors.NewBadRequest("denied"), 10},
	} {
		w := newWorld(t)
		w.mustTake(w.lock("0/2", "dead"))
		w.kube.PrependReactor("update", "leases", func(clienttesting.Action) (bool, runtime.Object, error) {
			return true, nil, test.refusal
		})
		looks := w.awaitShards(t.Context(), func(look int) (bool, error) { return look > 50, nil })
		if looks != test.looks {
			t.Errorf("%s: it began after %d looks, want %d: the lease was dead at the sixth", what, looks, test.looks)
		}
	}
}

func TestWholeFleetLooksAgainAfterAnError(t *testing.T) {
	w := newWorld(t)
	looks := w.awaitShards(t.Context(), func(look int) (bool, error) { return look < 3, errors.New("timed out") })
	if looks != 3 {
		t.Errorf("it looked %d times", looks)
	}
	ctx, end := context.WithCancel(t.Context())
	looks = newWorld(t).awaitShards(ctx, func(look int) (bool, error) {
		if look == 2 {
			end()
		}
		return true, errors.New("timed out")
	})
	if looks != 2 {
		t.Errorf("it looked %d times, and was to end at the second", looks)
	}
}

// A time-out in the config of the manager would cut all its lists and watches.
func TestManagersConfigIsLeftAlone(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	for _, s := range []lifecycle.Shard{{}, {Index: 1, Of: 2}} {
		config := &rest.Config{Host: server.URL}
		mgr, err := lease.NewManager(config, namespace, s, ctrl.Options{
			LeaderElection: true, Metrics: metricsserver.Options{BindAddress: "0"},
		})
		if err != nil {
			t.Fatal(err)
		}
		for name, c := range map[string]*rest.Config{"given": config, "manager's": mgr.GetConfig()} {
			if c.Timeout != 0 {
				t.Errorf("%s: the %s config has the time-out %s", s, name, c.Timeout)
			}
		}
		if config.UserAgent != "" {
			t.Errorf("%s: the config has the user agent %q", s, config.UserAgent)
		}
	}
}

// The process of the version before looked at no other lease: if listing them does not work, that keeps nobody waiting
// for longer than a holder could go on without renewing its own.
func TestWholeFleetBeginsWhenLeasesCannotBeListedForLong(t *testing.T) {
	w := newWorld(t)
	w.mustTake(w.lock("0/2", "shard"))
	looks := w.awaitShards(t.Context(), func(int) (bool, error) { return true, errors.New("timed out") })
	if looks != 5 {
		t.Errorf("it began after %d looks: a lease ends after more than 15 s, which are five looks", looks)
	}
}

// A shard that was seen at work may still be, whatever can be listed.
func TestWholeFleetWaitsForAShardThatItHasSeen(t *testing.T) {
	leases := leaseResource.GroupResource()
	for _, failure := range []error{errors.New("timed out"), apierrors.NewForbidden(leases, "", nil)} {
		w := newWorld(t)
		w.mustTake(w.lock("0/2", "shard"))
		looks := w.awaitShards(t.Context(), func(look int) (bool, error) {
			switch {
			case look == 1:
				return false, w.store("grafana-tenancy.dev-0-of-2", "shard")
			case look < 20:
				return true, failure
			}
			return false, w.store("grafana-tenancy.dev-0-of-2", "")
		})
		if looks != 20 {
			t.Errorf("%v: it began after %d looks, and the shard had ended at the twentieth", failure, looks)
		}
	}
}

// The plain lease of the whole fleet is written between a shard's look and its own lease.
func TestWholeFleetAndAShardBeginAtOnce(t *testing.T) {
	w := newWorld(t)
	shard := w.lock("0/2", "shard")
	if got := holder(t, shard); got != "" {
		t.Errorf("the lease of nobody is held by %q", got)
	}
	record := w.record("whole")
	if err := w.kube.Tracker().Create(leaseResource, &coordinationv1.Lease{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "grafana-tenancy.dev"},
		Spec:       resourcelock.LeaderElectionRecordToLeaseSpec(&record),
	}, namespace); err != nil {
		t.Fatal(err)
	}
	if err := shard.Create(t.Context(), w.record("shard")); err == nil {
		t.Error("the shard begins too")
	}
	if looks := w.awaitShards(t.Context(), func(int) (bool, error) { return false, nil }); looks != 1 {
		t.Errorf("the shard has stepped back, and is waited for in %d looks", looks)
	}
	if got := holder(t, shard); got != "whole" {
		t.Errorf("the shard sees the lease held by %q", got)
	}
}

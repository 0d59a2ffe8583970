package lease

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/client-go/tools/record"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/leaderelection"
	"sigs.k8s.io/controller-runtime/pkg/recorder"

	"grafana-tenancy.dev/operator/internal/lifecycle"
)

// renewDeadline is how long a manager tries to renew its lease: controller-runtime's default, from which the time-out
// of a request follows.
const renewDeadline = 10 * time.Second

// retryPeriod is how long it is waited between two looks, as a manager does.
const retryPeriod = 2 * time.Second

// NewManager makes the manager of a process that works on a shard. Its lease is in a namespace; "": in that of this
// process's pod. Without leader election in opts, it waits for nobody.
//
// For the whole fleet the election is the manager's own, and nothing else is needed for it: once elected, it only waits
// until no process of a shard is at work.
func NewManager(config *rest.Config, namespace string, s lifecycle.Shard, opts ctrl.Options) (ctrl.Manager, error) {
	opts.LeaderElectionID = Name(s)
	if !opts.LeaderElection {
		return ctrl.NewManager(config, opts)
	}
	if s.Of > 1 {
		lock, err := newLock(config, namespace, s)
		if err != nil {
			return nil, err
		}
		opts.LeaderElectionResourceLockInterface = lock
		return ctrl.NewManager(config, opts)
	}
	opts.LeaderElectionNamespace = namespace
	mgr, err := ctrl.NewManager(config, opts)
	if err != nil {
		return nil, err
	}
	told := record.NewBroadcaster()
	defer told.Shutdown()
	lease, err := newLease(config, namespace, s, told)
	if err != nil {
		return nil, err
	}
	wait := func(ctx context.Context) { AwaitShards(ctx, lease, time.Now, retryPeriod) }
	return &patient{Manager: mgr, wait: wait}, nil
}

// newLock makes the lock of a shard's lease. Who holds it is told in events, the last of which comes when all else has
// ended.
func newLock(config *rest.Config, namespace string, s lifecycle.Shard) (*Lock, error) {
	clients, err := kubernetes.NewForConfig(rest.AddUserAgent(rest.CopyConfig(config), "leader-election"))
	if err != nil {
		return nil, err
	}
	told := record.NewBroadcaster()
	told.StartRecordingToSink(&typedcorev1.EventSinkImpl{Interface: clients.CoreV1().Events("")})
	lease, err := newLease(config, namespace, s, told)
	if err != nil {
		return nil, err
	}
	return NewLock(lease, s, time.Now), nil
}

// newLease leaves the config as it is: what it is made with has a time-out that no watch may have.
func newLease(
	config *rest.Config, namespace string, s lifecycle.Shard, told record.EventBroadcaster,
) (*resourcelock.LeaseLock, error) {
	lock, err := leaderelection.NewResourceLock(rest.CopyConfig(config), recorders{told}, leaderelection.Options{
		LeaderElection: true, LeaderElectionNamespace: namespace, LeaderElectionID: Name(s),
		RenewDeadline: renewDeadline,
	})
	if err != nil {
		return nil, err
	}
	lease, ok := lock.(*resourcelock.LeaseLock)
	if !ok {
		return nil, fmt.Errorf("leader election is by %T, and not by a lease", lock)
	}
	return lease, nil
}

// recorders are those of the events about a lease.
type recorders struct{ record.EventBroadcaster }

// GetEventRecorderFor is what leader election takes.
func (r recorders) GetEventRecorderFor(name string) record.EventRecorder {
	return r.NewRecorder(clientgoscheme.Scheme, corev1.EventSource{Component: name})
}

// GetEventRecorder is for the other API of events, which leader election does not have.
func (r recorders) GetEventRecorder(string) recorder.EventRecorder { return nil }

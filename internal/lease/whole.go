package lease

import (
	"context"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"grafana-tenancy.dev/operator/internal/lifecycle"
)

// patient is a manager whose controllers wait once, when it has been elected, before they begin.
type patient struct {
	ctrl.Manager
	wait func(context.Context)
	once sync.Once
}

// Add adds what the manager runs. What runs by election waits, as all does that does not say otherwise.
func (m *patient) Add(r manager.Runnable) error {
	if elected, ok := r.(manager.LeaderElectionRunnable); ok && !elected.NeedLeaderElection() {
		return m.Manager.Add(r)
	}
	return m.Manager.Add(manager.RunnableFunc(func(ctx context.Context) error {
		m.once.Do(func() { m.wait(ctx) })
		if ctx.Err() != nil {
			return nil
		}
		return r.Start(ctx)
	}))
}

// patience is for how long it is waited for a list of the leases that works: whoever cannot renew its own for that long
// is not at work any more.
const patience = 15 * time.Second

// AwaitShards returns when no process that works on a shard holds its lease any more, or ctx ends. Versions without
// shards needed no rights for that, so that nobody waits for it to work: unless a shard was seen at work, it returns
// the second time that listing leases, or writing over one that a dead shard has left, is forbidden, and after 15
// seconds in which either has failed. The process has its own lease by then, so that a shard which is not at work yet
// does not begin.
func AwaitShards(ctx context.Context, own *resourcelock.LeaseLock, now func() time.Time, pause time.Duration) {
	o := othersThan(own, lifecycle.Shard{}, now)
	log := ctrl.Log.WithName("setup")
	seen := false         // a shard that is at work, as far as is known
	var failing time.Time // since when; zero: the last look worked
	for ctx.Err() == nil {
		shard, dead, err := o.look(ctx)
		if err == nil && shard == nil {
			seen = false
			shard, err = o.writeOver(ctx, dead)
		}
		switch at := now(); {
		case err == nil && shard == nil:
			return
		case err == nil:
			seen, failing = true, time.Time{}
			o.tell(own.Describe(), shard)
		case failing.IsZero():
			failing = at
			log.Error(err, "looking again")
		case !seen && (apierrors.IsForbidden(err) || at.Sub(failing) > patience):
			log.Info("beginning, and not waiting for processes with more than one shard", "reason", err.Error())
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

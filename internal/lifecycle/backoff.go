package lifecycle

import (
	"cmp"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// failing is how often an object has failed in a row, and how long it waits. Failures within that wait, of visits that
// changes elsewhere bring, do not count: or an outage in which much is deleted would be noticed to be over late.
type failing struct {
	times int
	step  time.Duration
	until time.Time
}

// backoff counts the failures of an object and says how long to wait after the last one. The count is kept here and not
// in the queue, which forgets it when a pass waits its turn.
func (r *Reconciler[T, R]) backoff(key types.NamespacedName, failed bool) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !failed {
		delete(r.failures, key)
		return 0
	}
	if r.failures == nil {
		r.failures = map[types.NamespacedName]failing{}
	}
	f, now := r.failures[key], r.Now()
	if !now.Before(f.until) {
		f.step = min(cmp.Or(r.FirstRetry, time.Second)<<min(f.times, 20), cmp.Or(r.LastRetry, 5*time.Minute))
		f.times, f.until = f.times+1, now.Add(f.step*9/10)
		r.failures[key] = f
	}
	return jitter(f.step)
}

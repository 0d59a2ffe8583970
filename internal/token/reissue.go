package token

import (
	"maps"
	"sync"
	"time"

	"golang.org/x/time/rate"
	"k8s.io/apimachinery/pkg/types"
)

// ReissueLimiter slows down the making of keys in the place of lost ones, one token at a time: if something spoils the
// Secret after each write, a key is made for each. It is kept in memory, so that it costs no writes, and begins anew
// with the process.
type ReissueLimiter struct {
	mu     sync.Mutex
	tokens map[types.UID]*rate.Limiter
}

// NewReissueLimiter makes a ReissueLimiter that has seen nothing yet.
func NewReissueLimiter() *ReissueLimiter {
	return &ReissueLimiter{tokens: map[types.UID]*rate.Limiter{}}
}

const (
	// ReissueBurst is how many keys are made at once, far more than people and accidents can need.
	ReissueBurst = 50
	// ReissuePace is how long it takes until there can be one more.
	ReissuePace = time.Minute
)

// Wait is how long until another key may be made for a token; 0: it is made now, and counted.
func (b *ReissueLimiter) Wait(uid types.UID, now time.Time) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	maps.DeleteFunc(b.tokens, func(_ types.UID, l *rate.Limiter) bool { return l.TokensAt(now) >= ReissueBurst })
	limiter := b.tokens[uid]
	if limiter == nil {
		limiter = rate.NewLimiter(rate.Every(ReissuePace), ReissueBurst)
		b.tokens[uid] = limiter
	}
	r := limiter.ReserveN(now, 1)
	delay := r.DelayFrom(now)
	if delay > 0 {
		r.CancelAt(now)
	}
	return delay
}

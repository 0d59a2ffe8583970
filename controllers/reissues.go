package controllers

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
	"k8s.io/apimachinery/pkg/types"

	"grafana-tenancy.dev/operator/api/v1alpha1"
)

// reissues keeps an object whose Secret is spoiled again and again from having keys made without end: ten at once, then one a minute.
type reissues struct {
	mu  sync.Mutex
	all map[types.UID]*rate.Limiter
}

const (
	reissuesAtOnce = 10
	reissueEvery   = time.Minute
)

// take fails if the object has had its share.
func (r *reissues) take(obj *v1alpha1.ServiceAccountToken, now time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for uid, l := range r.all {
		if l.TokensAt(now) >= reissuesAtOnce {
			delete(r.all, uid) // it has its whole share again, as one that was never seen
		}
	}
	if r.all == nil {
		r.all = map[types.UID]*rate.Limiter{}
	}
	if r.all[obj.UID] == nil {
		r.all[obj.UID] = rate.NewLimiter(rate.Every(reissueEvery), reissuesAtOnce)
	}
	if r.all[obj.UID].AllowN(now, 1) {
		return nil
	}
	p := stalled(v1alpha1.ReasonRefused, "%d keys were made in a short time, since each was lost: something deletes or changes Secret %s/%s, or its tokens in Grafana, again and again. Put an end to that; the next key is made within a minute",
		reissuesAtOnce, obj.Namespace, obj.SecretName())
	p.RetryAfter = reissueEvery
	return p
}

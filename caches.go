package main

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
)

const (
	// cacheTimeout is how long the caches may take to fill.
	cacheTimeout = 5 * time.Minute
	// shutdownTimeout bounds the end of a process that has begun to work: the manager takes 30 s at most, logging out
	// 10 s. The manifests give the pod 45 s.
	shutdownTimeout = 42 * time.Second
	// idleShutdownTimeout bounds the end of one that has not.
	idleShutdownTimeout = 2 * time.Second
)

var errCaches = errors.New("the caches did not fill within " + cacheTimeout.String() +
	": the log says what cannot be listed or watched")

// cacheState is whether the caches are full. Before, the operator does nothing.
type cacheState struct {
	full, late atomic.Bool
}

// await returns when ctx ends, or when the caches have not become full in time.
func (s *cacheState) await(ctx context.Context, c cache.Cache, timeout time.Duration) {
	waiting, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if c.WaitForCacheSync(waiting) {
		s.full.Store(true)
		<-ctx.Done()
		return
	}
	if ctx.Err() == nil {
		s.late.Store(true)
	}
}

// failure is the error of caches that did not become full in time.
func (s *cacheState) failure() error {
	if s.late.Load() {
		return errCaches
	}
	return nil
}

// check is the probe of readiness.
func (s *cacheState) check(*http.Request) error {
	if !s.full.Load() {
		return errors.New("the caches are not full yet")
	}
	return nil
}

// boundShutdown is called when the process is to end, and ends it by exit if it does not do so by itself. The manager
// does not return while it waits for caches to be filled.
func (s *cacheState) boundShutdown(exit func(int)) {
	timeout := idleShutdownTimeout
	if s.full.Load() {
		timeout = shutdownTimeout
	}
	time.AfterFunc(timeout, func() {
		err := errors.Join(errors.New("the manager has not ended in time"), s.failure())
		ctrl.Log.WithName("setup").Error(err, "the process is ended")
		exit(1)
	})
}

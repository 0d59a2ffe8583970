package local

import (
	"context"
	"errors"
	"time"
)

// ErrTimeout says that a condition did not come true in time.
var ErrTimeout = errors.New("time is up")

// Poll calls done twice a second until it says so or fails, or time is up.
func Poll(ctx context.Context, timeout time.Duration, done func(context.Context) (bool, error)) error {
	return PollEvery(ctx, 500*time.Millisecond, timeout, done)
}

// PollEvery is Poll at another pace.
func PollEvery(ctx context.Context, interval, timeout time.Duration, done func(context.Context) (bool, error)) error {
	end := time.After(timeout)
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		if ok, err := done(ctx); ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-end:
			return ErrTimeout
		case <-ticker.C:
		}
	}
}

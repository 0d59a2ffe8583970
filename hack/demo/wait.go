package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// waitReady waits until all objects are Ready, and tells how many are. On
// time-out the error has the conditions of those that are not.
func waitReady(ctx context.Context, cluster *cluster, timeout time.Duration) error {
	say("waiting until all of them are Ready")
	var all, rest []unstructured.Unstructured
	told := -1
	err := poll(ctx, timeout, func(ctx context.Context) (bool, error) {
		objects, err := cluster.list(ctx)
		if err != nil {
			return false, err
		}
		all, rest = objects, nil
		for _, object := range objects {
			if !ready(object) {
				rest = append(rest, object)
			}
		}
		if len(rest) != told {
			told = len(rest)
			say("%d of %d are Ready", len(all)-len(rest), len(all))
		}
		return len(rest) == 0, nil
	})
	if !errors.Is(err, errTimeout) {
		return err
	}
	return fmt.Errorf("%d of %d objects are not Ready after %s:\n%s", len(rest), len(all), timeout, describe(rest))
}

// remove deletes from Grafana what the samples made there, by deleting
// everything but the Instances, which the operator needs to do so. It goes on
// when the demo has been interrupted.
func remove(cluster *cluster) error {
	say("removing from Grafana what the demo made there")
	var rest []unstructured.Unstructured
	err := poll(context.Background(), time.Minute, func(ctx context.Context) (bool, error) {
		objects, err := cluster.list(ctx)
		if err != nil {
			return false, err
		}
		rest = nil
		for _, object := range objects {
			if object.GetKind() == "Instance" {
				continue
			}
			rest = append(rest, object)
			if object.GetDeletionTimestamp() != nil {
				continue
			}
			if err := client.IgnoreNotFound(cluster.client.Delete(ctx, &object)); err != nil {
				return false, fmt.Errorf("deleting %s: %w", name(object), err)
			}
		}
		return len(rest) == 0, nil
	})
	if err != nil {
		return fmt.Errorf("what the demo made in Grafana could not all be removed: %w\n%s", err, describe(rest))
	}
	return nil
}

var errTimeout = errors.New("time is up")

// poll calls done twice a second until it says so or fails, or time is up.
func poll(ctx context.Context, timeout time.Duration, done func(context.Context) (bool, error)) error {
	end := time.After(timeout)
	ticker := time.NewTicker(500 * time.Millisecond)
	defer ticker.Stop()
	for {
		if ok, err := done(ctx); ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-end:
			return errTimeout
		case <-ticker.C:
		}
	}
}

#!/usr/bin/env bash
# k8s.io/client-go v0.37.0, tools/events, the recorder of events.k8s.io that controller-runtime's GetEventRecorder
# hands out. 2026-11-30.
#
# Expected: once the API server has taken an event, the recorder forgets it, unless it comes again and becomes a series.
# Seen: it keeps each event whole, with its key, so that the next one like it can be counted. Every six minutes those
# that are older than six minutes are dropped. So each event takes a kilobyte for six to twelve minutes, also those that
# can never come again since they tell of objects that were made once; there is no bound, as the older tools/record has
# one (4,096 keys).
# Why it matters: a controller that tells of each of 20,000 objects that they were made has 20 MB in use for that, long
# after it is done, as much as for the objects themselves.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
export GOWORK=off GOFLAGS=-mod=mod
cat >main.go <<'GO'
package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/events"
)

// sink takes events as an API server does, and keeps none.
type sink struct{ taken atomic.Int64 }

func (s *sink) Create(_ context.Context, e *eventsv1.Event) (*eventsv1.Event, error) {
	s.taken.Add(1)
	return e, nil
}
func (s *sink) Update(_ context.Context, e *eventsv1.Event) (*eventsv1.Event, error) { return e, nil }
func (s *sink) Patch(_ context.Context, e *eventsv1.Event, _ []byte) (*eventsv1.Event, error) {
	return e, nil
}

func inUse() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func main() {
	const all = 20000
	to := &sink{}
	broadcaster := events.NewBroadcaster(to)
	if err := broadcaster.StartRecordingToSinkWithContext(context.Background()); err != nil {
		panic(err)
	}
	recorder := broadcaster.NewRecorder(scheme.Scheme, "finding")
	before := inUse()
	for i := range all {
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprint("pod-", i), Namespace: "default"}}
		recorder.Eventf(pod, nil, corev1.EventTypeNormal, "Created", "Create", "it was created")
		for to.taken.Load() < int64(i)-500 { // a thousand may wait
			runtime.Gosched()
		}
	}
	for to.taken.Load() < all {
		time.Sleep(10 * time.Millisecond)
	}
	each := (inUse() - before) / all
	fmt.Println(to.taken.Load(), "events were taken, and none comes again; bytes in use for each:", each)
	broadcaster.Shutdown()
	if each < 500 {
		os.Exit(1)
	}
}
GO
go mod init finding >/dev/null 2>&1
go get k8s.io/api@v0.37.0 k8s.io/apimachinery@v0.37.0 k8s.io/client-go@v0.37.0 2>/dev/null
echo "k8s.io/client-go v0.37.0"
go run .

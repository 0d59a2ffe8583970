#!/usr/bin/env bash
# k8s.io/client-go v0.37.0, tools/leaderelection, with ReleaseOnCancel, as controller-runtime's managers have it by
# LeaderElectionReleaseOnCancel. 2026-11-29.
#
# Expected: an elector that ends gives back its lease if it still has it.
# Seen: it reads the lease once more, and then writes it over with no holder, whoever holds it by then: whether it leads
# it knows from its last renewal, and the version that it writes under is the one that it has just read. So a process
# that was suspended for longer than its lease, and is told to end when it wakes, takes the lease from the one that has
# taken over.
# Why it matters: a third process can begin beside that one, which finds out at its next renewal only.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >main.go <<'GO'
package main

import (
	"context"
	"fmt"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
	coordinationclient "k8s.io/client-go/kubernetes/typed/coordination/v1"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

func main() {
	kube := fake.NewClientset()
	leases := kube.CoordinationV1().Leases("default")
	holder := func(when string) {
		lease, err := leases.Get(context.Background(), "lease", metav1.GetOptions{})
		if err != nil {
			panic(err)
		}
		fmt.Printf("%s: held by %q\n", when, *lease.Spec.HolderIdentity)
	}
	ctx, end := context.WithCancel(context.Background())
	elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock: &resourcelock.LeaseLock{
			LeaseMeta:  metav1.ObjectMeta{Namespace: "default", Name: "lease"},
			Client:     kube.CoordinationV1(),
			LockConfig: resourcelock.ResourceLockConfig{Identity: "suspended"},
		},
		LeaseDuration: time.Hour, RenewDeadline: 50 * time.Minute, RetryPeriod: 40 * time.Minute,
		ReleaseOnCancel: true,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(ctx context.Context) {
				lease := renewed(ctx, leases)
				holder("it leads")
				lease.Spec.HolderIdentity = new("next")
				if _, err := leases.Update(ctx, lease, metav1.UpdateOptions{}); err != nil {
					panic(err)
				}
				holder("its lease has run out, and another one leads")
				end()
			},
			OnStoppedLeading: func() {},
		},
	})
	if err != nil {
		panic(err)
	}
	elector.Run(ctx)
	holder("it has ended")
}

// renewed waits for the renewal that follows the election at once: the next one is 40 minutes away.
func renewed(ctx context.Context, leases coordinationclient.LeaseInterface) *coordinationv1.Lease {
	for {
		lease, err := leases.Get(ctx, "lease", metav1.GetOptions{})
		if err != nil {
			panic(err)
		}
		if lease.Spec.RenewTime.After(lease.Spec.AcquireTime.Time) {
			return lease
		}
	}
}
GO
{ go mod init finding && go mod edit -go=1.26 && go get k8s.io/client-go@v0.37.0 && go mod tidy; } >/dev/null 2>&1
cat >want <<'OUT'
it leads: held by "suspended"
its lease has run out, and another one leads: held by "next"
it has ended: held by ""
OUT
go run . 2>/dev/null | tee have
diff want have

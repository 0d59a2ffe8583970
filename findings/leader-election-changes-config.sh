#!/usr/bin/env bash
# sigs.k8s.io/controller-runtime v0.25.2, package leaderelection. 2026-11-29.
#
# Expected: NewResourceLock takes a *rest.Config to make the clients of its lock, and leaves it as it is, as the
# constructors of client-go do.
# Seen: it writes into it. The config of whoever calls it has a time-out of half the renew deadline from then on, and
# "leader-election" at the end of its user agent. The manager hands over a copy; others have to know.
# Why it matters: a manager that is made of the same config afterwards has that time-out for everything. Its watches are
# cut every five seconds, and a list of a large cluster that takes longer never succeeds.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >lock.go <<'GO'
package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/record"
	"sigs.k8s.io/controller-runtime/pkg/leaderelection"
	"sigs.k8s.io/controller-runtime/pkg/recorder"
)

// provider has recorders that nothing is recorded with.
type provider struct{ recorder.Provider }

func (provider) GetEventRecorderFor(string) record.EventRecorder { return record.NewFakeRecorder(1) }

func main() {
	config := &rest.Config{Host: "http://127.0.0.1:1", UserAgent: "mine"}
	_, err := leaderelection.NewResourceLock(config, provider{}, leaderelection.Options{
		LeaderElection: true, LeaderElectionID: "lease", LeaderElectionNamespace: "default",
		RenewDeadline: 10 * time.Second,
	})
	fmt.Printf("error %v: time-out was 0s and is %s, user agent was %q and is %q\n", err, config.Timeout, "mine",
		config.UserAgent)
	if err != nil || config.Timeout != 5*time.Second || !strings.HasSuffix(config.UserAgent, "leader-election") {
		os.Exit(1)
	}
}
GO
cat >go.mod <<'MOD'
module lock

go 1.26
MOD
go get sigs.k8s.io/controller-runtime@v0.25.2 >get.log 2>&1 || { cat get.log; exit 1; }
go mod tidy >tidy.log 2>&1 || { cat tidy.log; exit 1; }
go list -m sigs.k8s.io/controller-runtime k8s.io/client-go
go run .

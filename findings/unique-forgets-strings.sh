#!/usr/bin/env bash
# Go 1.26.8, package unique, used to keep equal strings once. 2026-11-30.
#
# Expected: unique.Make(text).Value() gives one copy of a text for as long as somebody holds that copy.
# Seen: what counts is whether somebody holds the Handle. Who keeps the string alone, as one does where a field of
# somebody else's type is to be filled, has equal strings share memory until garbage is collected; the next equal one is
# another copy, while the first is still in use.
# Why it matters: the objects in a controller's cache come one by one, over hours. Each gets a copy of its own then, and
# a benchmark that fills the cache at once does not show it.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
export GOTOOLCHAIN=go1.26.8 GOWORK=off GOFLAGS=-mod=mod
cat >main.go <<'GO'
package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"unique"
	"unsafe"
)

func main() {
	text := "the object is as it was declared"
	kept := unique.Make(strings.Clone(text)).Value()
	isShared := func() bool {
		other := unique.Make(strings.Clone(text)).Value()
		return unsafe.StringData(kept) == unsafe.StringData(other)
	}
	fmt.Println("Go:", runtime.Version())
	before := isShared()
	for range 3 {
		runtime.GC()
	}
	after := isShared()
	fmt.Printf("the same memory before garbage was collected: %v, after: %v\n", before, after)

	handle := unique.Make(strings.Clone(text))
	kept = handle.Value()
	for range 3 {
		runtime.GC()
	}
	held := isShared()
	fmt.Printf("and while the handle is held: %v\n", held)
	runtime.KeepAlive(handle)
	if !before || after || !held {
		os.Exit(1)
	}
}
GO
go mod init finding >/dev/null 2>&1
go run .

#!/usr/bin/env bash
# Regenerates, and fails if that changed any of the paths given: they were stale, missing or edited by hand.
# Works on a dirty working tree and outside of git alike.
set -euo pipefail
cd "$(dirname "$0")/.."

before=$(mktemp -d)
trap 'rm -rf "$before"' EXIT
for path in "$@"; do
	[ ! -e "$path" ] || tar cf - "$path" | tar xf - -C "$before"
done

make generate

stale=
for path in "$@"; do
	diff -ruN "$before/$path" "$path" || stale=yes
done
if [ -n "$stale" ]; then
	echo "These generated files were stale. 'make generate' has just made them anew: commit the result." >&2
	exit 1
fi

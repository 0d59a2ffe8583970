#!/bin/sh
# Prints the directory that holds etcd, kube-apiserver, kube-controller-manager
# and kubectl, and builds them first where that has not been done yet:
#
#   export KUBEBUILDER_ASSETS=$(hack/devcluster/ensure.sh)
#
# A KUBEBUILDER_ASSETS that is set already is printed as it is.
set -eu

if [ -n "${KUBEBUILDER_ASSETS:-}" ]; then
	printf '%s\n' "$KUBEBUILDER_ASSETS"
	exit
fi
cd "$(dirname "$0")"
# The flags are the Makefile's: what the operator is made of too is compiled once.
GOFLAGS="$(go env GOFLAGS) -gcflags=all=-dwarf=false"
export GOFLAGS GOWORK=off CGO_ENABLED=0
exec go run ./ensure

#!/bin/sh
# Fails if the control plane and the operator have a module in common in two
# versions: what is in it would be compiled twice.
set -eu

modules() {
	GOWORK=off go list -deps -test -f '{{with .Module}}{{.Path}} {{with .Replace}}{{.Version}}{{else}}{{.Version}}{{end}}{{end}}' ./... | sort -u
}

cd "$(dirname "$0")/../.."
operator=$(modules)
cd hack/devcluster
devcluster=$(modules)
printf '%s\n\n%s\n' "$operator" "$devcluster" | awk '
	NF == 0 { second = 1; next }
	!second { version[$1] = $2; next }
	$1 in version && version[$1] != $2 {
		print "hack/devcluster has " $1 " " $2 ", and the operator has " version[$1] >"/dev/stderr"
		failed = 1
	}
	END { exit failed }'

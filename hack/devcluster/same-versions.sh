#!/bin/sh
# Fails if the operator, the control plane for tests and the tests of the chart
# have a module in common in two versions: what is in it would be compiled twice.
set -eu

modules() {
	(cd "$1" && GOWORK=off go list -deps -test \
		-f '{{with .Module}}{{.Path}} {{with .Replace}}{{.Version}}{{else}}{{.Version}}{{end}}{{end}}' ./...) |
		sort -u | sed -n "s#^\([^ ]*\) \(.\+\)#$1 \1 \2#p"
}

cd "$(dirname "$0")/../.."
for dir in . hack/devcluster hack/chart; do
	modules "$dir"
done | awk '
	$2 in version && version[$2] != $3 {
		print $1 " has " $2 " " $3 ", and " first[$2] " has " version[$2] >"/dev/stderr"
		failed = 1
	}
	!($2 in version) { version[$2] = $3; first[$2] = $1 }
	END { exit failed }'

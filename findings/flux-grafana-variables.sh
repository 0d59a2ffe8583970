#!/usr/bin/env bash
# github.com/fluxcd/pkg/envsubst v1.7.0, which Flux runs for postBuild.substitute. 2026-11-28.
#
# Expected: in a dashboard, what is no variable of Flux's stays as it is, or is refused by its name.
# Seen: Grafana's "${node:regex}" becomes nothing, without an error; "${__field.name}" is refused as "missing closing
# brace", though the brace is there (it is the dot that is not understood); "$$" becomes "$". In strict mode the first
# is refused as well, and the second says the same.
# Why it matters: panels lose their data source or their filter while all conditions say that all is well.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >main.go <<'GO'
package main

import (
	"fmt"

	"github.com/fluxcd/pkg/envsubst"
)

func main() {
	for _, text := range []string{"${node:regex}", "${__field.name}", "a$$b", "rate[$__rate_interval]"} {
		out, err := envsubst.Eval(text, func(string) (string, bool) { return "", true })
		fmt.Printf("%s -> %q, %v\n", text, out, err)
	}
}
GO
{ go mod init finding && go get github.com/fluxcd/pkg/envsubst@v1.7.0; } >/dev/null 2>&1
cat >want <<'OUT'
${node:regex} -> "", <nil>
${__field.name} -> "${__field.name}", missing closing brace
a$$b -> "a$b", <nil>
rate[$__rate_interval] -> "rate[$__rate_interval]", <nil>
OUT
go run . | tee have
diff want have

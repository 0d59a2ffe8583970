#!/usr/bin/env bash
# helm.sh/helm/v4 v4.3.0, as a Go library. 2026-11-29.
#
# Expected: the same call renders the same chart in the same way wherever it stands.
# Seen: without a cluster, a program is told the Kubernetes that its client-go is of (1.37 here). Within `go test` it is
# 1.20, whatever is built in: a chart that asks for a newer one in kubeVersion is refused there and nowhere else, and
# conditions on .Capabilities.KubeVersion take the other branch.
# Why it matters: tests of a chart in Go test what nobody gets. Set KubeVersion of the action.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >render.go <<'GO'
package main

import (
	"fmt"

	"helm.sh/helm/v4/pkg/action"
	"helm.sh/helm/v4/pkg/chart/common"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	release "helm.sh/helm/v4/pkg/release/v1"
)

func render(where string) {
	for _, asked := range []string{">=1.20.0-0", ">=1.30.0-0"} {
		install := action.NewInstall(&action.Configuration{})
		install.DryRunStrategy, install.ReleaseName, install.Namespace = action.DryRunClient, "r", "default"
		made, err := install.Run(&chart.Chart{
			Metadata: &chart.Metadata{APIVersion: "v2", Name: "c", Version: "1.0.0", KubeVersion: asked},
			Templates: []*common.File{{
				Name: "templates/c.yaml",
				Data: []byte("kind: ConfigMap\nwith: {{ .Capabilities.KubeVersion.Version }}\n"),
			}},
		}, nil)
		fmt.Printf("%s, kubeVersion %s: %v", where, asked, err)
		if r, ok := made.(*release.Release); ok && err == nil {
			fmt.Printf(" %q", r.Manifest)
		}
		fmt.Println()
	}
}

func main() { render("program") }
GO
cat >render_test.go <<'GO'
package main

import "testing"

func TestRender(*testing.T) { render("go test") }
GO
{
	go mod init finding
	go get helm.sh/helm/v4/pkg/action@v4.3.0
	go get k8s.io/client-go@v0.37.0
	go mod tidy
} >log 2>&1 || { cat log; exit 1; }
cat >want <<'OUT'
program, kubeVersion >=1.20.0-0: <nil> "---\n# Source: c/templates/c.yaml\nkind: ConfigMap\nwith: v1.37.0\n\n"
program, kubeVersion >=1.30.0-0: <nil> "---\n# Source: c/templates/c.yaml\nkind: ConfigMap\nwith: v1.37.0\n\n"
go test, kubeVersion >=1.20.0-0: <nil> "---\n# Source: c/templates/c.yaml\nkind: ConfigMap\nwith: v1.20.0\n\n"
go test, kubeVersion >=1.30.0-0: chart requires kubeVersion: >=1.30.0-0 which is incompatible with Kubernetes v1.20.0
OUT
{ go run . && go test -vet=off -v -run TestRender . | grep '^go test'; } | tee have
diff want have

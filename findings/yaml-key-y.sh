#!/usr/bin/env bash
# sigs.k8s.io/yaml v1.6.0 (kubectl, Helm, every controller) and go.yaml.in/yaml/v3 v3.0.4. 2026-11-28.
#
# Expected: the key y of {x: 0, y: 3}, as every Grafana panel's gridPos has it, is "y".
# Seen: sigs.k8s.io/yaml makes it "true", since YAML 1.1 has y for a boolean, and a value N becomes false; yaml/v3 reads
# both as text. Neither says anything.
# Why it matters: one file has two meanings, by the tool that reads it. Panels lie over each other, and what was a refId
# is no text any more. Quote them: "y", "N".
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >main.go <<'GO'
package main

import (
	"encoding/json"
	"fmt"

	v3 "go.yaml.in/yaml/v3"
	"sigs.k8s.io/yaml"
)

func main() {
	text := []byte("{gridPos: {x: 0, y: 3}, refId: N}")
	kubernetes, err := yaml.YAMLToJSON(text)
	fmt.Printf("sigs.k8s.io/yaml: %s, %v\n", kubernetes, err)
	var read map[string]any
	err = v3.Unmarshal(text, &read)
	plain, _ := json.Marshal(read)
	fmt.Printf("go.yaml.in/yaml/v3: %s, %v\n", plain, err)
}
GO
{ go mod init finding && go get sigs.k8s.io/yaml@v1.6.0 go.yaml.in/yaml/v3@v3.0.4; } >/dev/null 2>&1
cat >want <<'OUT'
sigs.k8s.io/yaml: {"gridPos":{"true":3,"x":0},"refId":false}, <nil>
go.yaml.in/yaml/v3: {"gridPos":{"x":0,"y":3},"refId":"N"}, <nil>
OUT
go run . | tee have
diff want have

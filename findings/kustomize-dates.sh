#!/usr/bin/env bash
# sigs.k8s.io/kustomize/kustomize/v5 v5.8.2. 2026-11-28.
#
# Expected: "kustomize build" of an object that nothing is changed in prints the same values.
# Seen: a plain date, 2026-11-28, comes out as the text "2026-11-28T00:00:00Z", and the integer 18446744073709551616 as
# 1.8446744073709552e+19. kubectl, without kustomize, reads the date as the text "2026-11-28".
# Why it matters: the time range of a dashboard that is written out as fields, or a label, differs by the tool that
# applied it. Quote dates.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
GOBIN=$dir/bin go install sigs.k8s.io/kustomize/kustomize/v5@v5.8.2 2>install.log || { cat install.log >&2; exit 1; }
mkdir app
printf 'resources: [dashboard.yaml]\n' >app/kustomization.yaml
cat >app/dashboard.yaml <<'YAML'
apiVersion: example.com/v1
kind: Dashboard
metadata:
  name: sales
spec:
  large: 18446744073709551616
  time:
    from: 2026-11-28
YAML
cat >want <<'YAML'
apiVersion: example.com/v1
kind: Dashboard
metadata:
  name: sales
spec:
  large: 1.8446744073709552e+19
  time:
    from: "2026-11-28T00:00:00Z"
YAML
bin/kustomize build app | tee have
diff want have

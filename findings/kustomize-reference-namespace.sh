#!/usr/bin/env bash
# sigs.k8s.io/kustomize/kustomize/v5 v5.8.2. 2026-11-28.
#
# Expected: a nameReference whose path is a reference with name and namespace follows the object of that name in that
# namespace when namePrefix renames it: its code for such a reference looks the namespace up.
# Seen: it follows only objects in the referrer's own namespace. The reference into another namespace keeps the former
# name, without a word, and nothing has that name any more.
# Why it matters: a tenant's Dashboard refers to an Organization of the platform team, in its namespace.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
GOBIN=$dir/bin go install sigs.k8s.io/kustomize/kustomize/v5@v5.8.2 2>install.log || { cat install.log >&2; exit 1; }
mkdir app
cat >app/kustomization.yaml <<'YAML'
namePrefix: staging-
resources: [objects.yaml]
configurations: [references.yaml]
YAML
cat >app/references.yaml <<'YAML'
nameReference:
- {kind: Parent, group: example.com, fieldSpecs: [{kind: Child, group: example.com, path: spec/parentRef}]}
YAML
cat >app/objects.yaml <<'YAML'
{apiVersion: example.com/v1, kind: Parent, metadata: {name: here, namespace: team}}
---
{apiVersion: example.com/v1, kind: Parent, metadata: {name: there, namespace: platform}}
---
{apiVersion: example.com/v1, kind: Child, metadata: {name: a, namespace: team}, spec: {parentRef: {name: here, namespace: team}}}
---
{apiVersion: example.com/v1, kind: Child, metadata: {name: b, namespace: team}, spec: {parentRef: {name: there, namespace: platform}}}
YAML
cat >want <<'YAML'
      name: staging-here
      name: there
YAML
bin/kustomize build app >have
cat have
grep -A3 parentRef have | grep -o ' *name: .*' | sed 's/^ */      /' >references
diff want references

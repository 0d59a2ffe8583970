#!/usr/bin/env bash
# Prints config/argocd/argocd-cm.yaml: one health script, for every kind that has a CRD.
set -euo pipefail
cd "$(dirname "$0")/.."

cat <<'YAML'
# Tells Argo CD when these objects are healthy. Made by `make generate` of the script in resource_customizations, which is
# in the layout that Argo CD itself has. Apply it to the namespace that Argo CD is in:
#   kubectl patch configmap argocd-cm -n argocd --patch-file config/argocd/argocd-cm.yaml
# (kubectl and Flux need nothing: they know the conditions.) An object that is being deleted is Progressing by Argo CD's own rule.
data:
YAML
key=resource.customizations.health.grafana-tenancy.dev_
script='&health |'
for kind in $(sed -n 's/^    kind: //p' config/crd/bases/*.yaml); do
	echo "  $key$kind: $script"
	if [ "$script" != '*health' ]; then
		sed 's/^./    &/' config/argocd/resource_customizations/grafana-tenancy.dev/_/health.lua
		script='*health'
	fi
done

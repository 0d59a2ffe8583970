#!/usr/bin/env bash
# Fails, with a list, while objects carry the operator's finalizer: without the operator they could never be deleted, and without
# their CRDs what they stand for in Grafana would be left behind. KUBECTL is the command to use.
set -euo pipefail

group=grafana-tenancy.dev
finalizer=$group/finalizer

crds=$(${KUBECTL:-kubectl} get customresourcedefinitions -o name | sed -n "s#^customresourcedefinition.apiextensions.k8s.io/\(.*\.$group\)\$#\1#p")
if [ -z "$crds" ]; then
	exit 0
fi

template='{{range .items}}{{$object := .}}{{range .metadata.finalizers}}{{if eq . "'$finalizer'"}}'
template+='{{printf "  %s/%s -n %s\n" $object.kind $object.metadata.name $object.metadata.namespace}}{{end}}{{end}}{{end}}'
objects=$(${KUBECTL:-kubectl} get "$(paste -sd, - <<<"$crds")" --all-namespaces -o go-template="$template")
if [ -z "$objects" ]; then
	exit 0
fi

cat >&2 <<END
Refused: the operator still has to clean up after these objects.

$objects

While the operator runs, delete them: it removes what they stand for from Grafana, then lets them go.
  - To keep what is in Grafana, set spec.deletionPolicy to Orphan first (Instances leave nothing behind anyway).
  - Where Grafana is gone for good, annotate the object to let go without cleaning up:
    kubectl annotate KIND NAME -n NAMESPACE $group/abandon=true
  - If one stays, the reason and message of its Ready condition say why:
    kubectl get grafana -A -o wide
Then run this again.
END
exit 1

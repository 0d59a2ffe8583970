{{- define "operator.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* The name of the Deployment, which leaves room for what is put behind it. */}}
{{- define "operator.fullname" -}}
{{- $name := include "operator.name" . -}}
{{- $full := contains $name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name $name) -}}
{{- default $full .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* What the names of roles begin with. */}}
{{- define "operator.prefix" -}}
{{- include "operator.fullname" . | trimSuffix "-operator" -}}
{{- end -}}

{{- define "operator.serviceAccountName" -}}
{{- $default := .Values.serviceAccount.create | ternary (include "operator.fullname" .) "default" -}}
{{- default $default .Values.serviceAccount.name -}}
{{- end -}}

{{- define "operator.roleBindingName" -}}
{{- include "operator.prefix" . }}-manager-rolebinding
{{- end -}}

{{- define "operator.selectorLabels" -}}
app.kubernetes.io/name: {{ include "operator.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: manager
{{- end -}}

{{/* How many shards there are: one where values of an older version, which has none, took the place of the chart's. */}}
{{- define "operator.shards" -}}
{{- max 1 (int .Values.shards) -}}
{{- end -}}

{{/* The name of a shard's Deployment, from a list of the context and the number of the shard. */}}
{{- define "operator.shardName" -}}
{{- $context := index . 0 -}}
{{- $name := include "operator.fullname" $context -}}
{{- gt (include "operator.shards" $context | int) 1 | ternary (printf "%s-%d" ($name | trunc 60 | trimSuffix "-") (index . 1)) $name -}}
{{- end -}}

{{/* What selects a shard's pods, from the same list. */}}
{{- define "operator.shardLabels" -}}
{{- $context := index . 0 -}}
{{ include "operator.selectorLabels" $context }}
{{- if gt (include "operator.shards" $context | int) 1 }}
grafana-tenancy.dev/shard: {{ index . 1 | quote }}
{{- end }}
{{- end -}}

{{- define "operator.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/name: {{ include "operator.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | replace "+" "_" | trunc 63 | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Metadata, from a list of the context, the name, and labels and annotations that only this object has. */}}
{{- define "operator.metadata" -}}
{{- $context := index . 0 -}}
name: {{ index . 1 }}
labels:
  {{- merge (dict) (index . 2) (include "operator.labels" $context | fromYaml) | toYaml | nindent 2 }}
{{- with merge (dict) (index . 3) $context.Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "operator.image" -}}
{{- with .Values.image -}}
{{- .repository -}}
{{- if .digest }}@{{ .digest }}{{ else }}:{{ default $.Chart.AppVersion .tag }}{{ end -}}
{{- end -}}
{{- end -}}

{{/* Nine tenths of the memory limit, in whole MiB; empty if there is no limit. */}}
{{- define "operator.goMemLimit" -}}
{{- with .Values.resources.limits -}}
{{- with .memory -}}
{{- $quantity := toString . -}}
{{- $unit := regexFind "[A-Za-z]*$" $quantity -}}
{{- $sizes := dict "" 1 "k" 1000 "M" 1000000 "G" 1000000000 "T" 1000000000000 "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 "Ti" 1099511627776 -}}
{{- $mebibytes := divf (mulf (trimSuffix $unit $quantity | float64) (get $sizes $unit) 0.9) 1048576 | floor | int64 -}}
{{- if lt $mebibytes 28 -}}
{{- fail (printf "resources.limits.memory: %s is too little for the operator to start: give it 32Mi or more, such as 512Mi" $quantity) -}}
{{- end -}}
{{- $mebibytes }}MiB
{{- end -}}
{{- end -}}
{{- end -}}

{{/* What no single value shows to be wrong. */}}
{{- define "operator.validate" -}}
{{- if and .Values.watchNamespaces (not .Values.clusterID) -}}
{{- fail "clusterID: has to be set where watchNamespaces is, since the uid of kube-system cannot be read then: name this cluster, and never change it" -}}
{{- end -}}
{{- if and (gt (int .Values.replicas) 1) (not .Values.leaderElection.enabled) -}}
{{- fail (printf "replicas: %d need leaderElection.enabled, or all of them would write at once" (int .Values.replicas)) -}}
{{- end -}}
{{- if and (gt (include "operator.shards" . | int) 1) (not .Values.leaderElection.enabled) -}}
{{- fail (printf "shards: %d need leaderElection.enabled, or those of another number could still be at work when they begin" (include "operator.shards" . | int)) -}}
{{- end -}}
{{- with .Values.podDisruptionBudget -}}
{{- if not (or (kindIs "invalid" .minAvailable) (kindIs "invalid" .maxUnavailable)) -}}
{{- fail "podDisruptionBudget.minAvailable: cannot be set together with maxUnavailable: take one away" -}}
{{- end -}}
{{- end -}}
{{- end -}}

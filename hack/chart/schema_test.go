package chart_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"helm.sh/helm/v4/pkg/action"
	"sigs.k8s.io/yaml"
)

func TestLint(t *testing.T) {
	lint := action.NewLint()
	lint.Strict, lint.Namespace = true, namespace
	for _, text := range []string{"", everything} {
		result := lint.Run([]string{chartDir}, values(t, text))
		for _, err := range result.Errors {
			t.Error(err)
		}
	}
}

// Each is refused in words that name the field.
func TestBadValues(t *testing.T) {
	for text, want := range map[string]string{
		"{replica: 2}":    "'replica'",
		"{replicas: two}": "'/replicas'",
		"{replicas: -1}":  "'/replicas'",
		"{replicas: 2, leaderElection: {enabled: false}}": "replicas: 2 need leaderElection.enabled",
		"{shards: 0}":   "'/shards'",
		"{shards: 1/2}": "'/shards'",
		"{shards: 2, leaderElection: {enabled: false}}":               "shards: 2 need leaderElection.enabled",
		"{extraArgs: ['--shard=0/2']}":                                "'/extraArgs/0'",
		"{image: {repository: ''}}":                                   "'/image/repository'",
		"{image: {tag: 'a b'}}":                                       "'/image/tag'",
		"{image: {digest: sha256:12}}":                                "'/image/digest'",
		"{image: {pullPolicy: Sometimes}}":                            "'/image/pullPolicy'",
		"{imagePullSecrets: [pull]}":                                  "'/imagePullSecrets/0'",
		"{fullnameOverride: My_Operator}":                             "'/fullnameOverride'",
		"{commonLabels: {team: [a]}}":                                 "'/commonLabels/team'",
		"{commonAnnotations: {wave: -1}}":                             "'/commonAnnotations/wave'",
		"{crds: {keep: 'no'}}":                                        "'/crds/keep'",
		"{crds: {install: true}}":                                     "'/crds'",
		"{watchNamespaces: team-a}":                                   "'/watchNamespaces'",
		"{watchNamespaces: [Team_A], clusterID: c}":                   "'/watchNamespaces/0'",
		"{watchNamespaces: [a, a], clusterID: c}":                     "'/watchNamespaces'",
		"{watchNamespaces: [team-a]}":                                 "clusterID: has to be set",
		"{clusterID: 'my cluster'}":                                   "'/clusterID'",
		"{extraArgs: [debug]}":                                        "'/extraArgs/0'",
		"{extraArgs: [--watch-namespaces=team-a]}":                    "'/extraArgs/0'",
		"{extraArgs: ['--leader-elect=false']}":                       "'/extraArgs/0'",
		"{env: [{name: GOMEMLIMIT, value: 1GiB}]}":                    "'/env/0/name'",
		"{env: [{value: a}]}":                                         "'/env/0'",
		"{env: [{name: PORT, value: 80}]}":                            "'/env/0/value'",
		"{volumes: [{name: ca}]}":                                     "'/volumes/0'",
		"{volumeMounts: [{name: ca, mountPath: etc}]}":                "'/volumeMounts/0/mountPath'",
		"{resources: {limits: {memory: 512MB}}}":                      "'/resources/limits/memory'",
		"{resources: {limits: {memory: 512}}}":                        "resources.limits.memory: 512 is too little",
		"{resources: {requests: {cpu: lots}}}":                        "'/resources/requests/cpu'",
		"{serviceAccount: {name: My_Account}}":                        "'/serviceAccount/name'",
		"{podSecurityContext: restricted}":                            "'/podSecurityContext'",
		"{terminationGracePeriodSeconds: 45s}":                        "'/terminationGracePeriodSeconds'",
		"{nodeSelector: {disk: true}}":                                "'/nodeSelector/disk'",
		"{tolerations: [{effect: Never}]}":                            "'/tolerations/0/effect'",
		"{affinity: {podAffinitty: {}}}":                              "'/affinity'",
		"{topologySpreadConstraints: [{maxSkew: 1}]}":                 "'/topologySpreadConstraints/0'",
		"{podDisruptionBudget: {maxUnavailable: half}}":               "'/podDisruptionBudget/maxUnavailable'",
		"{podDisruptionBudget: {minAvailable: 1, maxUnavailable: 1}}": "minAvailable: cannot be set together",
		"{networkPolicy: {metricsFrom: [{}]}}":                        "'/networkPolicy/metricsFrom/0'",
		"{networkPolicy: {egress: [{from: []}]}}":                     "'/networkPolicy/egress/0'",
		"{podMonitor: {interval: often}}":                             "'/podMonitor/interval'",
		"{grafanaDashboard: {labels: {a: {}}}}":                       "'/grafanaDashboard/labels/a'",
		"{prometheusRule: {enabled: yes please}}":                     "'/prometheusRule/enabled'",
	} {
		if _, err := template(t, releaseName, namespace, text); err == nil {
			t.Errorf("%s is accepted", text)
		} else if !strings.Contains(err.Error(), want) {
			t.Errorf("%s is refused without %q: %v", text, want, err)
		}
	}
}

// Every value that the schema knows has a default, so that values.yaml lists all that there is.
func TestEveryValueHasADefault(t *testing.T) {
	var schema struct {
		Properties map[string]struct{ Properties map[string]any }
	}
	read(t, "values.schema.json", json.Unmarshal, &schema)
	var defaults map[string]any
	read(t, "values.yaml", func(data []byte, v any) error { return yaml.Unmarshal(data, v) }, &defaults)
	delete(schema.Properties, "global") // is Helm's
	for name, property := range schema.Properties {
		value, ok := defaults[name]
		if !ok {
			t.Errorf("%s has no default", name)
		}
		entries, ok := value.(map[string]any)
		if !ok || property.Properties == nil || name == "resources" || name == "affinity" { // are Kubernetes'
			continue
		}
		got, want := slices.Sorted(maps.Keys(entries)), slices.Sorted(maps.Keys(property.Properties))
		if !slices.Equal(got, want) {
			t.Errorf("%s: values.yaml has %v, and the schema %v", name, got, want)
		}
	}
}

func read(t *testing.T, file string, unmarshal func([]byte, any) error, into any) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(chartDir, file))
	if err != nil {
		t.Fatal(err)
	}
	if err := unmarshal(data, into); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

package chart_test

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// everything sets all that can be set, other than the defaults.
const everything = `
image: {digest: "sha256:0000000000000000000000000000000000000000000000000000000000000000", pullPolicy: Always}
imagePullSecrets: [{name: pull}]
commonLabels: {team: platform}
commonAnnotations: {argocd.argoproj.io/sync-wave: "-1"}
replicas: 2
extraArgs: [--zap-log-level=debug]
env:
- {name: HTTPS_PROXY, value: "http://proxy.example.com:3128"}
- {name: POD, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
volumes: [{name: ca, configMap: {name: ca}}]
volumeMounts: [{name: ca, mountPath: /etc/ssl/certs, readOnly: true}]
resources: {requests: {cpu: 100m}, limits: {memory: 2Gi}}
serviceAccount: {annotations: {example.com/role: grafana}}
podLabels: {zone: inner}
podAnnotations: {example.com/inject: "false"}
podSecurityContext: {runAsUser: 65532}
priorityClassName: system-cluster-critical
nodeSelector: {kubernetes.io/os: linux}
tolerations: [{key: node-role.kubernetes.io/control-plane, operator: Exists, effect: NoSchedule}]
affinity:
  nodeAffinity:
    requiredDuringSchedulingIgnoredDuringExecution:
      nodeSelectorTerms: [{matchExpressions: [{key: kubernetes.io/arch, operator: In, values: [amd64, arm64]}]}]
topologySpreadConstraints:
- {maxSkew: 1, topologyKey: topology.kubernetes.io/zone, whenUnsatisfiable: ScheduleAnyway}
podDisruptionBudget: {enabled: true}
grafanaDashboard: {enabled: true, labels: {grafana_dashboard: "1"}}
networkPolicy:
  enabled: true
  metricsFrom: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: monitoring}}}]
  egress: [{ports: [{port: 443}, {port: 53, protocol: UDP}], to: [{ipBlock: {cidr: 10.0.0.0/8}}]}]
`

func TestGoMemLimit(t *testing.T) {
	for limit, want := range map[string]string{
		"512Mi": "460MiB", "1Gi": "921MiB", "1.5Gi": "1382MiB", "500M": "429MiB", "1G": "858MiB", "524288Ki": "460MiB",
		"536870912": "460MiB", "32Mi": "28MiB",
	} {
		got := container(t, render(t, "{resources: {limits: {memory: "+limit+"}}}"))["env"]
		if diff := cmp.Diff([]any{map[string]any{"name": "GOMEMLIMIT", "value": want}}, got); diff != "" {
			t.Errorf("limit %s: (-want +got)\n%s", limit, diff)
		}
	}
	if env := container(t, render(t, "{resources: {limits: null}}"))["env"]; env != nil {
		t.Errorf("without a limit there is an environment: %v", env)
	}
}

func TestEverythingIsInThePod(t *testing.T) {
	all := render(t, everything)
	c := container(t, all)
	if got, want := c["image"], "grafana-tenancy-operator@sha256:"+strings.Repeat("0", 64); got != want {
		t.Errorf("the image is %v, and %v is asked for", got, want)
	}
	wantArgs := []any{
		"--leader-elect", "--metrics-bind-address=:8080", "--health-probe-bind-address=:8081", "--zap-log-level=debug",
	}
	if diff := cmp.Diff(wantArgs, c["args"]); diff != "" {
		t.Errorf("arguments: (-want +got)\n%s", diff)
	}
	pod := all.get(t, "Deployment", releaseName, "spec", "template", "spec").(map[string]any)
	set := values(t, everything)
	for _, field := range []string{
		"imagePullSecrets", "volumes", "priorityClassName", "nodeSelector", "tolerations", "affinity",
	} {
		if diff := cmp.Diff(set[field], pod[field]); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", field, diff)
		}
	}
	if diff := cmp.Diff(set["volumeMounts"], c["volumeMounts"]); diff != "" {
		t.Errorf("volumeMounts: (-want +got)\n%s", diff)
	}
	spread := pod["topologySpreadConstraints"].([]any)[0].(map[string]any)
	selector := all.get(t, "Deployment", releaseName, "spec", "selector")
	if diff := cmp.Diff(selector, spread["labelSelector"]); diff != "" {
		t.Errorf("the spread's selector: (-want +got)\n%s", diff)
	}
	for key, o := range all {
		if o.GetLabels()["team"] != "platform" || o.GetAnnotations()["argocd.argoproj.io/sync-wave"] != "-1" {
			t.Errorf("%s lacks the common labels or annotations", key)
		}
	}
}

// Without the lease, two must never run at once.
func TestWithoutLeaderElection(t *testing.T) {
	all := render(t, "{leaderElection: {enabled: false}}")
	if got := all.get(t, "Deployment", releaseName, "spec", "strategy", "type"); got != "Recreate" {
		t.Errorf("the strategy is %v", got)
	}
	if args := container(t, all)["args"].([]any); args[0] == "--leader-elect" {
		t.Errorf("arguments %v", args)
	}
	for key := range all {
		if strings.Contains(key, "leader-election") {
			t.Errorf("%s is there", key)
		}
	}
}

// Two releases in a cluster have nothing in common but the CRDs, and alerts are about the own one.
func TestAnotherRelease(t *testing.T) {
	const set = "{crds: {enabled: false}, podMonitor: {enabled: true}, " +
		"prometheusRule: {enabled: true}, grafanaDashboard: {enabled: true}}"
	other, err := template(t, "blue", "tools", set)
	if err != nil {
		t.Fatal(err)
	}
	first, second := render(t, set), decode(t, []byte(other.Manifest))
	if len(first) != len(second) {
		t.Errorf("one has %d objects and the other %d", len(first), len(second))
	}
	for key := range first {
		if second[key] != nil {
			t.Errorf("both have %s", key)
		}
	}
	if want := `job="tools/blue-grafana-tenancy-operator"`; !strings.Contains(other.Manifest, want) {
		t.Errorf("the alerts are not about %s", want)
	}
	if strings.Contains(other.Manifest, namespace) {
		t.Errorf("%s is named in another namespace", namespace)
	}
}

// The ConfigMap has the dashboard as it is, braces and all, and what it takes to be found.
func TestDashboard(t *testing.T) {
	all := render(t, `{grafanaDashboard: {
		enabled: true, labels: {grafana_dashboard: "1"}, annotations: {grafana_folder: Ops}}}`)
	want, err := os.ReadFile("../../config/grafana/operator.json")
	if err != nil {
		t.Fatal(err)
	}
	const name = releaseName + "-dashboard"
	if got := all.get(t, "ConfigMap", name, "data", "operator.json"); got != string(want) {
		t.Errorf("the dashboard is\n%v", got)
	}
	for _, field := range []string{"grafana_folder", "kustomize.toolkit.fluxcd.io/substitute"} {
		if all.get(t, "ConfigMap", name, "metadata", "annotations", field) == nil {
			t.Errorf("no annotation %s", field)
		}
	}
	if all.get(t, "ConfigMap", name, "metadata", "labels", "grafana_dashboard") != "1" {
		t.Error("the label that the sidecar looks for is not there")
	}
}

// What is switched off is not there.
func TestSwitchedOff(t *testing.T) {
	all := render(t, `{crds: {enabled: false}, rbac: {create: false}, personaRoles: {create: false},
		leaderElection: {enabled: false}, serviceAccount: {create: false, name: mine}}`)
	if diff := cmp.Diff([]string{"Deployment " + namespace + " " + releaseName}, keys(all)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if got := all.get(t, "Deployment", releaseName, "spec", "template", "spec", "serviceAccountName"); got != "mine" {
		t.Errorf("the service account is %v", got)
	}
	for key, o := range render(t, "{personaRoles: {aggregate: false}}") {
		for label := range o.GetLabels() {
			if strings.HasPrefix(label, "rbac.authorization.k8s.io/") {
				t.Errorf("%s is aggregated", key)
			}
		}
	}
}

// The notes are the next steps with the release's own names.
func TestNotes(t *testing.T) {
	for set, want := range map[string][]string{
		"": {
			"kubectl rollout status -n grafana-tenancy-system deployment/grafana-tenancy-operator",
			"kubectl get namespace kube-system", "names no registry", "grafana-tenancy-instance-editor-role",
			"with the image grafana-tenancy-operator:", "delete the objects",
		},
		"{watchNamespaces: [monitoring, team-a], clusterID: blue}": {
			"     blue\n", "one of monitoring, team-a", "namespace: monitoring", "take out of watchNamespaces",
		},
		"{crds: {keep: false}}": {"crds.keep is false"},
		"{shards: 2}":           {"deployment/grafana-tenancy-operator-0", "deployment/grafana-tenancy-operator-1"},
	} {
		rendered, err := template(t, releaseName, namespace, set)
		if err != nil {
			t.Fatal(err)
		}
		for _, words := range want {
			if !strings.Contains(rendered.Info.Notes, words) {
				t.Errorf("%s: the notes lack %q:\n%s", set, words, rendered.Info.Notes)
			}
		}
	}
}

func container(t *testing.T, all objects) map[string]any {
	t.Helper()
	containers := all.get(t, "Deployment", releaseName, "spec", "template", "spec", "containers").([]any)
	return containers[0].(map[string]any)
}

// A value that is null is as one that is not there, as everywhere.
func TestDashboardWithoutAnnotations(t *testing.T) {
	all := render(t, `{grafanaDashboard: {enabled: true, labels: null, annotations: null}}`)
	const name = releaseName + "-dashboard"
	if all.get(t, "ConfigMap", name, "metadata", "annotations", "kustomize.toolkit.fluxcd.io/substitute") == nil {
		t.Error("no annotation")
	}
}

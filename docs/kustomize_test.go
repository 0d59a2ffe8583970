package docs_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Every field that names a ConfigMap or a Secret, once with each kind of credential.
const everyReference = `
apiVersion: grafana-tenancy.dev/v1alpha1
kind: Instance
metadata: {name: login}
spec:
  url: https://grafana.example.com
  credentials: {basicAuth: {secretRef: {name: made-secret}}}
  tls:
    caFrom: {configMapKeyRef: {name: made-map, key: ca}}
    clientCertificateSecretRef: {name: made-secret}
---
apiVersion: grafana-tenancy.dev/v1alpha1
kind: Instance
metadata: {name: token}
spec:
  url: https://grafana.example.com
  credentials: {token: {name: made-secret, key: token}}
  tls: {caFrom: {secretKeyRef: {name: made-secret, key: ca}}}
---
apiVersion: grafana-tenancy.dev/v1alpha1
kind: Dashboard
metadata: {name: map}
spec:
  organizationRef: {name: team}
  source: {configMapRef: {name: made-map, key: dashboard.json}}
---
apiVersion: grafana-tenancy.dev/v1alpha1
kind: Dashboard
metadata: {name: url}
spec:
  organizationRef: {name: team}
  source:
    url:
      url: https://dashboards.example.com/one.json
      headersFrom: {name: made-secret}
      caFrom: {configMapKeyRef: {name: made-map, key: ca}}
---
apiVersion: grafana-tenancy.dev/v1alpha1
kind: Dashboard
metadata: {name: url-with-secret}
spec:
  organizationRef: {name: team}
  source:
    url:
      url: https://dashboards.example.com/one.json
      caFrom: {secretKeyRef: {name: made-secret, key: ca}}
---
apiVersion: grafana-tenancy.dev/v1alpha1
kind: DashboardSet
metadata: {name: map}
spec:
  organizations: {selector: {}}
  template: {spec: {source: {configMapRef: {name: made-map, key: dashboard.json}}}}
---
apiVersion: grafana-tenancy.dev/v1alpha1
kind: DashboardSet
metadata: {name: url}
spec:
  organizations: {selector: {}}
  template:
    spec:
      source:
        url:
          url: https://dashboards.example.com/one.json
          headersFrom: {name: made-secret}
          caFrom: {configMapKeyRef: {name: made-map, key: ca}}
---
apiVersion: grafana-tenancy.dev/v1alpha1
kind: DashboardSet
metadata: {name: url-with-secret}
spec:
  organizations: {selector: {}}
  template:
    spec:
      source:
        url:
          url: https://dashboards.example.com/one.json
          caFrom: {secretKeyRef: {name: made-secret, key: ca}}
---
apiVersion: grafana-tenancy.dev/v1alpha1
kind: DataSource
metadata: {name: metrics}
spec:
  organizationRef: {name: team}
  type: prometheus
  url: https://metrics.example.com
  basicAuth: {user: reader, passwordSecretRef: {name: made-secret, key: password}}
  headers:
  - name: Authorization
    valueFrom: {secretKeyRef: {name: made-secret, key: token}}
  - name: X-Region
    valueFrom: {configMapKeyRef: {name: made-map, key: region}}
---
apiVersion: grafana-tenancy.dev/v1alpha1
kind: DataSourceSet
metadata: {name: metrics}
spec:
  organizations: {selector: {}}
  template:
    spec:
      type: prometheus
      basicAuth: {user: reader, passwordSecretRef: {name: made-secret, key: password}}
      headers:
      - name: Authorization
        valueFrom: {secretKeyRef: {name: made-secret, key: token}}
      - name: X-Region
        valueFrom: {configMapKeyRef: {name: made-map, key: region}}
`

// With config/kustomize/name-references.yaml, the hashes that kustomize's generators append to names reach every field.
func TestKustomizeNameReferences(t *testing.T) {
	const configuration = "config/kustomize/name-references.yaml"
	out := kustomize(t, map[string]string{
		"objects.yaml":         everyReference,
		"name-references.yaml": read(t, configuration),
		"kustomization.yaml": `
resources: [objects.yaml]
configurations: [name-references.yaml]
configMapGenerator: [{name: made-map, literals: [ca=x]}]
secretGenerator: [{name: made-secret, literals: [token=x]}]
`,
	})
	if plain := regexp.MustCompile(`(?m)^.*name: made-(map|secret)$`).FindAllString(out, -1); len(plain) > 0 {
		t.Errorf("without a hash: %q", plain)
	}
	want := strings.Count(everyReference, "name: made-") + 2 // those that refer, and the two themselves
	if n := len(regexp.MustCompile(`name: made-(map|secret)-\w+`).FindAllString(out, -1)); n != want {
		t.Errorf("%d names with a hash, want %d:\n%s", n, want, out)
	}
	inCRDs := 0
	for _, kind := range []string{"dashboards", "dashboardsets", "datasources", "datasourcesets", "folders", "instances", "memberships", "organizations", "serviceaccounts", "serviceaccounttokens", "teams", "users"} {
		crd := read(t, fmt.Sprintf("config/crd/bases/grafana-tenancy.dev_%s.yaml", kind))
		inCRDs += len(regexp.MustCompile(`(?m)^ +(configMapRef|configMapKeyRef|secretKeyRef|secretRef|`+
			`clientCertificateSecretRef|passwordSecretRef|headersFrom|token|instanceRefs?|organizationRef|serviceAccountRef|homeDashboardRef|parentRef|userRef|teamRef|ref):$`).
			FindAllString(crd, -1))
	}
	inCRDs -= 2 * 2 // kustomize does not follow into secureJsonData, whose keys are anybody's
	inCRDs -= 2     // in the template of a set, a folder and data sources have names that are filled in
	if listed := strings.Count(read(t, configuration), "- {group:"); listed != inCRDs {
		t.Errorf("the CRDs have %d fields that name another object, and %s has %d", inCRDs, configuration, listed)
	}
}

// So does a prefix that kustomize puts before names.
func TestKustomizeNamePrefix(t *testing.T) {
	out := kustomize(t, map[string]string{
		"name-references.yaml": read(t, "config/kustomize/name-references.yaml"),
		"kustomization.yaml":   "{namePrefix: a-, resources: [objects.yaml], configurations: [name-references.yaml]}",
		"objects.yaml": `
apiVersion: grafana-tenancy.dev/v1alpha1
kind: Instance
metadata: {name: grafana}
---
apiVersion: grafana-tenancy.dev/v1alpha1
kind: Organization
metadata: {name: team}
spec: {instanceRef: {name: grafana}, preferences: {homeDashboardRef: {name: start}}}
---
apiVersion: grafana-tenancy.dev/v1alpha1
kind: ServiceAccount
metadata: {name: robot}
spec: {organizationRef: {name: team}}
---
apiVersion: grafana-tenancy.dev/v1alpha1
kind: ServiceAccountToken
metadata: {name: ci}
spec: {serviceAccountRef: {name: robot}}
---
apiVersion: grafana-tenancy.dev/v1alpha1
kind: Dashboard
metadata: {name: start}
spec: {organizationRef: {name: team}}
`,
	})
	if n := len(
		regexp.MustCompile(`(?m)^ +name: a-\w+$`).FindAllString(out, -1),
	); n != 10 ||
		strings.Count(out, "name: ") != n {
		t.Errorf("%d names with the prefix:\n%s", n, out)
	}
}

// kustomize builds what stands in files.
func kustomize(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	build := exec.CommandContext(t.Context(), "go", "tool", "-modfile=hack/tools/go.mod", "kustomize", "build", dir)
	build.Dir, build.Env = "..", append(os.Environ(), "GOWORK=off")
	out, err := build.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return string(out)
}

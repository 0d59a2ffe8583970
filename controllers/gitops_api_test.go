package controllers_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

// One object of each kind, as it stands in a repository.
const inGit = `
kind: Instance
metadata: {name: grafana}
spec:
  url: %s
  credentials: {basicAuth: {secretRef: {name: admin}}}
---
kind: Organization
metadata: {name: team}
spec: {instanceRef: {name: grafana}, preferences: {theme: dark}}
---
kind: User
metadata: {name: ada}
spec: {instanceRef: {name: grafana}}
---
kind: ServiceAccount
metadata: {name: robot}
spec: {organizationRef: {name: team}, role: Editor}
---
kind: ServiceAccountToken
metadata: {name: ci}
spec: {serviceAccountRef: {name: robot}, ttl: 2160h, rotation: {before: 72h}}
---
kind: Folder
metadata: {name: business}
spec: {organizationRef: {name: team}, permissions: [{serviceAccountRef: {name: robot}, permission: Edit}]}
---
kind: Dashboard
metadata: {name: orders}
spec:
  organizationRef: {name: team}
  folder: {ref: {name: business}}
  source: {model: {title: Orders, schemaVersion: 39, panels: []}}
---
kind: DataSource
metadata: {name: metrics}
spec: {organizationRef: {name: team}, type: prometheus, url: http://metrics.example.com}
---
kind: Membership
metadata: {name: people}
spec: {organizationRef: {name: team}, members: [{userRef: {name: ada}, role: Editor}]}
---
kind: Team
metadata: {name: shop}
spec: {organizationRef: {name: team}, members: [{userRef: {name: ada}}]}
`

// A tool that applies from a repository finds no difference in an object that the operator has worked on, and no field
// that both claim: nothing has to be ignored.
func TestAPIGitOpsSeesNoDifference(t *testing.T) {
	t.Parallel()
	w := suite.NewEmpty(t, grafanatest.Options{})
	manifests := strings.Split(fmt.Sprintf(inGit, w.Grafana.URL), "\n---\n")
	for _, manifest := range manifests {
		apply(w, manifest, client.ForceOwnership)
	}
	for _, manifest := range manifests {
		desired := read(w, manifest)
		live := desired.DeepCopy()
		w.Eventually(desired.GetKind()+" without a difference", func() error {
			if err := w.Client.Get(t.Context(), client.ObjectKeyFromObject(live), live); err != nil {
				return err
			}
			if !isReady(live) {
				return fmt.Errorf("not Ready: %v", live.Object["status"])
			}
			predicted := apply(w, manifest, client.DryRunAll)
			live.SetManagedFields(nil)
			predicted.SetManagedFields(nil)
			if diff := cmp.Diff(live.Object, predicted.Object); diff != "" {
				return fmt.Errorf("applying it again would change\n%s", diff)
			}
			return nil
		})
	}
}

// read decodes a manifest for a world's namespace.
func read(w *suite.World, manifest string) *unstructured.Unstructured {
	w.T.Helper()
	object := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(manifest), &object.Object); err != nil {
		w.T.Fatal(err)
	}
	object.SetAPIVersion(v1alpha1.GroupVersion.String())
	object.SetNamespace(w.NS)
	return object
}

// apply applies a manifest on the server's side, as Argo CD and Flux do, and returns what comes of it.
func apply(w *suite.World, manifest string, option client.ApplyOption) *unstructured.Unstructured {
	w.T.Helper()
	object := read(w, manifest)
	configuration := client.ApplyConfigurationFromUnstructured(object)
	if err := w.Client.Apply(w.T.Context(), configuration, client.FieldOwner("argocd-controller"), option); err != nil {
		w.T.Fatalf("applying %s: %v", manifest, err)
	}
	return object
}

func isReady(object *unstructured.Unstructured) bool {
	conditions, _, _ := unstructured.NestedSlice(object.Object, "status", "conditions")
	for _, c := range conditions {
		if condition := c.(map[string]any); condition["type"] == v1alpha1.ConditionReady {
			return condition["status"] == "True"
		}
	}
	return false
}

// The operator's own dashboard can be had as an object, and stays as it was saved.
func TestAPIOperatorDashboard(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(suite.InRepository("config", "grafana", "operator.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, version := range grafanatest.Versions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			w := suite.New(t, grafanatest.Options{Version: version})
			w.Organization("operations")
			w.ConfigMap("operator-dashboard", map[string]string{"operator.json": string(text)})
			dashboard := suite.Ready(w, w.Dashboard("operator", "operations", "", func(o *v1alpha1.Dashboard) {
				o.Spec.Source = v1alpha1.DashboardSource{
					ConfigMapRef: &v1alpha1.KeyReference{Name: "operator-dashboard", Key: "operator.json"},
				}
			}))
			saved := dashboard.Status.Version
			if suite.Visit(w, dashboard); suite.Ready(w, dashboard).Status.Version != saved {
				t.Errorf("it was saved again, as version %d after %d", dashboard.Status.Version, saved)
			}
		})
	}
}

package chart_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"helm.sh/helm/v4/pkg/action"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

// namespaces are those of the platform team and of a tenant.
const namespaces = `
apiVersion: v1
kind: Namespace
metadata: {name: monitoring}
---
apiVersion: v1
kind: Namespace
metadata: {name: team-a}
`

// tenant is an organization and what a tenant has in it.
const tenant = `
apiVersion: v1
kind: Secret
metadata: {name: grafana, namespace: monitoring}
stringData: {admin-user: admin, admin-password: admin}
---
apiVersion: grafana-tenancy.dev/v1alpha1
kind: Instance
metadata: {name: grafana, namespace: monitoring}
spec: {url: GRAFANA, credentials: {basicAuth: {secretRef: {name: grafana}}}}
---
apiVersion: grafana-tenancy.dev/v1alpha1
kind: Organization
metadata: {name: team-a, namespace: monitoring}
spec: {instanceRef: {name: grafana}, allowedNamespaces: {from: All}}
---
apiVersion: grafana-tenancy.dev/v1alpha1
kind: ServiceAccount
metadata: {name: ci, namespace: team-a}
spec: {organizationRef: {name: team-a, namespace: monitoring}, role: Editor}
---
apiVersion: grafana-tenancy.dev/v1alpha1
kind: ServiceAccountToken
metadata: {name: ci, namespace: team-a}
spec: {serviceAccountRef: {name: ci}}
---
apiVersion: grafana-tenancy.dev/v1alpha1
kind: Folder
metadata: {name: shop, namespace: team-a}
spec: {organizationRef: {name: team-a, namespace: monitoring}, title: Shop}
`

// A release is installed, upgraded, rolled back, uninstalled with the CRDs kept, installed again, and uninstalled
// with all that it brought. The objects are there and Ready all along, and the operator follows them each time.
func TestRelease(t *testing.T) {
	w := newWorld(t)
	previous, current := archive(t, older(t), "0.0.1"), archive(t, chartDir, "0.0.2")
	if err := w.install(previous, ""); err != nil {
		t.Fatal(err)
	}
	w.crdsAreNew(false)
	operator := w.runOperator()
	w.apply(namespaces)
	all := w.apply(tenant)
	w.awaitReady(all)
	key := w.key("team-a", "ci")
	survived := func(title string) {
		t.Helper()
		operator = w.runOperator()
		w.rename(all, title)
		if w.key("team-a", "ci") != key {
			t.Error("there is another key")
		}
		operator.Stop()
	}
	operator.Stop()

	w.upgrade(current, everything)
	w.crdsAreNew(true)
	survived("Shop, upgraded")

	w.rollback(1)
	w.crdsAreNew(false)
	survived("Shop, rolled back")

	w.uninstall()
	w.crdsAreNew(false)
	w.kept(all)
	w.gone("apps/v1", "Deployment", namespace, releaseName)
	w.gone("rbac.authorization.k8s.io/v1", "ClusterRole", "", "grafana-tenancy-manager-role")
	if err := w.install(current, "{crds: {keep: false}}"); err != nil {
		t.Fatal(err)
	}
	w.crdsAreNew(true)
	survived("Shop, installed again")

	operator = w.runOperator()
	w.remove(all)
	operator.Stop()
	if orgs := w.grafana.Orgs(); len(orgs) != 1 {
		t.Errorf("there are organizations left: %v", orgs)
	}
	w.uninstall()
	w.gone("apiextensions.k8s.io/v1", "CustomResourceDefinition", "", "folders."+group)
}

// A release takes over what kustomize has installed. By namespace then, the operator has no rights elsewhere, and a
// namespace that is deleted with all that is in it goes, and its key with it.
func TestReleaseByNamespace(t *testing.T) {
	w := newWorld(t)
	w.deploy(kustomize(t, "../../config/default"))
	w.apply(namespaces)
	w.awaitKinds()
	all := w.apply(tenant)
	if err := w.install(chartDir, ""); err == nil {
		t.Error("a release takes what is not its own without being told to")
	}
	if err := w.client.Delete(t.Context(), object("apps/v1", "Deployment", namespace, releaseName)); err != nil {
		t.Fatal(err)
	}
	// With server-side apply, what kubectl has applied would stay kubectl's, and upgrades would be in conflict with it.
	take := func(i *action.Install) { i.TakeOwnership, i.ServerSideApply = true, false }
	if err := w.install(chartDir, "", take); err != nil {
		t.Fatal(err)
	}
	w.upgrade(chartDir, "{watchNamespaces: [monitoring, team-a], clusterID: test}")
	w.gone("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", "", "grafana-tenancy-manager-rolebinding")
	w.runOperator()
	w.awaitReady(all)
	key := w.key("team-a", "ci")
	if err := w.client.Delete(t.Context(), object("v1", "Namespace", "", "team-a")); err != nil {
		t.Fatal(err)
	}
	w.gone("v1", "Namespace", "", "team-a")
	if _, _, _, ok := w.grafana.KeyAlive(key); ok {
		t.Error("the key of the namespace that is gone is good")
	}
}

// deploy applies manifests as make deploy does.
func (w *world) deploy(all objects) {
	w.t.Helper()
	for _, kind := range []string{"Namespace", ""} { // the namespace first
		for key, o := range all {
			if !strings.HasPrefix(key, kind) {
				continue
			}
			if err := w.client.Apply(w.t.Context(), client.ApplyConfigurationFromUnstructured(o.DeepCopy()),
				client.FieldOwner("kubectl")); err != nil {
				w.t.Fatal(err)
			}
		}
	}
}

// older is the chart with CRDs that lack a field: that of Folders has no suspend.
func older(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "chart")
	if err := os.CopyFS(dir, os.DirFS(chartDir)); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "files", "crds", "grafana-tenancy.dev_folders.yaml")
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	crd := values(t, string(content))
	delete(fieldsOf(t, crd), "suspend")
	if content, err = yaml.Marshal(crd); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// fieldsOf are those of a CRD's spec.
func fieldsOf(t *testing.T, crd map[string]any) map[string]any {
	t.Helper()
	versions, _, _ := unstructured.NestedSlice(crd, "spec", "versions")
	if len(versions) != 1 {
		t.Fatalf("there are %d versions", len(versions))
	}
	at := crd["spec"].(map[string]any)["versions"].([]any)[0].(map[string]any)
	for _, field := range []string{"schema", "openAPIV3Schema", "properties", "spec", "properties"} {
		next, ok := at[field].(map[string]any)
		if !ok {
			t.Fatalf("the CRD has no %s", field)
		}
		at = next
	}
	return at
}

// crdsAreNew says which CRDs there must be: those of the chart, or those that lack a field.
func (w *world) crdsAreNew(want bool) {
	w.t.Helper()
	crd := object("apiextensions.k8s.io/v1", "CustomResourceDefinition", "", "folders."+group)
	w.get(crd, "", crd.GetName())
	if _, got := fieldsOf(w.t, crd.Object)["suspend"]; got != want {
		w.t.Errorf("whether the CRD of Folders has suspend is %v, and should be %v", got, want)
	}
}

// kept checks that neither CRDs nor objects are being deleted: their finalizers alone would keep them for a while.
func (w *world) kept(all objects) {
	w.t.Helper()
	crd := object("apiextensions.k8s.io/v1", "CustomResourceDefinition", "", "folders."+group)
	for _, o := range append(slices.Collect(maps.Values(all)), crd) {
		w.get(o, o.GetNamespace(), o.GetName())
		if at := o.GetDeletionTimestamp(); at != nil {
			w.t.Errorf("%s %s is being deleted, since %v", o.GetKind(), o.GetName(), at)
		}
	}
}

// rename changes the title of the Folder, waits until that is in Grafana, and sees that no object is another than
// before.
func (w *world) rename(all objects, title string) {
	w.t.Helper()
	before := map[string]types.UID{}
	for key, o := range all {
		before[key] = o.GetUID()
	}
	folder := all["Folder team-a shop"]
	w.get(folder, "team-a", "shop")
	patch := client.RawPatch(types.MergePatchType, fmt.Appendf(nil, `{"spec":{"title":%q}}`, title))
	if err := w.client.Patch(w.t.Context(), folder, patch); err != nil {
		w.t.Fatal(err)
	}
	w.awaitReady(all)
	for key, o := range all {
		if o.GetUID() != before[key] {
			w.t.Errorf("%s is another object", key)
		}
	}
	for _, org := range w.grafana.Orgs() {
		for _, f := range w.grafana.Folders(org.ID) {
			if f.Title == title {
				return
			}
		}
	}
	w.t.Errorf("there is no folder %q in Grafana", title)
}

// remove deletes the operator's objects, and waits until they are gone.
func (w *world) remove(all objects) {
	w.t.Helper()
	for _, o := range all {
		if o.GroupVersionKind().Group == group {
			if err := w.client.Delete(w.t.Context(), o); err != nil {
				w.t.Fatal(err)
			}
		}
	}
	for _, o := range all {
		if o.GroupVersionKind().Group == group {
			w.gone(o.GetAPIVersion(), o.GetKind(), o.GetNamespace(), o.GetName())
		}
	}
}

func (w *world) gone(version, kind, ns, name string) {
	w.t.Helper()
	w.eventually(func(ctx context.Context) error {
		o := object(version, kind, ns, name)
		err := w.client.Get(ctx, client.ObjectKeyFromObject(o), o)
		if apierrors.IsNotFound(err) {
			return nil
		}
		return fmt.Errorf("%s %s/%s is there: %v %w", kind, ns, name, o.Object["status"], err)
	})
}

func object(version, kind, ns, name string) *unstructured.Unstructured {
	o := &unstructured.Unstructured{}
	o.SetGroupVersionKind(schema.FromAPIVersionAndKind(version, kind))
	o.SetNamespace(ns)
	o.SetName(name)
	return o
}

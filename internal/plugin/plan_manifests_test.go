package plugin_test

import (
	"errors"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

const oneOrg = "apiVersion: grafana-tenancy.dev/v1alpha1\nkind: Organization\nmetadata: {name: shop}\n" +
	"spec: {instanceRef: {name: grafana}}\n"

const oneOrgJSON = `{"apiVersion":"grafana-tenancy.dev/v1alpha1","kind":"Organization","metadata":{"name":"shop"},` +
	`"spec":{"instanceRef":{"name":"grafana"}}}`

// secret is the manifest of a Secret with fields, before that of an Organization.
func secret(name, fields string) string {
	return "{apiVersion: v1, kind: Secret, metadata: {name: " + name + "}, " + fields + "}\n---\n" + oneOrg
}

// Manifests in all the forms that kubectl takes are read, and what it refuses is not promised.
func TestPlanReadsWhatKubectlReads(t *testing.T) {
	t.Parallel()
	x := terminalOf(suite.New(t, grafanatest.Options{}))
	suite.Ready(x.World, &v1alpha1.Instance{ObjectMeta: x.Named("grafana")})
	yes := true
	x.Create(&corev1.Secret{ObjectMeta: x.Named("fixed"), Immutable: &yes, Data: map[string][]byte{"a": []byte("x")}})
	x.Create(&corev1.ConfigMap{ObjectMeta: x.Named("fixed"), Immutable: &yes, Data: map[string]string{"a": "x"}})
	x.Create(&corev1.Secret{ObjectMeta: x.Named("open"), Data: map[string][]byte{"a": []byte("x")}})
	item := "- " + strings.ReplaceAll(strings.TrimSpace(oneOrg), "\n", "\n  ") + "\n"
	list := "apiVersion: v1\nkind: List\nitems:\n"
	for name, text := range map[string]string{
		"lines that end in CR LF": strings.ReplaceAll("---\n"+oneOrg+"---\n# nothing\n---\n", "\n", "\r\n"),
		"a byte order mark":       "\ufeff" + oneOrg,
		"JSON":                    oneOrgJSON,
		"a list":                  list + item,
		"a list of its own kind":  "apiVersion: grafana-tenancy.dev/v1alpha1\nkind: OrganizationList\nitems:\n" + item,
		"a list in a list in a list": list + "- apiVersion: v1\n  kind: List\n  items:\n" +
			"  - {apiVersion: v1, kind: List, items: [" + oneOrgJSON + "]}\n",
		"one after the other":             oneOrgJSON + "\n" + oneOrgJSON,
		"comments":                        "# one\n---\n\n---\n" + oneOrg,
		"a status":                        oneOrg + "status: {orgID: 7}\n",
		"an immutable Secret as it is":    secret("fixed", "immutable: true, stringData: {a: x}"),
		"a Secret that becomes immutable": secret("open", "immutable: true, stringData: {a: z}"),
		"what kubectl get has": strings.Replace(oneOrg, "{name: shop}", "{name: shop, creationTimestamp: null, "+
			"resourceVersion: \"1\", generation: 4, uid: abc, managedFields: [{manager: x}]}", 1),
	} {
		dir := manifests(t, text)
		if strings.HasPrefix(text, "{") {
			if err := os.Rename(filepath.Join(dir, "tenant.yaml"), filepath.Join(dir, "tenant.json")); err != nil {
				t.Fatal(err)
			}
		}
		if r := x.plans(dir); r.code != 2 || !strings.Contains(r.out, "1 to create") {
			t.Errorf("%s: exit code %d\n%s\n%s", name, r.code, r.out, r.err)
		}
	}
	for name, text := range map[string]string{
		"a key twice":              oneOrg + "spec: {instanceRef: {name: other}}\n",
		"another version":          strings.Replace(oneOrg, "v1alpha1", "v1alpha2", 1),
		"a kind that is none":      strings.Replace(oneOrg, "Organization", "Organisation", 1),
		"a namespace that is none": strings.Replace(oneOrg, "{name: shop}", "{name: shop, namespace: nowhere}", 1),
		"a name that is none":      strings.Replace(oneOrg, "{name: shop}", "{name: Web_Shop}", 1),
		"a name that is yet to be": strings.Replace(oneOrg, "{name: shop}", "{generateName: shop-}", 1),
		"an immutable Secret":      secret("fixed", "immutable: true, stringData: {a: z}"),
		"an immutable ConfigMap":   strings.Replace(secret("fixed", "data: {a: z}"), "Secret", "ConfigMap", 1),
		"a Secret mutable again":   secret("fixed", "immutable: false"),
		"a Secret of another type": secret("open", "type: other"),
		"a key that is none":       secret("open", "stringData: {a b: c}"),
		"a ConfigMap with a key twice": strings.Replace(secret("new", "data: {a: z}, binaryData: {a: eQ==}"), "Secret",
			"ConfigMap", 1),
		"a Secret with a new field": "{apiVersion: v1, kind: Secret, metadata: {name: s}, datas: {}}\n---\n" + oneOrg,
	} {
		if r := x.plans(manifests(t, text)); r.code == 0 || strings.Contains(r.out, "to create") {
			t.Errorf("%s: exit code %d, what kubectl refuses\n%s\n%s", name, r.code, r.out, r.err)
		}
	}
}

// A manifest that has the Instance's credential sent elsewhere is not followed, unless that is asked for.
func TestPlanTrustsNoURLOfTheManifests(t *testing.T) {
	t.Parallel()
	x := terminalOf(suite.New(t, grafanatest.Options{}))
	suite.Ready(x.World, &v1alpha1.Instance{ObjectMeta: x.Named("grafana")})
	other := grafanatest.New(grafanatest.Options{})
	server := httptest.NewServer(other)
	defer server.Close()
	dir := manifests(t, "apiVersion: grafana-tenancy.dev/v1alpha1\nkind: Instance\nmetadata: {name: grafana}\n"+
		"spec:\n  url: "+server.URL+"\n  credentials: {basicAuth: {secretRef: {name: admin}}}\n---\n"+oneOrg)
	x.plans(dir).wants(t, 1, "CredentialWithheld", "give --trust-urls", "    ? 1 object in it: unknown\n",
		"2 not known").lacks(t, "Organization")
	if asked := other.Requests(); len(asked) > 0 {
		t.Errorf("it is asked: %v", asked)
	}
	x.plans(dir, "--trust-urls")
	if len(other.Requests()) == 0 {
		t.Error("it is not asked with --trust-urls")
	}
}

// Where there is no kubectl, a kustomization is not read, and it is said what is missing.
func TestPlanOfAKustomizationWithoutKubectl(t *testing.T) {
	x := terminalOf(suite.New(t, grafanatest.Options{}))
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "kustomization.yaml"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	x.plans(dir).wants(t, 1, "error: kubectl kustomize "+dir+": exit status 1: ")
	t.Setenv("PATH", t.TempDir())
	x.plans(dir).wants(t, 1, dir+" is a kustomization, which kubectl builds, and there is no kubectl in your PATH")
}

// A kustomization in a folder is built, whatever the name of its folder: in a pull request anybody can give it one.
func TestPlanBuildsTheKustomizationsInAFolder(t *testing.T) {
	x := terminalOf(suite.New(t, grafanatest.Options{}))
	suite.Ready(x.World, &v1alpha1.Instance{ObjectMeta: x.Named("grafana")})
	t.Chdir(t.TempDir())
	for _, name := range []string{"shop", "--load-restrictor=LoadRestrictionsNone"} {
		text := strings.Replace(oneOrg, "{name: shop}", "{name: org"+strconv.Itoa(len(name))+"}", 1)
		if err := errors.Join(os.Mkdir(name, 0o700),
			os.WriteFile(filepath.Join(name, "kustomization.yaml"), []byte("resources: [org.yaml]\n"), 0o600),
			os.WriteFile(filepath.Join(name, "org.yaml"), []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	x.plans(".", "-R").wants(t, 2, "2 to create")
}

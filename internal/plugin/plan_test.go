package plugin_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/plan"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

const tenantManifests = `
apiVersion: grafana-tenancy.dev/v1alpha1
kind: Organization
metadata: {name: shop}
spec:
  instanceRef: {name: grafana}
  name: Web shop
---
apiVersion: grafana-tenancy.dev/v1alpha1
kind: ServiceAccount
metadata: {name: ci}
spec:
  organizationRef: {name: shop}
  role: Editor
---
apiVersion: grafana-tenancy.dev/v1alpha1
kind: ServiceAccountToken
metadata: {name: ci}
spec:
  serviceAccountRef: {name: ci}
  secret: {name: ci-key}
---
apiVersion: grafana-tenancy.dev/v1alpha1
kind: Folder
metadata: {name: business}
spec:
  organizationRef: {name: shop}
  title: Business
---
apiVersion: grafana-tenancy.dev/v1alpha1
kind: Dashboard
metadata: {name: checkout}
spec:
  organizationRef: {name: shop}
  folder: {ref: {name: business}}
  source: {json: '{"title": "Checkout"}'}
---
apiVersion: grafana-tenancy.dev/v1alpha1
kind: DataSource
metadata: {name: metrics}
spec:
  organizationRef: {name: shop}
  name: Metrics
  type: prometheus
  url: http://mimir
  secureJsonData: {password: {secretKeyRef: {name: absent, key: password}}}
`

// manifests writes what is to be applied into a folder.
func manifests(t *testing.T, text string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "tenant.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// plans runs the plan of what is in a folder.
func (x *terminal) plans(dir string, more ...string) result {
	x.T.Helper()
	args := append([]string{"plan", "-f", dir, "--cluster-id", suite.ClusterID}, more...)
	return x.run("", args...)
}

// moment is a time in a plan.
var moment = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`)

// tokenID is Grafana's number of a token in a plan, which goes by how many there have been.
var tokenID = regexp.MustCompile(`token \d+`)

// golden fails unless a plan reads like this, with the namespace written NS.
func (x *terminal) golden(r result, code int, want string) {
	x.T.Helper()
	got := moment.ReplaceAllString(strings.ReplaceAll(r.out, x.NS, "NS"), "TIME")
	got = tokenID.ReplaceAllString(got, "token N")
	if r.code != code || got != strings.TrimPrefix(want, "\n") {
		x.T.Errorf("exit code %d, want %d\n%s\n%s\nwant\n%s", r.code, code, got, r.err, want)
	}
}

func TestPlanOfATenant(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"10.4.3", "12.4.0"} {
		t.Run(version, func(t *testing.T) { planOfATenant(t, version) })
	}
}

func planOfATenant(t *testing.T, version string) {
	x := terminalOf(suite.New(t, grafanatest.Options{Version: version}))
	suite.Ready(x.World, &v1alpha1.Instance{ObjectMeta: x.Named("grafana")})
	dir := manifests(t, tenantManifests)
	x.Grafana.ResetLog()
	x.golden(x.plans(dir), 2, `
Instance NS/grafana
  Organization NS/shop "Web shop"
    + Organization NS/shop: create
    + ServiceAccount NS/ci: create
    + ServiceAccountToken NS/ci: create
    + Folder NS/business: create
    ! DataSource NS/metrics: blocked
        SecretNotFound: spec.secureJsonData.password: Secret NS/absent does not exist: create it
    + Dashboard NS/checkout: create
5 to create, 1 blocked.
`)
	if writes := x.Writes(); len(writes) > 0 {
		t.Errorf("the plan writes to Grafana: %v", writes)
	}
	without, _, _ := strings.Cut(tenantManifests, "  secureJsonData")
	dir = manifests(t, without)
	all := objectsIn(x.World, []byte(without))
	for _, obj := range all {
		x.Create(obj)
	}
	for _, obj := range all {
		suite.Ready(x.World, obj.(lifecycle.Object))
	}
	x.golden(x.plans(dir), 0, "6 unchanged.\n")

	changed := strings.NewReplacer("title: Business", "title: Trade", "role: Editor", "role: Viewer",
		`"title": "Checkout"`, `"title": "Check-out"`, "secret: {name: ci-key}", "secret: {name: ci-key}\n  ttl: 24h",
		"type: prometheus", "type: prometheus\n  colour: red").Replace(without)
	x.golden(x.plans(manifests(t, changed)), 2, `
Instance NS/grafana
  Organization NS/shop "Web shop"
    ~ ServiceAccount NS/ci: change role
    ~ ServiceAccountToken NS/ci: change
        Another key took the place of token N, since spec.ttl has changed
        the key before it works until TIME, and is revoked then
    ~ Folder NS/business: change title
    ! DataSource NS/metrics: blocked
        Invalid: unknown fields: spec.colour
    ~ Dashboard NS/checkout: change content
4 to change, 1 blocked, 1 unchanged.
`)
}

// planned is what a plan says in JSON of an object.
func (x *terminal) planned(r result, kind, name string) plan.Object {
	x.T.Helper()
	var p plan.Plan
	if err := json.Unmarshal([]byte(r.out), &p); err != nil {
		x.T.Fatalf("%v\n%s\n%s", err, r.out, r.err)
	}
	all := p.Objects()
	at := slices.IndexFunc(all, func(o plan.Object) bool { return o.Kind == kind && o.Name == name })
	if at < 0 {
		x.T.Fatalf("%s %s is not in the plan:\n%s", kind, name, r.out)
	}
	return all[at]
}

const twoGrafanas = `
apiVersion: grafana-tenancy.dev/v1alpha1
kind: Instance
metadata: {name: gone}
spec:
  url: http://127.0.0.1:9
  credentials: {basicAuth: {secretRef: {name: admin}}}
---
apiVersion: grafana-tenancy.dev/v1alpha1
kind: Instance
metadata: {name: sealed}
spec:
  url: http://127.0.0.1:9
  credentials: {basicAuth: {secretRef: {name: absent}}}
---
apiVersion: grafana-tenancy.dev/v1alpha1
kind: Organization
metadata: {name: lost}
spec: {instanceRef: {name: gone}}
---
apiVersion: grafana-tenancy.dev/v1alpha1
kind: Organization
metadata: {name: found}
spec: {instanceRef: {name: grafana}}
---
apiVersion: grafana-tenancy.dev/v1alpha1
kind: Organization
metadata: {name: refused}
spec: {instanceRef: {name: grafana}, preferences: {homeDashboardUID: a, homeDashboardRef: {name: b}}}
`

// What is in an Instance that cannot be asked is told once, and in JSON of each object.
const wantOfTwoGrafanas = `
Instance NS/gone
  ? Instance NS/gone: unknown
      GrafanaUnavailable: no answer from Grafana to GET /api/health: dial tcp 127.0.0.1:9: connect: connection refused
    ? 1 object in it: unknown
Instance NS/sealed
  ! Instance NS/sealed: blocked
      SecretNotFound: spec.credentials.basicAuth: Secret NS/absent does not exist
Instance NS/grafana
  Organization NS/found "found"
    + Organization NS/found: create
On no Instance that is known
  ! Organization NS/refused: blocked
      Invalid: spec.preferences: Invalid value: give at most one of homeDashboardUID and homeDashboardRef
1 to create, 2 blocked, 2 not known.
`

func TestPlanWithAGrafanaThatIsDown(t *testing.T) {
	t.Parallel()
	x := terminalOf(suite.New(t, grafanatest.Options{}))
	suite.Ready(x.World, &v1alpha1.Instance{ObjectMeta: x.Named("grafana")})
	dir := manifests(t, "resources: [all.yaml]\nnamespace: "+x.NS)
	if err := errors.Join(
		os.Rename(filepath.Join(dir, "tenant.yaml"), filepath.Join(dir, "kustomization.yaml")),
		os.WriteFile(filepath.Join(dir, "all.yaml"), []byte(twoGrafanas), 0o600),
	); err != nil {
		t.Fatal(err)
	}
	r := x.plans(dir, "-o", "json", "--trust-urls").wants(t, 1, "the plan is not complete")
	for _, want := range []struct {
		kind, name string
		action     plan.Action
		reason     string
	}{
		{"Instance", "gone", plan.Unknown, v1alpha1.ReasonGrafanaUnavailable},
		{"Organization", "lost", plan.Unknown, v1alpha1.ReasonParentNotAvailable},
		{"Instance", "sealed", plan.Blocked, v1alpha1.ReasonSecretNotFound},
		{"Organization", "found", plan.Create, ""},
		{"Organization", "refused", plan.Blocked, "Invalid"},
	} {
		if o := x.planned(r, want.kind, want.name); o.Action != want.action || o.Reason != want.reason {
			t.Errorf("%s %s: %s %s (%s), want %s %s", want.kind, want.name, o.Action, o.Reason, o.Message, want.action,
				want.reason)
		}
	}
	x.golden(x.plans(dir, "--trust-urls"), 1, wantOfTwoGrafanas)
	if strings.Contains(r.err, "objects") {
		t.Errorf("there is a progress where nobody looks: %s", r.err)
	}
	r = x.plans(dir, "-o", "json", "--address="+x.NS+"/gone="+x.Grafana.URL).wants(t, 2)
	if o := x.planned(r, "Organization", "lost"); o.Action != plan.Create {
		t.Errorf("by another address: %s (%s: %s)", o.Action, o.Reason, o.Message)
	}
	for _, bad := range []struct {
		says string
		args []string
	}{
		{"give -f", []string{"plan"}},
		{"write it as NAMESPACE/NAME=URL", []string{"plan", "-f", dir, "--address=grafana"}},
		{"--prune", []string{"plan", "-f", dir, "--prune=a in b"}},
		{"no such file", []string{"plan", "-f", "absent.yaml"}},
		{"only json", []string{"plan", "-f", dir, "-o", "yaml"}},
		{"unknown flag", []string{"plan", "-f", dir, "--everything"}},
		{"unknown command", []string{"plan", dir}},
	} {
		x.run("", bad.args...).wants(t, 1, bad.says)
	}
}

// What waits for an Organization that is blocked is counted, and what is wrong with it by itself is told.
func TestPlanOfABlockedOrganization(t *testing.T) {
	t.Parallel()
	x := terminalOf(suite.New(t, grafanatest.Options{}))
	suite.Ready(x.World, &v1alpha1.Instance{ObjectMeta: x.Named("grafana")})
	x.Ask("POST", "/api/orgs", 0, fields{"name": "Web shop"})
	text := strings.Replace(tenantManifests, "title: Business", "title: Business\n  colour: red", 1)
	r := x.plans(manifests(t, text))
	r.wants(t, 2, "AlreadyExists", "\n      ! 4 objects in it: blocked\n", "/business: blocked", "6 blocked.")
	r.lacks(t, "ServiceAccount", "Dashboard", "ParentNotAvailable")
}

func TestPlanOfWhatIsNotInTheManifestsAnyMore(t *testing.T) {
	t.Parallel()
	x := terminalOf(suite.New(t, grafanatest.Options{}))
	labelled := func(o *v1alpha1.ServiceAccount) { o.Labels = map[string]string{"app": "shop"} }
	org := suite.Ready(x.World, x.Organization("shop"))
	suite.Ready(x.World, x.Account("kept", "shop"))
	suite.Ready(x.World, x.Account("pruned", "shop", labelled))
	x.Grafana.ResetLog()
	text := "apiVersion: grafana-tenancy.dev/v1alpha1\nkind: Organization\nmetadata: {name: shop}\n" +
		"spec: {instanceRef: {name: grafana}}\n"
	dir := manifests(t, text)
	x.golden(x.plans(dir, "--prune=app=shop"), 2, `
Instance NS/grafana
  Organization NS/shop "shop"
    - ServiceAccount NS/pruned: delete (not in the manifests any more)
1 to delete, 1 unchanged.
`)
	x.golden(x.plans(dir), 0, "1 unchanged.\n")
	from := x.run(text, "plan", "-f", "-", "--cluster-id", suite.ClusterID)
	x.golden(from, 0, "1 unchanged.\n")
	if writes := x.Writes(); len(writes) > 0 || x.Org(org.Status.OrgID) == nil {
		t.Errorf("the plan writes to Grafana: %v", writes)
	}
}

const setManifest = `
apiVersion: grafana-tenancy.dev/v1alpha1
kind: DashboardSet
metadata: {name: board}
spec:
  organizations: {selector: {matchLabels: {no: such}}}
  template: {spec: {source: {json: '{"title": "Board"}'}}}
`

// What a set makes is not foreseen: the plan says so, unless there is nothing new about it.
func TestPlanOfASet(t *testing.T) {
	t.Parallel()
	x := terminalOf(suite.New(t, grafanatest.Options{}))
	dir := manifests(t, setManifest)
	r := x.plans(dir, "-o", "json").wants(t, 1, "the plan is not complete")
	if o := x.planned(
		r,
		"DashboardSet",
		"board",
	); o.Action != plan.Unknown ||
		!strings.Contains(o.Message, "foreseen") {
		t.Errorf("of a new one it says: %+v", o)
	}
	for _, obj := range objectsIn(x.World, []byte(setManifest)) {
		x.Create(obj)
	}
	x.golden(x.plans(dir), 0, `
On no Instance that is known
    DashboardSet NS/board: none
1 unchanged.
`)
	bad := strings.Replace(setManifest, "json:", "jason:", 1)
	if o := x.planned(x.plans(manifests(t, bad), "-o", "json"), "DashboardSet", "board"); o.Action != plan.Blocked {
		t.Errorf("of one that is refused it says: %+v", o)
	}
}

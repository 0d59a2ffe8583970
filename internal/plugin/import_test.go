package plugin_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/plan"
	"grafana-tenancy.dev/operator/internal/testing/crash"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

type fields = map[string]any

// people makes logins in a Grafana, and returns their ids.
func people(w *suite.World, logins ...string) map[string]int64 {
	w.T.Helper()
	ids := map[string]int64{}
	for _, login := range logins {
		ids[login] = w.Made(w.Ask("POST", "/api/admin/users", 0, fields{
			"login": login, "name": login, "password": "password-of-" + login, "email": login + "@example.com",
		}))
	}
	return ids
}

// madeByHand makes an organization as people have it before there is an operator, with something of every kind.
func madeByHand(w *suite.World, name string, ids map[string]int64, nested bool) int64 {
	w.T.Helper()
	org := w.Made(w.Ask("POST", "/api/orgs", 0, fields{"name": name}))
	ask := func(method, path string, body any) []byte { w.T.Helper(); return w.Ask(method, path, org, body) }
	for login, role := range map[string]string{"ada": "Editor", "bob": "Viewer"} {
		ask("POST", fmt.Sprintf("/api/orgs/%d/users", org), fields{"loginOrEmail": login, "role": role})
	}
	team := w.Made(replaceID(ask("POST", "/api/teams", fields{"name": "Shop", "email": "shop@example.com"})))
	ask("POST", fmt.Sprintf("/api/teams/%d/members", team), fields{"userId": ids["ada"]})
	ask("PUT", fmt.Sprintf("/api/teams/%d/members/%d", team, ids["ada"]), fields{"permission": 4})
	account := w.Made(ask("POST", "/api/serviceaccounts", fields{"name": "Deploy bot", "role": "Editor"}))
	ask("POST", "/api/datasources", fields{
		"name":      "Metrics",
		"uid":       "Metrics",
		"type":      "prometheus",
		"access":    "proxy",
		"url":       "http://mimir:8080/prometheus",
		"isDefault": true,
		"jsonData": fields{
			"httpMethod": "POST",
			"note":       "{{ literally }} ${__value.raw}",
		},
	})
	ask("POST", "/api/datasources", fields{
		"name": "Logs", "uid": "logs", "type": "loki", "access": "proxy", "url": "http://loki:3100",
		"basicAuth": true, "basicAuthUser": "reader", "jsonData": fields{"httpHeaderName1": "X-Scope-OrgID"},
		"secureJsonData": fields{"basicAuthPassword": "the-password", "httpHeaderValue1": "the-tenant"},
	})
	ask("POST", "/api/folders", fields{"uid": "business", "title": "Business"})
	permissions := []fields{
		{"role": "Viewer", "permission": 1}, {"teamId": team, "permission": 2},
		{"userId": ids["bob"], "permission": 4}, {"userId": account, "permission": 2},
	}
	ask("POST", "/api/folders/business/permissions", fields{"items": permissions})
	inner := fields{"uid": "Sales_2", "title": "Sales"}
	if nested {
		inner["parentUid"] = "business"
	}
	ask("POST", "/api/folders", inner)
	large := []fields{}
	for i := range 1500 {
		large = append(
			large,
			fields{"id": i + 1, "type": "text", "title": fmt.Sprintf("%d %s", i, strings.Repeat("x", 200))},
		)
	}
	for _, body := range []fields{
		{"dashboard": fields{"uid": "checkout", "title": "Checkout", "refresh": "30s"}, "folderUid": "Sales_2"},
		{"dashboard": fields{"uid": "Home", "title": "Home", "tags": []string{"a"}}},
		{"dashboard": fields{"uid": "large", "title": "Large", "panels": large}, "folderUid": "business"},
	} {
		ask("POST", "/api/dashboards/db", body)
	}
	if nested { // and so the schema that came later
		ask("POST", fmt.Sprintf("/apis/dashboard.grafana.app/v2beta1/namespaces/org-%d/dashboards", org),
			json.RawMessage(crash.Schema2("stat")))
	}
	ask("PATCH", "/api/org/preferences", fields{"timezone": "utc", "homeDashboardUID": "Home"})
	return org
}

// replaceID has an answer that says teamId say id.
func replaceID(answer []byte) []byte { return bytes.ReplaceAll(answer, []byte("teamId"), []byte("id")) }

// build is what kustomize makes of a folder.
func build(t *testing.T, dir string) []byte {
	t.Helper()
	cmd := exec.CommandContext(
		t.Context(),
		"go",
		"tool",
		"-modfile="+abs(t, suite.InRepository("hack", "tools", "go.mod")),
		"kustomize",
		"build",
		abs(t, dir),
	)
	cmd.Env = append(os.Environ(), "GOWORK=off")
	var errOut bytes.Buffer
	cmd.Stderr = &errOut
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("kustomize build: %v\n%s", err, errOut.String())
	}
	return out
}

func abs(t *testing.T, path string) string {
	t.Helper()
	path, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// objectsIn decodes manifests, and fails on a field that no kind has.
func objectsIn(w *suite.World, manifests []byte) (all []client.Object) {
	w.T.Helper()
	decoder := serializer.NewCodecFactory(w.Scheme, serializer.EnableStrict).UniversalDeserializer()
	reader := yaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(manifests)))
	for {
		text, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			w.T.Fatal(err)
		}
		obj, _, err := decoder.Decode(text, nil, nil)
		if err != nil {
			w.T.Fatalf("%v in\n%s", err, text)
		}
		all = append(all, obj.(client.Object))
	}
}

// files are all files below a folder with what is in them.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		all[name] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// sameFiles fails unless two folders have the same in them.
func sameFiles(t *testing.T, a, b string) {
	t.Helper()
	one, other := files(t, a), files(t, b)
	for _, name := range slices.Sorted(maps.Keys(one)) {
		if one[name] != other[name] {
			t.Errorf("%s differs:\n%s\n---\n%s", name, one[name], other[name])
		}
	}
	if len(one) != len(other) || len(one) == 0 {
		t.Errorf("%d files, and %d", len(one), len(other))
	}
}

// What import writes is taken over as it is: all objects become Ready, Grafana is sent nothing but the operator's
// marks, and another import writes the very same.
func TestImport(t *testing.T) {
	t.Parallel()
	for _, version := range grafanatest.Versions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			w := suite.New(t, grafanatest.Options{Version: version}, func(o *v1alpha1.Instance) {
				o.Spec.Adoption = v1alpha1.AdoptionAllow
			})
			x, dir := terminalOf(w), t.TempDir()
			ids, nested := people(w, "ada", "bob"), !strings.HasPrefix(version, "10.")
			dashboards := map[bool]int{true: 4, false: 3}[nested]
			for _, name := range []string{"Web shop", "web-shop"} {
				madeByHand(w, name, ids, nested)
			}
			x.settle(dashboards, "Web shop", "web-shop")
			w.Grafana.ResetLog()
			first, second := filepath.Join(dir, "first"), filepath.Join(dir, "second")
			r := x.run("", "import", "--instance=grafana", "--to", first, "Web shop", "web-shop").wants(t, 0,
				`1 of 2: organization`,
				fmt.Sprintf("web-shop: 2 people, 1 team, 1 service account, 2 data sources, 2 folders, %d dashboards",
					dashboards))
			if writes := w.Writes(); len(writes) > 0 {
				t.Errorf("import writes to Grafana: %v", writes)
			}
			for _, text := range []string{"the-password", "the-tenant"} {
				if strings.Contains(fmt.Sprint(r, files(t, first)), text) {
					t.Errorf("%q is in what import writes", text)
				}
			}
			if names := slices.Sorted(
				maps.Keys(files(t, first)),
			); !slices.Contains(
				names,
				"web-shop/dashboards/large.json.gz",
			) {
				t.Errorf("the large dashboard is not compressed: %v", names)
			}

			sparedByFlux(t, first)
			x.planOfImport(first)
			x.planOfOtherSettings(first)
			x.applyImported(first, dashboards)
			x.onlyMarks()
			x.run("", "import", "--instance=grafana", "--to", second, "web-shop", "Web shop").wants(t, 0)
			sameFiles(t, first, second)
			x.run(
				"",
				"import",
				"--instance=grafana",
				"--to",
				second,
				"web-shop",
			).wants(
				t,
				2,
				"exists already",
				"--force",
			)
			x.run("", "import", "--instance=grafana", "--to", second, "--force", "web-shop").wants(t, 0)
			sameFiles(t, first, second)
		})
	}
}

// settle waits until Grafana's search, which lags behind, shows what was made.
func (x *terminal) settle(dashboards int, names ...string) {
	x.T.Helper()
	for _, name := range names {
		org := x.OrgNamed(name)
		x.Eventually("the search of "+name, func() error {
			status, answer := x.Grafana.Do("GET", "/api/search?type=dash-db", org.ID, nil)
			if n := strings.Count(string(answer), `"dash-db"`); status != 200 || n != dashboards {
				return fmt.Errorf("%d: %d dashboards", status, n)
			}
			return nil
		})
	}
}

// planOfImport fails unless a plan of what was imported foresees that all is taken over, and nothing but marks written.
func (x *terminal) planOfImport(dir string) {
	x.T.Helper()
	var secrets strings.Builder
	for _, text := range x.filledSecrets(dir) {
		secrets.WriteString("---\n" + text)
	}
	args := []string{"plan", "-f", dir, "-f", "-", "--cluster-id", suite.ClusterID, "-o", "json"}
	r := x.run(secrets.String(), args...).wants(x.T, 2)
	var p plan.Plan
	if err := json.Unmarshal([]byte(r.out), &p); err != nil {
		x.T.Fatalf("%v: %s %s", err, r.out, r.err)
	}
	writes := map[string]int{}
	for _, o := range p.Objects() {
		if o.Kind == "DataSource" && (!slices.Contains(o.Fields, "mark") || slices.Contains(o.Fields, "jsonData")) {
			x.T.Errorf("DataSource %s: what changes is %v, and not the mark alone", o.Name, o.Fields)
		}
		already := o.Action == plan.None && (o.Kind == "Membership" || o.Kind == "Instance")
		if o.Action != plan.Adopt && !already || !o.Ready {
			x.T.Errorf("%s %s: %s %s (%s: %s)", o.Kind, o.Name, o.Action, o.Fields, o.Reason, o.Message)
		}
		for _, request := range o.Requests {
			writes[request]++
		}
	}
	want := map[string]int{"PUT /api/orgs/:org/address": 2, "PUT /api/datasources/uid/:uid": 4}
	if !maps.Equal(writes, want) {
		x.T.Errorf("the plan is to send %v, want %v", writes, want)
	}
	if writes := x.Writes(); len(writes) > 0 {
		x.T.Errorf("the plan writes to Grafana: %v", writes)
	}
	for _, text := range []string{"the-password", "the-tenant"} {
		if strings.Contains(r.out+r.err, text) {
			x.T.Errorf("%q is in the plan", text)
		}
	}
}

// planOfOtherSettings fails unless a plan tells of settings that differ in more than the mark.
func (x *terminal) planOfOtherSettings(dir string) {
	x.T.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "web-shop", "datasources.yaml"))
	if err != nil {
		x.T.Fatal(err)
	}
	organization, err := os.ReadFile(filepath.Join(dir, "web-shop", "organization.yaml"))
	if err != nil {
		x.T.Fatal(err)
	}
	changed := strings.Replace(string(text), "httpMethod: POST", "httpMethod: GET", 1)
	r := x.run(string(organization)+"---\n"+changed, "plan", "-f", "-", "--cluster-id", suite.ClusterID, "-o", "json")
	if o := x.planned(r, "DataSource", "web-shop.metrics-"+hashOf("Metrics")); !slices.Contains(o.Fields, "jsonData") {
		x.T.Errorf("DataSource %s: what changes is %v, and not jsonData", o.Name, o.Fields)
	}
}

// hashOf is what ends a name that was changed.
func hashOf(name string) string {
	sum := sha256.Sum256([]byte(name))
	return hex.EncodeToString(sum[:4])
}

// filledSecrets are the Secrets that an import describes, with the values that a person fills in.
func (x *terminal) filledSecrets(dir string) (all []string) {
	x.T.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "*", "secrets.example.yaml"))
	if err != nil {
		x.T.Fatal(err)
	}
	for _, file := range found {
		text, err := os.ReadFile(file)
		if err != nil {
			x.T.Fatal(err)
		}
		for _, obj := range objectsIn(x.World, text) {
			secret := obj.(*corev1.Secret)
			secret.StringData = map[string]string{"basicAuthPassword": "the-password", "httpHeaderValue1": "the-tenant"}
			filled, err := json.Marshal(secret)
			if err != nil {
				x.T.Fatal(err)
			}
			all = append(all, string(filled)+"\n")
		}
	}
	return all
}

// applyImported applies what kustomize makes of an import, with the Secrets that a person has filled in, and waits
// until all of it is Ready.
func (x *terminal) applyImported(dir string, dashboards int) {
	x.T.Helper()
	secrets, err := filepath.Glob(filepath.Join(dir, "*", "secrets.example.yaml"))
	if err != nil || len(secrets) != 2 {
		x.T.Fatalf("%v, %v", secrets, err)
	}
	for _, file := range secrets {
		text, err := os.ReadFile(file)
		if err != nil {
			x.T.Fatal(err)
		}
		for _, obj := range objectsIn(x.World, text) {
			secret := obj.(*corev1.Secret)
			secret.StringData = map[string]string{"basicAuthPassword": "the-password", "httpHeaderValue1": "the-tenant"}
			x.Create(secret)
		}
	}
	kinds := map[string]int{}
	all := objectsIn(x.World, build(x.T, dir))
	for _, obj := range all {
		x.Create(obj)
	}
	for _, obj := range all {
		if o, ours := obj.(lifecycle.Object); ours {
			suite.Ready(x.World, o)
			kinds[fmt.Sprintf("%T", o)]++
		}
	}
	want := map[string]int{
		"*v1alpha1.Organization": 2, "*v1alpha1.Membership": 2, "*v1alpha1.Team": 2, "*v1alpha1.ServiceAccount": 2,
		"*v1alpha1.DataSource": 4, "*v1alpha1.Folder": 4, "*v1alpha1.Dashboard": 2 * dashboards,
	}
	if !maps.Equal(kinds, want) {
		x.T.Errorf("applied were %v, want %v", kinds, want)
	}
}

// onlyMarks fails if Grafana was sent anything but the marks by which the operator knows its own.
func (x *terminal) onlyMarks() {
	x.T.Helper()
	counts := map[string]int{}
	for _, write := range x.Writes() {
		method, rest, _ := strings.Cut(write, " ")
		path, body, _ := strings.Cut(rest, " ")
		switch {
		case method == "PUT" && strings.HasPrefix(path, "/api/orgs/") && strings.HasSuffix(path, "/address"):
			counts["mark of an organization"]++
		case method == "PUT" && strings.HasPrefix(path, "/api/datasources/uid/") &&
			strings.Contains(body, "grafana-tenancy.dev/owner"):
			counts["mark of a data source"]++
		default:
			x.T.Errorf("Grafana is sent %s", write)
		}
	}
	if counts["mark of an organization"] != 2 || counts["mark of a data source"] != 4 {
		x.T.Errorf("the marks: %v", counts)
	}
}

// An organization that cannot be read keeps the others from nothing, and is listed at the end.
func TestImportFailures(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	x, dir := terminalOf(w), filepath.Join(t.TempDir(), "tenants")
	people(w, "boss")
	w.Ask("POST", "/api/orgs", 0, fields{"name": "Open"})
	closed := w.Made(w.Ask("POST", "/api/orgs", 0, fields{"name": "Closed"}))
	w.Ask("POST", fmt.Sprintf("/api/orgs/%d/users", closed), 0, fields{"loginOrEmail": "boss", "role": "Admin"})
	w.Ask("DELETE", fmt.Sprintf("/api/orgs/%d/users/%d", closed, w.Grafana.Admin()), 0, nil)
	run := func(args ...string) result {
		return x.run("", append([]string{"import", "--instance=grafana", "--to", dir}, args...)...)
	}
	run("Closed", "Open", "None").wants(t, 1, "these organizations could not be imported:", `"Closed": the login `,
		`"None": there is no organization of this name or id`, "does not allow adoption")
	if names := slices.Sorted(maps.Keys(files(t, dir))); !slices.ContainsFunc(names, func(n string) bool {
		return strings.HasPrefix(n, "open-") && strings.HasSuffix(n, "/organization.yaml")
	}) || len(names) != 3 {
		t.Errorf("written were %v", names)
	}
	run("--join", "Closed").wants(t, 0, "1 person")

	nowhere := filepath.Join(t.TempDir(), "tenants")
	x.run("", "import", "--url="+w.Grafana.URL, "--password-file", passwordFile(t), "--to", nowhere, "None").
		wants(t, 2, `"None": there is no organization of this name or id`)
	if _, err := os.Stat(nowhere); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("something is written where nothing was imported: %v", err)
	}

	for _, bad := range []struct {
		says string
		args []string
	}{
		{"exactly one of --instance and --url", []string{"import", "--to=x", "--all"}},
		{"give --to", []string{"import", "--instance=grafana", "--all"}},
		{"or give --all", []string{"import", "--instance=grafana", "--to=x"}},
		{"go with --url", []string{"import", "--instance=grafana", "--to=x", "--all", "--user=x"}},
		{"reading Instance " + w.NS + "/none", []string{"import", "--instance=none", "--to=x", "--all"}},
		{"there is no password", []string{"import", "--url=http://localhost:1", "--to=x", "--all"}},
	} {
		x.run("", bad.args...).wants(t, 2, bad.says)
	}
}

// Where there is no Instance yet, one is written with the reference to a Secret, and the password comes from a file.
func TestImportFromURL(t *testing.T) {
	t.Parallel()
	w := suite.NewEmpty(t, grafanatest.Options{})
	x, dir := terminalOf(w), t.TempDir()
	file := passwordFile(t)
	w.Ask("POST", "/api/orgs", 0, fields{"name": "tenant"})
	to := filepath.Join(dir, "tenants")
	x.run(
		"",
		"import",
		"--url",
		w.Grafana.URL,
		"--password-file",
		file,
		"--user=admin",
		"-n",
		w.NS,
		"--to",
		to,
		"tenant",
	).
		wants(
			t,
			0,
		)
	for _, obj := range objectsIn(w, build(t, to)) {
		if o, ok := obj.(*v1alpha1.Instance); ok {
			o.Spec.Credentials.BasicAuth.SecretRef.Name = "admin" // what the person has
		}
		w.Create(obj)
		suite.Ready(w, obj.(lifecycle.Object))
	}
	if got := files(t, to)["secrets.example.yaml"]; !strings.Contains(got, "grafana-admin") {
		t.Errorf("the Secret is not said: %s", got)
	} else if !strings.HasPrefix(got, "---\n") {
		t.Errorf("it cannot be put behind another: %s", got)
	}
}

// passwordFile has the password of the server admin in it.
func passwordFile(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte("admin\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// What the API server would refuse of what people have in Grafana is left out and told, and stays as it is there.
func TestImportLeavesOutWhatIsRefused(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{}, func(o *v1alpha1.Instance) { o.Spec.Adoption = v1alpha1.AdoptionAllow })
	x, dir := terminalOf(w), t.TempDir()
	org := w.Made(w.Ask("POST", "/api/orgs", 0, fields{"name": "Old"}))
	team := w.Made(replaceID(w.Ask("POST", "/api/teams", org, fields{"name": "Shop", "email": "not an email"})))
	w.Ask("POST", "/api/teams", org, fields{"name": "Bad [0a1b2c3d]"})
	x.run("", "import", "--instance=grafana", "--to", dir, "--force", "Old").wants(t, 0,
		`left out: email of team "Shop": "not an email" stays as it is, since the API server would refuse it: `,
		`left out: team "Bad [0a1b2c3d]": a Team cannot have this name: it ends as`, "1 team")
	all := objectsIn(w, build(t, dir))
	for _, obj := range all {
		w.Create(obj)
	}
	for _, obj := range all {
		suite.Ready(w, obj.(lifecycle.Object))
	}
	if is := w.Ask("GET", fmt.Sprintf("/api/teams/%d", team), org, nil); !strings.Contains(string(is), "not an email") {
		t.Errorf("the team's address is gone: %s", is)
	}
}

// Why an organization cannot be imported under its name is said.
func TestImportOfNamesThatCannotBe(t *testing.T) {
	t.Parallel()
	suite.NotOnReal(t, "names are longer there by what tells tests apart")
	w := suite.New(t, grafanatest.Options{})
	x, dir, long := terminalOf(w), filepath.Join(t.TempDir(), "tenants"), strings.Repeat("x", 185)
	w.Ask("POST", "/api/orgs", 0, fields{"name": " blank"})
	w.Ask("POST", "/api/orgs", 0, fields{"name": long})
	x.run("", "import", "--instance=grafana", "--to", dir, " blank", long).wants(t, 2,
		"since it begins or ends with a blank: rename it", "since it has 185 characters, and can have 179")
}

// An organization that belongs to an object keeps the object's name, whatever it is called by now; and what is left of
// an earlier import is told.
func TestImportOfWhatWasRenamed(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	x, dir := terminalOf(w), t.TempDir()
	owned := suite.Ready(w, w.Organization("owned"))
	free := w.Made(w.Ask("POST", "/api/orgs", 0, fields{"name": "Früher"}))
	x.run("", "import", "--instance=grafana", "--to", dir, "owned", "Früher").wants(t, 0)
	w.Ask("PUT", fmt.Sprintf("/api/orgs/%d", free), 0, fields{"name": "Später"})
	w.Ask("PUT", fmt.Sprintf("/api/orgs/%d", owned.Status.OrgID), 0, fields{"name": "Other"})
	r := x.run("", "import", "--instance=grafana", "--to", dir, "--force", "Other", "Später")
	r.wants(t, 0, "owned: ", "spater-", `is of an organization "Früher" that is not there`)
	names := map[string]bool{}
	for name := range files(t, dir) {
		names[filepath.Dir(name)] = true
	}
	if len(names) != 4 || !names["owned"] { // the root, owned, and the other one by both of its names
		t.Errorf("written were %v", names)
	}
}

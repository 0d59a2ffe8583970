package plugin_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

var shellBlock = regexp.MustCompile("(?s)\n```sh\n(.*?\n)```\n")

// What docs/plugin.md says of applying an import works as it is written, after an import from a url: the plan asks
// Grafana and foresees adoptions only, and all becomes Ready.
func TestImportIsAppliedAsDocumented(t *testing.T) {
	t.Parallel()
	w := suite.NewEmpty(t, grafanatest.Options{})
	x, dir := terminalOf(w), t.TempDir()
	page, err := os.ReadFile(suite.InRepository("docs", "plugin.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, text, found := strings.Cut(string(page), "\n### Applying it\n")
	text, _, _ = strings.Cut(text, "\n## ")
	blocks := shellBlock.FindAllStringSubmatch(text, -1)
	if !found || len(blocks) != 2 {
		t.Fatalf("there are %d blocks of commands", len(blocks))
	}
	madeByHand(w, "Web shop", people(w, "ada", "bob"), false)
	x.settle(3, "Web shop")
	x.run("", "import", "--url", w.Grafana.URL, "--password-file", passwordFile(t), "-n", w.NS, "--to",
		filepath.Join(dir, "tenants"), "Web shop").wants(t, 0)
	// The namespace is there, and is called otherwise.
	inNamespace := strings.NewReplacer("create namespace grafana", "get namespace "+w.NS, "-n grafana", "-n "+w.NS)
	for line := range strings.SplitSeq(inNamespace.Replace(blocks[0][1]+blocks[1][1]), "\n") {
		x.types(dir, line)
	}
	for _, obj := range objectsIn(w, build(t, filepath.Join(dir, "tenants"))) {
		if o, ours := obj.(lifecycle.Object); ours {
			if err := w.Client.Get(t.Context(), client.ObjectKeyFromObject(o), o); err != nil {
				t.Fatal(err)
			}
			suite.Ready(w, o)
		}
	}
}

// types does what a person does in a folder at a line of the documentation.
func (x *terminal) types(dir, line string) {
	x.T.Helper()
	command, _, _ := strings.Cut(line, " # ")
	args, ours := strings.CutPrefix(strings.TrimSpace(command), "kubectl grafana ")
	switch {
	case ours && strings.HasPrefix(args, "plan"):
		args = strings.Replace(args, "-f tenants", "-f "+filepath.Join(dir, "tenants"), 1)
		r := x.run("", append(strings.Fields(args), "--cluster-id", suite.ClusterID)...)
		r.wants(x.T, 2, "to adopt").lacks(x.T, "to create", "blocked", "not known", "to change")
	case ours:
		x.run("", strings.Fields(args)...)
	case strings.HasPrefix(line, "# Fill in"):
		fillIn(x.T, filepath.Join(dir, "secrets.yaml"))
	default:
		shell := exec.CommandContext(x.T.Context(), "bash", "-euc", line)
		shell.Dir, shell.Env = dir, append(os.Environ(), "KUBECONFIG="+x.kubeconfig)
		if out, err := shell.CombinedOutput(); err != nil {
			x.T.Fatalf("%s: %v\n%s", line, err, out)
		}
	}
}

// fillIn fills the values into the Secrets of a file.
func fillIn(t *testing.T, file string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	filled := strings.NewReplacer(`admin-user: ""`, "admin-user: admin", `admin-password: ""`, "admin-password: admin",
		`: ""`, ": the-value").Replace(string(text))
	if err := os.WriteFile(file, []byte(filled), 0o600); err != nil {
		t.Fatal(err)
	}
}

package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

// program is a module in the operator's place, which is compiled in a moment. It is in a folder of its own each time.
func program(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{
		"go.mod": "module example.com/program\ngo 1.26.0\n" +
			"require example.com/dep v1.2.3\nreplace example.com/dep => ./dep\n" +
			"require example.com/cli v1.0.0\nreplace example.com/cli => ./cli\n",
		"main.go": "package main\nimport \"example.com/dep\"\nvar version string\n" +
			"func main() { dep.Print(version) }\n",
		"cmd/kubectl-grafana/main.go": "package main\nimport (\n\"example.com/cli\"\n\"example.com/dep\"\n)\n" +
			"var version string\nfunc main() { dep.Print(cli.Name + version) }\n",
		"cli/go.mod": "module example.com/cli\ngo 1.26.0\n",
		"cli/cli.go": "package cli\nconst Name = \"plugin \"\n",
		"dep/go.mod": "module example.com/dep\ngo 1.26.0\n",
		"dep/dep.go": "package dep\nimport \"os\"\nfunc Print(s string) { os.Stdout.WriteString(s) }\n",
	} {
		path := filepath.Join(dir, name)
		must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		must(t, os.WriteFile(path, []byte(content), 0o644))
	}
	return dir
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// made runs a command that writes into a folder, and returns the folder.
func made(t *testing.T, command, version string, more ...string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "new")
	args := []string{command, "-tree", program(t), "-version", version, "-revision", "abc", "-created", "1700000000"}
	must(t, run(t.Context(), append(append(args, more...), dir)))
	return dir
}

// contents are the hashes of all files of a folder, by their paths.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	must(t, fs.WalkDir(os.DirFS(dir), ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(filepath.Join(dir, path))
		sum := sha256.Sum256(content)
		all[path] = hex.EncodeToString(sum[:])
		return err
	}))
	return all
}

func TestTwoBuildsGiveTheSame(t *testing.T) {
	one := contents(t, made(t, "artifacts", "v1.2.3"))
	t.Setenv("GOFLAGS", "-tags=other -ldflags=-w -gcflags=-N")
	t.Setenv("GOAMD64", "v3")
	two := contents(t, made(t, "artifacts", "v1.2.3"))
	if fmt.Sprint(one) != fmt.Sprint(two) {
		t.Errorf("the first build made\n%v\nand the second\n%v", one, two)
	}
	other := contents(t, made(t, "artifacts", "v1.2.4"))
	if one["grafana-tenancy-operator-v1.2.3-oci.tar"] == other["grafana-tenancy-operator-v1.2.4-oci.tar"] {
		t.Error("another version gives the same image")
	}
}

func TestArtifacts(t *testing.T) {
	dir := made(t, "artifacts", "v1.2.3")
	must(t, os.WriteFile(filepath.Join(dir, "install.yaml"), []byte("kind: List\n"), 0o644))
	for range 2 { // the sums are not summed up themselves
		must(t, run(t.Context(), []string{"checksums", dir}))
	}
	const begin = "grafana-tenancy-operator-v1.2.3-"
	want := []string{
		begin + "linux-amd64.cdx.json", begin + "linux-arm64.cdx.json", begin + "oci.tar", "install.yaml",
	}
	all := contents(t, dir)
	var listed bytes.Buffer
	for _, name := range want {
		fmt.Fprintf(&listed, "%s  %s\n", all[name], name)
	}
	have, err := os.ReadFile(filepath.Join(dir, "SHA256SUMS"))
	must(t, err)
	if string(have) != listed.String() || len(all) != len(want)+1 {
		t.Errorf("SHA256SUMS has\n%s\nwant\n%s\nof %v", have, &listed, all)
	}
}

func TestSBOM(t *testing.T) {
	dir := made(t, "artifacts", "v1.2.3", "-platforms", "linux/arm64")
	f, err := os.Open(filepath.Join(dir, name+"-v1.2.3-linux-arm64.cdx.json"))
	must(t, err)
	defer f.Close()
	var bom cdx.BOM
	must(t, cdx.NewBOMDecoder(f, cdx.BOMFileFormatJSON).Decode(&bom))
	if main := bom.Metadata.Component; main.Name != name || main.Version != "v1.2.3" {
		t.Errorf("it is about %s %s", main.Name, main.Version)
	}
	var urls []string
	for _, c := range *bom.Components {
		urls = append(urls, strings.SplitAfter(c.PackageURL, "@")[0])
		if c.PackageURL == "pkg:golang/example.com/dep@v1.2.3" && c.Version != "v1.2.3" {
			t.Errorf("the module has the version %q", c.Version)
		}
	}
	want := []string{ // the second program has one more
		"pkg:golang/std@",
		"pkg:golang/example.com/dep@",
		"pkg:golang/example.com/cli@",
		"pkg:golang/" + rootsModule + "@",
	}
	if !slices.Equal(urls, want) {
		t.Errorf("it lists %v, want %v", urls, want)
	}
}

func TestBadInputIsRefused(t *testing.T) {
	full := t.TempDir()
	must(t, os.WriteFile(filepath.Join(full, "mine"), nil, 0o644))
	for name, test := range map[string]struct {
		args []string
		says string
	}{
		"no command":        {nil, "say what to do"},
		"other command":     {[]string{"publish", "x"}, "say what to do"},
		"no folder":         {[]string{"image", "-version", "v1.2.3"}, "say what to do"},
		"no version":        {[]string{"image", "x"}, `version: ""`},
		"version of a blob": {[]string{"image", "-version", "a b", "x"}, `version: "a b"`},
		"build metadata":    {[]string{"artifacts", "-version", "v1.2.3+4", "x"}, `version: "v1.2.3+4"`},
		"short version":     {[]string{"artifacts", "-version", "v1.2", "x"}, `not "v1.2"`},
		"no semver":         {[]string{"artifacts", "-version", "a63eaff-dirty", "x"}, `not "a63eaff-dirty"`},
		"other platform":    {[]string{"image", "-version", "v1.2.3", "-platforms", "linux/s390x", "x"}, "linux/s390x"},
		"folder in use":     {[]string{"image", "-version", "v1.2.3", full}, "is not empty"},
		"no layout":         {[]string{"unpack", full, "x"}, "is no OCI layout"},
		"nothing to sum up": {[]string{"checksums", t.TempDir()}, "there is nothing"},
	} {
		t.Chdir(t.TempDir())
		err := run(t.Context(), test.args)
		if err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: got %v, want an error that says %s", name, err, test.says)
		}
		if left, err := os.ReadDir("."); err != nil || len(left) > 0 {
			t.Errorf("%s: it left %v (%v)", name, left, err)
		}
	}
}

func TestBrokenSourceIsToldOf(t *testing.T) {
	tree := program(t)
	must(t, os.WriteFile(filepath.Join(tree, "main.go"), []byte("package main\nfunc main() { nonsense }\n"), 0o644))
	err := run(t.Context(), []string{"image", "-tree", tree, "-version", "v1.2.3", filepath.Join(t.TempDir(), "new")})
	if err == nil || !strings.Contains(err.Error(), "linux/amd64") || !strings.Contains(err.Error(), "nonsense") {
		t.Errorf("got %v", err)
	}
}

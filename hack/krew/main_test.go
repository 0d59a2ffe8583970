package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// krewPlugin is a manifest as krew knows it, without what ours has none of.
type krewPlugin struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Metadata   struct {
		Name string `json:"name"`
	} `json:"metadata"`
	Spec struct {
		Version          string `json:"version"`
		Homepage         string `json:"homepage"`
		ShortDescription string `json:"shortDescription"`
		Description      string `json:"description"`
		Caveats          string `json:"caveats"`
		Platforms        []struct {
			Selector struct {
				MatchLabels map[string]string `json:"matchLabels"`
			} `json:"selector"`
			URI    string `json:"uri"`
			SHA256 string `json:"sha256"`
			Bin    string `json:"bin"`
			Files  []struct {
				From string `json:"from"`
				To   string `json:"to"`
			} `json:"files"`
		} `json:"platforms"`
	} `json:"spec"`
}

// The manifest is as krew wants it, and what it leads to is the plugin: with the digest that it says, the files that it
// names, and a binary that tells the version.
func TestManifest(t *testing.T) {
	t.Chdir(filepath.Join("..", ".."))
	out := t.TempDir()
	r := release{Version: "v1.2.3", Homepage: "https://example.com", BaseURL: "https://example.com/v1.2.3"}
	if err := r.build([]string{runtime.GOOS + "/" + runtime.GOARCH}, out); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(out, "grafana.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var p krewPlugin
	if err := yaml.UnmarshalStrict(text, &p); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	short, spec := p.Spec.ShortDescription, p.Spec
	if p.APIVersion != "krew.googlecontainertools.github.com/v1alpha2" || p.Kind != "Plugin" ||
		p.Metadata.Name != "grafana" || spec.Version != "v1.2.3" || len(spec.Platforms) != 1 ||
		short == "" || len(short) > 50 || strings.HasSuffix(short, ".") {
		t.Fatalf("the manifest is %+v", p)
	}
	on := p.Spec.Platforms[0]
	name, ok := strings.CutPrefix(on.URI, "https://example.com/v1.2.3/")
	archive, err := os.ReadFile(filepath.Join(out, name))
	sum := sha256.Sum256(archive)
	if !ok || err != nil || on.SHA256 != hex.EncodeToString(sum[:]) || on.Selector.MatchLabels["os"] != runtime.GOOS {
		t.Fatalf("%+v (%v)", on, err)
	}
	unpack(t, archive, out)
	for _, f := range on.Files {
		if _, err := os.Stat(filepath.Join(out, f.From)); err != nil || f.To != "." {
			t.Errorf("%+v: %v", f, err)
		}
	}
	said, err := exec.CommandContext(t.Context(), filepath.Join(out, on.Bin), "--version").CombinedOutput()
	if err != nil || !regexp.MustCompile(`v1\.2\.3\n$`).Match(said) {
		t.Errorf("the binary says %q (%v)", said, err)
	}
}

func unpack(t *testing.T, archive []byte, dir string) {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		t.Fatal(err)
	}
	for files := tar.NewReader(z); ; {
		h, err := files.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(files)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, h.Name), content, h.FileInfo().Mode()); err != nil {
			t.Fatal(err)
		}
	}
}

// What krew would refuse is refused before anything is built.
func TestBadFlags(t *testing.T) {
	good := release{Version: "v1.2.3", Homepage: "https://example.com", BaseURL: "https://example.com/a"}
	if err := good.check(); err != nil {
		t.Error(err)
	}
	for flag, change := range map[string]func(*release){
		"-version":  func(r *release) { r.Version = "1.2" },
		"-homepage": func(r *release) { r.Homepage = "" },
		"-base-url": func(r *release) { r.BaseURL = "http://example.com/" },
	} {
		bad := good
		change(&bad)
		if err := bad.build(nil, t.TempDir()); err == nil || !strings.HasPrefix(err.Error(), flag) {
			t.Errorf("%s: %v", flag, err)
		}
	}
}

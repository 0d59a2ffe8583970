// Command krew builds kubectl grafana for several platforms, and the manifest by which krew installs it. It is run in
// the root of the repository by make krew.
package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"text/template"
)

//go:embed grafana.yaml.tmpl
var manifest string

// release is what the manifest tells.
type release struct {
	Version, Homepage, BaseURL string
	Platforms                  []platform

	flags []string // of the compiler
}

type platform struct{ OS, Arch, Binary, Archive, SHA256 string }

func main() {
	r := release{flags: []string{"-trimpath"}} // so that where it is built makes no difference
	platforms := flag.String("platforms", "linux/amd64,linux/arm64,darwin/amd64,darwin/arm64,windows/amd64",
		"what to build for")
	out := flag.String("out", "bin/krew", "folder for the archives and grafana.yaml")
	flag.StringVar(&r.Version, "version", "", "version, such as v1.2.3")
	flag.StringVar(&r.Homepage, "homepage", "", "where the project is")
	flag.StringVar(&r.BaseURL, "base-url", "", "where the archives will be")
	flag.Parse()
	if err := r.build(strings.Split(*platforms, ","), *out); err != nil {
		fmt.Fprintln(os.Stderr, "krew:", err)
		os.Exit(1)
	}
}

var (
	versionForm = regexp.MustCompile(`^v\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$`)
	urlForm     = regexp.MustCompile(`^https://[^\s/]+(/\S*[^/\s])?$`)
)

func (r *release) check() error {
	switch {
	case !versionForm.MatchString(r.Version):
		return errors.New("-version: krew wants a version such as v1.2.3")
	case !urlForm.MatchString(r.Homepage):
		return errors.New("-homepage: give an https url")
	case !urlForm.MatchString(r.BaseURL):
		return errors.New("-base-url: give an https url without a slash at its end")
	}
	return nil
}

// build builds for all platforms, and writes the manifest.
func (r *release) build(platforms []string, out string) error {
	if err := r.check(); err != nil {
		return err
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	license, err := os.ReadFile("LICENSE")
	if err != nil {
		return err
	}
	for _, name := range platforms {
		goos, arch, ok := strings.Cut(name, "/")
		if !ok {
			return fmt.Errorf("-platforms: %q is not OS/ARCH", name)
		}
		p := platform{OS: goos, Arch: arch, Binary: "kubectl-grafana"}
		if goos == "windows" {
			p.Binary += ".exe"
		}
		p.Archive = fmt.Sprintf("kubectl-grafana_%s_%s_%s.tar.gz", r.Version, goos, arch)
		binary, err := r.compile(p)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		archive, err := pack(p.Binary, binary, license)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(archive)
		p.SHA256 = hex.EncodeToString(sum[:])
		if err := os.WriteFile(filepath.Join(out, p.Archive), archive, 0o644); err != nil {
			return err
		}
		r.Platforms = append(r.Platforms, p)
	}
	var text bytes.Buffer
	if err := template.Must(template.New("").Parse(manifest)).Execute(&text, r); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(out, "grafana.yaml"), text.Bytes(), 0o644)
}

func (r *release) compile(p platform) ([]byte, error) {
	dir, err := os.MkdirTemp("", "krew-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	file := filepath.Join(dir, p.Binary)
	args := append([]string{"build", "-ldflags=-s -w -X main.version=" + r.Version, "-o", file}, r.flags...)
	cmd := exec.Command("go", append(args, "./cmd/kubectl-grafana")...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+p.OS, "GOARCH="+p.Arch)
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return nil, err
	}
	return os.ReadFile(file)
}

// pack is an archive in which nothing depends on when or by whom it was made.
func pack(name string, binary, license []byte) ([]byte, error) {
	var archive bytes.Buffer
	z := gzip.NewWriter(&archive)
	t := tar.NewWriter(z)
	for _, file := range []struct {
		name    string
		mode    int64
		content []byte
	}{{name, 0o755, binary}, {"LICENSE", 0o644, license}} {
		h := &tar.Header{Name: file.name, Mode: file.mode, Size: int64(len(file.content)), Format: tar.FormatUSTAR}
		if err := t.WriteHeader(h); err != nil {
			return nil, err
		}
		if _, err := t.Write(file.content); err != nil {
			return nil, err
		}
	}
	if err := errors.Join(t.Close(), z.Close()); err != nil {
		return nil, err
	}
	return archive.Bytes(), nil
}

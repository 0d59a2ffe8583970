package main

import (
	"archive/tar"
	"crypto/x509"
	"debug/elf"
	"encoding/pem"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	"golang.org/x/crypto/x509roots/fallback/bundle"
)

var arm64 = v1.Platform{OS: "linux", Architecture: "arm64"}

func TestImage(t *testing.T) {
	dir := made(t, "image", "v1.2.3")
	var bases []v1.Hash
	for arch, machine := range map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64} {
		img, err := imageOf(dir, v1.Platform{OS: "linux", Architecture: arch})
		must(t, err)
		must(t, validate.Image(img))
		config, err := img.ConfigFile()
		must(t, err)
		if config.Architecture != arch || config.OS != "linux" || config.Config.User != "65532:65532" ||
			!slices.Equal(config.Config.Entrypoint, []string{"/manager"}) || config.Created.Unix() != 1700000000 {
			t.Errorf("%s: the configuration is %+v", arch, config)
		}
		manifest, err := img.Manifest()
		must(t, err)
		checkLabels(t, arch+": label", config.Config.Labels)
		checkLabels(t, arch+": annotation", manifest.Annotations)
		bases = append(bases, manifest.Layers[0].Digest)
		for _, name := range []string{"manager", "kubectl-grafana"} {
			checkBinary(t, img, name, machine)
		}
	}
	if bases[0] != bases[1] {
		t.Errorf("the platforms' files besides the programs differ: %v", bases)
	}
}

func checkLabels(t *testing.T, what string, labels map[string]string) {
	t.Helper()
	for key, want := range map[string]string{
		"org.opencontainers.image.version":  "v1.2.3",
		"org.opencontainers.image.revision": "abc",
		"org.opencontainers.image.licenses": "Apache-2.0",
		"org.opencontainers.image.created":  "2023-11-14T22:13:20Z",
	} {
		if labels[key] != want {
			t.Errorf("%s %s is %q, want %q", what, key, labels[key], want)
		}
	}
}

// checkBinary fails if the binary needs a loader or is for another machine.
func checkBinary(t *testing.T, img v1.Image, name string, machine elf.Machine) {
	t.Helper()
	content, err := fileOf(img, name)
	must(t, err)
	defer content.Close()
	path := filepath.Join(t.TempDir(), name)
	f, err := os.Create(path)
	must(t, err)
	_, err = io.Copy(f, content)
	must(t, errors.Join(err, f.Close()))
	program, err := elf.Open(path)
	must(t, err)
	defer program.Close()
	if program.Machine != machine {
		t.Errorf("%s is for %s, want %s", name, program.Machine, machine)
	}
	for _, part := range program.Progs {
		if part.Type == elf.PT_INTERP || part.Type == elf.PT_DYNAMIC {
			t.Errorf("%s for %s is not static", name, machine)
		}
	}
}

// What is not there cannot be broken into.
func TestFilesOfTheImage(t *testing.T) {
	img, err := imageOf(made(t, "image", "v1.2.3", "-platforms", "linux/arm64"), arm64)
	must(t, err)
	all := mutate.Extract(img)
	defer all.Close()
	want := map[string]int64{
		"etc/": 0o755, "etc/group": 0o644, "etc/passwd": 0o644, "etc/ssl/": 0o755, "etc/ssl/certs/": 0o755,
		"etc/ssl/certs/ca-certificates.crt": 0o644, "manager": 0o755, "kubectl-grafana": 0o755,
	}
	have := 0
	for content := tar.NewReader(all); ; have++ {
		header, err := content.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		must(t, err)
		name := header.Name
		if header.Typeflag == tar.TypeDir && name[len(name)-1] != '/' {
			name += "/"
		}
		if mode, ok := want[name]; !ok || header.Mode != mode || header.Uid != 0 || header.ModTime.Unix() != 0 {
			t.Errorf("it has %s with the mode %o, of user %d, of %v", name, header.Mode, header.Uid, header.ModTime)
		}
	}
	if have != len(want) {
		t.Errorf("it has %d files, want %d", have, len(want))
	}
}

func TestCertificatesAreThoseWithoutLimits(t *testing.T) {
	img, err := imageOf(made(t, "image", "v1.2.3", "-platforms", "linux/arm64"), arm64)
	must(t, err)
	f, err := fileOf(img, certificates)
	must(t, err)
	defer f.Close()
	rest, err := io.ReadAll(f)
	must(t, err)
	have := map[string]bool{}
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			t.Error(err)
		}
		have[string(block.Bytes)] = true
	}
	if len(have) < 100 {
		t.Errorf("there are %d certificates", len(have))
	}
	for root := range bundle.Roots() {
		if free := root.Constraint == nil; have[string(root.Certificate)] != free {
			t.Errorf("a root is there: %v; it has no limits: %v", !free, free)
		}
	}
}

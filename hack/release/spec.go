package main

import (
	"bytes"
	"context"
	"debug/buildinfo"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/mod/semver"
)

const name = "grafana-tenancy-operator"

// supported are the platforms that images are built for.
var supported = []string{"linux/amd64", "linux/arm64"}

// spec says what to build.
type spec struct {
	tree      string // the operator's module
	version   string
	revision  string // the commit; empty: unknown
	created   int64  // Unix time
	platforms string
}

func (s *spec) bind(flags *flag.FlagSet) {
	flags.StringVar(&s.tree, "tree", "../..", "root of the operator's module")
	flags.StringVar(&s.version, "version", "", "version of the operator, which is the image's tag too")
	flags.StringVar(&s.revision, "revision", "", "commit that the source is of, for the image's labels")
	flags.Int64Var(&s.created, "created", 0, "time that the image says it was made at, in seconds since 1970")
	flags.StringVar(&s.platforms, "platforms", strings.Join(supported, ","), "comma-separated platforms")
}

// tag is what OCI takes for one.
var tag = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$`)

func (s *spec) check() error {
	if !tag.MatchString(s.version) {
		return fmt.Errorf("version: %q cannot be an image's tag: "+
			"use at most 128 letters, digits, dots, dashes and underscores, such as v1.2.3", s.version)
	}
	for _, p := range s.platformList() {
		if !slices.Contains(supported, p) {
			return fmt.Errorf("platforms: %q is none of %s", p, strings.Join(supported, ", "))
		}
	}
	return nil
}

// checkRelease is stricter: Helm and Go take nothing else for a version.
func (s *spec) checkRelease() error {
	if semver.Canonical(s.version) != s.version || s.version == "" {
		return fmt.Errorf("version: a release has a semantic version in full, such as v1.2.3 or v1.2.3-rc.1, not %q",
			s.version)
	}
	return nil
}

func (s *spec) platformList() []string { return strings.Split(s.platforms, ",") }

func (s *spec) time() v1.Time { return v1.Time{Time: time.Unix(s.created, 0).UTC()} }

// fileName is where an artifact of this release belongs.
func (s *spec) fileName(dir, what string) string {
	return filepath.Join(dir, name+"-"+s.version+"-"+what)
}

// programs are in the root of the image: the operator, which it runs, and the plugin of the same version.
var programs = []struct{ name, source string }{
	{operator, "."},
	{"kubectl-grafana", "./cmd/kubectl-grafana"},
}

const operator = "manager"

// build is all programs, built for one platform.
type build struct {
	platform v1.Platform
	binaries []binary
}

// binary is a program.
type binary struct {
	name    string
	content []byte
	info    *buildinfo.BuildInfo
}

// compile builds all programs for all platforms.
func (s *spec) compile(ctx context.Context) (all []build, err error) {
	dir, err := os.MkdirTemp("", "binaries")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	for _, platform := range s.platformList() {
		parsed, err := v1.ParsePlatform(platform)
		if err != nil {
			return nil, err
		}
		b := build{platform: *parsed}
		for _, p := range programs {
			fmt.Fprintf(os.Stderr, "compiling %s for %s\n", p.name, platform)
			program, err := s.compileFor(ctx, *parsed, p.source, filepath.Join(dir, p.name))
			if err != nil {
				return nil, fmt.Errorf("compiling %s for %s: %w", p.name, platform, err)
			}
			b.binaries = append(b.binaries, *program)
		}
		all = append(all, b)
	}
	return all, nil
}

// compileFor leaves nothing of the machine in the binary: neither paths, nor settings of Go, nor the state of git.
func (s *spec) compileFor(ctx context.Context, platform v1.Platform, source, file string) (*binary, error) {
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-gcflags=all=-dwarf=false",
		"-ldflags=-s -w -buildid= -X main.version="+s.version, "-o", file, source)
	cmd.Dir = s.tree
	cmd.Env = append(os.Environ(), "GOFLAGS=-trimpath", "GOWORK=off", "CGO_ENABLED=0", "GOFIPS140=off",
		"GOOS="+platform.OS, "GOARCH="+platform.Architecture, "GOAMD64=v1", "GOARM64=v8.0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w\n%s", err, bytes.TrimSpace(out))
	}
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	info, err := buildinfo.Read(bytes.NewReader(content))
	if err != nil {
		return nil, err
	}
	return &binary{name: filepath.Base(file), content: content, info: info}, nil
}

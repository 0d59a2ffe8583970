// Command release builds the operator's image and what else a release has, without Docker, so that the same source and
// the same Go give the same bytes:
//
//	release image -version v1.2.3 DIR       an OCI layout
//	release unpack LAYOUT FILE              the operator's binary out of it, for this machine's architecture
//	release artifacts -version v1.2.3 DIR   the layout as an archive, and an SBOM for each platform
//	release checksums DIR                   SHA256SUMS over all that is there
//
// It is run by make image-oci, make image-demo and make release.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends it at once
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

var errUsage = errors.New("say what to do: image DIR, unpack LAYOUT FILE, artifacts DIR or checksums DIR")

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return errUsage
	}
	command, spec := args[0], spec{}
	flags := flag.NewFlagSet(command, flag.ContinueOnError)
	if command == "image" || command == "artifacts" {
		spec.bind(flags)
	}
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	switch rest := flags.Args(); {
	case command == "image" && len(rest) == 1:
		return image(ctx, &spec, rest[0])
	case command == "unpack" && len(rest) == 2:
		return unpack(rest[0], rest[1])
	case command == "artifacts" && len(rest) == 1:
		return artifacts(ctx, &spec, rest[0])
	case command == "checksums" && len(rest) == 1:
		return checksums(rest[0])
	}
	return errUsage
}

// image writes an OCI layout into a new folder.
func image(ctx context.Context, s *spec, dir string) error {
	if err := s.check(); err != nil {
		return err
	}
	if err := newDir(dir); err != nil {
		return err
	}
	builds, err := s.compile(ctx)
	if err != nil {
		return err
	}
	return s.writeLayout(dir, builds)
}

// artifacts writes what is made of the binaries into a new folder.
func artifacts(ctx context.Context, s *spec, dir string) error {
	if err := errors.Join(s.check(), s.checkRelease()); err != nil {
		return err
	}
	if err := newDir(dir); err != nil {
		return err
	}
	builds, err := s.compile(ctx)
	if err != nil {
		return err
	}
	for _, b := range builds {
		if err := s.writeSBOM(dir, b); err != nil {
			return err
		}
	}
	layout, err := os.MkdirTemp("", "layout")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(layout) }()
	if err := s.writeLayout(layout, builds); err != nil {
		return err
	}
	return archive(layout, s.fileName(dir, "oci.tar"))
}

// newDir makes a folder, which must not be there yet, or be empty.
func newDir(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	found, err := os.ReadDir(dir)
	if err == nil && len(found) > 0 {
		err = fmt.Errorf("%s is not empty: remove it, or name another folder", dir)
	}
	return err
}

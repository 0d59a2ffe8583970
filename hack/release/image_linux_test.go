package main

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Images are for Linux, and run nowhere else.
func TestProgramsKnowTheirVersion(t *testing.T) {
	layout := made(t, "image", "v1.2.3-rc.1", "-platforms", "linux/"+runtime.GOARCH)
	manager, plugin := filepath.Join(t.TempDir(), "manager"), filepath.Join(t.TempDir(), "plugin")
	must(t, run(t.Context(), []string{"unpack", layout, manager}))
	img, err := imageOf(layout, v1.Platform{OS: "linux", Architecture: runtime.GOARCH})
	must(t, err)
	content, err := fileOf(img, "kubectl-grafana")
	must(t, err)
	defer content.Close()
	f, err := os.OpenFile(plugin, os.O_CREATE|os.O_WRONLY, 0o755)
	must(t, err)
	_, err = io.Copy(f, content)
	must(t, errors.Join(err, f.Close()))
	for program, want := range map[string]string{manager: "v1.2.3-rc.1", plugin: "plugin v1.2.3-rc.1"} {
		out, err := exec.CommandContext(t.Context(), program).Output()
		must(t, err)
		if string(out) != want {
			t.Errorf("%s says %q, want %q", filepath.Base(program), out, want)
		}
	}
}

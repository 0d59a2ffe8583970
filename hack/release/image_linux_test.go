package main

import (
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

// Images are for Linux, and run nowhere else.
func TestUnpackedBinaryKnowsItsVersion(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "manager")
	must(
		t,
		run(
			t.Context(),
			[]string{"unpack", build(t, "image", "v1.2.3-rc.1", "-platforms", "linux/"+runtime.GOARCH), binary},
		),
	)
	out, err := exec.CommandContext(t.Context(), binary).Output()
	must(t, err)
	if string(out) != "v1.2.3-rc.1" {
		t.Errorf("it says %q", out)
	}
}

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Docker is not needed to see that its build has all that is compiled: what it copies, and what is sent to it.
func TestDockerfileHasWhatIsCompiled(t *testing.T) {
	const tree = "../.."
	args := []string{"list", "-deps", "-f", "{{with .Module}}{{if .Main}}{{$.Dir}}{{end}}{{end}}"}
	for _, p := range programs {
		args = append(args, p.source)
	}
	list := exec.CommandContext(t.Context(), "go", args...)
	list.Dir, list.Env = tree, append(os.Environ(), "GOWORK=off")
	dirs, err := list.Output()
	must(t, err)
	root, err := filepath.Abs(tree)
	must(t, err)
	copied, sent := folders(t, tree+"/Dockerfile", "COPY "), folders(t, tree+"/.dockerignore", "!")
	for dir := range strings.FieldsSeq(string(dirs)) {
		path, err := filepath.Rel(root, dir)
		must(t, err)
		if path == "." {
			continue
		}
		if !under(copied, path) || !under(sent, path) {
			t.Errorf("%s is compiled; copied into the build: %v, and sent to it: %v", path, copied, sent)
		}
	}
}

// folders are what follows a word at the beginning of a line.
func folders(t *testing.T, file, word string) (all []string) {
	t.Helper()
	content, err := os.ReadFile(file)
	must(t, err)
	for line := range strings.Lines(string(content)) {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(line), word); ok {
			all = append(all, strings.Fields(rest)[0])
		}
	}
	return all
}

func under(folders []string, path string) bool {
	return slices.ContainsFunc(folders, func(f string) bool { return path == f || strings.HasPrefix(path, f+"/") })
}

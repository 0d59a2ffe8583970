package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
)

// replaced are the files of Kubernetes that are compiled as something else, or
// not at all, since they link what nobody here needs: 35 admission plugins, and
// what only tests of policies call, with a fake client for all kinds.
var replaced = map[string]map[string]string{
	"k8s.io/kubernetes": {"pkg/kubeapiserver/options/plugins.go": "overlay/plugins.go"},
	"k8s.io/apiserver":  {"pkg/admission/plugin/policy/generic/policy_test_context.go": ""},
}

// sources writes into dir what the go command has to know of these files, and
// returns its flags. It replaces no file in the module cache, so the modules are
// used through a link.
func sources(dir string) (flags []string, err error) {
	if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o755)); err != nil {
		return nil, err
	}
	mod, overlay := filepath.Join(dir, "go.mod"), map[string]string{}
	if err := errors.Join(copyFile("go.mod", mod), copyFile("go.sum", filepath.Join(dir, "go.sum"))); err != nil {
		return nil, err
	}
	for module, files := range replaced {
		link := filepath.Join(dir, filepath.Base(module))
		if err := linkModule(module, link); err != nil {
			return nil, err
		}
		if _, err := run(nil, "go", "mod", "edit", "-replace="+module+"="+link, mod); err != nil {
			return nil, err
		}
		for file, by := range files {
			if by != "" {
				if by, err = filepath.Abs(by); err != nil {
					return nil, err
				}
			}
			overlay[filepath.Join(link, file)] = by
		}
	}
	content, err := json.Marshal(map[string]any{"Replace": overlay})
	if err != nil {
		return nil, err
	}
	list := filepath.Join(dir, "overlay.json")
	return []string{"-modfile=" + mod, "-overlay=" + list}, os.WriteFile(list, content, 0o644)
}

// linkModule downloads a module and makes a link to its directory.
func linkModule(module, link string) error {
	if _, err := run(nil, "go", "mod", "download", module); err != nil {
		return err
	}
	dir, err := run(nil, "go", "list", "-m", "-f", "{{.Dir}}", module)
	if err != nil {
		return err
	}
	return os.Symlink(strings.TrimSpace(dir), link)
}

func copyFile(from, to string) error {
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, content, 0o644)
}

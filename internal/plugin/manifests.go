package plugin

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"
)

// readManifests reads what kubectl apply would take: files, folders, kustomizations, and - for the standard input.
func (o *options) readManifests(
	ctx context.Context, names []string, recursive bool,
) (all []unstructured.Unstructured, err error) {
	for _, name := range names {
		some, err := o.readManifest(ctx, name, recursive)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}

func (o *options) readManifest(ctx context.Context, name string, recursive bool) ([]unstructured.Unstructured, error) {
	if name == "-" {
		return parseManifests("the standard input", o.in)
	}
	info, err := os.Stat(name)
	switch {
	case err != nil:
		return nil, err
	case !info.IsDir():
		return readFile(name)
	case isKustomization(name):
		return kustomized(ctx, name)
	}
	var all []unstructured.Unstructured
	err = filepath.WalkDir(name, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && path != name && !recursive:
			return filepath.SkipDir
		case entry.IsDir() && path != name && isKustomization(path):
			some, err := kustomized(ctx, path)
			all = append(all, some...)
			return cmp.Or(err, filepath.SkipDir) // as it is: it counts in nothing else
		case entry.IsDir(), !slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(path)):
			return nil
		}
		some, err := readFile(path)
		all = append(all, some...)
		return err
	})
	return all, err
}

func readFile(name string) ([]unstructured.Unstructured, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	return parseManifests(name, bytes.NewReader(text))
}

// isKustomization reports whether kustomize builds a folder.
func isKustomization(dir string) bool {
	names := []string{"kustomization.yaml", "kustomization.yml", "Kustomization"}
	return slices.ContainsFunc(names, func(name string) bool {
		_, err := os.Stat(filepath.Join(dir, name))
		return err == nil
	})
}

// kustomized is what kubectl makes of a kustomization.
func kustomized(ctx context.Context, dir string) ([]unstructured.Unstructured, error) {
	build := exec.CommandContext(ctx, "kubectl", "kustomize", "--", dir)
	var out, errOut bytes.Buffer
	build.Stdout, build.Stderr = &out, &errOut
	err := build.Run()
	said := strings.TrimSpace(errOut.String())
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return nil, fmt.Errorf("%s is a kustomization, which kubectl builds, and there is no kubectl in your PATH: "+
			"put one there, or build it elsewhere and give the file", dir)
	case err != nil && said != "":
		return nil, fmt.Errorf("kubectl kustomize %s: %w: %s", dir, err, said)
	case err != nil:
		return nil, fmt.Errorf("kubectl kustomize %s: %w", dir, err)
	}
	return parseManifests("kubectl kustomize "+dir, &out)
}

// parseManifests reads objects, one a document. A List is what is in it.
func parseManifests(from string, in io.Reader) (all []unstructured.Unstructured, err error) {
	documents := yaml.NewYAMLOrJSONDecoder(in, 4096)
	for n := 1; ; n++ {
		var obj unstructured.Unstructured
		switch err := documents.Decode(&obj.Object); {
		case errors.Is(err, io.EOF):
			return all, nil
		case err != nil:
			return nil, fmt.Errorf("%s: document %d: %w", from, n, err)
		case len(obj.Object) == 0:
			continue
		case obj.GetKind() == "":
			return nil, fmt.Errorf("%s: document %d is no object: it has no kind", from, n)
		}
		if err := flatten(&obj, func(one *unstructured.Unstructured) { all = append(all, *one) }); err != nil {
			return nil, fmt.Errorf("%s: document %d: %w", from, n, err)
		}
	}
}

// flatten calls see for an object, or, of a List, for all that is in it and in the Lists there.
func flatten(obj *unstructured.Unstructured, see func(*unstructured.Unstructured)) error {
	if !obj.IsList() {
		see(obj)
		return nil
	}
	return obj.EachListItem(func(item runtime.Object) error {
		return flatten(item.(*unstructured.Unstructured), see)
	})
}

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// writeLayout writes an OCI layout that has one image, as an index of platforms.
func (s *spec) writeLayout(dir string, builds []build) error {
	index, err := s.index(builds)
	if err != nil {
		return err
	}
	path, err := layout.Write(dir, empty.Index)
	if err != nil {
		return err
	}
	if err := path.AppendIndex(index, layout.WithAnnotations(map[string]string{
		"org.opencontainers.image.ref.name": s.version,
	})); err != nil {
		return err
	}
	digest, err := index.Digest()
	if err != nil {
		return err
	}
	fmt.Printf("image %s %s\n", s.version, digest)
	return nil
}

func (s *spec) index(builds []build) (v1.ImageIndex, error) {
	base, err := newLayer(baseFiles()...)
	if err != nil {
		return nil, err
	}
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, b := range builds {
		img, err := s.image(b, base)
		if err != nil {
			return nil, err
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add: img, Descriptor: v1.Descriptor{Platform: &b.platform},
		})
	}
	annotated, ok := mutate.Annotations(index, s.labels()).(v1.ImageIndex)
	if !ok {
		return nil, errors.New("an index with annotations is no index anymore")
	}
	return annotated, nil
}

// image has each program in a layer of its own.
func (s *spec) image(b build, base v1.Layer) (v1.Image, error) {
	layers := []mutate.Addendum{{Layer: base, History: s.history("CA certificates and the user")}}
	for _, p := range b.binaries {
		layer, err := newLayer(file{path: p.name, mode: 0o755, content: p.content})
		if err != nil {
			return nil, err
		}
		layers = append(layers, mutate.Addendum{Layer: layer, History: s.history(p.name + " " + s.version)})
	}
	img := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	img, err := mutate.ConfigFile(img, &v1.ConfigFile{
		OS:           b.platform.OS,
		Architecture: b.platform.Architecture,
		Created:      s.time(),
		Config: v1.Config{
			Entrypoint: []string{"/" + operator},
			User:       user + ":" + user,
			WorkingDir: "/",
			Labels:     s.labels(),
		},
		RootFS: v1.RootFS{Type: "layers"},
	})
	if err != nil {
		return nil, err
	}
	if img, err = mutate.Append(img, layers...); err != nil {
		return nil, err
	}
	annotated, ok := mutate.Annotations(img, s.labels()).(v1.Image)
	if !ok {
		return nil, errors.New("an image with annotations is no image anymore")
	}
	return annotated, nil
}

func (s *spec) history(comment string) v1.History {
	return v1.History{Created: s.time(), CreatedBy: "hack/release", Comment: comment}
}

// labels say what the image is, in its configuration and as annotations of its manifests.
func (s *spec) labels() map[string]string {
	labels := map[string]string{
		"org.opencontainers.image.title":       name,
		"org.opencontainers.image.description": "Kubernetes operator for Grafana organizations and what is in them",
		"org.opencontainers.image.licenses":    "Apache-2.0",
		"org.opencontainers.image.version":     s.version,
		"org.opencontainers.image.created":     s.time().Format(time.RFC3339),
	}
	if s.revision != "" {
		labels["org.opencontainers.image.revision"] = s.revision
	}
	return labels
}

// unpack writes the operator of a layout's image into a file, for Linux on this machine's architecture.
func unpack(dir, to string) error {
	img, err := imageOf(dir, v1.Platform{OS: "linux", Architecture: runtime.GOARCH})
	if err != nil {
		return err
	}
	content, err := fileOf(img, operator)
	if err != nil {
		return fmt.Errorf("the image in %s: %w", dir, err)
	}
	defer content.Close()
	f, err := os.OpenFile(to, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, content)
	return errors.Join(err, f.Close())
}

// imageOf is the image for a platform in a layout as writeLayout leaves it.
func imageOf(dir string, platform v1.Platform) (v1.Image, error) {
	outer, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		return nil, fmt.Errorf("%s is no OCI layout: %w", dir, err)
	}
	refs, err := outer.IndexManifest()
	if err != nil {
		return nil, err
	}
	if len(refs.Manifests) != 1 {
		return nil, fmt.Errorf("%s has %d images, want one", dir, len(refs.Manifests))
	}
	index, err := outer.ImageIndex(refs.Manifests[0].Digest)
	if err != nil {
		return nil, err
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		return nil, err
	}
	for _, m := range manifest.Manifests {
		if m.Platform != nil && m.Platform.Equals(platform) {
			return index.Image(m.Digest)
		}
	}
	return nil, fmt.Errorf("%s has no image for %s", dir, platform)
}

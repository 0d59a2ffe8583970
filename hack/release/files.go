package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/crypto/x509roots/fallback/bundle"
)

const (
	user         = "65532"
	certificates = "etc/ssl/certs/ca-certificates.crt"
)

// epoch is the time of all files: when they are made must not change the image.
var epoch = time.Unix(0, 0)

// file is a file, or with a slash at the end of its path a folder, of root's.
type file struct {
	path    string
	mode    int64
	content []byte
}

// baseFiles are in the image besides the binary. There is no shell and no library.
func baseFiles() []file {
	return []file{
		{path: "etc/", mode: 0o755},
		{path: "etc/group", mode: 0o644, content: []byte("root:x:0:\nnonroot:x:" + user + ":\n")},
		{path: "etc/passwd", mode: 0o644, content: []byte("root:x:0:0:root:/:/sbin/nologin\n" +
			"nonroot:x:" + user + ":" + user + ":nonroot:/:/sbin/nologin\n")},
		{path: "etc/ssl/", mode: 0o755},
		{path: "etc/ssl/certs/", mode: 0o755},
		{path: certificates, mode: 0o644, content: roots()},
	}
}

// roots are the certificate authorities that Mozilla trusts. One that Mozilla trusts within limits is left out, since a
// file of certificates cannot say so.
func roots() []byte {
	var out bytes.Buffer
	for root := range bundle.Roots() {
		if root.Constraint == nil {
			_ = pem.Encode(&out, &pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate}) // a buffer takes all
		}
	}
	return out.Bytes()
}

func newLayer(files ...file) (v1.Layer, error) {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, f := range files {
		if err := put(w, f); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return tarball.LayerFromOpener(
		func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(out.Bytes())), nil },
		tarball.WithMediaType(types.OCILayer),
		tarball.WithCompressionLevel(gzip.DefaultCompression),
		tarball.WithCompressedCaching,
	)
}

func put(w *tar.Writer, f file) error {
	header := &tar.Header{
		Typeflag: tar.TypeReg, Name: f.path, Mode: f.mode, Size: int64(len(f.content)), ModTime: epoch,
	}
	if f.path[len(f.path)-1] == '/' {
		header.Typeflag = tar.TypeDir
	}
	if err := w.WriteHeader(header); err != nil {
		return err
	}
	_, err := w.Write(f.content)
	return err
}

// fileOf opens a file of an image.
func fileOf(img v1.Image, path string) (io.ReadCloser, error) {
	all := mutate.Extract(img)
	content := tar.NewReader(all)
	for {
		header, err := content.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil, errors.Join(fmt.Errorf("%s: %w", path, fs.ErrNotExist), all.Close())
		case err != nil:
			return nil, errors.Join(err, all.Close())
		case header.Name == path:
			return struct {
				io.Reader
				io.Closer
			}{content, all}, nil
		}
	}
}

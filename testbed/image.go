package testbed

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/google/go-containerregistry/pkg/name"
)

// imageOf is an image that holds files and nothing else, and starts a program with some environment.
func imageOf(files map[string]string, environ []string, entrypoint ...string) (v1.Image, error) {
	var layer bytes.Buffer
	w := tar.NewWriter(&layer)
	for _, inside := range sortedKeys(files) {
		if err := addFile(w, inside, files[inside]); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	data := layer.Bytes()
	l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil })
	if err != nil {
		return nil, err
	}
	img, err := mutate.AppendLayers(empty.Image, l)
	if err != nil {
		return nil, err
	}
	config, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	config.OS, config.Architecture = "linux", "amd64"
	config.Config.Entrypoint, config.Config.Env = entrypoint, environ
	return mutate.ConfigFile(img, config)
}

func addFile(w *tar.Writer, inside, outside string) error {
	data, err := os.ReadFile(outside)
	if err != nil {
		return err
	}
	if err := w.WriteHeader(&tar.Header{Name: inside, Mode: 0o755, Size: int64(len(data))}); err != nil {
		return err
	}
	_, err = w.Write(data)
	return err
}

// load puts an image into a cluster's containerd, without a registry.
func (c *Cluster) load(ctx context.Context, tag string, img v1.Image) error {
	ref, err := name.NewTag(tag)
	if err != nil {
		return err
	}
	file := filepath.Join(c.dir, "image.tar")
	if err := tarball.WriteToFile(file, ref, img); err != nil {
		return err
	}
	if err := run(ctx, "ctr", "--address", c.socket(), "--namespace", "k8s.io", "images", "import", file); err != nil {
		return fmt.Errorf("load %s: %w", tag, err)
	}
	return os.Remove(file)
}

package testbed

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// Image is an image made of files of this computer and nothing else.
type Image struct {
	Files      map[string]string // where each is in the image → where it is here; a folder stands for all in it
	Env        []string          // "NAME=value"
	Dir        string            // working directory
	Entrypoint []string
}

func (i Image) build() (v1.Image, error) {
	var layer bytes.Buffer
	w := tar.NewWriter(&layer)
	for _, inside := range slices.Sorted(maps.Keys(i.Files)) {
		if err := addTree(w, strings.TrimPrefix(inside, "/"), i.Files[inside]); err != nil {
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
	config.OS, config.Architecture = "linux", runtime.GOARCH
	config.Config.Entrypoint, config.Config.Env, config.Config.WorkingDir = i.Entrypoint, i.Env, i.Dir
	return mutate.ConfigFile(img, config)
}

// addTree adds a file, or all regular files of a folder.
func addTree(w *tar.Writer, inside, outside string) error {
	return filepath.WalkDir(outside, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		below, err := filepath.Rel(outside, path)
		if err != nil {
			return err
		}
		return addFile(w, filepath.Join(inside, below), path, info)
	})
}

func addFile(w *tar.Writer, inside, outside string, info fs.FileInfo) error {
	f, err := os.Open(outside)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	mode := int64(0o644)
	if info.Mode()&0o100 != 0 {
		mode = 0o755
	}
	if err := w.WriteHeader(&tar.Header{Name: inside, Mode: mode, Size: info.Size()}); err != nil {
		return err
	}
	_, err = io.CopyN(w, f, info.Size())
	return err
}

// load puts an image into a cluster's containerd, without a registry.
func (c *Cluster) load(ctx context.Context, tag string, i Image) error {
	img, err := i.build()
	if err != nil {
		return err
	}
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

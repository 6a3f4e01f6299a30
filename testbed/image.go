package testbed

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
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

// Image is an image made of files of this computer, or of what machines have, and nothing else.
type Image struct {
	Debian     bool              // it begins with the Debian of machines, all their programs included; processes may be uid 10001, who is called as As says
	As         string            // who uid 10001 is in it: "postgres"
	Files      map[string]string // where each is in the image → where it is here; a folder stands for all in it
	Env        []string          // "NAME=value"
	Dir        string            // working directory
	Entrypoint []string
}

func (i Image) build(ctx context.Context) (v1.Image, error) {
	begin, err := i.begin(ctx)
	if err != nil {
		return nil, err
	}
	var layer bytes.Buffer
	w := tar.NewWriter(&layer)
	if err := i.addAccount(ctx, w); err != nil {
		return nil, err
	}
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
	img, err := mutate.AppendLayers(begin, l)
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

// begin is what the image's own files come on top of.
func (i Image) begin(ctx context.Context) (v1.Image, error) {
	if !i.Debian {
		return empty.Image, nil
	}
	file, err := debianLayer(ctx)
	if err != nil {
		return nil, err
	}
	l, err := tarball.LayerFromFile(file, tarball.WithCompressionLevel(gzip.BestSpeed))
	if err != nil {
		return nil, err
	}
	return mutate.AppendLayers(empty.Image, l)
}

// debianLayer is the Debian of machines as a layer: a file in the cache, without what no container needs.
func debianLayer(ctx context.Context) (string, error) {
	dir, err := base(ctx)
	if err != nil {
		return "", err
	}
	file := dir + ".layer.tar"
	done, err := alone(ctx, file)
	if err != nil {
		return "", err
	}
	defer done()
	if used(file) {
		return file, nil
	}
	argv := []string{"tar", "--create", "--numeric-owner", "--directory=" + dir, "--file=" + file + ".new"}
	for _, without := range []string{"proc/*", "sys/*", "dev/*", "boot/*", "var/cache/*", "var/lib/apt/*", "var/lib/rabbitmq", "usr/share/doc/*", "usr/share/man/*", "usr/share/locale/*", "usr/share/info/*", "usr/lib/erlang", "usr/lib/rabbitmq", "usr/bin/prometheus*"} {
		argv = append(argv, "--exclude=./"+without)
	}
	return file, errors.Join(run(ctx, append(argv, ".")...), os.Rename(file+".new", file))
}

// account is the user that Caravan's pods run as.
const account = 10001

// addAccount gives the account that processes run as its name. Whoever had that name before has none.
func (i Image) addAccount(ctx context.Context, w *tar.Writer) error {
	if i.As == "" {
		return nil
	}
	dir, err := base(ctx)
	if err != nil {
		return err
	}
	for file, line := range map[string]string{"etc/passwd": fmt.Sprintf("%[1]s:x:%[2]d:%[2]d::/tmp:/bin/sh\n", i.As, account), "etc/group": fmt.Sprintf("%s:x:%d:\n", i.As, account)} {
		data, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			return err
		}
		text := line
		for l := range strings.Lines(string(data)) {
			if !strings.HasPrefix(l, i.As+":") {
				text += l
			}
		}
		if err := w.WriteHeader(&tar.Header{Name: file, Mode: 0o644, Size: int64(len(text))}); err != nil {
			return err
		}
		if _, err := io.WriteString(w, text); err != nil {
			return err
		}
	}
	return nil
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

// load puts an image into a node's containerd, without a registry.
func (n *Node) load(ctx context.Context, tag string, i Image) error {
	img, err := i.build(ctx)
	if err != nil {
		return err
	}
	ref, err := name.NewTag(tag)
	if err != nil {
		return err
	}
	file := n.file("image.tar")
	if err := tarball.WriteToFile(file, ref, img); err != nil {
		return err
	}
	if err := run(ctx, "ctr", "--address", n.socket(), "--namespace", "k8s.io", "images", "import", file); err != nil {
		return fmt.Errorf("load %s: %w", tag, err)
	}
	return os.Remove(file)
}

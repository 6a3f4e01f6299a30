package testbed

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// Registry is what images of the bed's registry are named by: registry.bed:5000/kopi:1. Both clusters pull from it.
const Registry = "registry.bed:5000"

const registryAddress = lanBridge + ":5000"

func (b *Bed) startRegistry(ctx context.Context) error {
	path, err := build(ctx, "registry")
	if err != nil {
		return err
	}
	if err := b.start(process{name: "registry", group: "shared/registry", space: lan, argv: []string{path, registryAddress}}); err != nil {
		return err
	}
	return await(ctx, "the registry", time.Minute, listens(lan, registryAddress))
}

// Push puts an image into the registry. Its files come from this machine: where each is in the image → where it is here. Environ is
// "NAME=value".
func (b *Bed) Push(ctx context.Context, tag string, files map[string]string, environ []string, entrypoint ...string) error {
	img, err := imageOf(files, environ, entrypoint...)
	if err != nil {
		return err
	}
	return b.push(ctx, tag, img)
}

func (b *Bed) push(ctx context.Context, tag string, img v1.Image) error {
	ref, err := name.NewTag(registryAddress+"/"+tag, name.Insecure)
	if err != nil {
		return err
	}
	transport := &http.Transport{DialContext: b.Dial}
	defer transport.CloseIdleConnections()
	return remote.Write(ref, img, remote.WithContext(ctx), remote.WithTransport(transport))
}

// trustRegistry tells containerd that the bed's registry has every image: those named by it, and those named by none.
func (c *Cluster) trustRegistry() error {
	text := fmt.Sprintf("server = \"http://%s\"\n[host.\"http://%s\"]\ncapabilities = [\"pull\", \"resolve\"]\n", registryAddress, registryAddress)
	for _, name := range []string{Registry, "docker.io"} {
		dir := filepath.Join(c.file("registries"), name)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, "hosts.toml"), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

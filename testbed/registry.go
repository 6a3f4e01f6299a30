package testbed

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// Registry is what images of the bed's registry are named by: registry.bed:5000/kopi:1. Both clusters pull from it.
const Registry = registryName + ":5000"

const registryName = "registry.bed"

func registryAddress() string { return joinPort(lanAddress, "5000") }

func (b *Bed) startRegistry(ctx context.Context) error {
	path, err := Program(ctx, "registry")
	if err != nil {
		return err
	}
	if err := b.start(process{name: "registry", group: "shared/registry", space: b.lan(), argv: []string{path, registryAddress()}}); err != nil {
		return err
	}
	return await(ctx, "the registry", time.Minute, b.lan().listens(registryAddress()))
}

// Push puts an image into the registry, under its name and tag: "kopi:1".
func (b *Bed) Push(ctx context.Context, tag string, i Image) error {
	img, err := i.build(ctx)
	if err != nil {
		return err
	}
	ref, err := name.NewTag(registryAddress()+"/"+tag, name.Insecure)
	if err != nil {
		return err
	}
	transport := &http.Transport{DialContext: b.Dial}
	defer transport.CloseIdleConnections()
	return remote.Write(ref, img, remote.WithContext(ctx), remote.WithTransport(transport))
}

// RegistryAddress names the same registry for programs of this computer, which ask no name server of the bed.
func RegistryAddress() string { return registryAddress() }

// trustRegistry tells containerd that the bed's registry has every image: those named by it, by its address, and those named by none.
func (n *Node) trustRegistry() error {
	text := fmt.Sprintf("server = \"http://%s\"\n[host.\"http://%s\"]\ncapabilities = [\"pull\", \"resolve\"]\n", registryAddress(), registryAddress())
	for _, name := range []string{Registry, registryAddress(), "docker.io"} {
		dir := filepath.Join(n.file("registries"), name)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, "hosts.toml"), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

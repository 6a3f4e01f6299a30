package registry

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"path"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/image"
)

// Built is an image that is pushed nowhere yet.
type Built struct {
	Digest estate.Digest
	Labels map[string]string
	SBOM   []byte // CycloneDX

	image v1.Image
}

// Build lays a release over a base. The same release, base and labels give the same digest.
func (r *Registry) Build(ctx context.Context, s image.Spec, files []image.File) (*Built, error) {
	if err := s.Check(); err != nil {
		return nil, err
	}
	base, digest, err := r.base(ctx, s)
	if err != nil {
		return nil, err
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return layerOf(s, files), nil }, tarball.WithMediaType(layerType(base)))
	if err != nil {
		return nil, unread(err)
	}
	diff, err := layer.DiffID()
	if err != nil {
		return nil, unread(err)
	}
	b := &Built{}
	if b.SBOM, err = r.sbom(s, digest, base, files); err != nil {
		return nil, err
	}
	b.Labels = s.Labels(diff.String(), digest, "sha256:"+sumOf(b.SBOM))
	if b.image, err = assemble(base, layer, s, b.Labels); err != nil {
		return nil, unread(err)
	}
	h, err := b.image.Digest()
	b.Digest = estate.Digest(h.String())
	return b, unread(err)
}

// unread is an error of reading the release while it is packed.
func unread(err error) error {
	var f *fault.Error
	if err == nil || errors.As(err, &f) {
		return err
	}
	return fault.Newf(fault.Unavailable, "pack the release: %w; make it readable and run it again", err)
}

// layerOf is the release's layer as it is written. It ends with whoever reads it.
func layerOf(s image.Spec, files []image.File) io.ReadCloser {
	out, in := io.Pipe()
	go func() { _ = in.CloseWithError(image.Layer(in, s.Folder, files)) }()
	return out
}

func layerType(base v1.Image) types.MediaType {
	if t, err := base.MediaType(); err == nil && t == types.DockerManifestSchema2 {
		return types.DockerLayer
	}
	return types.OCILayer
}

// base is the image that the release is laid over, and its digest; "" for the one that holds nothing.
func (r *Registry) base(ctx context.Context, s image.Spec) (v1.Image, string, error) {
	platform, err := v1.ParsePlatform(s.Platform)
	if err != nil || s.Platform == "" {
		platform = &v1.Platform{OS: "linux", Architecture: "amd64"}
	}
	if s.Base == image.Scratch {
		config := &v1.ConfigFile{OS: platform.OS, Architecture: platform.Architecture, Variant: platform.Variant, RootFS: v1.RootFS{Type: "layers", DiffIDs: []v1.Hash{}}}
		base, err := mutate.ConfigFile(mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON), config)
		return base, "", err
	}
	ref, err := r.parse(s.Base)
	if err != nil {
		return nil, "", err
	}
	d, err := remote.Get(ref, append(r.options(ctx), remote.WithPlatform(*platform))...)
	if err != nil {
		return nil, "", said(err, "read the base "+s.Base, "name a base that exists, with --base or under delivery in caravan.yaml")
	}
	base, err := d.Image() // of an index, the one of the platform
	if err != nil {
		return nil, "", said(err, "read the base "+s.Base, "name a base of the platform "+platform.String())
	}
	digest, err := base.Digest()
	return base, digest.String(), err
}

// begin is when everything was made, as images say: when is no part of what they are.
var begin = v1.Time{Time: time.Unix(0, 0).UTC()}

func assemble(base v1.Image, layer v1.Layer, s image.Spec, labels map[string]string) (v1.Image, error) {
	out, err := mutate.Append(base, mutate.Addendum{Layer: layer, History: v1.History{Created: begin, CreatedBy: "caravan image " + string(s.Service) + " " + s.Version}})
	if err != nil {
		return nil, err
	}
	config, err := out.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.Created = begin
	config.Config.Entrypoint, config.Config.Cmd, config.Config.WorkingDir = s.Entrypoint, nil, s.Directory
	if config.Config.Labels == nil {
		config.Config.Labels = map[string]string{}
	}
	for k, v := range labels {
		config.Config.Labels[k] = v
	}
	return mutate.ConfigFile(out, config)
}

// sbom lists what is in the release and in its base.
func (r *Registry) sbom(s image.Spec, digest string, base v1.Image, files []image.File) ([]byte, error) {
	sums, packages, err := image.Inventory(files)
	if err != nil {
		return nil, err
	}
	more, err := packagesOf(base)
	if err != nil {
		return nil, said(err, "read the packages of the base "+s.Base, "name a base that exists")
	}
	return image.SBOM(s, digest, append(packages, more...), sums)
}

// packagesOf are the packages that a base says it has.
func packagesOf(base v1.Image) ([]image.Package, error) {
	layers, err := base.Layers()
	if err != nil || len(layers) == 0 {
		return nil, err
	}
	all := mutate.Extract(base)
	defer func() { _ = all.Close() }()
	in := tar.NewReader(all)
	var out []image.Package
	const most = 16 << 20 // a list of packages
	for {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		at := path.Clean(h.Name)
		if h.Typeflag != tar.TypeReg || !image.TellsOfBase(at) {
			continue
		}
		data, err := io.ReadAll(io.LimitReader(in, most))
		if err != nil {
			return nil, err
		}
		out = append(out, image.Packages(at, int64(len(data)), bytes.NewReader(data))...)
	}
}

// Push puts an image into a repository under its version, and its SBOM beside it. Conflict when the version is there with another content:
// a version is one thing.
func (r *Registry) Push(ctx context.Context, repository, version string, b *Built) (Image, error) {
	ref, err := r.parse(repository + ":" + version)
	if err != nil {
		return Image{}, err
	}
	doing := "push " + ref.Name()
	switch there, err := remote.Head(ref, r.options(ctx)...); {
	case err == nil && there.Digest.String() != string(b.Digest):
		return Image{}, fault.Newf(fault.Conflict, "%s is there already with other content (%s, this is %s): a version is one thing; deploy what is there without --from, or raise the version", ref.Name(), there.Digest, b.Digest)
	case err != nil && fault.KindOf(said(err, doing, "")) != fault.NotFound:
		return Image{}, said(err, doing, "")
	}
	if err := remote.Write(ref, b.image, r.options(ctx)...); err != nil {
		return Image{}, said(err, doing, "name a repository that exists")
	}
	if err := r.attach(ctx, ref.Context(), b); err != nil {
		return Image{}, said(err, doing+": its SBOM", "name a repository that exists")
	}
	return Image{
		Name: ref.Context().Name() + "@" + string(b.Digest), Digest: b.Digest, Service: estate.ServiceName(b.Labels[image.LabelTitle]), Version: version,
		Layer: b.Labels[image.LabelLayer], Folder: b.Labels[image.LabelFolder],
	}, nil
}

// attach pushes an SBOM as a referrer of its image (OCI distribution-spec, referrers).
func (r *Registry) attach(ctx context.Context, repository name.Repository, b *Built) error {
	size, err := b.image.Size()
	if err != nil {
		return err
	}
	media, err := b.image.MediaType()
	if err != nil {
		return err
	}
	digest, err := b.image.Digest()
	if err != nil {
		return err
	}
	note, err := mutate.AppendLayers(mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), image.MediaTypeSBOM), static.NewLayer(b.SBOM, image.MediaTypeSBOM))
	if err != nil {
		return err
	}
	about, ok := mutate.Subject(note, v1.Descriptor{MediaType: media, Size: size, Digest: digest}).(v1.Image)
	if !ok {
		return fault.Newf(fault.Internal, "an SBOM is no image any more")
	}
	own, err := about.Digest()
	if err != nil {
		return err
	}
	return remote.Write(repository.Digest(own.String()), about, r.options(ctx)...)
}

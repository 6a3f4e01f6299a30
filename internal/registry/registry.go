// Package registry makes images of releases and keeps them in a registry of images, without a daemon: it lays a release over a base,
// pushes it with its SBOM, says which image a version is, and gives back the release's layer. Who may push and pull is what
// docker login has written down.
//
// What belongs into an image is internal/image's to say.
package registry

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/image"
)

// Options say how registries are reached.
type Options struct {
	Insecure bool // over plain HTTP, too, where they are not of this machine
	// Transport reaches them; the network of this machine when nil.
	Transport http.RoundTripper
}

// Registry reaches registries. The zero Registry reaches them over TLS alone.
type Registry struct{ o Options }

// New is one with options.
func New(o Options) *Registry { return &Registry{o} }

// Image is an image in a registry.
type Image struct {
	Name    string             // with its digest: "registry.example.com/kopi/orders@sha256:…"
	Digest  estate.Digest      // the same for everybody who pulls it
	Service estate.ServiceName // what it was made of; "" when Caravan did not make it, as are the next
	Version string
	Layer   string // digest of the release's layer, not compressed
	Folder  string // where the release is in it
}

// Repository is where the images of a service are, below a registry's folder such as "registry.example.com/kopi". Invalid for what is none.
func Repository(folder string, service estate.ServiceName) (string, error) {
	r, err := name.NewRepository(strings.TrimSuffix(folder, "/") + "/" + strings.ToLower(string(service)))
	if err != nil {
		return "", fault.Newf(fault.Invalid, "no images of %s can be kept in %q: %w; correct delivery.registry in caravan.yaml", service, folder, err)
	}
	return r.Name(), nil
}

// Resolve says which image a reference is, such as "registry.example.com/kopi/orders:4.19.0". NotFound when there is none.
func (r *Registry) Resolve(ctx context.Context, ref string) (Image, error) {
	parsed, err := r.parse(ref)
	if err != nil {
		return Image{}, err
	}
	d, err := remote.Get(parsed, r.options(ctx)...)
	if err != nil {
		return Image{}, said(err, "look for "+ref, "push it with caravan image … --push, or name one that exists with --image")
	}
	out := Image{Name: parsed.Context().Name() + "@" + d.Digest.String(), Digest: estate.Digest(d.Digest.String())}
	if d.MediaType.IsIndex() {
		return out, nil
	}
	img, err := d.Image()
	if err != nil {
		return Image{}, said(err, "read "+ref, "push it again")
	}
	config, err := img.ConfigFile()
	if err != nil {
		return Image{}, said(err, "read "+ref, "push it again")
	}
	l := config.Config.Labels
	if layer, folder, ok := image.ReleaseOf(l); ok {
		out.Service, out.Version, out.Layer, out.Folder = estate.ServiceName(l[image.LabelTitle]), l[image.LabelVersion], layer, folder
	}
	return out, nil
}

func (r *Registry) parse(ref string) (name.Reference, error) {
	var o []name.Option
	if r.o.Insecure {
		o = append(o, name.Insecure)
	}
	if _, digest, ok := strings.Cut(ref, "@"); ok && !strings.HasPrefix(digest, "sha256:") { // not said again: a password may be in it
		return nil, fault.Newf(fault.Invalid, "an image is named with something else than a digest behind @; write one such as registry.example.com/kopi/orders@sha256:…, and give accounts to docker login")
	}
	parsed, err := name.ParseReference(ref, o...)
	if err != nil {
		return nil, fault.Newf(fault.Invalid, "%q names no image: %w; write one such as registry.example.com/kopi/orders:4.19.0", ref, err)
	}
	return parsed, nil
}

func (r *Registry) options(ctx context.Context) []remote.Option {
	next := r.o.Transport
	if next == nil {
		next = remote.DefaultTransport
	}
	return []remote.Option{
		remote.WithContext(ctx), remote.WithAuthFromKeychain(authn.DefaultKeychain), remote.WithTransport(guarded{next, r.o.Insecure}),
		remote.WithUserAgent("caravan"), remote.WithPlatform(v1.Platform{OS: "linux", Architecture: "amd64"}),
	}
}

// guarded sends nothing in the clear to other machines, unless that is declared.
type guarded struct {
	next     http.RoundTripper
	insecure bool
}

// errPlain is that a registry would be asked over plain HTTP.
var errPlain = errors.New("it answers over plain HTTP alone, and passwords and images would go over the network in the clear")

// RoundTrip asks a registry.
func (g guarded) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme != "https" && !g.insecure && !loopback(r.URL.Hostname()) {
		return nil, errPlain
	}
	return g.next.RoundTrip(r)
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// said gives what a registry says a kind and a way to mend it.
func said(err error, doing, absent string) error {
	var f *fault.Error
	var t *transport.Error
	var n net.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &f):
		return err
	case errors.Is(err, errPlain):
		return fault.Newf(fault.Denied, "%s: %w; give it a certificate, or write insecure: true under delivery in caravan.yaml", doing, errPlain)
	case errors.As(err, &t) && t.StatusCode == http.StatusNotFound:
		return fault.Newf(fault.NotFound, "%s: the registry has none; %s", doing, absent)
	case errors.As(err, &t) && (t.StatusCode == http.StatusUnauthorized || t.StatusCode == http.StatusForbidden):
		return fault.Newf(fault.Denied, "%s: the registry does not let us (status %d); run docker login, or put its account into ~/.docker/config.json", doing, t.StatusCode)
	case errors.As(err, &t) && t.StatusCode >= http.StatusBadRequest && t.StatusCode < http.StatusInternalServerError:
		return fault.Newf(fault.Invalid, "%s: the registry refuses (status %d): %s", doing, t.StatusCode, firstLine(t))
	case errors.As(err, &n), errors.As(err, &t):
		return fault.Newf(fault.Unavailable, "%s: %s; check that the registry answers, and run it again", doing, firstLine(err))
	}
	return fault.Newf(fault.Unavailable, "%s: %s; run it again", doing, firstLine(err))
}

func firstLine(err error) string {
	first, _, _ := strings.Cut(strings.TrimSpace(err.Error()), "\n")
	return first
}

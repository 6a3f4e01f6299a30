package registry

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	server "github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"example.org/caravan/internal/artefact"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/image"
)

const folder = "/srv/kopi/orders/current"

// serve is a registry on this machine, and its address.
func serve(t *testing.T, wrap func(http.Handler) http.Handler) string {
	t.Helper()
	h := server.New(server.Logger(log.New(io.Discard, "", 0)), server.WithReferrersSupport(true))
	if wrap != nil {
		h = wrap(h)
	}
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://")
}

func spec(base, version string) image.Spec {
	return image.Spec{Service: "orders", Version: version, Folder: folder, Directory: folder, Entrypoint: []string{folder + "/bin/run"}, Base: base}
}

// release is one with these texts as its files.
func release(t *testing.T, texts map[string]string) []image.File {
	t.Helper()
	dir := t.TempDir()
	for name, text := range texts {
		full := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(full), 0o755), os.WriteFile(full, []byte(text), 0o755)); err != nil {
			t.Fatal(err)
		}
	}
	a, err := artefact.Open(t.Context(), dir, folder)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	return a.Files
}

var texts = map[string]string{"bin/run": "#!/bin/sh\n", "config/a.yml": "a: 1\n"}

// base pushes an image of Debian's making: it has dpkg's list, an entrypoint, words and a label.
func base(t *testing.T, at string) string {
	t.Helper()
	status := filepath.Join(t.TempDir(), "var/lib/dpkg")
	if err := errors.Join(os.MkdirAll(status, 0o755), os.WriteFile(filepath.Join(status, "status"), []byte("Package: libc6\nStatus: install ok installed\nVersion: 2.36\n"), 0o644)); err != nil {
		t.Fatal(err)
	}
	a, err := artefact.Open(t.Context(), filepath.Dir(filepath.Dir(filepath.Dir(status))), "")
	if err != nil {
		t.Fatal(err)
	}
	r := New(Options{})
	s := image.Spec{Service: "debian", Version: "12", Folder: "/x", Directory: "/x", Entrypoint: []string{"bash"}, Base: image.Scratch}
	b, err := r.Build(t.Context(), s, a.Files)
	if err != nil {
		t.Fatal(err)
	}
	layers, err := b.image.Layers()
	if err != nil {
		t.Fatal(err)
	}
	// The list is below the release's folder; a base has it below the root.
	moved, err := mutate.AppendLayers(empty.Image, movedUp{layers[0]})
	if err != nil {
		t.Fatal(err)
	}
	config, err := moved.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = "linux", "amd64"
	config.Config.Cmd, config.Config.Labels, config.Config.Env = []string{"bash"}, map[string]string{"maintainer": "debian"}, []string{"PATH=/bin"}
	img, err := mutate.ConfigFile(moved, config)
	if err != nil {
		t.Fatal(err)
	}
	ref, err := name.ParseReference(at + "/debian:12")
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(ref, img); err != nil {
		t.Fatal(err)
	}
	return ref.Name()
}

// movedUp is a layer whose files are below the root instead of /x.
type movedUp struct{ v1.Layer }

func (m movedUp) content() ([]byte, error) {
	in, err := m.Layer.Uncompressed()
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if _, err := image.Archive(&out, in, "/x"); err != nil {
		return nil, err
	}
	return out.Bytes(), in.Close()
}

func (m movedUp) Uncompressed() (io.ReadCloser, error) {
	data, err := m.content()
	return io.NopCloser(bytes.NewReader(data)), err
}
func (m movedUp) Compressed() (io.ReadCloser, error) { return m.Uncompressed() }
func (m movedUp) Digest() (v1.Hash, error) {
	data, err := m.content()
	if err != nil {
		return v1.Hash{}, err
	}
	h, _, err := v1.SHA256(bytes.NewReader(data))
	return h, err
}
func (m movedUp) DiffID() (v1.Hash, error) { return m.Digest() }
func (m movedUp) Size() (int64, error) {
	data, err := m.content()
	return int64(len(data)), err
}
func (m movedUp) MediaType() (types.MediaType, error) { return types.DockerUncompressedLayer, nil }

func TestAReleaseBecomesAnImageThatMachinesAndClustersReadAlike(t *testing.T) {
	at := serve(t, nil)
	r := New(Options{})
	on := base(t, at)
	built, err := r.Build(t.Context(), spec(on, "4.19.0"), release(t, texts))
	if err != nil {
		t.Fatal(err)
	}
	again, err := r.Build(t.Context(), spec(on, "4.19.0"), release(t, texts))
	if err != nil || again.Digest != built.Digest {
		t.Fatalf("the same release is %s and %s (%v)", built.Digest, again.Digest, err)
	}
	repository, err := Repository(at+"/kopi", "orders")
	if err != nil {
		t.Fatal(err)
	}
	pushed, err := r.Push(t.Context(), repository, "4.19.0", built)
	if err != nil {
		t.Fatal(err)
	}
	found, err := r.Resolve(t.Context(), repository+":4.19.0")
	if err != nil || found != pushed {
		t.Fatalf("%+v (%v), pushed was %+v", found, err, pushed)
	}
	if found.Digest != built.Digest || found.Folder != folder || found.Version != "4.19.0" || found.Service != "orders" {
		t.Errorf("%+v", found)
	}
	layer, err := r.Layer(t.Context(), found)
	if err != nil {
		t.Fatal(err)
	}
	paths, err := image.Archive(io.Discard, layer, folder)
	if err != nil || !slices.Contains(paths, "bin/run") || !slices.Contains(paths, "config/a.yml") {
		t.Fatal(paths, err)
	}
	config(t, found, on)
}

// config looks at what the image says of itself, and at the SBOM beside it.
func config(t *testing.T, found Image, on string) {
	t.Helper()
	ref, err := name.NewDigest(found.Name)
	if err != nil {
		t.Fatal(err)
	}
	img, err := remote.Image(ref)
	if err != nil {
		t.Fatal(err)
	}
	c, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if c.Config.Cmd != nil || c.Config.WorkingDir != folder || c.Config.Labels["maintainer"] != "debian" || c.Config.Labels[image.LabelBaseName] != on || c.Config.Env[0] != "PATH=/bin" {
		t.Errorf("%+v", c.Config)
	}
	if d := cmp.Diff([]string{folder + "/bin/run"}, c.Config.Entrypoint); d != "" {
		t.Error(d)
	}
	index, err := remote.Referrers(ref)
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := index.IndexManifest()
	if err != nil || len(manifest.Manifests) != 1 || manifest.Manifests[0].ArtifactType != image.MediaTypeSBOM {
		t.Fatalf("referrers: %+v (%v)", manifest, err)
	}
	note, err := remote.Image(ref.Context().Digest(manifest.Manifests[0].Digest.String()))
	if err != nil {
		t.Fatal(err)
	}
	layers, err := note.Layers()
	if err != nil || len(layers) != 1 {
		t.Fatal(err, len(layers))
	}
	digest, err := layers[0].Digest()
	if err != nil || digest.String() != c.Config.Labels[image.LabelSBOM] {
		t.Errorf("the SBOM is %s, the label says %s (%v)", digest, c.Config.Labels[image.LabelSBOM], err)
	}
	in, err := layers[0].Uncompressed()
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(in)
	if err != nil || !strings.Contains(string(text), "pkg:deb/debian/libc6@2.36") || !strings.Contains(string(text), folder+"/bin/run") {
		t.Errorf("%v: %s", err, text)
	}
}

func TestAVersionIsOneThing(t *testing.T) {
	at := serve(t, nil)
	r := New(Options{})
	push := func(text string) error {
		b, err := r.Build(t.Context(), spec(image.Scratch, "1"), release(t, map[string]string{"bin/run": text}))
		if err != nil {
			t.Fatal(err)
		}
		_, err = r.Push(t.Context(), at+"/kopi/orders", "1", b)
		return err
	}
	if err := push("one"); err != nil {
		t.Fatal(err)
	}
	if err := push("one"); err != nil {
		t.Errorf("pushing the same again: %v", err)
	}
	if err := push("two"); fault.KindOf(err) != fault.Conflict || !strings.Contains(err.Error(), "a version is one thing") {
		t.Errorf("%v", err)
	}
}

func TestAnImageThatCaravanDidNotMakeHasNoReleaseForMachines(t *testing.T) {
	at := serve(t, nil)
	on := base(t, at)
	r := New(Options{})
	found, err := r.Resolve(t.Context(), on)
	if err != nil || found.Layer != "" || found.Digest == "" {
		t.Fatalf("%+v (%v)", found, err)
	}
	if _, err := r.Layer(t.Context(), found); fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), "make it with caravan image") {
		t.Error(err)
	}
}

func TestALayerThatIsNotWhatItsDigestSaysIsFoundOut(t *testing.T) {
	v := &verified{in: io.NopCloser(strings.NewReader("other")), sum: sha256.New(), want: sumOf([]byte("this")), name: "a"}
	if _, err := io.ReadAll(v); fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), "is not what its digest says") {
		t.Error(err)
	}
}

func TestWhatARegistrySaysNoToIsSaidInWords(t *testing.T) {
	status := http.StatusOK
	at := serve(t, func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if status != http.StatusOK && r.URL.Path != "/v2/" {
				w.WriteHeader(status)
				return
			}
			h.ServeHTTP(w, r)
		})
	})
	r := New(Options{})
	if _, err := r.Resolve(t.Context(), at+"/kopi/orders:9"); fault.KindOf(err) != fault.NotFound || !strings.Contains(err.Error(), "push it with caravan image") {
		t.Error(err)
	}
	for s, want := range map[int]fault.Kind{http.StatusForbidden: fault.Denied, http.StatusBadRequest: fault.Invalid} {
		status = s
		if _, err := r.Resolve(t.Context(), at+"/kopi/orders:9"); fault.KindOf(err) != want {
			t.Errorf("status %d: %v", s, err)
		}
	}
	for _, ref := range []string{"", "UPPER/x y", "user:canary@registry.example.com/x:1"} {
		if _, err := r.Resolve(t.Context(), ref); fault.KindOf(err) != fault.Invalid || strings.Contains(err.Error(), "canary") {
			t.Errorf("%q: %v", ref, err)
		}
	}
}

func TestNothingGoesToAnotherMachineInTheClear(t *testing.T) {
	seen := 0
	next := answering(func(r *http.Request) (*http.Response, error) {
		seen++
		if r.URL.Scheme == "https" {
			return nil, fmt.Errorf("no TLS at %s", r.URL.Host)
		}
		return &http.Response{StatusCode: http.StatusNotFound, Body: http.NoBody, Header: http.Header{}, Request: r}, nil
	})
	if _, err := New(Options{Transport: next}).Resolve(t.Context(), "10.1.2.3:5000/kopi/orders:1"); fault.KindOf(err) != fault.Denied || !strings.Contains(err.Error(), "insecure: true") {
		t.Error(err)
	}
	if _, err := New(Options{Transport: next, Insecure: true}).Resolve(t.Context(), "10.1.2.3:5000/kopi/orders:1"); fault.KindOf(err) != fault.NotFound {
		t.Error(err)
	}
	if seen == 0 {
		t.Error("nothing was asked at all")
	}
}

type answering func(*http.Request) (*http.Response, error)

func (f answering) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

package targets_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"example.org/caravan/internal/journey"
	"example.org/caravan/internal/journey/targettest"
	"example.org/caravan/internal/kube"
	"example.org/caravan/internal/render"
	"example.org/caravan/internal/soak"
	"example.org/caravan/testbed"
)

// conforms holds the target to what all targets promise, against a real API server.
func conforms(t *testing.T, b *testbed.Bed) {
	// A namespace that others made stays, which spares waiting for it to go after each.
	if _, err := b.Clusters[0].Kubectl(t.Context(), "create", "namespace", kube.Space); err != nil {
		t.Fatal(err)
	}
	n := 0
	defer func() {
		if _, err := b.Clusters[0].Kubectl(t.Context(), "delete", "namespace", kube.Space); err != nil {
			t.Error(err)
		}
	}()
	targettest.Run(t, func(t *testing.T) targettest.Place {
		n++
		p := &namespace{bed: b, cluster: b.Clusters[0], name: fmt.Sprintf("conforms-%d", n), stride: soak.ClusterRequests.Count(t)}
		p.kubectl(t, "create", "namespace", p.name)
		t.Cleanup(func() { p.clear(t) })
		return p
	})
}

// namespace is a namespace that somebody else made, and that a target makes ConfigMaps in.
type namespace struct {
	bed     *testbed.Bed
	cluster *testbed.Cluster
	name    string
	stride  int // requests from one moment to the next

	mu     sync.Mutex
	left   int
	cancel context.CancelFunc // nil when nothing is to be interrupted
}

const folder = "kubernetes/overlays/test/"

func (p *namespace) File(name, version string) render.File {
	return render.File{Path: folder + name + ".yaml", Mode: 0o644, Text: fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: %s\n  namespace: %s\ndata:\n  version: %q\n", name, p.name, version)}
}

func (p *namespace) Open(ctx context.Context, files []render.File, force bool) (journey.Target, error) {
	var names strings.Builder
	for _, f := range files {
		fmt.Fprintf(&names, "  - %s\n", strings.TrimPrefix(f.Path, folder))
	}
	files = append(files, render.File{Path: folder + "kustomization.yaml", Mode: 0o644, Text: "resources:\n" + names.String() + "labels:\n  - pairs:\n      app.kubernetes.io/part-of: test\n"})
	return kube.Open(ctx, kube.TargetOptions{
		Options: kube.Options{Kubeconfig: p.cluster.Kubeconfig(), Context: contextOf(p.cluster), Dial: p.bed.Dial, Wrap: p.count}, Expansion: p.name, Environment: "test", Files: files, Force: force,
	})
}

// count counts what changes something, and lets nothing more through once it is enough. What is under way ends as it would.
func (p *namespace) count(through http.RoundTripper) http.RoundTripper {
	return roundTrip(func(r *http.Request) (*http.Response, error) {
		if r.Method != http.MethodGet && !p.goesOn() {
			return nil, context.Canceled
		}
		return through.RoundTrip(r.WithContext(context.WithoutCancel(r.Context())))
	})
}

func (p *namespace) goesOn() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cancel == nil {
		return true
	}
	p.left--
	if p.left < 0 {
		p.cancel()
		return false
	}
	return true
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func (p *namespace) Interrupt(ctx context.Context, n int) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.left, p.cancel = n*p.stride, cancel
	return ctx, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.cancel = nil
		cancel()
	}
}

func (p *namespace) Everything(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, in := range []string{p.name, kube.Space} {
		for line := range strings.Lines(p.kubectl(t, "-n", in, "get", "configmaps", "-o", `jsonpath={range .items[*]}{.metadata.name} {.metadata.uid} {.metadata.resourceVersion}{"\n"}{end}`)) {
			name, version, _ := strings.Cut(strings.TrimSpace(line), " ")
			if name != "kube-root-ca.crt" {
				out[in+"/"+name] = version
			}
		}
	}
	return out
}

func nameIn(f render.File) string {
	return strings.TrimSuffix(strings.TrimPrefix(f.Path, folder), ".yaml")
}

func (p *namespace) kubectl(t *testing.T, args ...string) string {
	t.Helper()
	out, err := p.cluster.Kubectl(context.WithoutCancel(t.Context()), args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

var edits atomic.Int64

func (p *namespace) Edit(t *testing.T, f render.File) {
	t.Helper()
	p.kubectl(t, "-n", p.name, "patch", "configmap", nameIn(f), "--type=merge", "-p", fmt.Sprintf(`{"data":{"version":"edited %d"}}`, edits.Add(1)))
}

func (p *namespace) Lose(t *testing.T, f render.File) {
	t.Helper()
	p.kubectl(t, "-n", p.name, "delete", "configmap", nameIn(f))
}

func (p *namespace) Occupy(t *testing.T, f render.File) {
	t.Helper()
	p.kubectl(t, "-n", p.name, "create", "configmap", nameIn(f), "--from-literal=version=theirs")
}

// clear takes everything of the place away.
func (p *namespace) clear(t *testing.T) {
	target, err := p.Open(context.Background(), nil, true)
	if err != nil {
		t.Error(err)
		return
	}
	defer func() { _ = target.Close() }()
	if _, err := target.Remove(context.Background(), func(string) bool { return false }, func(string) {}); err != nil {
		t.Error(err)
	}
	p.kubectl(t, "delete", "namespace", p.name, "--wait=false")
}

package testbed_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.org/caravan/testbed"
)

// The parts share one bed, since it takes a while.
func TestABed(t *testing.T) {
	t.Parallel()
	clusters := testbed.Clusters(2)
	clusters[1].Servers = 2
	b := testbed.Start(t, testbed.Options{Clusters: clusters, Machines: testbed.Machines(2)})
	for _, part := range []struct {
		name string
		test func(*testing.T, *testbed.Bed)
	}{
		{"machines reach each other by name and nothing else", machinesReachEachOther},
		{"both clusters run what the registry has", clustersRunPods},
		{"machines and clusters reach each other", worldsReachEachOther},
		{"a link is cut, slow and lossy, and healed", linksAreDisturbed},
		{"nodes that are not there take pods", nodesArePretended},
		{"Prometheus sees what pods use", podsAreMeasured},
		{"an API server is not ready, and the load balancer sends it requests", serverStarves},
		{"an API server stops and comes back", serverStops},
	} {
		t.Run(part.name, func(t *testing.T) { part.test(t, b) })
	}
}

func machinesReachEachOther(t *testing.T, b *testbed.Bed) {
	for _, m := range b.Machines {
		if out, err := m.Run(t.Context(), "systemctl is-system-running --wait"); err != nil {
			failed, _ := m.Run(t.Context(), "systemctl --failed --no-legend")
			t.Errorf("%s is %s: %v\n%s", m.Name, out, err, failed)
		}
		for _, other := range b.Machines {
			if _, err := m.Run(t.Context(), "ping -c1 -W2 "+other.Name); err != nil {
				t.Errorf("%s does not reach %s: %v", m.Name, other.Name, err)
			}
		}
		if out, err := m.Run(t.Context(), "ip route get 192.0.2.1 && ping -c1 -W1 192.0.2.1"); err == nil {
			t.Errorf("%s has a way out: %s", m.Name, out)
		}
	}
	out, err := b.Machines[0].Run(t.Context(), `pg_createcluster 15 main --start >/dev/null && su postgres -c "psql -Atc 'select 6*7'"`)
	if err != nil || strings.TrimSpace(out) != "42" {
		t.Errorf("PostgreSQL answers %q, %v", out, err)
	}
}

// server builds a program that answers requests with what the name of another resolves to.
func server(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	source := `package main

import (
	"fmt"
	"net"
	"net/http"
)

func main() {
	_ = http.ListenAndServe(":8080", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		addresses, err := net.LookupHost(r.URL.Query().Get("name"))
		fmt.Fprint(w, addresses, err)
	}))
}
`
	if err := errors.Join(os.WriteFile(filepath.Join(dir, "main.go"), []byte(source), 0o600), os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module server\n"), 0o600)); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", "server", ".")
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-mod=mod")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return filepath.Join(dir, "server")
}

const manifest = `apiVersion: apps/v1
kind: Deployment
metadata: {name: server}
spec:
  replicas: 2
  selector: {matchLabels: {app: server}}
  template:
    metadata: {labels: {app: server}}
    spec:
      containers:
        - name: server
          image: registry.bed:5000/server:1
          resources: {requests: {cpu: 10m, memory: 16Mi}, limits: {memory: 64Mi}}
          readinessProbe: {httpGet: {path: /, port: 8080}, periodSeconds: 1}
---
apiVersion: v1
kind: Service
metadata: {name: server}
spec: {type: NodePort, selector: {app: server}, ports: [{port: 80, targetPort: 8080, nodePort: 30080}]}
`

func clustersRunPods(t *testing.T, b *testbed.Bed) {
	if err := b.Push(t.Context(), "server:1", testbed.Image{Files: map[string]string{"server": server(t)}, Entrypoint: []string{"/server"}}); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "server.yaml")
	if err := os.WriteFile(file, []byte(manifest), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range b.Clusters {
		if _, err := c.Kubectl(t.Context(), "apply", "--server-side", "-f", file); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Kubectl(t.Context(), "rollout", "status", "deployment/server", "--timeout=90s"); err != nil {
			pods, _ := c.Kubectl(t.Context(), "describe", "pods")
			t.Fatalf("%s: %v\n%s", c.Name, err, pods)
		}
		version, err := c.Kubectl(t.Context(), "version")
		if err != nil || !strings.Contains(version, "Server Version: v1.34") {
			t.Errorf("%s: %s, %v", c.Name, version, err)
		}
	}
}

func worldsReachEachOther(t *testing.T, b *testbed.Bed) {
	for _, c := range b.Clusters {
		got, err := b.Machines[0].Run(t.Context(), "curl -fsS --retry 20 --retry-connrefused --retry-delay 1 --max-time 5 'http://"+c.Address+":30080/?name=server.default.svc.cluster.local'")
		if err != nil || !strings.Contains(got, "<nil>") {
			t.Errorf("%s answers %q, %v", c.Name, got, err)
		}
	}
}

func linksAreDisturbed(t *testing.T, b *testbed.Bed) {
	reach := func() error {
		_, err := b.Machines[0].Run(t.Context(), "curl -fsS --max-time 2 http://"+b.Clusters[0].Address+":30080/?name=localhost")
		return err
	}
	lost := func() int { // of a hundred packets
		out, err := b.Machines[0].Run(t.Context(), `ping -q -c100 -i0.01 -W1 `+b.Machines[1].Name+` | sed -n 's/.* \([0-9]*\)% packet loss.*/\1/p'`)
		var percent int
		if _, scanned := fmt.Sscan(strings.TrimSpace(out), &percent); scanned != nil {
			t.Fatalf("%q, %v", out, err)
		}
		return percent
	}
	disturb := func(who string, l testbed.Link) {
		if err := b.Disturb(t.Context(), who, l); err != nil {
			t.Fatal(err)
		}
	}
	disturb("c1", testbed.Link{Cut: true})
	if err := reach(); err == nil {
		t.Error("a link that is cut lets requests through")
	}
	disturb("c1", testbed.Link{})
	if err := b.Await(t.Context(), "requests over a healed link", reach); err != nil {
		t.Error(err)
	}
	const delay = 30 * time.Millisecond
	disturb("vm2", testbed.Link{Delay: delay})
	fastest := func() (ms float64) {
		out, err := b.Machines[0].Run(t.Context(), `ping -q -c10 -i0.1 -W2 `+b.Machines[1].Name+` | sed -n 's,.* = \([0-9.]*\)/.*,\1,p'`)
		if _, scanned := fmt.Sscan(strings.TrimSpace(out), &ms); scanned != nil {
			t.Fatalf("%q, %v", out, err)
		}
		return ms
	}
	if ms := fastest(); ms < 60 {
		t.Errorf("a round trip over a link that is 30 ms slow each way took %v ms", ms)
	}
	const much = 20_000_000
	if out, err := b.Machines[1].Run(t.Context(), fmt.Sprintf("head -c %d /dev/zero", much)); err != nil || len(out) != much {
		t.Errorf("%d of %d bytes come over a slow link: %v", len(out), much, err)
	}
	disturb("vm2", testbed.Link{})
	if ms := fastest(); ms >= 60 {
		t.Errorf("a healed link is as slow as before: %v ms", ms)
	}
	disturb("vm2", testbed.Link{Loss: 0.3, Delay: time.Millisecond})
	if n := lost(); n < 20 || n > 80 { // there and back
		t.Errorf("%d of 100 packets are lost over a link that loses 30 of 100 each way", n)
	}
	disturb("vm2", testbed.Link{})
	if n := lost(); n != 0 {
		t.Errorf("%d of 100 packets are lost over a healed link", n)
	}
}

func serverStops(t *testing.T, b *testbed.Bed) {
	c := b.Clusters[0]
	if err := c.StopServer(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Kubectl(t.Context(), "get", "pods", "--request-timeout=2s"); err == nil {
		t.Error("a server that stopped answers")
	}
	if _, err := b.Machines[0].Run(t.Context(), "curl -fsS --max-time 60 http://"+c.Address+":30080/?name=localhost"); err != nil {
		t.Errorf("pods stopped with the API server: %v", err)
	}
	if err := c.StartServer(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Kubectl(t.Context(), "get", "pods"); err != nil {
		t.Error(err)
	}
}

const pretended = `apiVersion: apps/v1
kind: Deployment
metadata: {name: pretended}
spec:
  replicas: 300
  selector: {matchLabels: {app: pretended}}
  template:
    metadata: {labels: {app: pretended}}
    spec:
      tolerations: [{key: kwok.x-k8s.io/node, operator: Exists}]
      nodeSelector: {type: kwok}
      containers: [{name: pretended, image: nothing}]
`

func nodesArePretended(t *testing.T, b *testbed.Bed) {
	c := b.Clusters[0]
	if err := c.Pretend(t.Context(), 100); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "pretended.yaml")
	if err := os.WriteFile(file, []byte(pretended), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Kubectl(t.Context(), "apply", "--server-side", "-f", file); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Kubectl(t.Context(), "rollout", "status", "deployment/pretended", "--timeout=90s"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Kubectl(t.Context(), "delete", "deployment/pretended", "--wait"); err != nil {
		t.Error(err)
	}
}

func podsAreMeasured(t *testing.T, b *testbed.Bed) {
	c := b.Clusters[0]
	at, err := c.Metrics(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, query := range []string{`container_memory_working_set_bytes{pod=~"server.*",container="server"}`, `apiserver_request_total`, `coredns_dns_requests_total`, `kubelet_running_pods`} {
		if err := b.Await(t.Context(), query, func() error {
			out, err := b.Run(t.Context(), "curl", "-fsSG", "http://"+at+"/api/v1/query", "--data-urlencode", "query="+query)
			if err == nil && !strings.Contains(out, `"value":`) {
				err = errors.New(out)
			}
			return err
		}); err != nil {
			t.Error(err)
		}
	}
}

// serverStarves takes its store away from one of two API servers: it listens on, so a load balancer that looks at ports alone goes on
// sending requests to it.
func serverStarves(t *testing.T, b *testbed.Bed) {
	c := b.Clusters[1]
	const requests = 10
	failures := func() int {
		n := 0
		for range requests {
			if _, err := c.Kubectl(t.Context(), "get", "--raw", "/readyz", "--request-timeout=2s"); err != nil {
				n++
			}
		}
		return n
	}
	succeed := func() error {
		if n := failures(); n > 0 {
			return fmt.Errorf("%d of %d fail", n, requests)
		}
		return nil
	}
	if err := b.Await(t.Context(), "requests that succeed while both are ready", succeed); err != nil {
		t.Fatal(err)
	}
	if err := c.Starve(); err != nil {
		t.Fatal(err)
	}
	if err := b.Await(t.Context(), "a request that fails", func() error {
		if failures() == 0 {
			return errors.New("all succeed")
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	if n := failures(); n == requests {
		t.Error("all requests fail, though one server is ready")
	}
	if err := c.Feed(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := b.Await(t.Context(), "requests that succeed", succeed); err != nil {
		t.Error(err)
	}
}

// traces are what a bed leaves on a machine while it is there.
func traces(t *testing.T, name string) []string {
	t.Helper()
	var out []string
	for _, pattern := range []string{"/var/lib/caravan-testbed/" + name, "/run/netns/caravan-bed." + name + ".*", "/sys/fs/cgroup/caravan-bed." + name, "/sys/fs/cgroup/*/caravan-bed." + name} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, found...)
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(mounts) {
		if bytes.Contains(line, []byte("caravan-testbed/"+name+"/")) {
			out = append(out, string(line))
		}
	}
	return out
}

// TestABedIsTakenAwayWhereverItsRaisingWasKilled kills the program that raises a bed after each of what it says, and takes away what
// there is.
func TestABedIsTakenAwayWhereverItsRaisingWasKilled(t *testing.T) {
	t.Parallel()
	b := testbed.Start(t, testbed.Options{Name: "killed", Clusters: testbed.Clusters(1), Machines: testbed.Machines(1)}) // everything is built, and one is there to be replaced
	program := filepath.Join(t.TempDir(), "bed")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, "./cmd/bed").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, said := range []string{"boot machine vm1", "raise cluster c1"} {
		killAfter(t, program, b.Name, said)
		for range 2 {
			if err := testbed.Down(t.Context(), b.Name); err != nil {
				t.Fatalf("killed after %q: %v", said, err)
			}
		}
		if left := traces(t, b.Name); len(left) > 0 {
			t.Errorf("killed after %q, this is left: %s", said, strings.Join(left, "\n"))
		}
	}
}

func killAfter(t *testing.T, program, name, said string) {
	t.Helper()
	cmd := exec.CommandContext(context.Background(), program, "up", "--name="+name, "--clusters=1", "--machines=1")
	out, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	heard, buffer := "", make([]byte, 1024)
	for !strings.Contains(heard, said) {
		n, err := out.Read(buffer)
		heard += string(buffer[:n])
		if err != nil && !errors.Is(err, fs.ErrClosed) {
			t.Fatalf("it ended before it said %q: %s", said, heard)
		}
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
}

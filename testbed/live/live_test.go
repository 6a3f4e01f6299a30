// Package live holds one test: what runs on real machines and in a real cluster, seen by the program beside what is configured.
package live_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"example.org/caravan/testbed"
	"example.org/caravan/testbed/kopi"
)

const sample = "../../examples/kopi"

// world is a bed with the company's machines and a cluster, and the program that looks at them.
type world struct {
	*testbed.Bed
	caravan string
}

func TestWhatRunsIsSeenBesideWhatIsConfigured(t *testing.T) {
	company, err := kopi.Read(sample)
	if err != nil {
		t.Fatal(err)
	}
	w := world{caravan: built(t, "../..", "./cmd/caravan")}
	w.Bed = testbed.Start(t, testbed.Options{Name: "live", Machines: company.Machines, Clusters: testbed.Clusters(1)})
	if err := company.Install(t.Context(), w.Bed, func(line string) { t.Log(line) }); err != nil {
		t.Fatal(err)
	}
	for _, part := range []struct {
		name string
		test func(*testing.T, world)
	}{
		{"the connections of machines that are at work are the company's edges", machinesAtWork},
		{"a machine that is cut off, and one whose key is another, are questions", machinesOutOfReach},
		{"a cluster gives the same map as its manifests, and its pods' connections", cluster},
	} {
		t.Run(part.name, func(t *testing.T) { part.test(t, w) })
	}
}

// built builds a program.
func built(t *testing.T, dir, what string, environ ...string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "program")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", out, what)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), environ...)
	if said, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	return out
}

// edge is as much of an edge of the map as is looked at.
type edge struct {
	From, To string
	Evidence []struct {
		At    string
		Place struct{ File string }
	}
	Seen *struct{ State string }
}

// estate is as much of the map as is looked at.
type estate struct {
	Services []struct{ Name, Kind, Technology, Team string }
	Edges    []edge
	Doubts   []struct {
		Topic, Text string
		Place       struct{ File string }
	}
}

// scan looks at what a workspace lists, from within the bed, and gives the map.
func (w world) scan(t *testing.T, workspace string) estate {
	t.Helper()
	if out, err := w.Run(t.Context(), w.caravan, "-w", workspace, "scan"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	out, err := w.Run(t.Context(), w.caravan, "-w", workspace, "map", "-o", "json")
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var e estate
	if err := json.Unmarshal([]byte(out), &e); err != nil {
		t.Fatal(err)
	}
	keepsSecrets(t, workspace, out)
	return e
}

// keepsSecrets looks for canaries in what was kept and told.
func keepsSecrets(t *testing.T, workspace, told string) {
	t.Helper()
	canaries, err := os.ReadFile(sample + "-canaries.txt")
	if err != nil {
		t.Fatal(err)
	}
	kept, err := filepath.Glob(filepath.Join(workspace, ".caravan", "*"))
	if err != nil || len(kept) == 0 {
		t.Fatalf("nothing is kept in %s: %v", workspace, err)
	}
	for _, file := range kept {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		told += string(data)
	}
	for _, canary := range append(strings.Fields(string(canaries)), "canary-live-configmap-4u6t", "canary-live-secret-5s3r") {
		if strings.Contains(told, canary) {
			t.Errorf("%s is kept or told", canary)
		}
	}
}

// workspaceOf is a copy of the sample company's workspace with live sources.
func (w world) workspaceOf(t *testing.T, live string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(sample)); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(filepath.Join(dir, "caravan.yaml"), os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("\nlive:\n" + live); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

// ssh is how the bed's machines are reached.
func (w world) ssh(knownHosts string) string {
	return fmt.Sprintf("{key: %s/ssh/id_ed25519, knownHosts: %s}", w.Dir, knownHosts)
}

func (w world) known() string { return filepath.Join(w.Dir, "ssh", "known_hosts") }

// work lets every service use all it needs, again and again, until it is told to stop.
func (w world) work(t *testing.T) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			urls := []string{"http://10.10.0.6/api/orders/chain"}
			for _, at := range []string{
				"21:3000", "21:8200", "21:8240", "21:8250", "21:8230", "22:8210", "22:8220", "22:8215", "22:8205", "23:8260", "23:8270", "23:8275", "23:8320", "31:8300", "31:8310",
			} {
				urls = append(urls, "http://10.10.0."+at+"/chain")
			}
			argv := []string{"curl", "-sS", "--max-time", "20", "--parallel", "--parallel-max", "4"}
			for _, u := range urls {
				argv = append(argv, "-o", "/dev/null", u)
			}
			_, _ = w.Run(ctx, argv...)
		}
	}()
	return func() {
		cancel()
		<-done
	}
}

func machinesAtWork(t *testing.T, w world) {
	dir := w.workspaceOf(t, "  - {name: sg, environment: production-sg, machines: "+w.ssh(w.known())+", watch: 5s}\n")
	stop := w.work(t)
	var e estate
	for range 2 { // what one look missed, the next may see
		e = w.scan(t, dir)
	}
	stop()
	data, err := os.ReadFile(sample + "-truth.json")
	if err != nil {
		t.Fatal(err)
	}
	var truth struct{ Edges []edge }
	if err := json.Unmarshal(data, &truth); err != nil {
		t.Fatal(err)
	}
	genuine := map[string]bool{}
	for _, x := range truth.Edges {
		genuine[x.From+" > "+x.To] = true
	}
	seen, invented := map[string]bool{}, 0
	for _, x := range e.Edges {
		if x.Seen == nil || x.Seen.State != "both" && x.Seen.State != "never-configured" {
			continue
		}
		seen[x.From+" > "+x.To] = true
		if !genuine[x.From+" > "+x.To] {
			invented++
			t.Errorf("%s > %s is said to be seen: %+v", x.From, x.To, x.Evidence)
		}
	}
	t.Logf("seen: %d edges, %d of them no edge of the company, of %d in its truth", len(seen), invented, len(genuine))
	for _, must := range []string{ // the chain of an order, and what everybody uses
		"edge > mobile-gateway", "mobile-gateway > orders", "orders > pg-main", "orders > rabbit", "orders > payments", "orders > pricing", "orders > inventory", "orders > delivery",
		"pricing > loyalty", "payments > pg-payments", "payments > api.cardpay.example.com", "lb > orders", "shop > pg-main", "prometheus > orders",
	} {
		if !seen[must] {
			t.Errorf("%s is at work and not seen", must)
		}
	}
	if !slices.ContainsFunc(e.Edges, func(x edge) bool { return x.Seen != nil && x.Seen.State == "never-seen" }) {
		t.Error("everything is said to be seen, also what no service does")
	}
	if !e.asks("sg/legacy1", "not looked at") {
		t.Error("nothing asks about the machine that is not there")
	}
}

// asks reports whether a question is put about a place.
func (e estate) asks(place, text string) bool {
	for _, d := range e.Doubts {
		if strings.HasPrefix(d.Place.File, place) && strings.Contains(d.Text, text) {
			return true
		}
	}
	return false
}

func machinesOutOfReach(t *testing.T, w world) {
	if err := w.Disturb(t.Context(), "sg-app3", testbed.Link{Cut: true}); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := w.Disturb(t.Context(), "sg-app3", testbed.Link{}); err != nil {
			t.Error(err)
		}
	}()
	known, err := os.ReadFile(w.known())
	if err != nil {
		t.Fatal(err)
	}
	const impostor = "10.10.0.21"
	key := ""
	for line := range strings.Lines(string(known)) {
		if f := strings.Fields(line); len(f) >= 3 && !strings.Contains(f[0], impostor) {
			key = f[2] // another machine's
		}
	}
	var others []string
	for line := range strings.Lines(string(known)) {
		if f := strings.Fields(line); len(f) >= 3 && strings.Contains(f[0], impostor) {
			line = f[0] + " " + f[1] + " " + key + "\n"
		}
		others = append(others, line)
	}
	file := filepath.Join(t.TempDir(), "known_hosts")
	if err := os.WriteFile(file, []byte(strings.Join(others, "")), 0o600); err != nil {
		t.Fatal(err)
	}
	e := w.scan(t, w.workspaceOf(t, "  - {name: sg, environment: production-sg, machines: "+w.ssh(file)+", hosts: [sg-app1=10.10.0.21, sg-app2=10.10.0.22, sg-app3=10.10.0.23]}\n"))
	if !e.asks("sg/sg-app3", "not looked at") {
		t.Errorf("nothing asks about the machine that is cut off: %+v", e.Doubts)
	}
	if !e.asks("sg/sg-app1", "host key") {
		t.Errorf("nothing asks about the machine with another key: %+v", e.Doubts)
	}
	if e.asks("sg/sg-app2/", "not looked at") {
		t.Error("the one that is in reach was not looked at")
	}
}

// talker serves, keeps a connection open when it is told to where, and is cat under that name.
const talker = `package main

import (
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

func main() {
	if filepath.Base(os.Args[0]) == "cat" {
		for _, name := range os.Args[1:] {
			if f, err := os.Open(name); err == nil {
				_, _ = io.Copy(os.Stdout, f)
			}
		}
		return
	}
	if to := os.Getenv("KEEP_OPEN"); to != "" {
		go func() {
			for ; ; time.Sleep(time.Second) {
				if c, err := net.Dial("tcp", to); err == nil {
					_, _ = io.Copy(io.Discard, c)
				}
			}
		}()
	}
	_ = http.ListenAndServe(":8080", http.NotFoundHandler())
}
`

func cluster(t *testing.T, w world) {
	c := w.Cluster("c1")
	dir := t.TempDir()
	for name, text := range map[string]string{"main.go": strings.Replace(talker, "http.NotFoundHandler()", "http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})", 1), "go.mod": "module talker\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	program := built(t, dir, ".", "CGO_ENABLED=0")
	if err := w.Push(t.Context(), "talker:1", testbed.Image{Files: map[string]string{"/talker": program, "/bin/cat": program}, Env: []string{"PATH=/bin"}, Entrypoint: []string{"/talker"}}); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"apply", "-f", "testdata/shop.yaml"}, {"-n", "shop", "rollout", "status", "--timeout=180s", "deployment/web", "deployment/catalog"}, {"-n", "shop", "rollout", "status", "--timeout=180s", "statefulset/stock"},
	} {
		if out, err := c.Kubectl(t.Context(), args...); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	written, running := t.TempDir(), t.TempDir()
	manifest, err := os.ReadFile("testdata/shop.yaml")
	if err != nil {
		t.Fatal(err)
	}
	const head = "organisation: shop\nenvironments: [{name: id, kind: kubernetes}]\nsources: [{name: files, dir: files, environment: id}]\n"
	for file, text := range map[string]string{
		filepath.Join(written, "files", "shop.yaml"): string(manifest), filepath.Join(written, "caravan.yaml"): head,
		filepath.Join(running, "files", "README"): "", filepath.Join(running, "caravan.yaml"): head + "live: [{name: c1, environment: id, connections: true, cluster: {context: bed, kubeconfig: " + c.Kubeconfig() + "}}]\n",
	} {
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, got := w.scan(t, written), estate{}
	if err := w.Await(t.Context(), "the connection of web", func() error {
		got = w.scan(t, running)
		if state := got.state("web", "catalog"); state != "both" {
			return fmt.Errorf("web > catalog is %q: %+v", state, got.Doubts)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(got.Services) != fmt.Sprint(want.Services) {
		t.Errorf("the cluster has %v\nand its manifests %v", got.Services, want.Services)
	}
	if got.pairs() != want.pairs() {
		t.Errorf("the cluster has %s\nand its manifests %s", got.pairs(), want.pairs())
	}
	if state := got.state("web", "stock"); state != "never-seen" {
		t.Errorf("web never speaks to stock, and that is said to be %q", state)
	}
	if out, err := w.Run(t.Context(), w.caravan, "-w", running, "address"); err != nil || !strings.Contains(out, "10.91.0.0/24") || !strings.Contains(out, "10.96.0.0/16") {
		t.Errorf("the ranges of pods and Services are not imported: %v\n%s", err, out)
	}
}

func (e estate) state(from, to string) string {
	for _, x := range e.Edges {
		if x.From == from && x.To == to && x.Seen != nil {
			return x.Seen.State
		}
	}
	return ""
}

func (e estate) pairs() string {
	var out []string
	for _, x := range e.Edges {
		out = append(out, x.From+" > "+x.To)
	}
	return strings.Join(out, ", ")
}

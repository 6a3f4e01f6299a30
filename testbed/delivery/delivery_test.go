// Package delivery_test deploys versions of a service to machines and to a cluster, as pipelines do, while both worlds are called.
package delivery_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.yaml.in/yaml/v3"

	"example.org/caravan/testbed"
)

// company is a bed whose machines run a service behind HAProxy, as they always did, and that is to run in a cluster, too.
type company struct {
	*testbed.Bed
	caravan   string // the program
	workspace string
	program   string // the service's
	releases  string // what its pipeline built, a folder for each version
}

const bed = "delivery"

// standing, in the environment, names a bed that stands already: the tests take it and leave it.
const standing = "CARAVAN_TESTBED_STANDING"

func raise(t *testing.T) *testbed.Bed {
	t.Helper()
	if name := os.Getenv(standing); name != "" {
		b, err := testbed.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	return testbed.Start(t, testbed.Options{Name: bed, Clusters: testbed.Clusters(1), Machines: testbed.Machines(2)})
}

// TestOneVersionToBothWorlds goes through what a team does with versions. The parts share a bed, and each begins where the one before ended.
func TestOneVersionToBothWorlds(t *testing.T) {
	c := open(t, raise(t))
	for _, part := range []struct {
		name string
		test func(*testing.T, company)
	}{
		{"the first version comes to machines and into the cluster", firstVersion},
		{"the next comes to both under load, and no request fails", nextUnderLoad},
		{"a move changes no version, and finds nothing edited", moveKeepsVersions},
		{"a bad version stops at the first gate and goes back by itself", badVersion},
		{"one that is bad in the cluster alone goes back everywhere, if all or nothing is wanted", allOrNothing},
		{"one side goes back alone, and that is meant so", oneSideBack},
		{"one side is held back, and comes after", heldBack},
		{"a program that is killed goes on where it was", killed},
		{"an adopted pipeline deploys to both", adopted},
	} {
		if !t.Run(part.name, func(t *testing.T) { part.test(t, c) }) {
			return
		}
	}
}

const manifest = `organisation: bed
sources:
  - {name: chef, dir: src/chef, environment: old}
  - {name: units, dir: src/units, environment: old}
environments:
  - {name: old, kind: vm, country: SG, ranges: [10.90.0.0/24]}
teams:
  - {name: orders, owns: [orders]}
  - {name: platform}
pools:
  - {name: private, range: 10.64.0.0/10, countries: 2}
consent: {unowned: platform}
targets:
  - {environment: old, machines: {key: %[1]s, knownHosts: %[2]s}}
  - {environment: laos, cluster: {context: %[3]s, kubeconfig: %[4]s}}
delivery:
  registry: %[5]s/bed
  insecure: true
  base: scratch
  order: [old, laos]
  balancers: [{environment: old, hosts: [vm1=%[6]s]}]
`

const expansion = `country: LA
source: old
environments:
  - {name: laos, kind: kubernetes, nodes: 1}
services:
  - {service: orders, replicas: "1"}
`

const score = `apiVersion: score.dev/v1b1
metadata:
  name: orders
  annotations:
    caravan.example.org/directory: /srv/bed/orders/current
    caravan.example.org/release: "1"
    caravan.example.org/drain: "4"
    caravan.example.org/start: "6"
    caravan.example.org/stop: "5"
service:
  ports:
    http: {port: 8210}
containers:
  orders:
    image: %s/bed/orders
    command: [/srv/bed/orders/current/run]
    variables: {PORT: "8210"}
    resources: {requests: {cpu: 5m, memory: 16Mi}}
    readinessProbe: {httpGet: {path: /healthz, port: 8210}}
`

const unit = `[Unit]
Description=orders
[Service]
User=nobody
WorkingDirectory=/srv/bed/orders/current
Environment=PORT=8210
ExecStart=/srv/bed/orders/current/run
[Install]
WantedBy=multi-user.target
`

const proxy = `global
    stats socket /run/haproxy/admin.sock mode 660 level admin
defaults
    mode http
    timeout connect 2s
    timeout client 60s
    timeout server 60s
    timeout check 5s
    option redispatch
    retries 3
frontend orders
    bind :80
    default_backend orders
backend orders
    option httpchk GET /healthz
    server one 10.90.0.11:8210 check inter 300ms rise 1 fall 10
    server two 10.90.0.12:8210 check inter 300ms rise 1 fall 10
`

// open puts the service on the machines as it always was, and makes a workspace that knows of it.
func open(t *testing.T, b *testbed.Bed) company {
	t.Helper()
	dir := t.TempDir()
	c := company{Bed: b, workspace: filepath.Join(dir, "bed"), releases: filepath.Join(dir, "releases")}
	var err error
	if c.caravan, err = testbed.Caravan(t.Context()); err != nil {
		t.Fatal(err)
	}
	if c.program, err = testbed.Program(t.Context(), "release"); err != nil {
		t.Fatal(err)
	}
	files := map[string]string{
		"caravan.yaml":                   fmt.Sprintf(manifest, b.SSHKey(), b.KnownHosts(), contextOf(t, b.Clusters[0]), b.Clusters[0].Kubeconfig(), testbed.RegistryAddress(), b.Machines[0].Address),
		"expansions/laos.yaml":           expansion,
		"services/orders/score.yaml":     fmt.Sprintf(score, testbed.RegistryAddress()),
		"src/units/orders.service":       unit,
		"src/chef/environments/old.json": `{"name": "old", "json_class": "Chef::Environment", "chef_type": "environment"}`,
		"src/chef/roles/orders.json":     `{"name": "orders", "json_class": "Chef::Role", "run_list": []}`,
	}
	for _, m := range b.Machines {
		files["src/chef/nodes/"+m.Name+".json"] = fmt.Sprintf(`{"name": %[1]q, "chef_environment": "old", "automatic": {"hostname": %[1]q, "ipaddress": %[2]q}, "run_list": ["role[orders]"]}`, m.Name, m.Address)
	}
	for name, text := range files {
		write(t, filepath.Join(c.workspace, name), text, 0o644)
	}
	c.install(t)
	c.must(t, "scan")
	return c
}

// install is what the old world's own ways did: release 0 on both machines, HAProxy on the first.
func (c company) install(t *testing.T) {
	t.Helper()
	for _, m := range c.Machines {
		if err := m.Copy(t.Context(), c.build(t, "0"), "/srv/bed/orders/releases/0"); err != nil {
			t.Fatal(err)
		}
		if err := m.Write("/etc/systemd/system/orders.service", unit); err != nil {
			t.Fatal(err)
		}
		if err := m.Do(t.Context(), "set -e\nrm -rf /srv/bed/orders/releases/[1-9a-z]*\nln -sfn releases/0 /srv/bed/orders/current\nsystemctl daemon-reload\nsystemctl restart orders\n"); err != nil {
			t.Fatal(err)
		}
	}
	first := c.Machines[0]
	if err := first.Write("/etc/haproxy/haproxy.cfg", proxy); err != nil {
		t.Fatal(err)
	}
	if err := first.Do(t.Context(), "set -e\nmkdir -p /run/haproxy\nsystemctl restart haproxy\n"); err != nil {
		t.Fatal(err)
	}
}

func contextOf(t *testing.T, c *testbed.Cluster) string {
	t.Helper()
	text, err := os.ReadFile(c.Kubeconfig())
	var config struct {
		Current string `yaml:"current-context"`
	}
	if err = errors.Join(err, yaml.Unmarshal(text, &config)); err != nil {
		t.Fatal(err)
	}
	return config.Current
}

func write(t *testing.T, name, text string, mode os.FileMode) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(text), mode)); err != nil {
		t.Fatal(err)
	}
}

// build is what a pipeline leaves: the release of a version, in a folder.
func (c company) build(t *testing.T, version string) string {
	t.Helper()
	dir := filepath.Join(c.releases, version)
	program, err := os.ReadFile(c.program)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "run"), string(program), 0o755)
	write(t, filepath.Join(dir, "version"), version+"\n", 0o644)
	return dir
}

// run runs caravan within the bed's networks, and gives what it says on both outputs and its exit code.
func (c company) run(t *testing.T, args ...string) (out, complaints string, code int) {
	t.Helper()
	cmd := c.command(t, args...)
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()
}

func (c company) command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	argv := c.Inside(append([]string{c.caravan, "-w", c.workspace}, args...)...)
	return exec.CommandContext(t.Context(), argv[0], argv[1:]...)
}

// must is run of what has to go well.
func (c company) must(t *testing.T, args ...string) string {
	t.Helper()
	out, complaints, code := c.run(t, args...)
	if code != 0 {
		t.Fatalf("caravan %s exits with %d\n%s\n%s", strings.Join(args, " "), code, out, complaints)
	}
	return out + complaints
}

// refused is run of what has to end with a code and say some words.
func (c company) refused(t *testing.T, want int, words []string, args ...string) string {
	t.Helper()
	out, complaints, code := c.run(t, args...)
	if code != want {
		t.Fatalf("caravan %s exits with %d, not %d\n%s\n%s", strings.Join(args, " "), code, want, out, complaints)
	}
	for _, w := range words {
		if !strings.Contains(out+complaints, w) {
			t.Errorf("it does not say %q:\n%s\n%s", w, out, complaints)
		}
	}
	return out + complaints
}

// report is what became of requests, as the program says.
type report struct {
	Requests, Failed int
	First            string
	Versions         map[string]int
}

// calling calls the service in both worlds until it is told to end: through HAProxy, and through the cluster's Service.
func (c company) calling(t *testing.T) (end func() map[string]report) {
	t.Helper()
	stop := filepath.Join(t.TempDir(), "stop")
	address, err := c.Clusters[0].Kubectl(t.Context(), "-n", "orders", "get", "service", "orders", "-o", "jsonpath={.spec.clusterIP}")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]report{}
	var mu sync.Mutex
	var all sync.WaitGroup
	call := func(world string, run func(context.Context, ...string) (string, error), url string) {
		all.Go(func() {
			text, err := run(t.Context(), c.program, "load", url, stop)
			var r report
			if err = errors.Join(err, json.Unmarshal([]byte(text), &r)); err != nil {
				t.Errorf("%s: %v: %s", world, err, text)
			}
			mu.Lock()
			defer mu.Unlock()
			out[world] = r
		})
	}
	call("machines", c.Run, "http://"+c.Machines[0].Address+"/")
	call("cluster", c.Clusters[0].Run, "http://"+strings.TrimSpace(address)+":8210/")
	return func() map[string]report {
		write(t, stop, "", 0o644)
		all.Wait()
		return out
	}
}

// answers is which versions answer in both worlds, asked a few dozen times.
func (c company) answers(t *testing.T) map[string]report {
	t.Helper()
	return c.calling(t)()
}

// wantVersions fails unless each world answers with its version alone, once what was told to end has ended.
func (c company) wantVersions(t *testing.T, machines, cluster string) {
	t.Helper()
	var wrong string
	for range 20 {
		wrong = ""
		for world, r := range c.answers(t) {
			want := map[string]string{"machines": machines, "cluster": cluster}[world]
			if r.Failed > 0 || r.Requests == 0 {
				t.Fatalf("%s: %+v", world, r)
			}
			if len(r.Versions) != 1 || r.Versions[want] == 0 {
				wrong += fmt.Sprintf("%s: %+v, want %s alone\n", world, r, want)
			}
		}
		if wrong == "" {
			return
		}
	}
	t.Error(wrong)
}

func firstVersion(t *testing.T, c company) {
	first := c.must(t, "image", "orders", "--version", "1", "--from", c.build(t, "1"), "--push")
	again := c.must(t, "image", "orders", "--version", "1", "--from", c.build(t, "1"), "--push")
	if first != again || !strings.Contains(first, "@sha256:") {
		t.Errorf("the same release is %q and %q", first, again)
	}
	c.refused(t, 5, []string{"a version is one thing"}, "image", "orders", "--version", "1", "--from", c.build(t, "other"), "--push")
	c.refused(t, 4, []string{"push it with caravan image"}, "deploy", "orders", "--version", "9")

	c.refused(t, 6, []string{"platform"}, "move", "laos")
	for _, team := range []string{"orders", "platform"} {
		c.run(t, "approve", "laos", "--team", team)
	}
	c.must(t, "move", "laos")
	dry := c.must(t, "deploy", "orders", "--version", "1", "--dry-run")
	if !strings.Contains(dry, "old") || strings.Index(dry, "old") > strings.Index(dry, "laos") {
		t.Errorf("the order is not the agreed one: %s", dry)
	}
	c.wantVersions(t, "0", "1")
	out := c.must(t, "deploy", "orders", "--version", "1")
	if !strings.Contains(out, "VM 2/2, Kubernetes 1/1") {
		t.Error(out)
	}
	c.wantVersions(t, "1", "1")
}

func nextUnderLoad(t *testing.T, c company) {
	end := c.calling(t)
	out := c.must(t, "deploy", "orders", "--version", "2", "--from", c.build(t, "2"), "--why", "next", "--log")
	both := end()
	for _, m := range c.Machines {
		if !strings.Contains(out, m.Name+": out of balance") {
			t.Errorf("%s is renewed while it is called:\n%s", m.Name, out)
		}
	}
	for world, r := range both {
		t.Logf("%s: %+v", world, r)
		if r.Failed > 0 || r.Requests < 100 || r.Versions["1"] == 0 || r.Versions["2"] == 0 {
			t.Errorf("%s: %+v\n%s", world, r, out)
		}
	}
	c.wantVersions(t, "2", "2")
	c.sameDigest(t)
	before := c.written(t)
	again := c.must(t, "deploy", "orders", "--version", "2")
	if !strings.Contains(again, "VM 2/2, Kubernetes 1/1") || c.written(t) != before {
		t.Errorf("deploying what is deployed changes something: %s", again)
	}
}

// written is how often somebody wrote what is wanted of the service into the cluster.
func (c company) written(t *testing.T) string {
	t.Helper()
	out, err := c.Clusters[0].Kubectl(t.Context(), "-n", "orders", "get", "deployment", "orders", "-o", "jsonpath={.metadata.generation}")
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// sameDigest fails unless the cluster runs the image whose layer machines have.
func (c company) sameDigest(t *testing.T) {
	t.Helper()
	var shown struct {
		Standings []struct {
			World string
			Build struct{ Image, Layer, Name string }
		}
	}
	if err := json.Unmarshal([]byte(c.must(t, "releases", "orders", "-o", "json")), &shown); err != nil || len(shown.Standings) != 2 {
		t.Fatal(err, shown)
	}
	if shown.Standings[0].Build != shown.Standings[1].Build {
		t.Errorf("%+v", shown.Standings)
	}
	image, err := c.Clusters[0].Kubectl(t.Context(), "-n", "orders", "get", "deployment", "orders", "-o", "jsonpath={.spec.template.spec.containers[0].image}")
	if err != nil || image != shown.Standings[0].Build.Image || !strings.Contains(image, "@sha256:") {
		t.Errorf("the cluster runs %q (%v), not %q", image, err, shown.Standings[0].Build.Image)
	}
	for _, m := range c.Machines {
		current, err := m.Run(t.Context(), "readlink /srv/bed/orders/current")
		if err != nil || strings.TrimSpace(current) != "releases/"+shown.Standings[0].Build.Name {
			t.Errorf("%s runs %q (%v), not %q", m.Name, current, err, shown.Standings[0].Build.Name)
		}
	}
}

func moveKeepsVersions(t *testing.T, c company) {
	before := c.written(t)
	c.must(t, "move", "laos")
	if status := c.must(t, "status", "laos"); strings.Contains(status, "edited") || strings.Contains(status, "outdated") {
		t.Error(status)
	}
	if c.written(t) != before {
		t.Error("a move started pods anew")
	}
	c.wantVersions(t, "2", "2")
}

func badVersion(t *testing.T, c company) {
	before := c.written(t)
	end := c.calling(t)
	said := c.refused(t, 7, []string{"old (VM): went back to 2", "does not start", "laos (Kubernetes): untouched"}, "deploy", "orders", "--version", "3bad", "--from", c.build(t, "3bad"))
	for world, r := range end() {
		if r.Failed > 0 || len(r.Versions) != 1 {
			t.Errorf("%s: %+v\n%s", world, r, said)
		}
	}
	c.wantVersions(t, "2", "2")
	if c.written(t) != before {
		t.Error("the cluster was touched")
	}
	if out := c.must(t, "releases", "orders"); !strings.Contains(out, "the last release did not stay") {
		t.Error(out)
	}
}

func allOrNothing(t *testing.T, c company) {
	end := c.calling(t)
	c.refused(t, 7, []string{"old (VM): done 3badthere", "laos (Kubernetes): went back to 2", "crashes again and again", "old (VM): went back to 2"},
		"deploy", "orders", "--version", "3badthere", "--from", c.build(t, "3badthere"), "--all-or-nothing")
	for world, r := range end() {
		if r.Failed > 0 || world == "cluster" && len(r.Versions) != 1 {
			t.Errorf("%s: %+v", world, r)
		}
	}
	c.wantVersions(t, "2", "2")
}

func oneSideBack(t *testing.T, c company) {
	c.must(t, "deploy", "orders", "--version", "4", "--from", c.build(t, "4"))
	c.refused(t, 2, []string{"--why"}, "deploy", "orders", "--back", "--only", "kubernetes")
	c.must(t, "deploy", "orders", "--back", "--only", "kubernetes", "--why", "slow there")
	c.wantVersions(t, "4", "2")
	out := c.must(t, "releases", "orders")
	for _, w := range []string{"behind 4, meant so until", "slow there", "VM 2/2, Kubernetes 0/1"} {
		if !strings.Contains(out, w) {
			t.Errorf("%q is not in %s", w, out)
		}
	}
	c.refused(t, 4, []string{"no version"}, "deploy", "orders", "--back", "--only", "kubernetes", "--why", "more")
}

func heldBack(t *testing.T, c company) {
	c.must(t, "deploy", "orders", "--pause", "--only", "vm", "--why", "freeze", "--until", "48h")
	out := c.must(t, "deploy", "orders", "--version", "5", "--from", c.build(t, "5"))
	if !strings.Contains(out, "held back") || !strings.Contains(out, "freeze") {
		t.Error(out)
	}
	c.wantVersions(t, "4", "5")
	if out := c.must(t, "releases", "orders"); !strings.Contains(out, "behind 5, meant so until") {
		t.Error(out)
	}
	c.must(t, "deploy", "orders", "--resume", "--only", "vm")
	c.must(t, "deploy", "orders", "--version", "5")
	c.wantVersions(t, "5", "5")
}

// killed ends the deploying program without a warning where each environment is under way.
func killed(t *testing.T, c company) {
	c.build(t, "6")
	c.must(t, "image", "orders", "--version", "6", "--from", filepath.Join(c.releases, "6"), "--push")
	end := c.calling(t)
	for _, said := range []string{"old (VM): doing", "laos (Kubernetes): doing"} {
		cmd := c.command(t, "deploy", "orders", "--version", "6")
		seen := &awaited{want: said, met: make(chan struct{})}
		cmd.Stderr = seen
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		select {
		case <-seen.met:
		case <-t.Context().Done():
			t.Fatal(t.Context().Err())
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // it was killed
	}
	out := c.must(t, "deploy", "orders", "--version", "6")
	if !strings.Contains(out, "VM 2/2, Kubernetes 1/1") {
		t.Error(out)
	}
	for world, r := range end() {
		if r.Failed > 0 {
			t.Errorf("%s: %+v", world, r)
		}
	}
	c.wantVersions(t, "6", "6")
	c.must(t, "audit", "verify")
	var shown struct {
		Latest []struct{ Version, State string }
	}
	if err := json.Unmarshal([]byte(c.must(t, "releases", "orders", "-o", "json")), &shown); err != nil || shown.Latest[0].Version != "6" || shown.Latest[1].Version != "5" || shown.Latest[0].State != "finished" {
		t.Errorf("the release was begun more than once: %v %+v", err, shown)
	}
}

// awaited notices when something is said.
type awaited struct {
	want string
	said bytes.Buffer
	met  chan struct{}
	once sync.Once
}

// Write takes what a program says.
func (a *awaited) Write(p []byte) (int, error) {
	a.said.Write(p)
	if strings.Contains(a.said.String(), a.want) {
		a.once.Do(func() { close(a.met) })
	}
	return len(p), nil
}

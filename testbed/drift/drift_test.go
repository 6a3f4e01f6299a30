// Package drift_test moves services to a real cluster, changes things there by hand as people do, and holds the program to finding exactly that.
package drift_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"example.org/caravan/testbed"
)

// difference is what the program says of one.
type difference struct {
	ID, Service, Environment, Team, Kind, Class, Subject, What, Reason string
	Evidence                                                           []string
	Stale                                                              bool
	Since                                                              time.Time
}

// found is what it says of all.
type found struct {
	Differences []difference
	Cells       []struct{ Service, Environment, State string }
}

// standing, in the environment, names a bed that stands already: the test takes it and leaves it.
const standing = "CARAVAN_TESTBED_STANDING"

func bed(t *testing.T) *testbed.Bed {
	t.Helper()
	if name := os.Getenv(standing); name != "" {
		b, err := testbed.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	return testbed.Start(t, testbed.Options{Name: "drift", Clusters: testbed.Clusters(1)})
}

// country is a workspace whose expansion is carried out in the bed's cluster.
type country struct {
	*testing.T
	bed     *testbed.Bed
	dir     string
	program string
}

const workspace = `organisation: bed
sources: [{name: services, dir: services, environment: old}]
environments: [{name: old, kind: vm, country: SG, ranges: [10.200.0.0/22]}]
teams: [{name: orders, owns: [orders]}, {name: pricing, owns: [pricing]}, {name: platform}]
pools: [{name: all, range: 10.128.0.0/10, countries: 4}]
consent: {unowned: platform}
drift: {budget: 3}
targets:
  - environment: laos
    cluster: {context: bed, kubeconfig: %s}
`

const compose = `services:
  orders: {image: "registry.bed:5000/drifting:1.0.0", environment: {LEVEL: info, PRICING: "http://pricing:8080"}, ports: ["8080"]}
  pricing: {image: "registry.bed:5000/drifting:1.0.0", ports: ["8080"]}
`

const laos = `country: LA
source: old
environments: [{name: laos, kind: kubernetes, nodes: 3}]
services:
  - {service: orders, replicas: 1}
  - {service: pricing, replicas: 1}
`

func open(t *testing.T, b *testbed.Bed) *country {
	t.Helper()
	c := &country{T: t, bed: b, dir: t.TempDir()}
	var err error
	if c.program, err = testbed.Caravan(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.write("caravan.yaml", fmt.Sprintf(workspace, b.Clusters[0].Kubeconfig()))
	c.write("services/docker-compose.yml", compose)
	c.write("expansions/laos.yaml", laos)
	kopi, err := testbed.Program(t.Context(), "kopi")
	if err != nil {
		t.Fatal(err)
	}
	image := testbed.Image{Files: map[string]string{"/kopi": kopi}, Entrypoint: []string{"/kopi"}}
	for _, tag := range []string{"drifting:1.0.0", "drifting:1.1.0"} {
		if err := b.Push(t.Context(), tag, image); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

func (c *country) write(name, text string) {
	c.Helper()
	full := filepath.Join(c.dir, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(full), 0o755), os.WriteFile(full, []byte(text), 0o600)); err != nil {
		c.Fatal(err)
	}
}

// caravan runs the program within the bed; what it exits with must be as wanted.
func (c *country) caravan(want int, args ...string) string {
	c.Helper()
	began := time.Now()
	defer func() { c.Logf("%5.1f s  caravan %s", time.Since(began).Seconds(), strings.Join(args, " ")) }()
	argv := c.bed.Inside(append([]string{c.program, "-w", c.dir}, args...)...)
	cmd := exec.CommandContext(c.Context(), argv[0], argv[1:]...)
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	code := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		code = exit.ExitCode()
	}
	if code != want || err != nil && exit == nil {
		c.Fatalf("caravan %s: exit code %d, want %d: %v\n%s\n%s", strings.Join(args, " "), code, want, err, out, errs.String())
	}
	return string(out) + errs.String()
}

// look is what the program finds now.
func (c *country) look(want int) found {
	c.Helper()
	text := c.caravan(want, "drift", "--live", "-o", "json")
	var d found
	if err := json.NewDecoder(strings.NewReader(text)).Decode(&d); err != nil {
		c.Fatalf("%v: %s", err, text)
	}
	return d
}

func (c *country) kubectl(args ...string) string {
	c.Helper()
	out, err := c.bed.Clusters[0].Kubectl(c.Context(), args...)
	if err != nil {
		c.Fatalf("kubectl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// accidents are what nobody intends, without what is the workspace's own to say.
func accidents(d found) []difference {
	return slices.DeleteFunc(d.Differences, func(x difference) bool { return x.Class != "accident" || x.Kind == "setting" })
}

func TestWhatPeopleDoByHandIsFoundAndMended(t *testing.T) {
	c := open(t, bed(t))
	c.caravan(0, "scan")
	c.caravan(0, "plan", "laos")
	for _, team := range []string{"orders", "pricing", "platform"} {
		c.caravan(0, "approve", "laos", "--team", team)
	}
	if os.Getenv(standing) != "" {
		t.Cleanup(c.leave)
	}
	c.caravan(0, "move", "laos")
	for range 5 {
		if got := accidents(c.look(0)); len(got) > 0 {
			t.Fatalf("nobody touched it: %+v", got)
		}
	}
	c.plant()
	all := accidents(c.look(8))
	c.compare(all)
	c.overBudget()
	c.accept(all)
	c.mend(all)
	c.unreachable()
}

// leave takes away all that was put into a bed that stands on.
func (c *country) leave() {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Context()), 5*time.Minute)
	defer cancel()
	for _, kind := range []string{"deployment", "service"} { // which is not the program's to take away
		if out, err := c.bed.Clusters[0].Kubectl(ctx, "-n", "pricing", "delete", kind+"/debug", "--ignore-not-found"); err != nil {
			c.Errorf("%v: %s", err, out)
		}
	}
	argv := c.bed.Inside(c.program, "-w", c.dir, "undo", "laos", "--force")
	if out, err := exec.CommandContext(ctx, argv[0], argv[1:]...).CombinedOutput(); err != nil {
		c.Errorf("undo: %v\n%s", err, out)
	}
}

// planted are things people do, each with what is to be found of it.
var planted = []struct {
	team string
	kind string
	what string // part of it
	do   []string
}{
	{"orders", "replicas", "spec.replicas is 0, declared is 1", []string{"-n", "orders", "scale", "deployment/orders", "--replicas=0"}},
	{"orders", "variable", "env[LEVEL] is", []string{"-n", "orders", "set", "env", "deployment/orders", "LEVEL=debug"}},
	{"orders", "resources", "resources.limits.memory", []string{"-n", "orders", "set", "resources", "deployment/orders", "--limits=memory=999Mi"}},
	{"orders", "field", "labels[app.kubernetes.io/part-of] is x", []string{"-n", "orders", "label", "deployment/orders", "app.kubernetes.io/part-of=x", "--overwrite"}},
	{"pricing", "image", "drifting:1.1.0", []string{"-n", "pricing", "set", "image", "deployment/pricing", "*=registry.bed:5000/drifting:1.1.0"}},
	{"pricing", "added", "spec.template.metadata.annotations", []string{"-n", "pricing", "patch", "deployment/pricing", "-p", `{"spec":{"template":{"metadata":{"annotations":{"example.org/by":"hand"}}}}}`}},
	{"pricing", "missing", "service pricing/pricing is not there", []string{"-n", "pricing", "delete", "service/pricing"}},
	{"pricing", "extra", "deployment pricing/debug runs beside", []string{"-n", "pricing", "create", "deployment", "debug", "--replicas=0", "--image=registry.bed:5000/drifting:1.0.0"}},
	{"pricing", "extra", "service pricing/debug runs beside", []string{"-n", "pricing", "expose", "deployment", "debug", "--port=80"}},
}

func (c *country) plant() {
	c.Helper()
	for _, p := range planted {
		c.kubectl(p.do...)
	}
}

func (c *country) compare(all []difference) {
	c.Helper()
	left := slices.Clone(all)
	for _, p := range planted {
		i := slices.IndexFunc(left, func(d difference) bool {
			return d.Team == p.team && d.Kind == p.kind && strings.Contains(d.What, p.what)
		})
		if i < 0 {
			c.Errorf("%s of %s is not found: %s", p.kind, p.team, p.what)
			continue
		}
		if d := left[i]; d.Stale || len(d.Evidence) < 1 || d.Since.IsZero() {
			c.Errorf("%+v", d)
		}
		left = slices.Delete(left, i, i+1)
	}
	for _, d := range left {
		c.Errorf("nobody did this: %s of %s: %s", d.Kind, d.Team, d.What)
	}
}

// overBudget is that a team with more accidents than it may have waits with what is new.
func (c *country) overBudget() {
	c.Helper()
	c.write("expansions/laos.yaml", strings.Replace(laos, "orders, replicas: 1", "orders, replicas: 3", 1))
	said := c.caravan(6, "move", "laos")
	if !strings.Contains(said, "team orders has") || !strings.Contains(said, "over its budget of 3") {
		c.Errorf("it does not say who waits for what: %s", said)
	}
	c.write("expansions/laos.yaml", laos)
}

func (c *country) accept(all []difference) {
	c.Helper()
	i := slices.IndexFunc(all, func(d difference) bool { return d.Kind == "extra" })
	id := all[i].ID
	c.caravan(3, "drift", "accept", id, "--why", "we look", "--until", "2020-01-01")
	c.caravan(0, "drift", "accept", id, "--why", "we look", "--until", time.Now().AddDate(0, 0, 7).Format(time.DateOnly))
	for _, d := range c.look(8).Differences {
		if d.ID == id && (d.Class != "exception" || !strings.Contains(d.Reason, "we look")) {
			c.Errorf("it is not accepted: %+v", d)
		}
	}
}

func (c *country) mend(all []difference) {
	c.Helper()
	for _, kind := range []string{"replicas", "added", "missing"} {
		i := slices.IndexFunc(all, func(d difference) bool { return d.Kind == kind })
		id := all[i].ID
		if left := accidents(c.look(8)); !slices.ContainsFunc(left, func(d difference) bool { return d.ID == id }) {
			continue // another's step mended it
		}
		c.caravan(0, "drift", "mend", id, "--dry-run")
		c.caravan(0, "drift", "mend", id)
	}
	for _, d := range accidents(c.look(8)) {
		if d.Kind != "extra" {
			c.Errorf("it is not mended: %s", d.What)
		}
	}
}

// unreachable is that nobody calls in sync, or mended, what nobody could look at.
func (c *country) unreachable() {
	c.Helper()
	before := len(accidents(c.look(8)))
	if err := c.bed.Clusters[0].StopServer(); err != nil {
		c.Fatal(err)
	}
	d := c.look(8)
	if err := c.bed.Clusters[0].StartServer(c.Context()); err != nil {
		c.Fatal(err)
	}
	for _, cell := range d.Cells {
		if cell.Environment == "laos" && cell.State != "stale" {
			c.Errorf("%s is called %s", cell.Service, cell.State)
		}
	}
	if got := accidents(d); len(got) != before+1 || !slices.ContainsFunc(got, func(x difference) bool { return x.Kind == "unreachable" }) {
		c.Errorf("%d before, then %+v", before, got)
	}
}

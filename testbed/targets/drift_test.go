package targets_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
	"k8s.io/client-go/rest"

	"example.org/caravan/internal/drift"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/kube"
	"example.org/caravan/internal/object"
	"example.org/caravan/internal/render"
	"example.org/caravan/testbed"
)

// A fleet: so many services in two environments of a cluster, and the same on machines, as they were read.
const (
	fleet     = 500
	few       = 100 // services, whose objects kubectl compares, too
	untouched = 50  // looks at what nobody touched
)

// environment is a country in the bed's cluster.
type environment struct {
	name  estate.EnvironmentName
	files []render.File
}

// look compares an environment with its files as a program does that has just begun.
func (e environment) look(tb testing.TB, bd *testbed.Bed) []drift.Object {
	tb.Helper()
	o := reached(bd)
	c, err := kube.Config(o)
	if err != nil {
		tb.Fatal(err)
	}
	if o.Client, err = rest.HTTPClientFor(c); err != nil {
		tb.Fatal(err)
	}
	t, err := kube.Open(tb.Context(), kube.TargetOptions{Options: o, Expansion: string(e.name), Environment: "large", Files: e.files})
	if err != nil {
		tb.Fatal(err)
	}
	pairs, err := t.Pairs(tb.Context())
	if err := errors.Join(err, t.Close()); err != nil {
		tb.Fatal(err)
	}
	out := make([]drift.Object, len(pairs))
	for i, p := range pairs {
		service := filepath.Base(filepath.Dir(p.Path))
		if p.Declared == nil {
			service = ""
		}
		out[i] = drift.Object{Pair: p, Source: drift.Source{Service: estate.ServiceName(service), Environment: e.name, Team: "platform", Where: "cluster of the bed", Step: "large/service/" + service}}
	}
	return out
}

// owners says of every service whose it is.
func owners() map[estate.ServiceName]estate.TeamName {
	out := map[estate.ServiceName]estate.TeamName{}
	for n := range fleet {
		out[estate.ServiceName(fmt.Sprintf("service-%03d", n))] = estate.TeamName(fmt.Sprintf("team-%d", n%teams))
	}
	return out
}

// machines are the reads of a fleet of machines, three of a service's environment, as nobody touched them.
func machines(w *drift.World) {
	for n := range fleet {
		service := estate.ServiceName(fmt.Sprintf("service-%03d", n))
		source := drift.Source{Service: service, Environment: "machines", Where: "machines over SSH", Step: "machines/service/" + string(service)}
		for vm := range 3 {
			machine := fmt.Sprintf("vm-%d-%d", n, vm)
			w.Units = append(w.Units, drift.UnitState{Source: source, Machine: machine, Unit: string(service) + ".service"})
			w.Instances = append(w.Instances, drift.Running{Service: service, Environment: "machines", Name: machine, Version: "5.0.3", Declared: true, Place: machine})
			w.Packages = append(w.Packages, drift.Installed{Service: service, Environment: "machines", Machine: machine, Group: "machines of " + string(service), Package: "dotnet-runtime", Version: "8.0.4", Place: machine})
		}
	}
}

// BenchmarkDrift compares a fleet with what is declared: two environments in a cluster from live, one of machines by recorded reads; then the
// objects of some services as kubectl diff compares them in the same run, after people changed some.
func BenchmarkDrift(b *testing.B) {
	bd := bed(b)
	var live, ours, theirs time.Duration
	objects, wrong, found, planted := 0, 0, 0, 0
	for b.Loop() {
		envs := []environment{{"drift-a", country(b, "drift-a", fleet)}, {"drift-b", country(b, "drift-b", fleet)}}
		for _, e := range envs {
			if _, err := move(b.Context(), bd, string(e.name), e.files); err != nil {
				b.Fatal(err)
			}
		}
		settled(b, bd)
		var all []time.Duration
		for range repeats {
			all = append(all, timed(b, func() error { wrong += len(drift.Compare(world(b, bd, envs))); return nil }))
		}
		live = median(all)
		b.Logf("from live: %s", all)
		some := environment{"drift-c", country(b, "drift-c", few)}
		if _, err := move(b.Context(), bd, string(some.name), some.files); err != nil {
			b.Fatal(err)
		}
		settled(b, bd)
		began := time.Now()
		for range untouched {
			wrong += len(drift.Compare(drift.World{Teams: owners(), Objects: some.look(b, bd)}))
		}
		b.Logf("%d looks at what nobody touched: %s, %d differences", untouched, time.Since(began), wrong)
		found, planted = hundred(b, bd, some)
		b.Logf("%d of %d found", found, planted)
		objects, ours, theirs = rivals(b, bd, some)
	}
	b.ReportMetric(live.Seconds(), "live-s")
	b.ReportMetric(ours.Seconds(), "ours-s")
	b.ReportMetric(theirs.Seconds(), "kubectl-s")
	b.ReportMetric(float64(objects), "objects")
	b.ReportMetric(float64(wrong), "wrong")
	b.ReportMetric(float64(found), "found")
	b.ReportMetric(float64(planted), "planted")
	b.ReportMetric(0, "ns/op")
}

// world is everything as it is now.
func world(b *testing.B, bd *testbed.Bed, envs []environment) drift.World {
	b.Helper()
	w := drift.World{Now: time.Now(), Teams: owners()}
	machines(&w)
	parts := make([][]drift.Object, len(envs))
	var all sync.WaitGroup
	for i, e := range envs {
		all.Go(func() { parts[i] = e.look(b, bd) })
	}
	all.Wait()
	w.Objects = slices.Concat(parts...)
	return w
}

// deed is something somebody does by hand to a service, and what is to be found of it.
type deed struct {
	kind drift.Kind
	do   []string // of kubectl, with NAME and SPACE
}

// byHand are the kinds of drift that people make in a cluster. What is declared differs for all but the last two.
var byHand = []deed{
	{drift.Replicas, []string{"scale", "deployment/NAME", "--replicas=1"}},
	{drift.Image, []string{"set", "image", "deployment/NAME", "NAME=NAME:9"}},
	{drift.Resources, []string{"set", "resources", "deployment/NAME", "--limits=memory=1Gi"}},
	{drift.Field, []string{"label", "deployment/NAME", "caravan.example.org/country=XX", "--overwrite"}},
	{drift.Missing, []string{"delete", "service/NAME"}},
	{drift.Variable, []string{"set", "env", "deployment/NAME", "DEBUG=1"}},
	{drift.Extra, []string{"create", "deployment", "NAME-debug", "--image=x", "--replicas=0"}},
}

// recorded are the kinds that are read from machines and configuration.
var recorded = []struct {
	kind  drift.Kind
	plant func(w *drift.World, service estate.ServiceName)
}{
	{drift.FileEdited, func(w *drift.World, s estate.ServiceName) {
		w.Files = append(w.Files, drift.File{Source: drift.Source{Service: s, Environment: "machines"}, Machine: "vm-0", Path: "/etc/" + string(s), File: "x", Sum: "1"})
	}},
	{drift.FileMissing, func(w *drift.World, s estate.ServiceName) {
		w.Files = append(w.Files, drift.File{Source: drift.Source{Service: s, Environment: "machines"}, Machine: "vm-0", Path: "/etc/" + string(s), File: "x", Missing: true})
	}},
	{drift.Unit, func(w *drift.World, s estate.ServiceName) {
		w.Units = append(w.Units, drift.UnitState{Source: drift.Source{Service: s, Environment: "machines"}, Machine: "vm-9", Unit: string(s), Wrong: "does not run"})
	}},
	{drift.Instance, func(w *drift.World, s estate.ServiceName) {
		w.Instances = append(w.Instances, drift.Running{Service: s, Environment: "machines", Name: "vm-9", Place: "vm-9"})
	}},
	{drift.Package, func(w *drift.World, s estate.ServiceName) {
		w.Packages = append(w.Packages, drift.Installed{Service: s, Environment: "machines", Machine: "vm-9", Group: "machines of " + string(s), Package: "dotnet-runtime", Version: "8.0.1", Place: "vm-9"})
	}},
	{drift.Release, func(w *drift.World, s estate.ServiceName) {
		w.Instances = append(w.Instances, drift.Running{Service: s, Environment: "machines", Name: "vm-9", Version: "5.0.2", Declared: true, Place: "vm-9"})
	}},
}

// hundred plants a hundred drifts, each in a service of its own, and gives how many are found with the right owner and class; nothing else is.
func hundred(b *testing.B, bd *testbed.Bed, e environment) (found, planted int) {
	b.Helper()
	const all = 100
	want := map[string]bool{}
	w := drift.World{Now: time.Now(), Teams: owners()}
	machines(&w)
	for n := range all {
		service := fmt.Sprintf("service-%03d", n)
		kinds := len(byHand) + len(recorded)
		var kind drift.Kind
		if k := n % kinds; k < len(byHand) {
			kind = byHand[k].kind
			names := strings.NewReplacer("NAME", service)
			args := []string{"-n", fmt.Sprintf("%s-%d", e.name, n%teams)}
			for _, word := range byHand[k].do {
				args = append(args, names.Replace(word))
			}
			if err := kubectl(b, bd, args...); err != nil {
				b.Fatal(err)
			}
			if kind == drift.Extra {
				service = "" // nothing says whose it is but its namespace
			}
		} else {
			r := recorded[k-len(byHand)]
			kind = r.kind
			r.plant(&w, estate.ServiceName(service))
		}
		owner := fmt.Sprintf("team-%d", n%teams)
		if service == "" {
			owner = "platform"
		}
		want[fmt.Sprintf("%s %s %s accident %d", kind, service, owner, len(want)*boolInt(service == ""))] = true
	}
	w.Objects = e.look(b, bd)
	extras := 0
	for _, d := range drift.Compare(w) {
		key := fmt.Sprintf("%s %s %s %s 0", d.Kind, d.Service, d.Team, d.Class)
		if d.Kind == drift.Extra {
			extras++
			continue
		}
		if !want[key] {
			b.Errorf("nobody did this: %s: %s", key, d.What)
			continue
		}
		delete(want, key)
		found++
	}
	for key := range want {
		if strings.HasPrefix(key, string(drift.Extra)) && extras > 0 {
			extras--
			found++
			continue
		}
		b.Errorf("not found: %s", key)
	}
	return found, all
}

func boolInt(v bool) int {
	if v {
		return 1
	}
	return 0
}

// rivals compares the same objects as kubectl diff does and as Caravan does, in the same run, and holds both to the same verdicts: that applying
// what is declared would change an object.
func rivals(b *testing.B, bd *testbed.Bed, e environment) (objects int, ours, theirs time.Duration) {
	b.Helper()
	items := marked(b, bd, e)
	text, err := json.Marshal(map[string]any{"apiVersion": "v1", "kind": "List", "items": items})
	if err != nil {
		b.Fatal(err)
	}
	file := filepath.Join(b.TempDir(), "all.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		b.Fatal(err)
	}
	var all, others []time.Duration
	for range repeats {
		verdicts, named := map[string]bool{}, map[string]bool{}
		all = append(all, timed(b, func() error {
			for _, d := range drift.Compare(drift.World{Teams: owners(), Objects: e.look(b, bd)}) {
				if d.Declared != "" || d.Kind == drift.Missing { // what others added, applying leaves
					verdicts[d.Subject] = true
				}
			}
			return nil
		}))
		var out string
		others = append(others, timed(b, func() error {
			said, err := bd.Clusters[0].Kubectl(b.Context(), "diff", "--server-side", "--force-conflicts", "--field-manager=caravan", "-f", file)
			out = said
			var exit *exec.ExitError
			if errors.As(err, &exit) && exit.ExitCode() == 1 {
				return nil // there are differences
			}
			return err
		}))
		for line := range strings.Lines(out) {
			if f := strings.Fields(line); len(f) >= 2 && f[0] == "+++" {
				named[subject(filepath.Base(f[1]))] = true
			}
		}
		same(b, verdicts, named)
	}
	b.Logf("Caravan %s, kubectl diff %s", all, others)
	return len(items), median(all), median(others)
}

// marked are the objects that the files of an environment make, as kubectl builds them, with the marks that a move puts on them.
func marked(b *testing.B, bd *testbed.Bed, e environment) []any {
	b.Helper()
	text, err := os.ReadFile(kustomized(b, bd, written(b, e.files)))
	if err != nil {
		b.Fatal(err)
	}
	live := map[string]map[string]any{}
	for _, o := range e.look(b, bd) {
		if o.Live != nil && o.Declared != nil {
			live[object.Name(o.Live)] = o.Live["metadata"].(map[string]any)
		}
	}
	var out []any
	for docs := yaml.NewDecoder(bytes.NewReader(text)); ; {
		var o map[string]any
		if err := docs.Decode(&o); errors.Is(err, io.EOF) {
			return out
		} else if err != nil {
			b.Fatal(err)
		}
		meta := o["metadata"].(map[string]any)
		for kind, key := range map[string]string{"labels": "caravan.example.org/inventory", "annotations": "caravan.example.org/content"} {
			marks, _ := meta[kind].(map[string]any)
			if marks == nil {
				marks = map[string]any{}
				meta[kind] = marks
			}
			if has, _ := live[object.Name(o)][kind].(map[string]any); has != nil {
				marks[key] = has[key]
			}
		}
		out = append(out, o)
	}
}

// subject is how Caravan calls what kubectl diff names like "apps.v1.Deployment.team.service".
func subject(file string) string {
	parts := strings.Split(file, ".")
	n := len(parts)
	if n < 4 {
		return file
	}
	return strings.ToLower(parts[n-3]) + " " + parts[n-2] + "/" + parts[n-1]
}

func same(b *testing.B, ours, theirs map[string]bool) {
	b.Helper()
	for s := range ours {
		if !theirs[s] {
			b.Errorf("kubectl diff says that nothing of %s differs", s)
		}
	}
	for s := range theirs {
		if !ours[s] {
			b.Errorf("only kubectl diff says that %s differs", s)
		}
	}
}

package app

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"example.org/caravan/examples"
	"example.org/caravan/internal/depmap"
	"example.org/caravan/internal/discover"
	"example.org/caravan/internal/discover/every"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/expansion"
	"example.org/caravan/internal/journey"
	"example.org/caravan/internal/merge"
	"example.org/caravan/internal/workspace"
)

// long leaves a test that plans or moves many times over to make test.
func long(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("plans or moves many times over")
	}
}

// kopi is the sample company in a directory of its own, opened.
func kopi(t *testing.T) (*App, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "kopi")
	if err := os.CopyFS(dir, examples.Kopi()); err != nil {
		t.Fatal(err)
	}
	a, err := New(t.Context(), Options{Workspace: dir, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	return a, dir
}

// TestAPlanIsTheSameHoweverItsInputArrives plans twenty times, with the facts in another order each time and on one processor
// and two: the same proposal and the same files, to the byte.
func TestAPlanIsTheSameHoweverItsInputArrives(t *testing.T) {
	long(t)
	a, dir := kopi(t)
	w := a.declared
	read, err := discover.Scan(t.Context(), workspace.Sources(w), every.Formats(), discover.Options{})
	if err != nil {
		t.Fatal(err)
	}
	facts := slices.Concat(read.Sightings, workspace.Sightings(w))
	e, err := workspace.Expansion(dir, "indonesia")
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(5, 6))
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	var first [2]estate.Digest
	for run := range 20 {
		runtime.GOMAXPROCS(1 + run%2)
		random.Shuffle(len(facts), func(i, j int) { facts[i], facts[j] = facts[j], facts[i] })
		snapshot := merge.Sightings(slices.Clone(facts), read.Doubts)
		in := a.inputOf(depmap.Build(snapshot), snapshot, nil)
		for _, shuffle := range []func(){
			func() { random.Shuffle(len(in.Components), swap(in.Components)) }, func() { random.Shuffle(len(in.Environments), swap(in.Environments)) },
			func() { random.Shuffle(len(in.Rates), swap(in.Rates)) }, func() { random.Shuffle(len(in.Joined), swap(in.Joined)) },
			func() { random.Shuffle(len(in.Graph.Edges), swap(in.Graph.Edges)) }, func() { random.Shuffle(len(in.Graph.Services), swap(in.Graph.Services)) },
		} {
			shuffle()
		}
		in.Expansion = e
		p, err := expansion.Plan(in)
		if err != nil {
			t.Fatal(err)
		}
		if p, err = a.withAddresses(t.Context(), e, p, false); err != nil {
			t.Fatal(err)
		}
		plan, err := layOut(p, a.origin(p.Source)) // what is remembered would prove nothing
		if err != nil {
			t.Fatal(err)
		}
		got := [2]estate.Digest{p.Digest, estate.DigestOf(plan.Files)}
		if run == 0 {
			first = got
		}
		if got != first {
			t.Fatalf("run %d gives %v, the first gave %v", run, got, first)
		}
	}
}

func swap[T any](list []T) func(i, j int) {
	return func(i, j int) { list[i], list[j] = list[j], list[i] }
}

func TestNoSecretIsInWhatIsPlanned(t *testing.T) {
	long(t)
	canaries, err := os.ReadFile("../../examples/kopi-canaries.txt")
	if err != nil {
		t.Fatal(err)
	}
	a, dir := kopi(t)
	scanned(t, a)
	for _, name := range []string{"indonesia", "thailand"} {
		plan, err := a.Plan(t.Context(), name, PlanRequest{})
		if err != nil {
			t.Fatal(err)
		}
		all, err := json.Marshal(plan)
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range strings.Fields(string(canaries)) {
			if strings.Contains(string(all), secret) {
				t.Errorf("%q is in the plan of %s", secret, name)
			}
		}
		finish(t, a, name)
	}
	for _, secret := range strings.Fields(string(canaries)) {
		if where := holding(t, filepath.Join(dir, "rendered"), secret); where != "" {
			t.Errorf("%q is in %s", secret, where)
		}
	}
}

// finish moves an expansion and waits for the end.
func finish(t *testing.T, a *App, name string) {
	t.Helper()
	r, err := a.StartMove(t.Context(), name, MoveRequest{}, false, ayu)
	if err != nil {
		t.Fatal(err)
	}
	for seen := (Seen{}); ; {
		w, err := a.WatchRun(t.Context(), r.ID, seen)
		if err != nil || w.Moved != nil && w.Run.State != journey.Finished {
			t.Fatal(w.Run.State, w.Run.Reason, err)
		}
		if w.Moved != nil {
			return
		}
		seen = w.Seen
	}
}

// scanned reads the workspace and waits for it.
func scanned(t *testing.T, a *App) {
	t.Helper()
	s, err := a.StartScan(ScanRequest{})
	for err == nil && s.Running() {
		var changed <-chan struct{}
		if s, changed, err = a.Watch(s.ID); err == nil && s.Running() {
			<-changed
		}
	}
	if err != nil || s.Err != nil {
		t.Fatal(err, s.Err)
	}
}

// holding is a file below a folder that holds a text; "" when none does.
func holding(t *testing.T, dir, text string) string {
	t.Helper()
	found := ""
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if strings.Contains(string(data), text) {
			found = path
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestAnotherCountryLeavesWhatIsThereAlone plans one, adds a second, and plans the first again.
func TestAnotherCountryLeavesWhatIsThereAlone(t *testing.T) {
	a, dir := kopi(t)
	if err := os.Rename(filepath.Join(dir, "expansions", "thailand.yaml"), filepath.Join(dir, "thailand.yaml")); err != nil {
		t.Fatal(err)
	}
	scanned(t, a)
	before := planned(t, a, "indonesia")
	if err := os.Rename(filepath.Join(dir, "thailand.yaml"), filepath.Join(dir, "expansions", "thailand.yaml")); err != nil {
		t.Fatal(err)
	}
	second := planned(t, a, "thailand")
	if again := planned(t, a, "indonesia"); again.Proposal.Digest != before.Proposal.Digest || estate.DigestOf(again.Files) != estate.DigestOf(before.Files) {
		t.Error("a second country changed the first")
	}
	c, err := a.Compare(t.Context(), "indonesia@"+strings.TrimPrefix(string(before.Proposal.Digest), "sha256:"), "indonesia")
	if err != nil || len(c.Differences) != 0 {
		t.Errorf("%v, %v", c.Differences, err)
	}
	for _, l := range second.Proposal.Addresses {
		for _, other := range before.Proposal.Addresses {
			if l.Prefix.Overlaps(other.Prefix) {
				t.Errorf("%s of %s overlaps %s of %s", l.Prefix, l.Holder, other.Prefix, other.Holder)
			}
		}
	}
}

func planned(t *testing.T, a *App, name string) Plan {
	t.Helper()
	p, err := a.Plan(context.WithoutCancel(t.Context()), name, PlanRequest{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestWhatIsInUseIsNoRoomToGrow(t *testing.T) {
	a, dir := kopi(t)
	file := filepath.Join(dir, "caravan.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	more := strings.Replace(string(text), "environments:\n", "environments:\n  - name: old-cluster\n    kind: kubernetes\n    pods: {range: 10.96.0.0/11, perNode: 200, nodes: 9000}\n", 1)
	if err := errors.Join(os.WriteFile(file, []byte(more), 0o600), a.Close()); err != nil {
		t.Fatal(err)
	}
	if a, err = New(t.Context(), Options{Workspace: dir, Now: time.Now}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	all, err := a.Addresses(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if p := all.Pools[0]; p.InUse != 1<<21 || p.Taken != p.InUse || p.Size != 1<<22 {
		t.Errorf("%+v", p)
	}
	var checks []string
	for _, f := range all.Findings {
		checks = append(checks, f.Check+" "+f.Subject)
	}
	if got := strings.Join(checks, ", "); got != "pod-density old-cluster, pod-range old-cluster" {
		t.Errorf("found %s", got)
	}
}

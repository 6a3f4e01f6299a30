package idioms

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

	"github.com/google/go-cmp/cmp"

	"example.org/caravan/internal/depmap"
	"example.org/caravan/internal/discover"
	"example.org/caravan/internal/discover/every"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/merge"
	"example.org/caravan/internal/synthetic"
)

const examplesDir = "../../examples"

// truth is what an estate's authors say depends on what.
type truth struct {
	Services []struct {
		Name  string
		Names []string
	}
	Edges []struct {
		From, To string
		Optional bool
	}
	Expect struct {
		Cycle, Unowned, Unknown []string
		NotEdges                []struct{ From, To string }
	}
}

func TestTheSampleCompanyIsMappedWholly(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(examplesDir, "kopi-truth.json"))
	if err != nil {
		t.Fatal(err)
	}
	var want truth
	if err := json.Unmarshal(data, &want); err != nil {
		t.Fatal(err)
	}
	g := mapOf(t, filepath.Join(examplesDir, "kopi"))
	known := map[string]string{}
	for _, s := range want.Services {
		known[s.Name] = s.Name
		for _, n := range s.Names {
			known[n] = s.Name
		}
	}
	name := func(s estate.ServiceName) string {
		if n, ok := known[string(s)]; ok {
			return n
		}
		return string(s)
	}
	got := map[[2]string]bool{}
	for _, e := range g.Edges {
		got[[2]string{name(e.From), name(e.To)}] = true
	}
	allowed := map[[2]string]bool{}
	for _, e := range want.Edges {
		pair := [2]string{e.From, e.To}
		allowed[pair] = true
		if !e.Optional && !got[pair] {
			t.Errorf("missed %s -> %s", e.From, e.To)
		}
	}
	for pair := range got {
		if !allowed[pair] && !slices.Contains(want.Expect.Unknown, pair[1]) {
			t.Errorf("invented %s -> %s", pair[0], pair[1])
		}
	}
	for _, e := range want.Expect.NotEdges {
		if got[[2]string{e.From, e.To}] {
			t.Errorf("drew %s -> %s, which nothing uses", e.From, e.To)
		}
	}
	checkExpectations(t, g, want, name)
}

func checkExpectations(t *testing.T, g depmap.Graph, want truth, name func(estate.ServiceName) string) {
	t.Helper()
	var cycles [][]string
	for _, c := range g.Groups {
		var members []string
		for _, m := range c.Services {
			members = append(members, name(m))
		}
		slices.Sort(members)
		cycles = append(cycles, members)
	}
	if diff := cmp.Diff([][]string{want.Expect.Cycle}, cycles); diff != "" {
		t.Errorf("cycles:\n%s", diff)
	}
	var unowned []string
	for _, s := range g.Unowned() {
		unowned = append(unowned, name(s.Name))
	}
	if diff := cmp.Diff(want.Expect.Unowned, unowned); diff != "" {
		t.Errorf("without owner:\n%s", diff)
	}
	for _, u := range want.Expect.Unknown {
		if !slices.ContainsFunc(g.Doubts, func(d estate.Doubt) bool { return strings.Contains(d.Text, u) }) {
			t.Errorf("no doubt about %s", u)
		}
	}
}

func TestPlantedSecretsAreInNoFactAndNoGraph(t *testing.T) {
	list, err := os.ReadFile(filepath.Join(examplesDir, "kopi-canaries.txt"))
	if err != nil {
		t.Fatal(err)
	}
	var canaries []string
	for _, line := range lines(string(list)) {
		canaries = append(canaries, strings.Fields(line)[0])
	}
	if len(canaries) < 5 {
		t.Fatal("hardly any canaries: the test would prove nothing")
	}
	r, err := discover.Scan(context.Background(), []discover.Source{{Dir: filepath.Join(examplesDir, "kopi")}}, every.Formats(), discover.Options{})
	if err != nil {
		t.Fatal(err)
	}
	snapshot := merge.Sightings(r.Sightings, r.Doubts)
	for what, value := range map[string]any{"sightings": r.Sightings, "doubts": r.Doubts, "snapshot": snapshot, "graph": depmap.Build(snapshot)} {
		text, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range canaries {
			if strings.Contains(string(text), c) {
				t.Errorf("%s shows %s", what, c)
			}
		}
	}
}

func TestTheSameFilesGiveTheSameBytes(t *testing.T) {
	dir := filepath.Join(examplesDir, "kopi")
	r, err := discover.Scan(context.Background(), []discover.Source{{Dir: dir}}, every.Formats(), discover.Options{})
	if err != nil {
		t.Fatal(err)
	}
	first := merge.Sightings(r.Sightings, r.Doubts)
	for range 5 {
		slices.Reverse(r.Sightings)
		again := merge.Sightings(r.Sightings, r.Doubts)
		if estate.DigestOf(first) != estate.DigestOf(again) {
			t.Fatalf("the order of sightings matters:\n%.3000s", cmp.Diff(first, again))
		}
		if a, b := depmap.Build(first), depmap.Build(again); a.Digest != b.Digest {
			t.Fatalf("graphs differ:\n%.3000s", cmp.Diff(a, b))
		}
	}
}

func TestEveryEdgeOfASyntheticEstateIsFoundAndNoOther(t *testing.T) {
	dir := t.TempDir()
	want, err := synthetic.Write(dir, synthetic.Size{Services: 60, Edges: 200, Files: 600})
	if err != nil {
		t.Fatal(err)
	}
	var got []synthetic.Edge
	for _, e := range mapOf(t, dir).Edges {
		got = append(got, synthetic.Edge{From: string(e.From), To: string(e.To)})
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%.3000s", diff)
	}
}

// estates is the folder of public applications' configuration, beside the checkout unless the environment says otherwise.
func estates(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("CARAVAN_ESTATES")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "estates")
	}
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("no real estates at %s: set CARAVAN_ESTATES to a folder of them", dir)
	}
	return dir
}

func TestKubernetesEstateHasExactlyTheEdgesItsAddressesName(t *testing.T) {
	g := mapOf(t, filepath.Join(estates(t), "online-boutique"))
	if len(g.Edges) != 17 {
		t.Errorf("%d edges, not 17", len(g.Edges))
	}
	for _, e := range g.Edges {
		if !strings.HasSuffix(e.Evidence[0].Key, "_ADDR") {
			t.Errorf("%s -> %s by %s", e.From, e.To, e.Evidence[0].Key)
		}
	}
	if s, ok := g.Find("redis-cart"); !ok || s.Kind != estate.Datastore || s.Technology != "redis" {
		t.Errorf("redis-cart: %+v", s)
	}
	if len(g.Doubts) != 1 || g.Doubts[0].Topic != estate.Unresolved {
		t.Errorf("doubts: %v", g.Doubts)
	}
}

func TestChefEstateResolvesAddressesThroughItsNameTable(t *testing.T) {
	g := mapOf(t, filepath.Join(estates(t), "volgactf-chef"))
	var consumers []string
	for _, e := range g.Edges {
		if e.To == "monitor" {
			consumers = append(consumers, string(e.From))
		} else if s, _ := g.Find(string(e.To)); !s.External {
			t.Errorf("invented %s -> %s", e.From, e.To)
		}
	}
	if diff := cmp.Diff([]string{"checker1", "checker2", "checker3", "checker4", "checker5", "postgres", "redis"}, consumers); diff != "" {
		t.Errorf("who reports to monitor (-want +got):\n%s", diff)
	}
}

// TestRealApplicationsAreMappedAsTheirAuthorsDrewThem scores the map of public applications with the measuring script
// beside the estates and fails below the goal.
func TestRealApplicationsAreMappedAsTheirAuthorsDrewThem(t *testing.T) {
	dir := estates(t)
	scorer := filepath.Join(dir, "..", "measure", "depmap", "score.py")
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("no python3: the measuring script cannot run")
	}
	if _, err := os.Stat(scorer); err != nil {
		t.Skip("no measuring script beside the estates")
	}
	out := t.TempDir()
	apps, err := os.ReadDir(filepath.Join(dir, "truth"))
	if err != nil || len(apps) == 0 {
		t.Fatal("no ground truth")
	}
	for _, app := range apps {
		data, err := json.Marshal(mapOf(t, filepath.Join(dir, app.Name())))
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(out, app.Name()+".json"), data)
	}
	cmd := exec.Command("python3", "-B", scorer, filepath.Join(dir, "truth"), out, "--aliases", filepath.Join(filepath.Dir(scorer), "aliases.json"), "--json")
	text, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Micro struct {
			Undirected struct{ Precision, Recall float64 }
		}
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	got := doc.Micro.Undirected
	if got.Precision < 0.95 || got.Recall < 0.80 {
		t.Errorf("configuration only: %s", fmt.Sprintf("P %.3f R %.3f, goal P 0.95 R 0.80", got.Precision, got.Recall))
	}
}

package depmap

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"example.org/caravan/internal/estate"
)

func edge(from, to estate.ServiceName, sure float64) Edge {
	return Edge{From: from, To: to, Kind: HTTP, Confidence: sure, Evidence: []Evidence{{Place: estate.Place{File: "f", Line: 1}, Key: "k"}}}
}

// web → shop → db, shop → mail, report → db
func shop() Graph {
	return Graph{
		Services: []Service{{Name: "db", Kind: estate.Datastore}, {Name: "mail", Kind: estate.External}, {Name: "report", Kind: estate.Service, Names: []estate.Alias{{Value: "reports"}}}, {Name: "shop", Kind: estate.Service, Team: "a"}, {Name: "web", Kind: estate.Service}},
		Edges:    []Edge{edge("report", "db", 1), edge("shop", "db", 0.5), edge("shop", "mail", 1), edge("web", "shop", 0.8)},
	}
}

func TestBreaksListsEverybodyUpstreamWithThePath(t *testing.T) {
	got := shop().Breaks("db")
	want := []Impact{
		{Service: "report", Distance: 1, Path: []estate.ServiceName{"db", "report"}, Confidence: 1},
		{Service: "shop", Distance: 1, Path: []estate.ServiceName{"db", "shop"}, Confidence: 0.5},
		{Service: "web", Distance: 2, Path: []estate.ServiceName{"db", "shop", "web"}, Confidence: 0.4},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestNeedsListsEverythingDownstream(t *testing.T) {
	var names []estate.ServiceName
	for _, i := range shop().Needs("web") {
		names = append(names, i.Service)
	}
	if diff := cmp.Diff([]estate.ServiceName{"shop", "db", "mail"}, names); diff != "" {
		t.Error(diff)
	}
}

func TestACircleEndsTheSearch(t *testing.T) {
	g := Graph{Services: []Service{{Name: "a"}, {Name: "b"}}, Edges: []Edge{edge("a", "b", 1), edge("b", "a", 1)}}
	if got := g.Needs("a"); len(got) != 1 {
		t.Errorf("%v", got)
	}
}

func TestFindKnowsOtherNames(t *testing.T) {
	if s, ok := shop().Find("reports"); !ok || s.Name != "report" {
		t.Errorf("%v %v", s, ok)
	}
	if _, ok := shop().Find("nobody"); ok {
		t.Error("found nobody")
	}
}

func TestUnownedLeavesOutExternals(t *testing.T) {
	var names []estate.ServiceName
	for _, s := range shop().Unowned() {
		names = append(names, s.Name)
	}
	if diff := cmp.Diff([]estate.ServiceName{"db", "report", "web"}, names); diff != "" {
		t.Error(diff)
	}
}

func TestDiffOfAGraphWithItselfIsEmpty(t *testing.T) {
	if d := Diff(shop(), shop()); !d.Empty() {
		t.Errorf("%+v", d)
	}
}

func TestDiffListsWhatCameWentAndChanged(t *testing.T) {
	new := shop()
	new.Services = append(new.Services[:1:1], new.Services[2:]...)
	new.Services[2].Team = "b"
	new.Edges = []Edge{edge("report", "db", 1), edge("shop", "db", 0.9), edge("web", "report", 1), edge("web", "shop", 0.8)}
	new.Edges[0].Evidence = []Evidence{{Place: estate.Place{File: "f", Line: 9}, Key: "k"}} // moved, not changed
	d := Diff(shop(), new)
	want := Difference{
		ServicesRemoved: []Service{{Name: "mail", Kind: estate.External}},
		ServicesChanged: []Change{{What: "service shop", Field: "team", Old: "a", New: "b"}},
		EdgesAdded:      []Edge{edge("web", "report", 1)},
		EdgesRemoved:    []Edge{edge("shop", "mail", 1)},
		EdgesChanged:    []Change{{What: "edge shop → db (http)", Field: "confidence", Old: "0.50", New: "0.90"}},
	}
	if diff := cmp.Diff(want, d); diff != "" {
		t.Error(diff)
	}
}

// graphOf makes a graph of a few services out of numbers.
func graphOf(t *rapid.T, label string) Graph {
	n := rapid.IntRange(1, 8).Draw(t, label+" services")
	b := newBuilder(estate.Snapshot{})
	for i := range n {
		b.nodes = append(b.nodes, node{Component: &estate.Component{Name: estate.ServiceName(rune('a' + i)), Kind: estate.Service}})
	}
	for range rapid.IntRange(0, 12).Draw(t, label+" edges") {
		from, to := rapid.IntRange(0, n-1).Draw(t, "from"), rapid.IntRange(0, n-1).Draw(t, "to")
		b.connect(&b.nodes[from], provider{name: b.nodes[to].Name, kind: HTTP, confidence: 1}, Evidence{Why: whyAddress, Key: "k"}, Configured, 0.9)
	}
	return b.graph()
}

func TestDiffTurnsOneGraphIntoTheOther(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		old, new := graphOf(t, "old"), graphOf(t, "new")
		d := Diff(old, new)
		if len(old.Edges)-len(d.EdgesRemoved)+len(d.EdgesAdded) != len(new.Edges) {
			t.Fatalf("%d - %d + %d edges are not %d", len(old.Edges), len(d.EdgesRemoved), len(d.EdgesAdded), len(new.Edges))
		}
		if d.Empty() != (old.Digest == new.Digest) {
			t.Fatalf("empty %v, digests %s %s", d.Empty(), old.Digest, new.Digest)
		}
	})
}

func TestGroupsAreExactlyTheServicesThatNeedEachOther(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := graphOf(t, "graph")
		reaches := func(a, b estate.ServiceName) bool {
			for _, i := range g.Needs(a) {
				if i.Service == b {
					return true
				}
			}
			return false
		}
		for _, a := range g.Services {
			for _, b := range g.Services {
				together := a.Name != b.Name && reaches(a.Name, b.Name) && reaches(b.Name, a.Name)
				if together != (a.Name != b.Name && a.Group != "" && a.Group == b.Group) {
					t.Fatalf("%s and %s: together %v, groups %q %q", a.Name, b.Name, together, a.Group, b.Group)
				}
			}
		}
	})
}

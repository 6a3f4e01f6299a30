// Package draw turns a dependency graph into a picture: Graphviz DOT, Mermaid and SVG. The SVG is laid out here,
// in layers from consumers on the left to providers on the right, without any program beside Caravan.
//
// A graph goes in, bytes come out; equal graphs and options give equal bytes. It reads no files and no clock, and
// no name, however hostile, can break out of the text it is written into.
package draw

import (
	"cmp"
	"slices"

	"example.org/caravan/internal/depmap"
	"example.org/caravan/internal/estate"
)

// Options say what is drawn.
type Options struct {
	Title              string // shown above the picture; "Dependency map" when empty
	ReadAt             string // when the estate was read, as it shall be shown
	HideInfrastructure bool   // leave out services and edges marked infrastructure
	CollapseAbove      int    // with more services than this, SVG and Mermaid draw clusters; 400 when 0
}

func (o Options) title() string { return cmp.Or(o.Title, "Dependency map") }

func (o Options) collapses(services int) bool { return services > cmp.Or(o.CollapseAbove, 400) }

// drawing is what all formats start from: every service once, and one line for each pair that is connected.
type drawing struct {
	nodes    []node
	lines    []line
	teams    []string
	services int
	edges    int
	dropped  int // connections left out because clusters have stronger ones
	cluster  bool
}

// node is a box of the picture: a service, or a cluster of members services.
type node struct {
	id      string
	label   string
	note    string
	kind    estate.Kind
	team    string
	infra   bool
	members int
}

// line joins two nodes, by index. Count is how many edges it stands for.
type line struct {
	from, to   int
	kinds      []string
	confidence float64
	infra      bool
	circle     bool
	count      int
}

func prepare(g depmap.Graph, o Options) drawing {
	if o.HideInfrastructure {
		g = withoutInfrastructure(g)
	}
	d := drawing{services: len(g.Services), edges: len(g.Edges)}
	index := map[estate.ServiceName]int{}
	group := map[estate.ServiceName]string{}
	for _, s := range g.Services {
		index[s.Name] = len(d.nodes)
		group[s.Name] = s.Group
		d.nodes = append(d.nodes, nodeOf(s))
		if s.Team != "" && !slices.Contains(d.teams, string(s.Team)) {
			d.teams = append(d.teams, string(s.Team))
		}
	}
	slices.Sort(d.teams)
	d.lines = joinEdges(g.Edges, index, func(e depmap.Edge) bool {
		return group[e.From] != "" && group[e.From] == group[e.To]
	})
	return d
}

func nodeOf(s depmap.Service) node {
	note := s.Technology
	if s.Team != "" {
		note = joined(note, string(s.Team))
	}
	return node{
		id: string(s.Name), label: string(s.Name), note: note, kind: s.Kind,
		team: string(s.Team), infra: s.Infrastructure,
	}
}

func joined(a, b string) string {
	if a == "" {
		return b
	}
	return a + " · " + b
}

// joinEdges makes one line of all edges between the same two nodes. An edge from a node to itself is no line.
func joinEdges(edges []depmap.Edge, index map[estate.ServiceName]int, circle func(depmap.Edge) bool) []line {
	at := map[[2]int]int{}
	var out []line
	for _, e := range edges {
		from, known := index[e.From]
		to, knownTo := index[e.To]
		if !known || !knownTo || from == to {
			continue
		}
		i, seen := at[[2]int{from, to}]
		if !seen {
			i = len(out)
			at[[2]int{from, to}] = i
			out = append(out, line{from: from, to: to, infra: true})
		}
		l := &out[i]
		l.count++
		l.infra = l.infra && e.Infrastructure
		l.circle = l.circle || circle(e)
		l.confidence = max(l.confidence, e.Confidence)
		if !slices.Contains(l.kinds, string(e.Kind)) {
			l.kinds = append(l.kinds, string(e.Kind))
		}
	}
	slices.SortFunc(out, func(a, b line) int { return cmp.Or(a.from-b.from, a.to-b.to) })
	return out
}

func withoutInfrastructure(g depmap.Graph) depmap.Graph {
	hidden := map[estate.ServiceName]bool{}
	for _, s := range g.Services {
		hidden[s.Name] = s.Infrastructure
	}
	out := g
	out.Services = slices.DeleteFunc(slices.Clone(g.Services), func(s depmap.Service) bool { return s.Infrastructure })
	out.Edges = slices.DeleteFunc(slices.Clone(g.Edges), func(e depmap.Edge) bool {
		return e.Infrastructure || hidden[e.From] || hidden[e.To]
	})
	return out
}

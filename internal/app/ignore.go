package app

import (
	"slices"

	"example.org/caravan/internal/depmap"
	"example.org/caravan/internal/estate"
)

// leaveOut builds the graph of a snapshot without the components that are named at the ignored places, and gives the
// snapshot without them. Built from the rest alone, they would come back as names nobody answers to: what only that
// graph knows is left out as well.
func leaveOut(s estate.Snapshot, ignored []estate.Place) (depmap.Graph, estate.Snapshot) {
	whole := depmap.Build(s)
	if len(ignored) == 0 {
		return whole, s
	}
	named := func(c estate.Component) bool {
		return slices.ContainsFunc(c.Names, func(a estate.Alias) bool { return slices.Contains(ignored, a.Place) })
	}
	for _, c := range s.Components {
		if named(c) {
			whole.Services = slices.DeleteFunc(whole.Services, func(v depmap.Service) bool { return v.Name == c.Name })
		}
	}
	s.Components = slices.DeleteFunc(slices.Clone(s.Components), named)
	return common(depmap.Build(s), whole), s
}

// common is the part of g whose services and doubts other has too.
func common(g, other depmap.Graph) depmap.Graph {
	known := map[estate.ServiceName]bool{}
	for _, s := range other.Services {
		known[s.Name] = true
	}
	asked := map[estate.Doubt]bool{}
	for _, d := range other.Doubts {
		asked[d] = true
	}
	g.Services = slices.DeleteFunc(g.Services, func(s depmap.Service) bool { return !known[s.Name] })
	g.Edges = slices.DeleteFunc(g.Edges, func(e depmap.Edge) bool { return !known[e.From] || !known[e.To] })
	g.Doubts = slices.DeleteFunc(g.Doubts, func(d estate.Doubt) bool { return !asked[d] })
	g.Digest = ""
	g.Digest = estate.DigestOf(g)
	return g
}

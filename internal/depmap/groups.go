package depmap

import (
	"cmp"
	"fmt"
	"slices"

	"gonum.org/v1/gonum/graph/simple"
	"gonum.org/v1/gonum/graph/topo"

	"example.org/caravan/internal/estate"
)

// groups finds the circles of services that need each other and marks their members. Edges that only say what
// starts first, or belong to infrastructure, make no circle.
func groups(g *Graph) []Group {
	index := make(map[estate.ServiceName]int64, len(g.Services))
	d := simple.NewDirectedGraph()
	for i, s := range g.Services {
		index[s.Name] = int64(i)
		d.AddNode(simple.Node(i))
	}
	for _, e := range g.Edges {
		if e.Infrastructure || e.Kind == Unknown {
			continue
		}
		d.SetEdge(simple.Edge{F: simple.Node(index[e.From]), T: simple.Node(index[e.To])})
	}
	var out []Group
	for _, component := range topo.TarjanSCC(d) {
		if len(component) < 2 {
			continue
		}
		var members []estate.ServiceName
		for _, n := range component {
			members = append(members, g.Services[n.ID()].Name)
		}
		slices.Sort(members)
		out = append(out, Group{Services: members})
	}
	slices.SortFunc(out, func(a, b Group) int { return cmp.Compare(a.Services[0], b.Services[0]) })
	for i := range out {
		out[i].Name = fmt.Sprintf("cycle-%d", i+1)
		for _, m := range out[i].Services {
			g.Services[index[m]].Group = out[i].Name
		}
	}
	return out
}

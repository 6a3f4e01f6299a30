package expansion

import (
	"math/bits"
	"slices"

	"gonum.org/v1/gonum/graph/simple"
	"gonum.org/v1/gonum/graph/topo"

	"example.org/caravan/internal/estate"
)

// Reach is the services that are reached from one, itself among them. Of many only the nearest are named.
type Reach struct {
	Count int                  `json:"count"`
	Names []estate.ServiceName `json:"names"` // nearest first, at most 25
}

// mostNamed is how many names help somebody who decides.
const mostNamed = 25

// reaching answers what is reached from services, over the edges that next gives for each.
type reaching struct {
	next  map[estate.ServiceName][]estate.ServiceName
	count map[estate.ServiceName]int
}

// newReaching counts what each service reaches: those that reach each other reach the same, so that one set is kept for each
// strongly connected group, made of those of the groups after it.
func newReaching(next map[estate.ServiceName][]estate.ServiceName) reaching {
	names := sortedNames(next)
	index := make(map[estate.ServiceName]int, len(names))
	d := simple.NewDirectedGraph()
	for i, name := range names {
		index[name] = i
		d.AddNode(simple.Node(i))
	}
	for i, name := range names {
		for _, to := range next[name] {
			if j, known := index[to]; known && i != j {
				d.SetEdge(simple.Edge{F: simple.Node(i), T: simple.Node(j)})
			}
		}
	}
	r := reaching{next, make(map[estate.ServiceName]int, len(names))}
	sets := make([][]uint64, len(names))
	const word = 64
	for _, group := range topo.TarjanSCC(d) { // what is reached comes before what reaches it
		set := make([]uint64, (len(names)+word-1)/word)
		for _, n := range group {
			set[n.ID()/word] |= 1 << (n.ID() % word)
			for _, to := range next[names[n.ID()]] {
				if j, known := index[to]; known {
					for w, some := range sets[j] {
						set[w] |= some
					}
				}
			}
		}
		count := 0
		for _, some := range set {
			count += bits.OnesCount64(some)
		}
		for _, n := range group {
			sets[n.ID()], r.count[names[n.ID()]] = set, count
		}
	}
	return r
}

// from is what is reached from a service.
func (r reaching) from(start estate.ServiceName) Reach {
	out := []estate.ServiceName{start}
	for i := 0; i < len(out) && len(out) < mostNamed; i++ {
		for _, to := range r.next[out[i]] {
			if len(out) < mostNamed && !slices.Contains(out, to) {
				out = append(out, to)
			}
		}
	}
	return Reach{Count: r.count[start], Names: out}
}

// coupled answers which members fail with one: itself and all who need it.
func (p *planner) coupled() reaching {
	callers := make(map[estate.ServiceName][]estate.ServiceName, len(p.members))
	for _, name := range sortedNames(p.members) {
		callers[name] = slices.Clip(callers[name])
		for _, v := range p.uses[name] {
			if !v.sparedBy(p.members[name].Routes) && p.members[v.to] != nil && p.comes(v) {
				callers[v.to] = append(callers[v.to], name)
			}
		}
	}
	return newReaching(callers)
}

// brought answers which services would come too if one were cloned.
func (p *planner) brought() reaching {
	needs := map[estate.ServiceName][]estate.ServiceName{}
	for name, s := range p.services {
		if s.Kind != estate.Service || p.members[name] != nil {
			continue
		}
		needs[name] = nil
		for _, v := range p.uses[name] {
			if p.members[v.to] == nil && p.services[v.to].Kind == estate.Service {
				needs[name] = append(needs[name], v.to)
			}
		}
	}
	return newReaching(needs)
}

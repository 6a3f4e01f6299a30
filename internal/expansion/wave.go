package expansion

import (
	"fmt"
	"slices"
	"strings"

	"gonum.org/v1/gonum/graph/simple"
	"gonum.org/v1/gonum/graph/topo"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/workload"
)

// orderWaves puts datastores and stubs into the wave of data and every service into the first one by which all it needs is
// there. Services that need each other move together; the expansion's own waves are kept in their order.
func (p *planner) orderWaves() {
	fixed := p.fixedWaves()
	waveOf := map[estate.ServiceName]int{}
	for _, group := range p.circles(fixed) { // providers first
		p.checkFixed(group, fixed)
		n := p.waveOfGroup(group, waveOf, fixed)
		for _, name := range group {
			waveOf[name] = n
		}
	}
	p.numberWaves(waveOf)
}

// fixedWaves lists the members of the waves that the expansion asks for, in their order.
func (p *planner) fixedWaves() [][]estate.ServiceName {
	out := make([][]estate.ServiceName, len(p.Expansion.Waves))
	for i, names := range p.Expansion.Waves {
		for j, name := range names {
			at := fmt.Sprintf("waves[%d][%d]", i, j)
			s := p.named(name, at)
			if s == nil {
				continue
			}
			if p.members[s.Name] == nil {
				p.at(at, "%s is in a wave and does not come along; leave it out", string(name))
				continue
			}
			out[i] = append(out[i], s.Name)
		}
	}
	return slices.DeleteFunc(out, func(names []estate.ServiceName) bool { return len(names) == 0 })
}

// circles lists the members in groups that need each other, providers before consumers. A service of a later wave is
// taken to need those of the wave before.
func (p *planner) circles(fixed [][]estate.ServiceName) [][]estate.ServiceName {
	names := sortedNames(p.members)
	index := make(map[estate.ServiceName]int64, len(names))
	d := simple.NewDirectedGraph()
	for i, name := range names {
		index[name] = int64(i)
		d.AddNode(simple.Node(i))
	}
	for _, name := range names {
		for _, to := range slices.Concat(p.needed(name), before(name, fixed)) {
			if to != name {
				d.SetEdge(simple.Edge{F: simple.Node(index[name]), T: simple.Node(index[to])})
			}
		}
	}
	var out [][]estate.ServiceName
	for _, component := range topo.TarjanSCC(d) { // in reverse topological order: providers first
		group := make([]estate.ServiceName, len(component))
		for i, n := range component {
			group[i] = names[n.ID()]
		}
		slices.Sort(group)
		out = append(out, group)
	}
	return out
}

// before lists what is asked to be in the wave before that of a service.
func before(name estate.ServiceName, fixed [][]estate.ServiceName) []estate.ServiceName {
	if i := waveAsked(name, fixed); i > 0 {
		return fixed[i-1]
	}
	return nil
}

// waveAsked is the place of a service among the waves asked for; -1 when it is in none.
func waveAsked(name estate.ServiceName, fixed [][]estate.ServiceName) int {
	return slices.IndexFunc(fixed, func(names []estate.ServiceName) bool { return slices.Contains(names, name) })
}

// needed lists the members a member needs in the new country.
func (p *planner) needed(name estate.ServiceName) []estate.ServiceName {
	var out []estate.ServiceName
	for _, u := range p.members[name].Uses {
		if u.Here && p.members[u.Name] != nil {
			out = append(out, u.Name)
		}
	}
	return out
}

func (p *planner) waveOfGroup(group []estate.ServiceName, waveOf map[estate.ServiceName]int, fixed [][]estate.ServiceName) int {
	n := 1
	for _, name := range group {
		for _, to := range slices.Concat(p.needed(name), before(name, fixed)) {
			if !slices.Contains(group, to) {
				n = max(n, waveOf[to]+1)
			}
		}
	}
	return n
}

// checkFixed reports a service that is asked for in an earlier wave than something it needs.
func (p *planner) checkFixed(group []estate.ServiceName, fixed [][]estate.ServiceName) {
	for _, early := range group {
		i := waveAsked(early, fixed)
		for _, late := range group {
			j := waveAsked(late, fixed)
			if i < 0 || j <= i {
				continue
			}
			if path := p.pathTo(early, late); path != nil {
				p.at(p.wavePath(early), "%s is in wave %d and needs %s of wave %d (%s): a cycle across waves; put them into one wave or change the order",
					string(early), i+1, string(late), j+1, strings.Join(texts(path), " → "))
				return
			}
		}
	}
}

// pathTo is the shortest way from a member to another over what they need; nothing when there is none.
func (p *planner) pathTo(from, to estate.ServiceName) []estate.ServiceName {
	queue := [][]estate.ServiceName{{from}}
	seen := map[estate.ServiceName]bool{from: true}
	for len(queue) > 0 {
		path := queue[0]
		queue = queue[1:]
		if path[len(path)-1] == to {
			return path
		}
		for _, next := range p.needed(path[len(path)-1]) {
			if !seen[next] {
				seen[next] = true
				queue = append(queue, append(slices.Clone(path), next))
			}
		}
	}
	return nil
}

func texts[T ~string](list []T) []string {
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = string(v)
	}
	return out
}

func (p *planner) wavePath(name estate.ServiceName) string {
	for i, names := range p.Expansion.Waves {
		for j, written := range names {
			if p.is(written, name) {
				return fmt.Sprintf("waves[%d][%d]", i, j)
			}
		}
	}
	return "waves"
}

// numberWaves leaves out waves nothing is in and writes down who is in which.
func (p *planner) numberWaves(waveOf map[estate.ServiceName]int) {
	byNumber := map[int][]estate.ServiceName{}
	for name, n := range waveOf {
		byNumber[n] = append(byNumber[n], name)
	}
	numbers := make([]int, 0, len(byNumber))
	for n := range byNumber {
		numbers = append(numbers, n)
	}
	slices.Sort(numbers)
	data := slices.Concat(sortedNames(p.stores), sortedNames(p.stubs))
	if len(data) > 0 {
		slices.Sort(data)
		p.waves = append(p.waves, Wave{Number: DataWave, Services: data})
	}
	for _, s := range p.stores {
		s.Wave = DataWave
	}
	for i, n := range numbers {
		names := byNumber[n]
		slices.Sort(names)
		for _, name := range names {
			p.members[name].Wave = ServicesWave + i
		}
		p.waves = append(p.waves, Wave{Number: ServicesWave + i, Services: names})
	}
}

// listening is a port of the machines of an environment.
type listening struct {
	in   estate.EnvironmentName
	port int
}

// onMachines reports whether an environment of the expansion is made of machines.
func (p *planner) onMachines(env estate.EnvironmentName) bool {
	v, _ := p.Expansion.environment(env)
	return v.Kind == "vm"
}

// sharePorts gives datastores that would be called at the same port of the same load balancers ports of their own. One that was planned before stays where it
// is, whatever comes beside it; of the others the first by name keeps its own, and the rest take the next that is free.
func (p *planner) sharePorts() {
	taken := map[listening]bool{}
	for _, m := range p.members {
		for _, env := range m.In {
			for _, port := range m.Workload.ListensOn() {
				taken[listening{env, port}] = true
			}
		}
	}
	for _, s := range p.stubs {
		taken[listening{s.In, s.Port}] = true
	}
	stays := map[estate.ServiceName]bool{}
	for _, name := range sortedNames(p.stores) {
		s := p.stores[name]
		i := slices.IndexFunc(p.Planned, func(d Datastore) bool { return d.Name == name && d.In == s.In && d.Technology == s.Technology })
		if !p.onMachines(s.In) || i < 0 || taken[listening{s.In, p.Planned[i].Port}] {
			continue
		}
		asked := s.Port
		stays[name], s.Port = true, p.Planned[i].Port
		taken[listening{s.In, s.Port}] = true
		p.tellPort(s, asked)
	}
	for _, name := range sortedNames(p.stores) {
		s := p.stores[name]
		if stays[name] || !p.onMachines(s.In) {
			continue
		}
		asked := s.Port
		for taken[listening{s.In, s.Port}] {
			s.Port++
		}
		taken[listening{s.In, s.Port}] = true
		p.tellPort(s, asked)
	}
}

// tellPort says where a datastore listens that does not at its own port.
func (p *planner) tellPort(s *Datastore, own int) {
	if s.Port != own {
		p.ask(s, "port", "%s listens on %d, for others in %s have %d; a value that holds its port and not ${resources.%s.port} has to be changed",
			s.Name, s.Port, s.In, own, workload.NameOf(string(s.Name)))
	}
}

// checkPorts looks for two services that would listen on the same port of the same machines.
func (p *planner) checkPorts() {
	taken := map[listening]estate.ServiceName{}
	for _, name := range sortedNames(p.members) {
		m := p.members[name]
		for _, env := range m.In {
			if !p.onMachines(env) {
				continue
			}
			for _, port := range m.Workload.ListensOn() {
				key := listening{env, port}
				if other, clash := taken[key]; clash {
					p.report.Problem(m.Reasons[0].Place.Line, "%s and %s both listen on port %d of the machines of %s; put one of them into another environment (in:), or give it another port in services/%s/score.yaml", other, name, port, env, name)
					continue
				}
				taken[key] = name
			}
		}
	}
}

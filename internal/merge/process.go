package merge

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"example.org/caravan/internal/estate"
)

// addressSpace holds facts about whoever answers at an address ("10.0.0.5:8080"), as load balancers know their servers.
const addressSpace = "address"

// indirect reports whether a fact about a process reaches its component only through the host it was seen on: by the
// unit that runs there, or by the address at which it answers.
func indirect(s *estate.Sighting) bool {
	_, unit := unitOf(s)
	return s.Fact == estate.Process && (unit || s.Subject.Space == addressSpace)
}

// unitOf is the name of the unit whose file says so: the layer of what a host is given reads "unit[orders]".
func unitOf(s *estate.Sighting) (string, bool) {
	name, ok := strings.CutPrefix(s.Layer, "unit[")
	return strings.TrimSuffix(name, "]"), ok
}

// shareProcesses gives the indirect facts to the services they are about, now that it is known which hosts run them. What
// fits no service, or several, is nobody's. What was seen running comes last, and only says what no file does.
func (m *merger) shareProcesses() {
	addresses := m.byAddress()
	m.shareWhere(addresses, func(s *estate.Sighting, _ *part) bool { return s.At.IsZero() })
	for _, p := range m.components {
		p.said = map[string]bool{}
		for _, t := range p.c.Process {
			p.said[t.Key] = p.said[t.Key] || !inContainer(t)
		}
	}
	m.shareWhere(addresses, func(s *estate.Sighting, p *part) bool { return !s.At.IsZero() && !p.said[s.Key] })
}

// inContainer reports whether what is said of a process holds in a container alone, and nothing of the machines it runs on.
func inContainer(t estate.Trait) bool { return t.By == "dockerfile" || t.By == "compose" }

func (m *merger) shareWhere(addresses map[string][]int, counts func(*estate.Sighting, *part) bool) {
	for i := range m.all {
		s := &m.all[i]
		if !indirect(s) {
			continue
		}
		p, ok := m.unitRuns(s)
		if s.Subject.Space == addressSpace {
			p, ok = m.answersAt(s, addresses)
		}
		if ok && counts(s, m.components[p]) {
			m.components[p].take(s, audience{})
		}
	}
}

// unitRuns is the service a unit is named after, with or without the company's prefix, else the role that has the unit.
func (m *merger) unitRuns(s *estate.Sighting) (int, bool) {
	unit, _ := unitOf(s)
	for _, name := range roleNames(unit) {
		if p, ok := m.calledService(name); ok {
			return p, true
		}
	}
	i, ok := m.byName[subjectKey{s.Subject.Space, s.Subject.Name}]
	if !ok || m.partOf[i] < 0 || m.components[m.partOf[i]].c.Kind == estate.Host {
		return 0, false
	}
	return m.partOf[i], true
}

// answersAt is the service at an address: the one so named, the one on that host that listens there, else the one the
// load balancer's section is called like.
func (m *merger) answersAt(s *estate.Sighting, addresses map[string][]int) (int, bool) {
	colon := strings.LastIndexByte(s.Subject.Name, ':')
	if colon < 0 {
		return 0, false
	}
	host, port := strings.Trim(s.Subject.Name[:colon], "[]"), s.Subject.Name[colon+1:]
	found := slices.Clone(addresses[host])
	if p, ok := m.called(host); ok {
		found = appendOnce(found, p)
	}
	if len(found) == 1 {
		if m.components[found[0]].c.Kind != estate.Host {
			return found[0], true
		}
		if tenants := m.listeners(m.components[found[0]].c.Name, port); len(tenants) == 1 {
			return tenants[0], true
		}
	}
	return m.calledService(s.Layer[strings.LastIndexByte(s.Layer, ' ')+1:])
}

// listeners are the services on a host that accept connections at a port.
func (m *merger) listeners(host estate.ServiceName, port string) []int {
	var out []int
	for i, p := range m.components {
		listens := func(l estate.Listen) bool { return strconv.Itoa(l.Port) == port }
		if slices.Contains(p.c.Hosts, host) && slices.ContainsFunc(p.c.Listens, listens) {
			out = append(out, i)
		}
	}
	return out
}

// byAddress lists the components with each IP address.
func (m *merger) byAddress() map[string][]int {
	out := map[string][]int{}
	for i, p := range m.components {
		for _, a := range p.c.Names {
			if a.Kind == estate.NameAddress {
				out[a.Value] = appendOnce(out[a.Value], i)
			}
		}
	}
	return out
}

// calledService is the one component known by a name, if it is no host.
func (m *merger) calledService(name string) (int, bool) {
	p, ok := m.called(name)
	return p, ok && m.components[p].c.Kind != estate.Host
}

// keep adds what is known of the process, once for each place: all nodes with a role are given the same unit.
func (p *part) keep(t estate.Trait) {
	if !slices.Contains(p.c.Process, t) {
		p.c.Process = append(p.c.Process, t)
	}
}

func compareTraits(a, b estate.Trait) int {
	return cmp.Or(cmp.Compare(a.Key, b.Key), a.Place.Compare(b.Place), cmp.Compare(a.Value, b.Value), cmp.Compare(a.Environment, b.Environment), cmp.Compare(a.By, b.By))
}

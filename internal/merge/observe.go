package merge

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
	"time"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/technology"
)

// observe tells what was seen running and who was connected to whom. It comes when all components, their names and their hosts
// are known: what was seen changes nothing of what is configured, but for processes that nobody configured.
func (m *merger) observe() {
	o := &observer{merger: m, addresses: m.byAddress(), holders: map[string][]holder{}, names: map[string][]estate.ServiceName{}, hears: map[int][]hearing{}, pods: map[string]int{}, podsOf: map[int][]string{}, made: map[string]int{}, resolved: map[running]int{}}
	for i := range m.all {
		o.place(&m.all[i])
	}
	for i := range m.all {
		o.inhabit(&m.all[i])
	}
	for i := range m.all {
		switch s := &m.all[i]; s.Fact {
		case estate.Looked:
			o.look(s)
		case estate.Connects:
			o.connects(s)
		case estate.Accepts:
			o.accepts(s)
		}
	}
	m.looks, m.flows = sortedLooks(o.looks), sortedFlows(o.flows)
}

// observer holds who was seen where.
type observer struct {
	*merger
	addresses map[string][]int                // IP address → who is configured to have it
	holders   map[string][]holder             // IP address → who has it
	names     map[string][]estate.ServiceName // IP address → names of the world outside that led to it
	hears     map[int][]hearing               // machine → its open ports
	pods      map[string]int                  // UID of a pod → its workload
	podsOf    map[int][]string                // workload → UIDs of its pods that were not looked at so far
	made      map[string]int                  // unit that no configuration knows → its component
	resolved  map[running]int                 // memo of runs
	looks     []estate.Look
	flows     []estate.Flow
}

// running is a process on a machine.
type running struct {
	machine int
	process string
}

// holder has an address in an environment: two environments may give the same one to different machines.
type holder struct {
	env  estate.EnvironmentName
	part int
}

// hearing is one open port with the process behind it.
type hearing struct {
	at      netip.AddrPort
	process string
	program string
}

// seen is the component a sighting is about, as long as it is one that runs.
func (o *observer) seen(s *estate.Sighting) (int, bool) {
	if s.Subject.Space == estate.PodSpace {
		p, ok := o.pods[s.Subject.Name]
		return p, ok
	}
	i, ok := o.byName[subjectKey{s.Subject.Space, s.Subject.Name}]
	if !ok || o.partOf[i] < 0 {
		return 0, false
	}
	return o.partOf[i], true
}

// place notes who has which address and open port.
func (o *observer) place(s *estate.Sighting) {
	if s.Fact == estate.Holds && s.Subject.Space == estate.NameSpace {
		o.names[s.Value] = appendOnce(o.names[s.Value], estate.ServiceName(s.Subject.Name))
		return
	}
	p, ok := o.seen(s)
	if !ok {
		return
	}
	switch {
	case s.Fact == estate.Holds && s.Key == estate.HeldPod:
		o.pods[s.Value] = p
		o.podsOf[p] = append(o.podsOf[p], s.Value)
	case s.Fact == estate.Holds:
		if h := (holder{s.Environment, p}); !slices.Contains(o.holders[s.Value], h) {
			o.holders[s.Value] = append(o.holders[s.Value], h)
		}
	case s.Fact == estate.Hears:
		if at, err := netip.ParseAddrPort(s.Value); err == nil {
			o.hears[p] = append(o.hears[p], hearing{at, s.Key, s.Layer})
		}
	}
}

// inhabit says that a component runs on the machine where its process was seen, and makes one of a process nobody configured.
func (o *observer) inhabit(s *estate.Sighting) {
	p, ok := o.seen(s)
	if !ok || s.Key == "" || s.Fact != estate.Hears && s.Fact != estate.Connects || !o.isMachine(p) {
		return
	}
	host := o.components[p]
	i, ok := o.runs(p, s.Key)
	if !ok {
		if at, err := netip.ParseAddrPort(s.Value); err == nil && s.Fact == estate.Hears && at.Addr().IsLoopback() {
			return // for the machine itself
		}
		i = o.make(s)
	}
	if i == p {
		return
	}
	c := &o.components[i].c
	c.Hosts = appendOnce(c.Hosts, host.c.Name)
	if s.Environment != "" {
		c.Environments = appendOnce(c.Environments, s.Environment)
	}
	slices.Sort(c.Hosts)
}

func (o *observer) isMachine(p int) bool { return o.components[p].c.Kind == estate.Host }

// runs is the component that a process on a machine is. Those that are configured to run there come first: by name, by a port they
// listen at, by technology; then whoever bears the name. What only watches a store there counts as that store; what watches the
// machine, as the machine.
func (o *observer) runs(machine int, process string) (int, bool) {
	if i, ok := o.made[process]; ok {
		return i, true
	}
	if i, ok := o.resolved[running{machine, process}]; ok {
		return i, true
	}
	i, ok := o.component(machine, process)
	if ok {
		o.resolved[running{machine, process}] = i
	}
	return i, ok
}

func (o *observer) component(machine int, process string) (int, bool) {
	name, _, _ := strings.Cut(process, "@")
	watched, watches := strings.CutSuffix(strings.TrimPrefix(name, "prometheus-"), "exporter")
	if watches {
		name = strings.Trim(watched, "-_")
	}
	tenants := o.tenantsOf(machine)
	for _, n := range append([]string{process}, roleNames(name)...) {
		if i, ok := o.calledService(n); ok && slices.Contains(tenants, i) {
			return i, true
		}
	}
	if i, ok := o.byPort(machine, process, tenants); ok {
		return i, true
	}
	if i, ok := o.byTechnology(machine, name, process, tenants); ok {
		return i, true
	}
	if watches {
		return machine, true
	}
	for _, n := range append([]string{process}, roleNames(name)...) {
		if i, ok := o.calledService(n); ok {
			return i, true
		}
	}
	return 0, false
}

func (o *observer) tenantsOf(machine int) []int {
	var out []int
	for i, p := range o.components {
		if i != machine && slices.Contains(p.c.Hosts, o.components[machine].c.Name) {
			out = append(out, i)
		}
	}
	return out
}

// byPort is the one tenant that is configured to listen where the process was seen to.
func (o *observer) byPort(machine int, process string, tenants []int) (int, bool) {
	var found []int
	for _, h := range o.hears[machine] {
		if h.process != process {
			continue
		}
		for _, t := range tenants {
			if slices.ContainsFunc(o.components[t].c.Listens, func(l estate.Listen) bool { return l.Port == int(h.at.Port()) }) {
				found = appendOnce(found, t)
			}
		}
	}
	return alone(found)
}

// byTechnology is the one tenant of the technology that the process, or the program in it, is called like.
func (o *observer) byTechnology(machine int, name, process string, tenants []int) (int, bool) {
	var found []int
	for _, word := range o.words(machine, name, process) {
		t, ok := technologyIn(word)
		if !ok {
			continue
		}
		for _, i := range tenants {
			if own, ok := technology.OfName(o.components[i].c.Technology); ok && own.Name == t.Name {
				found = appendOnce(found, i)
			}
		}
	}
	return alone(found)
}

// words are what a process is called, and the programs it was seen listening as.
func (o *observer) words(machine int, name, process string) []string {
	out := []string{name}
	for _, h := range o.hears[machine] {
		if h.process == process && h.program != "" {
			out = appendOnce(out, h.program)
		}
	}
	return out
}

func alone(found []int) (int, bool) {
	if len(found) != 1 {
		return 0, false
	}
	return found[0], true
}

// make is a component of a process that no configuration knows.
func (o *observer) make(s *estate.Sighting) int {
	name, _, _ := strings.Cut(s.Key, "@")
	c := estate.Component{Name: o.free(name), Kind: estate.Service, Places: []estate.Place{s.Place}, Names: []estate.Alias{{Kind: estate.NameWorkload, Value: s.Key, Place: s.Place}}}
	if t, ok := technologyIn(name); ok {
		c.Technology = t.Name
		c.Kind = cmp.Or(t.Kind, estate.Service)
	}
	o.components = append(o.components, &part{c: c})
	o.made[s.Key] = len(o.components) - 1
	return len(o.components) - 1
}

// free is a name that no other component has.
func (o *observer) free(name string) estate.ServiceName {
	taken := func(n string) bool {
		return slices.ContainsFunc(o.components, func(p *part) bool { return estate.Norm(string(p.c.Name)) == estate.Norm(n) })
	}
	for taken(name) {
		name += "-seen"
	}
	return estate.ServiceName(name)
}

// look notes that a machine, or the last of the pods of a workload, was looked at.
func (o *observer) look(s *estate.Sighting) {
	p, ok := o.seen(s)
	if ok && s.Subject.Space == estate.PodSpace {
		o.podsOf[p] = slices.DeleteFunc(o.podsOf[p], func(uid string) bool { return uid == s.Subject.Name })
		ok = len(o.podsOf[p]) == 0
	}
	if ok {
		if c := &o.components[p].c; s.Environment != "" {
			c.Environments = appendOnce(c.Environments, s.Environment)
		}
		o.looks = append(o.looks, estate.Look{Component: o.components[p].c.Name, Environment: s.Environment, At: s.At, Place: s.Place})
	}
}

// connects is a flow as the consumer's side tells it.
func (o *observer) connects(s *estate.Sighting) {
	p, ok := o.seen(s)
	if !ok {
		return
	}
	f := estate.Flow{Process: s.Key, Address: s.Value, Count: s.Count, Environment: s.Environment, At: s.At, Place: s.Place}
	from := p
	if o.isMachine(p) {
		f.Host = o.components[p].c.Name
		from = -1
		if i, ok := o.runs(p, s.Key); ok && s.Key != "" {
			from = i
		}
	}
	if from >= 0 {
		f.From = o.components[from].c.Name
	}
	if to, ok := o.hearer(p, s.Value, s.Environment); ok {
		f.To = o.components[to].c.Name
	} else if at, err := netip.ParseAddrPort(s.Value); err == nil {
		f.Names = o.names[at.Addr().String()]
	}
	o.flows = append(o.flows, f)
}

// accepts is a flow as the provider's side tells it: it knows the machine or pod it came from, but not which process of a machine.
func (o *observer) accepts(s *estate.Sighting) {
	p, ok := o.seen(s)
	if !ok {
		return
	}
	to := p
	if o.isMachine(p) {
		if to, ok = o.runs(p, s.Key); !ok {
			return
		}
	}
	f := estate.Flow{Address: s.Value + ":" + s.Profile, To: o.components[to].c.Name, Count: s.Count, Environment: s.Environment, At: s.At, Place: s.Place}
	if own, ok := o.addressOf(p, s.Environment); ok {
		f.Address = netip.AddrPortFrom(own, portOf(s.Profile)).String()
	}
	switch from, ok := o.holder(s.Value, s.Environment); {
	case !ok:
		f.Peer = s.Value
	case o.isMachine(from):
		f.Host = o.components[from].c.Name
	default:
		f.From = o.components[from].c.Name
	}
	o.flows = append(o.flows, f)
}

// hearer is who was seen listening at an address, asked from a machine or pod.
func (o *observer) hearer(from int, address string, env estate.EnvironmentName) (int, bool) {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return 0, false
	}
	p, ok := from, at.Addr().IsLoopback()
	if !ok {
		p, ok = o.holder(at.Addr().String(), env)
	}
	if !ok || !o.isMachine(p) {
		return p, ok
	}
	for _, h := range o.hears[p] {
		if h.at.Port() == at.Port() && (h.at.Addr() == at.Addr() || h.at.Addr().IsUnspecified()) {
			if h.process == "" {
				return p, true // what serves the machine alone
			}
			return o.runs(p, h.process)
		}
	}
	return 0, false
}

// holder is the one who has an address in an environment, else the one who has it anywhere.
func (o *observer) holder(ip string, env estate.EnvironmentName) (int, bool) {
	var here, anywhere []int
	for _, h := range o.holders[ip] {
		anywhere = appendOnce(anywhere, h.part)
		if h.env == env {
			here = appendOnce(here, h.part)
		}
	}
	if p, ok := alone(here); ok {
		return p, true
	}
	if len(here) > 1 {
		return 0, false
	}
	if p, ok := alone(anywhere); ok {
		return p, true
	}
	return alone(o.addresses[ip])
}

// addressOf is the first address somebody has in an environment.
func (o *observer) addressOf(part int, env estate.EnvironmentName) (netip.Addr, bool) {
	var best netip.Addr
	for _, ip := range sortedKeys(o.holders) {
		if !slices.Contains(o.holders[ip], holder{env, part}) {
			continue
		}
		if a, err := netip.ParseAddr(ip); err == nil && (!best.IsValid() || a.Compare(best) < 0) {
			best = a
		}
	}
	return best, best.IsValid()
}

func portOf(text string) uint16 {
	at, err := netip.ParseAddrPort("0.0.0.0:" + text)
	if err != nil {
		return 0
	}
	return at.Port()
}

// sortedLooks keeps the last look at everything.
func sortedLooks(looks []estate.Look) []estate.Look {
	slices.SortFunc(looks, func(a, b estate.Look) int {
		return cmp.Or(cmp.Compare(a.Component, b.Component), cmp.Compare(a.Environment, b.Environment), b.At.Compare(a.At), a.Place.Compare(b.Place))
	})
	return slices.CompactFunc(looks, func(a, b estate.Look) bool { return a.Component == b.Component && a.Environment == b.Environment })
}

// sortedFlows joins what is told twice. What a provider tells of a machine is left out when that machine itself told which of its
// processes it was, and kept otherwise: connections end between the two looks.
func sortedFlows(flows []estate.Flow) []estate.Flow {
	told := map[[2]estate.ServiceName]bool{}
	for _, f := range flows {
		if f.From != "" {
			told[[2]estate.ServiceName{f.Host, f.To}] = true
		}
	}
	out := slices.DeleteFunc(flows, func(f estate.Flow) bool {
		return f.From == "" && f.Host != "" && f.To != "" && told[[2]estate.ServiceName{f.Host, f.To}] || f.From != "" && f.From == f.To
	})
	slices.SortFunc(out, compareFlows)
	return slices.CompactFunc(out, sameFlow)
}

// compareFlows puts the last look at one and the same flow first.
func compareFlows(a, b estate.Flow) int {
	return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.Host, b.Host), cmp.Compare(a.To, b.To), cmp.Compare(a.Process, b.Process), cmp.Compare(a.Address, b.Address),
		cmp.Compare(a.Peer, b.Peer), cmp.Compare(a.Environment, b.Environment), b.At.Compare(a.At), cmp.Compare(b.Count, a.Count), a.Place.Compare(b.Place))
}

func sameFlow(a, b estate.Flow) bool {
	return a.From == b.From && a.Host == b.Host && a.To == b.To && a.Process == b.Process && a.Address == b.Address && a.Peer == b.Peer && a.Environment == b.Environment
}

// remembered is how long a connection that was seen once is kept in mind when later looks do not see it.
const remembered = 30 * 24 * time.Hour

// Remember adds to a snapshot what an earlier one saw running and this one did not: machines that could not be reached now, connections
// that were open then. Everything keeps the time at which it was seen; what is a month older than the newest look is forgotten, and so is
// what belongs to components that are no more. Both snapshots are left alone.
func Remember(now, earlier estate.Snapshot) estate.Snapshot {
	there := map[estate.ServiceName]bool{"": true}
	for _, c := range now.Components {
		there[c.Name] = true
	}
	var newest time.Time
	for _, l := range slices.Concat(now.Looks, earlier.Looks) {
		if l.At.After(newest) {
			newest = l.At
		}
	}
	fresh := func(at time.Time) bool { return newest.Sub(at) < remembered }
	looks, flows := slices.Clone(now.Looks), slices.Clone(now.Flows)
	for _, l := range earlier.Looks {
		if there[l.Component] && fresh(l.At) {
			looks = append(looks, l)
		}
	}
	for _, f := range earlier.Flows {
		if there[f.From] && there[f.Host] && there[f.To] && fresh(f.At) {
			flows = append(flows, f)
		}
	}
	now.Looks, now.Flows = sortedLooks(looks), sortedFlows(flows)
	return now
}

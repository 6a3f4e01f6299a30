package expansion

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"time"

	"example.org/caravan/internal/config"
	"example.org/caravan/internal/depmap"
	"example.org/caravan/internal/document"
	"example.org/caravan/internal/endpoint"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/workload"
)

// Input is everything a proposal is made of.
type Input struct {
	Expansion    Expansion
	Organisation string
	Graph        depmap.Graph
	Components   []estate.Component                       // of the snapshot the graph was built from
	Environments []Known                                  // declared in the workspace
	Networks     []string                                 // declared in the workspace, beside environments
	Taken        map[estate.EnvironmentName]string        // environments other expansions make → the expansion
	Joined       []Joined                                 // peerings between what exists
	Rates        []Rate                                   // calls, where somebody measured them
	Placement    map[string]string                        // the workspace's own rule: technology, or "datastores" for all, → "vm" or "kubernetes"
	Workloads    map[estate.ServiceName]workload.Workload // the teams' own
	Config       []config.Document                        // what services are given beyond their workloads, by layers
	Planned      []Datastore                              // of the expansion's last plan: they stay at their ports
}

// Known is an environment that exists.
type Known struct {
	Name    estate.EnvironmentName
	Kind    string
	Country string
	Zone    string
	Ranges  []string // CIDRs it uses
}

// Joined is a connection between two networks.
type Joined struct {
	A, B      string
	RoundTrip time.Duration
}

// Rate is how often one service calls another.
type Rate struct {
	From, To  estate.ServiceName
	PerSecond float64
}

// Plan makes the proposal for an expansion. Invalid, with the expansion's line for each problem, when it asks for
// what cannot be. Edges that need a decision and have none are no error: Proposal.Undecided lists them.
func Plan(in Input) (Proposal, error) {
	p := newPlanner(in)
	p.resolveWants()
	p.checkPlaces()
	p.checkNames()
	if err := p.report.Err(); err != nil {
		return Proposal{}, err
	}
	p.close()
	p.cutEdges()
	p.planDatastores()
	p.proposeWorkloads()
	p.findLacks()
	p.sharePorts()
	p.findCrowds()
	p.orderWaves()
	p.checkPorts()
	if err := errors.Join(p.report.Err(), p.configure()); err != nil {
		return Proposal{}, err
	}
	return p.proposal(), nil
}

// planner collects what Plan decides.
type planner struct {
	Input
	report    *document.Reader
	services  map[estate.ServiceName]*depmap.Service
	component map[estate.ServiceName]*estate.Component
	uses      map[estate.ServiceName][]*pair  // by consumer, sorted by provider
	called    map[estate.ServiceName][]string // hosts that values were seen to mean a provider by, sorted
	marked    map[estate.ServiceName]string   // data that stays → the rule
	members   map[estate.ServiceName]*Member
	order     []estate.ServiceName // members in the order they were found: nearest to what is wanted first
	stores    map[estate.ServiceName]*Datastore
	stubs     map[estate.ServiceName]*StubPlan
	asked     map[estate.ServiceName]string // new datastores that workloads ask for → their types
	cuts      []Cut
	spared    []Spared
	waves     []Wave
	questions []workload.Question
}

// pair is everything one service uses another for.
type pair struct {
	from, to   estate.ServiceName
	kinds      []depmap.EdgeKind
	port       int
	evidence   []depmap.Evidence // that holds in the source environment, strongest first
	confidence float64
	routes     []string // of the consumer, that alone need it; all do when empty
}

func newPlanner(in Input) *planner {
	graph, asked, clashes := withAsked(in.Graph, in.Workloads)
	in.Graph = graph
	p := &planner{
		asked:     asked,
		Input:     in,
		report:    document.NewReader(in.Expansion.file, "the expansion"),
		services:  make(map[estate.ServiceName]*depmap.Service, len(in.Graph.Services)),
		component: make(map[estate.ServiceName]*estate.Component, len(in.Components)),
		uses:      map[estate.ServiceName][]*pair{},
		called:    map[estate.ServiceName][]string{},
		marked:    map[estate.ServiceName]string{},
		members:   map[estate.ServiceName]*Member{},
		stores:    map[estate.ServiceName]*Datastore{},
		stubs:     map[estate.ServiceName]*StubPlan{},
	}
	for i := range in.Graph.Services {
		p.services[in.Graph.Services[i].Name] = &in.Graph.Services[i]
	}
	for i := range in.Components {
		p.component[in.Components[i].Name] = &in.Components[i]
	}
	for _, text := range clashes {
		p.report.Problem(0, "%s", text)
	}
	p.pairUp()
	return p
}

// pairUp joins the edges of the source environment by their two ends.
func (p *planner) pairUp() {
	found := map[[2]estate.ServiceName]*pair{}
	for _, e := range p.Graph.Edges {
		p.noteHosts(e)
		if !e.In(p.Expansion.Source) {
			continue
		}
		key := [2]estate.ServiceName{e.From, e.To}
		v := found[key]
		if v == nil {
			v = &pair{from: e.From, to: e.To}
			found[key] = v
			p.uses[e.From] = append(p.uses[e.From], v)
		}
		v.kinds = append(v.kinds, e.Kind)
		v.port = cmp.Or(v.port, e.Port)
		v.confidence = max(v.confidence, e.Confidence)
		for _, proof := range e.Evidence {
			if len(proof.Environments) == 0 || slices.Contains(proof.Environments, p.Expansion.Source) {
				v.evidence = append(v.evidence, proof)
			}
		}
	}
	for name, hosts := range p.called {
		slices.Sort(hosts)
		p.called[name] = slices.Compact(hosts)
	}
	for _, list := range p.uses {
		slices.SortFunc(list, func(a, b *pair) int { return cmp.Compare(a.to, b.to) })
	}
}

// noteHosts remembers by which host each line that proves an edge means the provider. A line that names several says
// nothing of one.
func (p *planner) noteHosts(e depmap.Edge) {
	for _, proof := range e.Evidence {
		if !proof.Address() {
			continue
		}
		found := endpoint.Parse(workload.Default(proof.Value))
		if len(found) == 1 && !found[0].Bare && !strings.ContainsAny(found[0].Host, "${}*") {
			p.called[e.To] = append(p.called[e.To], found[0].Host)
		}
	}
}

// runsIn reports whether a service is in the source environment, as far as anything tells.
func (p *planner) runsIn(s *depmap.Service) bool {
	return len(s.Environments) == 0 || slices.Contains(s.Environments, p.Expansion.Source)
}

// at notes a problem with what the expansion says at a path.
func (p *planner) at(path, format string, args ...any) {
	p.report.Problem(p.Expansion.lines[path], format, args...)
}

func (p *planner) proposal() Proposal {
	e := p.Expansion
	out := Proposal{
		Expansion: e.Name, Organisation: p.Organisation, Country: e.Country, Source: e.Source, Map: p.Graph.Digest,
		Environments: e.Environments, Substitutions: e.Substitutions, Cuts: p.cuts, Optional: p.spared, Waves: p.waves, Questions: p.questions,
	}
	for _, name := range sortedNames(p.members) {
		out.Members = append(out.Members, *p.members[name])
	}
	for _, name := range sortedNames(p.stores) {
		out.Datastores = append(out.Datastores, *p.stores[name])
	}
	for _, name := range sortedNames(p.stubs) {
		out.Stubs = append(out.Stubs, *p.stubs[name])
	}
	return out.Sealed()
}

// Sealed is the proposal with the digest of what it says now.
func (p Proposal) Sealed() Proposal {
	p.Digest = ""
	p.Digest = estate.DigestOf(p)
	return p
}

func sortedNames[V any](m map[estate.ServiceName]V) []estate.ServiceName {
	out := make([]estate.ServiceName, 0, len(m))
	for name := range m {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

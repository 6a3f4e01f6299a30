package depmap

import (
	"cmp"
	"slices"

	"example.org/caravan/internal/estate"
)

// Build draws the graph of a snapshot: a node for every component, an edge for every use that some line of
// configuration, code or declaration proves, and a doubt for every name that leads nowhere.
func Build(s estate.Snapshot) Graph {
	b := newBuilder(s)
	b.learn()
	for i := range s.Components {
		b.draw(i)
	}
	b.observe()
	return b.graph()
}

func newBuilder(s estate.Snapshot) *builder {
	return &builder{
		snapshot: s,
		edges:    map[edgeKey]*Edge{},
		outside:  map[string]*Service{},
		asked:    map[asked]bool{},
		answered: map[asked]bool{},
		doubts:   slices.Clone(s.Doubts),
	}
}

// builder collects what Build finds.
type builder struct {
	snapshot estate.Snapshot
	nodes    []node // one for each component, in the snapshot's order
	names    nameTable
	handed   map[estate.Place][]int // settings that one line gives to several nodes
	managed  int                    // how many nodes Chef manages
	edges    map[edgeKey]*Edge
	outside  map[string]*Service // hosts that no component answers for
	asked    map[asked]bool
	answered map[asked]bool // keys that led to somebody
	unsure   []unsure
	doubts   []estate.Doubt
	watch    *watch // nil when nothing was looked at
}

// asked is a question that was put about a component: a host nobody has, a key that is filled elsewhere.
type asked struct {
	from  estate.ServiceName
	about string
}

// unsure is a doubt that holds unless the same key leads to somebody elsewhere.
type unsure struct {
	asked
	estate.Doubt
}

type edgeKey struct {
	from, to estate.ServiceName
	kind     EdgeKind
}

// draw finds every edge that starts at one component.
func (b *builder) draw(i int) {
	n := &b.nodes[i]
	b.fromSettings(n)
	b.fromRoutes(n)
	b.fromLinks(n)
	b.fromMentions(n)
	b.fromLibraries(n)
	b.fromOversight(n)
	b.fromConfigurationServer(n)
}

// connect adds evidence for an edge; an edge to itself is none.
func (b *builder) connect(from *node, to provider, e Evidence, origin Origin, confidence float64) {
	b.answered[asked{from.Name, e.Key}] = true
	if to.name == from.Name {
		return
	}
	key := edgeKey{from.Name, to.name, to.kind}
	edge := b.edges[key]
	if edge == nil {
		edge = &Edge{From: from.Name, To: to.name, Kind: to.kind, Infrastructure: to.infrastructure || infrastructureKinds[to.kind]}
		b.edges[key] = edge
	}
	confidence = min(confidence, to.confidence)
	if confidence > edge.Confidence {
		edge.Confidence, edge.Origin = confidence, origin
	}
	if edge.Port == 0 {
		edge.Port = to.port
	}
	edge.Evidence = append(edge.Evidence, e)
}

var infrastructureKinds = map[EdgeKind]bool{
	Configuration: true, Discovery: true, Monitoring: true, Logging: true, Tracing: true,
}

// graph sorts what was found into its final form.
func (b *builder) graph() Graph {
	g := Graph{Services: []Service{}, Edges: []Edge{}, Teams: b.snapshot.Teams, Files: b.snapshot.Files, Read: b.snapshot.Read}
	used := map[estate.ServiceName]bool{}
	for k := range b.edges {
		used[k.from], used[k.to] = true, true
	}
	for i := range b.nodes {
		n := &b.nodes[i]
		if n.Kind == estate.Host && (len(b.names.onHost[n.Name]) > 0 || n.Technology == estate.TechnologyNode) && !used[n.Name] {
			continue // shown with the services that run on it
		}
		g.Services = append(g.Services, n.service())
	}
	for _, s := range b.outside {
		g.Services = append(g.Services, *s)
	}
	slices.SortFunc(g.Services, func(x, y Service) int { return cmp.Compare(x.Name, y.Name) })
	g.Edges = b.sortedEdges()
	if b.watch != nil {
		b.watch.judge(g.Edges)
	}
	g.Groups = groups(&g)
	g.Doubts = sortedDoubts(b.open())
	g.Digest = estate.DigestOf(g)
	return g
}

// sortedEdges orders edges and their evidence, and folds a bare start order into an edge that says more.
func (b *builder) sortedEdges() []Edge {
	best := map[[2]estate.ServiceName]*Edge{}
	for _, e := range b.edges {
		pair := [2]estate.ServiceName{e.From, e.To}
		if old := best[pair]; e.Kind != Unknown && (old == nil || e.Confidence > old.Confidence || e.Confidence == old.Confidence && e.Kind < old.Kind) {
			best[pair] = e
		}
	}
	for _, e := range b.edges {
		if pair := [2]estate.ServiceName{e.From, e.To}; e.Kind == Route && best[pair].Kind == HTTP {
			best[pair] = e
		}
	}
	out := make([]Edge, 0, len(b.edges))
	for _, e := range b.edges {
		if other := best[[2]estate.ServiceName{e.From, e.To}]; other != nil && e.saysLess(other) {
			other.Evidence = append(other.Evidence, e.Evidence...)
		}
	}
	for _, e := range b.edges {
		if other := best[[2]estate.ServiceName{e.From, e.To}]; other != nil && e.saysLess(other) {
			continue
		}
		e.Evidence = joinEvidence(e.Evidence)
		out = append(out, *e)
	}
	slices.SortFunc(out, func(x, y Edge) int {
		return cmp.Or(cmp.Compare(x.From, y.From), cmp.Compare(x.To, y.To), cmp.Compare(x.Kind, y.Kind))
	})
	return out
}

// saysLess reports whether an edge is told in full by another between the same two: a start order by any, plain HTTP by the
// route that a proxy makes of it.
func (e *Edge) saysLess(other *Edge) bool {
	return e.Kind == Unknown && other.Kind != Unknown || e.Kind == HTTP && other.Kind == Route
}

// joinEvidence sorts evidence, strongest first, and joins what the same line says of several environments.
func joinEvidence(all []Evidence) []Evidence {
	slices.SortStableFunc(all, compareEvidence)
	out := all[:0]
	for _, e := range all {
		if last := len(out) - 1; last >= 0 && compareEvidence(out[last], e) == 0 {
			out[last].Environments = bothEnvironments(out[last].Environments, e.Environments)
			continue
		}
		out = append(out, e)
	}
	return out
}

// bothEnvironments is where one of two holds; nothing stands for everywhere.
func bothEnvironments(a, b []estate.EnvironmentName) []estate.EnvironmentName {
	if len(a) == 0 || len(b) == 0 {
		return nil
	}
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}

// only is the list of one environment, or of none.
func only(env estate.EnvironmentName) []estate.EnvironmentName {
	if env == "" {
		return nil
	}
	return []estate.EnvironmentName{env}
}

func compareEvidence(x, y Evidence) int {
	return cmp.Or(cmp.Compare(strength[y.Why], strength[x.Why]), x.Place.Compare(y.Place), cmp.Compare(x.Key, y.Key), cmp.Compare(x.Value, y.Value), cmp.Compare(x.Why, y.Why), cmp.Compare(x.Reader, y.Reader))
}

func sortedDoubts(doubts []estate.Doubt) []estate.Doubt {
	slices.SortFunc(doubts, func(a, b estate.Doubt) int {
		return cmp.Or(a.Place.Compare(b.Place), cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.About, b.About), cmp.Compare(a.Text, b.Text))
	})
	return slices.Compact(doubts)
}

// Why a piece of evidence counts, and how strongly. The phrases are shown to people.
const (
	whyAddress   = "address in configuration"
	whyShared    = "address in shared configuration"
	whyRoute     = "route in configuration"
	whyUpstream  = "proxy upstream"
	whyScrape    = "scrape target"
	whyShip      = "log or metric destination"
	whyDashboard = "dashboard data source"
	whyCommand   = "address in a command line"
	whyDeclared  = "declared dependency"
	whyClient    = "client in source code"
	whyURL       = "URL in source code"
	whyFallback  = "default value in source code"
	whyLink      = "container link"
	whyWait      = "waits for it before starting"
	whyRequires  = "started after it"
	whyLibrary   = "client library without an address: the framework's default"
	whyHandedOut = "a configuration server keeps a file for it"
	whyOversight = "watches every container beside it"
	whyOrder     = "start order only"
	whyPolicy    = "network policy allows it"
	whySeen      = "connection seen"
	// whySeenMachine is a connection whose process was gone or is not told; nobody else on the machine would have it.
	whySeenMachine = "connection seen from its machine, where only it is configured to use this"
)

// strength is how sure each sort of evidence makes an edge.
var strength = map[string]float64{
	whyAddress: 0.95, whyRoute: 0.95, whyUpstream: 0.95, whyScrape: 0.9, whyShip: 0.9, whyDashboard: 0.95, whyDeclared: 0.9,
	whyShared: 0.8, whyCommand: 0.8, whyClient: 0.9, whyURL: 0.75, whyFallback: 0.7, whyLink: 0.7, whyWait: 0.6, whyRequires: 0.6,
	whyLibrary: 0.6, whyHandedOut: 0.8, whyOversight: 0.6, whyOrder: 0.5, whyPolicy: 0.5, whySeen: 0.9, whySeenMachine: 0.7,
}

package depmap

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"example.org/caravan/internal/endpoint"
	"example.org/caravan/internal/estate"
)

// Sight says how an edge compares with what was seen running.
type Sight struct {
	State  SightState `json:"state"`
	Last   time.Time  `json:"last,omitzero"`   // when a connection was last seen open
	Looked time.Time  `json:"looked,omitzero"` // since when all places where the consumer runs were looked at
}

// SightState is what configuration and observation say together.
type SightState string

// The states. An edge without one is configured, and nobody looked at where its consumer runs.
const (
	SeenBoth    SightState = "both"             // configured and seen
	SeenOnly    SightState = "never-configured" // seen, and nothing configures it
	SeenNever   SightState = "never-seen"       // configured; all places where the consumer runs were looked at, and it was not seen
	SeenUnclear SightState = "unclear"          // seen from a machine where several are configured to use the provider, and not by which
)

// watch draws what was seen.
type watch struct {
	*builder
	byName  map[estate.ServiceName]*node
	looked  map[estate.ServiceName]time.Time
	watched map[estate.EnvironmentName]bool // environments of which anything was looked at
	unclear map[[2]estate.ServiceName]time.Time
	doubted map[string]bool
}

// observe draws an edge for every connection that was seen between two that are known, and adds it to what configuration says of
// the two. Of others it asks.
func (b *builder) observe() {
	if len(b.snapshot.Looks)+len(b.snapshot.Flows) == 0 {
		return
	}
	w := &watch{builder: b, byName: map[estate.ServiceName]*node{}, looked: map[estate.ServiceName]time.Time{}, watched: map[estate.EnvironmentName]bool{}, unclear: map[[2]estate.ServiceName]time.Time{}, doubted: map[string]bool{}}
	for i := range b.nodes {
		w.byName[b.nodes[i].Name] = &b.nodes[i]
	}
	for _, l := range b.snapshot.Looks {
		w.looked[l.Component], w.watched[l.Environment] = l.At, true
	}
	for _, front := range []bool{true, false} { // what proxies go to comes first: it tells what goes through them
		for i := range b.snapshot.Flows {
			f := &b.snapshot.Flows[i]
			if from := w.byName[f.From]; front == (from != nil && from.role == "proxy") {
				w.flow(f)
			}
		}
	}
	b.watch = w
}

// flow draws one connection.
func (w *watch) flow(f *estate.Flow) {
	to, ok := w.provider(f)
	switch from := w.byName[f.From]; {
	case !ok:
		w.stranger(f)
	case to.node != nil && to.node.Kind == estate.Host:
		// to the machine itself: logging in, watching it
	case from != nil:
		w.saw(from, to, f, whySeen)
	case f.Host != "":
		w.fromMachine(f, to)
	case f.Peer != "":
		w.ask(f, to.name, f.Peer, fmt.Sprintf("%s is connected to from %s, which nobody is known to have; say in caravan.yaml who it is", to.name, f.Peer))
	}
}

// provider is who answers at the address of a flow: who was seen listening there, else who is configured to.
func (w *watch) provider(f *estate.Flow) (provider, bool) {
	from := w.byName[f.From]
	if from == nil {
		from = w.byName[f.Host]
	}
	at, err := netip.ParseAddrPort(f.Address)
	if err != nil {
		return provider{}, false
	}
	q := question{from: from, env: f.Environment, e: endpoint.Endpoint{Host: at.Addr().String(), Port: int(at.Port())}}
	if n := w.byName[f.To]; n != nil {
		return w.builder.provider(n, q, 1), true
	}
	if found := w.named(f, from); found != "" {
		kind := HTTP
		if e := w.between(f.From, found); len(e) > 0 {
			kind = e[0].Kind
		}
		return provider{name: found, kind: kind, port: q.e.Port, confidence: 1}, true
	}
	if from == nil || at.Addr().IsLoopback() {
		return provider{}, false
	}
	found := w.names.byIP[q.e.Host]
	if len(found) == 0 {
		found = w.viaRecords(q.e.Host, q.env)
	}
	if n, ok := w.choose(w.runningThere(found, q), q); ok && (n.Kind != estate.Host || !w.looked[n.Name].IsZero()) {
		return w.builder.provider(n, q, 1), true
	}
	return provider{}, false
}

// named is what lies outside the estate and whose name led to a flow's address: the only one, else the only one that the consumer is
// configured to use.
func (w *watch) named(f *estate.Flow, from *node) estate.ServiceName {
	var known, used []estate.ServiceName
	for _, name := range f.Names {
		if w.outside[string(name)] == nil {
			continue
		}
		known = append(known, name)
		if from != nil && slices.ContainsFunc(w.between(from.Name, name), func(e *Edge) bool { return e.In(f.Environment) }) {
			used = append(used, name)
		}
	}
	switch {
	case len(used) == 1:
		return used[0]
	case len(known) == 1:
		return known[0]
	}
	return ""
}

// between are the edges from one to another so far.
func (b *builder) between(from, to estate.ServiceName) []*Edge {
	var out []*Edge
	for _, kind := range edgeKinds {
		if e := b.edges[edgeKey{from, to, kind}]; e != nil {
			out = append(out, e)
		}
	}
	return out
}

var edgeKinds = []EdgeKind{HTTP, RPC, Database, Cache, Messaging, Search, Route, Identity, Configuration, Discovery, Monitoring, Logging, Tracing, Mail, Coordination, Unknown}

// saw adds a connection to the edges between two that it may be, or draws one. What ends at a proxy that passes it on to one service
// alone is a connection with that service.
func (w *watch) saw(from *node, to provider, f *estate.Flow, why string) {
	value := f.Address
	if behind, ok := w.behind(to, from); ok {
		value += " through " + string(to.name)
		behind.port, to = to.port, behind
	}
	e := Evidence{Place: f.Place, Key: cmp.Or(f.Process, "connection"), Value: value, Reader: "live", Why: why, Environments: only(f.Environment), At: f.At, Count: f.Count}
	edges := w.between(from.Name, to.name)
	if same := slices.DeleteFunc(slices.Clone(edges), func(e *Edge) bool { return e.Port != 0 && e.Port != to.port }); len(same) > 0 {
		edges = same
	}
	for _, edge := range edges {
		at := to
		at.kind = edge.Kind
		w.connect(from, at, e, Observed, strength[why])
	}
	if len(edges) == 0 {
		if from.role == "proxy" && to.kind == HTTP {
			to.kind = Route
		}
		w.connect(from, to, e, Observed, strength[why])
	}
}

// behind is the only service that a proxy passes on to what comes in at a port: the one that listens at the same.
func (w *watch) behind(to provider, from *node) (provider, bool) {
	if to.node == nil || to.node.role != "proxy" || to.port == 0 {
		return provider{}, false
	}
	var found *node
	for i := range w.nodes {
		n := &w.nodes[i]
		if !slices.ContainsFunc(n.Listens, func(l estate.Listen) bool { return l.Port == to.port }) || n == to.node {
			continue
		}
		if passes := w.between(to.name, n.Name); len(passes) == 0 || passes[0].Infrastructure {
			continue
		}
		if found != nil {
			return provider{}, false
		}
		found = n
	}
	if found == nil || found == from {
		return provider{}, false
	}
	q := question{from: from, e: endpoint.Endpoint{Host: string(found.Name), Port: to.port}}
	return w.builder.provider(found, q, 1), true
}

// fromMachine finds out which service of a machine a connection was, when its process is not known: the only one there that is
// configured to use the provider.
func (w *watch) fromMachine(f *estate.Flow, to provider) {
	target := to.name
	if behind, ok := w.behind(to, nil); ok {
		target = behind.name
	}
	var users []*node
	for i := range w.nodes {
		if n := &w.nodes[i]; n.Name != to.name && w.mayRunOn(n, f.Host) && len(w.between(n.Name, target)) > 0 {
			users = append(users, n)
		}
	}
	switch len(users) {
	case 1:
		w.saw(users[0], to, f, whySeenMachine)
	case 0:
		w.ask(f, target, string(f.Host), fmt.Sprintf("something on %s is connected to %s, and nothing there is configured to be; say in its configuration or in caravan.yaml what it is", f.Host, target))
	default:
		for _, n := range users {
			w.unclear[[2]estate.ServiceName{n.Name, target}] = f.At
		}
	}
}

// mayRunOn reports whether a component runs on a machine, or anywhere in the cluster that the machine is a node of.
func (w *watch) mayRunOn(n *node, machine estate.ServiceName) bool {
	host := w.byName[machine]
	if host == nil || host.Technology != estate.TechnologyNode {
		return slices.Contains(n.Hosts, machine)
	}
	return n.Kind != estate.Host && slices.ContainsFunc(host.Environments, func(env estate.EnvironmentName) bool { return slices.Contains(n.Environments, env) })
}

// stranger asks about a connection that leads to nobody who is known.
func (w *watch) stranger(f *estate.Flow) {
	at, err := netip.ParseAddrPort(f.Address)
	from := cmp.Or(f.From, f.Host)
	if err != nil || from == "" || at.Addr().IsLoopback() || f.From == "" && !at.Addr().IsPrivate() {
		return
	}
	if found := w.names.byIP[at.Addr().String()]; len(found) == 1 {
		there := w.nodes[found[0]].Name
		w.ask(f, from, fmt.Sprint(there, at.Port()), fmt.Sprintf("%s is connected to %s at port %d, and nobody is known to listen there; look at %s, too, or write the port in what runs there", from, there, at.Port(), there))
		return
	}
	w.ask(f, from, fmt.Sprint(at.Port()), fmt.Sprintf("%s is connected to %s, which nobody is known to have; say in caravan.yaml who it is", from, f.Address))
}

// ask puts a question about what was seen, once.
func (w *watch) ask(f *estate.Flow, about estate.ServiceName, key, text string) {
	if id := string(about) + " " + key; !w.doubted[id] {
		w.doubted[id] = true
		w.doubts = append(w.doubts, estate.Doubt{Topic: estate.Unconfigured, Place: f.Place, About: about, By: "map", Text: text})
	}
}

// judge says of every edge how it compares with what was seen, and asks about those that nothing configures.
func (w *watch) judge(edges []Edge) {
	for i := range edges {
		e := &edges[i]
		seen, configured := Sight{}, false
		for _, v := range e.Evidence {
			if v.At.IsZero() {
				configured = true
			} else if v.At.After(seen.Last) {
				seen.Last = v.At
			}
		}
		looked, all := w.lookedAt(e)
		if all {
			seen.Looked = looked
		}
		unclear := w.unclear[[2]estate.ServiceName{e.From, e.To}]
		switch {
		case !seen.Last.IsZero() && configured:
			seen.State = SeenBoth
		case !seen.Last.IsZero():
			seen.State = SeenOnly
			w.ask(&estate.Flow{Place: e.Evidence[0].Place}, e.From, string(e.To), fmt.Sprintf("%s was seen connected to %s (%s), and nothing configures it; say where it is configured, or end it", e.From, e.To, e.Evidence[0].Value))
		case !unclear.IsZero():
			seen.State, seen.Last = SeenUnclear, unclear
		case all:
			seen.State = SeenNever
		default:
			continue
		}
		e.Seen = &seen
	}
}

// lookedAt reports whether all places where an edge's consumer runs were looked at, as far as they are of environments that anybody looks
// at and where the edge holds, and since when.
func (w *watch) lookedAt(e *Edge) (time.Time, bool) {
	n := w.byName[e.From]
	if n == nil {
		return time.Time{}, false
	}
	if at := w.looked[n.Name]; !at.IsZero() {
		return at, true
	}
	var since time.Time
	for _, h := range n.Hosts {
		host := w.byName[h]
		if host == nil || len(host.Environments) > 0 && !slices.ContainsFunc(host.Environments, func(env estate.EnvironmentName) bool { return w.watched[env] && e.In(env) }) {
			continue
		}
		at := w.looked[h]
		if at.IsZero() {
			return time.Time{}, false
		}
		if since.IsZero() || at.Before(since) {
			since = at
		}
	}
	return since, !since.IsZero()
}

// Observed reports whether it is a connection that was seen, and not a line that somebody wrote.
func (e Evidence) Observed() bool { return !e.At.IsZero() }

// Observation says in one line what was seen: "seen at 2026-11-30 15:04 UTC: kopi-orders → 10.10.1.21:5432 (3 connections)".
func (e Evidence) Observation() string {
	count := "1 connection"
	if e.Count != 1 {
		count = fmt.Sprintf("%d connections", e.Count)
	}
	return fmt.Sprintf("seen at %s: %s → %s (%s)", e.At.UTC().Format(moment), e.Key, e.Value, count)
}

const moment = "2006-01-02 15:04 UTC"

// String says in one phrase how configuration and observation compare.
func (s Sight) String() string {
	switch s.State {
	case SeenBoth:
		return "configured and seen, last at " + s.Last.UTC().Format(moment)
	case SeenOnly:
		return "seen at " + s.Last.UTC().Format(moment) + ", never configured"
	case SeenNever:
		return "configured, never seen; looked at " + s.Looked.UTC().Format(moment)
	}
	return "configured; seen from its machine at " + s.Last.UTC().Format(moment) + ", perhaps from another service there"
}

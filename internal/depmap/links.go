package depmap

import (
	"path"
	"slices"
	"strings"

	"example.org/caravan/internal/endpoint"
	"example.org/caravan/internal/estate"
)

var linkWhy = map[string]string{
	estate.LinkDependsOn: whyOrder, estate.LinkLink: whyLink, estate.LinkWait: whyWait, estate.LinkUpstream: whyUpstream,
	estate.LinkScrape: whyScrape, estate.LinkShip: whyShip, estate.LinkCommand: whyCommand, estate.LinkVolume: whyOrder,
	estate.LinkRequires: whyRequires, estate.LinkDeclared: whyDeclared, estate.LinkPolicy: whyPolicy, estate.LinkDashboard: whyDashboard,
}

// fromLinks draws the edges a file declares as such.
func (b *builder) fromLinks(n *node) {
	if len(n.Links) == 0 {
		return
	}
	raw := n.rawKeys()
	for _, l := range n.Links {
		why, ok := linkWhy[l.Why]
		if !ok {
			continue
		}
		target := fill(n.Component, raw, l.Target, 0)
		for _, e := range endpoint.Parse(target) {
			if l.Why == estate.LinkShip && e.IsLocal() {
				continue // to an agent on the same machine
			}
			if l.Why == estate.LinkDeclared && b.forEverybody(l.Place) {
				continue // a search in a recipe for all machines: whom to let in, not whom to call
			}
			weak := l.Why == estate.LinkPolicy || l.Why == estate.LinkRequires
			// A lone word in a declaration is a name: nobody else would stand there.
			e.Bare = e.Bare && weak
			p, ok := b.resolve(question{from: n, e: e, place: l.Place, env: l.Environment, strict: weak})
			if !ok || mereOrder[l.Why] && !n.canSpeakTo(p) {
				continue
			}
			p.kind = linkKind(l.Why, p)
			b.connect(n, p, Evidence{Place: l.Place, Key: l.Why, Value: l.Target, Why: why, Environments: only(l.Environment)}, linkOrigin(l.Why), strength[why])
		}
	}
}

// mereOrder are the declarations that prove no traffic: somebody wrote them once and nothing fails when they are stale.
var mereOrder = map[string]bool{
	estate.LinkDependsOn: true, estate.LinkLink: true, estate.LinkWait: true, estate.LinkRequires: true, estate.LinkPolicy: true,
}

// canSpeakTo reports whether a component could use a store or broker, as far as its build manifests tell.
func (n *node) canSpeakTo(p provider) bool {
	if p.node == nil || len(n.libraries) == 0 || p.node.technology == "" {
		return true
	}
	return p.node.role != "store" && p.node.role != "broker" || n.hasLibraryFor(p.node.technology)
}

// linkKind corrects the kind by what the declaration says.
func linkKind(why string, p provider) EdgeKind {
	switch why {
	case estate.LinkScrape:
		return Monitoring
	case estate.LinkShip:
		if p.kind == HTTP || p.kind == Unknown {
			return Logging
		}
	case estate.LinkUpstream:
		if p.kind == HTTP || p.kind == Unknown {
			return Route
		}
	case estate.LinkDependsOn, estate.LinkLink, estate.LinkWait, estate.LinkRequires, estate.LinkVolume, estate.LinkPolicy:
		if p.kind == HTTP {
			return Unknown
		}
	}
	return p.kind
}

func linkOrigin(why string) Origin {
	switch why {
	case estate.LinkDependsOn, estate.LinkDeclared, estate.LinkRequires, estate.LinkPolicy:
		return Declared
	}
	return Configured
}

// fromRoutes draws the gateway routes that name a service only in their key: zuul.routes.orders.path=/orders/**.
func (b *builder) fromRoutes(n *node) {
	const prefix = "zuul.routes."
	for i := range n.settings.list {
		s := &n.settings.list[i]
		rest, ok := strings.CutPrefix(s.Key, prefix)
		if !ok {
			continue
		}
		id, field, _ := strings.Cut(rest, ".")
		if field != "" && field != "path" || n.settings.sets(prefix+id+".service-id", prefix+id+".url") {
			continue
		}
		q := question{from: n, e: endpoint.Endpoint{Scheme: "lb", Host: strings.ToLower(id)}, key: s.Key, place: s.Place, strict: true}
		if p, ok := b.resolve(q); ok {
			b.connect(n, p, Evidence{Place: s.Place, Key: s.Key, Value: s.Value, Reader: s.By, Why: whyRoute, Environments: only(s.Environment)}, Configured, strength[whyRoute])
		}
	}
}

// fromMentions draws the edges that source code shows.
func (b *builder) fromMentions(n *node) {
	for _, m := range n.Mentions {
		var why, key string
		value := m.Value
		switch m.What {
		case estate.CodeURL:
			why = whyURL
		case estate.CodeClient, estate.CodeRoute:
			why = whyClient
		case estate.CodeFallback:
			why = whyFallback
			key, value, _ = strings.Cut(m.Value, "=")
			if n.settings.sets(key) {
				continue // what is configured overrules the default
			}
		default:
			continue
		}
		for _, e := range endpoint.Parse(fill(n.Component, n.rawKeys(), value, 0)) {
			if e.Bare && m.What == estate.CodeFallback && !hostKey(key) {
				continue
			}
			q := question{from: n, e: e, key: key, place: m.Place, strict: true, abroad: (e.Scheme == "http" || e.Scheme == "https") && !bystander(m.Place.File)}
			if p, ok := b.resolve(q); ok {
				b.connect(n, p, Evidence{Place: m.Place, Key: m.What, Value: m.Value, Reader: "code", Why: why}, Code, strength[why])
			}
		}
	}
}

// bystander reports whether a file prepares a machine or is handed to browsers as it is: what it fetches from afar is no
// dependency of what runs.
func bystander(file string) bool {
	switch path.Ext(file) {
	case ".sh", ".bash", ".ps1", ".bat", ".cmd":
		return true
	}
	for _, folder := range []string{"/static/", "/assets/", "/wwwroot/", "/vendor/", "/node_modules/"} {
		if strings.Contains("/"+file, folder) {
			return true
		}
	}
	return false
}

// rawKeys indexes all settings by key, for filling placeholders in source code.
func (n *node) rawKeys() map[string][]int {
	raw := make(map[string][]int, len(n.settings.byKey))
	for i, s := range n.Component.Settings {
		raw[normKey(s.Key)] = append(raw[normKey(s.Key)], i)
	}
	return raw
}

// fromLibraries draws the edges that a client library makes by itself: without an address it goes to the framework's
// default one, and if the estate has exactly one such server, that is who was meant.
func (b *builder) fromLibraries(n *node) {
	for _, l := range n.libraries {
		if l.DefaultAddress == "" || n.settings.sets(l.Keys...) || l.Switch != "" && n.off(l.Switch) {
			continue
		}
		p, ok := b.only(l.Technology)
		if !ok {
			continue
		}
		q := question{from: n, e: endpoint.Endpoint{Bare: true}, place: l.place}
		b.connect(n, b.provider(p, q, 1), Evidence{Place: l.place, Key: l.coordinate, Value: l.DefaultAddress, Reader: "build", Why: whyLibrary}, Code, strength[whyLibrary])
	}
}

func (n *node) off(key string) bool {
	v, ok := n.settings.value(key)
	return ok && v == "false"
}

// overseers watch every container deployed beside them.
var overseers = map[string]bool{"weave-scope": true}

// fromOversight draws the edges of tools that need no address because they read the container engine.
func (b *builder) fromOversight(n *node) {
	if !overseers[n.technology] || len(n.Places) == 0 {
		return
	}
	for i := range b.nodes {
		o := &b.nodes[i]
		if slices.ContainsFunc(o.Places, func(p estate.Place) bool { return p.File == n.Places[0].File }) {
			p := provider{name: o.Name, node: o, kind: Monitoring, confidence: 1, infrastructure: true}
			b.connect(n, p, Evidence{Place: n.Places[0], Key: "image", Value: n.technology, Why: whyOversight}, Configured, strength[whyOversight])
		}
	}
}

// fromConfigurationServer draws the edge to the estate's configuration server that a file kept there for the component proves.
func (b *builder) fromConfigurationServer(n *node) {
	for i := range n.settings.list {
		s := &n.settings.list[i]
		if s.Layer != estate.LayerConfigurationServer || s.Shared {
			continue
		}
		if server, ok := b.only("spring-config"); ok {
			p := provider{name: server.Name, node: server, kind: Configuration, confidence: 1, infrastructure: true}
			b.connect(n, p, Evidence{Place: s.Place, Key: s.Key, Value: s.Value, Reader: s.By, Why: whyHandedOut, Environments: only(s.Environment)}, Configured, strength[whyHandedOut])
		}
		return
	}
}

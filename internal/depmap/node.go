package depmap

import (
	"cmp"
	"slices"
	"strings"

	"example.org/caravan/internal/client"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/technology"
)

// node is a component with what Build needs to know about it at hand.
type node struct {
	*estate.Component
	index          int
	technology     string
	role           string
	infrastructure bool
	libraries      []libraryUse
	settings       effective
	reads          map[string]bool // variables its source code asks for
	store          bool            // learnt from those who speak to it
}

type libraryUse struct {
	client.Library
	place      estate.Place
	coordinate string
}

// learn prepares the nodes and the table of names.
func (b *builder) learn() {
	usual := UsualProfiles(b.snapshot.Components)
	b.nodes = make([]node, len(b.snapshot.Components))
	for i := range b.snapshot.Components {
		c := &b.snapshot.Components[i]
		n := &b.nodes[i]
		*n = node{Component: c, index: i}
		n.libraries = librariesOf(c)
		n.technology, n.role, n.infrastructure = character(c, n.libraries)
		n.settings = effectiveSettings(c, usual)
	}
	b.names = newNameTable(b.nodes, b.snapshot.Records)
	b.recogniseStores()
	b.handedOut()
}

func librariesOf(c *estate.Component) []libraryUse {
	var out []libraryUse
	for _, l := range c.Libraries {
		for _, known := range client.Of(l.Coordinate) {
			out = append(out, libraryUse{Library: known, place: l.Place, coordinate: l.Coordinate})
		}
	}
	return out
}

// character says what a component is: by its image or declaration, else by the server it builds, else by its name.
func character(c *estate.Component, libraries []libraryUse) (tech, role string, infrastructure bool) {
	if t, ok := technology.OfName(c.Technology); ok {
		return t.Name, t.Role, t.Infrastructure
	}
	if c.Technology != "" {
		return c.Technology, c.Role, false
	}
	for _, m := range c.Mentions {
		if s, ok := servers[m.Value]; ok && m.What == estate.CodeAnnotation {
			return s.technology, s.role, s.infrastructure
		}
	}
	for _, l := range libraries {
		if s, ok := serverLibraries[l.Capability]; ok {
			return cmp.Or(l.Technology, s.technology), s.role, s.infrastructure
		}
	}
	if c.Kind == estate.Host {
		return "", "", false
	}
	return byName(c)
}

type serverKind struct {
	technology, role string
	infrastructure   bool
}

// servers are annotations that make a program a server others configure themselves from.
var servers = map[string]serverKind{
	"EnableEurekaServer":        {"eureka", "registry", true},
	"EnableConfigServer":        {"spring-config", "config", true},
	"EnableAdminServer":         {"spring-boot-admin", "monitoring", true},
	"EnableAuthorizationServer": {"", "identity", false},
	"EnableZipkinServer":        {"zipkin", "tracing", true},
	"EnableZipkinStreamServer":  {"zipkin", "tracing", true},
	"EnableHystrixDashboard":    {"hystrix", "dashboard", true},
	"EnableTurbine":             {"hystrix", "monitoring", true},
	"EnableTurbineStream":       {"hystrix", "monitoring", true},
	"EnableZuulProxy":           {"", "gateway", false},
	"EnableZuulServer":          {"", "gateway", false},
}

var serverLibraries = map[string]serverKind{
	"registry-server": {"eureka", "registry", true},
	"config-server":   {"spring-config", "config", true},
	"admin-server":    {"spring-boot-admin", "monitoring", true},
	"identity-server": {"", "identity", false},
	"gateway":         {"", "gateway", false},
	"tracing-server":  {"zipkin", "tracing", true},
}

// nameHints read a role off a name when nothing else tells.
var nameHints = []struct {
	word string
	serverKind
}{
	{"eureka", serverKind{"eureka", "registry", true}},
	{"discovery", serverKind{"eureka", "registry", true}},
	{"registry", serverKind{"eureka", "registry", true}},
	{"configserver", serverKind{"spring-config", "config", true}},
	{"configservice", serverKind{"spring-config", "config", true}},
	{"zipkin", serverKind{"zipkin", "tracing", true}},
	{"tracing", serverKind{"zipkin", "tracing", true}},
	{"prometheus", serverKind{"prometheus", "monitoring", true}},
	{"grafana", serverKind{"grafana", "dashboard", true}},
	{"gateway", serverKind{"", "gateway", false}},
	{"auth", serverKind{"", "identity", false}},
}

func byName(c *estate.Component) (tech, role string, infrastructure bool) {
	for _, a := range c.Names {
		if a.Kind == estate.NameImage || a.Kind == estate.NameMounts {
			continue
		}
		if t, ok := technology.OfName(a.Value); ok {
			return t.Name, t.Role, t.Infrastructure
		}
	}
	name := estate.Norm(string(c.Name))
	if name == "config" {
		return "spring-config", "config", true
	}
	for _, h := range nameHints {
		if strings.Contains(name, h.word) {
			return h.technology, h.role, h.infrastructure
		}
	}
	return "", "", false
}

// service is the node as the graph shows it.
func (n *node) service() Service {
	s := Service{
		Name: n.Name, Kind: n.Kind, External: n.Kind == estate.External, Infrastructure: n.infrastructure, Technology: n.technology, Role: n.role,
		Team: n.Team, TeamFrom: n.TeamFrom, Environments: n.Environments, Hosts: n.Hosts, Names: n.Names, Places: n.Places,
	}
	if n.store {
		s.Kind = estate.Datastore
	}
	for _, l := range n.Listens {
		if !slices.Contains(s.Ports, l.Port) {
			s.Ports = append(s.Ports, l.Port)
		}
	}
	return s
}

// hasLibraryFor reports whether the component can speak to a technology, as far as its build manifests tell.
func (n *node) hasLibraryFor(tech string) bool {
	return slices.ContainsFunc(n.libraries, func(l libraryUse) bool { return l.Technology == tech })
}

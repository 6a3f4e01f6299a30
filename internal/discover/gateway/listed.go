package gateway

import (
	"strings"

	"example.org/caravan/internal/discover"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/syntax"
)

// isKrakenD recognises krakend.json by its endpoints and their backends.
func isKrakenD(f discover.File) bool {
	return (f.Ext() == ".json" || isYAML(f)) && holds(f, "endpoints", "backend", "url_pattern")
}

func (p *page) krakend(f discover.File) {
	for _, doc := range p.parse(f) {
		p.links(estate.LinkUpstream, doc.Get("host"), "default host")
		port := doc.Get("port")
		p.listens(port.Value, port.Line)
		for _, e := range doc.Get("endpoints").Items {
			for _, b := range e.Get("backend").Items {
				p.links(estate.LinkUpstream, b.Get("host"), "endpoint "+e.Get("endpoint").Value)
			}
		}
		p.runs("krakend", doc.Line)
	}
}

// isExpress recognises gateway.config.yml of Express Gateway.
func isExpress(f discover.File) bool {
	return (isYAML(f) || f.Ext() == ".json") && holds(f, "serviceEndpoints", "apiEndpoints")
}

func (p *page) express(f discover.File) {
	for _, doc := range p.parse(f) {
		for _, section := range []string{"http", "https", "admin"} {
			port := doc.At(section, "port")
			p.listens(port.Value, port.Line)
		}
		for _, e := range doc.Get("serviceEndpoints").Pairs {
			p.links(estate.LinkUpstream, e.Value.Get("url"), "service endpoint "+e.Key)
			p.links(estate.LinkUpstream, e.Value.Get("urls"), "service endpoint "+e.Key)
		}
	}
}

// isOcelot recognises ocelot.json by its routes.
func isOcelot(f discover.File) bool {
	return f.Ext() == ".json" && holds(f, "DownstreamPathTemplate")
}

func (p *page) ocelot(f discover.File) {
	for _, doc := range p.parse(f) {
		for _, list := range []string{"Routes", "ReRoutes"} {
			for _, route := range doc.Get(list).Items {
				p.ocelotRoute(route)
			}
		}
		registry := doc.At("GlobalConfiguration", "ServiceDiscoveryProvider")
		host := registry.Get("Host")
		p.link(estate.LinkDeclared, hostPort(host.Value, registry.Get("Port").Value), "service discovery", host.Line)
	}
}

func (p *page) ocelotRoute(route syntax.Node) {
	layer := strings.TrimSpace("route " + route.Get("UpstreamPathTemplate").Value)
	scheme := route.Get("DownstreamScheme").Value
	for _, d := range route.Get("DownstreamHostAndPorts").Items {
		target := hostPort(d.Get("Host").Value, d.Get("Port").Value)
		if scheme != "" && target != "" {
			target = scheme + "://" + target
		}
		p.link(estate.LinkUpstream, target, layer, d.Line)
	}
	p.links(estate.LinkUpstream, route.Get("ServiceName"), layer)
}

func hostPort(host, port string) string {
	if host == "" || port == "" {
		return host
	}
	return host + ":" + port
}

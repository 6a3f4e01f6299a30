package consul

import (
	"bytes"
	"net/netip"
	"slices"

	"example.org/caravan/internal/discover"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/syntax"
)

// isDefinition recognises service definitions, alone or in a list, and leaves the rest of an agent's configuration.
func isDefinition(f discover.File) bool {
	if f.Ext() == ".hcl" {
		return holds(f, "service {", "name") || holds(f, "services {", "name")
	}
	if key := firstKey(f.Data); f.Ext() != ".json" || key != "service" && key != "services" {
		return false
	}
	doc, err := syntax.JSON(f.Data)
	return err != nil || slices.ContainsFunc(append(each(doc.Get("service")), each(doc.Get("services"))...), isRegistration)
}

// firstKey is the first key of a JSON object, "" when there is none.
func firstKey(data []byte) string {
	data, ok := bytes.CutPrefix(bytes.TrimLeft(data, " \t\r\n\ufeff"), []byte{'{'})
	if data = bytes.TrimLeft(data, " \t\r\n"); !ok || len(data) == 0 || data[0] != '"' {
		return ""
	}
	key, _, _ := bytes.Cut(data[1:], []byte{'"'})
	return string(key)
}

// isRegistration tells a service that is registered from other things called services: it says how to reach it.
func isRegistration(s syntax.Node) bool {
	name := get(s, "name", "Name")
	return name.Kind == syntax.Scalar && slices.ContainsFunc([]string{"port", "Port", "check", "checks", "connect", "proxy", "address", "kind"}, s.Has)
}

func (p *page) definitions(f discover.File) {
	doc := p.parse(f)
	for _, key := range []string{"service", "services"} {
		for _, s := range each(doc.Get(key)) {
			if isRegistration(s) {
				p.definition(s)
			}
		}
	}
}

// definition reads one service with its sidecar. A proxy that is registered for itself speaks for its service.
func (p *page) definition(s syntax.Node) {
	proxy := get(s, "proxy", "Proxy")
	name := get(s, "name", "Name", "Service")
	if destination := get(proxy, "destination_service_name", "DestinationServiceName", "destination_service"); destination.Value != "" {
		p.upstreams(in(destination.Value), proxy)
		return
	}
	if name.Value == "" || get(s, "kind", "Kind").Value != "" {
		return
	}
	subject := in(name.Value)
	p.runs(subject, "service", name.Line)
	p.registered(subject, name)
	p.resolves(name, get(s, "address", "Address"))
	p.port(subject, get(s, "port", "Port"))
	for _, connect := range each(get(s, "connect", "Connect")) {
		for _, sidecar := range each(get(connect, "sidecar_service", "SidecarService")) {
			for _, inner := range each(get(sidecar, "proxy", "Proxy")) {
				p.upstreams(subject, inner)
			}
		}
	}
	p.upstreams(subject, proxy)
}

// registered notes a service's name and its DNS form.
func (p *page) registered(subject estate.Subject, name syntax.Node) {
	p.see(subject, estate.Called, estate.NameService, name.Value, name.Line)
	p.see(subject, estate.Called, estate.NameDNS, name.Value+".service.consul", name.Line)
}

// resolves notes where a service answers. That is a record and no name of its own: other services may run there too.
func (p *page) resolves(name, address syntax.Node) {
	ip, err := netip.ParseAddr(address.Value)
	if address.Value == "" || address.Value == "localhost" || err == nil && (ip.IsLoopback() || ip.IsUnspecified()) {
		return
	}
	p.report.See(estate.Sighting{Fact: estate.Resolves, Key: name.Value + ".service.consul", Value: address.Value, Place: p.place(address.Line)})
}

// upstreams links to the services a proxy reaches for its service.
func (p *page) upstreams(subject estate.Subject, proxy syntax.Node) {
	for _, u := range each(get(proxy, "upstreams", "Upstreams")) {
		name := get(u, "destination_name", "DestinationName", "destination_peer")
		p.see(subject, estate.Links, estate.LinkDeclared, name.Value, name.Line)
	}
}

// isCatalogue recognises the API's answers about services and nodes.
func isCatalogue(f discover.File) bool {
	return f.Ext() == ".json" && startsWith(f, '[') && holds(f, `"Node"`, `"Address"`) && (holds(f, `"ServiceName"`) || holds(f, `"Service"`) || holds(f, `"Datacenter"`))
}

func (p *page) catalogue(f discover.File) {
	for _, item := range p.parse(f).Items {
		node := get(item, "Node")
		switch service := item.Get("Service"); {
		case item.Has("ServiceName"):
			p.instance(item.Get("ServiceName"), get(item, "ServicePort"), firstOf(item.Get("ServiceAddress"), item.Get("Address")))
		case service.Kind == syntax.Map: // health/service
			p.instance(service.Get("Service"), service.Get("Port"), firstOf(service.Get("Address"), node.Get("Address")))
		case node.Kind == syntax.Scalar: // catalog/nodes
			host := estate.In("consul:nodes", node.Value)
			p.runs(host, "host", node.Line)
			p.see(host, estate.Called, estate.NameNode, node.Value, node.Line)
			p.see(host, estate.Called, estate.NameAddress, item.Get("Address").Value, item.Get("Address").Line)
		}
	}
}

func firstOf(a, b syntax.Node) syntax.Node {
	if a.Value != "" {
		return a
	}
	return b
}

// instance notes one running instance of a service.
func (p *page) instance(name, port, address syntax.Node) {
	if name.Value == "" {
		return
	}
	subject := in(name.Value)
	p.runs(subject, "service", name.Line)
	p.registered(subject, name)
	p.port(subject, port)
	p.resolves(name, address)
}

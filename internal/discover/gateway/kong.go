package gateway

import (
	"strings"

	"example.org/caravan/internal/discover"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/syntax"
)

// isKong recognises declarative configuration by the line every version of it starts with.
func isKong(f discover.File) bool {
	return startsLine(f.Data, "_format_version") || f.Ext() == ".json" && holds(f, `"_format_version"`)
}

func (p *page) kong(f discover.File) {
	for _, doc := range p.parse(f) {
		upstreams := map[string]bool{}
		for _, u := range doc.Get("upstreams").Items {
			name := u.Get("name").Value
			upstreams[strings.ToLower(name)] = true
			for _, t := range u.Get("targets").Items {
				p.links(estate.LinkUpstream, t.Get("target"), "upstream "+name)
			}
		}
		for _, s := range doc.Get("services").Items {
			p.kongService(s, upstreams)
		}
		p.kongPlugins(doc)
		p.runs("kong", doc.Line)
	}
}

// kongService links to a service's address, unless it is an upstream, whose targets are linked already.
func (p *page) kongService(s syntax.Node, upstreams map[string]bool) {
	layer := "service " + s.Get("name").Value
	defer p.kongPlugins(s)
	if address := s.Get("url"); address.Value != "" {
		if !upstreams[strings.ToLower(hostOf(address.Value))] {
			p.links(estate.LinkUpstream, address, layer)
		}
		return
	}
	host := s.Get("host")
	if host.Value == "" || upstreams[strings.ToLower(host.Value)] {
		return
	}
	target := host.Value
	if port := s.Get("port").Value; port != "" {
		target += ":" + port
	}
	if protocol := s.Get("protocol").Value; protocol != "" {
		target = protocol + "://" + target
	}
	p.link(estate.LinkUpstream, target, layer, host.Line)
}

// hostOf is the host of a URL.
func hostOf(address string) string {
	if _, rest, ok := strings.Cut(address, "://"); ok {
		address = rest
	}
	address, _, _ = strings.Cut(address, "/")
	host, _, _ := strings.Cut(address, ":")
	return host
}

// kongPlugins links to where plugins ship logs and traces.
func (p *page) kongPlugins(n syntax.Node) {
	for _, plugin := range n.Get("plugins").Items {
		name := plugin.Get("name").Value
		config := plugin.Get("config")
		why := estate.LinkDeclared
		if strings.Contains(name, "log") || name == "zipkin" || name == "opentelemetry" || name == "statsd" || name == "datadog" {
			why = estate.LinkShip
		}
		for _, key := range []string{"http_endpoint", "endpoint", "traces_endpoint", "introspection_endpoint", "redis_host"} {
			p.links(why, config.Get(key), "plugin "+name)
		}
		if host := config.Get("host"); host.Kind == syntax.Scalar {
			target := host.Value
			if port := config.Get("port").Value; port != "" {
				target += ":" + port
			}
			p.link(why, target, "plugin "+name, host.Line)
		}
	}
}

// isAPISIX recognises the stand-alone configuration of APISIX, which ends in a mark of its own.
func isAPISIX(f discover.File) bool {
	return isYAML(f) && holds(f, "#END", "nodes:")
}

func (p *page) apisix(f discover.File) {
	for _, doc := range p.parse(f) {
		for _, list := range []string{"routes", "services"} {
			for _, item := range doc.Get(list).Items {
				p.apisixNodes(item.Get("upstream"), strings.TrimSuffix(list, "s")+" "+item.Get("id").Value)
			}
		}
		for _, u := range doc.Get("upstreams").Items {
			p.apisixNodes(u, "upstream "+u.Get("id").Value)
		}
		p.runs("apisix", doc.Line)
	}
}

// apisixNodes reads nodes as a map of address and weight, or as a list of objects.
func (p *page) apisixNodes(upstream syntax.Node, layer string) {
	nodes := upstream.Get("nodes")
	for _, pair := range nodes.Pairs {
		p.link(estate.LinkUpstream, pair.Key, layer, pair.Line)
	}
	for _, item := range nodes.Items {
		target := item.Get("host").Value
		if port := item.Get("port").Value; port != "" && target != "" {
			target += ":" + port
		}
		p.link(estate.LinkUpstream, target, layer, item.Line)
	}
	p.links(estate.LinkUpstream, upstream.Get("service_name"), layer)
}

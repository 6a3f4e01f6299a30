package gateway

import (
	"strings"

	"example.org/caravan/internal/discover"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/syntax"
)

// isTraefik recognises static and dynamic configuration, YAML and TOML, of every version.
func isTraefik(f discover.File) bool {
	if startsLine(f.Data, "apiVersion:") || startsLine(f.Data, "services:") {
		return false // Kubernetes, Compose
	}
	named := strings.Contains(f.Path, "traefik")
	switch {
	case f.Ext() == ".toml":
		return named && (holds(f, "[entryPoints") || holds(f, "[entrypoints")) || holds(f, ".loadBalancer") || holds(f, "[backends.", ".servers")
	case isYAML(f):
		return startsLine(f.Data, "entryPoints:") || startsLine(f.Data, "entrypoints:") || holds(f, "loadBalancer:", "servers:") && (startsLine(f.Data, "http:") || startsLine(f.Data, "tcp:") || startsLine(f.Data, "udp:"))
	}
	return false
}

func (p *page) traefik(f discover.File) {
	for _, doc := range p.parse(f) {
		p.traefikStatic(doc)
		for _, protocol := range []string{"http", "tcp", "udp"} {
			p.traefikDynamic(doc.Get(protocol))
		}
		for _, backend := range doc.Get("backends").Pairs { // the first version
			for _, server := range backend.Value.Get("servers").Pairs {
				p.links(estate.LinkUpstream, server.Value.Get("url"), "backend "+backend.Key)
			}
		}
	}
}

func (p *page) traefikStatic(doc syntax.Node) {
	for _, key := range []string{"entryPoints", "entrypoints"} {
		for _, point := range doc.Get(key).Pairs {
			address := point.Value.Get("address")
			p.listens(address.Value, address.Line)
		}
		if len(doc.Get(key).Pairs) > 0 {
			p.runs("traefik", doc.Get(key).Line)
		}
	}
	for _, provider := range doc.Get("providers").Pairs {
		layer := "provider " + provider.Key
		endpoint := provider.Value.Get("endpoint")
		if endpoint.Kind == syntax.Map {
			endpoint = endpoint.Get("address")
		}
		p.links(estate.LinkDeclared, endpoint, layer)
		p.links(estate.LinkDeclared, provider.Value.Get("endpoints"), layer)
	}
	for _, part := range []string{"tracing", "metrics"} {
		for _, e := range doc.Get(part).Flatten() {
			if last := e.Key[strings.LastIndexByte(e.Key, '.')+1:]; last == "address" || strings.HasSuffix(strings.ToLower(last), "endpoint") || last == "samplingServerURL" || last == "localAgentHostPort" {
				p.link(estate.LinkShip, e.Value, part, e.Line)
			}
		}
	}
}

func (p *page) traefikDynamic(n syntax.Node) {
	for _, service := range n.Get("services").Pairs {
		layer := "service " + service.Key
		for _, server := range service.Value.At("loadBalancer", "servers").Items {
			p.links(estate.LinkUpstream, server.Get("url"), layer)
			p.links(estate.LinkUpstream, server.Get("address"), layer)
		}
	}
	for _, m := range n.Get("middlewares").Pairs {
		p.links(estate.LinkUpstream, m.Value.At("forwardAuth", "address"), "middleware "+m.Key)
	}
}

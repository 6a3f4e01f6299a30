package kube

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"example.org/caravan/internal/render"
	"example.org/caravan/internal/workload"
)

// port of a rule.
type rulePort struct {
	number   int
	protocol string // "TCP" or "UDP"
}

// rule lets somebody through at ports.
type rule struct {
	who   string // for the reader
	peers []*yaml.Node
	ports []rulePort
}

// policy lets through what is listed, and nothing else.
func (c *cluster) policy(n named, pods map[string]string, in, out []rule) *yaml.Node {
	return m("apiVersion", "networking.k8s.io/v1", "kind", "NetworkPolicy", "metadata", meta(n.name), "spec", m(
		"podSelector", m("matchLabels", pods), "policyTypes", []string{"Ingress", "Egress"},
		"ingress", rules(in, "from"), "egress", rules(append([]rule{names()}, out...), "to")))
}

// rules are written one by one, each with whom it is for.
func rules(list []rule, side string) []*yaml.Node {
	out := make([]*yaml.Node, len(list))
	for i, r := range list {
		ports := make([]*yaml.Node, len(r.ports))
		for j, p := range r.ports {
			ports[j] = m("port", p.number, "protocol", p.protocol)
		}
		out[i] = said(line(r.who), m(side, r.peers, "ports", ports))
	}
	return out
}

// names lets pods ask the cluster's name servers.
func names() rule {
	const domain = 53
	return rule{"names", []*yaml.Node{podsIn("kube-system", map[string]string{"k8s-app": "kube-dns"})}, []rulePort{{domain, "UDP"}, {domain, "TCP"}}}
}

// podsIn are the pods of a namespace with these labels.
func podsIn(namespace string, labels map[string]string) *yaml.Node {
	out := m("namespaceSelector", m("matchLabels", map[string]string{"kubernetes.io/metadata.name": namespace}))
	if len(labels) > 0 {
		out.Content = append(out.Content, m("podSelector", m("matchLabels", labels)).Content...)
	}
	return out
}

func blocks(ranges []string) []*yaml.Node {
	var out []*yaml.Node
	for _, r := range ranges {
		out = append(out, m("ipBlock", m("cidr", cidr(r))))
	}
	return out
}

// cidr is an address or a range as a range.
func cidr(text string) string {
	if a, err := netip.ParseAddr(text); err == nil {
		return netip.PrefixFrom(a, a.BitLen()).String()
	}
	return text
}

// internet is every address that is nobody's own: RFC 1918, RFC 6598, RFC 3927 and RFC 4193 are left out.
func internet() []*yaml.Node {
	return []*yaml.Node{
		m("ipBlock", m("cidr", "0.0.0.0/0", "except", lines([]string{"10.0.0.0/8", "100.64.0.0/10", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"}))),
		m("ipBlock", m("cidr", "::/0", "except", lines([]string{"fc00::/7", "fe80::/10"}))),
	}
}

// callers are the rules that let callers in.
func callers(list []render.Peer, ports []rulePort) []rule {
	var out []rule
	for _, p := range list {
		r := rule{who: "from " + string(p.Service), ports: ports}
		if p.Namespace != "" {
			r.peers = []*yaml.Node{podsIn(p.Namespace, of(workload.NameOf(string(p.Service))))}
		} else {
			r.peers = blocks(p.Ranges)
		}
		if len(r.peers) > 0 { // without any, the rule would let everybody in
			out = append(out, r)
		}
	}
	return out
}

// doors let a service's callers in, and calls from outside where it takes them.
func (c *cluster) doors(s service) []rule {
	ports := make([]rulePort, len(s.listens))
	for i, l := range s.listens {
		ports[i] = rulePort{l.Target, l.Protocol}
	}
	slices.SortFunc(ports, func(a, b rulePort) int { return cmp.Or(a.number-b.number, cmp.Compare(a.protocol, b.protocol)) })
	ports = slices.Compact(ports)
	if len(ports) == 0 {
		return nil
	}
	out := callers(s.Callers, ports)
	if s.Workload.Metadata.Annotations[workload.AnnotationPublic] != "" {
		front := s.front()
		out = append(out, rule{"from outside", []*yaml.Node{podsIn(gatewayNamespace, nil)}, []rulePort{{c.podPort(s.namespace, s.name, front), "TCP"}}})
	}
	return out
}

// ways let a service out to exactly what it needs.
func (c *cluster) ways(s service) []rule {
	var out []rule
	for _, key := range slices.Sorted(maps.Keys(s.Endpoints)) {
		e := s.Endpoints[key]
		if e.Dropped || e.Host == "" || e.Type == workload.Secret {
			continue
		}
		out = append(out, c.way(key, e))
	}
	return out
}

const https = 443

func (c *cluster) way(key string, e render.Endpoint) rule {
	name := workload.NameOf(cmp.Or(string(e.Target), key))
	r := rule{who: "to " + cmp.Or(string(e.Target), key), ports: []rulePort{{cmp.Or(e.Port, https), "TCP"}}}
	switch {
	case e.Namespace != "":
		r.peers = []*yaml.Node{podsIn(e.Namespace, c.podsOf(e, name))}
		r.ports = []rulePort{{c.podPort(e.Namespace, name, e.Port), "TCP"}}
	case len(e.Ranges) > 0:
		r.peers = blocks(e.Ranges)
	case isPrivate(e.Host):
		r.peers = blocks([]string{e.Host})
	default:
		r.peers = internet()
	}
	if e.Through != "" {
		r.who += ", through " + e.Through
	}
	return r
}

// isPrivate reports whether a host is an address that no rule for the internet lets through.
func isPrivate(host string) bool {
	a, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && (a.IsPrivate() || a.IsLinkLocalUnicast() || netip.MustParsePrefix("100.64.0.0/10").Contains(a))
}

// podsOf are the labels of the pods that answer at an endpoint of this cluster.
func (c *cluster) podsOf(e render.Endpoint, name string) map[string]string {
	if i := slices.IndexFunc(c.Datastores, func(d render.Datastore) bool { return d.Name == e.Target }); i >= 0 {
		return c.podsOfStore(c.Datastores[i])
	}
	return of(name)
}

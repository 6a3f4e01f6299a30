package kube

import (
	"slices"
	"strings"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/syntax"
)

// route reports what leads requests from outside to Services: an Ingress, a route of the Gateway API, Istio, Traefik,
// Contour or OpenShift.
func (r *reader) route(o *object) {
	if o.group == "serving.knative.dev" {
		return
	}
	backends := backends(o.node.Get("spec"), 0)
	if insideMesh(o) {
		r.aliases(o, backends)
		return
	}
	at := *o
	at.name = r.routeName(o)
	r.see(&at, estate.Runs, "ingress", "ingress", 0)
	r.see(&at, estate.Called, estate.NameWorkload, at.name, 0)
	r.owners(&at, o.node.Get("metadata"))
	for _, b := range backends {
		r.see(&at, estate.Links, estate.LinkUpstream, b.Value, b.Line)
	}
	for _, host := range hosts(o) {
		r.see(&at, estate.Called, estate.NameDNS, host.Value, host.Line)
	}
	for _, a := range o.node.At("metadata", "annotations").Pairs {
		if strings.Contains(a.Value.Value, "://") && !strings.HasPrefix(a.Key, "kubectl.") {
			r.see(&at, estate.Sets, "annotation."+a.Key, a.Value.Value, a.Line)
		}
	}
}

// routeName keeps a route apart from the workload or Service it is so often named after.
func (r *reader) routeName(o *object) string {
	if r.taken[o.namespace+"/"+o.name] {
		return o.name + "-ingress"
	}
	return o.name
}

// insideMesh reports whether a route only shapes traffic between services: a VirtualService of no gateway, a route of the
// Gateway API whose parent is a Service.
func insideMesh(o *object) bool {
	if o.kind != "VirtualService" {
		parents := o.node.At("spec", "parentRefs").Items
		return len(parents) > 0 && !slices.ContainsFunc(parents, func(p syntax.Node) bool { return p.Get("kind").Value != "Service" })
	}
	gateways := o.node.At("spec", "gateways").Strings()
	return len(gateways) == 0 || len(gateways) == 1 && gateways[0] == "mesh"
}

// aliases reports the names a mesh leads somewhere else than to the Service so called.
func (r *reader) aliases(o *object, backends []syntax.Entry) {
	for _, host := range o.node.At("spec", "hosts").Items {
		for _, b := range backends {
			if short(host.Value) != short(b.Value) && host.Value != "*" {
				r.resolves(o, host.Value, b.Value, b.Line)
			}
		}
	}
}

func short(name string) string {
	first, _, _ := strings.Cut(name, ".")
	return first
}

// backends lists the Services named anywhere below a route's spec, each once, as name or name.namespace.
func backends(n syntax.Node, depth int) []syntax.Entry {
	var out []syntax.Entry
	add := func(found ...syntax.Entry) {
		for _, f := range found {
			if f.Value != "" && !slices.ContainsFunc(out, func(e syntax.Entry) bool { return e.Value == f.Value }) {
				out = append(out, f)
			}
		}
	}
	if depth > syntax.MaxDepth {
		return nil
	}
	for _, item := range n.Items {
		add(backends(item, depth+1)...)
	}
	for _, p := range n.Pairs {
		switch p.Key {
		case "serviceName":
			add(syntax.Entry{Value: p.Value.Value, Line: p.Value.Line})
		case "service", "to":
			add(reference(p.Value))
		case "destination":
			add(syntax.Entry{Value: p.Value.Get("host").Value, Line: p.Value.Get("host").Line})
		case "backendRefs", "services", "alternateBackends", "backendRef":
			add(reference(p.Value))
			for _, item := range p.Value.Items {
				add(reference(item))
			}
		default:
			add(backends(p.Value, depth+1)...)
		}
	}
	return out
}

// reference is the Service an object reference names.
func reference(n syntax.Node) syntax.Entry {
	name := n.Get("name")
	if kind := n.Get("kind").Value; name.Value == "" || kind != "" && kind != "Service" {
		return syntax.Entry{}
	}
	value := name.Value
	if ns := n.Get("namespace").Value; ns != "" {
		value += "." + ns
	}
	return syntax.Entry{Value: value, Line: name.Line}
}

// hosts are the names under which a route is reached from outside.
func hosts(o *object) []syntax.Node {
	spec := o.node.Get("spec")
	all := slices.Concat(spec.Get("hostnames").Items, spec.Get("hosts").Items, []syntax.Node{spec.Get("host"), spec.At("virtualhost", "fqdn")})
	for _, rule := range spec.Get("rules").Items {
		all = append(all, rule.Get("host"))
	}
	for _, route := range spec.Get("routes").Items {
		match := route.Get("match")
		for _, host := range traefikHosts(match.Value) {
			all = append(all, syntax.Node{Kind: syntax.Scalar, Line: match.Line, Value: host})
		}
	}
	var out []syntax.Node
	for _, h := range all {
		if h.Value != "" && !strings.Contains(h.Value, "*") && !slices.ContainsFunc(out, func(s syntax.Node) bool { return s.Value == h.Value }) {
			out = append(out, h)
		}
	}
	return out
}

// traefikHosts reads the names in Host(`a`, `b`).
func traefikHosts(rule string) []string {
	_, rest, ok := strings.Cut(rule, "Host(")
	if !ok {
		return nil
	}
	inner, _, _ := strings.Cut(rest, ")")
	return strings.FieldsFunc(inner, func(c rune) bool { return c == '`' || c == ',' || c == ' ' || c == '"' })
}

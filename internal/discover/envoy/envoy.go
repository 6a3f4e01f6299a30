// Package envoy reads Envoy bootstrap and resource files, YAML or JSON, of every version of its API: the clusters a
// proxy sends requests to, and the ports it accepts them on. Files go in, sightings of whoever owns their folder come
// out. Routes are not followed: every cluster counts.
package envoy

import (
	"bytes"
	"net/url"
	"path"
	"strings"

	"example.org/caravan/internal/discover"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/syntax"
)

// Format reads Envoy configuration.
func Format() discover.Format {
	return discover.Format{Name: "envoy", Wants: wants, Claims: claims, ReadFile: readFile}
}

func wants(p string) bool {
	switch path.Ext(p) {
	case ".yaml", ".yml", ".json":
		return true
	case ".tmpl", ".template", ".tpl", ".j2", ".erb":
		return strings.Contains(path.Base(p), "envoy")
	}
	return false
}

// topKeys are the words an Envoy file has at its top, and few others do.
var topKeys = [][]byte{[]byte("static_resources"), []byte("cluster_manager"), []byte("staticResources"), []byte("envoy.config."), []byte("envoy.api.v2")}

func claims(f discover.File) discover.Claim {
	for _, key := range topKeys {
		if bytes.Contains(f.Data, key) && !bytes.Contains(f.Data, []byte("apiVersion:")) {
			return discover.Owns
		}
	}
	return discover.No
}

func readFile(f discover.File, r *discover.Report) {
	docs, err := parse(f)
	if err != nil {
		r.Broken(f, syntax.LineOf(err), err)
	}
	for _, doc := range docs {
		p := &page{file: f.Path, report: r, roles: map[string]string{}}
		p.read(doc)
	}
}

// page is one document on its way to sightings.
type page struct {
	file   string
	report *discover.Report
	roles  map[string]string // cluster → why it is used, when it is not an upstream
}

func (p *page) folder() string { return path.Dir(p.file) }

func (p *page) see(s estate.Sighting, line int) {
	s.Subject, s.Place = estate.At(p.folder()), estate.Place{File: p.file, Line: line}
	p.report.See(s)
}

func (p *page) read(doc syntax.Node) {
	p.giveRoles(doc, "")
	resources := either(doc, "static_resources", "staticResources")
	clusters := append(resources.Get("clusters").Items, doc.At("cluster_manager", "clusters").Items...)
	listeners := append(resources.Get("listeners").Items, doc.Get("listeners").Items...)
	for _, item := range doc.Get("resources").Items {
		if strings.HasSuffix(item.Get("@type").Value, "Listener") {
			listeners = append(listeners, item)
		} else {
			clusters = append(clusters, item)
		}
	}
	for _, c := range clusters {
		p.cluster(c)
	}
	for _, l := range listeners {
		p.listens(l.Get("address"))
	}
	p.listens(doc.At("admin", "address"))
	if p.folder() != "." && !doc.Has("resources") && len(clusters)+len(listeners) > 0 {
		p.see(estate.Sighting{Fact: estate.Runs, Key: "service", Value: "envoy"}, doc.Line)
	}
}

// purposes are the parts of a configuration whose clusters serve the proxy itself.
var purposes = map[string]string{
	"tracing": estate.LinkShip, "access_log": estate.LinkShip, "accessLog": estate.LinkShip, "stats_sinks": estate.LinkShip,
	"statsSinks": estate.LinkShip, "dynamic_resources": estate.LinkDeclared, "dynamicResources": estate.LinkDeclared,
	"eds_cluster_config": estate.LinkDeclared, "edsClusterConfig": estate.LinkDeclared, "rds": estate.LinkDeclared,
}

// giveRoles finds the clusters that tracing, logs and discovery use.
func (p *page) giveRoles(n syntax.Node, why string) {
	for _, pair := range n.Pairs {
		inner := why
		if purpose, ok := purposes[pair.Key]; ok {
			inner = purpose
		}
		switch pair.Key {
		case "cluster_name", "clusterName", "collector_cluster", "collectorCluster", "cluster_names", "clusterNames":
			for _, name := range pair.Value.Strings() {
				if why != "" {
					p.roles[name] = why
				}
			}
		}
		p.giveRoles(pair.Value, inner)
	}
	for _, item := range n.Items {
		p.giveRoles(item, why)
	}
}

func (p *page) cluster(c syntax.Node) {
	name := c.Get("name").Value
	if name == "" {
		name = either(c, "cluster_name", "clusterName").Value
	}
	why := estate.LinkUpstream
	if role, ok := p.roles[name]; ok {
		why = role
	}
	var found bool
	for _, part := range []syntax.Node{either(c, "load_assignment", "loadAssignment"), c.Get("endpoints"), c.Get("hosts")} {
		found = p.endpoints(part, why, "cluster "+name) || found
	}
	eds := either(c, "eds_cluster_config", "edsClusterConfig")
	if found || eds.Kind == syntax.Null {
		return
	}
	service := either(eds, "service_name", "serviceName")
	if service.Value == "" {
		service = c.Get("name")
	}
	p.link(why, service.Value, "cluster "+name, service.Line)
}

// endpoints links to every address below n and reports whether there was one.
func (p *page) endpoints(n syntax.Node, why, layer string) bool {
	found := false
	for _, pair := range n.Pairs {
		switch {
		case pair.Key == "socket_address" || pair.Key == "socketAddress":
			found = p.link(why, socket(pair.Value), layer, pair.Value.Line) || found
		case pair.Key == "url" && pair.Value.Kind == syntax.Scalar: // the first API
			u, err := url.Parse(pair.Value.Value)
			found = err == nil && p.link(why, u.Host, layer, pair.Value.Line) || found
		case pair.Key == "health_check_config" || pair.Key == "healthCheckConfig":
		default:
			found = p.endpoints(pair.Value, why, layer) || found
		}
	}
	for _, item := range n.Items {
		found = p.endpoints(item, why, layer) || found
	}
	return found
}

func (p *page) link(why, target, layer string, line int) bool {
	if target == "" {
		return false
	}
	if strings.Contains(target, "{{") || strings.Contains(target, "<%") {
		p.report.Doubt(estate.Unresolved, estate.Place{File: p.file, Line: line}, "a template fills in this address of "+layer+"; add the rendered file to the sources, or name the target in the workspace")
		return true
	}
	p.see(estate.Sighting{Fact: estate.Links, Key: why, Value: target, Layer: layer}, line)
	return true
}

// socket is a socket_address as host:port.
func socket(n syntax.Node) string {
	host, port := n.Get("address").Value, portOf(n).Value
	if host == "" {
		return ""
	}
	if strings.Contains(host, ":") && !strings.Contains(host, "$") {
		host = "[" + host + "]"
	}
	if port == "" || port == "0" {
		return host
	}
	return host + ":" + port
}

func portOf(n syntax.Node) syntax.Node { return either(n, "port_value", "portValue") }

// listens notes the port of a listener's or the administration's address.
func (p *page) listens(address syntax.Node) {
	s := estate.Sighting{Fact: estate.Listens, Key: "container"}
	if address.Kind == syntax.Scalar { // tcp://0.0.0.0:80, the first API
		u, err := url.Parse(address.Value)
		if err != nil || u.Port() == "" {
			return
		}
		s.Value = u.Port()
		p.see(s, address.Line)
		return
	}
	socket := either(address, "socket_address", "socketAddress")
	port := portOf(socket)
	if !isPort(port.Value) {
		return
	}
	if strings.EqualFold(socket.Get("protocol").Value, "udp") {
		s.Profile = "udp"
	}
	s.Value = port.Value
	p.see(s, port.Line)
}

func isPort(text string) bool {
	return text != "" && text != "0" && len(text) <= 5 && strings.Trim(text, "0123456789") == ""
}

// either is the value under the first of the keys that is there: Envoy takes snake_case and camelCase.
func either(n syntax.Node, keys ...string) syntax.Node {
	for _, key := range keys {
		if n.Has(key) {
			return n.Get(key)
		}
	}
	return syntax.Node{}
}

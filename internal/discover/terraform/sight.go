package terraform

import (
	"cmp"
	"net/netip"
	"strconv"
	"strings"

	"example.org/caravan/internal/endpoint"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/syntax"
	"example.org/caravan/internal/technology"
)

// resource turns one resource into sightings; types that are none of the estate's business give none.
func (p page) resource(s resource, behind map[string][]string) {
	if kind, ok := stores[s.kind]; ok {
		p.store(s, kind)
		return
	}
	if kind, ok := runtimes[s.kind]; ok {
		p.runtime(s, kind)
		return
	}
	if _, ok := records[s.kind]; ok {
		p.record(s)
		return
	}
	if addresses, ok := balancers[s.kind]; ok {
		p.balancer(s, addresses, behind)
		return
	}
	if attributes, ok := networks[s.kind]; ok {
		p.network(s, attributes)
	}
	switch {
	case machines[s.kind]:
		p.machine(s)
	case s.kind == "aws_ecs_task_definition":
		p.taskDefinition(s)
	case s.kind == "helm_release":
		p.chart(s)
	}
}

func (p page) runs(s resource, kind, technology string) {
	p.report.See(estate.Sighting{Fact: estate.Runs, Subject: estate.In(s.space(), s.id), Key: kind, Value: technology, Place: s.place})
}

// named notes a resource's own name, or the one it has in the configuration.
func (p page) named(s resource, attributes []string) {
	name := s.first(attributes...)
	if name.Value == "" || strings.Contains(name.Value, "${") {
		p.see(s, estate.Called, estate.NameWorkload, s.ownName(), 0)
		return
	}
	p.see(s, estate.Called, estate.NameWorkload, name.Value, name.Line)
}

// ownName is the resource's name in the configuration, with its type where the name alone could be anything's.
func (s resource) ownName() string {
	switch s.name {
	case "main", "this", "default", "primary", "instance", "cluster":
		_, kind, _ := strings.Cut(s.kind, "_")
		return s.name + "-" + strings.ReplaceAll(kind, "_", "-")
	}
	return s.name
}

// addressed notes host names, IP addresses and the ports that stand with them.
func (p page) addressed(s resource, attributes []string) {
	for _, a := range attributes {
		for _, v := range s.values(a) {
			for _, e := range endpoint.Parse(v.Value) {
				p.address(s, e.Host, v.Line)
				if e.Port > 0 {
					p.see(s, estate.Listens, "container", strconv.Itoa(e.Port), v.Line)
				}
			}
		}
	}
}

func (p page) address(s resource, host string, line int) {
	if _, err := netip.ParseAddr(host); err == nil {
		p.see(s, estate.Called, estate.NameAddress, host, line)
	} else if strings.Contains(host, ".") {
		p.see(s, estate.Called, estate.NameHostname, host, line)
	}
}

func (p page) ports(s resource, attributes []string) {
	for _, a := range attributes {
		for _, v := range s.values(a) {
			if n, err := strconv.Atoi(v.Value); err == nil && n > 0 && n < 65536 {
				p.see(s, estate.Listens, "container", v.Value, v.Line)
			}
		}
	}
}

func (p page) store(s resource, kind store) {
	p.runs(s, "datastore", engine(s, kind))
	p.named(s, kind.names)
	p.addressed(s, kind.addresses)
	p.ports(s, kind.ports)
}

// engine is the technology of a store: "POSTGRES_15", "aurora-mysql" and "RabbitMQ" say it in their own ways.
func engine(s resource, kind store) string {
	if kind.technology != "" {
		return kind.technology
	}
	raw := strings.ToLower(s.first(kind.engine...).Value)
	raw = strings.TrimPrefix(raw, "aurora-")
	word, _, _ := strings.Cut(raw, "_")
	word, _, _ = strings.Cut(word, "-")
	switch word {
	case "custom":
		word = strings.Split(raw+"--", "-")[1]
	case "globaldocumentdb":
		return "cosmosdb"
	}
	if t, ok := technology.OfName(word); ok {
		return t.Name
	}
	return word
}

// network notes the ranges of addresses of a network, as far as they are literal.
func (p page) network(s resource, attributes []string) {
	name := cmp.Or(s.first("name", "tags.Name", "display_name", "label").Value, s.ownName())
	if strings.Contains(name, "${") {
		name = s.ownName()
	}
	for _, a := range attributes {
		for _, v := range s.values(a) {
			if prefix, err := netip.ParsePrefix(v.Value); err == nil && prefix.Bits() > 0 {
				p.report.See(estate.Sighting{Fact: estate.Spans, Key: name, Value: prefix.Masked().String(), Place: s.at(v.Line)})
			}
		}
	}
}

func (p page) machine(s resource) {
	p.runs(s, "host", "")
	p.named(s, machineNames)
	for _, a := range machineHostnames {
		for _, v := range s.values(a) {
			p.see(s, estate.Called, estate.NameHostname, v.Value, v.Line)
		}
	}
	p.addressed(s, machineAddresses)
}

func (p page) runtime(s resource, kind runtime) {
	p.runs(s, "service", "")
	p.named(s, kind.names)
	for _, a := range kind.images {
		if image := s.first(a); image.Value != "" {
			p.see(s, estate.Called, estate.NameImage, image.Value, image.Line)
		}
	}
	p.addressed(s, kind.addresses)
	p.ports(s, kind.ports)
	for _, a := range kind.variables {
		p.variables(s, s.object(a))
	}
	for _, a := range kind.lists {
		p.variableList(s, s.objects(a))
	}
	if s.kind == "docker_container" {
		for _, v := range s.values("env") {
			key, value, _ := strings.Cut(v.Value, "=")
			p.sets(s, key, value, v.Line)
		}
	}
}

// objects are the maps at a dotted path, through lists.
func (s resource) objects(dotted string) []syntax.Node {
	nodes := []syntax.Node{s.attrs}
	for _, key := range strings.Split(dotted, ".") {
		var next []syntax.Node
		for _, n := range nodes {
			next = append(next, items(n.Get(key))...)
		}
		nodes = next
	}
	return nodes
}

// object is the first map at a dotted path.
func (s resource) object(dotted string) syntax.Node {
	for _, n := range s.objects(dotted) {
		if n.Kind == syntax.Map {
			return n
		}
	}
	return syntax.Node{}
}

func (p page) variables(s resource, n syntax.Node) {
	for _, pair := range n.Pairs {
		if pair.Value.Kind == syntax.Scalar {
			p.sets(s, pair.Key, pair.Value.Value, pair.Line)
		}
	}
}

func (p page) variableList(s resource, list []syntax.Node) {
	for _, n := range list {
		if name, value := n.Get("name"), n.Get("value"); name.Value != "" && value.Kind == syntax.Scalar {
			p.sets(s, name.Value, value.Value, n.Line)
		}
	}
}

func (p page) sets(s resource, key, value string, line int) {
	p.report.See(estate.Sighting{Fact: estate.Sets, Subject: estate.In(s.space(), s.id), Key: key, Value: value, Place: s.at(line)})
}

// taskDefinition reads the containers of an ECS task, which are JSON inside a string.
func (p page) taskDefinition(s resource) {
	text := s.first("container_definitions")
	if text.Value == "" {
		return
	}
	doc, err := syntax.JSON([]byte(text.Value))
	if err != nil {
		p.report.Doubt(estate.Unparsable, s.at(text.Line), "container_definitions is not JSON; mend it, or add the state to the sources")
		return
	}
	family := s.first("family").Value
	for _, c := range doc.Items {
		p.container(s, c, family, len(doc.Items) == 1)
	}
}

// container reads one container of a task. The only one bears the task's name too.
func (p page) container(s resource, c syntax.Node, family string, only bool) {
	name := c.Get("name").Value
	s.id += "/" + name
	p.runs(s, "service", "")
	if only {
		p.see(s, estate.Called, estate.NameWorkload, family, 0)
	}
	p.see(s, estate.Called, estate.NameContainer, name, 0)
	p.see(s, estate.Called, estate.NameImage, c.Get("image").Value, 0)
	for _, m := range c.Get("portMappings").Items {
		if port := m.Get("containerPort").Value; port != "" {
			p.see(s, estate.Listens, "container", port, 0)
		}
	}
	for _, e := range c.Get("environment").Items {
		p.sets(s, e.Get("name").Value, e.Get("value").Value, 0)
	}
	for _, l := range c.Get("links").Strings() {
		l, _, _ = strings.Cut(l, ":")
		p.see(s, estate.Links, estate.LinkLink, l, 0)
	}
}

// chart notes a well-known technology that a Helm release installs.
func (p page) chart(s resource) {
	name := s.first("chart").Value
	t, ok := technology.OfName(name[strings.LastIndexByte(name, '/')+1:])
	if !ok {
		return
	}
	kind := "service"
	if t.Kind == estate.Datastore {
		kind = "datastore"
	}
	p.runs(s, kind, t.Name)
	p.named(s, []string{"name"})
}

// record notes where a name leads; other records than addresses and aliases are none of the estate's business.
func (p page) record(s resource) {
	kind := records[s.kind]
	switch s.first("type").Value {
	case "A", "AAAA", "CNAME", "":
	default:
		return
	}
	name := recordName(s, kind.names)
	if name == "" || strings.Contains(name, "*") {
		return
	}
	for _, a := range kind.targets {
		for _, v := range s.values(a) {
			target := strings.TrimSuffix(strings.TrimPrefix(v.Value, "dualstack."), ".")
			p.report.See(estate.Sighting{Fact: estate.Resolves, Key: name, Value: target, Place: s.at(v.Line)})
		}
	}
}

// recordName is the full name of a record: the zone is added where it is kept apart.
func recordName(s resource, attributes []string) string {
	name := strings.TrimSuffix(s.first(attributes...).Value, ".")
	zone := strings.TrimSuffix(s.first("zone_name", "zone", "domain").Value, ".")
	if zone != "" && strings.Contains(zone, ".") && name != zone && !strings.HasSuffix(name, "."+zone) && s.first("fqdn", "hostname").Value == "" {
		name += "." + zone
	}
	return strings.ToLower(name)
}

// balancer makes a load balancer's name lead to the machines behind it; one with none known runs for itself.
func (p page) balancer(s resource, addresses []string, behind map[string][]string) {
	name := s.first(addresses...)
	if targets := behind[name.Value]; name.Value != "" && len(targets) > 0 {
		for _, t := range targets {
			p.report.See(estate.Sighting{Fact: estate.Resolves, Key: name.Value, Value: t, Place: s.at(name.Line)})
		}
		return
	}
	p.runs(s, "service", "")
	p.named(s, []string{"name"})
	p.addressed(s, addresses)
}

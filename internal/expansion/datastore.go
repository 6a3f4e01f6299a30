package expansion

import (
	"cmp"
	"fmt"
	"slices"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/technology"
	"example.org/caravan/internal/workload"
)

// planDatastores decides for each datastore what it holds, where it runs and how large it is.
func (p *planner) planDatastores() {
	for _, name := range sortedNames(p.stores) {
		s := p.stores[name]
		slices.Sort(s.For)
		s.For = slices.Compact(s.For)
		s.Residency = p.marked[name]
		if t, ok := technology.OfName(s.Technology); ok && s.Port == 0 && len(t.Ports) > 0 {
			s.Port = t.Ports[0]
		}
		wish, at := p.wish(name)
		p.fill(s, wish, at)
		s.Placement = p.place(s, wish, at)
		s.In = wish.In
		if s.In == "" {
			s.In = p.Expansion.usual(s.Placement.Kind)
		}
		p.size(s, wish)
	}
	p.checkWishes()
}

// wish is what the expansion says of a datastore.
func (p *planner) wish(name estate.ServiceName) (StorePlan, string) {
	for i, v := range p.Expansion.Datastores {
		if p.is(v.Name, name) {
			return v, fmt.Sprintf("datastores[%d]", i)
		}
	}
	return StorePlan{}, ""
}

// checkWishes looks for datastores that nothing which comes along uses.
func (p *planner) checkWishes() {
	for i, v := range p.Expansion.Datastores {
		if !slices.ContainsFunc(sortedNames(p.stores), func(name estate.ServiceName) bool { return p.is(v.Name, name) }) {
			p.at(fmt.Sprintf("datastores[%d].name", i), "nothing that comes along uses %s; leave it out", string(v.Name))
		}
	}
}

// fill decides what a datastore holds when it begins: what the expansion says, else nothing.
func (p *planner) fill(s *Datastore, wish StorePlan, at string) {
	if wish.Why != "" {
		s.Said = Reason{Text: wish.Why, Place: p.Expansion.place(at)}
	}
	if wish.Content != "" {
		s.Content, s.Because = wish.Content, Reason{Text: cmp.Or(wish.Why, "the expansion says so"), Place: p.Expansion.place(at + ".content")}
		return
	}
	s.Content = Empty
	if p.asked[s.Name] != "" {
		s.Because.Text = "it is new"
		return
	}
	switch p.resourceType(s.Name) {
	case workload.Redis:
		s.Because.Text = "a cache fills itself, and sessions begin anew"
	case workload.RabbitMQ, workload.Kafka:
		s.Because.Text = "messages belong to the country they were sent in"
	default:
		s.Because.Text = "a new country has no customers yet; its services make their tables when they first start"
		p.ask(s, "content", "is everything in %s made by its services when they first start, or does it need reference data? Write content: seeded, replica or anonymised under datastores; empty until then", s.Name)
	}
}

func (p *planner) ask(s *Datastore, topic, format string, args ...any) {
	p.questions = append(p.questions, workload.Question{Service: s.Name, Topic: topic, Text: fmt.Sprintf(format, args...)})
}

// opposite is the other kind of world.
func opposite(kind string) string {
	if kind == "vm" {
		return "kubernetes"
	}
	return "vm"
}

// place scores where a datastore runs. The kind with more points wins, and the one it runs in today when they are even.
func (p *planner) place(s *Datastore, wish StorePlan, at string) Placement {
	var out Placement
	add := func(kind string, points int, place estate.Place, format string, args ...any) {
		out.Points = append(out.Points, Point{For: kind, Points: points, Text: fmt.Sprintf(format, args...), Place: place})
		if kind == "vm" {
			out.VM += points
		} else {
			out.Kubernetes += points
		}
	}
	today := p.kindOf(p.Expansion.Source)
	for _, kind := range []string{"vm", "kubernetes"} {
		if !slices.ContainsFunc(p.Expansion.Environments, func(v Environment) bool { return v.Kind == kind }) {
			add(opposite(kind), impossible, estate.Place{}, "the country has no %s environment", kind)
		}
	}
	if wish.Placement != "" {
		add(wish.Placement, asked, p.Expansion.place(at+".placement"), "the expansion asks for it%s", because(wish.Why))
	}
	if v, ok := p.Expansion.environment(wish.In); ok && wish.Placement == "" {
		add(v.Kind, asked, p.Expansion.place(at+".in"), "the expansion names environment %s", v.Name)
	}
	if kind := cmp.Or(p.Placement[s.Technology], p.Placement["datastores"]); kind != "" {
		add(kind, policy, estate.Place{}, "the workspace's rule for %s", s.Technology)
	}
	switch p.resourceType(s.Name) {
	case workload.Postgres, workload.MySQL, workload.Redis, workload.MongoDB:
		add("vm", memory, estate.Place{}, "a machine is not rescheduled, so what it holds in memory stays warm")
	}
	if today != "" && p.asked[s.Name] == "" {
		add(today, habit, estate.Place{}, "it runs on %s today: the same failover, backups and tools", today)
	}
	if near := p.consumersIn("kubernetes", s); near > 0 {
		who := fmt.Sprintf("%s of the %d that use it run there", count(near), len(s.For))
		if len(s.For) == 1 {
			who = "what uses it runs there"
		}
		add("kubernetes", closeness, estate.Place{}, "%s: names and network policies of the cluster", who)
	}
	if len(s.For) >= shared {
		add("vm", blast, estate.Place{}, "%d services share it: an upgrade of the cluster does not touch them all at once", len(s.For))
	}
	out.Kind = "vm"
	if out.Kubernetes > out.VM || out.Kubernetes == out.VM && today == "kubernetes" {
		out.Kind = "kubernetes"
	}
	out.WayBack = wayBack(p.resourceType(s.Name), out.Kind)
	return out
}

// The weights of a placement's points. What somebody wrote outweighs what is supposed, and what cannot be outweighs all.
const (
	impossible = 1000
	asked      = 200
	policy     = 100
	memory     = 30
	habit      = 15
	closeness  = 10
	blast      = 5
	shared     = 4 // services from which a datastore counts as shared
)

func because(why string) string {
	if why == "" {
		return ""
	}
	return ": " + why
}

func count(n int) string {
	if n == 1 {
		return "one"
	}
	return fmt.Sprint(n)
}

// wayBack names how a datastore is moved to the other kind of world later.
func wayBack(resourceType, kind string) string {
	to := opposite(kind)
	switch resourceType {
	case workload.Postgres:
		return "to " + to + ": caravan standby move has a copy there follow by logical replication, then holds callers for moments; the old one follows in turn, and caravan standby back leads back to it, until the window is closed"
	case workload.Redis:
		return "to " + to + ": a replica there follows, writes pause until the offsets are equal, then it is promoted"
	case workload.MySQL, workload.MongoDB:
		return "to " + to + ": a replica there follows, then it is promoted"
	case workload.RabbitMQ, workload.Kafka:
		return "to " + to + ": a second broker beside it, producers first, consumers when the old queues are empty"
	}
	return "to " + to + ": dump and restore while its services are stopped"
}

// kindOf is what an environment that exists is made of.
func (p *planner) kindOf(env estate.EnvironmentName) string {
	for _, v := range p.Environments {
		if v.Name == env {
			return v.Kind
		}
	}
	return ""
}

func (p *planner) consumersIn(kind string, s *Datastore) int {
	n := 0
	for _, name := range s.For {
		m := p.members[name]
		if m != nil && slices.ContainsFunc(m.In, func(env estate.EnvironmentName) bool {
			v, _ := p.Expansion.environment(env)
			return v.Kind == kind
		}) {
			n++
		}
	}
	return n
}

// quorum is how many instances can lose one and still agree on a primary.
const quorum = 3

// size decides instances, disk and memory; what nobody said is asked, and a modest size is taken until then.
func (p *planner) size(s *Datastore, wish StorePlan) {
	s.Instances, s.Memory, s.Storage = cmp.Or(wish.Instances, quorum), cmp.Or(wish.Memory, "4Gi"), cmp.Or(wish.Storage, "50Gi")
	if p.resourceType(s.Name) == workload.Postgres {
		s.Pooled, s.Logins, s.Followers = wish.Pooled, wish.Logins, wish.Followers
	}
	if p.resourceType(s.Name) == workload.Redis {
		s.Followers = wish.Followers
		s.Memory, s.Storage = cmp.Or(wish.Memory, "1Gi"), cmp.Or(wish.Storage, "5Gi")
	}
	switch memory, storage := wish.Memory == "", wish.Storage == "" && p.resourceType(s.Name) != workload.Redis; {
	case memory && storage:
		p.ask(s, "size", "how much memory and disk does %s need in %s? Write memory and storage under datastores; %s and %s until then", s.Name, p.Expansion.Country, s.Memory, s.Storage)
	case memory:
		p.ask(s, "size", "how much memory does %s need in %s? Write memory under datastores; %s until then", s.Name, p.Expansion.Country, s.Memory)
	case storage:
		p.ask(s, "size", "how much disk does %s need in %s? Write storage under datastores; %s until then", s.Name, p.Expansion.Country, s.Storage)
	}
}

// resourceTypes are the types of resource by technology.
var resourceTypes = map[string]string{
	"postgres": workload.Postgres, "mysql": workload.MySQL, "mariadb": workload.MySQL, "mongodb": workload.MongoDB, "redis": workload.Redis, "valkey": workload.Redis,
	"rabbitmq": workload.RabbitMQ, "kafka": workload.Kafka, "elasticsearch": workload.Elasticsearch, "opensearch": workload.Elasticsearch,
}

// resourceType is what a workload calls the sort of thing a provider is.
func (p *planner) resourceType(name estate.ServiceName) string {
	s := p.services[name]
	switch s.Kind {
	case estate.Service:
		return workload.Peer
	case estate.Datastore:
		return cmp.Or(resourceTypes[s.Technology], workload.External)
	}
	return workload.External
}

// namesOf is every name and address a service goes by, so that it is found in values; longest first.
func (p *planner) namesOf(name estate.ServiceName) []string {
	out := append([]string{string(name)}, p.called[name]...)
	for _, a := range p.services[name].Names {
		switch a.Kind {
		case estate.NameImage, estate.NameBuild, estate.NameMounts, estate.NameModule:
			continue
		}
		out = append(out, a.Value)
	}
	slices.SortFunc(out, func(a, b string) int { return cmp.Or(len(b)-len(a), cmp.Compare(a, b)) })
	return slices.Compact(out)
}

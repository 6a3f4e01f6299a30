package why

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/how"
	"example.org/caravan/internal/render"
)

// SubjectAt is a subject with what a place of it is called, as far as that is known; what it needs and how machines are reached is
// the caller's to add. False when nothing tells what the place is made of.
func SubjectAt(name estate.ServiceName, p how.Place) (Subject, bool) {
	s := Subject{Service: name, Environment: p.Environment, Ports: slices.Sorted(slices.Values(p.Ports)), Health: p.Health}
	switch {
	case p.Cluster != nil:
		s.Cluster = &Cluster{Namespace: cmp.Or(p.Cluster.Namespace, "default"), Kind: p.Cluster.Kind, Name: p.Cluster.Name, Container: p.Cluster.Container}
	case p.Machines != nil:
		s.Machines = &Machines{Secrets: p.Machines.Secrets}
		for _, h := range p.Machines.Hosts {
			s.Machines.Hosts = append(s.Machines.Hosts, Host{Name: h, Address: h})
		}
		for _, u := range p.Machines.Units {
			if !strings.Contains(u.Value, "*") {
				s.Machines.Units = append(s.Machines.Units, u.Value)
			}
		}
		for _, f := range p.Machines.Files {
			s.Machines.Files = append(s.Machines.Files, f.Value)
		}
	default:
		return s, false
	}
	return s, true
}

// Planned are the needs of a service of a site, by name of the resource; none of a datastore.
func Planned(site render.Site, name estate.ServiceName) []Need {
	var out []Need
	for _, s := range site.Services {
		if s.Name != name {
			continue
		}
		for _, key := range slices.Sorted(maps.Keys(s.Endpoints)) {
			e := s.Endpoints[key]
			if e.Dropped || e.Host == "" {
				continue
			}
			out = append(out, Need{Name: cmp.Or(e.Target, estate.ServiceName(key)), Type: e.Type, Host: e.Host, Port: e.Port, TLS: e.Port == httpsPort})
		}
	}
	return distinct(out)
}

const httpsPort = 443

// Called are needs as configuration has them today.
func Called(calls []how.Call) []Need {
	var out []Need
	for _, c := range calls {
		out = append(out, Need{Name: c.To, Type: c.Kind, Host: c.Host, Port: cmp.Or(c.Port, usualPort(c.Kind, c.TLS)), TLS: c.TLS, From: c.Place.String()})
	}
	return distinct(out)
}

// usualPort of a technology or of HTTP; 0 when there is none.
func usualPort(kind string, secret bool) int {
	switch kind {
	case "postgres", "postgresql":
		return 5432
	case "mysql", "mariadb":
		return 3306
	case "redis", "valkey":
		return 6379
	case "rabbitmq":
		return 5672
	case "mongodb":
		return 27017
	case "kafka":
		return 9092
	case "elasticsearch":
		return 9200
	case "http":
		if secret {
			return httpsPort
		}
		return 80
	}
	return 0
}

// distinct leaves out needs at an address that was named already.
func distinct(all []Need) []Need {
	var out []Need
	for _, n := range all {
		if !slices.ContainsFunc(out, func(o Need) bool { return o.Host == n.Host && o.Port == n.Port }) {
			out = append(out, n)
		}
	}
	return out
}

// At gives machines the addresses by which they are reached, known by their names with or without a domain.
func (s Subject) At(addresses map[string]string) Subject {
	if s.Machines == nil {
		return s
	}
	m := *s.Machines
	m.Hosts, m.Balancers = addressed(m.Hosts, addresses), addressed(m.Balancers, addresses)
	s.Machines = &m
	return s
}

func addressed(hosts []Host, addresses map[string]string) []Host {
	out := slices.Clone(hosts)
	for i, h := range out {
		short, _, _ := strings.Cut(h.Name, ".")
		out[i].Address = cmp.Or(addresses[h.Name], addresses[short], h.Address)
	}
	return out
}

// Balancers are the machines of a site that nothing else runs on: they spread calls.
func Balancers(site render.Site) []Host {
	var out []Host
	for _, h := range site.Hosts {
		used := slices.ContainsFunc(site.Services, func(s render.Service) bool { return slices.Contains(s.Hosts, h.Name) }) ||
			slices.ContainsFunc(site.Datastores, func(s render.Datastore) bool { return slices.Contains(s.Hosts, h.Name) }) ||
			slices.ContainsFunc(site.Stubs, func(s render.Stub) bool { return slices.Contains(s.Hosts, h.Name) })
		if !used {
			out = append(out, Host{Name: h.Name, Address: h.Address})
		}
	}
	return out
}

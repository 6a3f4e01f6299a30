package how

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/render"
	"example.org/caravan/internal/render/kube"
	"example.org/caravan/internal/render/vm"
	"example.org/caravan/internal/workload"
)

// With is the subject with a planned environment, if it is to run there. The environment is planned, so the names are those that are
// rendered for it; where a stub takes the subject's place, or it cannot be rendered, that is noted.
func (s Subject) With(site render.Site) Subject {
	p := Place{Environment: site.Environment, Expansion: site.Expansion}
	if !p.fill(site, s.Name) {
		if slices.ContainsFunc(site.Stubs, func(v render.Stub) bool { return v.Name == s.Name }) {
			s.Notes = append(slices.Clone(s.Notes), fmt.Sprintf("In %s a stub with canned answers stands in its place (expansion %s).", site.Environment, site.Expansion))
		}
		return s
	}
	plan := p.planMachines
	if site.Kind == "kubernetes" {
		plan = p.planCluster
	}
	if err := plan(site, s.Name); err != nil {
		s.Notes = append(slices.Clone(s.Notes), fmt.Sprintf("Nothing is said of %s: %v", site.Environment, err))
		return s
	}
	s.Places = append(slices.Clone(s.Places), p)
	return s
}

// fill takes from a site what is said there of one service or datastore; false when it is not placed there.
func (p *Place) fill(site render.Site, name estate.ServiceName) bool {
	for _, v := range site.Services {
		if v.Name == name {
			p.fillService(v)
			return true
		}
	}
	for _, d := range site.Datastores {
		if d.Name == name {
			p.Callers = peers(d.Callers)
			p.Stores = []Store{{Name: name, Technology: d.Technology, Port: d.Port}}
			return true
		}
	}
	return false
}

func (p *Place) fillService(s render.Service) {
	p.Callers = peers(s.Callers)
	if probe := s.Workload.Containers[s.MainContainer()].ReadinessProbe; probe != nil && probe.HTTPGet != nil {
		p.Health = probe.HTTPGet.Path
	}
	for _, key := range slices.Sorted(maps.Keys(s.Endpoints)) {
		e := s.Endpoints[key]
		if e.Dropped || e.Host == "" {
			continue
		}
		p.Names = append(p.Names, e.Host)
		if isStore(e.Type) {
			p.Stores = append(p.Stores, Store{
				Name: cmp.Or(e.Target, estate.ServiceName(key)), Technology: e.Type, Host: e.Host, Port: e.Port, Database: e.Database, User: e.Username, Secret: workloadName(e.Secret), Namespace: e.Namespace,
			})
		}
	}
}

// workloadName is a secret's name as the cluster has it.
func workloadName(secret string) string {
	if secret == "" {
		return ""
	}
	return workload.NameOf(secret)
}

// isStore tells the types of resource that keep data.
func isStore(resource string) bool {
	switch resource {
	case workload.Postgres, workload.MySQL, workload.MongoDB, workload.Redis, workload.RabbitMQ, workload.Kafka, workload.Elasticsearch:
		return true
	}
	return false
}

// peers names callers, each once.
func peers(list []render.Peer) []estate.ServiceName {
	var out []estate.ServiceName
	for _, p := range list {
		if !slices.Contains(out, p.Service) {
			out = append(out, p.Service)
		}
	}
	return out
}

func (p *Place) planCluster(site render.Site, name estate.ServiceName) error {
	n, err := kube.NamesOf(site, name)
	p.Cluster = &Cluster{Names: n, Rendered: true}
	p.listen(n.Listens)
	return err
}

func (p *Place) planMachines(site render.Site, name estate.ServiceName) error {
	n, err := vm.NamesOf(site, name)
	if err != nil {
		return err
	}
	m := &Machines{
		Hosts: n.Hosts, User: Known{Value: n.User}, Folder: Known{Value: n.Folder}, Current: n.Current, Releases: n.Releases, Data: n.Data,
		Health: n.Health, Variables: n.Variables, Secrets: n.Secrets, Release: n.Release, Drain: n.Drain, Patroni: n.Patroni, Share: n.Share, Bundle: n.Bundle,
	}
	if len(n.Units) > 0 {
		m.Units, m.Beside = []Known{{Value: n.Units[0]}}, n.Units[1:]
	}
	for _, f := range append([]string{n.Variables}, n.Files...) {
		if f != "" {
			m.Files = append(m.Files, Known{Value: f})
		}
	}
	p.Machines = m
	p.listen(n.Listens)
	for i := range p.Stores {
		if p.Stores[i].Name == name { // it is the datastore itself
			p.Stores[i].Machines = n.Hosts
		}
	}
	return nil
}

func (p *Place) listen(all []render.Listen) {
	for _, l := range all {
		p.Ports = append(p.Ports, l.Target)
	}
}

package how

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"example.org/caravan/internal/depmap"
	"example.org/caravan/internal/endpoint"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/workload"
)

// Estate is what is known of what runs today.
type Estate struct {
	Graph      depmap.Graph
	Components []estate.Component                // of the snapshot the graph was built from; none where it is not kept
	Kinds      map[estate.EnvironmentName]string // "vm" or "kubernetes", as far as it is declared
}

// Today is a service of the graph with the environments it runs in today.
func Today(e Estate, s depmap.Service) Subject {
	out := Subject{Name: s.Name, Kind: s.Kind, Technology: s.Technology}
	t := today{Estate: e, s: s, hosts: map[estate.ServiceName][]estate.EnvironmentName{}}
	if i := slices.IndexFunc(e.Components, func(c estate.Component) bool { return c.Name == s.Name }); i >= 0 {
		t.c = e.Components[i]
	}
	for _, h := range e.Components { // the graph leaves out hosts that are only where services run
		if h.Kind == estate.Host {
			t.hosts[h.Name] = h.Environments
		}
	}
	environments := s.Environments
	if len(environments) == 0 && (len(s.Hosts) > 0 || t.inCluster()) {
		environments = []estate.EnvironmentName{""}
	}
	for _, env := range environments {
		t.env = env
		out.Places = append(out.Places, t.place())
	}
	return out
}

// today is a service in one environment of today.
type today struct {
	Estate
	s     depmap.Service
	c     estate.Component // what the readers saw of it
	hosts map[estate.ServiceName][]estate.EnvironmentName
	env   estate.EnvironmentName
}

func (t today) place() Place {
	p := Place{Environment: t.env, Ports: t.ports(), Health: t.trait(estate.ProcessHealth).Value, Callers: t.callers(), Names: t.names(), Stores: t.stores()}
	hosts := t.on(t.s)
	switch kind := t.Kinds[t.env]; {
	case kind == "kubernetes", kind == "" && len(hosts) == 0 && t.inCluster():
		p.Cluster = t.cluster()
	case kind == "vm", len(hosts) > 0:
		p.Machines = t.machines(hosts)
	}
	return p
}

// on are the machines of this environment that run a component.
func (t today) on(s depmap.Service) []string {
	var out []string
	for _, h := range s.Hosts {
		if of := t.hosts[h]; t.env == "" || len(of) == 0 || slices.Contains(of, t.env) {
			out = append(out, string(h))
		}
	}
	return out
}

// traits are what is known under a key of its process on machines of this environment, each value once, what holds here alone
// first. What holds in a container image, or on a developer's machine, does not.
func (t today) traits(key string) []Known {
	var here, everywhere []Known
	add := func(list []Known, v estate.Trait) []Known {
		if slices.ContainsFunc(list, func(k Known) bool { return k.Value == v.Value }) {
			return list
		}
		return append(list, Known{v.Value, v.Place})
	}
	for _, v := range t.c.Process {
		switch {
		case v.Key != key || v.By == "compose" || v.By == "dockerfile":
		case v.Environment == "":
			everywhere = add(everywhere, v)
		case v.Environment == t.env:
			here = add(here, v)
		}
	}
	if len(here) > 0 {
		return here
	}
	return everywhere
}

func (t today) trait(key string) Known {
	if all := t.traits(key); len(all) > 0 {
		return all[0]
	}
	return Known{}
}

// chef is the writer of files that is known to bring them back.
const chef = "Chef"

func (t today) machines(hosts []string) *Machines {
	m := &Machines{Hosts: hosts, User: t.trait(estate.ProcessUser), Folder: t.trait(estate.ProcessDirectory), Files: t.traits(estate.ProcessFile), Version: t.version()}
	for _, u := range t.traits(estate.ProcessUnit) {
		m.Units = append(m.Units, Known{unitFile(u.Value), u.Place})
	}
	if before, _, ok := strings.Cut(m.Folder.Value+"/", "/current/"); ok {
		m.Current, m.Releases = before+"/current", before+"/releases"
	}
	byChef := func(by estate.ReaderName) bool { return by == "chef" }
	if slices.ContainsFunc(t.c.Process, func(v estate.Trait) bool { return byChef(v.By) }) || slices.ContainsFunc(t.c.Settings, func(v estate.Setting) bool { return byChef(v.By) }) {
		m.Writer = chef
	}
	return m
}

// unitFile is a unit as systemctl is given it: one that is started by instance stands for all its instances.
func unitFile(name string) string {
	if strings.HasSuffix(name, "@") {
		name += "*"
	}
	return name + ".service"
}

// version is where Chef has the release of it.
func (t today) version() Known {
	for _, v := range t.c.Settings {
		key := v.Key[strings.LastIndexByte(v.Key, '.')+1:]
		if v.By == "chef" && (v.Environment == "" || v.Environment == t.env) && (key == "artifact" || key == "version" || key == "release") {
			return Known{v.Value, v.Place}
		}
	}
	return Known{}
}

// ports it listens on by itself, and not at a virtual address.
func (t today) ports() []int {
	var out []int
	for _, l := range t.c.Listens {
		if l.Via != "vip" && l.Port > 0 && !slices.Contains(out, l.Port) {
			out = append(out, l.Port)
		}
	}
	if len(out) == 0 && t.c.Name == "" {
		return t.s.Ports
	}
	return out
}

// callers are those who need it here, infrastructure left out.
func (t today) callers() []estate.ServiceName {
	var out []estate.ServiceName
	for _, e := range t.Graph.Edges {
		if e.To == t.s.Name && !e.Infrastructure && t.holds(e) && !slices.Contains(out, e.From) {
			out = append(out, e.From)
		}
	}
	return out
}

func (t today) holds(e depmap.Edge) bool { return t.env == "" || e.In(t.env) }

// names are those by which it calls others here, of each the surest.
func (t today) names() []string {
	var out []string
	for _, e := range t.Graph.Edges {
		if e.From != t.s.Name || e.Infrastructure {
			continue
		}
		if host := t.host(e); host != "" && !slices.Contains(out, host) {
			out = append(out, host)
		}
	}
	return out
}

// host is by which host an edge means its provider here; "" when no line says it plainly.
func (t today) host(e depmap.Edge) string {
	host, _ := t.addressed(e)
	return host
}

// addressed is the same with the line that says so.
func (t today) addressed(e depmap.Edge) (string, depmap.Evidence) {
	for _, proof := range e.Evidence {
		here := len(proof.Environments) == 0 || t.env == "" || slices.Contains(proof.Environments, t.env)
		if !here || !proof.Address() {
			continue
		}
		found := endpoint.Parse(workload.Default(proof.Value))
		if len(found) == 1 && !found[0].Bare && !strings.ContainsAny(found[0].Host, "${}*<>") {
			return found[0].Host, proof
		}
	}
	return "", depmap.Evidence{}
}

// stores are the datastores it needs here; of a datastore itself.
func (t today) stores() []Store {
	if t.s.Kind == estate.Datastore {
		own := Store{Name: t.s.Name, Technology: t.s.Technology, Machines: t.on(t.s)}
		for _, e := range t.Graph.Edges {
			if e.To == t.s.Name && t.holds(e) {
				own.Port = cmp.Or(own.Port, e.Port)
			}
		}
		return []Store{own}
	}
	var out []Store
	for _, e := range t.Graph.Edges {
		if e.From != t.s.Name || !t.holds(e) || slices.ContainsFunc(out, func(s Store) bool { return s.Name == e.To }) {
			continue
		}
		i := slices.IndexFunc(t.Graph.Services, func(s depmap.Service) bool { return s.Name == e.To && s.Kind == estate.Datastore })
		if i >= 0 {
			to := t.Graph.Services[i]
			out = append(out, Store{Name: to.Name, Technology: to.Technology, Host: t.host(e), Port: e.Port, Machines: t.on(to)})
		}
	}
	return out
}

const clusterSuffix = ".svc.cluster.local"

// inCluster reports whether a cluster's configuration names it.
func (t today) inCluster() bool {
	return slices.ContainsFunc(t.s.Names, func(a estate.Alias) bool {
		return a.Kind == estate.NameService && strings.HasSuffix(a.Value, clusterSuffix)
	})
}

// cluster is what manifests tell of it. They name the object, and the namespace by the names it is called by.
func (t today) cluster() *Cluster {
	c := &Cluster{}
	c.Name, c.Kind = workload.NameOf(string(t.s.Name)), "deployment"
	if t.s.Kind == estate.Datastore {
		c.Kind = "statefulset"
	}
	namespaces := map[string]bool{}
	for _, a := range t.s.Names {
		if a.Kind == estate.NameWorkload && !strings.HasSuffix(a.Place.File, ".service") {
			c.Name = a.Value
		}
		name, ok := strings.CutSuffix(a.Value, clusterSuffix)
		if _, space, two := strings.Cut(name, "."); ok && two && a.Kind == estate.NameService && !strings.Contains(space, ".") {
			namespaces[space] = true
			c.Namespace = space
		}
	}
	if len(namespaces) != 1 {
		c.Namespace = "" // each overlay has its own, and which is this environment's is not said
	}
	return c
}

// WithoutPlaces says, of a subject that nothing places, that this is so.
func (s Subject) WithoutPlaces() Subject {
	if len(s.Places) == 0 && len(Topics(s.Kind)) > 0 {
		s.Notes = append(slices.Clone(s.Notes), fmt.Sprintf("Where %s runs is in no configuration that was read; name its environment or hosts, or plan an expansion that takes it along.", s.Name))
	}
	return s
}

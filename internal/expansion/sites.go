package expansion

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"example.org/caravan/internal/depmap"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/render"
	"example.org/caravan/internal/workload"
)

// Sites is what each environment of a proposal is given, in the order of the expansion. Origin says where the source
// environment answers from. What an undecided edge leads to is a name that never resolves.
func (p Proposal) Sites(origin Known) []render.Site {
	l := layout{Proposal: p, origin: origin, members: map[estate.ServiceName]*Member{}, stores: map[estate.ServiceName]*Datastore{}}
	for i := range p.Members {
		l.members[p.Members[i].Name] = &p.Members[i]
	}
	for i := range p.Datastores {
		l.stores[p.Datastores[i].Name] = &p.Datastores[i]
	}
	out := make([]render.Site, len(p.Environments))
	for i, env := range p.Environments {
		out[i] = l.site(env)
	}
	return out
}

// layout lays a proposal out over its environments.
type layout struct {
	Proposal
	origin  Known
	members map[estate.ServiceName]*Member
	stores  map[estate.ServiceName]*Datastore
}

func (l layout) site(env Environment) render.Site {
	s := render.Site{
		Expansion: l.Expansion, Organisation: l.Organisation, Environment: env.Name, Kind: env.Kind, Country: l.Country,
		Zone: l.Proposal.Zone(env), Pods: l.prefix(env.Name, "pods"), VMs: l.prefix(env.Name, "machines"),
		Operators: env.Operators, Images: env.Images, Backups: env.Backups,
	}
	for _, h := range l.Hosts(env) {
		s.Hosts = append(s.Hosts, render.Host{Name: h, Address: addressOf(l.prefix(env.Name, "machines/"+h))})
	}
	for i := range l.Members {
		if m := &l.Members[i]; slices.Contains(m.In, env.Name) {
			s.Services = append(s.Services, l.service(m, env))
		}
	}
	for i := range l.Datastores {
		if d := &l.Datastores[i]; d.In == env.Name {
			s.Datastores = append(s.Datastores, l.datastore(d, env))
		}
	}
	for _, v := range l.Stubs {
		if v.In == env.Name {
			s.Stubs = append(s.Stubs, l.stub(v, env))
		}
	}
	return s
}

// Zone is the suffix of an environment's names on machines.
func (p Proposal) Zone(env Environment) string {
	return cmp.Or(env.Zone, fmt.Sprintf("%s.%s.internal", env.Name, label(p.Organisation)))
}

// label is a name as a DNS label.
func label(name string) string {
	clean := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return '-'
	}, name)
	return cmp.Or(strings.Trim(clean, "-"), "estate")
}

// prefix is the range that is leased for a purpose, as CIDR; "" when there is none.
func (l layout) prefix(env estate.EnvironmentName, purpose string) string {
	holder := Holder(l.Expansion, env, purpose)
	i, ok := slices.BinarySearchFunc(l.Addresses, holder, func(a Lease, h string) int { return cmp.Compare(a.Holder, h) })
	if !ok {
		return ""
	}
	return l.Addresses[i].Prefix.String()
}

// addressOf is the one address of a range of one.
func addressOf(cidr string) string {
	ip, _, _ := strings.Cut(cidr, "/")
	return ip
}

// balancers is how many machines spread requests, so that one can fail.
const balancers = 2

// Hosts lists the machines of a VM environment: those that spread requests, those of its services, those of each
// datastore. A cluster has none.
func (p Proposal) Hosts(env Environment) []string {
	if env.Kind != "vm" {
		return nil
	}
	out := numbered("lb", balancers)
	if slices.ContainsFunc(p.Members, func(m Member) bool { return slices.Contains(m.In, env.Name) }) || slices.ContainsFunc(p.Stubs, func(s StubPlan) bool { return s.In == env.Name }) {
		out = append(out, appHosts(env)...)
	}
	for _, d := range p.Datastores {
		if d.In == env.Name {
			out = append(out, numbered(string(d.Name), d.Instances)...)
		}
	}
	return out
}

// appHosts are the machines that services share.
func appHosts(env Environment) []string { return numbered("app", cmp.Or(env.Machines, 2)) }

func numbered(name string, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("%s-%d", name, i+1)
	}
	return out
}

func (l layout) service(m *Member, env Environment) render.Service {
	s := render.Service{
		Name: m.Name, Team: m.Team, Workload: m.Workload, Callers: l.callers(m.Name, env), Wave: m.Wave,
		Endpoints: make(map[string]render.Endpoint, len(m.Workload.Resources)),
	}
	for key, r := range m.Workload.Resources {
		s.Endpoints[key] = l.endpoint(m, key, r, env)
	}
	if s.Workload, s.Values = m.configured(env.Name, s.MainContainer()); len(s.Values) == 0 {
		s.Values = nil
	}
	if env.Kind == "vm" {
		s.Hosts = appHosts(env)
	}
	return s
}

// endpoint is what answers a member's resource in the new country.
func (l layout) endpoint(m *Member, key string, r workload.Resource, env Environment) render.Endpoint {
	e := render.Endpoint{Type: r.Type, Port: port(r)}
	i := slices.IndexFunc(m.Uses, func(u Use) bool { return workload.NameOf(string(u.Name)) == key })
	if i < 0 {
		e.Host = host(r)
		if r.Type == workload.Secret {
			e.Secret = string(m.Name) + "-secrets"
		}
		return e
	}
	u := m.Uses[i]
	e.Target, e.Port = u.Name, cmp.Or(e.Port, u.Port)
	switch {
	case u.Fate == Drop:
		e.Host, e.Dropped = workload.NameOf(string(u.Name))+".invalid", true
	case u.Fate == Replace:
		host, port := withPort(u.With)
		e.Host, e.Port = host, cmp.Or(port, e.Port, 443)
	case u.Fate == CallBack:
		l.callBack(&e, u)
	case u.Fate == StubOut:
		l.stubbed(&e, u, env)
	case l.stores[u.Name] != nil:
		l.stored(&e, m, l.stores[u.Name], env)
	case l.members[u.Name] != nil:
		l.peer(&e, l.members[u.Name], env)
	default: // undecided: nothing may be reached
		e.Host, e.Dropped = workload.NameOf(string(u.Name))+".undecided.invalid", true
	}
	return e
}

func port(r workload.Resource) int {
	switch v := r.Params["port"].(type) {
	case int:
		return v
	case float64:
		return int(v)
	}
	return 0
}

func host(r workload.Resource) string {
	v, _ := r.Params["host"].(string)
	return v
}

// callBack leads to where the provider is today.
func (l layout) callBack(e *render.Endpoint, u Use) {
	e.Host, e.Through = u.Host, u.With
	if e.Type != workload.External {
		e.Ranges = l.origin.Ranges
	}
}

func (l layout) stubbed(e *render.Endpoint, u Use, env Environment) {
	for _, s := range l.Stubs {
		if s.Name != u.Name {
			continue
		}
		e.Port = s.Port
		in := l.environment(s.In)
		l.reach(e, string(s.Name), render.StubNamespace, in, env)
	}
}

func (l layout) stored(e *render.Endpoint, m *Member, d *Datastore, env Environment) {
	e.Port = d.Port
	e.Secret = string(d.Name) + "-" + string(m.Name)
	if d.Logins < 2 { // else it is kept with the password
		e.Username = workload.NameOf(string(m.Name))
	}
	for _, v := range d.Databases {
		if v.For == m.Name {
			e.Database = v.Name
		}
	}
	name := string(d.Name)
	if d.Pooled != "" && l.environment(d.In).Kind == "kubernetes" {
		name = render.PoolName(d.Name)
	}
	l.reach(e, name, render.Namespace(d.Team), l.environment(d.In), env)
}

func (l layout) peer(e *render.Endpoint, to *Member, env Environment) {
	in := l.environment(to.In[0])
	if slices.Contains(to.In, env.Name) {
		in = env
	}
	l.reach(e, workload.NameOf(string(to.Name)), render.Namespace(to.Team), in, env)
}

// reach names a target: by the cluster's own name from within it, else by its name on the machines' network.
func (l layout) reach(e *render.Endpoint, name, namespace string, in, from Environment) {
	if in.Name == from.Name && in.Kind == "kubernetes" {
		e.Host, e.Namespace = fmt.Sprintf("%s.%s.svc.cluster.local", name, namespace), namespace
		return
	}
	e.Host = name + "." + l.Proposal.Zone(in)
	if r := l.rangeOf(in); r != "" {
		e.Ranges = []string{r}
	}
}

// rangeOf is what an environment's processes call from and answer from.
func (l layout) rangeOf(env Environment) string {
	if env.Kind == "vm" {
		return l.prefix(env.Name, "machines")
	}
	return l.prefix(env.Name, "pods")
}

func (l layout) environment(name estate.EnvironmentName) Environment {
	for _, v := range l.Environments {
		if v.Name == name {
			return v
		}
	}
	return Environment{}
}

// callers lists who may call a service or datastore that is in env.
func (l layout) callers(name estate.ServiceName, env Environment) []render.Peer {
	var out []render.Peer
	for i := range l.Members {
		m := &l.Members[i]
		if !slices.ContainsFunc(m.Uses, func(u Use) bool { return u.Name == name && (u.Here || u.Fate == StubOut) }) {
			continue
		}
		for _, in := range m.In {
			out = append(out, l.caller(m, l.environment(in), env))
		}
	}
	return out
}

func (l layout) caller(m *Member, in, env Environment) render.Peer {
	p := render.Peer{Service: m.Name}
	if in.Name == env.Name && env.Kind == "kubernetes" {
		p.Namespace = render.Namespace(m.Team)
		return p
	}
	if r := l.rangeOf(in); r != "" {
		p.Ranges = []string{r}
	}
	return p
}

func (l layout) datastore(d *Datastore, env Environment) render.Datastore {
	s := render.Datastore{
		Name: d.Name, Team: d.Team, Technology: d.Technology, Port: d.Port, Instances: d.Instances, Storage: d.Storage, Memory: d.Memory, VirtualHosts: d.VirtualHosts,
		Pooled: d.Pooled, Logins: d.Logins, Followers: d.Followers,
		Content: string(d.Content), Callers: l.callers(d.Name, env), Wave: d.Wave,
	}
	for _, v := range d.Databases {
		s.Databases = append(s.Databases, render.Database{
			Name: v.Name, Owner: workload.NameOf(string(v.For)), Secret: string(d.Name) + "-" + string(v.For), For: v.For,
		})
	}
	for _, p := range s.Callers {
		if m := l.members[p.Service]; m != nil && !m.Workload.AsksFor(workload.NameOf(string(d.Name)), "password") {
			s.Open = append(s.Open, p.Service)
		}
	}
	if env.Kind == "vm" {
		s.Hosts = numbered(string(d.Name), d.Instances)
	}
	return s
}

func (l layout) stub(v StubPlan, env Environment) render.Stub {
	s := render.Stub{Name: v.Name, Port: v.Port, Callers: l.callers(v.Name, env), Wave: DataWave}
	for _, a := range v.Answers {
		s.Answers = append(s.Answers, render.Answer{Path: a.Path, Status: cmp.Or(a.Status, 200), Type: a.Type, Body: a.Body})
	}
	if len(s.Answers) == 0 {
		s.Answers = []render.Answer{{Path: "/", Status: 200, Body: "{}"}}
	}
	if env.Kind == "vm" {
		s.Hosts = appHosts(env)
	}
	return s
}

// originHost is the name by which a provider is called where it is today: a DNS name before a bare one.
func originHost(s *depmap.Service) string {
	for _, kind := range []string{estate.NameDNS, estate.NameHostname, estate.NameService} {
		for _, a := range s.Names {
			if a.Kind == kind && strings.Contains(a.Value, ".") {
				return a.Value
			}
		}
	}
	return string(s.Name)
}

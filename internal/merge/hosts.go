package merge

import (
	"slices"
	"strings"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/technology"
)

// rolesAsServices lets a role that is named after a store or broker count as one that runs: in an estate of virtual machines
// nothing else declares it.
func (m *merger) rolesAsServices() {
	hosted := map[string]bool{}
	for i := range m.all {
		if s := &m.all[i]; s.Fact == estate.Hosts && s.Key == "role" {
			hosted[s.Value] = true
		}
	}
	for i := range m.seeds {
		s := &m.seeds[i]
		for _, a := range s.names {
			if a.Kind != estate.NameRole || !hosted[a.Value] {
				continue
			}
			if t, ok := technologyIn(a.Value); ok && t.Kind == estate.Datastore {
				s.runs = append(s.runs, estate.Sighting{Fact: estate.Runs, Key: "datastore", Value: t.Name, Place: a.Place})
			}
		}
	}
}

// technologyIn finds a technology among the words of a name: pg-main, redis_server.
func technologyIn(name string) (technology.Technology, bool) {
	if strings.Contains(name, "client") {
		return technology.Technology{}, false // what speaks to it
	}
	for _, word := range strings.FieldsFunc(name, func(r rune) bool { return strings.ContainsRune("-_.: ", r) }) {
		if t, ok := technology.OfName(word); ok {
			return t, true
		}
	}
	return technology.Technology{}, false
}

// liftRoles tells which services run on each host and gives them the host's settings that are theirs.
func (m *merger) liftRoles() {
	loads := m.loads()
	tenants := m.tenants(loads)
	anywhere := map[int]bool{}
	for _, services := range tenants {
		for _, s := range services {
			anywhere[s] = true
		}
	}
	for h, p := range m.components {
		if p.c.Kind != estate.Host {
			continue
		}
		for _, s := range tenants[h] {
			c := &m.components[s].c
			c.Hosts = appendOnce(c.Hosts, p.c.Name)
			for _, env := range p.c.Environments {
				c.Environments = appendOnce(c.Environments, env)
			}
		}
		m.shareOut(p, tenants[h], anywhere)
		if len(tenants[h]) == 0 && p.c.Technology == "" {
			p.c.Technology = hostTechnology(loads[h])
		}
	}
}

// loads lists what each host is said to run, as its roles, recipes and units name it.
func (m *merger) loads() map[int][]string {
	out := map[int][]string{}
	for i := range m.all {
		s := &m.all[i]
		if s.Fact != estate.Hosts {
			continue
		}
		if seed, ok := m.byName[subjectKey{s.Subject.Space, s.Subject.Name}]; ok && m.partOf[seed] >= 0 {
			h := m.partOf[seed]
			out[h] = append(out[h], s.Value)
		}
	}
	return out
}

// tenants lists the services each host runs.
func (m *merger) tenants(loads map[int][]string) map[int][]int {
	out := map[int][]int{}
	for h, values := range loads {
		for _, value := range values {
			for _, name := range roleNames(value) {
				if t, ok := m.called(name); ok && t != h && m.components[t].c.Kind != estate.Host {
					out[h] = appendOnce(out[h], t)
					break
				}
			}
		}
		slices.Sort(out[h])
	}
	return out
}

// roleNames are the names a role, recipe or unit may give its service: kopi-orders::default is kopi-orders or orders.
func roleNames(value string) []string {
	cookbook, recipe, _ := strings.Cut(value, "::")
	out := []string{cookbook}
	if recipe != "" && recipe != "default" {
		out = append(out, recipe)
	}
	for _, w := range slices.Clone(out) {
		if _, rest, ok := strings.Cut(w, "-"); ok {
			out = append(out, rest)
		}
		if _, rest, ok := strings.Cut(w, "_"); ok {
			out = append(out, rest)
		}
	}
	return out
}

// shareOut moves a host's settings to the services on it that they are for. What belongs to a service elsewhere is
// dropped here: it is counted where that service runs.
func (m *merger) shareOut(host *part, tenants []int, anywhere map[int]bool) {
	var kept []estate.Setting
	for _, s := range host.c.Settings {
		t, found := m.tenantFor(s, tenants)
		switch {
		case found:
			m.components[t].c.Settings = append(m.components[t].c.Settings, s)
		case m.namesTenantElsewhere(s.Key, anywhere):
		default:
			s.Shared = s.Shared || strings.HasPrefix(s.Layer, "environment[") || strings.HasPrefix(s.Layer, "cookbook[")
			kept = append(kept, s)
		}
	}
	host.c.Settings = kept
	if len(tenants) == 1 {
		t := &m.components[tenants[0]].c
		t.Links = append(t.Links, host.c.Links...)
		host.c.Links = nil
	}
}

// tenantFor finds the service a host's setting is for: the one its key names, else the one its role or cookbook is.
func (m *merger) tenantFor(s estate.Setting, tenants []int) (int, bool) {
	for _, segment := range strings.Split(s.Key, ".") {
		if t, ok := m.called(segment); ok && slices.Contains(tenants, t) {
			return t, true
		}
	}
	if kind, rest, ok := strings.Cut(s.Layer, "["); ok && (kind == "role" || kind == "cookbook") {
		name, _, _ := strings.Cut(rest, "]")
		for _, n := range roleNames(name) {
			if t, ok := m.called(n); ok && slices.Contains(tenants, t) {
				return t, true
			}
		}
	}
	for _, folder := range strings.Split(s.Place.File, "/") {
		for _, n := range roleNames(folder) {
			if t, ok := m.called(n); ok && slices.Contains(tenants, t) {
				return t, true
			}
		}
	}
	if len(tenants) == 1 && (strings.HasPrefix(s.Layer, "role[") || strings.HasPrefix(s.Layer, "node")) {
		return tenants[0], true
	}
	return 0, false
}

func (m *merger) namesTenantElsewhere(key string, anywhere map[int]bool) bool {
	for _, segment := range strings.Split(key, ".") {
		if t, ok := m.called(segment); ok && anywhere[t] && m.components[t].c.Kind == estate.Service {
			return true
		}
	}
	return false
}

// hostTechnology is the one store or broker among what a host runs; "" when there are none or several.
func hostTechnology(loads []string) string {
	found := ""
	for _, value := range loads {
		if t, ok := technologyIn(value); ok && t.Kind == estate.Datastore {
			if found != "" && found != t.Name {
				return ""
			}
			found = t.Name
		}
	}
	return found
}

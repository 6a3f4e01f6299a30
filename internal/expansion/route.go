package expansion

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"example.org/caravan/internal/depmap"
	"example.org/caravan/internal/estate"
)

// routeTables are the keys below which configuration lists the parts of a service: modules.cart.…, routes[3].id.
var (
	namedRoute    = regexp.MustCompile(`^(?:.*\.)?(?:modules|routes|features|engines|domains)\.([A-Za-z][A-Za-z0-9_-]*)(?:\.|$)`)
	numberedRoute = regexp.MustCompile(`^((?:.*\.)?(?:modules|routes|features|engines|domains)\[\d+\])\.(?:id|name)$`)
)

// routes are the parts of a service, as its configuration and folders tell them.
type routes struct {
	names    []string          // sorted
	numbered map[string]string // "…routes[3]" → its name
}

func routesOf(c *estate.Component) routes {
	r := routes{numbered: map[string]string{}}
	if c == nil {
		return r
	}
	for _, s := range c.Settings {
		if m := namedRoute.FindStringSubmatch(s.Key); m != nil {
			r.names = append(r.names, m[1])
		}
		if m := numberedRoute.FindStringSubmatch(s.Key); m != nil {
			r.names = append(r.names, s.Value)
			r.numbered[m[1]] = s.Value
		}
	}
	slices.Sort(r.names)
	r.names = slices.Compact(r.names)
	return r
}

// of is the part of the service that a piece of evidence belongs to; "" when it is for all of it.
func (r routes) of(e depmap.Evidence) string {
	if m := namedRoute.FindStringSubmatch(e.Key); m != nil && slices.Contains(r.names, m[1]) {
		return m[1]
	}
	if end := strings.LastIndexByte(e.Key, ']'); end > 0 {
		if name, ok := r.numbered[e.Key[:end+1]]; ok {
			return name
		}
	}
	for _, folder := range strings.Split(e.Place.File, "/") {
		if slices.Contains(r.names, folder) && strings.Contains(e.Place.File, "/"+folder+"/") {
			return folder
		}
	}
	return ""
}

// needing are the parts that need a provider: those its evidence names. Evidence that names none beside some that
// does, such as a client class, adds nothing; when no evidence names a part, all need it.
func (r routes) needing(evidence []depmap.Evidence) []string {
	var out []string
	for _, e := range evidence {
		if name := r.of(e); name != "" && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// checkRoutes looks for routes a member does not have and notes which of its uses belong to which.
func (p *planner) checkRoutes(m *Member) {
	if len(m.Routes) == 0 {
		return
	}
	known := routesOf(p.component[m.Name])
	i := slices.IndexFunc(p.Expansion.Services, func(w Want) bool { return len(w.Routes) > 0 && w.Service == string(m.Name) })
	for j, name := range m.Routes {
		if slices.Contains(known.names, name) {
			continue
		}
		at := fmt.Sprintf("services[%d].routes[%d]", max(i, 0), j)
		if len(known.names) == 0 {
			p.at(at, "no routes or modules of %s are known from its configuration; leave routes out, and it comes whole", string(m.Name))
			return
		}
		p.at(at, "%s has no route or module %q; it has %s", string(m.Name), name, strings.Join(known.names, ", "))
	}
	for _, v := range p.uses[m.Name] {
		v.routes = known.needing(v.evidence)
	}
}

// sparedBy reports whether only routes need a use that do not come.
func (v *pair) sparedBy(wanted []string) bool {
	return len(wanted) > 0 && len(v.routes) > 0 && !slices.ContainsFunc(v.routes, func(r string) bool { return slices.Contains(wanted, r) })
}

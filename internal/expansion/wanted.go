package expansion

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"example.org/caravan/internal/depmap"
	"example.org/caravan/internal/document"
	"example.org/caravan/internal/estate"
)

// resolveWants finds the services each item of the wish means and makes them members.
func (p *planner) resolveWants() {
	for i, w := range p.Expansion.Services {
		at := fmt.Sprintf("services[%d]", i)
		switch found := p.meant(w, at); {
		case len(found) > 0:
			for _, s := range found {
				p.join(s, Reason{Text: wantedBy(w), Place: p.Expansion.place(at)}, nil, w)
			}
		case w.Team != "":
			p.at(at, "team %q owns nothing in %s%s", string(w.Team), string(p.Expansion.Source), p.nearTeam(w.Team))
		}
	}
	for _, name := range p.order {
		p.checkRoutes(p.members[name])
	}
}

func wantedBy(w Want) string {
	switch {
	case w.Team != "":
		return "wanted: everything of team " + string(w.Team)
	case isGlob(w.Service):
		return "wanted: " + w.Service
	}
	return "wanted"
}

// meant lists the services an item means; what it cannot mean is a problem.
func (p *planner) meant(w Want, at string) []*depmap.Service {
	switch {
	case w.Team != "":
		return p.pick(func(s *depmap.Service) bool { return s.Team == w.Team })
	case isGlob(w.Service):
		found := p.pick(func(s *depmap.Service) bool {
			ok, err := doublestar.Match(w.Service, string(s.Name))
			return ok && err == nil
		})
		if len(found) == 0 {
			p.at(at, "%q matches no service in %s; see caravan map for their names", w.Service, string(p.Expansion.Source))
		}
		return found
	}
	s := p.named(estate.ServiceName(w.Service), at)
	switch {
	case s == nil:
		return nil
	case s.Kind != estate.Service:
		p.at(at, "%s is of kind %s, which comes with the services that need it; name a service", w.Service, s.Kind)
	case !p.runsIn(s):
		p.at(at, "%s does not run in %s but in %s; choose another source or leave it out", w.Service, string(p.Expansion.Source), join(s.Environments))
	default:
		return []*depmap.Service{s}
	}
	return nil
}

// pick lists the services of the source environment that fit.
func (p *planner) pick(fits func(*depmap.Service) bool) []*depmap.Service {
	var out []*depmap.Service
	for i := range p.Graph.Services {
		if s := &p.Graph.Services[i]; s.Kind == estate.Service && p.runsIn(s) && fits(s) {
			out = append(out, s)
		}
	}
	return out
}

// named is what goes by a name anywhere on the map; a name nobody has is a problem.
func (p *planner) named(name estate.ServiceName, at string) *depmap.Service {
	if s, ok := p.services[name]; ok {
		return s
	}
	if s, ok := p.Graph.Find(string(name)); ok {
		return p.services[s.Name]
	}
	p.at(at, "%q is not in the estate%s", string(name), near(string(name), p.allNames()))
	return nil
}

func (p *planner) allNames() []string {
	out := make([]string, len(p.Graph.Services))
	for i, s := range p.Graph.Services {
		out[i] = string(s.Name)
	}
	return out
}

// near is advice about a name nobody has.
func near(name string, known []string) string {
	return nearOr(name, known, "see caravan map for the names, or scan again if it is new")
}

// nearOr is the known name that is near, or else that advice.
func nearOr(name string, known []string, advice string) string {
	if best, ok := document.Nearest(name, known); ok {
		return fmt.Sprintf("; did you mean %q?", best)
	}
	return "; " + advice
}

func (p *planner) nearTeam(team estate.TeamName) string {
	var known []string
	for _, s := range p.Graph.Services {
		if s.Team != "" && !slices.Contains(known, string(s.Team)) {
			known = append(known, string(s.Team))
		}
	}
	return near(string(team), known)
}

func join[T ~string](list []T) string { return strings.Join(texts(list), ", ") }

// join makes a service a member; one that is a member already only has one more reason to be.
func (p *planner) join(s *depmap.Service, why Reason, path []estate.ServiceName, w Want) {
	if m := p.members[s.Name]; m != nil {
		if !slices.ContainsFunc(m.Reasons, func(r Reason) bool { return r.Place == why.Place }) { // one decision may clone it for many
			m.Reasons = append(m.Reasons, why)
		}
		return
	}
	in := w.In
	if len(in) == 0 {
		in = []estate.EnvironmentName{p.Expansion.usual("kubernetes")}
	}
	p.members[s.Name] = &Member{
		Name: s.Name, Team: s.Team, Reasons: []Reason{why}, Path: append(slices.Clone(path), s.Name), Routes: w.Routes, In: in,
	}
	p.order = append(p.order, s.Name)
}

// usual is the first environment of a kind, or the first of all when there is none.
func (e Expansion) usual(kind string) estate.EnvironmentName {
	for _, v := range e.Environments {
		if v.Kind == kind {
			return v.Name
		}
	}
	return e.Environments[0].Name
}

// checkPlaces looks for environments and networks that do not fit what exists.
func (p *planner) checkPlaces() {
	known := make([]string, len(p.Environments))
	for i, v := range p.Environments {
		known[i] = string(v.Name)
	}
	if !slices.Contains(known, string(p.Expansion.Source)) {
		p.at("source", "environment %q is not declared in the workspace%s", string(p.Expansion.Source), nearOr(string(p.Expansion.Source), known, "name it under environments in caravan.yaml"))
	}
	ends := slices.Concat(known, p.Networks)
	for _, v := range p.Expansion.Environments {
		ends = append(ends, string(v.Name))
	}
	for v := range p.Taken {
		ends = append(ends, string(v))
	}
	slices.Sort(ends)
	for i, v := range p.Expansion.Environments {
		at := fmt.Sprintf("environments[%d]", i)
		if slices.Contains(known, string(v.Name)) {
			p.at(at+".name", "environment %q exists already; give the new one a name of its own", string(v.Name))
		}
		if other, taken := p.Taken[v.Name]; taken {
			p.at(at+".name", "environment %q is made by %s already; give the new one a name of its own", string(v.Name), FileOf(other))
		}
		for j, peering := range v.Peerings {
			if !slices.Contains(ends, peering.With) {
				p.at(fmt.Sprintf("%s.peerings[%d].with", at, j), "%q is no environment or network of the workspace%s", peering.With, nearOr(peering.With, ends, "name it under environments or networks in caravan.yaml"))
			}
		}
	}
}

// checkNames looks for names in the rest of the expansion that nothing in the estate has.
func (p *planner) checkNames() {
	e := p.Expansion
	for i, v := range e.Substitutions.Providers {
		at := fmt.Sprintf("substitutions.providers[%d].replaces", i)
		if s := p.named(v.Replaces, at); s != nil && s.Kind != estate.External {
			p.at(at, "%s is the estate's own %s; providers replace externals, for others write a decision", string(v.Replaces), s.Kind)
		}
	}
	for i, v := range e.Substitutions.Variables {
		if v.Service != "" {
			p.named(v.Service, fmt.Sprintf("substitutions.variables[%d].service", i))
		}
	}
	for i, rule := range e.Residency {
		for j, name := range rule.Data {
			if s := p.named(name, fmt.Sprintf("residency[%d].data[%d]", i, j)); s != nil {
				p.marked[s.Name] = rule.Because
			}
		}
	}
	for i, v := range e.Datastores {
		at := fmt.Sprintf("datastores[%d].name", i)
		if s := p.named(v.Name, at); s != nil && s.Kind != estate.Datastore {
			p.at(at, "%s is of kind %s, not a datastore; leave it out", string(v.Name), s.Kind)
		}
	}
	for i, d := range e.Decisions {
		p.checkDecision(d, fmt.Sprintf("decisions[%d]", i))
	}
	for i, names := range e.Waves {
		for j, name := range names {
			p.named(name, fmt.Sprintf("waves[%d][%d]", i, j))
		}
	}
}

func (p *planner) checkDecision(d Decision, at string) {
	to := p.named(d.To, at+".to")
	if to == nil {
		return
	}
	switch {
	case d.Decide == Clone && to.Kind == estate.External:
		p.at(at+".decide", "%s is run by others and cannot be cloned; decide replace, call-back, stub or drop", string(d.To))
	case d.Decide == CallBack && d.Through == "" && to.Kind != estate.External:
		p.at(at, "calls back to %s go through what? add through: vpn, peering or the like", string(d.To))
	}
	if d.From == "" {
		return
	}
	from := p.named(d.From, at+".from")
	if from != nil && !slices.ContainsFunc(p.uses[from.Name], func(v *pair) bool { return v.to == to.Name }) {
		p.at(at, "%s does not use %s in %s; remove the decision, or look at caravan map --service %s", string(d.From), string(d.To), string(p.Expansion.Source), string(d.From))
	}
}

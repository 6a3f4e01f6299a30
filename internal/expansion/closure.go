package expansion

import (
	"fmt"
	"slices"

	"example.org/caravan/internal/estate"
)

// close follows what members need until nothing new comes along. Datastores come with those who use them; services
// come when a decision says so.
func (p *planner) close() {
	for i := 0; i < len(p.order); i++ {
		m := p.members[p.order[i]]
		for _, v := range p.uses[m.Name] {
			if v.sparedBy(m.Routes) {
				p.spared = append(p.spared, Spared{From: v.from, To: v.to, Routes: v.routes, Proof: v.evidence[0]})
				continue
			}
			p.follow(m, v)
		}
	}
	slices.SortFunc(p.spared, func(a, b Spared) int { return compareEnds(a.From, a.To, b.From, b.To) })
}

// follow brings the far end of a use along, if it is to come.
func (p *planner) follow(m *Member, v *pair) {
	d, at := p.decided(v)
	to := p.services[v.to]
	switch {
	case to.Kind == estate.Datastore && (d == nil || d.Decide == Clone):
		p.store(v)
	case to.Kind == estate.Service && d != nil && d.Decide == Clone:
		p.join(to, Reason{Text: fmt.Sprintf("cloned for %s, decided by %s: %s", v.from, d.By, d.Why), Place: at}, m.Path, Want{In: m.In})
	}
}

// store plans a datastore for one more consumer.
func (p *planner) store(v *pair) {
	s := p.stores[v.to]
	if s == nil {
		to := p.services[v.to]
		s = &Datastore{Name: to.Name, Team: to.Team, Technology: to.Technology, Port: v.port}
		p.stores[v.to] = s
	}
	if s.Port == 0 {
		s.Port = v.port
	}
	s.For = append(s.For, v.from)
}

// decided is the decision about a use, and where it stands; the nearest one wins: for this consumer, for all of them, the
// provider of the country.
func (p *planner) decided(v *pair) (*Decision, estate.Place) {
	e := p.Expansion
	best := -1
	for i, d := range e.Decisions {
		if p.is(d.To, v.to) && (d.From == "" && best < 0 || d.From != "" && p.is(d.From, v.from)) {
			best = i
		}
	}
	if best >= 0 {
		d := e.Decisions[best]
		return &d, e.place(fmt.Sprintf("decisions[%d]", best))
	}
	for i, s := range e.Substitutions.Providers {
		if p.is(s.Replaces, v.to) {
			why := s.Why
			if why == "" {
				why = "the provider of " + e.Country
			}
			return &Decision{To: v.to, Decide: Replace, With: s.With, Country: s.Country, By: "substitutions", Why: why},
				e.place(fmt.Sprintf("substitutions.providers[%d]", i))
		}
	}
	return nil, estate.Place{}
}

// is reports whether a name somebody wrote means a service, by its name or any other of its names.
func (p *planner) is(written, name estate.ServiceName) bool {
	if written == name {
		return true
	}
	if _, taken := p.services[written]; taken {
		return false
	}
	return slices.ContainsFunc(p.services[name].Names, func(a estate.Alias) bool { return a.Value == string(written) })
}

// comes reports whether the far end of a use is in the new country under its own name.
func (p *planner) comes(v *pair) bool {
	d, _ := p.decided(v)
	if d != nil && d.Decide != Clone && (d.From != "" || p.members[v.to] == nil) {
		return false
	}
	return p.members[v.to] != nil || p.stores[v.to] != nil
}

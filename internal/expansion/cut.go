package expansion

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.org/caravan/internal/estate"
)

func compareEnds(from1, to1, from2, to2 estate.ServiceName) int {
	return cmp.Or(cmp.Compare(from1, from2), cmp.Compare(to1, to2))
}

// cutEdges lists every edge whose far end does not come, with what cutting costs and what was decided.
func (p *planner) cutEdges() {
	coupled, brought := p.coupled(), p.brought()
	for _, name := range sortedNames(p.members) {
		m := p.members[name]
		for _, v := range p.uses[name] {
			if v.sparedBy(m.Routes) {
				continue
			}
			if p.comes(v) {
				m.Uses = append(m.Uses, p.use(v, nil))
				continue
			}
			c := p.cut(m, v, brought)
			c.Cost.Coupled = coupled.from(name)
			p.cuts = append(p.cuts, c)
			m.Uses = append(m.Uses, p.use(v, c.Decision))
		}
	}
}

// cut is one edge that is cut.
func (p *planner) cut(m *Member, v *pair, brought reaching) Cut {
	to := p.services[v.to]
	d, at := p.decided(v)
	c := Cut{
		From: v.from, To: v.to, External: to.Kind == estate.External, Team: to.Team, Kinds: v.kinds, Proof: v.evidence[0],
		Cost: Cost{CallsPerSecond: p.rate(v)}, Decision: d, Place: at,
	}
	if !c.External {
		c.Cost.RoundTrip = p.roundTrip(m)
	}
	if to.Kind == estate.Service {
		brings := brought.from(v.to)
		c.Brings = &brings
	}
	p.judgeResidency(&c)
	if d != nil {
		if reason, no := c.Forbidden[d.Decide]; no {
			p.report.Problem(at.Line, "%s → %s may not be decided %s: %s", v.from, v.to, d.Decide, reason)
		}
		if d.Decide == StubOut {
			p.stub(m, v, d)
		}
	}
	return c
}

// rate is how often the consumer calls, if somebody measured it.
func (p *planner) rate(v *pair) *float64 {
	for _, r := range p.Rates {
		if p.is(r.From, v.from) && p.is(r.To, v.to) {
			return &r.PerSecond
		}
	}
	return nil
}

// roundTrip is how far the source is from where a member will run, as far as a declared peering tells.
func (p *planner) roundTrip(m *Member) time.Duration {
	for _, name := range m.In {
		env, _ := p.Expansion.environment(name)
		for _, v := range env.Peerings {
			if v.With == string(p.Expansion.Source) {
				return v.RoundTrip
			}
		}
		for _, v := range env.Peerings { // one network further
			for _, j := range p.Joined {
				if j.A == v.With && j.B == string(p.Expansion.Source) || j.B == v.With && j.A == string(p.Expansion.Source) {
					if v.RoundTrip > 0 && j.RoundTrip > 0 {
						return v.RoundTrip + j.RoundTrip
					}
				}
			}
		}
	}
	return 0
}

func (p *planner) stub(m *Member, v *pair, d *Decision) {
	s := p.stubs[v.to]
	if s == nil {
		s = &StubPlan{Name: v.to, Port: cmp.Or(v.port, 80), In: m.In[0]}
		p.stubs[v.to] = s
	}
	s.For = append(s.For, v.from)
	for _, a := range d.Answers {
		if !slices.Contains(s.Answers, a) {
			s.Answers = append(s.Answers, a)
		}
	}
}

// use is what answers a member's need in the new country.
func (p *planner) use(v *pair, d *Decision) Use {
	u := Use{Name: v.to, Type: p.resourceType(v.to), Kinds: v.kinds, Port: p.portOf(v), Here: d == nil && (p.members[v.to] != nil || p.stores[v.to] != nil)}
	if d != nil {
		u.Fate, u.With = d.Decide, d.With
		if d.Decide == CallBack {
			u.With, u.Host = d.Through, originHost(p.services[v.to])
		}
	}
	return u
}

// portOf is the port of a use: the one it was seen with, else the only one the provider has.
func (p *planner) portOf(v *pair) int {
	if v.port != 0 {
		return v.port
	}
	if ports := p.services[v.to].Ports; len(ports) == 1 {
		return ports[0]
	}
	return 0
}

// judgeResidency says which decisions would send data out of the country that may not leave it.
func (p *planner) judgeResidency(c *Cut) {
	forbid := func(f Fate, format string, args ...any) {
		if c.Forbidden == nil {
			c.Forbidden = map[Fate]string{}
		}
		c.Forbidden[f] = fmt.Sprintf(format, args...)
	}
	if c.External {
		forbid(Clone, "it is run by others")
	}
	holds, rule := p.holdsMarked(c.From)
	if written, ok := p.marked[c.To]; ok && rule == "" {
		holds, rule = string(c.To), written
	}
	if rule == "" || p.country(p.Expansion.Source) == p.Expansion.Country {
		return
	}
	c.Cost.Residency = rule
	switch {
	case !c.External:
		forbid(CallBack, "data of %s may not leave %s (%s)", holds, p.Expansion.Country, rule)
	case c.Decision == nil || c.Decision.Country != p.Expansion.Country:
		forbid(CallBack, "data of %s may not leave %s (%s); if it keeps its data there, say country: %s in the decision", holds, p.Expansion.Country, rule, p.Expansion.Country)
	}
	if d := c.Decision; d != nil && d.Decide == Replace && d.Country != "" && d.Country != p.Expansion.Country {
		forbid(Replace, "data of %s may not leave %s (%s), and %s keeps its data in %s", holds, p.Expansion.Country, rule, d.With, d.Country)
	}
}

// holdsMarked is the marked data a member holds, by itself or in a datastore it uses, and the rule.
func (p *planner) holdsMarked(name estate.ServiceName) (holds, rule string) {
	if rule, ok := p.marked[name]; ok {
		return string(name), rule
	}
	for _, v := range p.uses[name] {
		if rule, ok := p.marked[v.to]; ok && !v.sparedBy(p.members[name].Routes) {
			return string(v.to), rule
		}
	}
	return "", ""
}

func (p *planner) country(env estate.EnvironmentName) string {
	for _, v := range p.Environments {
		if v.Name == env {
			return v.Country
		}
	}
	return ""
}

// withPort splits host:port; 0 when there is no port.
func withPort(endpoint string) (host string, port int) {
	host, digits, _ := strings.Cut(endpoint, ":")
	port, err := strconv.Atoi(digits)
	if err != nil {
		return host, 0
	}
	return host, port
}

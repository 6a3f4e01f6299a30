package expansion

import (
	"fmt"
	"slices"
	"strings"

	"example.org/caravan/internal/address"
	"example.org/caravan/internal/depmap"
	"example.org/caravan/internal/workload"
)

// findLacks says of each decided edge what is still to be done before the decision is in effect.
func (p *planner) findLacks() {
	for i := range p.cuts {
		c := &p.cuts[i]
		switch {
		case c.Decision == nil:
		case c.Decision.Decide != CallBack:
			c.Lacks = p.untold(c)
		case !c.External:
			c.Lacks = strings.Join(slices.DeleteFunc([]string{p.unjoined(c), p.untold(c)}, func(s string) bool { return s == "" }), "; ")
		}
	}
}

// untold says that nothing the consumer is configured with tells it where the far end is now: it goes on calling the old
// address. What only the machines ship, such as logs, is no address of the consumer's own.
func (p *planner) untold(c *Cut) string {
	key := workload.NameOf(string(c.To))
	m := p.members[c.From]
	if m.Workload.AsksFor(key, "host") || !slices.ContainsFunc(p.uses[c.From], func(v *pair) bool { return v.to == c.To && slices.ContainsFunc(v.evidence, ownAddress) }) {
		return ""
	}
	file := "services/" + string(c.From) + "/score.yaml"
	if m.Own {
		return fmt.Sprintf("%s goes on calling the old address: put ${resources.%s.host} into %s, or make it the value of a variable", c.From, key, file)
	}
	return fmt.Sprintf("%s goes on calling the old address (%s): run caravan workload %s --write, then put ${resources.%s.host} into %s", c.From, c.Proof.Place, c.From, key, file)
}

func ownAddress(e depmap.Evidence) bool { return !e.Shipped() }

// unjoined says that calls back have no way to the source, as far as anybody declared.
func (p *planner) unjoined(c *Cut) string {
	for _, name := range p.members[c.From].In {
		if !address.Reaches(p.joints(), string(name), string(p.Expansion.Source)) {
			return fmt.Sprintf("%s is not joined to %s: declare how under its peerings in %s", name, p.Expansion.Source, FileOf(p.Expansion.Name))
		}
	}
	return ""
}

// joints are the peerings of the expansion and of what exists.
func (p *planner) joints() []address.Joint {
	var out []address.Joint
	for _, v := range p.Expansion.Environments {
		for _, j := range v.Peerings {
			out = append(out, address.Joint{A: string(v.Name), B: j.With, Kind: j.Kind})
		}
	}
	for _, j := range p.Joined {
		out = append(out, address.Joint{A: j.A, B: j.B})
	}
	return out
}

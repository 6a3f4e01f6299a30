package expansion

import (
	"slices"

	"example.org/caravan/internal/depmap"
	"example.org/caravan/internal/estate"
)

// Removal is what taking an expansion away again means: what it made, and what outside of it would break.
type Removal struct {
	Expansion  string               `json:"expansion"`
	Services   []estate.ServiceName `json:"services,omitempty"`
	Datastores []estate.ServiceName `json:"datastores,omitempty"` // their data goes with them
	Stubs      []estate.ServiceName `json:"stubs,omitempty"`
	Addresses  []Lease              `json:"addresses,omitempty"`
	Breaks     []Break              `json:"breaks,omitempty"`
}

// Break is something that would no longer work.
type Break struct {
	Who  string             `json:"who"`  // a service of the estate, or another expansion
	Uses estate.ServiceName `json:"uses"` // of the expansion that is removed
	Why  string             `json:"why"`
}

// Remove lists what a proposal made, and what would break without it: services whose evidence names one of its
// environments, and other expansions that take it as their source, are joined to it or call back into it.
func Remove(p Proposal, g depmap.Graph, others []Proposal) Removal {
	r := Removal{Expansion: p.Expansion, Addresses: p.Addresses}
	for _, m := range p.Members {
		r.Services = append(r.Services, m.Name)
	}
	for _, d := range p.Datastores {
		r.Datastores = append(r.Datastores, d.Name)
	}
	for _, s := range p.Stubs {
		r.Stubs = append(r.Stubs, s.Name)
	}
	r.Breaks = append(callersInto(p, g), dependentExpansions(p, others)...)
	return r
}

func callersInto(p Proposal, g depmap.Graph) []Break {
	var out []Break
	for _, e := range g.Edges {
		for _, v := range e.Evidence {
			if !namesPart(v.Value, p) || len(v.Environments) > 0 && slices.ContainsFunc(p.Environments, func(env Environment) bool { return slices.Contains(v.Environments, env.Name) }) {
				continue
			}
			out = append(out, Break{Who: string(e.From), Uses: e.To, Why: "its configuration names it: " + v.Place.String()})
			break
		}
	}
	return out
}

// namesPart reports whether a value holds a name in one of the proposal's zones.
func namesPart(value string, p Proposal) bool {
	return slices.ContainsFunc(p.Environments, func(env Environment) bool { return containsName(value, p.Zone(env)) })
}

func dependentExpansions(p Proposal, others []Proposal) []Break {
	var out []Break
	for _, o := range others {
		if o.Expansion == p.Expansion {
			continue
		}
		for _, env := range p.Environments {
			if o.Source == env.Name {
				out = append(out, Break{Who: o.Expansion, Why: "it takes " + string(env.Name) + " as its source"})
			}
			for _, v := range o.Environments {
				if slices.ContainsFunc(v.Peerings, func(j Peering) bool { return j.With == string(env.Name) }) {
					out = append(out, Break{Who: o.Expansion, Why: string(v.Name) + " is joined to " + string(env.Name)})
				}
			}
		}
	}
	return out
}

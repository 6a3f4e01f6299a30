package app

import (
	"context"
	"net/netip"
	"slices"

	"example.org/caravan/internal/address"
	"example.org/caravan/internal/expansion"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/rights"
	"example.org/caravan/internal/web"
)

// Expansions lists the expansions of the workspace.
func (p Portal) Expansions(ctx context.Context) ([]web.Expansion, error) {
	list, err := p.App.Expansions(ctx)
	out := make([]web.Expansion, 0, len(list))
	for _, e := range list {
		out = append(out, web.Expansion{Name: e.Name, Country: e.Country, Source: e.Source, Services: e.Services, Undecided: e.Undecided, Written: e.Written, Steps: e.Steps, Problem: e.Problem})
	}
	return out, err
}

// Plan plans an expansion, keeping nothing: a page that is looked at changes nothing. The files before are those of the
// last proposal that was kept and is another one.
func (p Portal) Plan(ctx context.Context, name string) (web.Plan, error) {
	plan, err := p.App.Plan(ctx, name, PlanRequest{Dry: true})
	if err != nil {
		return web.Plan{}, err
	}
	out := web.Plan{Proposal: plan.Proposal, Journey: plan.Journey, Files: plan.Files, MapRead: plan.MapRead, PlannedAt: plan.PlannedAt}
	standing, err := p.App.standing(ctx, plan, "", false)
	if err != nil {
		return out, err
	}
	out.Written = standing.Written()
	const lookBack = 2
	kept, err := p.App.Proposals(ctx, name, lookBack)
	if err != nil {
		return out, err
	}
	for _, k := range kept {
		if k.Digest == plan.Proposal.Digest {
			out.PlannedAt = k.First
			continue
		}
		before, err := p.App.Proposal(ctx, name, string(k.Digest))
		if err != nil {
			return out, err
		}
		out.Before = before.Files
		break
	}
	return out, nil
}

// Decide writes decisions into an expansion's file.
func (p Portal) Decide(ctx context.Context, name string, decisions []expansion.Decision) error {
	_, err := p.App.Decide(ctx, name, decisions, rights.Of(ctx))
	return err
}

// Addresses is the space of private ranges, as a tree.
func (p Portal) Addresses(ctx context.Context) (web.Addresses, error) {
	all, err := p.App.Addresses(ctx)
	if fault.KindOf(err) == fault.NotFound {
		return web.Addresses{At: all.At}, nil
	}
	if err != nil {
		return web.Addresses{}, err
	}
	out := web.Addresses{At: all.At, Findings: all.Findings}
	parts := map[string][]address.Lease{}
	for _, l := range all.Leases {
		parts[l.Parent] = append(parts[l.Parent], l)
	}
	for _, pool := range all.Pools {
		shown := web.Pool{Name: pool.Name, Prefix: pool.Prefix, Parts: partsOf(address.OfPool(pool.Name), pool.Prefix, parts)}
		for _, u := range all.Used {
			if pool.Prefix.Overlaps(u.Prefix) && !overlapsAny(u.Prefix, shown.Parts) {
				shown.Parts = append(shown.Parts, web.Part{Prefix: narrower(u.Prefix, pool.Prefix), Holder: u.Network, Purpose: "in use", State: "in use", Place: u.Place.String()})
			}
		}
		sortParts(shown.Parts)
		out.Pools = append(out.Pools, shown)
	}
	for _, u := range all.Used {
		if !slices.ContainsFunc(all.Pools, func(p PoolState) bool { return p.Prefix.Overlaps(u.Prefix) }) {
			out.Outside = append(out.Outside, web.Part{Prefix: u.Prefix, Holder: u.Network, Purpose: "in use", State: "in use", Place: u.Place.String()})
		}
	}
	return out, nil
}

// partsOf are the leases that are parts of a range. Those of a holder that lie elsewhere are parts of what it had before.
func partsOf(parent string, whole netip.Prefix, all map[string][]address.Lease) []web.Part {
	var out []web.Part
	for _, l := range all[parent] {
		if !whole.Contains(l.Prefix.Addr()) || l.Prefix.Bits() < whole.Bits() || l.Holder == parent {
			continue
		}
		part := web.Part{Prefix: l.Prefix, Holder: l.Holder, Purpose: string(l.Purpose), State: string(l.State), Since: l.Since, Until: l.Until}
		if l.State != address.Quarantined {
			part.Parts = partsOf(l.Holder, l.Prefix, all)
		}
		out = append(out, part)
	}
	sortParts(out)
	return out
}

func sortParts(parts []web.Part) {
	slices.SortFunc(parts, func(a, b web.Part) int { return a.Prefix.Addr().Compare(b.Prefix.Addr()) })
}

func overlapsAny(p netip.Prefix, parts []web.Part) bool {
	return slices.ContainsFunc(parts, func(q web.Part) bool { return q.Prefix.Overlaps(p) })
}

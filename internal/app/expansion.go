package app

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"example.org/caravan/internal/depmap"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/expansion"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/journey"
	"example.org/caravan/internal/render"
	"example.org/caravan/internal/render/kube"
	"example.org/caravan/internal/render/vm"
	"example.org/caravan/internal/store"
	"example.org/caravan/internal/workload"
	"example.org/caravan/internal/workspace"
)

// Plan is a proposal with everything it leads to.
type Plan struct {
	Proposal  expansion.Proposal `json:"proposal"`
	Journey   journey.Journey    `json:"journey"`
	Files     []render.File      `json:"files"`     // of all environments, by path
	MapRead   time.Time          `json:"mapRead"`   // when what it was planned from was last read
	PlannedAt time.Time          `json:"plannedAt"` // first time exactly this was planned; now when it is not kept
}

// ExpansionSummary is one line of the list of expansions.
type ExpansionSummary struct {
	Name       string                 `json:"name"`
	Country    string                 `json:"country,omitempty"`
	Source     estate.EnvironmentName `json:"source,omitempty"`
	Services   int                    `json:"services"`
	Datastores int                    `json:"datastores"`
	Undecided  int                    `json:"undecided"`
	Written    int                    `json:"written"` // steps that are in place as planned
	Steps      int                    `json:"steps"`
	Problem    string                 `json:"problem,omitempty"` // why it cannot be planned
}

// PlanRequest says how to plan.
type PlanRequest struct {
	Dry bool `json:"dry,omitempty" doc:"Keep nothing: no proposal, no reserved ranges."`
}

// inWorkspace fails when there is no workspace: expansions are files of one.
func (a *App) inWorkspace() error {
	if a.dir == "" {
		return fault.Newf(fault.NotFound, "expansions belong to a workspace, and directories are read here; run caravan init, then caravan scan")
	}
	return nil
}

// Expansions lists the workspace's expansions with what planning them gives.
func (a *App) Expansions(ctx context.Context) ([]ExpansionSummary, error) {
	if a.dir == "" {
		return nil, nil
	}
	names, err := workspace.Expansions(a.dir)
	if err != nil {
		return nil, err
	}
	out := make([]ExpansionSummary, 0, len(names))
	for _, name := range names {
		s, err := a.summary(ctx, name)
		if err != nil {
			s.Problem = err.Error()
		}
		out = append(out, s)
	}
	return out, ctx.Err()
}

// summary is as much of an expansion's line as can be told; the error is why there is no more.
func (a *App) summary(ctx context.Context, name string) (ExpansionSummary, error) {
	s := ExpansionSummary{Name: name}
	e, err := workspace.Expansion(a.dir, name)
	if err != nil {
		return s, err
	}
	s.Country, s.Source = e.Country, e.Source
	plan, err := a.dryPlan(ctx, name)
	if err != nil {
		return s, err
	}
	p := plan.Proposal
	s.Services, s.Datastores, s.Undecided = len(p.Members), len(p.Datastores), len(p.Undecided())
	standing, err := a.standing(ctx, plan, "", false)
	s.Written, s.Steps = standing.Written(), len(standing.Steps)
	return s, err
}

// Plan plans an expansion from the newest snapshot, keeps the proposal and reserves its ranges, unless the request is a dry one.
func (a *App) Plan(ctx context.Context, name string, req PlanRequest) (Plan, error) {
	if err := a.inWorkspace(); err != nil {
		return Plan{}, err
	}
	if req.Dry {
		return a.dryPlan(ctx, name)
	}
	plan, err := a.planNow(ctx, name, true)
	if err != nil {
		return Plan{}, err
	}
	plan.PlannedAt, err = a.store.KeepProposal(ctx, plan.Proposal, plan.PlannedAt)
	return plan, err
}

// dryPlan plans an expansion and keeps nothing; the same plan as the last time when nothing changed.
func (a *App) dryPlan(ctx context.Context, name string) (Plan, error) {
	plan, from, err := a.remembered(ctx, name)
	if err != nil {
		return Plan{}, err
	}
	if plan.Proposal.Expansion == name {
		plan.PlannedAt = a.now().UTC()
		return plan, nil
	}
	if plan, err = a.planNow(ctx, name, false); err == nil {
		a.remember(name, from, plan)
	}
	return plan, err
}

// planNow plans an expansion from what is known now.
func (a *App) planNow(ctx context.Context, name string, reserve bool) (Plan, error) {
	e, err := workspace.Expansion(a.dir, name)
	if err != nil {
		return Plan{}, err
	}
	p, read, err := a.propose(ctx, e, reserve)
	if err != nil {
		return Plan{}, err
	}
	plan, err := a.lay(p)
	plan.MapRead, plan.PlannedAt = read, a.now().UTC()
	return plan, err
}

// Proposal is a kept proposal of an expansion with what it leads to: the last for "", else the one whose digest ref is or
// begins.
func (a *App) Proposal(ctx context.Context, name, ref string) (Plan, error) {
	if err := a.inWorkspace(); err != nil {
		return Plan{}, err
	}
	p, kept, err := a.store.Proposal(ctx, name, ref)
	if err != nil {
		return Plan{}, err
	}
	plan, err := a.lay(p)
	plan.PlannedAt = kept
	return plan, err
}

// Proposals lists the kept proposals of an expansion, newest first, at most limit.
func (a *App) Proposals(ctx context.Context, name string, limit int) ([]store.ProposalSummary, error) {
	if err := a.inWorkspace(); err != nil {
		return nil, err
	}
	return a.store.Proposals(ctx, name, limit)
}

// propose makes the proposal of an expansion with its addresses, and says when the map it rests on was read.
func (a *App) propose(ctx context.Context, e expansion.Expansion, reserve bool) (expansion.Proposal, time.Time, error) {
	in, read, err := a.planInput(ctx)
	if err != nil {
		return expansion.Proposal{}, time.Time{}, err
	}
	p, err := a.proposeFrom(ctx, in, e, reserve)
	return p, read, err
}

// proposeFrom is propose from what is known already.
func (a *App) proposeFrom(ctx context.Context, in expansion.Input, e expansion.Expansion, reserve bool) (expansion.Proposal, error) {
	in.Expansion, in.Taken = e, a.taken(e.Name)
	last, _, err := a.store.Proposal(ctx, e.Name, "")
	if err != nil && fault.KindOf(err) != fault.NotFound {
		return expansion.Proposal{}, err
	}
	in.Planned = last.Datastores
	p, err := expansion.Plan(in)
	if err != nil {
		return expansion.Proposal{}, err
	}
	return a.withAddresses(ctx, e, p, reserve)
}

// taken are the environments that the workspace's other expansions make, as far as those can be read.
func (a *App) taken(name string) map[estate.EnvironmentName]string {
	out := map[estate.EnvironmentName]string{}
	names, err := workspace.Expansions(a.dir)
	if err != nil {
		return out
	}
	for _, other := range names {
		if e, err := workspace.Expansion(a.dir, other); err == nil && other != name {
			for _, v := range e.Environments {
				out[v.Name] = other
			}
		}
	}
	return out
}

// planInput is what is known of the estate, without the wish.
func (a *App) planInput(ctx context.Context) (expansion.Input, time.Time, error) {
	g, s, err := a.keeper.Graph(ctx, "")
	if err != nil {
		return expansion.Input{}, time.Time{}, err
	}
	snapshot, err := a.snapshotOf(ctx, s)
	if err != nil {
		return expansion.Input{}, time.Time{}, err
	}
	workloads, err := workspace.Workloads(a.dir)
	if err != nil {
		return expansion.Input{}, time.Time{}, err
	}
	in := a.inputOf(g, snapshot, workloads)
	in.Config, err = workspace.Configuration(a.dir)
	return in, s.LastSeen, err
}

// inputOf is what is known of the estate: what was read, and what the workspace declares.
func (a *App) inputOf(g depmap.Graph, snapshot estate.Snapshot, workloads map[estate.ServiceName]workload.Workload) expansion.Input {
	in := expansion.Input{
		Organisation: a.label, Graph: g, Components: snapshot.Components, Placement: a.declared.Placement, Workloads: workloads,
	}
	for _, v := range a.declared.Environments {
		in.Environments = append(in.Environments, expansion.Known{Name: v.Name, Kind: v.Kind, Country: v.Country, Ranges: v.Ranges})
	}
	for _, v := range a.declared.Networks {
		in.Networks = append(in.Networks, v.Name)
	}
	for _, v := range a.declared.Peerings {
		in.Joined = append(in.Joined, expansion.Joined{A: v.Between[0], B: v.Between[1], RoundTrip: v.RoundTrip})
	}
	for _, v := range a.declared.Rates {
		in.Rates = append(in.Rates, expansion.Rate{From: v.From, To: v.To, PerSecond: v.PerSecond})
	}
	return in
}

// snapshotOf is what a graph was built from when it was seen last. The last one is remembered: a large estate takes a moment
// to unpack.
func (a *App) snapshotOf(ctx context.Context, of store.Summary) (estate.Snapshot, error) {
	key := seen{of.Digest, of.LastSeen}
	a.mu.Lock()
	last, known := a.lastSnapshot, a.lastSeen == key
	a.mu.Unlock()
	if known || a.store == nil { // what was read in this very program is all there is without a store
		return last, nil
	}
	s, _, err := a.store.Snapshot(ctx, string(of.Digest))
	if err != nil {
		return s, err
	}
	a.mu.Lock()
	a.lastSnapshot, a.lastSeen = s, key
	a.mu.Unlock()
	return s, nil
}

// lay renders a proposal and orders what is to be done. What was laid out last is remembered: pages ask for it again and again.
func (a *App) lay(p expansion.Proposal) (Plan, error) {
	origin := a.origin(p.Source)
	key := laidOut{p.Digest, estate.DigestOf(origin)}
	a.mu.Lock()
	plan, known := a.laid[key]
	a.mu.Unlock()
	if known {
		return plan, nil
	}
	plan, err := layOut(p, origin)
	if err != nil {
		return Plan{}, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.laid) >= mostLaid {
		clear(a.laid)
	}
	a.laid[key] = plan
	return plan, nil
}

// laidOut is what a plan is laid out from.
type laidOut struct{ proposal, origin estate.Digest }

// mostLaid is how many plans are remembered laid out. One of 500 services has some 10 MB of files.
const mostLaid = 8

// layOut renders a proposal for each of its environments, all at once.
func layOut(p expansion.Proposal, origin expansion.Known) (Plan, error) {
	sites := p.Sites(origin)
	bundles, problems := make([]render.Bundle, len(sites)), make([]error, len(sites))
	var wg sync.WaitGroup
	for i, site := range sites {
		wg.Go(func() { bundles[i], problems[i] = renderSite(site) })
	}
	wg.Wait()
	if err := errors.Join(problems...); err != nil {
		return Plan{}, err
	}
	files, err := render.Merge(bundles)
	return Plan{Proposal: p, Files: files, Journey: journey.Steps(p, bundles)}, err
}

func renderSite(s render.Site) (render.Bundle, error) {
	if s.Kind == "kubernetes" {
		return kube.Render(s)
	}
	return vm.Render(s)
}

// origin is the environment that calls back lead to.
func (a *App) origin(name estate.EnvironmentName) expansion.Known {
	for _, v := range a.declared.Environments {
		if v.Name == name {
			return expansion.Known{Name: v.Name, Kind: v.Kind, Country: v.Country, Ranges: v.Ranges}
		}
	}
	return expansion.Known{Name: name}
}

// Begin writes the file that begins an expansion. Conflict when there is one of that name; nothing is written of one that cannot
// be planned.
func (a *App) Begin(ctx context.Context, w expansion.Wish) error {
	if err := a.inWorkspace(); err != nil {
		return err
	}
	if err := expansion.CheckName(w.Name); err != nil {
		return err
	}
	text := expansion.Draft(w)
	e, err := expansion.Parse(text, w.Name, expansion.FileOf(w.Name))
	if err != nil {
		return err
	}
	if _, _, err := a.propose(ctx, e, false); err != nil {
		return err
	}
	return workspace.WriteExpansion(a.dir, w.Name, nil, text)
}

// Removal says what taking an expansion away would mean.
func (a *App) Removal(ctx context.Context, name string) (expansion.Removal, error) {
	plan, err := a.Plan(ctx, name, PlanRequest{Dry: true})
	if err != nil {
		return expansion.Removal{}, err
	}
	g, _, err := a.keeper.Graph(ctx, "")
	if err != nil {
		return expansion.Removal{}, err
	}
	names, err := workspace.Expansions(a.dir)
	if err != nil {
		return expansion.Removal{}, err
	}
	var others []expansion.Proposal
	for _, other := range names {
		if e, err := workspace.Expansion(a.dir, other); err == nil && other != name {
			others = append(others, expansion.Proposal{Expansion: other, Source: e.Source, Environments: e.Environments})
		}
	}
	return expansion.Remove(plan.Proposal, g, others), nil
}

// Compare lists what differs between two plans: each is an expansion's name, or name@digest for a kept proposal.
func (a *App) Compare(ctx context.Context, old, new string) (expansion.Comparison, error) {
	left, err := a.proposalOf(ctx, old)
	if err != nil {
		return expansion.Comparison{}, err
	}
	right, err := a.proposalOf(ctx, new)
	return expansion.Compare(left, right), err
}

// proposalOf is the proposal that a name, or name@digest, means.
func (a *App) proposalOf(ctx context.Context, ref string) (expansion.Proposal, error) {
	name, digest, kept := strings.Cut(ref, "@")
	if kept {
		p, err := a.Proposal(ctx, name, digest)
		return p.Proposal, err
	}
	p, err := a.Plan(ctx, name, PlanRequest{Dry: true})
	return p.Proposal, err
}

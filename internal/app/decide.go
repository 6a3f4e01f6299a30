package app

import (
	"cmp"
	"context"
	"slices"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/expansion"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/rights"
	"example.org/caravan/internal/workspace"
)

// Decided is what decisions led to.
type Decided struct {
	Plan
	Replaced []expansion.Decision `json:"replaced,omitempty"` // what was decided about the same edges before
	Opened   []expansion.Cut      `json:"opened,omitempty"`   // edges that are cut now and were not before
	Notes    []string             `json:"notes,omitempty"`    // what whoever decides may not have meant
}

// Decide writes decisions into an expansion's file and says what planning then gives. Nothing is written when they are not
// allowed, or decide nothing. Conflict when the file was changed meanwhile; Denied when the person answers for neither end of an edge.
// Who decided is the person, unless they run the program and say somebody else did.
func (a *App) Decide(ctx context.Context, name string, decisions []expansion.Decision, by rights.Person) (Decided, error) {
	if err := a.inWorkspace(); err != nil {
		return Decided{}, err
	}
	if err := a.mayDecide(ctx, decisions, by); err != nil {
		return Decided{}, err
	}
	if len(decisions) == 0 {
		return Decided{}, fault.Newf(fault.Usage, "nothing to decide; name an edge and what becomes of it")
	}
	old, file, err := workspace.ExpansionText(a.dir, name)
	if err != nil {
		return Decided{}, err
	}
	before, err := expansion.Parse(old, name, file)
	if err != nil {
		return Decided{}, err
	}
	decisions = slices.Clone(decisions)
	for i := range decisions {
		decisions[i] = expansion.KeepAnswers(decisions[i], before.Decisions)
		if decisions[i].By == "" || !by.EveryTeam || by.Token != "" {
			decisions[i].By = by.By()
		}
		if decisions[i].At.IsZero() {
			decisions[i].At = a.now().UTC()
		}
	}
	text, err := expansion.Decide(old, name, file, decisions...)
	if err != nil {
		return Decided{}, fault.Newf(fault.KindOf(err), "nothing was written; with that decision, %w", err)
	}
	out, err := a.weigh(ctx, before, file, text, decisions)
	if err != nil {
		return Decided{}, err
	}
	if err := workspace.WriteExpansion(a.dir, name, old, text); err != nil {
		return Decided{}, err
	}
	out.Plan, err = a.Plan(ctx, name, PlanRequest{})
	return out, err
}

// mayDecide says why a person may not decide some edges. The team of either end may; where all consumers of something are meant, that of the far end, or
// a person of all their teams.
func (a *App) mayDecide(ctx context.Context, decisions []expansion.Decision, by rights.Person) error {
	if err := rights.May(by, rights.Decide, ""); err != nil {
		return err
	}
	g, _, err := a.Graph(ctx, "")
	if err != nil {
		return err
	}
	owner := func(name estate.ServiceName) estate.TeamName {
		s, _ := g.Find(string(name))
		return cmp.Or(s.Team, a.declared.Consent.Unowned, "no team")
	}
	for _, d := range decisions {
		far := rights.May(by, rights.Decide, owner(d.To))
		if far == nil {
			continue
		}
		near, met := error(nil), false
		for _, e := range g.Edges {
			if e.To == d.To && (d.From == "" || e.From == d.From) {
				met = true
				near = cmp.Or(near, rights.May(by, rights.Decide, owner(e.From)))
			}
		}
		if near != nil || !met {
			return far
		}
	}
	return nil
}

// weigh compares what is planned with and without decisions. Invalid when they are not allowed, NotFound when they decide
// nothing.
func (a *App) weigh(ctx context.Context, before expansion.Expansion, file string, text []byte, decisions []expansion.Decision) (Decided, error) {
	after, err := expansion.Parse(text, before.Name, file)
	if err != nil {
		return Decided{}, err
	}
	p, _, err := a.propose(ctx, after, false)
	if err != nil {
		return Decided{}, fault.Newf(fault.KindOf(err), "nothing was written; with that decision, %w", err)
	}
	out := Decided{Notes: expansion.Notes(decisions, a.teams())}
	was, _, err := a.propose(ctx, before, false)
	if err != nil { // what could not be planned is mended by the decision
		return out, p.Answers(decisions)
	}
	for _, d := range decisions {
		i := slices.IndexFunc(before.Decisions, d.SameEdge)
		if i >= 0 {
			out.Replaced = append(out.Replaced, before.Decisions[i])
		}
		if i < 0 && was.Digest == p.Digest {
			return out, p.NothingCut(d)
		}
	}
	for _, c := range p.Cuts {
		if c.Decision == nil && !slices.ContainsFunc(was.Cuts, func(o expansion.Cut) bool { return o.From == c.From && o.To == c.To }) {
			out.Opened = append(out.Opened, c)
		}
	}
	return out, p.Answers(decisions)
}

func (a *App) teams() []estate.TeamName {
	out := make([]estate.TeamName, len(a.declared.Teams))
	for i, t := range a.declared.Teams {
		out[i] = t.Name
	}
	return out
}

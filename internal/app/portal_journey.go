package app

import (
	"context"
	"slices"

	"example.org/caravan/internal/consent"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/journey"
	"example.org/caravan/internal/rights"
	"example.org/caravan/internal/web"
)

// lastLines is how many lines of what is being done the journey's page shows.
const lastLines = 8

// Journey is how every step of an expansion stands.
func (p Portal) Journey(ctx context.Context, name string) (web.Journey, error) {
	plan, err := p.App.Plan(ctx, name, PlanRequest{Dry: true})
	if err != nil {
		return web.Journey{}, err
	}
	standing, c, err := p.App.look(ctx, plan, "", false)
	if err != nil {
		return web.Journey{}, err
	}
	v := web.Journey{Expansion: name, Country: plan.Proposal.Country, Digest: c.Journey.Digest, Run: standing.Run, Undecided: len(standing.Undecided)}
	for i, s := range c.Journey.Steps {
		step := web.JourneyStep{Step: s, InPlace: standing.Steps[i].State == "written", Unknown: standing.Steps[i].State == "unknown", Run: runOf(standing.Run, s.ID, s.Digest)}
		if verdict := standing.Steps[i].Verdict; verdict != nil {
			step.Asked, step.Verdict = true, *verdict
		}
		v.Steps = append(v.Steps, step)
	}
	for _, l := range standing.Looked {
		v.Looked = append(v.Looked, web.JourneyLooked(l))
	}
	if v.Ready, err = p.App.judge(ctx, plan, c, standing); err != nil {
		return v, err
	}
	if v.Told, err = p.told(ctx, name); err != nil {
		return v, err
	}
	v.Lines, err = p.lines(ctx, standing.Run)
	return v, err
}

// told is who was told what of an expansion.
func (p Portal) told(ctx context.Context, name string) ([]web.JourneyTold, error) {
	list, err := p.App.store.Messages(ctx, name, mostDeliveries)
	out := make([]web.JourneyTold, 0, len(list))
	for _, d := range list {
		out = append(out, web.JourneyTold{Team: d.Team, Over: string(d.Channel), To: d.To, Title: d.Title, State: string(d.State), Error: d.Error, At: d.At, Next: d.Next})
	}
	return out, err
}

// runOf is how a step stands in a run that does exactly that step.
func runOf(r *journey.Run, id journey.StepID, digest estate.Digest) journey.StepRun {
	if r == nil || !r.State.Open() || r.Way != journey.Forth {
		return journey.StepRun{}
	}
	i := slices.IndexFunc(r.Steps, func(s journey.StepRun) bool { return s.Step == id && s.Digest == digest })
	if i < 0 {
		return journey.StepRun{}
	}
	return r.Steps[i]
}

// lines are the last of what a run's steps said, while it runs.
func (p Portal) lines(ctx context.Context, r *journey.Run) ([]web.JourneyLine, error) {
	if r == nil || r.State != journey.Running {
		return nil, nil
	}
	said, err := p.App.store.LastLines(ctx, r.ID, lastLines)
	var out []web.JourneyLine
	for _, l := range said {
		out = append(out, web.JourneyLine{Step: l.Step, Text: l.Text})
	}
	return out, err
}

// Answer gives a team's green light or veto.
func (p Portal) Answer(ctx context.Context, name string, a web.Answer) error {
	by := rights.Of(ctx)
	if !a.Veto {
		_, err := p.App.Approve(ctx, name, ApproveRequest{Team: a.Team, Steps: a.Steps, Journey: a.Journey}, by)
		return err
	}
	if err := rights.May(by, rights.Agree, a.Team); err != nil {
		return err
	}
	for _, id := range a.Steps {
		err := p.App.store.Veto(ctx, name, consent.Veto{Team: a.Team, By: by.Who(), Step: id, Reason: a.Reason, At: p.App.now()}, "")
		if err != nil && fault.KindOf(err) != fault.Conflict { // it is vetoed by them already
			return err
		}
	}
	return nil
}

// Turn begins what is planned, or turns what is under way.
func (p Portal) Turn(ctx context.Context, name, what string) error {
	var err error
	by := rights.Of(ctx)
	switch what {
	case "move":
		_, err = p.App.StartMove(ctx, name, MoveRequest{}, false, by)
	case "pause":
		_, err = p.App.Pause(ctx, name, by, Turning{})
	case "resume":
		_, err = p.App.Resume(ctx, name, by)
	case "cancel":
		_, err = p.App.Cancel(ctx, name, by, Turning{})
	default:
		err = fault.Newf(fault.Invalid, "%q cannot be done to a journey: load the page again", what)
	}
	return err
}

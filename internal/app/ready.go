package app

import (
	"context"
	"slices"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/journey"
	"example.org/caravan/internal/readiness"
	"example.org/caravan/internal/rights"
)

// Ready says how far each service of an expansion is from going live.
func (a *App) Ready(ctx context.Context, name string) ([]readiness.Readiness, error) {
	plan, err := a.Plan(ctx, name, PlanRequest{Dry: true})
	if err != nil {
		return nil, err
	}
	standing, c, err := a.look(ctx, plan, "", false)
	if err != nil {
		return nil, err
	}
	return a.judge(ctx, plan, c, standing)
}

// judge says how far each service of a plan is that stands like that.
func (a *App) judge(ctx context.Context, plan Plan, c course, standing Standing) ([]readiness.Readiness, error) {
	drills, err := a.store.Drills(ctx, plan.Proposal.Expansion)
	return readiness.Judge(plan.Proposal, stepsOf(plan, c, standing), drills), err
}

// stepsOf are the steps of a plan, as its course has them, and how they stand.
func stepsOf(plan Plan, c course, standing Standing) []readiness.Step {
	out := make([]readiness.Step, len(plan.Journey.Steps))
	for i, s := range c.Journey.Steps[:len(out)] { // the steps of the plan come first
		out[i] = readiness.Step{Step: s, InPlace: standing.Steps[i].State == "written", Verdict: standing.Steps[i].Verdict, Failed: runOf(standing.Run, s.ID, s.Digest).Error, Idle: standing.Steps[i].Idle}
	}
	return out
}

// DrillRequest says what a team practised.
type DrillRequest struct {
	Service  estate.ServiceName `json:"service" minLength:"1" doc:"Service it takes over."`
	Team     estate.TeamName    `json:"team" minLength:"1" doc:"Team that practised."`
	Practice readiness.Practice `json:"practice" enum:"runbook,restart,rollback" doc:"What it did: read the runbook, restarted the service there, went back to an earlier release there."`
}

// Drill keeps that a team practised something for a service that comes along. Conflict when the service is not there yet to practise on;
// NotFound when it does not come along.
func (a *App) Drill(ctx context.Context, name string, req DrillRequest, by rights.Person) error {
	if err := rights.May(by, rights.Drill, req.Team); err != nil {
		return err
	}
	if !slices.Contains(readiness.Practices(), req.Practice) {
		return fault.Newf(fault.Usage, "%q is no drill; it is runbook, restart or rollback", req.Practice)
	}
	plan, err := a.Plan(ctx, name, PlanRequest{Dry: true})
	if err != nil {
		return err
	}
	if m, ok := plan.Proposal.Member(req.Service); !ok || len(m.In) == 0 {
		return fault.Newf(fault.NotFound, "%s does not come along to %s; run caravan ready %s to see what does", req.Service, name, name)
	}
	standing, c, err := a.look(ctx, plan, "", false)
	if err != nil {
		return err
	}
	runs := slices.ContainsFunc(stepsOf(plan, c, standing), func(s readiness.Step) bool { return s.Kind == journey.Deploy && s.Subject == req.Service && s.InPlace })
	if req.Practice != readiness.Runbook && !runs {
		return fault.Newf(fault.Conflict, "%s is not there yet to practise a %s on; move %s first", req.Service, req.Practice, name)
	}
	return a.store.KeepDrill(ctx, name, readiness.Drill{Service: req.Service, Team: req.Team, Practice: req.Practice, By: by.Who(), At: a.now()})
}

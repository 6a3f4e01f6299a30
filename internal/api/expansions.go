package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"example.org/caravan/internal/app"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/expansion"
	"example.org/caravan/internal/rights"
	"example.org/caravan/internal/store"
)

// ExpansionName is the part of a path that names an expansion.
type ExpansionName struct {
	Name string `path:"name" doc:"Name of an expansion."`
}

// Comparison is what differs between two proposals, with what nobody gave a reason for.
type Comparison struct {
	expansion.Comparison
	Unexplained int `json:"unexplained"`
}

// expansions adds the routes that plan countries and carry the plans out.
func (r routes) expansions(a huma.API) {
	read(a, "list-expansions", "/expansions", "Expansions of the workspace, with what planning them gives", func(ctx context.Context, _ *struct{}) ([]app.ExpansionSummary, error) {
		list, err := r.App.Expansions(ctx)
		return nonNil(list), err
	})
	change(a, rights.Plan, "begin-expansion", http.MethodPost, "/expansions", "Write the file that begins an expansion", func(ctx context.Context, in *struct{ Body expansion.Wish }) (app.Plan, error) {
		if err := r.App.Begin(ctx, in.Body); err != nil {
			return app.Plan{}, err
		}
		return r.App.Plan(ctx, in.Body.Name, app.PlanRequest{Dry: true})
	})
	change(a, rights.Read, "plan-expansion", http.MethodPost, "/expansions/{name}/plan", "Plan an expansion from the newest snapshot; unless dry, which takes the right plan, keep the proposal and reserve its ranges", func(ctx context.Context, in *struct {
		ExpansionName
		Body app.PlanRequest
	}) (app.Plan, error) {
		if !in.Body.Dry {
			if err := rights.May(rights.Of(ctx), rights.Plan, ""); err != nil {
				return app.Plan{}, err
			}
		}
		return r.App.Plan(ctx, in.Name, in.Body)
	})
	read(a, "list-proposals", "/expansions/{name}/proposals", "Kept proposals, the newest first", func(ctx context.Context, in *ExpansionName) ([]store.ProposalSummary, error) {
		list, err := r.App.Proposals(ctx, in.Name, historyLength)
		return nonNil(list), err
	})
	read(a, "get-proposal", "/expansions/{name}/proposals/{digest}", "A kept proposal with its steps and files", func(ctx context.Context, in *struct {
		ExpansionName
		Digest string `path:"digest" doc:"Digest, at least the first six of its digits, or latest."`
	}) (app.Plan, error) {
		return r.App.Proposal(ctx, in.Name, in.Digest)
	})
	change(a, rights.Decide, "decide", http.MethodPost, "/expansions/{name}/decisions", "Decide edges that are cut; writes into the expansion's file", func(ctx context.Context, in *struct {
		ExpansionName
		Body []expansion.Decision
	}) (app.Decided, error) {
		return r.App.Decide(ctx, in.Name, in.Body, rights.Of(ctx))
	})
	read(a, "removal", "/expansions/{name}/removal", "What taking an expansion away would remove, and what would break", func(ctx context.Context, in *ExpansionName) (expansion.Removal, error) {
		return r.App.Removal(ctx, in.Name)
	})
	read(a, "compare-proposals", "/comparison", "What differs between two plans, with the reasons somebody wrote down", func(ctx context.Context, in *struct {
		Old string `query:"old" required:"true" doc:"Name of an expansion, or name@digest for a kept proposal."`
		New string `query:"new" required:"true" doc:"The same, of the plan to compare it with."`
	}) (Comparison, error) {
		c, err := r.App.Compare(ctx, in.Old, in.New)
		return Comparison{c, len(c.Unexplained())}, err
	})
	type asked struct {
		Name string `path:"name" doc:"Service, as the map calls it."`
		From string `query:"from" doc:"Environment it is seen in; the one expansions start from when left out."`
	}
	read(a, "get-workload", "/workloads/{name}", "How a service is run: its team's workload, or one proposed from what was seen", func(ctx context.Context, in *asked) (app.Workload, error) {
		return r.App.Workload(ctx, estate.ServiceName(in.Name), estate.EnvironmentName(in.From))
	})
	change(a, rights.Plan, "begin-workload", http.MethodPost, "/workloads/{name}", "Write a proposed workload where its team will keep it", func(ctx context.Context, in *asked) (app.Workload, error) {
		return r.App.BeginWorkload(ctx, estate.ServiceName(in.Name), estate.EnvironmentName(in.From))
	})
	r.moves(a)
	r.addresses(a)
	r.config(a)
}

// read registers a route that changes nothing.
func read[In, Out any](a huma.API, id, path, summary string, answer func(context.Context, *In) (Out, error)) {
	change(a, rights.Read, id, http.MethodGet, path, summary, answer)
}

// change registers a route of any method, for those who have a right, whose answer is one value.
func change[In, Out any](a huma.API, right rights.Right, id, method, path, summary string, answer func(context.Context, *In) (Out, error)) {
	huma.Register(a, asking(right, huma.Operation{OperationID: id, Method: method, Path: Prefix + path, Summary: summary, DefaultStatus: http.StatusOK, Tags: []string{"expansions"}}),
		func(ctx context.Context, in *In) (*of[Out], error) {
			out, err := answer(ctx, in)
			return answered(&of[Out]{out}, err)
		})
}

package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"example.org/caravan/internal/app"
	"example.org/caravan/internal/consent"
	"example.org/caravan/internal/journey"
	"example.org/caravan/internal/readiness"
	"example.org/caravan/internal/rights"
	"example.org/caravan/internal/store"
)

// moves adds the routes that carry a journey out, into a folder of the workspace where an environment has no target; in this very process,
// into any folder.
func (r routes) moves(a huma.API) {
	type request struct {
		ExpansionName
		Body app.MoveRequest
	}
	change(a, rights.Read, "preview-move", http.MethodPost, "/expansions/{name}/move/preview", "What a move would change", func(ctx context.Context, in *request) (app.Moved, error) {
		return r.App.PreviewMove(ctx, in.Name, in.Body, r.Private)
	})
	change(a, rights.Operate, "move", http.MethodPost, "/expansions/{name}/move", "Begin to carry out what is planned, or go on where that stopped", func(ctx context.Context, in *request) (journey.Run, error) {
		return r.App.StartMove(ctx, in.Name, in.Body, r.Private, rights.Of(ctx))
	})
	change(a, rights.Read, "preview-undo", http.MethodPost, "/expansions/{name}/undo/preview", "What an undo would take away", func(ctx context.Context, in *request) (app.Moved, error) {
		return r.App.PreviewUndo(ctx, in.Name, in.Body, r.Private)
	})
	change(a, rights.Operate, "undo", http.MethodPost, "/expansions/{name}/undo", "Begin to take away what moves made", func(ctx context.Context, in *request) (journey.Run, error) {
		return r.App.StartUndo(ctx, in.Name, in.Body, r.Private, rights.Of(ctx))
	})
	read(a, "journey-status", "/expansions/{name}/status", "How far the journey is", func(ctx context.Context, in *struct {
		ExpansionName
		Out string `query:"out" doc:"Folder it was written into; rendered/NAME when left out."`
	}) (app.Standing, error) {
		return r.App.Status(ctx, in.Name, app.MoveRequest{Out: in.Out}, r.Private)
	})
	r.runs(a)
	r.consents(a)
	r.readiness(a)
	r.messages(a)
}

// consents adds the routes by which teams say yes and no.
func (r routes) consents(a huma.API) {
	read(a, "consents", "/expansions/{name}/consents", "Who has agreed to what, and who is asked", func(ctx context.Context, in *ExpansionName) (app.Consents, error) {
		return r.App.Consents(ctx, in.Name)
	})
	change(a, rights.Agree, "approve", http.MethodPost, "/expansions/{name}/approvals", "Give a team's green light to steps as they are planned now", func(ctx context.Context, in *struct {
		ExpansionName
		Body app.ApproveRequest
	}) ([]consent.GreenLight, error) {
		list, err := r.App.Approve(ctx, in.Name, in.Body, rights.Of(ctx))
		return nonNil(list), err
	})
	change(a, rights.Agree, "revoke", http.MethodPost, "/expansions/{name}/revocations", "Take your green lights for a team back, until the steps begin", func(ctx context.Context, in *struct {
		ExpansionName
		Body app.RevokeRequest
	}) (Revoked, error) {
		n, err := r.App.Revoke(ctx, in.Name, in.Body, rights.Of(ctx))
		return Revoked{n}, err
	})
	change(a, rights.Agree, "veto", http.MethodPost, "/expansions/{name}/vetoes", "Veto a step or all of them for a team, or take the veto back", func(ctx context.Context, in *struct {
		ExpansionName
		Body app.VetoRequest
	}) (app.Consents, error) {
		if err := r.App.Veto(ctx, in.Name, in.Body, rights.Of(ctx)); err != nil {
			return app.Consents{}, err
		}
		return r.App.Consents(ctx, in.Name)
	})
}

// readiness adds the routes about going live.
func (r routes) readiness(a huma.API) {
	read(a, "readiness", "/expansions/{name}/readiness", "How far each service is from going live, and what is next", func(ctx context.Context, in *ExpansionName) ([]readiness.Readiness, error) {
		list, err := r.App.Ready(ctx, in.Name)
		return nonNil(list), err
	})
	change(a, rights.Drill, "drill", http.MethodPost, "/expansions/{name}/drills", "Keep that a team practised something for a service it takes over", func(ctx context.Context, in *struct {
		ExpansionName
		Body app.DrillRequest
	}) ([]readiness.Readiness, error) {
		if err := r.App.Drill(ctx, in.Name, in.Body, rights.Of(ctx)); err != nil {
			return nil, err
		}
		list, err := r.App.Ready(ctx, in.Name)
		return nonNil(list), err
	})
}

// Revoked is how many green lights were taken back.
type Revoked struct {
	GreenLights int `json:"greenLights"`
}

// runs adds the routes about what is being carried out.
func (r routes) runs(a huma.API) {
	type turning struct {
		ExpansionName
		Body app.Turning
	}
	change(a, rights.Operate, "pause", http.MethodPost, "/expansions/{name}/pause", "Let nothing else begin; what began is finished", func(ctx context.Context, in *turning) (journey.Run, error) {
		return r.App.Pause(ctx, in.Name, rights.Of(ctx), in.Body)
	})
	change(a, rights.Operate, "resume", http.MethodPost, "/expansions/{name}/resume", "Let what was paused or stopped go on", func(ctx context.Context, in *ExpansionName) (journey.Run, error) {
		return r.App.Resume(ctx, in.Name, rights.Of(ctx))
	})
	change(a, rights.Operate, "cancel", http.MethodPost, "/expansions/{name}/cancel", "End what is being carried out, where it is", func(ctx context.Context, in *turning) (journey.Run, error) {
		return r.App.Cancel(ctx, in.Name, rights.Of(ctx), in.Body)
	})
	read(a, "list-runs", "/expansions/{name}/runs", "What was carried out, the last first", func(ctx context.Context, in *ExpansionName) ([]journey.Run, error) {
		list, err := r.App.Runs(ctx, in.Name, historyLength)
		return nonNil(list), err
	})
	read(a, "watch-run", "/runs/{id}", "How a run stands; waits some seconds for news when there are none", func(ctx context.Context, in *struct {
		ID string `path:"id" doc:"Id of a run."`
		app.Seen
	}) (app.Watched, error) {
		return r.App.WatchRun(ctx, journey.RunID(in.ID), in.Seen)
	})
	read(a, "audit", "/audit", "What was done, the last first", func(ctx context.Context, in *struct {
		Expansion string `query:"expansion" doc:"Only what was done to this one."`
		Limit     int    `query:"limit" minimum:"1" maximum:"10000" default:"100" doc:"How many lines."`
	}) ([]store.Entry, error) {
		list, err := r.App.Audit(ctx, in.Expansion, in.Limit)
		return nonNil(list), err
	})
	read(a, "verify-audit", "/audit/proof", "Whether every line of the audit is there, as it was written", func(ctx context.Context, in *app.Remembered) (store.Proof, error) {
		return r.App.VerifyAudit(ctx, *in)
	})
}

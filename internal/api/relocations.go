package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"example.org/caravan/internal/app"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/journey"
	"example.org/caravan/internal/rights"
)

// relocations adds the routes by which datastores move.
func (r routes) relocations(a huma.API) {
	type Named struct {
		Name estate.ServiceName `path:"name" minLength:"1" maxLength:"200" doc:"Datastore."`
	}
	type request struct {
		Named
		Body app.RelocateRequest
	}
	change(a, rights.Decide, "preview-relocation", http.MethodGet, "/standbys/{name}/move", "What moving a datastore would do, what stands in the way, and how far it is; changes nothing", func(ctx context.Context, in *struct {
		Named
		To estate.EnvironmentName `query:"to" doc:"Environment it moves to."`
	}) (app.Relocation, error) {
		return r.App.LookAtRelocation(ctx, in.Name, in.To, rights.Of(ctx))
	})
	change(a, rights.Operate, "relocate", http.MethodPost, "/standbys/{name}/move", "Begin to move a datastore, or go on", func(ctx context.Context, in *request) (journey.Run, error) {
		return r.App.StartRelocation(ctx, in.Name, in.Body, rights.Of(ctx))
	})
	change(a, rights.Operate, "relocate-back", http.MethodPost, "/standbys/{name}/back", "Begin to lead clients of a moved datastore back, and to take away what the move made", func(ctx context.Context, in *request) (journey.Run, error) {
		return r.App.StartRelocationBack(ctx, in.Name, in.Body, rights.Of(ctx))
	})
	change(a, rights.Decide, "close-relocation", http.MethodPost, "/standbys/{name}/close", "End the time in which a moved datastore can go back without a loss", func(ctx context.Context, in *struct {
		Named
		Body app.CloseRequest
	}) (app.Relocation, error) {
		return r.App.CloseRelocation(ctx, in.Name, in.Body, rights.Of(ctx))
	})
}

package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"example.org/caravan/internal/app"
	"example.org/caravan/internal/drift"
	"example.org/caravan/internal/rights"
)

// DriftedThing is the part of a path that names a difference.
type DriftedThing struct {
	ID string `path:"id" minLength:"1" maxLength:"64" doc:"Difference, or the beginning of its name."`
}

// drift adds the routes about what differs between what runs and what is declared.
func (r routes) drift(a huma.API) {
	type request[B any] struct {
		DriftedThing
		Body B
	}
	read(a, "get-drift", "/drift", "What differs between what runs and what is declared, as far as is known", func(ctx context.Context, in *struct{ app.DriftQuery }) (app.Drift, error) {
		return shownDrift(r.App.Drift(ctx, in.DriftQuery))
	})
	change(a, rights.Read, "look-for-drift", http.MethodPost, "/drift/look", "The same after looking at every environment now; changes nothing there", func(ctx context.Context, in *struct{ app.DriftQuery }) (app.Drift, error) {
		return shownDrift(r.App.LookForDrift(ctx, in.DriftQuery))
	})
	change(a, rights.Decide, "accept-drift", http.MethodPost, "/drift/{id}/exception", "Accept a difference until a date", func(ctx context.Context, in *request[app.AcceptDrift]) (drift.Difference, error) {
		return r.App.AcceptDrift(ctx, drift.ID(in.ID), in.Body, rights.Of(ctx))
	})
	change(a, rights.Decide, "mend-drift", http.MethodPost, "/drift/{id}/mend", "Begin to put in place again what a difference is about, by its step; or show what that would do", func(ctx context.Context, in *request[app.MendDrift]) (app.Mending, error) {
		return r.App.MendDrift(ctx, drift.ID(in.ID), in.Body, rights.Of(ctx))
	})
}

// shownDrift has lists where there is nothing.
func shownDrift(d app.Drift, err error) (app.Drift, error) {
	d.Looks, d.Cells, d.Differences = nonNil(d.Looks), nonNil(d.Cells), nonNil(d.Differences)
	return d, err
}

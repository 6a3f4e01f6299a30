package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"example.org/caravan/internal/app"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/rights"
	"example.org/caravan/internal/why"
)

// WhyPlaces is where a service can be looked at.
type WhyPlaces struct {
	Places []app.WhyPlace `json:"places"`
}

// why adds the routes that say why a service does not work.
func (r routes) why(a huma.API) {
	get(a, "why-places", "/services/{name}/why/places", "Where a service can be looked at", func(ctx context.Context, in *struct {
		Name string `path:"name" doc:"Name or alias of a service or datastore, URL-escaped."`
	}) (WhyPlaces, error) {
		places, err := r.App.WhyPlaces(ctx, in.Name)
		return WhyPlaces{places}, err
	})
	get(a, "why", "/services/{name}/why", "Why a service does not work: the most likely cause first, with evidence and the next command", func(ctx context.Context, in *struct {
		Name        string `path:"name" doc:"Name or alias of a service or datastore, URL-escaped."`
		Environment string `query:"environment" doc:"Where; needed when it can be looked at in several."`
	}) (why.Diagnosis, error) {
		return r.App.Why(ctx, in.Name, app.WhyRequest{Environment: estate.EnvironmentName(in.Environment)})
	})
	change(a, rights.Operate, "why-probe", http.MethodPost, "/services/{name}/why", "The same, and with a short-lived pod beside the service to try from, where that is asked for", func(ctx context.Context, in *struct {
		Name string `path:"name" doc:"Name or alias of a service or datastore, URL-escaped."`
		Body app.WhyRequest
	}) (why.Diagnosis, error) {
		return r.App.Why(ctx, in.Name, in.Body)
	})
}

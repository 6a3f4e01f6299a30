package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"example.org/caravan/internal/app"
	"example.org/caravan/internal/delivery"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/rights"
)

// DeployedService is the part of a path that names a service.
type DeployedService struct {
	Name string `path:"name" minLength:"1" doc:"Service, as the map calls it."`
}

// service is the name of a service in a path.
func (s DeployedService) service() estate.ServiceName { return estate.ServiceName(s.Name) }

// releases adds the routes about versions of services in their environments.
func (r routes) releases(a huma.API) {
	type deploying struct {
		DeployedService
		Body app.DeployRequest
	}
	type holding struct {
		DeployedService
		Body app.PauseRequest
	}
	read(a, "image-plan", "/services/{name}/image", "What the image of a version is made of, and where it is kept", func(ctx context.Context, in *struct {
		DeployedService
		Version string `query:"version" required:"true" doc:"Version."`
	}) (app.ImagePlan, error) {
		return r.App.ImagePlan(ctx, in.service(), in.Version)
	})
	read(a, "list-releases", "/services/{name}/releases", "What runs of a service where, and the last releases", func(ctx context.Context, in *DeployedService) (app.Releases, error) {
		out, err := r.App.Releases(ctx, in.service())
		return listed(out), err
	})
	read(a, "watch-release", "/releases/{id}", "How a release stands; waits some seconds for news when there are none", func(ctx context.Context, in *struct {
		ID   string `path:"id" doc:"Id of a release."`
		Line int64  `query:"line" doc:"Id of the last line that is known."`
		Mark string `query:"mark" doc:"Of how everything stood."`
	}) (app.ReleaseWatched, error) {
		w, err := r.App.WatchRelease(ctx, delivery.ID(in.ID), in.Line, estate.Digest(in.Mark))
		w.Lines = nonNil(w.Lines)
		return w, err
	})
	change(a, rights.Deploy, "preview-deploy", http.MethodPost, "/services/{name}/releases/preview", "Where a version would go, in which order", func(ctx context.Context, in *deploying) (delivery.Release, error) {
		return r.App.PreviewDeploy(ctx, in.service(), in.Body, rights.Of(ctx))
	})
	change(a, rights.Deploy, "deploy", http.MethodPost, "/services/{name}/releases", "Begin to bring a version to all environments of a service", func(ctx context.Context, in *deploying) (delivery.Release, error) {
		return r.App.StartDeploy(ctx, in.service(), in.Body, rights.Of(ctx))
	})
	change(a, rights.Deploy, "go-back", http.MethodPost, "/services/{name}/releases/back", "Begin to bring the version before back", func(ctx context.Context, in *struct {
		DeployedService
		Body app.BackRequest
	}) (delivery.Release, error) {
		return r.App.StartBack(ctx, in.service(), in.Body, rights.Of(ctx))
	})
	change(a, rights.Deploy, "pause-delivery", http.MethodPost, "/services/{name}/delivery/pause", "Let nothing be delivered to some environments for a while", func(ctx context.Context, in *holding) (app.Releases, error) {
		out, err := r.App.PauseDelivery(ctx, in.service(), in.Body, rights.Of(ctx))
		return listed(out), err
	})
	change(a, rights.Deploy, "resume-delivery", http.MethodPost, "/services/{name}/delivery/resume", "Let versions be delivered there again", func(ctx context.Context, in *holding) (app.Releases, error) {
		out, err := r.App.ResumeDelivery(ctx, in.service(), in.Body, rights.Of(ctx))
		return listed(out), err
	})
}

// listed gives lists that are empty as such.
func listed(r app.Releases) app.Releases {
	r.Standings, r.Gaps, r.Findings, r.Elsewhere, r.Latest = nonNil(r.Standings), nonNil(r.Gaps), nonNil(r.Findings), nonNil(r.Elsewhere), nonNil(r.Latest)
	return r
}

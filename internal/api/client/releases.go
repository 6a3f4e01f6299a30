package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"example.org/caravan/internal/api"
	"example.org/caravan/internal/app"
	"example.org/caravan/internal/delivery"
	"example.org/caravan/internal/estate"
)

func servicePath(name, below string) string { return "/services/" + url.PathEscape(name) + below }

// ImagePlan says what the image of a version of a service is to be.
func (c *Client) ImagePlan(ctx context.Context, service, version string) (out app.ImagePlan, err error) {
	err = c.do(ctx, http.MethodGet, servicePath(service, "/image"), url.Values{"version": {version}}, nil, &out)
	return out, err
}

// Releases says what runs of a service where.
func (c *Client) Releases(ctx context.Context, service string) (out app.Releases, err error) {
	err = c.do(ctx, http.MethodGet, servicePath(service, "/releases"), nil, nil, &out)
	return out, err
}

// PreviewDeploy says where a version would go.
func (c *Client) PreviewDeploy(ctx context.Context, service string, req app.DeployRequest) (out delivery.Release, err error) {
	err = c.do(ctx, http.MethodPost, servicePath(service, "/releases/preview"), nil, req, &out)
	return out, err
}

// Deploy brings a version to the environments of a service, tells what becomes known on the way, and gives how it ended; a failure is an error of
// its kind, too. Whatever ends the waiting, the release goes on where there is somebody to carry it out.
func (c *Client) Deploy(ctx context.Context, service string, req app.DeployRequest, news func(app.ReleaseWatched)) (r delivery.Release, err error) {
	if err = c.do(ctx, http.MethodPost, servicePath(service, "/releases"), nil, req, &r); err != nil {
		return r, err
	}
	return c.FollowRelease(ctx, r, news)
}

// GoBack brings the version before back, as Deploy brings one.
func (c *Client) GoBack(ctx context.Context, service string, req app.BackRequest, news func(app.ReleaseWatched)) (r delivery.Release, err error) {
	if err = c.do(ctx, http.MethodPost, servicePath(service, "/releases/back"), nil, req, &r); err != nil {
		return r, err
	}
	return c.FollowRelease(ctx, r, news)
}

// FollowRelease tells what becomes known of a release until it has ended.
func (c *Client) FollowRelease(ctx context.Context, r delivery.Release, news func(app.ReleaseWatched)) (delivery.Release, error) {
	var line int64
	var mark estate.Digest
	for {
		w, err := c.WatchRelease(ctx, r.ID, line, mark)
		if err != nil {
			return r, err
		}
		if news != nil {
			news(w)
		}
		r, line, mark = w.Release, w.Line, w.Mark
		if r.State != delivery.Running && len(w.Lines) == 0 {
			return r, endingOf(r)
		}
	}
}

// endingOf is how a release that has ended did; nil when it is finished.
func endingOf(r delivery.Release) error {
	switch r.State {
	case delivery.Failed:
		return (&api.Problem{Detail: r.Reason, Kind: r.Kind}).Fault()
	case delivery.Replaced:
		return (&api.Problem{Detail: r.Reason, Kind: "conflict"}).Fault()
	}
	return nil
}

// WatchRelease waits, some seconds at most, for news of a release.
func (c *Client) WatchRelease(ctx context.Context, id delivery.ID, line int64, mark estate.Digest) (out app.ReleaseWatched, err error) {
	query := url.Values{"line": {strconv.FormatInt(line, 10)}, "mark": {string(mark)}}
	err = c.do(ctx, http.MethodGet, "/releases/"+url.PathEscape(string(id)), query, nil, &out)
	return out, err
}

// PauseDelivery lets nothing be delivered to some environments of a service for a while.
func (c *Client) PauseDelivery(ctx context.Context, service string, req app.PauseRequest) (out app.Releases, err error) {
	err = c.do(ctx, http.MethodPost, servicePath(service, "/delivery/pause"), nil, req, &out)
	return out, err
}

// ResumeDelivery lets versions be delivered there again.
func (c *Client) ResumeDelivery(ctx context.Context, service string, req app.PauseRequest) (out app.Releases, err error) {
	err = c.do(ctx, http.MethodPost, servicePath(service, "/delivery/resume"), nil, req, &out)
	return out, err
}

package client

import (
	"context"
	"net/http"
	"net/url"

	"example.org/caravan/internal/api"
	"example.org/caravan/internal/app"
	"example.org/caravan/internal/why"
)

// Why is why a service does not work. It changes nothing unless the request asks for a probe.
func (c *Client) Why(ctx context.Context, service string, req app.WhyRequest) (out why.Diagnosis, err error) {
	path := "/services/" + url.PathEscape(service) + "/why"
	if req.Probe {
		err = c.do(ctx, http.MethodPost, path, nil, req, &out)
		return out, err
	}
	err = c.do(ctx, http.MethodGet, path, only(req.Environment), nil, &out)
	return out, err
}

// WhyPlaces is where a service can be looked at.
func (c *Client) WhyPlaces(ctx context.Context, service string) (out api.WhyPlaces, err error) {
	err = c.do(ctx, http.MethodGet, "/services/"+url.PathEscape(service)+"/why/places", nil, nil, &out)
	return out, err
}

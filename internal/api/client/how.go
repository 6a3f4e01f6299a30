package client

import (
	"context"
	"net/http"
	"net/url"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/how"
)

// How is how everything is done to a service; in one environment alone unless that is left empty.
func (c *Client) How(ctx context.Context, service string, env estate.EnvironmentName) (out how.Guide, err error) {
	err = c.do(ctx, http.MethodGet, "/services/"+url.PathEscape(service)+"/how", only(env), nil, &out)
	return out, err
}

// HowTo is how one action, under any of its names, is done to a service; in one environment alone unless that is left empty.
func (c *Client) HowTo(ctx context.Context, service, action string, env estate.EnvironmentName) (out how.Answer, err error) {
	err = c.do(ctx, http.MethodGet, "/services/"+url.PathEscape(service)+"/how/"+url.PathEscape(action), only(env), nil, &out)
	return out, err
}

func only(env estate.EnvironmentName) url.Values {
	if env == "" {
		return nil
	}
	return url.Values{"environment": {string(env)}}
}

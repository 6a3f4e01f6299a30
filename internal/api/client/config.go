package client

import (
	"context"
	"net/http"
	"net/url"

	"example.org/caravan/internal/app"
	"example.org/caravan/internal/config"
	"example.org/caravan/internal/estate"
)

// Config is what a service is given in an environment.
func (c *Client) Config(ctx context.Context, service estate.ServiceName, env estate.EnvironmentName) (out app.Configured, err error) {
	err = c.do(ctx, http.MethodGet, configPath(service, ""), url.Values{"environment": {string(env)}}, nil, &out)
	return out, err
}

// ConfigDiff is what differs between the configurations of a service in two environments.
func (c *Client) ConfigDiff(ctx context.Context, service estate.ServiceName, old, now estate.EnvironmentName) (out app.ConfigComparison, err error) {
	err = c.do(ctx, http.MethodGet, configPath(service, "/diff"), url.Values{"old": {string(old)}, "new": {string(now)}}, nil, &out)
	return out, err
}

// ConfigTrace is who is given a key.
func (c *Client) ConfigTrace(ctx context.Context, key string) (out []config.Uses, err error) {
	err = c.do(ctx, http.MethodGet, "/config/trace", url.Values{"key": {key}}, nil, &out)
	return out, err
}

// ConfigKeys says which keys of a service anything reads, and which of those it reads anything sets.
func (c *Client) ConfigKeys(ctx context.Context, service estate.ServiceName, env estate.EnvironmentName) (out app.ConfigKeys, err error) {
	err = c.do(ctx, http.MethodGet, configPath(service, "/keys"), url.Values{"environment": {string(env)}}, nil, &out)
	return out, err
}

// IdleConfigKeys are, of all services, the keys that nobody reads and those that are read and unset.
func (c *Client) IdleConfigKeys(ctx context.Context) (out []app.IdleKey, err error) {
	err = c.do(ctx, http.MethodGet, "/config/keys", nil, nil, &out)
	return out, err
}

// ImportConfig is a service's base layer, made from what it is given today.
func (c *Client) ImportConfig(ctx context.Context, service estate.ServiceName, from estate.EnvironmentName) (out app.ConfigProposal, err error) {
	err = c.do(ctx, http.MethodGet, configPath(service, "/import"), url.Values{"from": {string(from)}}, nil, &out)
	return out, err
}

// WriteConfig writes that base layer where the service's team will keep it.
func (c *Client) WriteConfig(ctx context.Context, service estate.ServiceName, from estate.EnvironmentName) (out app.ConfigProposal, err error) {
	err = c.do(ctx, http.MethodPost, configPath(service, "/import"), url.Values{"from": {string(from)}}, nil, &out)
	return out, err
}

// SetConfig sets a value of a service, or for everybody when none is named.
func (c *Client) SetConfig(ctx context.Context, service estate.ServiceName, s app.Setting) (out app.Set, err error) {
	at := "/config/values"
	if service != "" {
		at = configPath(service, "/values")
	}
	err = c.do(ctx, http.MethodPut, at, nil, s, &out)
	return out, err
}

func configPath(service estate.ServiceName, rest string) string {
	return "/config/services/" + url.PathEscape(string(service)) + rest
}

// Shadow is what the processes of a service are told beside what configuration has for them.
func (c *Client) Shadow(ctx context.Context, service estate.ServiceName, env estate.EnvironmentName) (out app.Shadow, err error) {
	err = c.do(ctx, http.MethodGet, configPath(service, "/shadow"), url.Values{"environment": {string(env)}}, nil, &out)
	return out, err
}

// SignConfig keeps the person's word that a difference is meant.
func (c *Client) SignConfig(ctx context.Context, service estate.ServiceName, req app.SignRequest) (out app.Shadow, err error) {
	err = c.do(ctx, http.MethodPost, configPath(service, "/signatures"), nil, req, &out)
	return out, err
}

// AdoptConfig writes what processes are told into the layer of the environment.
func (c *Client) AdoptConfig(ctx context.Context, service estate.ServiceName, env estate.EnvironmentName) (out app.Adopted, err error) {
	err = c.do(ctx, http.MethodPost, configPath(service, "/adoption"), url.Values{"environment": {string(env)}}, nil, &out)
	return out, err
}

// SwitchConfig has a service told by configuration, and tells what becomes known of it.
func (c *Client) SwitchConfig(ctx context.Context, service estate.ServiceName, req app.SwitchRequest, news func(app.Watched)) (app.Moved, error) {
	return c.begin(ctx, configPath(service, "/switch"), req, news)
}

// SwitchConfigBack has it told again what it was before.
func (c *Client) SwitchConfigBack(ctx context.Context, service estate.ServiceName, req app.SwitchRequest, news func(app.Watched)) (app.Moved, error) {
	return c.begin(ctx, configPath(service, "/back"), req, news)
}

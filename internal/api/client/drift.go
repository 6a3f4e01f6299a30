package client

import (
	"context"
	"net/http"
	"net/url"

	"example.org/caravan/internal/app"
	"example.org/caravan/internal/drift"
)

// Drift is what differs between what runs and what is declared: as far as is known, or after looking everywhere now.
func (c *Client) Drift(ctx context.Context, q app.DriftQuery, live bool) (out app.Drift, err error) {
	query := url.Values{"service": {string(q.Service)}, "environment": {string(q.Environment)}, "team": {string(q.Team)}}
	if live {
		err = c.do(ctx, http.MethodPost, "/drift/look", query, nil, &out)
		return out, err
	}
	err = c.do(ctx, http.MethodGet, "/drift", query, nil, &out)
	return out, err
}

// AcceptDrift accepts a difference until a date.
func (c *Client) AcceptDrift(ctx context.Context, id drift.ID, req app.AcceptDrift) (out drift.Difference, err error) {
	err = c.do(ctx, http.MethodPost, driftPath(id, "/exception"), nil, req, &out)
	return out, err
}

// MendDrift begins to mend a difference, or shows what that would do.
func (c *Client) MendDrift(ctx context.Context, id drift.ID, req app.MendDrift) (out app.Mending, err error) {
	err = c.do(ctx, http.MethodPost, driftPath(id, "/mend"), nil, req, &out)
	return out, err
}

func driftPath(id drift.ID, rest string) string { return "/drift/" + url.PathEscape(string(id)) + rest }

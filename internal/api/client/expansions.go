package client

import (
	"context"
	"net/http"
	"net/url"

	"example.org/caravan/internal/api"
	"example.org/caravan/internal/app"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/expansion"
	"example.org/caravan/internal/store"
)

func expansionPath(name, rest string) string { return "/expansions/" + url.PathEscape(name) + rest }

// Expansions lists the expansions of the workspace.
func (c *Client) Expansions(ctx context.Context) (out []app.ExpansionSummary, err error) {
	err = c.do(ctx, http.MethodGet, "/expansions", nil, nil, &out)
	return out, err
}

// Begin writes the file that begins an expansion and says what planning it gives.
func (c *Client) Begin(ctx context.Context, w expansion.Wish) (out app.Plan, err error) {
	err = c.do(ctx, http.MethodPost, "/expansions", nil, w, &out)
	return out, err
}

// Plan plans an expansion.
func (c *Client) Plan(ctx context.Context, name string, req app.PlanRequest) (out app.Plan, err error) {
	err = c.do(ctx, http.MethodPost, expansionPath(name, "/plan"), nil, req, &out)
	return out, err
}

// Proposals lists the kept proposals of an expansion, the newest first.
func (c *Client) Proposals(ctx context.Context, name string) (out []store.ProposalSummary, err error) {
	err = c.do(ctx, http.MethodGet, expansionPath(name, "/proposals"), nil, nil, &out)
	return out, err
}

// Proposal is a kept proposal.
func (c *Client) Proposal(ctx context.Context, name, digest string) (out app.Plan, err error) {
	err = c.do(ctx, http.MethodGet, expansionPath(name, "/proposals/"+url.PathEscape(digest)), nil, nil, &out)
	return out, err
}

// Decide writes decisions into an expansion's file.
func (c *Client) Decide(ctx context.Context, name string, decisions []expansion.Decision) (out app.Decided, err error) {
	err = c.do(ctx, http.MethodPost, expansionPath(name, "/decisions"), nil, decisions, &out)
	return out, err
}

// Removal says what taking an expansion away would mean.
func (c *Client) Removal(ctx context.Context, name string) (out expansion.Removal, err error) {
	err = c.do(ctx, http.MethodGet, expansionPath(name, "/removal"), nil, nil, &out)
	return out, err
}

// Compare lists what differs between two plans.
func (c *Client) Compare(ctx context.Context, old, new string) (out api.Comparison, err error) {
	err = c.do(ctx, http.MethodGet, "/comparison", url.Values{"old": {old}, "new": {new}}, nil, &out)
	return out, err
}

// Status says how far the journey of an expansion is.
func (c *Client) Status(ctx context.Context, name, out string) (standing app.Standing, err error) {
	query := url.Values{}
	if out != "" {
		query.Set("out", out)
	}
	err = c.do(ctx, http.MethodGet, expansionPath(name, "/status"), query, nil, &standing)
	return standing, err
}

// Workload is the workload of a service: its team's own, or one proposed from what was seen in an environment.
func (c *Client) Workload(ctx context.Context, service estate.ServiceName, from estate.EnvironmentName) (out app.Workload, err error) {
	err = c.do(ctx, http.MethodGet, "/workloads/"+url.PathEscape(string(service)), url.Values{"from": {string(from)}}, nil, &out)
	return out, err
}

// BeginWorkload writes a proposed workload where its team will keep it.
func (c *Client) BeginWorkload(ctx context.Context, service estate.ServiceName, from estate.EnvironmentName) (out app.Workload, err error) {
	err = c.do(ctx, http.MethodPost, "/workloads/"+url.PathEscape(string(service)), url.Values{"from": {string(from)}}, nil, &out)
	return out, err
}

package client

import (
	"context"
	"net/http"
	"net/url"

	"example.org/caravan/internal/app"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/standby"
)

// Standbys is how datastores that keep copies of themselves stand: as last looked at, or after asking them now.
func (c *Client) Standbys(ctx context.Context, q app.StandbyQuery, live bool) (out app.Standbys, err error) {
	if live {
		err = c.do(ctx, http.MethodPost, "/standbys/look", standbyQuery(q), nil, &out)
		return out, err
	}
	err = c.do(ctx, http.MethodGet, "/standbys", standbyQuery(q), nil, &out)
	return out, err
}

// Advise says whether datastores are better off on machines or in a cluster.
func (c *Client) Advise(ctx context.Context, q app.StandbyQuery) (out app.Advices, err error) {
	err = c.do(ctx, http.MethodGet, "/standbys/advice", standbyQuery(q), nil, &out)
	return out, err
}

// CreateStore asks for a new datastore for a service.
func (c *Client) CreateStore(ctx context.Context, req app.NewStore) (out app.CreatedStore, err error) {
	err = c.do(ctx, http.MethodPost, "/standbys", nil, req, &out)
	return out, err
}

// SwitchOver makes another instance of a datastore primary.
func (c *Client) SwitchOver(ctx context.Context, q app.StandbyQuery, req app.SwitchOver) (out app.Handover, err error) {
	err = c.do(ctx, http.MethodPost, "/standbys/switch", standbyQuery(q), req, &out)
	return out, err
}

// BackUp makes a backup of a datastore now.
func (c *Client) BackUp(ctx context.Context, q app.StandbyQuery, req app.BackUpRequest) (out standby.Backup, err error) {
	err = c.do(ctx, http.MethodPost, standbyPath(q.Datastore, "/backup"), url.Values{"environment": {string(q.Environment)}}, req, &out)
	return out, err
}

// DrillBackup restores the newest backup of a datastore, checks it and takes it away again.
func (c *Client) DrillBackup(ctx context.Context, q app.StandbyQuery) (out standby.Drill, err error) {
	err = c.do(ctx, http.MethodPost, standbyPath(q.Datastore, "/drill"), url.Values{"environment": {string(q.Environment)}}, nil, &out)
	return out, err
}

func standbyQuery(q app.StandbyQuery) url.Values {
	return url.Values{"datastore": {string(q.Datastore)}, "environment": {string(q.Environment)}, "team": {string(q.Team)}}
}

// PreviewRelocation says what moving a datastore would do, what stands in the way, and how far it is.
func (c *Client) PreviewRelocation(ctx context.Context, name estate.ServiceName, to estate.EnvironmentName) (out app.Relocation, err error) {
	err = c.do(ctx, http.MethodGet, standbyPath(name, "/move"), url.Values{"to": {string(to)}}, nil, &out)
	return out, err
}

// Relocate moves a datastore, and tells what becomes known of it.
func (c *Client) Relocate(ctx context.Context, name estate.ServiceName, req app.RelocateRequest, news func(app.Watched)) (app.Moved, error) {
	return c.begin(ctx, standbyPath(name, "/move"), req, news)
}

// RelocateBack leads its clients back.
func (c *Client) RelocateBack(ctx context.Context, name estate.ServiceName, req app.RelocateRequest, news func(app.Watched)) (app.Moved, error) {
	return c.begin(ctx, standbyPath(name, "/back"), req, news)
}

// CloseRelocation ends the time in which it can go back.
func (c *Client) CloseRelocation(ctx context.Context, name estate.ServiceName, req app.CloseRequest) (out app.Relocation, err error) {
	err = c.do(ctx, http.MethodPost, standbyPath(name, "/close"), nil, req, &out)
	return out, err
}

func standbyPath(name estate.ServiceName, rest string) string {
	return "/standbys/" + url.PathEscape(string(name)) + rest
}

package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"example.org/caravan/internal/api"
	"example.org/caravan/internal/app"
	"example.org/caravan/internal/consent"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/journey"
	"example.org/caravan/internal/readiness"
	"example.org/caravan/internal/store"
)

// PreviewMove says what a move would change.
func (c *Client) PreviewMove(ctx context.Context, name string, req app.MoveRequest) (out app.Moved, err error) {
	err = c.do(ctx, http.MethodPost, expansionPath(name, "/move/preview"), nil, req, &out)
	return out, err
}

// Move carries out what is planned, tells what becomes known on the way, and gives what was done. Whatever ends the waiting, the run goes on
// where there is somebody to carry it out.
func (c *Client) Move(ctx context.Context, name string, req app.MoveRequest, news func(app.Watched)) (app.Moved, error) {
	return c.begin(ctx, expansionPath(name, "/move"), req, news)
}

// PreviewUndo says what an undo would take away.
func (c *Client) PreviewUndo(ctx context.Context, name string, req app.MoveRequest) (out app.Moved, err error) {
	err = c.do(ctx, http.MethodPost, expansionPath(name, "/undo/preview"), nil, req, &out)
	return out, err
}

// Undo takes away what moves made, as Move carries out.
func (c *Client) Undo(ctx context.Context, name string, req app.MoveRequest, news func(app.Watched)) (app.Moved, error) {
	return c.begin(ctx, expansionPath(name, "/undo"), req, news)
}

func (c *Client) begin(ctx context.Context, path string, req any, news func(app.Watched)) (app.Moved, error) {
	var r journey.Run
	if err := c.do(ctx, http.MethodPost, path, nil, req, &r); err != nil {
		return app.Moved{}, err
	}
	return c.Follow(ctx, r.ID, news)
}

// Follow tells what becomes known of a run until it has ended or stopped, and gives what it did. Its failure is an error of the same
// kind.
func (c *Client) Follow(ctx context.Context, id journey.RunID, news func(app.Watched)) (app.Moved, error) {
	var seen app.Seen
	for {
		w, err := c.Watch(ctx, id, seen)
		if err != nil {
			return app.Moved{}, err
		}
		if news != nil {
			news(w)
		}
		if w.Moved != nil {
			return *w.Moved, ending(w.Run)
		}
		seen = w.Seen
	}
}

// ending is how a run that goes no further ended; nil when it is finished.
func ending(r journey.Run) error {
	switch r.State {
	case journey.Finished, journey.Running:
		return nil
	case journey.Stopped:
		return (&api.Problem{Detail: r.Reason, Kind: r.Kind}).Fault()
	}
	text := string(r.State)
	if r.Reason != "" {
		text += " (" + r.Reason + ")"
	}
	return fault.Newf(fault.Conflict, "%s of %s was %s; caravan %s %s goes on with it", r.Way, r.Expansion, text, r.Way, r.Expansion)
}

// Watch waits, some seconds at most, for news of a run.
func (c *Client) Watch(ctx context.Context, id journey.RunID, seen app.Seen) (out app.Watched, err error) {
	query := url.Values{"line": {strconv.FormatInt(seen.Line, 10)}, "mark": {string(seen.Mark)}}
	err = c.do(ctx, http.MethodGet, "/runs/"+url.PathEscape(string(id)), query, nil, &out)
	return out, err
}

// Pause lets nothing else of an expansion's run begin.
func (c *Client) Pause(ctx context.Context, name string, t app.Turning) (out journey.Run, err error) {
	err = c.do(ctx, http.MethodPost, expansionPath(name, "/pause"), nil, t, &out)
	return out, err
}

// Resume lets a run that was paused, or that stopped, go on.
func (c *Client) Resume(ctx context.Context, name string) (out journey.Run, err error) {
	err = c.do(ctx, http.MethodPost, expansionPath(name, "/resume"), nil, nil, &out)
	return out, err
}

// Cancel ends an expansion's run where it is.
func (c *Client) Cancel(ctx context.Context, name string, t app.Turning) (out journey.Run, err error) {
	err = c.do(ctx, http.MethodPost, expansionPath(name, "/cancel"), nil, t, &out)
	return out, err
}

// Runs are the runs of an expansion, the last first.
func (c *Client) Runs(ctx context.Context, name string) (out []journey.Run, err error) {
	err = c.do(ctx, http.MethodGet, expansionPath(name, "/runs"), nil, nil, &out)
	return out, err
}

// Audit is what was done, the last first: to all for "".
func (c *Client) Audit(ctx context.Context, expansion string, limit int) (out []store.Entry, err error) {
	query := url.Values{"limit": {strconv.Itoa(limit)}}
	if expansion != "" {
		query.Set("expansion", expansion)
	}
	err = c.do(ctx, http.MethodGet, "/audit", query, nil, &out)
	return out, err
}

// VerifyAudit says whether the audit is whole.
func (c *Client) VerifyAudit(ctx context.Context, known app.Remembered) (out store.Proof, err error) {
	query := url.Values{}
	if known.Line > 0 {
		query = url.Values{"line": {strconv.FormatInt(known.Line, 10)}, "hash": {known.Hash}}
	}
	err = c.do(ctx, http.MethodGet, "/audit/proof", query, nil, &out)
	return out, err
}

// Consents is who has agreed to what of an expansion, and who is asked.
func (c *Client) Consents(ctx context.Context, name string) (out app.Consents, err error) {
	err = c.do(ctx, http.MethodGet, expansionPath(name, "/consents"), nil, nil, &out)
	return out, err
}

// Approve gives a team's green light, and says to what.
func (c *Client) Approve(ctx context.Context, name string, req app.ApproveRequest) (out []consent.GreenLight, err error) {
	err = c.do(ctx, http.MethodPost, expansionPath(name, "/approvals"), nil, req, &out)
	return out, err
}

// Revoke takes green lights back.
func (c *Client) Revoke(ctx context.Context, name string, req app.RevokeRequest) (out api.Revoked, err error) {
	err = c.do(ctx, http.MethodPost, expansionPath(name, "/revocations"), nil, req, &out)
	return out, err
}

// Veto vetoes for a team, or takes its veto back.
func (c *Client) Veto(ctx context.Context, name string, req app.VetoRequest) (out app.Consents, err error) {
	err = c.do(ctx, http.MethodPost, expansionPath(name, "/vetoes"), nil, req, &out)
	return out, err
}

// Ready says how far each service of an expansion is from going live.
func (c *Client) Ready(ctx context.Context, name string) (out []readiness.Readiness, err error) {
	err = c.do(ctx, http.MethodGet, expansionPath(name, "/readiness"), nil, nil, &out)
	return out, err
}

// Drill keeps that a team practised something, and says how far everything is then.
func (c *Client) Drill(ctx context.Context, name string, req app.DrillRequest) (out []readiness.Readiness, err error) {
	err = c.do(ctx, http.MethodPost, expansionPath(name, "/drills"), nil, req, &out)
	return out, err
}

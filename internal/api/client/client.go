// Package client speaks to the API, over the network or to a handler in the same process. Problems come back as the
// faults they were.
package client

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"

	"example.org/caravan/internal/api"
	"example.org/caravan/internal/app"
	"example.org/caravan/internal/depmap"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/store"
)

// Client of one server.
type Client struct {
	base  string
	http  *http.Client
	token string
}

// WithToken is the client with a token that it shows with every request.
func (c *Client) WithToken(token string) *Client {
	shows := *c
	shows.token = token
	return &shows
}

// New is a client of the server at base ("http://host:port"), through rt.
func New(base string, rt http.RoundTripper) *Client {
	return &Client{base: strings.TrimRight(base, "/") + api.Prefix, http: &http.Client{
		Transport:     rt,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // a token is for whom it was made
	}}
}

// maxAnswer bounds an answer; the map of a very large estate is some tens of megabytes.
const maxAnswer = 1 << 30

// do sends a request and decodes the answer into out, unless that is nil.
func (c *Client) do(ctx context.Context, method, path string, query url.Values, in, out any) error {
	res, err := c.send(ctx, method, path, query, in)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if out == nil {
		return nil
	}
	if err := json.NewDecoder(io.LimitReader(res.Body, maxAnswer)).Decode(out); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fault.Newf(fault.Unavailable, "%s: the answer is not the API's; is this a Caravan server?", c.base)
	}
	return nil
}

// send gives the answer to a request, or its problem as a fault.
func (c *Client) send(ctx context.Context, method, path string, query url.Values, in any) (*http.Response, error) {
	var body io.Reader
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(data)
	}
	target := c.base + path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, target, body)
	if err != nil {
		return nil, fault.Newf(fault.Usage, "--server %s: not a URL; for example http://127.0.0.1:7070", strings.TrimSuffix(c.base, api.Prefix))
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	res, err := c.http.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fault.Newf(fault.Unavailable, "%s does not answer; is `caravan serve` running there?", strings.TrimSuffix(c.base, api.Prefix))
	}
	if res.StatusCode < 300 {
		return res, nil
	}
	defer res.Body.Close()
	if to, err := res.Location(); err == nil {
		return nil, fault.Newf(fault.Unavailable, "%s sends on to %s://%s, which is not followed; name the server itself with --server", strings.TrimSuffix(c.base, api.Prefix), to.Scheme, to.Host)
	}
	var p api.Problem
	if err := json.NewDecoder(io.LimitReader(res.Body, 1<<20)).Decode(&p); err != nil || p.Detail == "" {
		return nil, fault.Newf(fault.OfStatus(res.StatusCode), "%s answered %s; is this a Caravan server?", strings.TrimSuffix(c.base, api.Prefix), res.Status)
	}
	return nil, p.Fault()
}

// StartScan begins a scan.
func (c *Client) StartScan(ctx context.Context, req app.ScanRequest) (app.ScanState, error) {
	var out app.ScanState
	err := c.do(ctx, http.MethodPost, "/scans", nil, req, &out)
	return out, err
}

// Scan tells how a scan is doing.
func (c *Client) Scan(ctx context.Context, id app.ScanID) (app.ScanState, error) {
	var out app.ScanState
	err := c.do(ctx, http.MethodGet, "/scans/"+url.PathEscape(string(id)), nil, nil, &out)
	return out, err
}

// CancelScan stops a scan.
func (c *Client) CancelScan(ctx context.Context, id app.ScanID) error {
	return c.do(ctx, http.MethodDelete, "/scans/"+url.PathEscape(string(id)), nil, nil, nil)
}

// WaitScan follows a scan to its end, calling news for each state. The error is the scan's own when it failed.
func (c *Client) WaitScan(ctx context.Context, id app.ScanID, news func(app.ScanState)) (app.ScanState, error) {
	res, err := c.send(ctx, http.MethodGet, "/scans/"+url.PathEscape(string(id))+"/events", nil, nil)
	if err != nil {
		return app.ScanState{}, err
	}
	defer res.Body.Close()
	var last app.ScanState
	lines := bufio.NewScanner(res.Body)
	for lines.Scan() {
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok || json.Unmarshal([]byte(data), &last) != nil {
			continue
		}
		news(last)
	}
	switch {
	case ctx.Err() != nil:
		return last, ctx.Err()
	case last.Running() || last.ID == "":
		return last, fault.Newf(fault.Unavailable, "the server went away while the scan ran")
	case last.State != "done":
		return last, (&api.Problem{Detail: last.Error, Kind: last.Kind}).Fault()
	}
	return last, nil
}

// Map is the part of a map that the query wants.
func (c *Client) Map(ctx context.Context, q api.Query) (api.Map, error) {
	var out api.Map
	err := c.do(ctx, http.MethodGet, "/map", q.Values(), nil, &out)
	return out, err
}

// Service is one service with both its sides.
func (c *Client) Service(ctx context.Context, snapshot, name string) (api.ServiceDetail, error) {
	var out api.ServiceDetail
	err := c.do(ctx, http.MethodGet, "/services/"+url.PathEscape(name), in(snapshot), nil, &out)
	return out, err
}

// Needs lists what a service needs, nearest first.
func (c *Client) Needs(ctx context.Context, snapshot, name string) ([]depmap.Impact, error) {
	var out []depmap.Impact
	err := c.do(ctx, http.MethodGet, "/services/"+url.PathEscape(name)+"/needs", in(snapshot), nil, &out)
	return out, err
}

// Breaks lists who breaks if a service stops, nearest first.
func (c *Client) Breaks(ctx context.Context, snapshot, name string) ([]depmap.Impact, error) {
	var out []depmap.Impact
	err := c.do(ctx, http.MethodGet, "/services/"+url.PathEscape(name)+"/breaks", in(snapshot), nil, &out)
	return out, err
}

// Unowned lists what no team owns.
func (c *Client) Unowned(ctx context.Context, snapshot string) ([]depmap.Service, error) {
	var out []depmap.Service
	err := c.do(ctx, http.MethodGet, "/unowned", in(snapshot), nil, &out)
	return out, err
}

// Doubts lists what is unclear.
func (c *Client) Doubts(ctx context.Context, snapshot string) ([]estate.Doubt, error) {
	var out []estate.Doubt
	err := c.do(ctx, http.MethodGet, "/doubts", in(snapshot), nil, &out)
	return out, err
}

// Snapshots lists what has been scanned, newest first.
func (c *Client) Snapshots(ctx context.Context) ([]store.Summary, error) {
	var out []store.Summary
	err := c.do(ctx, http.MethodGet, "/snapshots", nil, nil, &out)
	return out, err
}

// Scans lists the scans that have ended, the last first.
func (c *Client) Scans(ctx context.Context) ([]store.Scan, error) {
	var out []store.Scan
	err := c.do(ctx, http.MethodGet, "/scans", nil, nil, &out)
	return out, err
}

// Diff lists what changed between two snapshots.
func (c *Client) Diff(ctx context.Context, old, new string) (depmap.Difference, error) {
	var out depmap.Difference
	err := c.do(ctx, http.MethodGet, "/diff", url.Values{"old": {old}, "new": {new}}, nil, &out)
	return out, err
}

// Export is the map as a file: dot, mermaid, svg, html, json or yaml.
func (c *Client) Export(ctx context.Context, format string, q api.Query) ([]byte, error) {
	v := q.Values()
	v.Set("format", format)
	res, err := c.send(ctx, http.MethodGet, "/export", v, nil)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	data, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, fault.Newf(fault.Unavailable, "the server went away while it sent the map; try again")
	}
	return data, nil
}

func in(snapshot string) url.Values {
	if snapshot == "" {
		return nil
	}
	return url.Values{"snapshot": {snapshot}}
}

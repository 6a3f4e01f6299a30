package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"example.org/caravan/internal/app"
	"example.org/caravan/internal/store"
)

// Announce tells teams what waves mean for them, or shows it.
func (c *Client) Announce(ctx context.Context, name string, req app.AnnounceRequest) (out app.Announced, err error) {
	err = c.do(ctx, http.MethodPost, expansionPath(name, "/announcements"), nil, req, &out)
	return out, err
}

// Messages are what was told, of one expansion or of all for "", and what became of it, the last first.
func (c *Client) Messages(ctx context.Context, expansion string, limit int) (out []store.Delivery, err error) {
	path := "/messages"
	if expansion != "" {
		path = expansionPath(expansion, "/messages")
	}
	err = c.do(ctx, http.MethodGet, path, url.Values{"limit": {strconv.Itoa(limit)}}, nil, &out)
	return out, err
}

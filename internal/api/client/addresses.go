package client

import (
	"context"
	"net/http"
	"net/url"

	"example.org/caravan/internal/address"
	"example.org/caravan/internal/app"
	"example.org/caravan/internal/store"
)

// Addresses is the space of private ranges.
func (c *Client) Addresses(ctx context.Context) (app.Addresses, error) {
	var out app.Addresses
	err := c.do(ctx, http.MethodGet, "/addresses", nil, nil, &out)
	return out, err
}

// Lease asks for a range.
func (c *Client) Lease(ctx context.Context, r app.LeaseRequest) (address.Lease, error) {
	var out address.Lease
	err := c.do(ctx, http.MethodPost, "/addresses/leases", nil, r, &out)
	return out, err
}

// Release gives back what a holder has.
func (c *Client) Release(ctx context.Context, holder string) ([]address.Lease, error) {
	var out []address.Lease
	err := c.do(ctx, http.MethodPost, "/addresses/releases", nil, map[string]string{"holder": holder}, &out)
	return out, err
}

// LeaseChanges is what became of the leases of a holder, the last change first.
func (c *Client) LeaseChanges(ctx context.Context, holder string) ([]store.LeaseChange, error) {
	var out []store.LeaseChange
	err := c.do(ctx, http.MethodGet, "/addresses/changes", url.Values{"holder": {holder}}, nil, &out)
	return out, err
}

package client

import (
	"context"
	"net/http"
	"net/url"

	"example.org/caravan/internal/api"
	"example.org/caravan/internal/rights"
	"example.org/caravan/internal/signin"
	"example.org/caravan/internal/store"
)

// Me is who asks.
func (c *Client) Me(ctx context.Context) (out rights.Person, err error) {
	err = c.do(ctx, http.MethodGet, "/me", nil, nil, &out)
	return out, err
}

// Tokens are those of whoever asks, or of all.
func (c *Client) Tokens(ctx context.Context, all bool) (out []store.Token, err error) {
	var query url.Values
	if all {
		query = url.Values{"all": {"true"}}
	}
	err = c.do(ctx, http.MethodGet, "/tokens", query, nil, &out)
	return out, err
}

// MakeToken makes a token; its secret is in the answer and nowhere else.
func (c *Client) MakeToken(ctx context.Context, req signin.TokenRequest) (out signin.Made, err error) {
	err = c.do(ctx, http.MethodPost, "/tokens", nil, req, &out)
	return out, err
}

// RevokeToken revokes a token of an owner; one's own for "".
func (c *Client) RevokeToken(ctx context.Context, owner, name string) error {
	var query url.Values
	if owner != "" {
		query = url.Values{"owner": {owner}}
	}
	return c.do(ctx, http.MethodDelete, "/tokens/"+url.PathEscape(name), query, nil, nil)
}

// People are all who have signed in.
func (c *Client) People(ctx context.Context) (out []store.Known, err error) {
	err = c.do(ctx, http.MethodGet, "/people", nil, nil, &out)
	return out, err
}

// Expel ends all sessions and tokens of somebody.
func (c *Client) Expel(ctx context.Context, who string) (out api.Expelled, err error) {
	err = c.do(ctx, http.MethodPost, "/people/expulsions", nil, map[string]string{"who": who}, &out)
	return out, err
}

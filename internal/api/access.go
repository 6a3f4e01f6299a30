package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"example.org/caravan/internal/rights"
	"example.org/caravan/internal/signin"
	"example.org/caravan/internal/store"
)

// Expelled is how many sessions and tokens of somebody were ended.
type Expelled struct {
	Sessions int64 `json:"sessions"`
	Tokens   int64 `json:"tokens"`
}

// access adds the routes about who asks, tokens, and who is signed in.
func (r routes) access(a huma.API) {
	read(a, "who-am-i", "/me", "Who asks, with which role, teams and scopes", func(ctx context.Context, _ *struct{}) (rights.Person, error) {
		return rights.Of(ctx), nil
	})
	change(a, rights.Tokens, "list-tokens", http.MethodGet, "/tokens", "Tokens of whoever asks; those of all for an admin who wants them", func(ctx context.Context, in *struct {
		All bool `query:"all" doc:"Those of all owners."`
	}) ([]store.Token, error) {
		list, err := r.door.Tokens(ctx, rights.Of(ctx), in.All)
		return nonNil(list), err
	})
	change(a, rights.Tokens, "make-token", http.MethodPost, "/tokens", "Make a token that reaches no further than who makes it; its secret is shown this once", func(ctx context.Context, in *struct{ Body signin.TokenRequest }) (signin.Made, error) {
		return r.door.MakeToken(ctx, rights.Of(ctx), in.Body)
	})
	change(a, rights.Tokens, "revoke-token", http.MethodDelete, "/tokens/{name}", "Revoke a token", func(ctx context.Context, in *struct {
		Name  string `path:"name" doc:"Name of the token."`
		Owner string `query:"owner" doc:"Whose it is, for an admin; whoever asks when left out."`
	}) ([]store.Token, error) {
		by := rights.Of(ctx)
		if err := r.door.RevokeToken(ctx, by, in.Owner, in.Name); err != nil {
			return nil, err
		}
		list, err := r.door.Tokens(ctx, by, false)
		return nonNil(list), err
	})
	change(a, rights.Administer, "list-people", http.MethodGet, "/people", "Who has signed in, as the provider said then", func(ctx context.Context, _ *struct{}) ([]store.Known, error) {
		list, err := r.door.People(ctx)
		return nonNil(list), err
	})
	change(a, rights.Administer, "expel", http.MethodPost, "/people/expulsions", "End all sessions and tokens of somebody", func(ctx context.Context, in *struct {
		Body struct {
			Who string `json:"who" minLength:"1" doc:"Mail address, or what the provider knows them by."`
		}
	}) (Expelled, error) {
		sessions, tokens, err := r.door.Expel(ctx, rights.Of(ctx), in.Body.Who)
		return Expelled{sessions, tokens}, err
	})
}

package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"example.org/caravan/internal/address"
	"example.org/caravan/internal/app"
	"example.org/caravan/internal/rights"
	"example.org/caravan/internal/store"
)

// addresses adds the routes of the registry of private ranges.
func (r routes) addresses(a huma.API) {
	read(a, "get-addresses", "/addresses", "Pools, leases, what clashes and what will be full soon", func(ctx context.Context, _ *struct{}) (app.Addresses, error) {
		return r.App.Addresses(ctx)
	})
	change(a, rights.Plan, "lease", http.MethodPost, "/addresses/leases", "Lease a range: the one the holder has, else the best that is free", func(ctx context.Context, in *struct{ Body app.LeaseRequest }) (address.Lease, error) {
		return r.App.Lease(ctx, in.Body)
	})
	change(a, rights.Plan, "release", http.MethodPost, "/addresses/releases", "Give back what a holder and those below it have; it is quarantined before reuse", func(ctx context.Context, in *struct {
		Body struct {
			Holder string `json:"holder"`
		}
	}) ([]address.Lease, error) {
		list, err := r.App.ReleaseLease(ctx, in.Body.Holder)
		return nonNil(list), err
	})
	read(a, "list-lease-changes", "/addresses/changes", "What became of leases, the last change first", func(ctx context.Context, in *struct {
		Holder string `query:"holder" doc:"Only this holder and those below it."`
	}) ([]store.LeaseChange, error) {
		list, err := r.App.LeaseChanges(ctx, in.Holder, historyLength)
		return nonNil(list), err
	})
}

package app

import (
	"context"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/workspace"
)

// lastPlan is a plan that keeps nothing, and the digest of all that it was made from.
type lastPlan struct {
	from estate.Digest
	plan Plan
}

// remembered is the dry plan of an expansion if nothing that it was made from has changed since, and the digest of what it is made from
// now: pages ask for it again and again.
func (a *App) remembered(ctx context.Context, name string) (Plan, estate.Digest, error) {
	from, err := a.planFrom(ctx)
	if err != nil {
		return Plan{}, "", err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if last, ok := a.plans[name]; ok && last.from == from {
		return last.plan, from, nil
	}
	return Plan{}, from, nil
}

// remember keeps a dry plan for the next who asks.
func (a *App) remember(name string, from estate.Digest, plan Plan) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.plans) >= mostLaid {
		clear(a.plans)
	}
	a.plans[name] = lastPlan{from, plan}
}

// planFrom is the digest of all that plans are made from: the newest snapshot, what people wrote, and the leases.
func (a *App) planFrom(ctx context.Context) (estate.Digest, error) {
	kept, err := a.keeper.List(ctx, 1)
	if err != nil {
		return "", err
	}
	changes, err := a.store.LeaseChangeCount(ctx)
	if err != nil {
		return "", err
	}
	all := []any{workspace.Written(a.dir), changes}
	for _, k := range kept {
		all = append(all, k.Digest, k.LastSeen)
	}
	return estate.DigestOf(all), nil
}

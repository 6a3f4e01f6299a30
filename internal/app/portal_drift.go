package app

import (
	"context"
	"time"

	"example.org/caravan/internal/drift"
	"example.org/caravan/internal/rights"
	"example.org/caravan/internal/web"
)

// Drift is what differs between what runs and what is declared, as far as is known; nothing without a workspace.
func (p Portal) Drift(ctx context.Context) (web.Drift, error) {
	out := web.Drift{Now: p.App.now()}
	if p.App.store == nil {
		return out, nil
	}
	d, err := p.App.Drift(ctx, DriftQuery{})
	if err != nil {
		return out, err
	}
	out.Lasts, out.Looks, out.Cells, out.Differences = d.Lasts, d.Looks, d.Cells, d.Differences
	for _, b := range d.Budgets {
		most := -1
		if b.Most != nil {
			most = *b.Most
		}
		out.Budgets = append(out.Budgets, web.DriftBudget{Team: b.Team, Accidents: b.Accidents, Most: most, Over: b.Over})
	}
	return out, nil
}

// LookForDrift looks at every environment now.
func (p Portal) LookForDrift(ctx context.Context) error {
	_, err := p.App.LookForDrift(ctx, DriftQuery{})
	return err
}

// AcceptDrift accepts a difference until a time.
func (p Portal) AcceptDrift(ctx context.Context, id drift.ID, why string, until time.Time) error {
	_, err := p.App.AcceptDrift(ctx, id, AcceptDrift{Why: why, Until: until}, rights.Of(ctx))
	return err
}

// MendDrift begins to mend a difference, and gives the expansion whose step does.
func (p Portal) MendDrift(ctx context.Context, id drift.ID) (string, error) {
	m, err := p.App.MendDrift(ctx, id, MendDrift{}, rights.Of(ctx))
	return m.Difference.Expansion, err
}

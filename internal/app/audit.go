package app

import (
	"context"

	"example.org/caravan/internal/store"
)

// Remembered is a line of the audit that somebody wrote down elsewhere.
type Remembered struct {
	Line int64  `query:"line" minimum:"0" doc:"Number of a line that somebody wrote down; none when left out."`
	Hash string `query:"hash" doc:"Its hash."`
}

// Audit is what was done, the last first: to all for "", else to one expansion.
func (a *App) Audit(ctx context.Context, expansion string, limit int) ([]store.Entry, error) {
	if err := a.inWorkspace(); err != nil {
		return nil, err
	}
	return a.store.Audit(ctx, expansion, limit)
}

// VerifyAudit says whether every line of the audit is there, as it was written, among them one that somebody remembers.
func (a *App) VerifyAudit(ctx context.Context, known Remembered) (store.Proof, error) {
	if err := a.inWorkspace(); err != nil {
		return store.Proof{}, err
	}
	return a.store.VerifyAudit(ctx, known.Line, known.Hash)
}

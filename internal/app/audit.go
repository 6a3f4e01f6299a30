package app

import (
	"context"

	"example.org/caravan/internal/store"
	"example.org/caravan/internal/workspace"
)

// Remembered is a line of the audit that somebody wrote down elsewhere.
type Remembered struct {
	Line int64  `query:"line" minimum:"0" doc:"Number of a line that somebody wrote down; none when left out."`
	Hash string `query:"hash" doc:"Its hash."`
}

// Audit is what was done, the last first: to all for "", else to one expansion. NotFound when there is none of that name and nothing was done to it.
func (a *App) Audit(ctx context.Context, expansion string, limit int) ([]store.Entry, error) {
	if err := a.inWorkspace(); err != nil {
		return nil, err
	}
	lines, err := a.store.Audit(ctx, expansion, limit)
	if err == nil && len(lines) == 0 {
		err = a.known(expansion)
	}
	return lines, err
}

// known says that an expansion is none: neither is anything known of it nor does its file exist. "" is all of them.
func (a *App) known(name string) error {
	if name == "" {
		return nil
	}
	_, _, err := workspace.ExpansionText(a.dir, name)
	return err
}

// VerifyAudit says whether every line of the audit is there, as it was written, among them one that somebody remembers.
func (a *App) VerifyAudit(ctx context.Context, known Remembered) (store.Proof, error) {
	if err := a.inWorkspace(); err != nil {
		return store.Proof{}, err
	}
	return a.store.VerifyAudit(ctx, known.Line, known.Hash)
}

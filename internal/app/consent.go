package app

import (
	"context"

	"example.org/caravan/internal/consent"
	"example.org/caravan/internal/journey"
)

// allow says what is against beginning some steps of a run. A folder is no place where anything runs: nobody has to agree to what is written
// into it.
func (a *App) allow(_ context.Context, _ journey.Run, _ []journey.Step, _ []consent.GreenLight, _ []consent.Veto) error {
	return nil
}

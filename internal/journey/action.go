package journey

import (
	"context"

	"example.org/caravan/internal/render"
)

// Work is a step of a run with all that it takes to do it.
type Work struct {
	Run     Run
	Options string // of the run, as whoever started it gave them
	Step    Step
	Files   []render.File // its own
	Course  Course
}

// Action does steps of a kind. Killed at any moment, it is called again and ends in the same place; several steps are done at
// once, by several programs.
type Action interface {
	// Preview says what doing a step would change, and changes nothing.
	Preview(ctx context.Context, w Work) ([]Change, error)
	// Do does a step. What is done already stays untouched.
	Do(ctx context.Context, w Work, tell Tell) ([]Change, error)
	// Verify waits until what was done does what it is for.
	Verify(ctx context.Context, w Work, tell Tell) error
	// Undo takes away what was done, and nothing else. What is not there is gone already.
	Undo(ctx context.Context, w Work, tell Tell) ([]Change, error)
}

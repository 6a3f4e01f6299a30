package app

import (
	"context"
	"encoding/json"
	"slices"

	"example.org/caravan/internal/consent"
	"example.org/caravan/internal/drift"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/journey"
	"example.org/caravan/internal/rights"
)

// MendDrift says how a difference is mended.
type MendDrift struct {
	Why string `json:"why,omitempty" doc:"Reason, for the audit."`
	Dry bool   `json:"dry,omitempty" doc:"Show what it would do, and do nothing."`
}

// Mending is how a difference is mended: by the step that put it in place, once more.
type Mending struct {
	Difference drift.Difference   `json:"difference"`
	Also       []drift.Difference `json:"also,omitempty"`    // others that the step mends with it
	Changes    []journey.Change   `json:"changes,omitempty"` // what the step would do
	Verdict    *consent.Verdict   `json:"verdict,omitempty"` // who must agree to the step, and who has
	Run        *journey.Run       `json:"run,omitempty"`     // that carries it out; nothing of a dry one
}

// MendDrift puts in place again what a difference is about: the step of the last move, and no other, overwriting what others wrote. It takes the
// green lights that the step takes; those it has had count. Conflict when no step is to mend it, and while the expansion is moved otherwise.
func (a *App) MendDrift(ctx context.Context, id drift.ID, req MendDrift, by rights.Person) (Mending, error) {
	d, err := a.difference(ctx, id)
	if err != nil {
		return Mending{}, err
	}
	m := Mending{Difference: d}
	if err := a.mayOf(by, rights.Decide, d.Team); err != nil {
		return m, err
	}
	if d.Step == "" {
		return m, fault.Newf(fault.Conflict, "%s is mended by no step of a move: %s", d.ID, orElse(d.Mend, "see what it says"))
	}
	c, o, err := a.lastPut(ctx, d)
	if err != nil {
		return m, err
	}
	i := slices.IndexFunc(c.Journey.Steps, func(s journey.Step) bool { return string(s.ID) == d.Step })
	if i < 0 {
		return m, fault.Newf(fault.Conflict, "%s has no step %s any more; move it, which mends all of it", d.Expansion, d.Step)
	}
	if err := a.mendsAlso(ctx, &m); err != nil {
		return m, err
	}
	if req.Dry {
		return m, a.previewMend(ctx, &m, c, c.Journey.Steps[i], o)
	}
	r, err := a.beginMend(ctx, c, c.Journey.Steps[i].ID, o, by.By(), orElse(req.Why, "mend "+string(d.ID)+": "+d.What))
	if err != nil {
		return m, err
	}
	m.Run = &r
	return m, a.announceRun(ctx, r)
}

func orElse(text, other string) string {
	if text == "" {
		return other
	}
	return text
}

// lastPut is the course of the last move, and its options with what it takes to overwrite. Conflict when it did not finish.
func (a *App) lastPut(ctx context.Context, d drift.Difference) (course, runOptions, error) {
	var c course
	runs, err := a.store.Runs(ctx, d.Expansion, 1)
	if err != nil {
		return c, runOptions{}, err
	}
	if len(runs) == 0 || runs[0].Way != journey.Forth || runs[0].State != journey.Finished {
		return c, runOptions{}, fault.Newf(fault.Conflict, "the last move of %s did not come to its end; let it finish first, which mends what it puts in place", d.Expansion)
	}
	_, text, err := a.store.Run(ctx, runs[0].ID)
	if err != nil {
		return c, runOptions{}, err
	}
	o, err := readOptions(runs[0].ID, text)
	if err != nil {
		return c, o, err
	}
	o.Force = true
	return c, o, a.store.Course(ctx, runs[0].Journey, &c)
}

// mendsAlso names what else the step mends.
func (a *App) mendsAlso(ctx context.Context, m *Mending) error {
	all, err := a.Drift(ctx, DriftQuery{})
	for _, d := range all.Differences {
		if d.Step == m.Difference.Step && d.Expansion == m.Difference.Expansion && d.ID != m.Difference.ID {
			m.Also = append(m.Also, d)
		}
	}
	return err
}

func (a *App) previewMend(ctx context.Context, m *Mending, c course, s journey.Step, o runOptions) error {
	files := c.FilesOf(s)
	t, err := a.target(ctx, c.Journey.Expansion, s.Environment, c.In(s.Environment), o, false)
	if err != nil {
		return err
	}
	m.Changes, err = t.Preview(ctx, files)
	if closed := t.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	m.Changes = slices.DeleteFunc(m.Changes, func(ch journey.Change) bool { return ch.What == journey.Unchanged })
	consents, err := a.consents(ctx, c)
	for _, sc := range consents.Steps {
		if sc.ID == s.ID && sc.Asked {
			m.Verdict = &sc.Verdict
		}
	}
	return err
}

// beginMend starts a run of a course in which everything but one step is done already.
func (a *App) beginMend(ctx context.Context, c course, only journey.StepID, o runOptions, by, why string) (journey.Run, error) {
	conductor, err := a.conduct(ctx)
	if err != nil {
		return journey.Run{}, err
	}
	options, err := json.Marshal(o)
	if err != nil {
		return journey.Run{}, err
	}
	r := journey.Start(c.Journey, journey.Forth).Only(only)
	r.By, r.Why = by, why
	return conductor.Start(ctx, r, string(options))
}

// changing are the teams of steps that bring something else than what is in place.
func changing(c course, before map[journey.StepID]estate.Digest) []estate.TeamName {
	var out []estate.TeamName
	for _, s := range c.Journey.Steps {
		if s.Team != "" && s.Target != "" && before[s.ID] != s.Digest && s.Kind != journey.Removal {
			out = append(out, s.Team)
		}
	}
	return out
}

// withinBudgets refuses a course that brings something new of teams that are over their budget for drift.
func (a *App) withinBudgets(ctx context.Context, c course) error {
	p, _, err := a.inPlace(ctx, c.Journey.Expansion)
	if err != nil {
		return err
	}
	before := map[journey.StepID]estate.Digest{}
	for _, s := range p.Journey.Steps {
		before[s.ID] = s.Digest
	}
	return a.promotable(ctx, changing(c, before))
}

package app

import (
	"context"
	"slices"

	"example.org/caravan/internal/directory"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/expansion"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/journey"
)

// course is what is carried out, as it is kept in the store: the conductor reads the journey and its files, consent the proposal.
type course struct {
	journey.Course
	Proposal expansion.Proposal `json:"proposal"`
}

// courseOf is what carrying a plan out does: its own steps, and taking away what earlier runs may have left that it no longer has.
func (a *App) courseOf(ctx context.Context, p Plan) (course, error) {
	earlier, err := a.earlier(ctx, p.Proposal.Expansion)
	if err != nil {
		return course{}, err
	}
	own := journey.Course{Journey: p.Journey, Files: p.Files}
	return course{own.After(courses(earlier)).At(a.targetInWords), p.Proposal}, nil
}

func courses(all []course) []journey.Course {
	out := make([]journey.Course, len(all))
	for i, c := range all {
		out[i] = c.Course
	}
	return out
}

// earlier are the courses of an expansion that may be in place, in part or whole, the last first: those since it was last moved to
// the end, or taken back.
func (a *App) earlier(ctx context.Context, name string) ([]course, error) {
	runs, err := a.store.Runs(ctx, name, 0)
	if err != nil {
		return nil, err
	}
	var out []course
	seen := map[estate.Digest]bool{}
	for _, r := range runs {
		if r.Way == journey.Back && r.State == journey.Finished {
			break
		}
		if !seen[r.Journey] {
			seen[r.Journey] = true
			var c course
			if err := a.store.Course(ctx, r.Journey, &c); err != nil {
				return nil, err
			}
			if r.State == journey.Finished { // what it was to take away is gone
				c.Journey.Steps = slices.DeleteFunc(c.Journey.Steps, func(s journey.Step) bool { return s.Kind == journey.Removal })
			}
			out = append(out, c)
		}
		if r.State == journey.Finished {
			break
		}
	}
	return out, nil
}

// wayBack is what taking an expansion back undoes: all that its runs may have put in place, and what a folder holds beyond that. NotFound
// when it is neither planned nor in place.
func (a *App) wayBack(ctx context.Context, name, dir string) (course, error) {
	earlier, err := a.earlier(ctx, name)
	if err != nil {
		return course{}, err
	}
	var c course
	if len(earlier) > 0 {
		c = earlier[0]
		c.Course = c.After(courses(earlier[1:]))
	} else if c, err = a.onlyRanges(ctx, name); err != nil {
		return course{}, err
	}
	there, err := directory.Look(ctx, dir, name)
	if err != nil {
		return course{}, err
	}
	var rest journey.Step
	for _, f := range there {
		if !slices.ContainsFunc(c.Journey.Steps, func(s journey.Step) bool { return touches(s, f.Path) }) {
			rest.Files = append(rest.Files, f.Written)
		}
	}
	if len(rest.Files) > 0 {
		rest.ID, rest.Kind = journey.StepID(name), journey.Access
		c.Course = c.After([]journey.Course{{Journey: journey.Journey{Steps: []journey.Step{rest}}}})
	}
	return c, nil
}

// touches reports whether a step puts a file in place or takes it away.
func touches(s journey.Step, path string) bool {
	return slices.ContainsFunc(s.Files, func(f journey.Written) bool { return f.Path == path }) || slices.Contains(s.Gone, path)
}

// onlyRanges is the course of an expansion that was planned and never moved: the ranges it holds.
func (a *App) onlyRanges(ctx context.Context, name string) (course, error) {
	p, _, err := a.store.Proposal(ctx, name, "")
	if fault.KindOf(err) == fault.NotFound {
		p.Expansion, err = name, nil
	}
	if err != nil {
		return course{}, err
	}
	j := journey.Journey{Expansion: name, Proposal: p.Digest}
	for _, e := range p.Environments {
		s := journey.Step{ID: journey.StepID(string(e.Name) + "/" + string(journey.Addresses)), Kind: journey.Addresses, Environment: e.Name, Wave: expansion.RangesWave}
		j.Steps = append(j.Steps, s.Sealed())
	}
	j.Digest = estate.DigestOf(j.Steps)
	return course{journey.Course{Journey: j}, p}, nil
}

package app

import (
	"context"
	"errors"
	"slices"
	"strings"

	"example.org/caravan/internal/address"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/expansion"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/journey"
	"example.org/caravan/internal/store"
)

// act gives what does a step.
func (a *App) act(w journey.Work) (journey.Action, error) {
	if w.Step.Kind == journey.Addresses {
		return addressing{a}, nil
	}
	o, err := readOptions(w.Run.ID, w.Options)
	if err != nil {
		return nil, err
	}
	if w.Step.Kind == journey.Replicate || w.Step.Kind == journey.CutOver {
		return a.relocating(w, o)
	}
	at := placing{func(ctx context.Context) (journey.Target, error) {
		return a.target(ctx, w.Run.Expansion, w.Step.Environment, w.Course.In(w.Step.Environment), o, true)
	}}
	switch w.Step.Kind {
	case journey.Switch:
		return switching{a, at}, nil
	case journey.Deploy:
		return delivering{a, at}, nil
	}
	return at, nil
}

// placing puts a step's files in place at a target.
type placing struct {
	open func(context.Context) (journey.Target, error)
}

func (p placing) at(ctx context.Context, do func(journey.Target) error) error {
	t, err := p.open(ctx)
	if err != nil {
		return err
	}
	return errors.Join(do(t), t.Close())
}

// Preview says what a step would change.
func (p placing) Preview(ctx context.Context, w journey.Work) (changes []journey.Change, err error) {
	err = p.at(ctx, func(t journey.Target) (err error) {
		changes, err = t.Preview(ctx, w.Files)
		return err
	})
	return changes, err
}

// Do puts a step's files in place, or takes away what it is to take away.
func (p placing) Do(ctx context.Context, w journey.Work, tell journey.Tell) (changes []journey.Change, err error) {
	err = p.at(ctx, func(t journey.Target) (err error) {
		if w.Step.Kind == journey.Removal {
			changes, err = t.Remove(ctx, func(path string) bool { return !slices.Contains(w.Step.Gone, path) }, tell)
			return err
		}
		changes, err = t.Apply(ctx, w.Step, w.Files, tell)
		return err
	})
	return changes, err
}

// Verify waits until what was put in place works.
func (p placing) Verify(ctx context.Context, w journey.Work, tell journey.Tell) error {
	if w.Step.Kind == journey.Removal {
		return nil
	}
	return p.at(ctx, func(t journey.Target) error { return t.Verify(ctx, w.Step, tell) })
}

// Undo takes away what a step put in place or was to take away.
func (p placing) Undo(ctx context.Context, w journey.Work, tell journey.Tell) (changes []journey.Change, err error) {
	err = p.at(ctx, func(t journey.Target) (err error) {
		changes, err = t.Remove(ctx, func(path string) bool { return !touches(w.Step, path) }, tell)
		return err
	})
	return changes, err
}

// addressing makes the ranges of an environment live.
type addressing struct{ *App }

// holds reports whether a range is an environment's, or part of one of its ranges.
func holds(holder, name string, env estate.EnvironmentName) bool {
	below := expansion.Holder(name, env, "")
	return holder == strings.TrimSuffix(below, "/") || strings.HasPrefix(holder, below)
}

// Preview says which ranges would become live.
func (a addressing) Preview(ctx context.Context, w journey.Work) ([]journey.Change, error) {
	planned, err := a.planned(ctx, w)
	out := make([]journey.Change, len(planned))
	for i, h := range planned {
		out[i] = journey.Change{Path: h, What: journey.Created}
	}
	return out, err
}

// planned are the holders of the environment's ranges, and of the range they are all a part of.
func (a addressing) planned(ctx context.Context, w journey.Work) ([]string, error) {
	var c course
	err := a.store.Course(ctx, w.Run.Journey, &c)
	var out []string
	for _, l := range c.Proposal.Addresses {
		if l.Holder == w.Run.Expansion || holds(l.Holder, w.Run.Expansion, w.Step.Environment) {
			out = append(out, l.Holder)
		}
	}
	return out, err
}

// Do makes the ranges that the plan reserved live.
func (a addressing) Do(ctx context.Context, w journey.Work, _ journey.Tell) ([]journey.Change, error) {
	planned, err := a.planned(ctx, w)
	if err != nil {
		return nil, err
	}
	return nil, a.store.MakeLive(ctx, planned, a.noteOf(w))
}

// Verify has nothing to wait for.
func (a addressing) Verify(context.Context, journey.Work, journey.Tell) error { return nil }

// Undo gives the ranges of an environment back, and with the last of them what held them all.
func (a addressing) Undo(ctx context.Context, w journey.Work, tell journey.Tell) ([]journey.Change, error) {
	var changes []journey.Change
	for _, holder := range []string{strings.TrimSuffix(expansion.Holder(w.Run.Expansion, w.Step.Environment, ""), "/"), w.Run.Expansion} {
		if holder == w.Run.Expansion && a.othersHold(ctx, w) {
			break
		}
		given, err := a.store.Release(ctx, holder, a.now().Add(quarantine), a.noteOf(w))
		if err != nil && fault.KindOf(err) != fault.NotFound { // it had none
			return changes, err
		}
		for _, l := range given {
			tell(l.Prefix.String() + " of " + l.Holder + " is given back")
			changes = append(changes, journey.Change{Path: l.Holder, What: journey.Removed})
		}
	}
	return changes, nil
}

// othersHold reports whether environments that are still to be taken back have ranges of the expansion.
func (a addressing) othersHold(ctx context.Context, w journey.Work) bool {
	leases, err := a.store.Leases(ctx, w.Run.Expansion)
	return err != nil || slices.ContainsFunc(leases, func(l address.Lease) bool {
		return l.State != address.Quarantined && slices.ContainsFunc(w.Course.Journey.Steps, func(s journey.Step) bool {
			return s.Kind == journey.Addresses && s.Environment != w.Step.Environment && holds(l.Holder, w.Run.Expansion, s.Environment)
		})
	})
}

func (a addressing) noteOf(w journey.Work) store.LeaseNote {
	return store.LeaseNote{At: a.now(), By: w.Run.By, Reason: string(w.Run.Way) + " " + w.Run.Expansion}
}

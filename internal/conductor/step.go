package conductor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"example.org/caravan/internal/consent"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/jobs"
	"example.org/caravan/internal/journey"
)

// work does a step that the queue handed out, if it is its turn.
func (c *Conductor) work(ctx context.Context, j jobs.Job) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	e, t := &effort{cancel: cancel}, task{j.Run, j.Step, j.Attempt}
	if !c.take(t, e) {
		return
	}
	defer c.hurry()
	defer c.leave(t)
	var w journey.Work
	err := c.patiently(ctx, func() (err error) {
		w, err = c.begin(ctx, t, e)
		return err
	})
	if err != nil || !e.begun {
		return // it stands in the store why, or it is not its turn
	}
	changes, err := c.do(ctx, w)
	if err != nil && ctx.Err() != nil {
		if !errors.Is(context.Cause(ctx), errCancelled) {
			return // another program, or the next one, does it again
		}
		err = errCancelled
	}
	ctx = context.WithoutCancel(ctx)
	_ = c.patiently(ctx, func() error {
		return c.Store.EndStep(ctx, t.run, t.step, t.attempt, c.worker, c.Now(), brief(changes), err)
	})
}

// take notes that this program does a task; false when it does already.
func (c *Conductor) take(t task, e *effort) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.doing[t] != nil {
		return false
	}
	c.doing[t] = e
	return true
}

func (c *Conductor) leave(t task) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.doing, t)
}

// begin asks whether a task may begin, and notes that it did.
func (c *Conductor) begin(ctx context.Context, t task, e *effort) (journey.Work, error) {
	w, altered, err := c.workOf(ctx, t)
	if err != nil {
		return w, err
	}
	begun, err := c.Store.BeginStep(ctx, t.run, t.step, t.attempt, c.Most, c.worker, c.Now(), c.allow(ctx, w, altered))
	c.mu.Lock()
	defer c.mu.Unlock()
	e.begun = begun
	return w, err
}

// workOf is what a task is about, and whether that was altered since it was planned.
func (c *Conductor) workOf(ctx context.Context, t task) (w journey.Work, altered, err error) {
	r, options, err := c.Store.Run(ctx, t.run)
	if err != nil {
		return w, nil, err
	}
	course, altered, err := c.course(ctx, r)
	if err != nil {
		return w, nil, err
	}
	i := slices.IndexFunc(course.Journey.Steps, func(s journey.Step) bool { return s.ID == t.step })
	if i < 0 {
		return w, nil, fault.Newf(fault.Internal, "run %s has no step %s", t.run, t.step)
	}
	s := course.Journey.Steps[i]
	return journey.Work{Run: r, Options: options, Step: s, Files: course.FilesOf(s), Course: course}, altered, nil
}

// allow asks for the whole wave before its first step begins, so that nothing of a wave is touched while somebody is missing, and
// for each step once more when it begins. What was altered since it was planned is not what anybody said yes to. The way back needs nobody's yes.
func (c *Conductor) allow(ctx context.Context, w journey.Work, altered error) func(journey.Run, []consent.GreenLight, []consent.Veto) error {
	return func(r journey.Run, lights []consent.GreenLight, vetoes []consent.Veto) error {
		if r.Way == journey.Back {
			return nil
		}
		if altered != nil {
			return altered
		}
		steps := []journey.Step{w.Step}
		if r.Opens(w.Step.ID) {
			steps = slices.DeleteFunc(slices.Clone(w.Course.Journey.Steps), func(s journey.Step) bool { return s.Wave != w.Step.Wave })
		}
		return c.Allow(ctx, r, steps, lights, vetoes)
	}
}

// do does a step and verifies it, or undoes it.
func (c *Conductor) do(ctx context.Context, w journey.Work) (changes []journey.Change, err error) {
	tell, told := c.teller(ctx, w)
	defer told()
	defer func() {
		if v := recover(); v != nil {
			err = fault.Newf(fault.Internal, "a defect: %v; please report it", v)
		}
	}()
	act, err := c.Act(w)
	if err != nil {
		return nil, err
	}
	if w.Run.Way == journey.Back {
		return act.Undo(ctx, w, tell)
	}
	changes, err = act.Do(ctx, w, tell)
	if err != nil {
		return changes, err
	}
	return changes, act.Verify(ctx, w, tell)
}

// brief is what is kept of changes.
func brief(changes []journey.Change) []journey.Change {
	out := slices.Clone(changes)
	for i := range out {
		out[i].Diff = ""
	}
	return out
}

const (
	firstPause = 100 * time.Millisecond
	lastPause  = 5 * time.Second
)

// patiently tries again while the store is away.
func (c *Conductor) patiently(ctx context.Context, try func() error) error {
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		err := try()
		if err == nil || fault.KindOf(err) != fault.Unavailable || ctx.Err() != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w (%w)", err, context.Cause(ctx))
		case <-time.After(pause):
		}
	}
}

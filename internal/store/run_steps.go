package store

import (
	"context"
	"database/sql"
	"time"

	"example.org/caravan/internal/consent"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/journey"
)

// Allow is what must be said yes to before a step begins, by all that is known in the transaction in which it does.
type Allow func(journey.Run, []consent.GreenLight, []consent.Veto) error

// BeginStep lets a worker do a step, unless it is not the step's turn any more: the run does not run, the attempt is another, or as
// many as most are being done. What allow says against it stops the run instead, and is returned.
func (s *Store) BeginStep(ctx context.Context, run journey.RunID, step journey.StepID, attempt, most int, worker string, at time.Time, allow Allow) (began bool, err error) {
	var refused error
	err = s.change(ctx, "begin a step in", func(c *changing) error {
		r, err := c.run(run)
		if err != nil {
			return err
		}
		if began = has(r, journey.StepRun{Step: step, State: journey.Doing, Attempt: attempt, Worker: worker}); began {
			return nil // the worker was told so, and the answer got lost
		}
		if r.State != journey.Running || r.Count(journey.Doing) >= most || !has(r, journey.StepRun{Step: step, State: journey.Waiting, Attempt: attempt}) {
			return nil
		}
		if refused, err = c.allowed(r, allow); err != nil {
			return err
		}
		if refused != nil {
			return c.turn(run, []journey.RunState{journey.Running}, journey.Stopped, Cause{refused.Error(), fault.KindOf(refused).String()},
				Entry{At: at, By: r.By, What: string(r.Way) + " stopped", Why: refused.Error()})
		}
		began = true
		if err := c.exec(`UPDATE run_steps SET state = 'doing', worker = $1, began = $2, ended = NULL WHERE run = $3 AND step = $4`, worker, at.UnixMicro(), string(run), text(string(step))); err != nil {
			return err
		}
		return c.stepNote(r, step, "began", at, "")
	})
	if err != nil {
		return false, err
	}
	return began, refused
}

func (c *changing) run(id journey.RunID) (journey.Run, error) {
	found, err := c.runs(`WHERE id = $1`, string(id))
	if err != nil || len(found) == 0 {
		return journey.Run{}, err
	}
	return found[0], nil
}

// has reports whether a step stands like that.
func has(r journey.Run, like journey.StepRun) bool {
	for _, s := range r.Steps {
		if s.Step == like.Step {
			return s.State == like.State && s.Attempt == like.Attempt && s.Worker == like.Worker
		}
	}
	return false
}

// allowed asks, with what stands now.
func (c *changing) allowed(r journey.Run, allow Allow) (refused, err error) {
	lights, err := c.lights(r.Expansion)
	if err != nil {
		return nil, err
	}
	against, err := vetoes(c.ctx, c.tx, r.Expansion)
	if err != nil {
		return nil, err
	}
	return allow(r, lights, against), nil
}

func (c *changing) stepNote(r journey.Run, step journey.StepID, what string, at time.Time, why string) error {
	e := Entry{At: at, By: r.By, What: string(r.Way) + ": step " + what, Expansion: r.Expansion, Subject: string(step), Why: why}
	for _, s := range r.Steps {
		if s.Step == step {
			e.Digest = s.Digest
		}
	}
	return c.note(e)
}

// EndStep says how a step that the worker did has ended: done, or failed with a cause, which stops the run. The run is finished with its last
// step. Not when the step is not the worker's any more.
func (s *Store) EndStep(ctx context.Context, run journey.RunID, step journey.StepID, attempt int, worker string, at time.Time, changes []journey.Change, failed error) error {
	packed, err := pack(changes)
	if err != nil {
		return err
	}
	return s.change(ctx, "end a step in", func(c *changing) error {
		state, because := journey.Done, Cause{}
		if failed != nil {
			state, because = journey.Failed, Cause{failed.Error(), fault.KindOf(failed).String()}
		}
		n, err := c.count(`UPDATE run_steps SET state = $1, worker = '', ended = $2, error = $3, kind = $4, changes = $5 WHERE run = $6 AND step = $7 AND attempt = $8 AND worker = $9 AND state = 'doing'`,
			string(state), at.UnixMicro(), text(because.Reason), because.Kind, packed, string(run), text(string(step)), attempt, worker)
		if err != nil || n == 0 {
			return err
		}
		r, err := c.run(run)
		if err != nil {
			return err
		}
		if err := c.stepNote(r, step, string(state), at, because.Reason); err != nil {
			return err
		}
		return c.settle(r, step, because, at)
	})
}

// settle finishes a run with its last step, or stops it at a failure.
func (c *changing) settle(r journey.Run, step journey.StepID, because Cause, at time.Time) error {
	switch {
	case r.State == journey.Cancelled:
		return nil
	case because.Reason != "" && r.State != journey.Stopped:
		because.Reason = string(step) + ": " + because.Reason
		return c.turn(r.ID, []journey.RunState{r.State}, journey.Stopped, because, Entry{At: at, By: r.By, What: string(r.Way) + " stopped", Why: because.Reason})
	case r.Over():
		return c.turn(r.ID, []journey.RunState{r.State}, journey.Finished, Cause{}, Entry{At: at, By: r.By, What: string(r.Way) + " finished"})
	}
	return nil
}

// Beat says that a worker is alive, and gives all workers with how long ago each was seen, by the clock of the database.
func (s *Store) Beat(ctx context.Context, worker string) (map[string]time.Duration, error) {
	out := map[string]time.Duration{}
	err := s.change(ctx, "say to be alive in", func(c *changing) error {
		if err := c.exec(`INSERT INTO workers (name, seen) VALUES ($1, `+s.dialect.now+`) ON CONFLICT (name) DO UPDATE SET seen = excluded.seen`, worker); err != nil {
			return err
		}
		return c.each(`SELECT name, `+s.dialect.now+` - seen FROM workers`, nil, func(row *sql.Rows) error {
			var name string
			var ago int64
			err := row.Scan(&name, &ago)
			out[name] = time.Duration(ago) * time.Microsecond
			return err
		})
	})
	return out, err
}

// Bury lets others do what a worker that is dead was doing, and forgets it. How many steps that were is returned.
func (s *Store) Bury(ctx context.Context, worker string, at time.Time) (int, error) {
	interrupted := 0
	err := s.change(ctx, "take over from a worker in", func(c *changing) error {
		found, err := c.runs(`WHERE id IN (SELECT run FROM run_steps WHERE worker = $1)`, worker)
		if err != nil {
			return err
		}
		for _, r := range found {
			for _, st := range r.Steps {
				if st.Worker != worker {
					continue
				}
				interrupted++
				if err := c.stepNote(r, st.Step, "interrupted", at, "the program that did it is gone; it is done again"); err != nil {
					return err
				}
			}
		}
		if err := c.exec(`UPDATE run_steps SET state = 'waiting', worker = '', attempt = attempt + 1 WHERE worker = $1`, worker); err != nil {
			return err
		}
		return c.exec(`DELETE FROM workers WHERE name = $1`, worker)
	})
	return interrupted, err
}

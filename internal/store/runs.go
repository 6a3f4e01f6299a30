package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/journey"
)

// KeepCourse keeps what is to be carried out, by the digest of its journey.
func (s *Store) KeepCourse(ctx context.Context, expansion string, digest estate.Digest, course any) error {
	if !digestForm.MatchString(string(digest)) {
		return fault.Newf(fault.Invalid, "keep a course: its journey has no digest")
	}
	packed, err := pack(course)
	if err != nil {
		return err
	}
	_, err = s.db.ExecContext(ctx, `INSERT INTO courses (digest, expansion, course) VALUES ($1, $2, $3) ON CONFLICT (digest) DO UPDATE SET course = excluded.course`,
		string(digest), text(expansion), packed)
	return s.explain("keep a course in", err)
}

// Course reads what was kept by the digest of its journey.
func (s *Store) Course(ctx context.Context, digest estate.Digest, into any) error {
	var packed []byte
	err := s.db.QueryRowContext(ctx, `SELECT course FROM courses WHERE digest = $1`, string(digest)).Scan(&packed)
	if errors.Is(err, sql.ErrNoRows) {
		return fault.Newf(fault.NotFound, "no journey %s is kept; run caravan move again", digest)
	}
	if err != nil {
		return s.explain("read a course from", err)
	}
	if err := unpack(packed, into); err != nil {
		return fault.Newf(fault.Invalid, "store %s: the course of journey %s is damaged; restore the database", s.where, digest)
	}
	return nil
}

// StartRun begins a run, and gives it its id, such as "indonesia-3". Options are the caller's own. Conflict while another run of the
// expansion is open.
func (s *Store) StartRun(ctx context.Context, r journey.Run, options string) (journey.Run, error) {
	err := s.change(ctx, "start a run in", func(c *changing) error {
		open, err := c.runs(`WHERE expansion = $1 AND state IN ('running', 'paused', 'stopped')`, text(r.Expansion))
		if err != nil {
			return err
		}
		if len(open) > 0 {
			return fault.Newf(fault.Conflict, "%s of %s is %s already; let it go on with caravan move, or end it with caravan cancel %s", open[0].Way, r.Expansion, open[0].State, r.Expansion)
		}
		if n, err := doing(ctx, c.tx, r.Expansion); err != nil || n > 0 {
			return cmp.Or(err, fault.Newf(fault.Conflict, "%d steps of %s are still being broken off; try again in a moment", n, r.Expansion))
		}
		var earlier, last int64
		if err := c.tx.QueryRowContext(ctx, `SELECT coalesce(sum(CASE WHEN expansion = $1 THEN 1 ELSE 0 END), 0), coalesce(max(seq), 0) FROM runs`, text(r.Expansion)).Scan(&earlier, &last); err != nil {
			return err
		}
		r.ID = journey.RunID(fmt.Sprintf("%s-%d", r.Expansion, earlier+1))
		if err := c.insertRun(r, last+1, options); err != nil {
			return err
		}
		return c.note(Entry{At: r.Started, By: r.By, What: string(r.Way) + " started", Expansion: r.Expansion, Subject: string(r.ID), Why: r.Why, Digest: r.Journey})
	})
	return r, err
}

// Doing is how many steps of an expansion are being done, those of runs that were cancelled and are being broken off too.
func (s *Store) Doing(ctx context.Context, expansion string) (int, error) {
	n, err := doing(ctx, s.db, expansion)
	return n, s.explain("count the steps in", err)
}

func doing(ctx context.Context, in querier, expansion string) (n int, err error) {
	err = eachOf(ctx, in, `SELECT count(*) FROM run_steps s JOIN runs r ON r.id = s.run WHERE s.state = 'doing' AND r.expansion = $1`, []any{text(expansion)}, func(row *sql.Rows) error {
		return row.Scan(&n)
	})
	return n, err
}

func (c *changing) insertRun(r journey.Run, seq int64, options string) error {
	err := c.exec(`INSERT INTO runs (id, seq, expansion, way, course, state, author, why, reason, kind, started, options) VALUES ($1, $2, $3, $4, $5, 'running', $6, $7, '', '', $8, $9)`,
		string(r.ID), seq, text(r.Expansion), string(r.Way), string(r.Journey), text(r.By), text(r.Why), r.Started.UnixMicro(), options)
	for i, step := range r.Steps {
		if err != nil {
			return err
		}
		err = c.exec(`INSERT INTO run_steps (run, place, step, digest, wave, state, attempt, worker, error, kind) VALUES ($1, $2, $3, $4, $5, $6, 1, '', '', '')`,
			string(r.ID), i, text(string(step.Step)), string(step.Digest), step.Wave, string(cmp.Or(step.State, journey.Waiting)))
	}
	return err
}

// Run is a run with its steps, and its options. NotFound when there is none of the id.
func (s *Store) Run(ctx context.Context, id journey.RunID) (journey.Run, string, error) {
	found, options, err := runsOf(ctx, s.db, `WHERE id = $1`, true, string(id))
	if err != nil {
		return journey.Run{}, "", s.explain("read a run from", err)
	}
	if len(found) == 0 {
		return journey.Run{}, "", fault.Newf(fault.NotFound, "no run %q; run caravan status to see those there are", id)
	}
	return found[0], options[0], nil
}

// Runs are the runs of an expansion without their steps, last first. A limit of 0 means 100.
func (s *Store) Runs(ctx context.Context, expansion string, limit int) ([]journey.Run, error) {
	found, _, err := runsOf(ctx, s.db, `WHERE expansion = $1 ORDER BY seq DESC LIMIT $2`, false, text(expansion), atMost(limit))
	return found, s.explain("list the runs in", err)
}

// OpenRuns are the runs of all expansions that may go on, with their steps, in the order they began.
func (s *Store) OpenRuns(ctx context.Context) ([]journey.Run, error) {
	found, _, err := runsOf(ctx, s.db, `WHERE state IN ('running', 'paused', 'stopped') ORDER BY seq`, true)
	return found, s.explain("list the runs in", err)
}

func (c *changing) runs(where string, args ...any) ([]journey.Run, error) {
	found, _, err := runsOf(c.ctx, c.tx, where, true, args...)
	return found, err
}

func runsOf(ctx context.Context, in querier, where string, steps bool, args ...any) (out []journey.Run, options []string, err error) {
	err = eachOf(ctx, in, `SELECT id, expansion, way, course, state, author, why, reason, kind, started, ended, options FROM runs `+where, args, func(row *sql.Rows) error {
		var r journey.Run
		var started, ended sql.NullInt64
		var own string
		err := row.Scan(&r.ID, &r.Expansion, &r.Way, &r.Journey, &r.State, &r.By, &r.Why, &r.Reason, &r.Kind, &started, &ended, &own)
		r.Started, r.Ended = moment(started), moment(ended)
		out, options = append(out, r), append(options, own)
		return err
	})
	for i := range out {
		if err != nil || !steps {
			break
		}
		out[i].Steps, err = stepsOf(ctx, in, out[i].ID)
	}
	return out, options, err
}

func stepsOf(ctx context.Context, in querier, run journey.RunID) ([]journey.StepRun, error) {
	var out []journey.StepRun
	err := eachOf(ctx, in, `SELECT step, digest, wave, state, attempt, worker, began, ended, error, kind, changes FROM run_steps WHERE run = $1 ORDER BY place`, []any{string(run)}, func(row *sql.Rows) error {
		var st journey.StepRun
		var began, ended sql.NullInt64
		var packed []byte
		err := row.Scan(&st.Step, &st.Digest, &st.Wave, &st.State, &st.Attempt, &st.Worker, &began, &ended, &st.Error, &st.Kind, &packed)
		if err == nil && packed != nil {
			err = unpack(packed, &st.Changes)
		}
		st.Began, st.Ended = moment(began), moment(ended)
		out = append(out, st)
		return err
	})
	return out, err
}

// Turn changes how a run stands: from one of some states to another, with a line in the audit. Going on lets failed steps be done
// again. Conflict when it stands otherwise.
func (s *Store) Turn(ctx context.Context, id journey.RunID, from []journey.RunState, to journey.RunState, because Cause, e Entry) error {
	return s.change(ctx, "change a run in", func(c *changing) error { return c.turn(id, from, to, because, e) })
}

// Cause is why a run stopped.
type Cause struct{ Reason, Kind string }

func (c *changing) turn(id journey.RunID, from []journey.RunState, to journey.RunState, because Cause, e Entry) error {
	found, err := c.runs(`WHERE id = $1`, string(id))
	if err != nil {
		return err
	}
	if len(found) == 0 {
		return fault.Newf(fault.NotFound, "no run %q", id)
	}
	r := found[0]
	if !slices.Contains(from, r.State) {
		return fault.Newf(fault.Conflict, "%s of %s is %s; run caravan status %s to see how it stands", r.Way, r.Expansion, r.State, r.Expansion)
	}
	var ended time.Time
	if !to.Open() {
		ended = e.At
	}
	if err := c.exec(`UPDATE runs SET state = $1, reason = $2, kind = $3, ended = $4 WHERE id = $5`, string(to), text(because.Reason), because.Kind, micro(ended), string(id)); err != nil {
		return err
	}
	if to == journey.Running {
		if err := c.exec(`UPDATE run_steps SET state = 'waiting', attempt = attempt + 1, began = NULL, ended = NULL, error = '', kind = '' WHERE run = $1 AND state = 'failed'`, string(id)); err != nil {
			return err
		}
	}
	e.Expansion, e.Subject, e.Digest = r.Expansion, string(id), r.Journey
	return c.note(e)
}

// Line is one thing a step said of itself.
type Line struct {
	ID   int64          `json:"id"`
	Step journey.StepID `json:"step"`
	At   time.Time      `json:"at"`
	Text string         `json:"text"`
}

// Say keeps lines of a run. Their ids are given to them.
func (s *Store) Say(ctx context.Context, run journey.RunID, lines []Line) error {
	return s.change(ctx, "keep lines in", func(c *changing) error {
		for _, l := range lines {
			if err := c.exec(`INSERT INTO run_lines (run, step, at, line) VALUES ($1, $2, $3, $4)`, string(run), text(string(l.Step)), l.At.UnixMicro(), text(l.Text)); err != nil {
				return err
			}
		}
		return nil
	})
}

// Lines are those of a run that come after the one with an id, in their order; of one step unless it is "". A limit of 0 means 100.
func (s *Store) Lines(ctx context.Context, run journey.RunID, step journey.StepID, after int64, limit int) ([]Line, error) {
	query, args := `SELECT id, step, at, line FROM run_lines WHERE run = $1 AND id > $2`, []any{string(run), after, atMost(limit)}
	if step != "" {
		query, args = query+` AND step = $4`, append(args, text(string(step)))
	}
	var out []Line
	err := s.each(ctx, query+` ORDER BY id LIMIT $3`, args, func(row *sql.Rows) error {
		var l Line
		var at sql.NullInt64
		err := row.Scan(&l.ID, &l.Step, &at, &l.Text)
		l.At = moment(at)
		out = append(out, l)
		return err
	})
	return out, s.explain("read the lines of", err)
}

// LastLines are the last of a run, in their order.
func (s *Store) LastLines(ctx context.Context, run journey.RunID, limit int) ([]Line, error) {
	var last int64
	err := s.db.QueryRowContext(ctx, `SELECT coalesce(min(id), 1) FROM (SELECT id FROM run_lines WHERE run = $1 ORDER BY id DESC LIMIT $2) AS latest`, string(run), atMost(limit)).Scan(&last)
	if err != nil {
		return nil, s.explain("read the lines of", err)
	}
	return s.Lines(ctx, run, "", last-1, limit)
}

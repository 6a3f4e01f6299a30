package store

import (
	"context"
	"database/sql"
	"time"

	"example.org/caravan/internal/drift"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
)

// DriftLook is when an environment was looked at, and what ran there.
type DriftLook struct {
	drift.Look
	Running []drift.Running `json:"running,omitempty"`
}

// driftKept is how long what is mended is kept.
const driftKept = 90 * 24 * time.Hour

// KeepDrift keeps what a look found: new differences, those seen again, and those that are mended. A look that failed leaves what ran there as
// it was seen before.
func (s *Store) KeepDrift(ctx context.Context, found []drift.Difference, looks []DriftLook, now time.Time) error {
	return s.change(ctx, "keep drift in", func(c *changing) error {
		known, err := c.drift(``)
		if err != nil {
			return err
		}
		bare := make([]drift.Look, len(looks))
		for i, l := range looks {
			bare[i] = l.Look
			if err := c.keepLook(l); err != nil {
				return err
			}
		}
		for _, r := range drift.Remember(known, found, bare, now) {
			if err := c.keepRecord(r); err != nil {
				return err
			}
		}
		return c.exec(`DELETE FROM drift WHERE mended < $1`, now.Add(-driftKept).UnixMicro())
	})
}

func (c *changing) keepRecord(r drift.Record) error {
	packed, err := pack(r)
	if err != nil {
		return err
	}
	return c.exec(`INSERT INTO drift (id, last, mended, told, record) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (id) DO UPDATE SET last = excluded.last, mended = excluded.mended, told = excluded.told, record = excluded.record`,
		string(r.ID), r.Last.UnixMicro(), micro(r.Mended), micro(r.Told), packed)
}

func (c *changing) keepLook(l DriftLook) error {
	if l.Failed != "" && !l.Partly {
		known, err := looksOf(c.ctx, c.tx, ` WHERE environment = $1`, text(string(l.Environment)))
		if err != nil {
			return err
		}
		for _, k := range known {
			l.Running, l.At = k.Running, k.At
		}
	}
	packed, err := pack(l)
	if err != nil {
		return err
	}
	return c.exec(`INSERT INTO drift_looks (environment, at, look) VALUES ($1, $2, $3) ON CONFLICT (environment) DO UPDATE SET at = excluded.at, look = excluded.look`,
		text(string(l.Environment)), l.At.UnixMicro(), packed)
}

// ForgetDriftLooks forgets environments that are no longer looked at, and what was found there.
func (s *Store) ForgetDriftLooks(ctx context.Context, keep func(estate.EnvironmentName) bool) error {
	return s.change(ctx, "forget drift in", func(c *changing) error {
		looks, err := looksOf(ctx, c.tx, ``)
		if err != nil {
			return err
		}
		known, err := c.drift(``)
		if err != nil {
			return err
		}
		for _, r := range known {
			if !keep(r.Environment) {
				if err := c.exec(`DELETE FROM drift WHERE id = $1`, string(r.ID)); err != nil {
					return err
				}
			}
		}
		for _, l := range looks {
			if !keep(l.Environment) {
				if err := c.exec(`DELETE FROM drift_looks WHERE environment = $1`, text(string(l.Environment))); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// Drift is what is known of differences: those that are open, and when environments were last looked at.
func (s *Store) Drift(ctx context.Context) (records []drift.Record, looks []DriftLook, exceptions []drift.Exception, err error) {
	err = s.transact(ctx, func(c *changing) (err error) {
		if records, err = c.drift(` WHERE mended IS NULL`); err != nil {
			return err
		}
		if looks, err = looksOf(ctx, c.tx, ``); err != nil {
			return err
		}
		return c.each(`SELECT id, content, person, why, at, until FROM drift_exceptions ORDER BY id`, nil, func(row *sql.Rows) error {
			var e drift.Exception
			var at, until int64
			err := row.Scan(&e.ID, &e.Content, &e.By, &e.Why, &at, &until)
			e.At, e.Until = time.UnixMicro(at).UTC(), time.UnixMicro(until).UTC()
			exceptions = append(exceptions, e)
			return err
		})
	})
	return records, looks, exceptions, s.explain("read drift from", err)
}

func (c *changing) drift(where string) ([]drift.Record, error) {
	var out []drift.Record
	err := c.each(`SELECT id, record, told FROM drift`+where+` ORDER BY id`, nil, func(row *sql.Rows) error {
		var packed []byte
		var id string
		var told sql.NullInt64
		if err := row.Scan(&id, &packed, &told); err != nil {
			return err
		}
		var r drift.Record
		if err := unpack(packed, &r); err != nil {
			return fault.Newf(fault.Invalid, "store %s: difference %s is damaged; restore the database", c.s.where, id)
		}
		r.Told = time.Time{}
		if told.Valid {
			r.Told = time.UnixMicro(told.Int64).UTC()
		}
		out = append(out, r)
		return nil
	})
	return out, err
}

func looksOf(ctx context.Context, in querier, where string, args ...any) ([]DriftLook, error) {
	var out []DriftLook
	err := eachOf(ctx, in, `SELECT look FROM drift_looks`+where+` ORDER BY environment`, args, func(row *sql.Rows) error {
		var packed []byte
		if err := row.Scan(&packed); err != nil {
			return err
		}
		var l DriftLook
		if err := unpack(packed, &l); err != nil {
			return fault.Newf(fault.Invalid, "a look at an environment is damaged; run caravan drift --live")
		}
		out = append(out, l)
		return nil
	})
	return out, err
}

// AcceptDrift keeps that somebody accepts a difference until a date, in the place of what was accepted of it before, with a line in the audit.
func (s *Store) AcceptDrift(ctx context.Context, e drift.Exception, what string) error {
	if e.By == "" || e.Why == "" || e.Until.IsZero() || e.At.IsZero() {
		return fault.Newf(fault.Invalid, "accept a difference: say who does, why and until when")
	}
	return s.change(ctx, "keep an exception in", func(c *changing) error {
		err := c.exec(`INSERT INTO drift_exceptions (id, content, person, why, at, until) VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (id) DO UPDATE SET content = excluded.content, person = excluded.person, why = excluded.why, at = excluded.at, until = excluded.until`,
			string(e.ID), string(e.Content), text(e.By), text(e.Why), e.At.UnixMicro(), e.Until.UnixMicro())
		if err != nil {
			return err
		}
		return c.note(Entry{At: e.At, By: e.By, What: "accepted a difference until " + e.Until.UTC().Format(time.DateOnly), Subject: what, Why: e.Why, Digest: e.Content})
	})
}

// ToldDrift keeps that teams were told of differences.
func (s *Store) ToldDrift(ctx context.Context, ids []drift.ID, at time.Time) error {
	return s.change(ctx, "keep in", func(c *changing) error {
		for _, id := range ids {
			if err := c.exec(`UPDATE drift SET told = $1 WHERE id = $2`, at.UnixMicro(), string(id)); err != nil {
				return err
			}
		}
		return nil
	})
}

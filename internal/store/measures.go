package store

import (
	"context"
	"database/sql"
	"time"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/standby"
)

// MeasuresKept is how long it is kept how instances stood and what befell them.
const MeasuresKept = 30 * 24 * time.Hour

// Seen is what was last seen of a datastore; the zero value when it was never looked at.
func (s *Store) Seen(ctx context.Context, datastore estate.ServiceName, env estate.EnvironmentName) (standby.Seen, error) {
	var out standby.Seen
	err := s.each(ctx, `SELECT seen FROM last_seen WHERE datastore = $1 AND environment = $2`, []any{text(string(datastore)), text(string(env))}, func(row *sql.Rows) error {
		var packed []byte
		if err := row.Scan(&packed); err != nil {
			return err
		}
		return unpack(packed, &out)
	})
	return out, s.explain("read what was last seen in", err)
}

// KeepLook keeps what one look at a datastore found, and adds it to what others found in the same hour. What befell an instance is kept once, however often
// it is told.
func (s *Store) KeepLook(ctx context.Context, datastore estate.ServiceName, env estate.EnvironmentName, at time.Time, seen standby.Seen, befell []standby.Incident, looks []standby.Look) error {
	return s.change(ctx, "keep a look at a datastore in", func(c *changing) error {
		packed, err := pack(seen)
		if err != nil {
			return err
		}
		name, place := text(string(datastore)), text(string(env))
		if err := c.exec(`INSERT INTO last_seen (datastore, environment, seen) VALUES ($1, $2, $3)
			ON CONFLICT (datastore, environment) DO UPDATE SET seen = excluded.seen`, name, place, packed); err != nil {
			return err
		}
		for _, x := range befell {
			if err := c.exec(`INSERT INTO incidents (datastore, environment, what, id, member, at) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING`,
				name, place, string(x.What), text(x.ID), text(x.Member), x.At.UnixMicro()); err != nil {
				return err
			}
		}
		for _, l := range looks {
			if err := c.exec(`INSERT INTO looks (datastore, environment, member, hour, looks, followed, late, blocks, took, cached) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
				ON CONFLICT (datastore, environment, hour, member) DO UPDATE SET looks = looks.looks + excluded.looks, followed = looks.followed + excluded.followed,
				late = looks.late + excluded.late, blocks = looks.blocks + excluded.blocks, took = looks.took + excluded.took, cached = looks.cached + excluded.cached`,
				name, place, text(l.Member), l.Hour.UnixMicro(), l.Looks, l.Followed, l.Late, l.Blocks, int64(l.Took), l.Cached); err != nil {
				return err
			}
		}
		for _, old := range []string{`DELETE FROM looks WHERE hour < $1`, `DELETE FROM incidents WHERE at < $1`} {
			if err := c.exec(old, at.Add(-MeasuresKept).UnixMicro()); err != nil {
				return err
			}
		}
		return nil
	})
}

// Looks lists how the instances of a datastore stood hour by hour, the first first.
func (s *Store) Looks(ctx context.Context, datastore estate.ServiceName, env estate.EnvironmentName) ([]standby.Look, error) {
	var out []standby.Look
	err := s.each(ctx, `SELECT member, hour, looks, followed, late, blocks, took, cached FROM looks WHERE datastore = $1 AND environment = $2 ORDER BY hour, member`,
		[]any{text(string(datastore)), text(string(env))}, func(row *sql.Rows) error {
			var l standby.Look
			var hour, took int64
			err := row.Scan(&l.Member, &hour, &l.Looks, &l.Followed, &l.Late, &l.Blocks, &took, &l.Cached)
			l.Hour, l.Took = time.UnixMicro(hour).UTC(), time.Duration(took)
			out = append(out, l)
			return err
		})
	return out, s.explain("list looks at a datastore in", err)
}

// Incidents lists what befell the instances of a datastore, the first first.
func (s *Store) Incidents(ctx context.Context, datastore estate.ServiceName, env estate.EnvironmentName) ([]standby.Incident, error) {
	var out []standby.Incident
	err := s.each(ctx, `SELECT what, id, member, at FROM incidents WHERE datastore = $1 AND environment = $2 ORDER BY at, what, member, id`,
		[]any{text(string(datastore)), text(string(env))}, func(row *sql.Rows) error {
			var x standby.Incident
			var at int64
			err := row.Scan(&x.What, &x.ID, &x.Member, &at)
			x.At = time.UnixMicro(at).UTC()
			out = append(out, x)
			return err
		})
	return out, s.explain("list what befell a datastore in", err)
}

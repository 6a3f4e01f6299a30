package store

import (
	"context"
	"database/sql"
	"time"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/standby"
)

// warmthKept is how long it is kept how warm instances were.
const warmthKept = 7 * 24 * time.Hour

// KeepTopology keeps who is who in a datastore, and how warm and far behind its standbys were in the minute when it was read.
func (s *Store) KeepTopology(ctx context.Context, t standby.Topology) error {
	return s.change(ctx, "keep a topology in", func(c *changing) error {
		packed, err := pack(t)
		if err != nil {
			return err
		}
		if err := c.exec(`INSERT INTO topologies (datastore, environment, at, topology) VALUES ($1, $2, $3, $4)
			ON CONFLICT (datastore, environment) DO UPDATE SET at = excluded.at, topology = excluded.topology`,
			text(string(t.Datastore)), text(string(t.Environment)), t.At.UnixMicro(), packed); err != nil {
			return err
		}
		for _, m := range t.Standbys() {
			if m.Warmth == nil {
				continue
			}
			if err := c.exec(`INSERT INTO warmth (datastore, environment, member, at, share, lag) VALUES ($1, $2, $3, $4, $5, $6)
				ON CONFLICT (datastore, environment, at, member) DO UPDATE SET share = excluded.share, lag = excluded.lag`,
				text(string(t.Datastore)), text(string(t.Environment)), text(m.Name), m.Warmth.At.Truncate(time.Minute).UnixMicro(), m.Warmth.Share, m.Lag); err != nil {
				return err
			}
		}
		return c.exec(`DELETE FROM warmth WHERE at < $1`, t.At.Add(-warmthKept).UnixMicro())
	})
}

// Topologies are all that are kept, by datastore and environment.
func (s *Store) Topologies(ctx context.Context) ([]standby.Topology, error) {
	var out []standby.Topology
	err := s.each(ctx, `SELECT topology FROM topologies ORDER BY datastore, environment`, nil, func(row *sql.Rows) error {
		var packed []byte
		var t standby.Topology
		if err := row.Scan(&packed); err != nil {
			return err
		}
		err := unpack(packed, &t)
		out = append(out, t)
		return err
	})
	return out, s.explain("list topologies in", err)
}

// ForgetTopologies forgets datastores that are looked at no more.
func (s *Store) ForgetTopologies(ctx context.Context, keep func(estate.ServiceName, estate.EnvironmentName) bool) error {
	known, err := s.Topologies(ctx)
	if err != nil {
		return err
	}
	return s.change(ctx, "forget topologies in", func(c *changing) error {
		for _, t := range known {
			if keep(t.Datastore, t.Environment) {
				continue
			}
			for _, table := range []string{"topologies", "warmth", "last_seen", "looks", "incidents"} {
				if err := c.exec(`DELETE FROM `+table+` WHERE datastore = $1 AND environment = $2`, text(string(t.Datastore)), text(string(t.Environment))); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// Warmth lists how warm the instances of a datastore were since a moment, the first first.
func (s *Store) Warmth(ctx context.Context, datastore estate.ServiceName, env estate.EnvironmentName, since time.Time) ([]standby.Sample, error) {
	var out []standby.Sample
	err := s.each(ctx, `SELECT member, at, share, lag FROM warmth WHERE datastore = $1 AND environment = $2 AND at >= $3 ORDER BY at, member`,
		[]any{text(string(datastore)), text(string(env)), since.UnixMicro()}, func(row *sql.Rows) error {
			var p standby.Sample
			var at int64
			err := row.Scan(&p.Member, &at, &p.Share, &p.Lag)
			p.At = time.UnixMicro(at).UTC()
			out = append(out, p)
			return err
		})
	return out, s.explain("list warmth in", err)
}

// KeepTransfer keeps for good how far a move of a datastore is.
func (s *Store) KeepTransfer(ctx context.Context, name string, state any, at time.Time) error {
	return s.change(ctx, "keep a transfer in", func(c *changing) error {
		packed, err := pack(state)
		if err != nil {
			return err
		}
		return c.exec(`INSERT INTO transfers (name, at, state) VALUES ($1, $2, $3) ON CONFLICT (name) DO UPDATE SET at = excluded.at, state = excluded.state`, text(name), at.UnixMicro(), packed)
	})
}

// Transfer reads how far a move is into a value; false when nothing of it is kept.
func (s *Store) Transfer(ctx context.Context, name string, into any) (bool, error) {
	found := false
	err := s.each(ctx, `SELECT state FROM transfers WHERE name = $1`, []any{text(name)}, func(row *sql.Rows) error {
		var packed []byte
		if err := row.Scan(&packed); err != nil {
			return err
		}
		found = true
		return unpack(packed, into)
	})
	return found, s.explain("read a transfer in", err)
}

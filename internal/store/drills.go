package store

import (
	"context"
	"database/sql"
	"time"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/readiness"
)

// KeepDrill keeps that somebody practised something for a team, with a line in the audit.
func (s *Store) KeepDrill(ctx context.Context, expansion string, d readiness.Drill) error {
	if d.By == "" || d.Team == "" || d.At.IsZero() {
		return fault.Newf(fault.Invalid, "keep a drill: nobody says who did it, for which team and when; give all three")
	}
	return s.change(ctx, "keep a drill in", func(c *changing) error {
		n, err := c.count(`INSERT INTO drills (expansion, service, team, practice, person, at) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING`,
			text(expansion), text(string(d.Service)), text(string(d.Team)), string(d.Practice), text(d.By), d.At.UnixMicro())
		if err != nil || n == 0 {
			return err
		}
		return c.note(Entry{At: d.At, By: d.By, What: "drill of " + string(d.Team) + ": " + string(d.Practice), Expansion: expansion, Subject: string(d.Service)})
	})
}

// Drills are what was practised for an expansion, the first first.
func (s *Store) Drills(ctx context.Context, expansion string) ([]readiness.Drill, error) {
	var out []readiness.Drill
	err := s.each(ctx, `SELECT service, team, practice, person, at FROM drills WHERE expansion = $1 ORDER BY at, service, team, practice, person`, []any{text(expansion)}, func(row *sql.Rows) error {
		var d readiness.Drill
		var at int64
		err := row.Scan(&d.Service, &d.Team, &d.Practice, &d.By, &at)
		d.At = time.UnixMicro(at).UTC()
		out = append(out, d)
		return err
	})
	return out, s.explain("list the drills in", err)
}

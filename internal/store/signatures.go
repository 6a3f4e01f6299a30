package store

import (
	"context"
	"database/sql"
	"time"

	"example.org/caravan/internal/config"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
)

// Sign keeps somebody's word that a difference is meant, with a line in the audit. The same word again changes nothing.
func (s *Store) Sign(ctx context.Context, g config.Signature, expansion string) error {
	if g.By == "" || g.Why == "" || g.At.IsZero() || g.Digest == "" {
		return fault.Newf(fault.Invalid, "sign a difference: nobody says who means which, why and when; give all four")
	}
	return s.change(ctx, "keep a signature in", func(c *changing) error {
		n, err := c.count(`INSERT INTO signatures (service, environment, file, key, digest, person, why, at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING`,
			text(string(g.Service)), text(string(g.Environment)), text(g.File), text(g.Key), string(g.Digest), text(g.By), text(g.Why), g.At.UnixMicro())
		if err != nil || n == 0 {
			return err
		}
		return c.note(Entry{At: g.At, By: g.By, What: "signed a difference", Expansion: expansion, Subject: g.Key, Why: g.Why, Digest: g.Digest})
	})
}

// Signatures are those of a service in an environment, the first first.
func (s *Store) Signatures(ctx context.Context, service estate.ServiceName, env estate.EnvironmentName) ([]config.Signature, error) {
	var out []config.Signature
	err := s.each(ctx, `SELECT file, key, digest, person, why, at FROM signatures WHERE service = $1 AND environment = $2 ORDER BY at, file, key, digest`,
		[]any{text(string(service)), text(string(env))}, func(row *sql.Rows) error {
			g := config.Signature{Service: service, Environment: env}
			var at int64
			err := row.Scan(&g.File, &g.Key, &g.Digest, &g.By, &g.Why, &at)
			g.At = time.UnixMicro(at).UTC()
			out = append(out, g)
			return err
		})
	return out, s.explain("list the signatures in", err)
}

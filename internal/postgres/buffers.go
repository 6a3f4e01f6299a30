package postgres

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"example.org/caravan/internal/standby"
)

// Buffers reads what is in a server's shared buffers and was used at least so much of late; 0 for all of it. The server looks at each of its
// buffers once, and waits for nobody while it does.
func (s *Server) Buffers(ctx context.Context, least uint8) (standby.Buffers, error) {
	out := standby.Buffers{Pages: map[standby.Relation][]standby.Page{}}
	if err := s.conn.QueryRow(ctx, `SELECT setting::int FROM pg_settings WHERE name = 'shared_buffers'`).Scan(&out.Capacity); err != nil {
		return out, s.said(err)
	}
	rows, err := s.conn.Query(ctx, `SELECT space, database, file, fork, numbers, usages FROM caravan_standby.buffers($1)`, int16(least))
	if err != nil {
		return out, s.said(err)
	}
	defer rows.Close()
	var numbers []int64
	var usages []int16
	for rows.Next() {
		var r standby.Relation
		var fork int16
		if err := rows.Scan(&r.Tablespace, &r.Database, &r.File, &fork, &numbers, &usages); err != nil {
			return out, s.said(err)
		}
		r.Fork = uint8(fork) //nolint:gosec // four of them
		pages := pagesOf(numbers, usages)
		out.Pages[r] = pages
		out.Used += len(pages)
	}
	return out, s.said(rows.Err())
}

// pagesOf are the pages of a fork, by number. A block that was moved while the buffers were looked at may come twice.
func pagesOf(numbers []int64, usages []int16) []standby.Page {
	pages := make([]standby.Page, min(len(numbers), len(usages)))
	for i := range pages {
		pages[i] = standby.Page{Number: uint32(numbers[i]), Usage: uint8(usages[i])} //nolint:gosec // block numbers have 32 bits
	}
	slices.SortFunc(pages, func(x, y standby.Page) int { return cmp.Compare(x.Number, y.Number) })
	return slices.CompactFunc(pages, func(x, y standby.Page) bool { return x.Number == y.Number })
}

// What Warm says of a file of which nothing was read.
const (
	Gone     = -1 // none of this database: dropped or rewritten since, or its making was not replayed yet
	Unlogged = -2 // a standby has nothing of it
)

// Warm has blocks of one fork of a file of the database that is connected to read into the server's buffers, and says how many were, or Gone or Unlogged,
// and how long that took by the server's own clock: the way there and back is not in it. Those that are there already count, cost nothing, and are then
// used once more.
func (s *Server) Warm(ctx context.Context, stretches []standby.Stretch) (n int, took time.Duration, err error) {
	if len(stretches) == 0 {
		return 0, 0, nil
	}
	firsts, lasts := make([]int64, len(stretches)), make([]int64, len(stretches))
	for i, x := range stretches {
		firsts[i], lasts[i] = int64(x.First), int64(x.Last)
	}
	r := stretches[0].Relation
	var seconds float64
	// OFFSET 0 has the inner query done, and so both its columns in their order, before the clock is looked at again.
	err = s.conn.QueryRow(ctx, `SELECT n, extract(epoch FROM clock_timestamp() - began)::float8
		FROM (SELECT clock_timestamp() AS began, caravan_standby.warm($1, $2, $3, $4, $5) AS n OFFSET 0) done`, r.Tablespace, r.File, int16(r.Fork), firsts, lasts).Scan(&n, &seconds)
	var pg *pgconn.PgError
	if errors.As(err, &pg) && (pg.Code == recoveryConflict || pg.Code == queryCanceled) {
		return 0, 0, nil // replay needed what we held, and has it
	}
	return n, time.Duration(seconds * float64(time.Second)), s.said(err)
}

// Codes by which a standby says that a query stood in the way of replay.
const (
	recoveryConflict = "40001"
	queryCanceled    = "57014"
)

package store

import (
	"context"
	"database/sql"
	"strings"
	"time"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
)

// How a scan ended.
const (
	Done      = "done"
	Failed    = "failed"
	Cancelled = "cancelled"
)

// Scan is one scan that has ended. Times are UTC, to the microsecond.
type Scan struct {
	ID      string        `json:"id"`
	Started time.Time     `json:"started"`
	Ended   time.Time     `json:"ended"`
	State   string        `json:"state" enum:"done,failed,cancelled"`
	Source  string        `json:"source" doc:"What was scanned, in words."`
	Kind    string        `json:"kind,omitempty" doc:"Kind of fault that ended it."`
	Error   string        `json:"error,omitempty" doc:"Why it is not done."`
	Digest  estate.Digest `json:"digest,omitempty" doc:"Of the graph it made, which an earlier scan may have made too."`
}

// Note writes down a scan that made no graph: one that failed or was cancelled. Save does so for the others.
func (s *Store) Note(ctx context.Context, sc Scan) error {
	if err := checkNote(sc); err != nil {
		return err
	}
	_, err := s.db.ExecContext(ctx, insertScan, scanRow(sc)...)
	return s.explain("note a scan in", err)
}

func checkNote(sc Scan) error {
	if sc.ID == "" || sc.State != Failed && sc.State != Cancelled {
		return fault.Newf(fault.Invalid, "note scan %q: %q is not how a scan without a graph ends; save the graph of one that is done", sc.ID, sc.State)
	}
	return nil
}

const insertScan = `
	INSERT INTO scans (id, started, ended, state, source, kind, error, digest)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`

func scanRow(sc Scan) []any {
	digest := sql.NullString{String: string(sc.Digest), Valid: sc.Digest != ""}
	return []any{sc.ID, sc.Started.UnixMicro(), sc.Ended.UnixMicro(), sc.State, text(sc.Source), sc.Kind, text(sc.Error), digest}
}

// text is what both databases take as text: UTF-8 without zero bytes.
func text(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

// Scans is what was scanned, the last that ended first. A limit of 0 means 100.
func (s *Store) Scans(ctx context.Context, limit int) ([]Scan, error) {
	var out []Scan
	err := s.each(ctx, `SELECT id, started, ended, state, source, kind, error, coalesce(digest, '') FROM scans ORDER BY ended DESC, id LIMIT $1`,
		[]any{atMost(limit)}, func(row *sql.Rows) error {
			var sc Scan
			var started, ended int64
			err := row.Scan(&sc.ID, &started, &ended, &sc.State, &sc.Source, &sc.Kind, &sc.Error, &sc.Digest)
			sc.Started, sc.Ended = time.UnixMicro(started).UTC(), time.UnixMicro(ended).UTC()
			out = append(out, sc)
			return err
		})
	return out, s.explain("list the scans in", err)
}

// atMost is the limit of a list, when none is asked for too.
func atMost(limit int) int {
	if limit <= 0 {
		return 100
	}
	return limit
}

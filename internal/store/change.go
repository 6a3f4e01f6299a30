package store

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// journeys is the lock under which PostgreSQL lets one program at a time change how journeys stand, who agreed, and the audit. Every
// such change is short.
const journeys = 0x6a6f75726e6579

// changing is one transaction.
type changing struct {
	ctx context.Context
	tx  *sql.Tx
	s   *Store
}

// change does one transaction after all earlier ones; on any error nothing is changed.
func (s *Store) change(ctx context.Context, doing string, do func(*changing) error) error {
	if !s.dialect.shared { // waiting here is fair and short, waiting for the file's lock is neither
		s.queue.Lock()
		defer s.queue.Unlock()
	}
	return s.explain(doing, s.transact(ctx, do))
}

func (s *Store) transact(ctx context.Context, do func(*changing) error) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after Commit there is nothing to roll back
	c := &changing{ctx: ctx, tx: tx, s: s}
	if s.dialect.shared {
		if err := c.exec(`SELECT pg_advisory_xact_lock($1)`, int64(journeys)); err != nil {
			return err
		}
	}
	if err := do(c); err != nil {
		return err
	}
	return tx.Commit()
}

func (c *changing) exec(statement string, args ...any) error {
	_, err := c.tx.ExecContext(c.ctx, statement, args...)
	return err
}

// count is how many rows a statement changed.
func (c *changing) count(statement string, args ...any) (int64, error) {
	result, err := c.tx.ExecContext(c.ctx, statement, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

func (c *changing) each(query string, args []any, use func(*sql.Rows) error) error {
	return eachOf(c.ctx, c.tx, query, args, use)
}

// querier is a database or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// eachOf calls use for every row a query finds.
func eachOf(ctx context.Context, in querier, query string, args []any, use func(*sql.Rows) error) (err error) {
	rows, err := in.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := use(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// micro is a moment as the tables have it; a zero one is null.
func micro(at time.Time) any {
	if at.IsZero() {
		return nil
	}
	return at.UnixMicro()
}

// moment is what the tables have as a time; null is a zero one.
func moment(at sql.NullInt64) time.Time {
	if !at.Valid {
		return time.Time{}
	}
	return time.UnixMicro(at.Int64).UTC()
}

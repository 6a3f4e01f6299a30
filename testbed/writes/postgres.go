package writes

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
)

// Table is the table that Postgres writes to.
const Table = "written"

// Postgres is a session with a PostgreSQL.
type Postgres struct{ *pgx.Conn }

// OpenPostgres opens sessions with a PostgreSQL, each with the configuration that is given at that moment.
func OpenPostgres(config func() *pgx.ConnConfig) func(context.Context) (Session, error) {
	return func(ctx context.Context) (Session, error) {
		conn, err := pgx.ConnectConfig(ctx, config())
		if err != nil {
			return nil, err
		}
		return Postgres{conn}, nil
	}
}

// Write inserts a row.
func (p Postgres) Write(ctx context.Context, number int64) error {
	_, err := p.Exec(ctx, "INSERT INTO "+Table+" VALUES ($1)", number)
	return err
}

// Close ends the session, if it is there still.
func (p Postgres) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), Usual)
	defer cancel()
	_ = p.Conn.Close(ctx) // it may be gone already
}

// Prepare makes the table, empty.
func Prepare(ctx context.Context, conn *pgx.Conn) error {
	_, dropped := conn.Exec(ctx, "DROP TABLE IF EXISTS "+Table)
	_, made := conn.Exec(ctx, "CREATE TABLE "+Table+" (number bigint PRIMARY KEY, at timestamptz NOT NULL DEFAULT clock_timestamp())")
	return errors.Join(dropped, made)
}

// Held are the numbers that a PostgreSQL holds.
func Held(ctx context.Context, conn *pgx.Conn) ([]int64, error) {
	rows, err := conn.Query(ctx, "SELECT number FROM "+Table)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[int64])
}

package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"example.org/caravan/internal/fault"
)

//go:embed migrations
var migrations embed.FS

// versions is the table that says which migrations a database has had; a database that has it is Caravan's.
const versions = "caravan_migrations"

// ours are the tables the migrations make.
var ours = []string{"asked", "audit", "audit_end", "backup_drills", "courses", "drift", "drift_exceptions", "drift_looks", "drills", "free_blocks", "green_lights", "heard", "incidents", "last_seen", "lease_changes", "letters", "looks", "messages", "people", "proposals", "ranges", "release_lines", "releases", "run_lines",
	"run_steps", "runs", "scans", "sessions", "signatures", "snapshots", "standings", "taken", "tokens", "topologies", "transfers", "vetoes", "warmth", "workers"}

// dialect is all that differs between the two databases.
type dialect struct {
	name   goose.Dialect
	folder string // of its migrations
	tables string // query that lists the tables where Caravan's would be
	now    string // microseconds since 1970, UTC, by the database's clock
	shared bool   // other programs' tables may stand beside them
}

var (
	sqliteDialect = dialect{name: goose.DialectSQLite3, folder: "migrations/sqlite", now: `CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)`,
		tables: `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'`}
	postgres = dialect{name: goose.DialectPostgres, folder: "migrations/postgres", shared: true, now: `(extract(epoch FROM clock_timestamp()) * 1000000)::bigint`,
		tables: `SELECT tablename FROM pg_tables WHERE schemaname = current_schema()`}
)

// migrate brings the database to this program's schema, or says why it must not be touched.
func (s *Store) migrate(ctx context.Context) error {
	provider, err := s.provider()
	if err != nil {
		return err
	}
	if err := s.recognise(ctx, lastVersion(provider)); err != nil {
		return err
	}
	if err := s.settleFile(ctx); err != nil {
		return err
	}
	// Two programs may open a new SQLite file at once; the one that comes second in a step fails in it and finds
	// it done the next time. PostgreSQL has a lock for this.
	for attempts := len(provider.ListSources()) + 2; attempts > 0; attempts-- {
		if _, err = provider.Up(ctx); err == nil {
			return nil
		}
	}
	return err
}

func (s *Store) provider() (*goose.Provider, error) {
	files, err := fs.Sub(migrations, s.dialect.folder)
	if err != nil {
		return nil, err
	}
	opts := []goose.ProviderOption{goose.WithTableName(versions), goose.WithLogger(goose.NopLogger()), goose.WithDisableGlobalRegistry(true)}
	if s.dialect.shared {
		locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 60))
		if err != nil {
			return nil, err
		}
		opts = append(opts, goose.WithSessionLocker(locker))
	}
	return goose.NewProvider(s.dialect.name, s.db, files, opts...)
}

// lastVersion is the schema this program knows.
func lastVersion(p *goose.Provider) int64 {
	var out int64
	for _, source := range p.ListSources() {
		out = max(out, source.Version)
	}
	return out
}

// recognise makes sure that the database is empty or Caravan's, and not a newer Caravan's.
func (s *Store) recognise(ctx context.Context, known int64) error {
	tables, err := s.tables(ctx)
	if err != nil {
		return err
	}
	if !slices.Contains(tables, versions) {
		taken := slices.ContainsFunc(tables, func(name string) bool { return !s.dialect.shared || slices.Contains(ours, name) })
		if !taken {
			return nil
		}
		return fault.Newf(fault.Conflict, "store %s: another program's database; name one that is empty or Caravan's", s.where)
	}
	var found int64
	if err := s.db.QueryRowContext(ctx, `SELECT coalesce(max(version_id), 0) FROM `+versions).Scan(&found); err != nil {
		return err
	}
	if found > known {
		return fault.Newf(fault.Conflict, "store %s: written by a newer Caravan (schema %d, this one knows %d); update Caravan, or name another database", s.where, found, known)
	}
	return nil
}

func (s *Store) tables(ctx context.Context) ([]string, error) {
	var out []string
	err := s.each(ctx, s.dialect.tables, nil, func(row *sql.Rows) error {
		out = append(out, "")
		return row.Scan(&out[len(out)-1])
	})
	return out, err
}

// settleFile sets what an SQLite file keeps for good, once it is known to be Caravan's.
func (s *Store) settleFile(ctx context.Context) error {
	if s.dialect.name != goose.DialectSQLite3 {
		return nil
	}
	if err := os.Chmod(s.where, 0o600); err != nil {
		return fmt.Errorf("keep it from others: %w", err)
	}
	// Of two programs that open a new file at once, SQLite turns one away without letting it wait.
	const attempts, pause = 100, 10 * time.Millisecond
	for attempt := 1; ; attempt++ {
		var mode string
		err := s.db.QueryRowContext(ctx, `PRAGMA journal_mode = wal`).Scan(&mode)
		var file *sqlite.Error
		if !errors.As(err, &file) || file.Code()&0xff != sqlite3.SQLITE_BUSY || attempt == attempts {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

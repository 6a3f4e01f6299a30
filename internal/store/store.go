// Package store keeps what happened: the snapshots of an estate by digest, with when each was seen, how scans ended, the
// proposals that were made, and who holds which range of addresses (leases), since when and why. It writes them to an
// SQLite file by default and to PostgreSQL when given one, with the same SQL and the same promises; Memory makes them too,
// for as long as the program runs.
//
// It makes no snapshots and compares none, and it has no clock: times come in as values.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"modernc.org/sqlite"

	"example.org/caravan/internal/fault"
)

// Options say where the store is.
type Options struct {
	Database string // postgres:// URL; empty for SQLite
	Path     string // SQLite file, made when it does not exist; not looked at when Database is given
}

// Store is an open store. Its methods may be called from several goroutines, and several stores may share a database.
type Store struct {
	db      *sql.DB
	dialect dialect
	where   string     // for messages; holds no password
	queue   sync.Mutex // of those who change leases on SQLite
}

// maxConnections leaves room on the server for other replicas.
const maxConnections = 8

// Open opens the store, makes it when there is none and brings an older one up to date. Invalid when Options or the
// file make no sense, Conflict when the database belongs to something else or to a newer Caravan, Unavailable when it
// cannot be reached.
func Open(ctx context.Context, opts Options) (*Store, error) {
	s, err := connect(opts)
	if err != nil {
		return nil, err
	}
	s.db.SetMaxOpenConns(maxConnections)
	if err := s.migrate(ctx); err != nil {
		return nil, errors.Join(s.explain("open", err), s.db.Close())
	}
	return s, nil
}

// Close ends all use of the store.
func (s *Store) Close() error { return s.db.Close() }

// each calls use for every row a query finds.
func (s *Store) each(ctx context.Context, query string, args []any, use func(*sql.Rows) error) error {
	return eachOf(ctx, s.db, query, args, use)
}

func connect(opts Options) (*Store, error) {
	switch {
	case opts.Database != "":
		return connectPostgres(opts.Database)
	case opts.Path != "":
		return connectSQLite(opts.Path)
	}
	return nil, fault.Newf(fault.Invalid, "no store named; give the path of a file or a postgres:// address")
}

func connectPostgres(address string) (*Store, error) {
	config, err := pgx.ParseConfig(address)
	if err != nil || !strings.HasPrefix(address, "postgres://") && !strings.HasPrefix(address, "postgresql://") {
		return nil, fault.Newf(fault.Invalid, "the database is not a PostgreSQL address; write postgres://user@host/name")
	}
	where := fmt.Sprintf("PostgreSQL %s at %s", config.Database, config.Host)
	return &Store{db: stdlib.OpenDB(*config), dialect: postgres, where: where}, nil
}

func connectSQLite(path string) (*Store, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fault.Newf(fault.Unavailable, "store: %w; change to a directory that exists", err)
	}
	if err := prepareFile(path); err != nil {
		return nil, fault.Newf(fault.Unavailable, "store: %w; make the path writable or name another", err)
	}
	connector, err := sqlite.NewConnector(sqliteName(path))
	if err != nil {
		return nil, fault.Newf(fault.Unavailable, "store %s: %w; name another file", path, err)
	}
	return &Store{db: sql.OpenDB(connector), dialect: sqliteDialect, where: path}, nil
}

package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"io/fs"
	"net"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"example.org/caravan/internal/fault"
)

// explain turns a database's error into a fault that says what to do about it; faults stay as they are. Messages of
// the drivers are passed on only where they hold no address, which may hold a password.
func (s *Store) explain(doing string, err error) error {
	var known *fault.Error
	var file *sqlite.Error
	var server *pgconn.PgError
	switch {
	case err == nil || errors.As(err, &known):
		return err
	case errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded):
		return interrupted(doing, s.where, err)
	case errors.As(err, &file):
		return s.explainFile(doing, file)
	case errors.As(err, &server):
		return s.explainServer(doing, server)
	case unreachable(err):
		return fault.Newf(fault.Unavailable, "%s store %s: no connection; start the database, or correct its address in caravan.yaml", doing, s.where)
	case errors.Is(err, fs.ErrPermission):
		return fault.Newf(fault.Unavailable, "%s store %s: no permission; become the file's owner or name another file", doing, s.where)
	}
	return fault.Newf(fault.Internal, "%s store %s: %w; please report it", doing, s.where, err)
}

func interrupted(doing, where string, cause error) error {
	return fault.Newf(fault.Unavailable, "%s store %s: %w; nothing was changed, try again", doing, where, cause)
}

func (s *Store) explainFile(doing string, err *sqlite.Error) error {
	switch err.Code() & 0xff { // extended codes keep the primary one in the low byte
	case sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT:
		return fault.Newf(fault.Invalid, "%s store %s: not a database, or a damaged one; move the file away and scan again", doing, s.where)
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return fault.Newf(fault.Unavailable, "%s store %s: another program has been writing to it for ten seconds; wait for it and try again", doing, s.where)
	case sqlite3.SQLITE_FULL:
		return fault.Newf(fault.Unavailable, "%s store %s: the disk is full; make room and try again", doing, s.where)
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_IOERR:
		return fault.Newf(fault.Unavailable, "%s store %s: cannot be read and written; make the file and its folder writable", doing, s.where)
	case sqlite3.SQLITE_INTERRUPT:
		return fault.Newf(fault.Unavailable, "%s store %s: interrupted; nothing was changed, try again", doing, s.where)
	}
	return fault.Newf(fault.Internal, "%s store %s: %w; please report it", doing, s.where, err)
}

// passing are the classes of SQLSTATE that say nothing about the statement: connection lost, transaction rolled back,
// resources short, object in use, operator's intervention, system error.
var passing = []string{"08", "25", "40", "53", "55", "57", "58"}

// explainServer goes by the classes of SQLSTATE (PostgreSQL documentation, appendix A).
func (s *Store) explainServer(doing string, err *pgconn.PgError) error {
	switch {
	case strings.HasPrefix(err.Code, "28"):
		return fault.Newf(fault.Denied, "%s store %s: the database refuses to sign in; correct the user in caravan.yaml or the password in PGPASSWORD", doing, s.where)
	case err.Code == "42501":
		return fault.Newf(fault.Denied, "%s store %s: the user may not create or use the tables; grant it the schema", doing, s.where)
	case err.Code == "3D000":
		return fault.Newf(fault.NotFound, "%s store %s: no such database; create it", doing, s.where)
	case err.Code == "25006":
		return fault.Newf(fault.Unavailable, "%s store %s: the database is read only, a standby perhaps; name the primary in caravan.yaml", doing, s.where)
	case slices.Contains(passing, err.Code[:min(2, len(err.Code))]):
		return fault.Newf(fault.Unavailable, "%s store %s: %s; try again when the database is well", doing, s.where, err.Message)
	}
	return fault.Newf(fault.Internal, "%s store %s: %s (%s); please report it", doing, s.where, err.Message, err.Code)
}

// unreachable reports whether there was no connection, or it broke off, which drivers and the packages above them say in several ways.
func unreachable(err error) bool {
	var connect *pgconn.ConnectError
	var network net.Error
	if errors.As(err, &connect) || errors.As(err, &network) || pgconn.SafeToRetry(err) {
		return true
	}
	return slices.ContainsFunc([]error{driver.ErrBadConn, sql.ErrConnDone, io.EOF, io.ErrUnexpectedEOF, net.ErrClosed}, func(broken error) bool { return errors.Is(err, broken) })
}

// Package postgres reaches PostgreSQL servers, 13 and newer: it reads who follows whom and what is in their shared buffers, and has blocks
// read into them. It asks through functions that standby.Prepare makes, with an account that may call those and nothing else.
//
// It judges nothing, and it changes no data.
package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/standby"
)

// Where is how a server is reached.
type Where struct {
	Name     string // of the instance, for people
	Address  string // host:port
	Database string // postgres when empty
	User     string // standby.Account when empty
	Password string // what PGPASSFILE has when empty
	TLS      string // sslmode of libpq; prefer when empty
	// Dial reaches it; the network of this machine when nil.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Server is a connection to a server. It is one goroutine's at a time.
type Server struct {
	where   Where
	conn    *pgx.Conn
	version int // server_version_num
}

// patience is how long a server may take to let somebody in.
const patience = 10 * time.Second

// Connect opens a connection. Denied when the server does not let us in; Unavailable when it does not answer; Invalid when the address is none.
func Connect(ctx context.Context, w Where) (*Server, error) {
	c, err := w.config()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	conn, err := pgx.ConnectConfig(ctx, c)
	if err != nil {
		return nil, w.refused(err)
	}
	s := &Server{where: w, conn: conn}
	if err := conn.QueryRow(ctx, "SELECT current_setting('server_version_num')::int").Scan(&s.version); err != nil {
		_ = conn.Close(ctx)
		return nil, s.said(err)
	}
	return s, nil
}

func (w Where) config() (*pgx.ConnConfig, error) {
	host, port, err := net.SplitHostPort(w.Address)
	if err != nil {
		return nil, fault.Newf(fault.Invalid, "%s: %q is no address; write it as host:port", w.Name, w.Address)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return nil, fault.Newf(fault.Invalid, "%s: %q is no port; write a number from 1 to 65535", w.Name, port)
	}
	q := url.Values{"sslmode": {cmp.Or(w.TLS, "prefer")}, "application_name": {"caravan"}, "target_session_attrs": {"any"}}
	u := url.URL{Scheme: "postgres", User: url.User(cmp.Or(w.User, standby.Account)), Host: net.JoinHostPort(host, port), Path: "/" + cmp.Or(w.Database, "postgres"), RawQuery: q.Encode()}
	c, err := pgx.ParseConfig(u.String())
	if err != nil {
		return nil, fault.Newf(fault.Invalid, "%s: %q is no way to ask for TLS; write disable, prefer, require, verify-ca or verify-full", w.Name, w.TLS)
	}
	if w.Password != "" {
		c.Password = w.Password
	}
	if w.Dial != nil {
		c.DialFunc = w.Dial
		c.LookupFunc = func(_ context.Context, host string) ([]string, error) { return []string{host}, nil }
	}
	c.ConnectTimeout = patience
	return c, nil
}

// refused says why no connection came about, without what it was tried with.
func (w Where) refused(err error) error {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		switch pg.Code {
		case "28P01", "28000", "42501":
			return fault.Newf(fault.Denied, "%s (%s) does not let %s in: %s", w.Name, w.Address, cmp.Or(w.User, standby.Account), pg.Message)
		case "3D000":
			return fault.Newf(fault.NotFound, "%s (%s) has no database %s", w.Name, w.Address, w.Database)
		}
		return fault.Newf(fault.Unavailable, "%s (%s): %s", w.Name, w.Address, pg.Message)
	}
	return fault.Newf(fault.Unavailable, "%s (%s) does not answer: %s", w.Name, w.Address, fault.Cause(err))
}

// said is what a server answered, as an error.
func (s *Server) said(err error) error {
	var pg *pgconn.PgError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.DeadlineExceeded):
		return fault.Newf(fault.Unavailable, "%s (%s) lets in and does not answer; see whether it hangs", s.where.Name, s.where.Address)
	case errors.Is(err, context.Canceled):
		return err
	case !errors.As(err, &pg):
		return fault.Newf(fault.Unavailable, "%s (%s): %s", s.where.Name, s.where.Address, fault.Cause(err))
	case pg.Code == "42883" || pg.Code == "3F000":
		return fault.Newf(fault.NotFound, "database %s of %s is not prepared; run caravan standby prepare", cmp.Or(s.where.Database, "postgres"), s.where.Name)
	case pg.Code == "42501":
		return fault.Newf(fault.Denied, "%s: %s", s.where.Name, pg.Message)
	}
	return fault.Newf(fault.Unavailable, "%s: %s", s.where.Name, pg.Message)
}

// Close ends the connection.
func (s *Server) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return s.conn.Close(ctx)
}

// Dead reports whether the connection can be used no more.
func (s *Server) Dead() bool { return s.conn.IsClosed() }

// Version is a server's in words: 15.18.
func (s *Server) Version() string { return versionOf(s.version) }

func versionOf(n int) string {
	const major = 10000
	return fmt.Sprintf("%d.%d", n/major, n%major)
}

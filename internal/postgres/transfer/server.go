package transfer

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"example.org/caravan/internal/fault"
)

// Server is one side of a transfer, and how it is reached.
type Server struct {
	Name     string // as people know it
	Address  Address
	Login    Login
	Dial     pgconn.DialFunc // how Caravan gets there; nothing goes straight to Address
	Peer     Address         // where the other side reaches it; empty is Address
	PeerUser Login           // whom the other side follows it as; empty is Login. It needs REPLICATION and to read all tables
}

// Address is where a server listens. A host that begins with / is the folder of its Unix socket.
type Address struct {
	Host string
	Port uint16
	TLS  string // sslmode of libpq; "" is prefer
}

func (a Address) String() string { return net.JoinHostPort(a.Host, strconv.Itoa(int(a.Port))) }

// Login is a superuser of a server.
type Login struct {
	User     string
	Password Password
}

// Password is one that is not printed.
type Password string

// String is what is printed instead.
func (p Password) String() string {
	if p == "" {
		return ""
	}
	return "[hidden]"
}

// GoString is what is printed instead.
func (p Password) GoString() string { return strconv.Quote(p.String()) }

// MarshalText keeps a password out of what is stored.
func (p Password) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// peer is where and as whom the other side connects.
func (s Server) peer() (Address, Login) {
	at, as := s.Peer, s.PeerUser
	if at.Host == "" {
		at = s.Address
	}
	if as.User == "" {
		as = s.Login
	}
	return at, as
}

// conninfo is a connection string of libpq.
func conninfo(at Address, as Login, database string, more map[string]string) string {
	values := map[string]string{"host": at.Host, "port": strconv.Itoa(int(at.Port)), "user": as.User, "password": string(as.Password), "dbname": database, "sslmode": at.TLS}
	maps.Copy(values, more)
	var b strings.Builder
	for _, key := range []string{"host", "hostaddr", "port", "user", "password", "dbname", "sslmode", "application_name", "connect_timeout", "keepalives_idle", "options"} {
		if v := values[key]; v != "" {
			fmt.Fprintf(&b, "%s='%s' ", key, strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(v))
		}
	}
	return strings.TrimSpace(b.String())
}

// maintenance is the database that is always there.
const maintenance = "postgres"

// application is how Caravan's sessions name themselves.
const application = "caravan"

const connectTimeout = 15 * time.Second

// dial connects to a database of a server. What is said on the connection stands in no log of the server, as passwords of roles do; a
// session waits for no lock for long, and sends automatic vacuums away that stand in its way. A session whose program has died ends.
func (s Server) dial(ctx context.Context, database string) (*pgx.Conn, error) {
	c, err := s.connect(ctx, database)
	if err != nil {
		return nil, s.unreachable(database, err)
	}
	if err := behave(ctx, c); err != nil {
		return nil, errors.Join(s.unreachable(database, err), c.Close(ctx))
	}
	return c, nil
}

// connect is dial without what it promises; an error is pgx's own, or that the address is none.
func (s Server) connect(ctx context.Context, database string) (*pgx.Conn, error) {
	config, err := pgx.ParseConfig(conninfo(s.Address, s.Login, database, nil))
	if err != nil {
		return nil, fault.Newf(fault.Invalid, "%s: its address %s is none of PostgreSQL's", s.Name, s.Address)
	}
	config.ConnectTimeout = connectTimeout
	if s.Dial != nil {
		config.DialFunc = s.Dial
		config.LookupFunc = func(_ context.Context, host string) ([]string, error) { return []string{host}, nil }
	}
	maps.Copy(config.RuntimeParams, map[string]string{"application_name": application, "search_path": "pg_catalog", "role": "none", "client_encoding": "UTF8", "standard_conforming_strings": "on", "datestyle": "ISO, YMD"})
	return pgx.ConnectConfig(ctx, config)
}

// behave sets what dial promises of a session. Some of it only superusers may set; others can look, and are told so by checks.
func behave(ctx context.Context, c *pgx.Conn) error {
	settings := "SET default_transaction_read_only = off; SET synchronous_commit = on; SET statement_timeout = 0; SET lock_timeout = '" + lockPatience + "'; SET idle_in_transaction_session_timeout = 0;"
	if c.PgConn().ParameterStatus("is_superuser") == "on" {
		settings += "SET deadlock_timeout = '10ms'; SET log_statement = none; SET log_min_duration_statement = -1; SET log_min_duration_sample = -1; SET log_transaction_sample_rate = 0; SET log_min_error_statement = panic; SET pg_stat_statements.track = none;"
	}
	if _, err := c.Exec(ctx, settings); err != nil {
		return err
	}
	_, err := c.Exec(ctx, `SELECT set_config(name, value, false) FROM (VALUES ('client_connection_check_interval', '1s'), ('idle_session_timeout', '0'), ('transaction_timeout', '0'),
  ('`+relationKinds+`', '`+noViews+`')) AS want (name, value) JOIN pg_settings USING (name)`) // which newer versions have
	return err
}

// A name that is read may have become a view since it was looked up, which would run with our rights: such are refused (PostgreSQL 13.16, 14.13, 15.8, 16.4).
const (
	relationKinds = "restrict_nonsystem_relation_kind"
	noViews       = "view,foreign-table"
)

// lockPatience is how long a session waits for a lock that others hold.
const lockPatience = "2s"

// unreachable says why a server cannot be connected to, without what pgx adds of the connection.
func (s Server) unreachable(database string, err error) error {
	var known *fault.Error
	if errors.As(err, &known) {
		return err
	}
	var refused *pgconn.PgError
	if errors.As(err, &refused) {
		kind := fault.Unavailable
		switch refused.Code {
		case wrongPassword, "28000", "42501":
			kind = fault.Denied
		case "3D000", "55000": // there is none, or one that was dropped halfway
			kind = fault.NotFound
		}
		mend := fmt.Sprintf("see that %s may connect from here (pg_hba.conf)", s.Login.User)
		if refused.Code == wrongPassword {
			mend = fmt.Sprintf("correct the password of %s, which is declared for %s", s.Login.User, s.Name)
		}
		return fault.Newf(kind, "%s refuses a connection to the database %s: %s (%s); %s", s.Name, database, refused.Message, refused.Code, mend)
	}
	return fault.Newf(fault.Unavailable, "%s does not answer at %s; is it running, and can it be reached from here?", s.Name, s.Address)
}

// ErrTaken is in the error of whoever was kept from a transfer by another program that works at it.
var ErrTaken = errors.New("is being worked at by another program")

// lock makes sure that no other program works at a transfer's side in this database. The session holds it until it ends, so what a
// program that was killed had said has been done, or will not be, when another gets it.
func lock(ctx context.Context, c *pgx.Conn, id string) error {
	sum := sha256.Sum256([]byte("caravan transfer " + id))
	key := int64(binary.BigEndian.Uint64(sum[:8]))
	if _, err := c.Exec(ctx, "SET lock_timeout = '30s'"); err != nil {
		return err
	}
	_, err := c.Exec(ctx, "SELECT pg_advisory_lock($1)", key)
	if isCode(err, lockNotAvailable) {
		return fault.Newf(fault.Conflict, "transfer %s %w; wait until it is done, or end it", id, ErrTaken)
	}
	if err != nil {
		return err
	}
	_, err = c.Exec(ctx, "SET lock_timeout = '"+lockPatience+"'")
	return err
}

// SQLSTATEs that are answered to.
const (
	lockNotAvailable = "55P03"
	stillUsed        = "2BP01" // dependent_objects_still_exist: a role has rights, or owns something
	deadlockDetected = "40P01"
	objectInUse      = "55006"
	wrongPassword    = "28P01"
	concurrently     = "XX000" // internal_error: a row of the catalog was updated by somebody else at the same moment
)

// isCode reports whether an error is one of PostgreSQL's with this SQLSTATE.
func isCode(err error, code string) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == code
}

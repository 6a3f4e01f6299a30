package transfer

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"

	"example.org/caravan/internal/fault"
)

// dumping is a dump on its way from pg_dump to psql.
type dumping struct {
	dump, load         *exec.Cmd
	out                *bufio.Reader
	in                 io.WriteCloser
	saidFrom, saidTo   bytes.Buffer
	closeFrom, closeTo func()
}

// dumpingOf makes ready what a database is copied with; neither program runs yet.
func (m Mover) dumpingOf(ctx context.Context, name, snapshot string) (*dumping, error) {
	d := &dumping{closeFrom: func() {}, closeTo: func() {}}
	from, closeFrom, err := m.Source.reached(ctx)
	if err != nil {
		return nil, err
	}
	d.closeFrom = closeFrom
	to, closeTo, err := m.Target.reached(ctx)
	if err != nil {
		closeFrom()
		return nil, err
	}
	d.closeTo = closeTo
	d.dump = m.program(ctx, "pg_dump", m.Source, "--schema-only", "--create", "--no-subscriptions", "--snapshot", snapshot, "--dbname", conninfo(m.Source.Address, Login{User: m.Source.Login.User}, name, from))
	d.load = m.program(ctx, "psql", m.Target, "--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1", "--output", os.DevNull, "--dbname", conninfo(m.Target.Address, Login{User: m.Target.Login.User}, name, to))
	d.dump.Stderr, d.load.Stderr = &d.saidFrom, &d.saidTo
	out, err := d.dump.StdoutPipe()
	if err == nil {
		d.in, err = d.load.StdinPipe()
	}
	d.out = bufio.NewReader(out)
	return d, err
}

// end ends what still runs.
func (d *dumping) end() {
	for _, c := range []*exec.Cmd{d.dump, d.load} {
		if c.Process != nil && c.ProcessState == nil {
			_ = c.Process.Kill()
			_ = c.Wait()
		}
	}
	d.closeFrom()
	d.closeTo()
}

// copySchema makes a database on the target with everything but its rows, as pg_dump reads it from the source. Tables and the SQL of their fence are one
// transaction, so nobody can write to any before it stands.
//
// When this program is killed, psql may live on for a moment. It writes to nothing but the database it was begun for, which has a token, and the next
// program drops that.
func (w *work) copySchema(ctx context.Context, name, fence string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	snapshot, seen, err := w.snapshot(ctx, name)
	if err != nil {
		return err
	}
	defer seen()
	d, err := w.m.dumpingOf(ctx, name, snapshot)
	if err != nil {
		return err
	}
	defer d.end()
	if err := d.dump.Start(); err != nil {
		return fault.Newf(fault.Unavailable, "pg_dump cannot be run: %w; install PostgreSQL's client programs", err)
	}
	head, key, err := untilConnect(d.out)
	if err == nil && key == "" {
		return fault.Newf(fault.Conflict, "pg_dump where Caravan runs is too old to be told from what is in a database; install PostgreSQL's client programs of August 2025 or newer (13.22, 14.19, 15.14, 16.10, 17.6)")
	}
	if err != nil {
		_ = d.dump.Wait() // what it said tells why
		return w.m.unread(name, d)
	}
	// Who is to own it comes into it when all is in its place, and not before.
	owned := ""
	head = slices.DeleteFunc(head, func(s string) bool {
		owner := strings.HasPrefix(s, "ALTER DATABASE ") && strings.Contains(s, " OWNER TO ")
		if owner {
			owned += s
		}
		return owner
	})
	token, quoted := rand.Text(), pgx.Identifier{name}.Sanitize()
	if err := w.createDatabase(ctx, name, append(head, "ALTER DATABASE "+quoted+" SET caravan.making = "+literal(token))); err != nil {
		return err
	}
	limit, err := w.keepOut(ctx, name)
	if err != nil {
		return w.at(target, name, err)
	}
	if err := d.load.Start(); err != nil {
		return fault.Newf(fault.Unavailable, "psql cannot be run: %w; install PostgreSQL's client programs", err)
	}
	first := "DO $$ BEGIN IF pg_catalog.current_setting('caravan.making', true) IS DISTINCT FROM " + literal(token) + " THEN RAISE 'somebody else makes this database'; END IF; END $$;\nBEGIN;\n"
	last := fence + "\n" + owned + "ALTER DATABASE " + quoted + " RESET caravan.making;\n" + fmt.Sprintf("ALTER DATABASE %s CONNECTION LIMIT %d;\nCOMMIT;\n", quoted, limit)
	if pour(d.in, first, d.out, last, key) != nil {
		cancel() // psql has ended, and says why
	}
	failed, loaded := d.dump.Wait(), d.load.Wait()
	switch {
	case loaded != nil:
		return fault.Newf(fault.Conflict, "%s: its schema cannot be made on %s: %s", name, w.m.Target.Name, firstLine(d.saidTo.String(), w.m.Target))
	case failed != nil:
		return w.m.unread(name, d)
	}
	return nil
}

// snapshot is a moment of a database on the source at which nothing in it would do harm while it is made anew; seen ends it.
func (w *work) snapshot(ctx context.Context, name string) (id string, seen func(), err error) {
	c, err := w.m.Source.dial(ctx, name)
	if err != nil {
		return "", nil, err
	}
	seen = func() { _ = c.Close(context.WithoutCancel(ctx)) }
	if _, err = c.Exec(ctx, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"); err == nil {
		err = w.harmlessOn(ctx, c, source, name)
	}
	if err == nil {
		err = c.QueryRow(ctx, "SELECT pg_export_snapshot()").Scan(&id)
	}
	if err != nil {
		seen()
		return "", nil, w.at(source, name, err)
	}
	return id, seen, nil
}

// keepOut lets nobody but superusers into a database, and returns how many it let in before.
func (w *work) keepOut(ctx context.Context, name string) (limit int, err error) {
	err = w.ctl[target].QueryRow(ctx, "SELECT datconnlimit FROM pg_database WHERE datname = $1", name).Scan(&limit)
	if err == nil {
		_, err = w.ctl[target].Exec(ctx, "ALTER DATABASE "+pgx.Identifier{name}.Sanitize()+" CONNECTION LIMIT 0")
	}
	return limit, err
}

// unread says why pg_dump could not read a database.
func (m Mover) unread(name string, d *dumping) error {
	return fault.Newf(fault.Unavailable, "%s: pg_dump cannot read its schema on %s: %s", name, m.Source.Name, firstLine(d.saidFrom.String(), m.Source))
}

// untilConnect are the statements that a dump makes a database with, before it connects to it, and the word by which pg_dump says that what follows
// is its own (\\unrestrict, of which nobody who writes into the database can know it); "" from versions that have none.
func untilConnect(lines *bufio.Reader) (statements []string, key string, err error) {
	var out []string
	statement, before := "", ""
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return nil, "", err
		}
		last := before
		before = line
		if word, ok := strings.CutPrefix(line, `\restrict `); ok && key == "" && len(out) == 0 && statement == "" {
			key = strings.TrimSpace(word)
		}
		switch {
		case strings.HasPrefix(line, `\connect `) && (key == "" || last == `\unrestrict `+key+"\n"):
			return out, key, nil
		case statement == "" && (strings.HasPrefix(line, `\`) || strings.HasPrefix(line, "--") || strings.TrimSpace(line) == ""):
			continue
		}
		statement += line
		if strings.HasSuffix(line, ";\n") && strings.Count(statement, "'")%2 == 0 {
			out = append(out, statement)
			statement = ""
		}
	}
}

// createDatabase runs them, in the session that holds the lock.
func (w *work) createDatabase(ctx context.Context, name string, statements []string) error {
	made := false
	for _, s := range statements {
		made = made || strings.HasPrefix(s, "CREATE DATABASE ")
		if strings.HasPrefix(s, "SET ") || strings.HasPrefix(s, "SELECT ") {
			continue // of the session, which is another
		}
		if _, err := w.ctl[target].Exec(ctx, s); err != nil {
			return fault.Newf(fault.Conflict, "%s: it cannot be made on %s: %w", name, w.m.Target.Name, err)
		}
	}
	if !made {
		return fault.Newf(fault.Internal, "%s: pg_dump does not say how it is created", name)
	}
	return nil
}

// pour passes the rest of a dump on, between two texts. It connects anew where the database has settings, which is left out: the three lines of which
// the first and the last have the key. The program it goes to obeys no other command of its own.
func pour(to io.WriteCloser, first string, lines *bufio.Reader, last, key string) error {
	if _, err := io.WriteString(to, first); err != nil {
		return errors.Join(err, to.Close())
	}
	for {
		line, err := lines.ReadString('\n')
		if err == nil && line == `\unrestrict `+key+"\n" {
			var next string
			if next, err = lines.ReadString('\n'); err == nil && strings.HasPrefix(next, `\connect `) {
				_, err = lines.ReadString('\n') // restricted as before
				line, next = "", ""
			}
			line += next
		}
		if errors.Is(err, io.EOF) {
			line += last
		}
		if _, failed := io.WriteString(to, line); failed != nil || err != nil {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return errors.Join(failed, err, to.Close())
		}
	}
}

// program is one of PostgreSQL's, with the password of a server in its environment, where only its own user can read it.
func (m Mover) program(ctx context.Context, name string, s Server, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, m.path(name), args...)
	cmd.Env = append(os.Environ(), "PGPASSWORD="+string(s.Login.Password), "PGAPPNAME="+application, "PGOPTIONS=-c lock_timeout=60000 -c search_path=pg_catalog -c role=none")
	return cmd
}

// path is where a program is.
func (m Mover) path(name string) string {
	if m.Programs == "" {
		return name
	}
	return filepath.Join(m.Programs, name)
}

// firstLine is the first error a program of PostgreSQL told.
func firstLine(said string, s Server) string {
	for line := range strings.Lines(said) {
		if _, text, ok := strings.Cut(line, "ERROR:"); ok {
			said = text
			break
		}
	}
	line, _, _ := strings.Cut(strings.TrimSpace(said), "\n")
	return hidden(errors.New(line), s.Login.Password)
}

var major = regexp.MustCompile(`\) (\d+)`)

// dumpVersion is the major version of the pg_dump there is, 0 when there is none or no psql.
func (m Mover) dumpVersion(ctx context.Context) int {
	if exec.CommandContext(ctx, m.path("psql"), "--version").Run() != nil {
		return 0
	}
	out, err := exec.CommandContext(ctx, m.path("pg_dump"), "--version").Output()
	found := major.FindSubmatch(out)
	if err != nil || found == nil {
		return 0
	}
	n, _ := strconv.Atoi(string(found[1])) // digits
	return n
}

// reached is what PostgreSQL's own programs need to get where Dial goes: while it is open, a port of this machine leads there. The name of the
// host stays, so that certificates are still checked against it.
func (s Server) reached(ctx context.Context) (more map[string]string, stop func(), err error) {
	if s.Dial == nil {
		return nil, func() {}, nil
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return // it was closed
			}
			all.Go(func() { s.forward(ctx, c) })
		}
	})
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return map[string]string{"hostaddr": "127.0.0.1", "port": port}, func() {
		cancel()
		_ = l.Close()
		all.Wait()
	}, nil
}

// forward joins a connection to one that Dial makes, until either ends.
func (s Server) forward(ctx context.Context, near net.Conn) {
	defer func() { _ = near.Close() }()
	far, err := s.Dial(ctx, "tcp", s.Address.String())
	if err != nil {
		return // whoever connected is told that it was closed
	}
	defer func() { _ = far.Close() }()
	ended := context.AfterFunc(ctx, func() { _, _ = near.Close(), far.Close() })
	defer ended()
	var both sync.WaitGroup
	for _, way := range [][2]net.Conn{{near, far}, {far, near}} {
		both.Go(func() {
			_, _ = io.Copy(way[0], way[1]) // it ends when either side does
			_, _ = near.Close(), far.Close()
		})
	}
	both.Wait()
}

// Package servertest gives tests real PostgreSQL servers that follow one another: each in a temporary directory and on a loopback port of its
// own, gone when the test ends. They may be killed and promoted. It needs Debian's postgresql package.
package servertest

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"example.org/caravan/internal/porttest"
)

// Superuser is the servers' first account; it and every other needs no password.
const Superuser = "postgres"

// startup is how long a server may take to come up on a busy machine.
const startup = 2 * time.Minute

// Server is a PostgreSQL that runs.
type Server struct {
	Name    string
	Address string // host:port
	bin     string
	dir     string
	run     *syscall.SysProcAttr
	set     []string // settings, name=value
	cmd     *exec.Cmd
	log     *bytes.Buffer
}

// Primary starts a server with settings such as shared_buffers=16MB. A short run skips the test. Without PostgreSQL on the machine it is skipped, or
// fails when CARAVAN_TEST_ALL is 1.
func Primary(t testing.TB, settings ...string) *Server {
	t.Helper()
	s := place(t, "primary", settings)
	s.must(t, "initdb", "--pgdata", s.data(), "--username", Superuser, "--auth", "trust", "--encoding", "UTF8", "--no-sync", "--data-checksums")
	s.Start(t)
	return s
}

// Standby copies a server and has the copy follow it.
func (s *Server) Standby(t testing.TB, name string, settings ...string) *Server {
	t.Helper()
	c := place(t, name, append(append([]string{}, s.set...), settings...))
	host, port, _ := net.SplitHostPort(s.Address)
	c.must(t, "pg_basebackup", "--pgdata", c.data(), "--host", host, "--port", port, "--username", Superuser, "--checkpoint", "fast", "--no-sync")
	c.set = append(c.set, fmt.Sprintf("primary_conninfo=host=%s port=%s user=%s application_name=%s", host, port, Superuser, name))
	if err := os.WriteFile(filepath.Join(c.data(), "standby.signal"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	c.Start(t)
	return c
}

func place(t testing.TB, name string, settings []string) *Server {
	t.Helper()
	if testing.Short() {
		t.Skip("servers take their time: make test runs this")
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin") // fails only for a bad pattern
	if len(found) == 0 {
		absent(t, "no PostgreSQL in /usr/lib/postgresql; install the package postgresql")
	}
	dir, err := os.MkdirTemp("", "caravan-"+name+"-")
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{Name: name, bin: found[len(found)-1], dir: dir, set: settings, log: &bytes.Buffer{}, Address: porttest.Address(t)}
	t.Cleanup(func() {
		s.Kill()
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if os.Geteuid() != 0 { // PostgreSQL refuses to run as root, so root lends it another user
		return s
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		absent(t, "no user to run PostgreSQL as; add the user postgres")
	}
	uid, _ := strconv.Atoi(u.Uid) // numbers on Linux
	gid, _ := strconv.Atoi(u.Gid)
	if err := os.Chown(dir, uid, gid); err != nil {
		t.Fatal(err)
	}
	s.run = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
	return s
}

func absent(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("CARAVAN_TEST_ALL") == "1" {
		t.Fatalf("%s: %s", t.Name(), why)
	}
	t.Skipf("SKIPPED %s: %s", t.Name(), why)
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

func (s *Server) command(program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(context.Background(), filepath.Join(s.bin, program), args...)
	cmd.Dir, cmd.SysProcAttr = s.dir, s.run
	cmd.Env = []string{"PATH=" + s.bin + ":/usr/bin:/bin", "LC_ALL=C.UTF-8", "HOME=" + s.dir}
	return cmd
}

func (s *Server) must(t testing.TB, program string, args ...string) {
	t.Helper()
	if out, err := s.command(program, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", program, err, out)
	}
}

// Start starts the server, again after a Kill, and waits until it answers.
func (s *Server) Start(t testing.TB) {
	t.Helper()
	_, port, _ := net.SplitHostPort(s.Address)
	args := []string{"-D", s.data(), "-k", s.dir, "-p", port}
	for _, v := range append([]string{"listen_addresses=127.0.0.1", "fsync=off", "hot_standby=on", "wal_log_hints=on", "max_wal_senders=10"}, s.set...) {
		args = append(args, "-c", v)
	}
	s.cmd = s.command("postgres", args...)
	s.cmd.Stderr = s.log
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(startup); ; <-time.After(20 * time.Millisecond) {
		if s.command("pg_isready", "--quiet", "--host", "127.0.0.1", "--port", port).Run() == nil {
			return
		}
		if time.Now().After(deadline) {
			s.Kill()
			t.Fatalf("%s did not answer:\n%s", s.Name, s.log)
		}
	}
}

// Kill ends the server at once, as a crash would.
func (s *Server) Kill() {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Kill() // fails only when it has ended already; its children end when they see that
	_ = s.cmd.Wait()
	s.cmd = nil
}

// Dir is the folder of all its files.
func (s *Server) Dir() string { return s.dir }

// Processes are the IDs of its processes, the first that of the one that starts the others.
func (s *Server) Processes(t testing.TB) []string {
	t.Helper()
	first := strconv.Itoa(s.cmd.Process.Pid)
	out := []string{first}
	children, err := os.ReadFile(filepath.Join("/proc", first, "task", first, "children"))
	if err != nil {
		t.Fatal(err)
	}
	return append(out, strings.Fields(string(children))...)
}

// Promote makes a standby a primary.
func (s *Server) Promote(t testing.TB) {
	t.Helper()
	s.must(t, "pg_ctl", "promote", "--pgdata", s.data(), "--wait")
}

// Do runs SQL as the superuser in a database.
func (s *Server) Do(t testing.TB, database, sql string) {
	t.Helper()
	c := s.Connect(t, database)
	if _, err := c.Exec(context.Background(), sql); err != nil {
		t.Fatalf("%s: %v", first(sql), err)
	}
}

// Connect is a connection of the superuser that ends with the test.
func (s *Server) Connect(t testing.TB, database string) *pgx.Conn {
	t.Helper()
	c, err := pgx.Connect(context.Background(), fmt.Sprintf("postgres://%s@%s/%s?sslmode=disable", Superuser, s.Address, database))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(context.Background()) })
	return c
}

// Caught waits until a standby has replayed all that its primary has written.
func (s *Server) Caught(t testing.TB, primary *Server) {
	t.Helper()
	ctx := context.Background()
	var at string
	if err := primary.Connect(t, "postgres").QueryRow(ctx, "SELECT pg_current_wal_lsn()::text").Scan(&at); err != nil {
		t.Fatal(err)
	}
	c := s.Connect(t, "postgres")
	for deadline, done := time.Now().Add(startup), false; !done; <-time.After(20 * time.Millisecond) {
		if err := c.QueryRow(ctx, "SELECT pg_last_wal_replay_lsn() >= $1::pg_lsn", at).Scan(&done); err != nil {
			t.Fatal(err)
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s did not replay up to %s", s.Name, at)
		}
	}
}

func first(sql string) string {
	line, _, _ := strings.Cut(sql, "\n")
	return line
}

// Credential is whom the server runs as, where that is another than who runs the test.
func (s *Server) Credential() *syscall.Credential {
	if s.run == nil {
		return nil
	}
	return s.run.Credential
}

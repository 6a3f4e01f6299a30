package render_test

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"example.org/caravan/internal/porttest"
	"example.org/caravan/internal/postgres/servertest"
	"example.org/caravan/internal/postgres/transfer"
	"example.org/caravan/internal/render"
	"example.org/caravan/internal/standby"
	"example.org/caravan/internal/store/pgtest"
)

// needed is a program of Debian's that a test runs.
func needed(t *testing.T, name string) string {
	t.Helper()
	for _, at := range []string{name, "/usr/sbin/" + name} {
		if found, err := exec.LookPath(at); err == nil {
			return found
		}
	}
	if os.Getenv("CARAVAN_TEST_ALL") != "" {
		t.Fatalf("%s is not installed, and CARAVAN_TEST_ALL wants everything tested; scripts/machine installs it", name)
	}
	t.Skipf("SKIPPED: %s is not installed", name)
	return ""
}

// lent are the rights of an account that is not root, which PgBouncer refuses to run as.
func lent(t *testing.T, dir string) *syscall.SysProcAttr {
	t.Helper()
	if os.Geteuid() != 0 {
		return nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		t.Skip("SKIPPED: there is no account postgres to run PgBouncer as")
	}
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	err = filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Chown(path, uid, gid)
	})
	if err != nil {
		t.Fatal(err)
	}
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
}

// bouncing is a PgBouncer that runs with what is rendered.
type bouncing struct {
	dir    string // with its configuration and its socket
	port   int
	rights *syscall.SysProcAttr
}

// bounce runs PgBouncer before a server until the test ends.
func bounce(t *testing.T, d render.Datastore, host string, to int) bouncing {
	t.Helper()
	program := needed(t, "pgbouncer")
	dir, err := os.MkdirTemp("/tmp", "caravan-pool-") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	b := bouncing{dir: dir, port: porttest.Free(t)}
	config := d.Bouncer(render.Pool{
		Host: host, Port: to, Listen: "127.0.0.1", ListenPort: b.port, Socket: dir, Users: dir + "/users", Admin: render.PoolAdmin, Key: dir + "/key", Cert: dir + "/cert", ServerTLS: "disable", Instances: 1,
	})
	for name, text := range map[string]string{"pgbouncer.ini": config, "users": "\"pooler\" \"p\"\n\"caravan_admin\" \"c\"\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := ran(t, nil, needed(t, "openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=pool", "-keyout", dir+"/key", "-out", dir+"/cert"); err != nil {
		t.Fatal(out)
	}
	b.rights = lent(t, dir)
	cmd := exec.Command(program, dir+"/pgbouncer.ini")
	cmd.SysProcAttr = b.rights
	var said strings.Builder
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Log(said.String())
		}
	})
	return b
}

// ask runs SQL through it as the owner of orders.
func (b bouncing) ask(t *testing.T, password, sql string) (string, error) {
	t.Helper()
	return ran(t, []string{"PGPASSWORD=" + password}, needed(t, "psql"), "-XAtq", fmt.Sprintf("postgres://orders@127.0.0.1:%d/orders?sslmode=require", b.port), "-c", sql)
}

// answers waits until it does.
func (b bouncing) answers(t *testing.T, password string) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	out, err := b.ask(t, password, "SELECT current_user")
	for ; out != "orders" && time.Now().Before(deadline); out, err = b.ask(t, password, "SELECT current_user") {
		<-time.After(100 * time.Millisecond)
	}
	if out != "orders" {
		t.Fatalf("%s, %v", out, err)
	}
}

// ran runs a program to its end.
func ran(t *testing.T, env []string, name string, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// TestPgBouncerAsksForVerifiersAndHoldsCallers runs a real PgBouncer before a real PostgreSQL.
func TestPgBouncerAsksForVerifiersAndHoldsCallers(t *testing.T) {
	psql := needed(t, "psql")
	server, err := url.Parse(pgtest.Start(t).Database(t))
	if err != nil {
		t.Fatal(err)
	}
	d := render.Datastore{Name: "pg", Pooled: render.PoolTransactions, Databases: []render.Database{{Name: "orders", Owner: "orders", For: "orders"}, {Name: `shop "old"`, Owner: "shop", For: "shop"}}}
	script := filepath.Join(t.TempDir(), "accounts.sql")
	if err := os.WriteFile(script, []byte(d.Accounts()+"ALTER ROLE orders PASSWORD 'one'; ALTER ROLE pooler PASSWORD 'p';\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := ran(t, nil, psql, "-Xq", server.String(), "-f", script); err != nil {
		t.Fatal(out)
	}
	b := bounce(t, d, server.Query().Get("host"), 5432)
	b.answers(t, "one")
	if out, err := b.ask(t, "two", "SELECT 1"); err == nil {
		t.Errorf("another password is taken: %s", out)
	}
	if out, err := ran(t, nil, psql, "-Xq", server.String(), "-c", "ALTER ROLE orders PASSWORD 'two'"); err != nil {
		t.Fatal(out)
	}
	if out, err := b.ask(t, "two", "SELECT 1"); err != nil {
		t.Errorf("the changed password is not taken: %s", out)
	}
	command := func(what string) string {
		t.Helper()
		c := exec.Command(psql, "-XAtq", "-h", b.dir, "-p", strconv.Itoa(b.port), "-U", "pgbouncer", "pgbouncer", "-c", what)
		c.SysProcAttr, c.Dir = b.rights, b.dir
		out, err := c.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %s", what, out)
		}
		return string(out)
	}
	if got := "\n" + command("SHOW DATABASES"); !strings.Contains(got, "\norders|") || strings.Contains(got, "shop") {
		t.Errorf("databases with a line of their own: %s", got)
	}
	command("PAUSE")
	answered := make(chan error, 1)
	go func() {
		_, err := b.ask(t, "two", "SELECT 1")
		answered <- err
	}()
	select {
	case err := <-answered:
		t.Errorf("a caller is answered while callers are held: %v", err)
	case <-time.After(500 * time.Millisecond):
	}
	command("RESUME")
	if err := <-answered; err != nil {
		t.Errorf("a caller that was held fails: %v", err)
	}
}

// logical is a PostgreSQL with what is rendered for a datastore, which lets a superuser in without a password, and all others with one.
func logical(t *testing.T, d render.Datastore) *servertest.Server {
	t.Helper()
	r := d.Room()
	s := servertest.Primary(t, "wal_level=logical", fmt.Sprintf("max_wal_senders=%d", r.Senders), fmt.Sprintf("max_replication_slots=%d", r.Slots),
		fmt.Sprintf("max_worker_processes=%d", r.Processes), fmt.Sprintf("max_logical_replication_workers=%d", r.Workers))
	if out := said(t, s, "postgres", d.Accounts()); out != "" {
		t.Fatalf("the script says %s", out)
	}
	guarded(t, s, "host all,replication postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n")
	return s
}

// TestAMoveLeadsCallersOverByARenderedPgBouncer between two servers that are rendered, too: a caller that writes all the time sees nothing of it, there and back.
func TestAMoveLeadsCallersOverByARenderedPgBouncer(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts servers")
	}
	d := render.Datastore{Name: "pg", Pooled: render.PoolTransactions, Databases: []render.Database{{Name: "orders", Owner: "orders", For: "orders"}, {Name: "shop", Owner: "shop", For: "shop"}}}
	source, target := logical(t, d), logical(t, d)
	said(t, source, "postgres", "ALTER ROLE orders PASSWORD 'one'; ALTER ROLE pooler PASSWORD 'p';")
	b := bounce(t, d, "127.0.0.1", portOf(t, source.Address))
	b.answers(t, "one")
	ends := [2]transfer.Server{}
	for i, s := range []*servertest.Server{source, target} {
		ends[i] = transfer.Server{Name: []string{"vm", "kube"}[i], Address: transfer.Address{Host: "127.0.0.1", Port: uint16(portOf(t, s.Address)), TLS: "disable"}, Login: transfer.Login{User: servertest.Superuser}}
	}
	var kept standby.Transfer
	m := transfer.Mover{
		Source: ends[0], Target: ends[1], Say: func(string) {}, Now: time.Now, Most: time.Minute,
		Holder: transfer.PgBouncer{
			Name: "pool", Admin: transfer.Address{Host: "127.0.0.1", Port: uint16(b.port), TLS: "disable"}, Login: transfer.Login{User: render.PoolAdmin, Password: "c"}, Databases: d.DatabaseNames(),
			Edit: func(_ context.Context, change func(string) (string, error)) error { return b.rewrite(change) },
		},
		Save: func(t standby.Transfer) error { kept = t; return nil },
		Load: func(t *standby.Transfer) (bool, error) { *t = kept; return true, nil },
	}
	facts, err := m.Facts(t.Context(), d.DatabaseNames())
	if blocking := standby.Blocking(standby.TransferChecks(facts)); err != nil || len(blocking) > 0 {
		t.Fatalf("%v, %+v", err, blocking)
	}
	wrote := writes(t, b)
	x, err := m.Follow(t.Context(), standby.Transfer{ID: "pool", Method: standby.Logical, Phase: standby.Planned, Databases: d.DatabaseNames()})
	if err != nil {
		t.Fatal(err)
	}
	if x, err = m.Cut(t.Context(), x); err != nil || x.Phase != standby.Proven {
		t.Fatalf("%s, %v", x.Phase, err)
	}
	there := wrote.more(t, target)
	if out := said(t, target, "postgres", d.Accounts()); out != "" {
		t.Errorf("at the target, the script then says %s", out)
	}
	if out := said(t, source, "postgres", d.Accounts()); out != "" {
		t.Errorf("at the source, the script then says %s", out)
	}
	if x, err = m.Back(t.Context(), x); err != nil || x.Phase != standby.Returned {
		t.Fatalf("%s, %v", x.Phase, err)
	}
	if wrote.more(t, source) <= there {
		t.Error("nothing was written after the way back")
	}
	wrote.end(t, source)
}

// rewrite changes its configuration, as whoever moves does.
func (b bouncing) rewrite(change func(string) (string, error)) error {
	file := filepath.Join(b.dir, "pgbouncer.ini")
	was, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	is, err := change(string(was))
	if err != nil {
		return err
	}
	return os.WriteFile(file, []byte(is), 0o600)
}

// writing is a caller that writes row after row over one connection.
type writing struct {
	rows  atomic.Int64 // that were acknowledged
	stop  context.CancelFunc
	ended chan error
}

func writes(t *testing.T, b bouncing) *writing {
	t.Helper()
	if out, err := b.ask(t, "one", "CREATE TABLE item (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY)"); err != nil {
		t.Fatal(out)
	}
	ctx, stop := context.WithCancel(t.Context())
	c, err := pgx.Connect(ctx, fmt.Sprintf("postgres://orders:one@127.0.0.1:%d/orders?sslmode=disable&default_query_exec_mode=simple_protocol", b.port))
	if err != nil {
		t.Fatal(err)
	}
	w := &writing{stop: stop, ended: make(chan error, 1)}
	go func() {
		defer func() { _ = c.Close(context.Background()) }()
		for ctx.Err() == nil {
			if _, err := c.Exec(context.Background(), "INSERT INTO item DEFAULT VALUES"); err != nil {
				w.ended <- err
				return
			}
			w.rows.Add(1)
		}
		w.ended <- nil
	}()
	t.Cleanup(stop)
	return w
}

// more waits for further rows, and gives how many a server has.
func (w *writing) more(t *testing.T, at *servertest.Server) int64 {
	t.Helper()
	const some = 20
	for want, deadline := w.rows.Load()+some, time.Now().Add(time.Minute); w.rows.Load() < want; <-time.After(10 * time.Millisecond) {
		select {
		case err := <-w.ended:
			t.Fatalf("the caller was told %v", err)
		default:
		}
		if time.Now().After(deadline) {
			t.Fatal("the caller waits and waits")
		}
	}
	known := w.rows.Load()
	if rows := count(t, at); rows < known {
		t.Errorf("%d rows of %d that were acknowledged", rows, known)
	}
	return known
}

// end ends it; a server has every row that was acknowledged, and no other.
func (w *writing) end(t *testing.T, at *servertest.Server) {
	t.Helper()
	w.stop()
	if err := <-w.ended; err != nil {
		t.Errorf("the caller was told %v", err)
	}
	if rows := count(t, at); rows != w.rows.Load() {
		t.Errorf("%d rows, %d were acknowledged", rows, w.rows.Load())
	}
}

func count(t *testing.T, s *servertest.Server) (rows int64) {
	t.Helper()
	if err := s.Connect(t, "orders").QueryRow(t.Context(), "SELECT count(*) FROM item").Scan(&rows); err != nil {
		t.Fatal(err)
	}
	return rows
}

func portOf(t *testing.T, address string) int {
	t.Helper()
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

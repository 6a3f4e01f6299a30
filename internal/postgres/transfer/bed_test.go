package transfer

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"example.org/caravan/internal/porttest"
)

// patience is how long a busy machine may take for anything these tests wait for.
const patience = 2 * time.Minute

const secret = `it's "a" \secret`

func installed(t testing.TB, program, pkg string) string {
	t.Helper()
	for _, dir := range []string{"", "/usr/sbin/"} {
		if path, err := exec.LookPath(dir + program); err == nil {
			return path
		}
	}
	absent(t, fmt.Sprintf("no %s; install the package %s", program, pkg))
	return ""
}

func absent(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("CARAVAN_TEST_ALL") == "1" {
		t.Fatalf("%s: %s", t.Name(), why)
	}
	t.Skipf("SKIPPED %s: %s", t.Name(), why)
}

// programs is the folder of PostgreSQL's programs.
func programs(t testing.TB) string {
	t.Helper()
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb") // fails only for a bad pattern
	if len(found) == 0 {
		absent(t, "no PostgreSQL in /usr/lib/postgresql; install the package postgresql")
	}
	return filepath.Dir(found[len(found)-1])
}

// folder is one that the user the servers run as may write to.
func folder(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "caravan-move-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	uid, gid := account(t)
	if err := os.Chown(dir, uid, gid); err != nil {
		t.Fatal(err)
	}
	return dir
}

// account is whom the servers run as: PostgreSQL and PgBouncer refuse to be root.
func account(t testing.TB) (uid, gid int) {
	t.Helper()
	if os.Geteuid() != 0 {
		return os.Geteuid(), os.Getegid()
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		absent(t, "no user postgres to run PostgreSQL as")
	}
	uid, _ = strconv.Atoi(u.Uid) // numbers on every Unix
	gid, _ = strconv.Atoi(u.Gid)
	return uid, gid
}

func as(t testing.TB, dir, program string, args ...string) *exec.Cmd {
	uid, gid := account(t)
	cmd := exec.Command(program, args...)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8", "HOME=" + dir}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if os.Geteuid() == 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
	return cmd
}

// run starts a program that ends with the test; what it says is shown when the test fails.
func run(t testing.TB, cmd *exec.Cmd) {
	t.Helper()
	said, err := os.Create(filepath.Join(cmd.Dir, "said"))
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = said, said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stop := syscall.SIGKILL
		if filepath.Base(cmd.Path) == "postgres" {
			stop = syscall.SIGQUIT // or what it shares with its children stays
		}
		cmd.Process.Signal(stop)
		cmd.Wait()
		said.Close()
		if text, _ := os.ReadFile(said.Name()); t.Failed() {
			t.Logf("%s: %s", filepath.Base(cmd.Path), text[max(0, len(text)-6000):])
		}
	})
}

func eventually(t testing.TB, what string, so func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var last error
	if err := poll(ctx, 20*time.Millisecond, func() (bool, error) { last = so(); return last == nil, nil }); err != nil {
		t.Fatalf("never: %s: %v", what, last)
	}
}

// seed is the folder of a cluster that was made and never run, to copy from.
var seed = sync.OnceValues(func() (string, error) { return os.MkdirTemp("/tmp", "caravan-seed-") })

func TestMain(m *testing.M) {
	if os.Getenv(asChild) != "" {
		os.Exit(child())
	}
	code := m.Run()
	if dir, err := seed(); err == nil {
		_ = os.RemoveAll(dir)
	}
	os.Exit(code)
}

var seeding sync.Mutex

// seeded is the seed, made when it is first asked for.
func seeded(t testing.TB) string {
	t.Helper()
	seeding.Lock()
	defer seeding.Unlock()
	made, err := seed()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(made, "data/PG_VERSION")); err == nil {
		return made
	}
	uid, gid := account(t)
	password := filepath.Join(made, "password")
	if err := os.WriteFile(password, []byte(secret+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(made, uid, gid); err != nil {
		t.Fatal(err)
	}
	if out, err := as(t, made, filepath.Join(programs(t), "initdb"), "-D", made+"/data", "-U", "mover", "--auth", "scram-sha-256", "--pwfile", password, "--encoding", "UTF8", "--no-sync").CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	return made
}

// serve runs a PostgreSQL server with a superuser that has a password, until the test ends.
func serve(t testing.TB, name string, settings ...string) Server {
	t.Helper()
	if testing.Short() {
		t.Skip("servers take their time: make test runs this")
	}
	bin, dir := programs(t), folder(t)
	made := seeded(t)
	if out, err := as(t, dir, "cp", "-a", made+"/data", dir+"/data").CombinedOutput(); err != nil {
		t.Fatalf("cp: %v\n%s", err, out)
	}
	s := Server{Name: name, Address: Address{Host: "127.0.0.1", Port: uint16(porttest.Free(t))}, Login: Login{User: "mover", Password: secret}}
	args := []string{"-D", dir + "/data", "-k", dir, "-p", fmt.Sprint(s.Address.Port), "-c", "listen_addresses=127.0.0.1"}
	for _, x := range append([]string{"wal_level=logical", "max_prepared_transactions=2", "fsync=off", "wal_retrieve_retry_interval=100ms"}, settings...) {
		args = append(args, "-c", x)
	}
	run(t, as(t, dir, filepath.Join(bin, "postgres"), args...))
	eventually(t, name+" answers", func() error {
		c, err := s.dial(t.Context(), maintenance)
		if err != nil {
			return err
		}
		return c.Close(t.Context())
	})
	return s
}

// logOf is what a server wrote to its log.
func logOf(t testing.TB, s Server) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(filepath.Dir(asked(t, s, maintenance, "SELECT current_setting('data_directory')")), "said"))
	if err != nil || len(text) == 0 {
		t.Fatalf("the log of %s: %d bytes, %v", s.Name, len(text), err)
	}
	return string(text)
}

// into is a session in a database, as its superuser.
func into(t testing.TB, s Server, database string) *pgx.Conn {
	t.Helper()
	c, err := pgx.Connect(t.Context(), conninfo(s.Address, s.Login, database, map[string]string{"application_name": "test"}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(context.Background()) })
	return c
}

// sql runs SQL in a database of a server, as its superuser.
func sql(t testing.TB, s Server, database string, text ...string) {
	t.Helper()
	c := into(t, s, database)
	defer c.Close(t.Context())
	for _, one := range text {
		if _, err := c.Exec(t.Context(), one); err != nil {
			t.Fatalf("%s: %v", one, err)
		}
	}
}

// asked is the one value that a query gives, as text.
func asked(t testing.TB, s Server, database, query string) string {
	t.Helper()
	c := into(t, s, database)
	defer c.Close(t.Context())
	var out string
	if err := c.QueryRow(t.Context(), "SELECT coalesce(("+query+")::text, '')").Scan(&out); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return out
}

// bouncer runs a PgBouncer before a database shop, of which clients log in as shop.
func bouncer(t testing.TB, to Server) (PgBouncer, string) {
	t.Helper()
	program, dir := installed(t, "pgbouncer", "pgbouncer"), folder(t)
	b := PgBouncer{Name: "pooler", Admin: Address{Host: "127.0.0.1", Port: uint16(porttest.Free(t))}, Login: Login{User: "pooladmin"}, Databases: []string{"shop"}}
	ini := filepath.Join(dir, "pgbouncer.ini")
	text := fmt.Sprintf("[databases]\nshop = host=%s port=%d dbname=shop user=shop password='shop''s own'\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = %d\nunix_socket_dir =\nauth_type = trust\nauth_file = %s/users\nadmin_users = pooladmin\npool_mode = transaction\ndefault_pool_size = 8\nserver_login_retry = 1\n",
		to.Address.Host, to.Address.Port, b.Admin.Port, dir)
	for name, content := range map[string]string{ini: text, filepath.Join(dir, "users"): "\"pooladmin\" \"\"\n\"shop\" \"\"\n"} {
		if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b.Edit = editor(ini)
	run(t, as(t, dir, program, ini))
	eventually(t, "PgBouncer answers", func() error { return b.say(t.Context(), []string{"SHOW VERSION"}, "") })
	return b, ini
}

// editor changes a file in one go.
func editor(file string) func(context.Context, func(string) (string, error)) error {
	return func(_ context.Context, change func(string) (string, error)) error {
		was, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		is, err := change(string(was))
		if err != nil {
			return err
		}
		if err := os.WriteFile(file+".new", []byte(is), 0o644); err != nil {
			return err
		}
		return os.Rename(file+".new", file)
	}
}

// schema is a shop's: a bit of everything that a move has to carry.
const schema = `
CREATE EXTENSION pg_trgm;
CREATE SCHEMA back;
CREATE TABLE entries (id bigserial PRIMARY KEY, key text NOT NULL, note text, at timestamptz NOT NULL DEFAULT clock_timestamp(), weight float8 DEFAULT random(), upper text GENERATED ALWAYS AS (upper(key)) STORED);
CREATE INDEX ON entries USING gin (note gin_trgm_ops);
CREATE TABLE tallies (worker int PRIMARY KEY, n bigint NOT NULL);
INSERT INTO tallies SELECT g, 0 FROM generate_series(0, 63) g;
CREATE TABLE probes (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, key text NOT NULL);
CREATE TABLE back."Odd Name" (day date, n int, PRIMARY KEY (day, n)) PARTITION BY RANGE (day);
CREATE TABLE back.odd_1 PARTITION OF back."Odd Name" FOR VALUES FROM ('2026-01-01') TO ('2026-07-01');
CREATE TABLE back.odd_2 PARTITION OF back."Odd Name" FOR VALUES FROM ('2026-07-01') TO ('2027-01-01');
INSERT INTO back."Odd Name" SELECT '2026-01-01'::date + g, g FROM generate_series(0, 299) g;
CREATE UNLOGGED TABLE scratch (x int);
CREATE MATERIALIZED VIEW totals AS SELECT count(*) FROM back."Odd Name";
CREATE VIEW recent AS SELECT * FROM entries ORDER BY id DESC LIMIT 10;
CREATE SEQUENCE tickets START 100 INCREMENT 5;
SELECT nextval('tickets');
CREATE SEQUENCE untouched START 7;
ALTER TABLE entries OWNER TO shop; ALTER TABLE tallies OWNER TO shop; ALTER TABLE probes OWNER TO shop;
GRANT USAGE ON SCHEMA back TO reader; GRANT SELECT ON ALL TABLES IN SCHEMA back TO reader;
INSERT INTO entries (key, note) SELECT 'old-' || g, 'a note of some length, about ' || md5(g::text) FROM generate_series(1, 2000) g;
`

// shop makes the database that is moved.
func shop(t testing.TB, s Server) {
	t.Helper()
	sql(t, s, maintenance, "CREATE ROLE shop LOGIN PASSWORD 'shop''s own'; CREATE ROLE reader; GRANT reader TO shop WITH ADMIN OPTION; ALTER ROLE shop SET work_mem = '8MB'; ALTER ROLE shop SET search_path = public, back",
		"CREATE DATABASE shop OWNER shop", "ALTER DATABASE shop SET lock_timeout = '30s'", "REVOKE CONNECT ON DATABASE shop FROM PUBLIC")
	sql(t, s, "shop", schema)
}

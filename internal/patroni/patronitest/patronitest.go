// Package patronitest gives tests a real cluster of PostgreSQL kept by Patroni, with an etcd of one member, on loopback ports of its own; all of it
// is gone when the test ends. It needs Debian's packages etcd-server, patroni and postgresql.
package patronitest

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"example.org/caravan/internal/porttest"
)

// Cluster is a cluster that runs.
type Cluster struct {
	Members []*Member // the first was primary when it began
	dir     string
	run     *syscall.SysProcAttr
	etcd    string
}

// Member is one instance with its Patroni.
type Member struct {
	Name    string
	Address string // of PostgreSQL
	REST    string // host:port
	Config  string // folder of the files that its Patroni reads
	cmd     *exec.Cmd
	c       *Cluster
}

// startup is how long a cluster may take to come up on a busy machine.
const startup = 3 * time.Minute

// Start starts a cluster of so many members. A short run skips the test. Without the programs it is skipped, or fails when CARAVAN_TEST_ALL is 1.
func Start(t testing.TB, members int) *Cluster {
	t.Helper()
	if testing.Short() {
		t.Skip("a cluster takes its time: make test runs this")
	}
	for _, program := range []string{"etcd", "patroni"} {
		if _, err := exec.LookPath(program); err != nil {
			absent(t, "no "+program+" on this machine; install Debian's packages etcd-server and patroni")
		}
	}
	bins, _ := filepath.Glob("/usr/lib/postgresql/*/bin") // fails only for a bad pattern
	if len(bins) == 0 {
		absent(t, "no PostgreSQL in /usr/lib/postgresql; install the package postgresql")
	}
	c := &Cluster{}
	c.place(t)
	c.startEtcd(t)
	for i := range members {
		m := c.member(t, i, bins[len(bins)-1])
		c.Members = append(c.Members, m)
		m.Start(t)
		m.Await(t, map[bool]string{true: "/primary", false: "/replica"}[i == 0])
	}
	return c
}

// Version is that of the Patroni that clusters run; "" where there is none.
func Version(t testing.TB) string {
	t.Helper()
	said, err := exec.CommandContext(t.Context(), "patroni", "--version").Output()
	if err != nil {
		return ""
	}
	_, version, _ := strings.Cut(strings.TrimSpace(string(said)), " ")
	return version
}

func absent(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("CARAVAN_TEST_ALL") == "1" {
		t.Fatalf("%s: %s", t.Name(), why)
	}
	t.Skipf("SKIPPED %s: %s", t.Name(), why)
}

func (c *Cluster) place(t testing.TB) {
	t.Helper()
	dir, err := os.MkdirTemp("", "caravan-patroni-")
	if err != nil {
		t.Fatal(err)
	}
	c.dir = dir
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if os.Geteuid() != 0 { // PostgreSQL refuses to run as root, so root lends it another user
		return
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
	c.run = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
}

func (c *Cluster) startEtcd(t testing.TB) {
	t.Helper()
	c.etcd = porttest.Address(t)
	peers := "http://" + porttest.Address(t)
	cmd := exec.CommandContext(context.Background(), "etcd", "--name", "one", "--data-dir", filepath.Join(c.dir, "etcd"), "--listen-client-urls", "http://"+c.etcd, "--advertise-client-urls", "http://"+c.etcd,
		"--listen-peer-urls", peers, "--initial-advertise-peer-urls", peers, "--initial-cluster", "one="+peers, "--unsafe-no-fsync")
	cmd.Dir, cmd.SysProcAttr = c.dir, c.run
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // fails only when it has ended already
		_ = cmd.Wait()
	})
}

func (c *Cluster) member(t testing.TB, i int, bin string) *Member {
	t.Helper()
	m := &Member{Name: fmt.Sprintf("pg-%d", i+1), Address: porttest.Address(t), REST: porttest.Address(t), c: c}
	m.Config = filepath.Join(c.dir, m.Name+".d")
	if err := os.Mkdir(m.Config, 0o755); err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf(`scope: test
name: %[1]s
restapi: {listen: "%[2]s", connect_address: "%[2]s"}
etcd3: {hosts: ["%[3]s"]}
bootstrap:
  dcs:
    ttl: 60
    loop_wait: 2
    retry_timeout: 25
    postgresql: {use_pg_rewind: true, parameters: {wal_log_hints: "on", fsync: "off", shared_buffers: 32MB}}
  initdb: [{encoding: UTF8}, {locale: C.UTF-8}, data-checksums]
postgresql:
  listen: "%[4]s"
  connect_address: "%[4]s"
  data_dir: %[5]s
  bin_dir: %[6]s
  pgpass: %[5]s.pgpass
  authentication: {superuser: {username: postgres}, replication: {username: postgres}, rewind: {username: postgres}}
  parameters: {unix_socket_directories: %[7]s}
  pg_hba: [local all all trust, host all all 127.0.0.1/32 trust, host replication all 127.0.0.1/32 trust]
`, m.Name, m.REST, c.etcd, m.Address, m.data(), bin, c.dir)
	if err := os.WriteFile(filepath.Join(m.Config, "1-instance.yml"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Stop)
	return m
}

// Start starts the member's Patroni. What it and its PostgreSQL say goes to a file, which nobody waits for the end of.
func (m *Member) Start(t testing.TB) {
	t.Helper()
	log, err := os.OpenFile(m.data()+".log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	m.cmd = exec.CommandContext(context.Background(), "patroni", m.Config)
	m.cmd.Dir, m.cmd.SysProcAttr, m.cmd.Stderr = m.c.dir, m.c.run, log
	m.cmd.Env = []string{"PATH=/usr/bin:/bin", "HOME=" + m.c.dir, "LC_ALL=C.UTF-8", "PGDATA=" + m.data()}
	if err := m.cmd.Start(); err != nil {
		t.Fatal(err)
	}
}

func (m *Member) data() string { return filepath.Join(m.c.dir, m.Name) }

// Lose kills Patroni and its PostgreSQL, as the loss of their machine does.
func (m *Member) Lose(t testing.TB) {
	t.Helper()
	if err := m.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	m.end(syscall.SIGKILL)
}

// Stop ends Patroni, which stops PostgreSQL before it goes; one that it was just about to start it does not know of.
func (m *Member) Stop() {
	if m.cmd == nil {
		return
	}
	_ = m.cmd.Process.Signal(syscall.SIGTERM) // fails only when it has ended already
	m.end(syscall.SIGQUIT)
}

// end waits for Patroni, and ends what is left of its PostgreSQL.
func (m *Member) end(how syscall.Signal) {
	told := m.cmd
	m.cmd = nil
	stuck := time.AfterFunc(startup, func() { _ = told.Process.Kill() }) // fails only when it has ended already
	_ = told.Wait()                                                      // it was told to end
	stuck.Stop()
	for left := m.left(); len(left) > 0; left = m.left() {
		for _, pid := range left {
			_ = syscall.Kill(pid, how) // fails only when it has ended already
		}
		<-time.After(20 * time.Millisecond)
	}
}

// left is what Patroni has started and what that has: all inherit PGDATA from it.
func (m *Member) left() []int {
	var pids []int
	files, _ := filepath.Glob("/proc/[0-9]*/environ") // fails only for a bad pattern
	for _, file := range files {
		environ, err := os.ReadFile(file)
		if err != nil || !slices.Contains(strings.Split(string(environ), "\x00"), "PGDATA="+m.data()) { // it has ended, or is somebody else's
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file))); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// Await waits until the member answers a health check with yes.
func (m *Member) Await(t testing.TB, path string) {
	t.Helper()
	for deadline := time.Now().Add(startup); ; <-time.After(100 * time.Millisecond) {
		if m.says(t, path) {
			return
		}
		if time.Now().After(deadline) {
			said, _ := os.ReadFile(m.data() + ".log") // without it there is nothing to add
			t.Fatalf("%s never said yes to %s:\n%s", m.Name, path, said)
		}
	}
}

// says reports whether the member answers a health check with yes now.
func (m *Member) says(t testing.TB, path string) bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startup)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+m.REST+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	_ = res.Body.Close()
	return res.StatusCode == http.StatusOK
}

// Do runs SQL as the superuser.
func (m *Member) Do(t testing.TB, sql string) {
	t.Helper()
	ctx := context.Background()
	c := m.connect(ctx, t)
	defer func() { _ = c.Close(ctx) }()
	if _, err := c.Exec(ctx, sql); err != nil {
		t.Fatal(err)
	}
}

// Follow waits until the member has replayed all that another has written: a standby that was just made may begin to follow seconds later.
func (m *Member) Follow(t testing.TB, primary *Member) {
	t.Helper()
	ctx := context.Background()
	var written string
	p := primary.connect(ctx, t)
	defer func() { _ = p.Close(ctx) }()
	if err := p.QueryRow(ctx, "SELECT pg_current_wal_lsn()::text").Scan(&written); err != nil {
		t.Fatal(err)
	}
	c := m.connect(ctx, t)
	defer func() { _ = c.Close(ctx) }()
	for deadline := time.Now().Add(startup); ; <-time.After(100 * time.Millisecond) {
		var follows bool
		if err := c.QueryRow(ctx, "SELECT COALESCE(pg_last_wal_replay_lsn() >= $1::text::pg_lsn, false)", written).Scan(&follows); err != nil {
			t.Fatal(err)
		}
		if follows {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s never replayed what %s has written", m.Name, primary.Name)
		}
	}
}

func (m *Member) connect(ctx context.Context, t testing.TB) *pgx.Conn {
	t.Helper()
	c, err := pgx.Connect(ctx, "postgres://postgres@"+m.Address+"/postgres?sslmode=disable")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

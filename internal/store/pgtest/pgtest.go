// Package pgtest gives tests a real PostgreSQL of their own: a cluster in a temporary directory, reachable by a Unix
// socket alone, gone when the test ends. It needs Debian's postgresql package on the machine and no rights beyond that;
// it never touches a cluster that is there already.
package pgtest

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// Cluster is a running PostgreSQL.
type Cluster struct {
	bin    string // folder of its programs
	dir    string // holds its data and its socket
	run    *syscall.SysProcAttr
	number atomic.Int64 // of databases made so far
	stop   func()       // lets the server end, and waits for it
}

// superuser is the cluster's only user; it needs no password.
const superuser = "caravan"

// startup is how long a cluster may take to come up on a busy machine.
const startup = 2 * time.Minute

// Start starts a cluster that ends with the test. Without PostgreSQL on the machine the test is skipped, or fails when
// CARAVAN_TEST_ALL is 1. Short runs do without.
func Start(t testing.TB) *Cluster {
	t.Helper()
	if testing.Short() {
		t.Skip("a PostgreSQL server takes its time: make test runs this")
	}
	bin := programs()
	if bin == "" {
		absent(t, "no PostgreSQL in /usr/lib/postgresql; install the package postgresql")
	}
	c := &Cluster{bin: bin}
	c.prepare(t)
	c.initialise(t)
	c.start(t)
	t.Cleanup(func() { c.stop() })
	return c
}

func absent(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("CARAVAN_TEST_ALL") == "1" {
		t.Fatalf("%s: %s", t.Name(), why)
	}
	t.Skipf("SKIPPED %s: %s", t.Name(), why)
}

// programs is the folder of the newest PostgreSQL's programs, "" when there is none.
func programs() string {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb") // fails only for a bad pattern
	slices.SortFunc(found, func(a, b string) int { return version(b) - version(a) })
	if len(found) == 0 {
		return ""
	}
	return filepath.Dir(found[0])
}

func version(initdb string) int {
	n, err := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(initdb))))
	if err != nil {
		return 0
	}
	return n
}

// prepare makes the cluster's folder. PostgreSQL refuses to run as root, so root lends it another user.
func (c *Cluster) prepare(t testing.TB) {
	t.Helper()
	dir, err := os.MkdirTemp(cmp.Or(os.Getenv("CARAVAN_TEST_RUN"), "/tmp"), "caravan-pg-") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	c.dir = dir
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if os.Geteuid() != 0 {
		return
	}
	uid, gid, ok := unprivileged()
	if !ok {
		absent(t, "no user to run PostgreSQL as; add the user postgres")
	}
	if err := os.Chown(dir, uid, gid); err != nil {
		t.Fatal(err)
	}
	c.run = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
}

func unprivileged() (uid, gid int, ok bool) {
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, errUID := strconv.Atoi(u.Uid)
		gid, errGID := strconv.Atoi(u.Gid)
		if errUID == nil && errGID == nil {
			return uid, gid, true
		}
	}
	return 0, 0, false
}

func (c *Cluster) command(ctx context.Context, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(c.bin, program), args...)
	cmd.Dir, cmd.SysProcAttr = c.dir, c.run
	cmd.Env = []string{"PATH=" + c.bin + ":/usr/bin:/bin", "LC_ALL=C.UTF-8", "HOME=" + c.dir, "CARAVAN_TEST_RUN=" + os.Getenv("CARAVAN_TEST_RUN")}
	return cmd
}

func (c *Cluster) initialise(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), startup)
	defer cancel()
	out, err := c.command(ctx, "initdb", "--pgdata", c.data(), "--username", superuser, "--auth", "trust",
		"--encoding", "UTF8", "--no-sync").CombinedOutput()
	if err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
}

func (c *Cluster) data() string { return filepath.Join(c.dir, "data") }

// start runs the server until the test ends; durability is switched off, which no test here is about.
func (c *Cluster) start(t testing.TB) {
	t.Helper()
	cmd := c.command(context.Background(), "postgres", "-D", c.data(), "-k", c.dir, "-c", "listen_addresses=",
		"-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off", "-c", "log_destination=stderr")
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ready, done := make(chan bool, 1), make(chan string, 1)
	go func() { done <- follow(stderr, ready) }()
	c.stop = sync.OnceFunc(func() {
		_ = cmd.Process.Signal(syscall.SIGINT) // fast shutdown; fails only when it has ended already
		<-done
		_ = cmd.Wait()
	})
	select {
	case <-ready:
	case log := <-done:
		done <- log
		t.Fatalf("PostgreSQL did not start:\n%s", log)
	case <-time.After(startup):
		t.Fatalf("PostgreSQL was not ready after %s", startup)
	}
}

// Restart ends the server, whoever is connected, calls between, and starts it again.
func (c *Cluster) Restart(t testing.TB, between func()) {
	t.Helper()
	c.stop()
	between()
	c.start(t)
}

// follow reads the server's log to its end and says when the server is ready.
func follow(log io.Reader, ready chan<- bool) string {
	var all strings.Builder
	lines := bufio.NewScanner(log)
	for lines.Scan() {
		all.WriteString(lines.Text() + "\n")
		if strings.Contains(lines.Text(), "ready to accept connections") {
			select {
			case ready <- true:
			default:
			}
		}
	}
	return all.String()
}

// Database makes an empty database and returns its address.
func (c *Cluster) Database(t testing.TB) string {
	t.Helper()
	name := fmt.Sprintf("test%d", c.number.Add(1))
	ctx, cancel := context.WithTimeout(context.Background(), startup)
	defer cancel()
	if out, err := c.command(ctx, "createdb", "-h", c.dir, "-U", superuser, name).CombinedOutput(); err != nil {
		t.Fatalf("createdb: %v\n%s", err, out)
	}
	address := url.URL{Scheme: "postgres", User: url.User(superuser), Path: "/" + name, RawQuery: url.Values{"host": {c.dir}}.Encode()}
	return address.String()
}

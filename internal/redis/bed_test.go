package redis

import (
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"example.org/caravan/internal/porttest"
	"example.org/caravan/internal/standby"
)

// TestMain lets several beds stand at once: they wait more than they work.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "6"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// within is how long a busy machine may take to answer.
const within = time.Minute

// eventually waits until something is so, asking again and again. A Sentinel that the machine does not let run for two seconds does nothing for
// thirty, so what it is to do may take several times as long as an answer.
func eventually(t testing.TB, what string, so func() bool) {
	t.Helper()
	patiently(t, 5*within, what, so)
}

func patiently(t testing.TB, limit time.Duration, what string, so func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !so() {
		select {
		case <-ctx.Done():
			t.Fatalf("never: %s", what)
		case <-tick.C:
		}
	}
}

// installed is a real program's path. Without it the test is skipped by name, or fails when CARAVAN_TEST_ALL is 1.
func installed(t testing.TB, name, pkg string) string {
	t.Helper()
	for _, folder := range append(filepath.SplitList(os.Getenv("PATH")), "/usr/sbin", "/sbin") {
		if p, err := exec.LookPath(filepath.Join(folder, name)); err == nil {
			return p
		}
	}
	why := fmt.Sprintf("no %s on this machine; install the package %s", name, pkg)
	if os.Getenv("CARAVAN_TEST_ALL") == "1" {
		t.Fatalf("%s: %s", t.Name(), why)
	}
	t.Skipf("SKIPPED %s: %s", t.Name(), why)
	return ""
}

const password = "word-of-the-tests"

// server is a real redis-server that can be killed and started again from what it wrote down.
type server struct {
	t       testing.TB
	name    string
	program string
	dir     string
	args    []string
	port    int

	mu   sync.Mutex
	cmd  *exec.Cmd
	said *os.File
}

func (s *server) address() string { return fmt.Sprintf("127.0.0.1:%d", s.port) }

func (s *server) instance() Instance { return Instance{Name: s.name, Address: s.address()} }

func (s *server) start() {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd != nil {
		return
	}
	said, err := os.OpenFile(filepath.Join(s.dir, "said"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		s.t.Fatal(err)
	}
	cmd := exec.Command(s.program, s.args...)
	told := struct{ io.Writer }{said} // no file of its own: Wait then waits for those who were forked to save, too
	cmd.Dir, cmd.Stdout, cmd.Stderr = s.dir, told, told
	if err := cmd.Start(); err != nil {
		said.Close()
		s.t.Fatal(err)
	}
	s.cmd, s.said = cmd, said
}

// kill is kill -9, and over when nobody writes into its folder anymore.
func (s *server) kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil {
		return
	}
	s.cmd.Process.Kill()
	s.cmd.Wait()
	s.said.Close()
	s.cmd, s.said = nil, nil
}

// ask gives a command, and is empty while the server does not answer.
func (s *server) ask(words ...string) reply {
	c, err := connect(context.Background(), s.address(), Login{Password: password}, nil)
	if err != nil {
		return reply{}
	}
	defer c.close()
	all, err := c.each(context.Background(), words)
	if err != nil {
		return reply{}
	}
	return all[0]
}

func (s *server) info() info { return parseInfo(s.ask("INFO").text) }

// newServer is a server that is not started yet.
func newServer(t testing.TB, name, config string, args ...string) *server {
	t.Helper()
	s := &server{t: t, name: name, program: installed(t, "redis-server", "redis-server"), dir: t.TempDir(), port: porttest.Free(t)}
	file := filepath.Join(s.dir, "redis.conf")
	text := fmt.Sprintf("port %d\nbind 127.0.0.1\ndir %s\nrequirepass %s\n", s.port, s.dir, password) + config
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s.args = append([]string{file}, args...)
	t.Cleanup(func() {
		s.kill()
		if t.Failed() {
			said, _ := os.ReadFile(filepath.Join(s.dir, "said"))
			t.Logf("%s at %d: %s", name, s.port, said[max(0, len(said)-4000):])
		}
	})
	return s
}

// durable servers have all they acknowledged after kill -9, so that what is lost was lost by a move.
const durable = "appendonly yes\nappendfsync always\nsave \"\"\nrepl-diskless-sync-delay 0\nmasterauth " + password + "\n"

// bed is a source with two instances and perhaps three Sentinels, and a target with two.
type bed struct {
	t         testing.TB
	source    []*server
	target    []*server
	sentinels []*server // of the source
	others    []*server // Sentinels of the target
	down      time.Duration
}

// newBed is one whose Sentinels find a master down as soon as those that are rendered do; a busy machine stalls for less.
func newBed(t testing.TB, settings string, sentinels int) *bed {
	t.Helper()
	return newPatientBed(t, settings, sentinels, 5*time.Second)
}

// hung is after how long Sentinels find a master down where nobody else may come to lead because a disk was slow.
const hung = 15 * time.Second

// newPatientBed is one whose Sentinels wait before they find a master down.
func newPatientBed(t testing.TB, settings string, sentinels int, down time.Duration) *bed {
	t.Helper()
	if testing.Short() {
		t.Skip("servers take their time: make test runs this")
	}
	b := &bed{t: t, down: down}
	b.source = pairOf(t, "s", settings)
	b.target = pairOf(t, "t", settings)
	b.sentinels = watchers(t, "w", b.source, sentinels, down)
	return b
}

// pairOf is a master and a replica that follows it.
func pairOf(t testing.TB, prefix, settings string) []*server {
	t.Helper()
	first := newServer(t, prefix+"0", settings)
	second := newServer(t, prefix+"1", settings+fmt.Sprintf("replicaof 127.0.0.1 %d\n", first.port))
	first.start()
	second.start()
	eventually(t, prefix+"1 follows "+prefix+"0", func() bool { return second.info()["master_link_status"] == "up" })
	return []*server{first, second}
}

// watchers starts Sentinels that know each other, and both instances, from the start.
func watchers(t testing.TB, prefix string, servers []*server, n int, down time.Duration) []*server {
	t.Helper()
	var all []*server
	for i := range n {
		all = append(all, newServer(t, fmt.Sprintf("%s%d", prefix, i), "", "--sentinel"))
	}
	id := func(i int) string { return strings.Repeat(fmt.Sprintf("%x", int(prefix[0])*0x10+i), 14)[:40] }
	for i, s := range all {
		var text strings.Builder
		fmt.Fprintf(&text, "sentinel sentinel-pass %s\nsentinel myid %s\nsentinel monitor main 127.0.0.1 %d %d\nsentinel auth-pass main %s\nsentinel down-after-milliseconds main %d\nsentinel failover-timeout main 4000\nsentinel known-replica main 127.0.0.1 %d\n",
			password, id(i), servers[0].port, n/2+1, password, down.Milliseconds(), servers[1].port)
		for j, other := range all {
			if i != j {
				fmt.Fprintf(&text, "sentinel known-sentinel main 127.0.0.1 %d %s\n", other.port, id(j))
			}
		}
		file := filepath.Join(s.dir, "redis.conf")
		had, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, append(had, text.String()...), 0o600); err != nil {
			t.Fatal(err)
		}
		s.start()
	}
	for _, s := range all {
		eventually(t, "Sentinel "+s.name+" has its quorum", func() bool { return strings.HasPrefix(s.ask("SENTINEL", "CKQUORUM", "main").text, "OK") })
		s.ask("SENTINEL", "DEBUG", "info-period", "500", "publish-period", "200") // they look, and act, some ten times as often
	}
	return all
}

func set(servers, sentinels []*server) Set {
	login := Login{Password: password}
	out := Set{Login: login, Replication: login, SentinelLogin: login, MasterLogin: login, Dial: (&net.Dialer{}).DialContext}
	for _, s := range servers {
		out.Instances = append(out.Instances, s.instance())
	}
	for _, s := range sentinels {
		out.Sentinels = append(out.Sentinels, s.address())
		out.Master = "main"
	}
	return out
}

// mover is a Move on a bed that can be killed: from then on it reaches nothing and keeps nothing, and the next is made from what it kept.
type mover struct {
	b     *bed
	kept  []byte
	ways  []Way
	pause time.Duration // for which writes are held at most; more than a busy machine takes when 0
	login Login         // of its own, when it is not everybody's
	// at is called before and after each command is sent: "before CONFIG REWRITE".
	at  func(m *mover, moment string)
	one sync.Mutex // moment at a time

	mu   sync.Mutex
	dead bool
	stop context.CancelFunc
}

type killed struct{}

func (killed) Error() string { return "the mover was killed" }

func (m *mover) kill() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.dead = true
	if m.stop != nil {
		m.stop()
	}
}

func (m *mover) alive() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.dead {
		return killed{}
	}
	return nil
}

func (m *mover) moment(what string) {
	m.one.Lock()
	defer m.one.Unlock()
	if m.at != nil && m.alive() == nil {
		m.at(m, what)
	}
}

func (m *mover) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if err := m.alive(); err != nil {
		return nil, err
	}
	c, err := (&net.Dialer{}).DialContext(ctx, network, address)
	return &watched{Conn: c, m: m}, err
}

// watched is a connection of a mover.
type watched struct {
	net.Conn
	m *mover
}

func (w *watched) Write(p []byte) (int, error) {
	what := spoken(string(p))
	w.m.moment("before " + what)
	if err := w.m.alive(); err != nil {
		return 0, err
	}
	n, err := w.Conn.Write(p)
	w.m.moment("after " + what)
	return n, err
}

func (w *watched) Read(p []byte) (int, error) {
	if err := w.m.alive(); err != nil {
		return 0, err
	}
	return w.Conn.Read(p)
}

// spoken names what is sent by the commands that change something.
func spoken(sent string) string {
	words := strings.Split(sent, "\r\n")
	has := func(all ...string) bool {
		for _, w := range all {
			if !strings.Contains(sent, "\r\n"+w+"\r\n") {
				return false
			}
		}
		return true
	}
	switch {
	case has("DRYRUN"):
		return "asking"
	case has("MULTI", "REPLICAOF", "NO"):
		return "promoting"
	case has("MULTI", "REPLICAOF", "INFO"):
		return "fencing"
	case has("MULTI", "REPLICAOF"):
		return "following"
	case has("PAUSE"):
		return "pausing"
	case has("KILL"):
		return "sending away"
	case has("REMOVE"):
		return "forgetting"
	case has("SET", "quorum", "1000"):
		return "holding"
	case has("SET", "quorum"):
		return "releasing"
	case len(words) > 2:
		return words[2]
	}
	return sent
}

// next is a mover that goes on with what was kept.
func (m *mover) next() *mover {
	return &mover{b: m.b, kept: m.kept, ways: m.ways, pause: m.pause, login: m.login}
}

func (m *mover) move() (Move, standby.RedisMove) {
	source, target := set(m.b.source, m.b.sentinels), set(m.b.target, m.b.others)
	source.Dial, target.Dial = m.dial, m.dial
	if m.login.Given() {
		source.Login, target.Login = m.login, m.login
	}
	var state standby.RedisMove
	if len(m.kept) > 0 {
		if err := json.Unmarshal(m.kept, &state); err != nil {
			m.b.t.Fatal(err)
		}
	}
	return Move{
		Name: "main", Source: source, Target: target, Ways: m.ways, Options: Options{Pause: cmp.Or(m.pause, within/4), Sync: within}, Now: time.Now,
		Tell: func(line string) {
			if testing.Verbose() {
				m.b.t.Log(line)
			}
		},
		Save: func(s standby.RedisMove) error {
			m.moment("before keeping " + string(s.Phase))
			if err := m.alive(); err != nil {
				return err
			}
			kept, err := json.Marshal(s)
			m.kept = kept
			m.moment("after keeping " + string(s.Phase))
			return err
		},
	}, state
}

// life ends when it is killed.
func (m *mover) life() context.Context {
	ctx, cancel := context.WithCancel(m.b.t.Context())
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stop = cancel
	return ctx
}

func (m *mover) do() (standby.RedisMove, error) {
	move, state := m.move()
	return move.Do(m.life(), state)
}

func (m *mover) undo() (standby.RedisMove, error) {
	move, state := m.move()
	return move.Undo(m.life(), state)
}

func (m *mover) verify() error {
	move, state := m.move()
	_, err := move.Verify(context.Background(), state)
	return err
}

// writers write numbers, each to keys of its own, and know what was acknowledged. A stray one writes to whichever instance takes it, as clients
// with an old address do.
type writers struct {
	t     testing.TB
	mu    sync.Mutex
	at    []*server
	acked map[string]int
	tried map[string]int
	count int
	stop  chan struct{}
	all   sync.WaitGroup
}

func startWriters(t testing.TB, n int, at ...*server) *writers {
	w := &writers{t: t, at: at, acked: map[string]int{}, tried: map[string]int{}, stop: make(chan struct{})}
	for i := range n {
		w.all.Go(func() { w.write(i) })
	}
	t.Cleanup(w.end)
	return w
}

func (w *writers) end() {
	w.mu.Lock()
	select {
	case <-w.stop:
	default:
		close(w.stop)
	}
	w.mu.Unlock()
	w.all.Wait()
}

func (w *writers) also(servers ...*server) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at = append(w.at, servers...)
}

func (w *writers) without(gone *server) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at = slices.DeleteFunc(slices.Clone(w.at), func(s *server) bool { return s == gone })
}

func (w *writers) place(n int) *server {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.at[n%len(w.at)]
}

func (w *writers) written() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.count
}

// write tries one place until it does not take a write, then the next.
func (w *writers) write(i int) {
	pace := time.NewTicker(2 * time.Millisecond)
	defer pace.Stop()
	var c *link
	defer func() {
		if c != nil {
			c.close()
		}
	}()
	for turn, n := i, 1; ; {
		select {
		case <-w.stop:
			return
		case <-pace.C:
		}
		if c == nil {
			opened, err := connect(context.Background(), w.place(turn).address(), Login{Password: password}, nil)
			if err != nil {
				turn++
				continue
			}
			c = opened
		}
		key := fmt.Sprintf("key:%d:%d", i, n%50)
		w.note(w.tried, key, n)
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		r, err := c.do(ctx, "SET", key, strconv.Itoa(n))
		cancel()
		if err != nil || r.text != "OK" {
			c.close()
			c = nil
			turn++
			n++
			continue
		}
		w.note(w.acked, key, n)
		w.mu.Lock()
		w.count++
		w.mu.Unlock()
		n++
	}
}

func (w *writers) note(in map[string]int, key string, n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	in[key] = n
}

// lost are acknowledged writes that an instance does not have.
func (w *writers) lost(at *server) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []string
	for key, acked := range w.acked {
		has, _ := strconv.Atoi(at.ask("GET", key).text)
		if has < acked || has > w.tried[key] {
			out = append(out, fmt.Sprintf("%s is %d, %d was acknowledged, %d tried", key, has, acked, w.tried[key]))
		}
	}
	return out
}

// balancer is a real HAProxy in front of the source's instances, which finds the primary by its role; it knows nothing of the target.
func (b *bed) balancer() (clients string, way HAProxy) {
	b.t.Helper()
	program := installed(b.t, "haproxy", "haproxy")
	dir := b.t.TempDir()
	socket, err := os.MkdirTemp("", "haproxy") // a socket's path has to be short
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { os.RemoveAll(socket) })
	port := porttest.Free(b.t)
	way = HAProxy{Network: "unix", Address: filepath.Join(socket, "admin"), Backend: "redis"}
	var text strings.Builder
	fmt.Fprintf(&text, "global\n  stats socket %[1]s level admin\n  stats socket %[1]s.user level user\ndefaults\n  mode tcp\n  timeout connect 2s\n  timeout client 1m\n  timeout server 1m\n  timeout check 2s\nfrontend clients\n  bind 127.0.0.1:%[2]d\n  default_backend redis\nbackend other\n  server elsewhere 127.0.0.1:9\nbackend redis\n  option tcp-check\n  tcp-check send \"AUTH %[3]s\\r\\n\"\n  tcp-check expect string +OK\n  tcp-check send \"INFO replication\\r\\n\"\n  tcp-check expect string role:master\n  default-server check inter 2s fall 2 rise 1 on-marked-down shutdown-sessions\n", way.Address, port, password)
	for _, s := range b.source {
		fmt.Fprintf(&text, "  server %s %s\n", s.name, s.address())
	}
	file := filepath.Join(dir, "haproxy.cfg")
	if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
		b.t.Fatal(err)
	}
	cmd := exec.Command(program, "-db", "-f", file)
	if err := cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	clients = fmt.Sprintf("127.0.0.1:%d", port)
	eventually(b.t, "clients reach the primary", func() bool {
		c, err := connect(context.Background(), clients, Login{Password: password}, nil)
		if err != nil {
			return false
		}
		defer c.close()
		r, err := c.do(context.Background(), "SET", "begun", "1")
		return err == nil && r.text == "OK"
	})
	return clients, way
}

func (s *server) signal(sig syscall.Signal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd != nil {
		s.cmd.Process.Signal(sig)
	}
}

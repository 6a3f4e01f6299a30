package vm

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"example.org/caravan/internal/porttest"
	"example.org/caravan/internal/render"
	"example.org/caravan/internal/workload"
)

// patience is how long a busy machine may take for anything these tests wait for.
const patience = 5 * time.Minute

// eventually waits until something is so, asking again and again.
func eventually(t *testing.T, what string, so func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !so() {
		select {
		case <-ctx.Done():
			t.Fatalf("never: %s", what)
		case <-tick.C:
		}
	}
}

// start runs a program until the test ends; what it says is shown when the test fails.
func start(t *testing.T, name string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(name, args...)
	said, err := os.Create(filepath.Join(t.TempDir(), "said"))
	if err != nil {
		t.Fatal(err)
	}
	told := struct{ io.Writer }{said} // no file of its own: Wait then waits for those it forked, too
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = told, told, 10*time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		said.Close()
		if t.Failed() {
			t.Logf("%s: %s", filepath.Base(name), read(t, said.Name()))
		}
	})
	return cmd
}

// nearby are callers on this machine.
var nearby = []render.Peer{{Service: "orders", Ranges: []string{"127.0.0.0/8"}}}

// balancerOf runs a site's load balancer at 127.0.1.1, and asks it for the state of a server ("UP", "DRAIN", "DOWN").
func balancerOf(t *testing.T, s render.Site, moved ...string) (state func(server string) string) {
	t.Helper()
	haproxy := installed(t, "haproxy", "haproxy")
	dir, err := os.MkdirTemp("/tmp", "caravan-lb-") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket := filepath.Join(dir, "admin.sock")
	for _, f := range bundle(t, s).Files {
		if !strings.HasSuffix(f.Path, "haproxy.cfg") {
			continue
		}
		text := regexp.MustCompile(`(?m)^    (log /dev/log local0|log global|chroot .*|user .*|group .*)\n`).ReplaceAllString(f.Text, "")
		text = strings.NewReplacer(append(moved, "/run/haproxy/admin.sock", socket, "bind :", "bind 127.0.1.1:")...).Replace(text)
		put(t, filepath.Join(dir, "haproxy.cfg"), text, 0o644)
	}
	start(t, haproxy, "-db", "-f", filepath.Join(dir, "haproxy.cfg"))
	return func(server string) string {
		conn, err := net.Dial("unix", socket)
		if err != nil {
			return ""
		}
		defer conn.Close()
		fmt.Fprintln(conn, "show stat")
		all, _ := io.ReadAll(conn) // what cannot be read has no state
		for line := range strings.Lines(string(all)) {
			if fields := strings.Split(line, ","); len(fields) > 17 && fields[1] == server {
				return fields[17]
			}
		}
		return ""
	}
}

func TestADrainingMachineIsTakenOutOfBalanceAndComesBack(t *testing.T) {
	port, agents := porttest.Free(t), porttest.Free(t)
	s := siteOf(t, "service")
	s.Hosts = []render.Host{{Name: "lb-1", Address: "127.0.1.1"}, {Name: "app-1", Address: "127.0.2.1"}, {Name: "app-2", Address: "127.0.2.2"}}
	s.Services[0].Callers = nearby
	w := s.Services[0].Workload
	w.Service.Ports["http"] = portOf(port)
	w.Containers["main"].ReadinessProbe.HTTPGet.Port = port
	marks := map[string]string{"app-1": t.TempDir(), "app-2": t.TempDir()}
	for _, h := range s.Hosts[1:] {
		serve(t, h, port)
		answer(t, s, net.JoinHostPort(h.Address, fmt.Sprint(agents)), marks[h.Name])
	}
	state := balancerOf(t, s, "agent-port 8405", fmt.Sprintf("agent-port %d", agents))
	ask := func() string {
		res, err := http.Get(fmt.Sprintf("http://127.0.1.1:%d/", port))
		if err != nil {
			return err.Error()
		}
		defer res.Body.Close()
		body, _ := io.ReadAll(res.Body)
		return string(body)
	}
	eventually(t, "both machines are up", func() bool { return state("app-1") == "UP" && state("app-2") == "UP" })

	put(t, filepath.Join(marks["app-1"], "orders/drain"), "", 0o644)
	eventually(t, "app-1 is drained", func() bool { return strings.HasPrefix(state("app-1"), "DRAIN") })
	for range 20 {
		if got := ask(); got != "app-2" {
			t.Fatalf("%s answers while app-1 is drained", got)
		}
	}
	if err := os.Remove(filepath.Join(marks["app-1"], "orders/drain")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "app-1 is back", func() bool { return state("app-1") == "UP" })
	eventually(t, "app-1 answers again", func() bool { return ask() == "app-1" })
}

// serve is a service's process on a machine; it answers with the machine's name.
func serve(t *testing.T, h render.Host, port int) {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(h.Address, fmt.Sprint(port)))
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, h.Name) })}
	go server.Serve(l)
	t.Cleanup(func() { server.Close() })
}

// answer runs a machine's agent script for each connection, as its unit does.
func answer(t *testing.T, s render.Site, address, marks string) {
	t.Helper()
	script := filepath.Join(t.TempDir(), "agent")
	for _, f := range bundle(t, s).Files {
		if strings.HasSuffix(f.Path, "/agent/agent") {
			put(t, script, strings.ReplaceAll(f.Text, "/run/kopi", marks), 0o755)
		}
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	start(t, installed(t, "socat", "socat"), "TCP-LISTEN:"+port+",bind="+host+",reuseaddr,fork,max-children=64", "EXEC:"+script)
}

var codeBlock = regexp.MustCompile("(?s)```\n(.*?)```")

func TestRedisFailsOverAndTheLoadBalancerFollows(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: waits for a failover")
	}
	server, cli := installed(t, "redis-server", "redis-server"), installed(t, "redis-cli", "redis-tools")
	port, sentinels := porttest.Free(t), porttest.Free(t)
	s := siteOf(t, "redis")
	s.Datastores = s.Datastores[1:]
	d := &s.Datastores[0]
	d.Port, d.Callers = port, nearby
	s.Hosts = []render.Host{{Name: "lb-1", Address: "127.0.1.1"}}
	for i, name := range d.Hosts {
		s.Hosts = append(s.Hosts, render.Host{Name: name, Address: fmt.Sprintf("127.0.3.%d", i+1)})
	}
	blocks := secretsOf(t, s)
	running := map[string]*exec.Cmd{}
	for _, f := range bundle(t, s).Files {
		name := filepath.Base(f.Path)
		if !strings.HasSuffix(name, ".conf") {
			continue
		}
		dir := t.TempDir()
		live := filepath.Join(dir, name)
		text := strings.NewReplacer("/var/lib/kopi/redis-cache", dir, " 127.0.0.1\n", "\n", "port 26379", fmt.Sprintf("port %d", sentinels)).Replace(f.Text)
		if strings.HasPrefix(name, "redis-") {
			put(t, live, text+blocks[0], 0o644)
			running[strings.TrimSuffix(strings.TrimPrefix(name, "redis-"), ".conf")] = start(t, server, live)
		} else {
			put(t, live, text+blocks[1], 0o644)
			start(t, server, live, "--sentinel")
		}
	}
	if len(running) != 3 {
		t.Fatalf("%d servers are running", len(running))
	}
	state := balancerOf(t, s)
	say := func(words ...string) string {
		out, _ := run(t, cli, append([]string{"-h", "127.0.1.1", "-p", fmt.Sprint(port), "--no-auth-warning", "--user", "orders", "--pass", "word"}, words...)...)
		return strings.TrimSpace(out)
	}
	eventually(t, "the load balancer has found the primary", func() bool {
		return state("redis-cache-1") == "UP" && state("redis-cache-2") == "DOWN" && state("redis-cache-3") == "DOWN"
	})
	eventually(t, "a service may write", func() bool { return say("SET", "country", "ID") == "OK" })
	if got := say("CONFIG", "GET", "maxmemory"); !strings.Contains(got, "NOPERM") {
		t.Errorf("a service may see the configuration: %s", got)
	}
	for _, h := range s.Hosts[1:] {
		ask := func(words ...string) string {
			out, _ := run(t, cli, append([]string{"-h", h.Address, "-p", fmt.Sprint(sentinels), "--no-auth-warning", "--pass", "word", "SENTINEL"}, words...)...)
			return out
		}
		eventually(t, "a Sentinel knows the others", func() bool { return strings.HasPrefix(ask("CKQUORUM", "redis-cache"), "OK 3 usable") })
		// It asks the primary every ten seconds; whom it does not know it leaves behind.
		eventually(t, "a Sentinel knows both standbys", func() bool { return strings.Contains(ask("MASTER", "redis-cache"), "num-slaves\n2\n") })
	}

	running["redis-cache-1"].Process.Kill()
	eventually(t, "the load balancer has found another primary", func() bool { return state("redis-cache-2") == "UP" || state("redis-cache-3") == "UP" })
	eventually(t, "a service may write again", func() bool { return say("SET", "country", "MY") == "OK" })
}

// secretsOf is what the page about secrets asks for, with a password where it has a mark.
func secretsOf(t *testing.T, s render.Site) []string {
	t.Helper()
	var out []string
	for _, f := range bundle(t, s).Files {
		if strings.HasSuffix(f.Path, "secrets.md") {
			for _, m := range codeBlock.FindAllStringSubmatch(f.Text, -1) {
				out = append(out, regexp.MustCompile(`<[^>]*>`).ReplaceAllString(m[1], "word"))
			}
		}
	}
	if len(out) == 0 {
		t.Fatal("no secrets are asked for")
	}
	return out
}

func portOf(port int) workload.Port { return workload.Port{Port: port} }

package transfer

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/porttest"
	"example.org/caravan/internal/standby"
)

func TestADatabaseOfPgBouncerIsPointedElsewhere(t *testing.T) {
	t.Parallel()
	at := Address{Host: "kube.internal", Port: 6000}
	for about, c := range map[string]struct{ was, want string }{
		"a line":                 {"[databases]\nshop = host=vm port=5432 dbname=shop\n", "[databases]\nshop = host=kube.internal port=6000 dbname=shop\n"},
		"a password with space":  {"[databases]\nshop=password='a = b' host=vm\n", "[databases]\nshop= host=kube.internal port=6000 password='a = b'\n"},
		"space around the signs": {"[databases]\nshop = host = vm\tport\t= 5432 dbname =shop  user= shop \n", "[databases]\nshop = host=kube.internal port=6000 dbname=shop user=shop\n"},
		"another section":        {"[databases]\n;shop = host=a\n\"shop\" = port=1\n[pgbouncer]\nshop = host=x\n", "[databases]\n;shop = host=a\n\"shop\" = host=kube.internal port=6000\n[pgbouncer]\nshop = host=x\n"},
		"no end of line":         {"[databases]\nshop = auth_user=u", "[databases]\nshop = host=kube.internal port=6000 auth_user=u"},
		"nothing":                {"[databases]\n* = host=vm\n", ""},
	} {
		got, err := pointed(c.was, "shop", at)
		if got != c.want || (err != nil) != (c.want == "") {
			t.Errorf("%s: %q, %v", about, got, err)
		}
	}
}

// balancer runs an HAProxy with a server for each side.
func balancer(t testing.TB, first, second Server) (HAProxy, uint16) {
	t.Helper()
	program, dir, port := installed(t, "haproxy", "haproxy"), folder(t), porttest.Free(t)
	socket := filepath.Join(dir, "admin.sock")
	text := fmt.Sprintf("global\n  stats socket %s mode 600 level admin\ndefaults\n  mode tcp\n  timeout connect 5s\n  timeout client 1h\n  timeout server 1h\nfrontend db\n  bind 127.0.0.1:%d\n  maxconn 100\n  default_backend dbs\nbackend dbs\n  server %s %s\n  server %s %s disabled\n",
		socket, port, first.Name, first.Address, second.Name, second.Address)
	if err := os.WriteFile(filepath.Join(dir, "haproxy.cfg"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	run(t, as(t, dir, program, "-db", "-f", filepath.Join(dir, "haproxy.cfg")))
	h := HAProxy{Name: "balancer", Backend: "dbs", Servers: map[string][]string{first.Name: {first.Name}, second.Name: {second.Name}},
		Dial: func(ctx context.Context) (net.Conn, error) { return (&net.Dialer{}).DialContext(ctx, "unix", socket) }}
	eventually(t, "HAProxy answers", func() error { return h.Release(t.Context()) })
	return h, uint16(port)
}

func TestHAProxyIsAskedForNoLongerThanClientsWait(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err := HAProxy{Name: "balancer", Backend: "dbs", Servers: map[string][]string{"vm": {"vm"}}, Dial: func(context.Context) (net.Conn, error) {
		here, there := net.Pipe()
		go func() { _, _ = io.Copy(io.Discard, there) }() // it listens, and says nothing
		return here, nil
	}}.Hold(ctx)
	if fault.KindOf(err) != fault.Unavailable || ctx.Err() == nil {
		t.Errorf("%v, %v", err, ctx.Err())
	}
}

func TestTwoDatabasesAreMovedBehindHAProxy(t *testing.T) {
	t.Parallel()
	s := &scene{vm: serve(t, "vm"), kube: serve(t, "kube")}
	shop(t, s.vm)
	sql(t, s.vm, maintenance, "CREATE DATABASE crm OWNER shop")
	sql(t, s.vm, "crm", "CREATE TABLE people (id int PRIMARY KEY, name text)", "INSERT INTO people VALUES (1, 'Ada')")
	sql(t, s.kube, maintenance, "CREATE ROLE shop LOGIN", "CREATE DATABASE shop OWNER shop")
	h, port := balancer(t, s.vm, s.kube)
	m := s.mover(t)
	m.Holder = h
	for want, change := range map[string]func(*HAProxy){
		"no backend orders":    func(h *HAProxy) { h.Backend = "orders" },
		"has no server kube9,": func(h *HAProxy) { h.Servers = map[string][]string{"vm": {"vm"}, "kube": {"kube", "kube9"}} },
		"no server that leads": func(h *HAProxy) { h.Servers = map[string][]string{"vm": {"vm"}} },
		"":                     func(*HAProxy) {},
	} {
		other := h
		change(&other)
		if err := other.Check(t.Context(), s.kube); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q is checked: %v", want, err)
		}
	}
	w := write(t, fmt.Sprintf("host=127.0.0.1 port=%d user=shop password='shop\\'s own' dbname=shop sslmode=disable", port), 4, 200)
	w.more(t, 50)
	x := planned()
	x.Databases = []string{"shop", "crm"}
	x, err := m.Follow(t.Context(), x)
	if err != nil {
		t.Fatal(err)
	}
	p := probe(t, s.vm, s.kube)
	read := 0
	m.passed = func(step string) {
		if step != "reading" {
			return
		}
		if read++; read == 2 {
			sql(t, s.kube, maintenance, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'caravan' AND datname = 'crm'")
		}
	}
	if x, err = m.Cut(t.Context(), x); err == nil || x.Phase != standby.Moved || len(x.Cuts[0].Proof) != 0 {
		t.Errorf("its second database cannot be read for the proof: %v, %+v", err, x)
	}
	m.passed = nil
	if x, err = m.Cut(t.Context(), x); err != nil {
		t.Fatal(err)
	}
	w.more(t, 100)
	if got := asked(t, s.kube, "crm", "SELECT name FROM people"); got != "Ada" {
		t.Errorf("the second database: %q", got)
	}
	if len(x.Cuts[0].Proof) != 6 || strings.Join(x.Made.Aside, " ") != "shop" || strings.Join(x.Made.Passwords, " ") != "shop" {
		t.Errorf("moved: %+v", x)
	}
	if x, err = m.Close(t.Context(), x); err != nil || x.Phase != standby.Closed {
		t.Fatalf("closed: %s, %v", x.Phase, err)
	}
	w.more(t, 50)
	if _, err := m.Undo(t.Context(), x); fault.KindOf(err) != fault.Conflict {
		t.Errorf("undone after its window: %v", err)
	}
	s.allThere(t, w, p, s.kube, 1)
	if got := asked(t, s.kube, maintenance, "SELECT string_agg(datname, ' ' ORDER BY datname) FROM pg_database WHERE datname ~ 'shop|crm'"); got != "crm shop" {
		t.Errorf("databases of the target: %s", got)
	}
	if f, err := m.Facts(t.Context(), []string{"shop"}); err != nil || !f.Databases[0].Fenced {
		t.Errorf("what was left behind: %+v, %v", f.Databases, err)
	}
	if _, refused, err := done(into(t, s.vm, "shop"), "INSERT INTO probes (key) VALUES ('late')"); !refused {
		t.Errorf("the source takes writes after the move: %v", err)
	}
}

func TestACutThatTakesTooLongIsGivenUpAndClientsGoOn(t *testing.T) {
	t.Parallel()
	s := set(t)
	m := s.mover(t)
	m.Most = 400 * time.Millisecond
	x, err := m.Follow(t.Context(), planned())
	if err != nil {
		t.Fatal(err)
	}
	w, p := write(t, s.dsn(), 4, 200), probe(t, s.vm, s.kube)
	w.more(t, 20)
	pooled := Server{Address: s.pool.Admin, Login: Login{User: "shop"}}
	for _, c := range []struct {
		about, at string
		through   Server
		sql       string
	}{
		{"a client of the pooler reads", "", pooled, "SELECT 1"},
		{"a client that goes around it has written before", "", s.vm, "UPDATE tallies SET n = n WHERE worker = 60"},
		{"a client that goes around it writes when others are held", "held", s.vm, "UPDATE tallies SET n = n WHERE worker = 61"},
	} {
		holds := into(t, c.through, "shop")
		begin := func() {
			if _, err := holds.PgConn().Exec(t.Context(), "BEGIN; "+c.sql).ReadAll(); err != nil {
				t.Error(err)
			}
		}
		if c.at == "" {
			begin()
		}
		m.passed = func(step string) {
			if step == c.at {
				begin()
			}
		}
		if x, err = m.Cut(t.Context(), x); fault.KindOf(err) != fault.Unavailable && fault.KindOf(err) != fault.Conflict || x.Phase != standby.Following || len(x.Cuts) != 0 {
			t.Errorf("%s and does not end: %s, %v", c.about, x.Phase, err)
		}
		t.Logf("%s: %v", c.about, err)
		w.more(t, 20)
		holds.Close(t.Context())
	}
	writes := into(t, s.vm, "shop")
	ended := make(chan error, 1)
	m.Most = time.Minute
	m.passed = func(step string) {
		if step != "held" {
			return
		}
		if _, err := writes.Exec(t.Context(), "BEGIN; UPDATE tallies SET n = n WHERE worker = 62"); err != nil {
			t.Error(err)
		}
		go func() { // for longer than a session waits for a lock
			_, err := writes.Exec(t.Context(), "SELECT pg_sleep(2.5); COMMIT")
			ended <- err
		}()
	}
	if x, err = m.Cut(t.Context(), x); err != nil || x.Phase != standby.Proven {
		t.Fatalf("then, with somebody who writes beside it for a while: %s, %v", x.Phase, err)
	}
	if err := <-ended; err != nil {
		t.Errorf("who wrote beside it: %v", err)
	}
	w.more(t, 20)
	s.allThere(t, w, p, s.kube, 1)
}

func TestWhenRowsDifferClientsAreBroughtBack(t *testing.T) {
	t.Parallel()
	s := set(t)
	m := s.mover(t)
	w, p := write(t, s.dsn(), 4, 200), probe(t, s.vm, s.kube)
	x, err := m.Follow(t.Context(), planned())
	if err != nil {
		t.Fatal(err)
	}
	sql(t, s.kube, "shop", "SELECT set_config('caravan.mover', 'shop', false); ALTER TABLE entries DISABLE TRIGGER caravan_fence; UPDATE entries SET note = 'tampered' WHERE key = 'old-7'; ALTER TABLE entries ENABLE ALWAYS TRIGGER caravan_fence")
	w.more(t, 20)
	x, err = m.Cut(t.Context(), x)
	if fault.KindOf(err) != fault.Conflict || x.Phase != standby.Returned || !strings.Contains(fmt.Sprint(err), "1 tables differed at the cut, first public.entries") {
		t.Errorf("rows differ: %s, %v", x.Phase, err)
	}
	w.more(t, 50)
	if x, err = m.Undo(t.Context(), x); err != nil || x.Phase != standby.Undone {
		t.Fatalf("undone: %s, %v", x.Phase, err)
	}
	s.allThere(t, w, p, s.vm, 2)
	s.isUndone(t)
}

package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/journey"
	"example.org/caravan/internal/porttest"
	"example.org/caravan/internal/postgres/servertest"
	"example.org/caravan/internal/standby"
	"example.org/caravan/internal/workspace"
)

// pooler starts PgBouncer before a server, and gives its address and its file.
func pooler(t *testing.T, before *servertest.Server) (at, ini string) {
	t.Helper()
	program, err := exec.LookPath("pgbouncer")
	if err != nil {
		if os.Getenv("CARAVAN_TEST_ALL") == "1" {
			t.Fatal("no pgbouncer on this machine; install Debian's package pgbouncer")
		}
		t.Skip("SKIPPED: no pgbouncer on this machine; install Debian's package pgbouncer")
	}
	dir, err := os.MkdirTemp("", "caravan-pool-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	at = porttest.Address(t)
	_, port, _ := net.SplitHostPort(at)
	host, to, _ := net.SplitHostPort(before.Address)
	ini = filepath.Join(dir, "pgbouncer.ini")
	text := fmt.Sprintf("[databases]\nshop = host=%s port=%s dbname=shop user=postgres\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = %s\nunix_socket_dir =\nauth_type = any\nadmin_users = postgres\npool_mode = transaction\n", host, to, port)
	if err := os.WriteFile(ini, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, ini)
	if credential := before.Credential(); credential != nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: credential}
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // fails only when it has ended already
		_ = cmd.Wait()
	})
	return at, ini
}

// carriedOut waits until a run ends, or stops.
func carriedOut(t *testing.T, a *App, r journey.Run) journey.Run {
	t.Helper()
	var seen Seen
	for {
		w, err := a.WatchRun(t.Context(), r.ID, seen)
		if err != nil {
			t.Fatal(err)
		}
		if w.Moved != nil {
			return w.Run
		}
		seen = w.Seen
	}
}

// through is what a client of the pooler gets.
func through(t *testing.T, at, sql string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	config, err := pgx.ParseConfig("postgres://postgres@" + at + "/shop?sslmode=disable")
	if err != nil {
		t.Fatal(err)
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		c, err := pgx.ConnectConfig(ctx, config)
		if err == nil {
			var out string
			err = c.QueryRow(ctx, sql).Scan(&out)
			_ = c.Close(ctx)
			if err == nil {
				return out
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: %v", sql, err)
		}
	}
}

func TestADatabaseMovesWithTheYesOfItsTeamAndBack(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts servers")
	}
	settings := []string{"wal_level=logical", "max_worker_processes=20", "max_logical_replication_workers=12", "max_replication_slots=20", "max_wal_senders=20"}
	old, next := servertest.Primary(t, settings...), servertest.Primary(t, settings...)
	old.Do(t, "postgres", "CREATE DATABASE shop")
	old.Do(t, "shop", "CREATE TABLE item (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text); INSERT INTO item (name) SELECT 'item ' || n FROM generate_series(1, 1000) n")
	at, ini := pooler(t, old)
	a := standbyWorkspace(t, fmt.Sprintf(`  datastores:
  - {name: orders-db, environment: vm, team: orders, tls: disable, members: {old: %q}, user: postgres, admin: {user: postgres}}
  - {name: orders-db, environment: cluster, team: orders, tls: disable, members: {new: %q}, user: postgres, admin: {user: postgres}}
  moves:
  - datastore: orders-db
    from: vm
    to: cluster
    databases: [shop]
    clients: [{pgbouncer: {console: %q, user: postgres, file: %q, databases: [shop]}}]
`, old.Address, next.Address, at, ini))
	for _, s := range []*servertest.Server{old, next} {
		s.Do(t, "postgres", "CREATE ROLE "+standby.Account+" LOGIN NOINHERIT")
		s.Do(t, "postgres", standby.Objects())
	}
	if got := through(t, at, "SELECT count(*)::text FROM item"); got != "1000" {
		t.Fatalf("before the move: %s", got)
	}
	p, err := a.PreviewRelocation(t.Context(), "orders-db", "")
	if err != nil || p.InTheWay() != "" || p.Journey != "store:orders-db:cluster" {
		t.Fatalf("%+v, %v", p, err)
	}
	r, err := a.StartRelocation(t.Context(), "orders-db", RelocateRequest{}, ayu)
	if err != nil {
		t.Fatal(err)
	}
	if r = carriedOut(t, a, r); r.State == journey.Finished {
		t.Fatal("it moved, and its team has not agreed")
	}
	if got, _ := os.ReadFile(ini); !strings.Contains(string(got), portOf(old.Address)) {
		t.Errorf("clients were led elsewhere before anybody agreed: %s", got)
	}
	if _, err := a.Approve(t.Context(), "store:orders-db:cluster", ApproveRequest{Team: "orders"}, of("orders")); err != nil {
		t.Fatal(err)
	}
	if r, err = a.StartRelocation(t.Context(), "orders-db", RelocateRequest{Why: "CHG-1"}, ayu); err != nil {
		t.Fatal(err)
	}
	if r = carriedOut(t, a, r); r.State != journey.Finished {
		t.Fatalf("the move is %s: %+v", r.State, r)
	}
	if got, _ := os.ReadFile(ini); !strings.Contains(string(got), portOf(next.Address)) {
		t.Errorf("clients are not led to the new place: %s", got)
	}
	if got := through(t, at, "INSERT INTO item (name) VALUES ('new') RETURNING id::text"); got != "1001" {
		t.Errorf("the first row of the new place has id %s", got)
	}
	if p, err = a.PreviewRelocation(t.Context(), "orders-db", ""); err != nil || p.Phase != string(standby.Proven) || len(p.Pauses) != 1 || p.Until.IsZero() || p.Lag == nil {
		t.Errorf("moved: %+v, %v", p, err)
	}
	w := a.tend(a.declared.Standbys.Datastores[0], WarmOptions{})
	top, err := w.once(t.Context(), a.now())
	w.close()
	if err != nil || !slices.Contains(top.Doubts, "it has moved to cluster: it takes no writes here") {
		t.Errorf("of where it was is said: %q, %v", top.Doubts, err)
	}
	if r, err = a.StartRelocationBack(t.Context(), "orders-db", RelocateRequest{Why: "slower"}, ayu); err != nil {
		t.Fatal(err)
	}
	if r = carriedOut(t, a, r); r.State != journey.Finished {
		t.Fatalf("the way back is %s: %+v", r.State, r)
	}
	if got := through(t, at, "SELECT count(*)::text || ' ' || max(id) FROM item"); got != "1001 1001" {
		t.Errorf("what was written in the new place is not there after going back: %s", got)
	}
	if _, err := a.StartRelocationBack(t.Context(), "orders-db", RelocateRequest{}, ayu); fault.KindOf(err) != fault.NotFound {
		t.Errorf("back again: %v", err)
	}

	if r, err = a.StartRelocation(t.Context(), "orders-db", RelocateRequest{Why: "CHG-2"}, ayu); err != nil {
		t.Fatal(err)
	}
	if r = carriedOut(t, a, r); r.State != journey.Finished {
		t.Fatalf("moving again is %s: %+v", r.State, r)
	}
	gone := CloseRequest{SourceGone: true}
	if _, err := a.CloseRelocation(t.Context(), "orders-db", gone, of("orders")); fault.KindOf(err) != fault.Conflict || !strings.Contains(err.Error(), "is not gone: old answers") {
		t.Errorf("closed as if its source, which answers, were gone: %v", err)
	}
	old.Kill()
	if _, err := a.CloseRelocation(t.Context(), "orders-db", CloseRequest{}, of("orders")); fault.KindOf(err) != fault.Unavailable || !strings.Contains(err.Error(), "--source-gone") {
		t.Errorf("closed without its source: %v", err)
	}
	if p, err = a.CloseRelocation(t.Context(), "orders-db", gone, of("orders")); err != nil || p.Phase != string(standby.Closed) {
		t.Errorf("closed as its source is gone: %+v, %v", p, err)
	}
	if got := through(t, at, "SELECT concat((SELECT count(*) FROM pg_replication_slots), (SELECT count(*) FROM pg_publication), to_regnamespace('caravan_fence'))"); got != "00" {
		t.Errorf("slots, publications and fence are left: %s", got)
	}
	old.Start(t)
	if p, err = a.PreviewRelocation(t.Context(), "orders-db", ""); err != nil || p.Phase != string(standby.Closed) || !strings.Contains(p.InTheWay(), "setval") {
		t.Errorf("moving what was left behind: %+v, %v", p, err)
	}
}

func TestAProofThatWasCancelledGoesOn(t *testing.T) {
	m := &postgresMove{}
	for phase, goesOn := range map[standby.Phase]bool{standby.Cutting: true, standby.Moved: true, standby.Proven: false} {
		m.state.Phase = phase
		if err := m.follow(t.Context()); goesOn != (err == nil) || !goesOn && fault.KindOf(err) != fault.Conflict {
			t.Errorf("%s: %v", phase, err)
		}
	}
}

func TestAWindowIsClosedOnRecordOnce(t *testing.T) {
	noted, gone := 0, errors.New("the store is gone")
	for _, c := range []struct {
		phase standby.Phase
		noted int
		kind  fault.Kind
	}{{standby.Following, 0, fault.Conflict}, {standby.Proven, 1, fault.Internal}, {standby.Closing, 1, fault.Internal}, {standby.Closed, 0, fault.Internal}} {
		m, before := &postgresMove{state: standby.Transfer{ID: "m", Phase: c.phase}}, noted
		err := m.shut(t.Context(), func() error { noted++; return gone })
		if noted-before != c.noted || (err != nil) != (c.phase != standby.Closed) || err != nil && fault.KindOf(err) != c.kind || c.noted > 0 && !errors.Is(err, gone) {
			t.Errorf("%s: noted %d times, %v", c.phase, noted-before, err)
		}
	}
}

func TestAProgramThatReadAnotherDeclarationLeavesAMoveAlone(t *testing.T) {
	a, r := ordersMove(t)
	c := a.relocationCourse(r)
	before := r
	before.Clients = []workspace.Way{{HAProxy: &workspace.HAProxy{Socket: "/run/another", Backend: "orders"}}}
	work := func(way journey.Way, s journey.Step, by relocation) journey.Work {
		options, err := json.Marshal(a.declaredOptions(by, c, true))
		if err != nil {
			t.Fatal(err)
		}
		return journey.Work{Run: journey.Run{Expansion: c.Journey.Expansion, By: "ayu", Way: way}, Step: s, Options: string(options)}
	}
	for _, way := range []journey.Way{journey.Forth, journey.Back} {
		for _, s := range c.Journey.Steps {
			if _, err := a.act(work(way, s, before)); fault.KindOf(err) != fault.Conflict || !strings.Contains(err.Error(), "another caravan.yaml of the move of orders-db than ayu") {
				t.Errorf("%s, %s: %v", way, s.ID, err)
			}
			if _, err := a.act(work(way, s, r)); err != nil {
				t.Errorf("%s, %s, by what is declared: %v", way, s.ID, err)
			}
		}
	}
}

func TestAWindowIsNotClosedWhileTheMoveIsCarriedOut(t *testing.T) {
	a, r := ordersMove(t)
	c := a.relocationCourse(r)
	if err := a.store.KeepCourse(t.Context(), c.Journey.Expansion, c.Journey.Digest, c); err != nil {
		t.Fatal(err)
	}
	run := journey.Start(c.Journey, journey.Forth)
	run.By, run.Started = "ayu", a.now()
	if _, err := a.store.StartRun(t.Context(), run, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := a.CloseRelocation(t.Context(), "orders-db", CloseRequest{}, of("orders")); fault.KindOf(err) != fault.Conflict || !strings.Contains(err.Error(), "by ayu); wait for it, or end it with caravan cancel store:orders-db:cluster") {
		t.Errorf("%v", err)
	}
}

func TestWhatIsAgreedToNamesAllThatAMoveGoesBy(t *testing.T) {
	secret := &workspace.Secret{Env: "WORD_OF_ORDERS"}
	k := workspace.Kept{Name: "orders-db", Environment: "vm", Patroni: []string{"10.0.0.1:8008"}, Through: "machines", TLS: "require",
		Admin: &workspace.Account{User: "postgres", Password: secret}, Replication: &workspace.Account{User: "follower", Password: secret}}
	m := workspace.StoreMove{Datastore: "orders-db", From: "vm", To: "cluster"}
	servers := map[string][]string{"vm": {"vm1"}, "cluster": {"k8s"}}
	for want, got := range map[string]string{
		"orders-db in vm is found by 10.0.0.1:8008, through machines, as postgres, followed as follower, with TLS require": foundText(k),
		"PgBouncer at 127.0.0.1:6432 holds and leads them, by its file /etc/p.ini: orders, through machines 10.0.0.9":      wayText(workspace.Way{PgBouncer: &workspace.PgBouncer{Console: "127.0.0.1:6432", File: "/etc/p.ini", Databases: []string{"orders"}, Through: "machines", Machine: "10.0.0.9", Password: secret}}, m),
		"HAProxy at /run/admin leads them: backend orders, from vm1 to k8s, with maxconn 100, through machines 10.0.0.9":   wayText(workspace.Way{HAProxy: &workspace.HAProxy{Socket: "/run/admin", Backend: "orders", Servers: servers, Most: 100, Through: "machines", Machine: "10.0.0.9"}}, m),
		"PgBouncer at 10.0.0.9:6432 holds and leads them, by its file /etc/p.ini: orders, through machines":                wayText(workspace.Way{PgBouncer: &workspace.PgBouncer{Console: "10.0.0.9:6432", File: "/etc/p.ini", Databases: []string{"orders"}, Through: "machines"}}, m),
		"HAProxy at /run/admin leads them: backend orders, from vm1 to k8s":                                                wayText(workspace.Way{HAProxy: &workspace.HAProxy{Socket: "/run/admin", Backend: "orders", Servers: servers}}, m),
	} {
		if got != want {
			t.Errorf("%q is not %q", got, want)
		}
	}
}

func TestHowAJourneyIsBegun(t *testing.T) {
	for name, want := range map[string]string{"indonesia": "caravan move indonesia", "store:orders-db:cluster": "caravan standby move orders-db --to cluster"} {
		if got := beginCommand(name); got != want {
			t.Errorf("%s is begun by %q", name, got)
		}
	}
}

func TestNeitherEndOfAMoveUnderWayIsSwitchedOver(t *testing.T) {
	a := standbyWorkspace(t, `  datastores:
  - {name: orders-db, environment: vm, team: orders, members: {a: "127.0.0.1:1"}, admin: {user: postgres}}
  - {name: orders-db, environment: cluster, team: orders, members: {a: "127.0.0.1:1"}, admin: {user: postgres}}
  - {name: orders-db, environment: elsewhere, team: orders, members: {a: "127.0.0.1:1"}}
  - {name: sessions, environment: vm, team: orders, technology: redis, members: {a: "127.0.0.1:1"}, admin: {user: default}}
  - {name: sessions, environment: cluster, team: orders, technology: redis, members: {a: "127.0.0.1:1"}, admin: {user: default}}
  moves:
  - {datastore: orders-db, from: vm, to: cluster}
  - {datastore: sessions, from: vm, to: cluster}
`)
	postgres, redis := a.declared.Standbys.Moves[0], a.declared.Standbys.Moves[1]
	for _, c := range []struct {
		of    workspace.StoreMove
		in    estate.EnvironmentName
		state any
		want  string
	}{
		{postgres, "vm", nil, ""},
		{postgres, "vm", standby.Transfer{Phase: standby.Planned}, ""},
		{postgres, "vm", standby.Transfer{Phase: standby.Preparing}, "its move from vm to cluster is preparing: "},
		{postgres, "cluster", standby.Transfer{Phase: standby.Proven}, "its move from vm to cluster is proven: "},
		{postgres, "elsewhere", standby.Transfer{Phase: standby.Proven}, ""},
		{postgres, "cluster", standby.Transfer{Phase: standby.Closed}, ""},
		{postgres, "vm", standby.Transfer{Phase: standby.Undone}, ""},
		{redis, "vm", standby.RedisMove{Phase: standby.RedisFollowing}, "its move from vm to cluster is following: "},
		{redis, "cluster", standby.RedisMove{Phase: standby.RedisCutting, Back: true}, "its move from vm to cluster is returning: "},
		{redis, "vm", standby.RedisMove{Phase: standby.RedisMoved}, ""},
		{redis, "vm", standby.RedisMove{Phase: standby.RedisUndone, Back: true}, ""},
	} {
		if c.state != nil {
			if err := a.store.KeepTransfer(t.Context(), relocationName(c.of), c.state, a.now()); err != nil {
				t.Fatal(err)
			}
		}
		k, err := a.keptOne(t.Context(), StandbyQuery{Datastore: c.of.Datastore, Environment: c.in})
		if err != nil {
			t.Fatal(err)
		}
		got, err := a.movesOf(t.Context(), k)
		if err != nil || !strings.HasPrefix(strings.Join(got, "; "), c.want) || c.want == "" && len(got) > 0 {
			t.Errorf("%s in %s, %+v: %q, %v", c.of.Datastore, c.in, c.state, got, err)
		}
	}
}

func portOf(address string) string {
	_, port, _ := net.SplitHostPort(address)
	return port
}

// cache starts a Redis and gives its address.
func cache(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		if os.Getenv("CARAVAN_TEST_ALL") == "1" {
			t.Fatal("no redis-server on this machine; install Debian's package redis-server")
		}
		t.Skip("SKIPPED: no redis-server on this machine; install Debian's package redis-server")
	}
	at, dir := porttest.Address(t), t.TempDir()
	config := filepath.Join(dir, "redis.conf")
	if err := os.WriteFile(config, fmt.Appendf(nil, "bind 127.0.0.1\nport %s\ndir %s\nsave \"\"\nappendonly yes\n", portOf(at), dir), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("redis-server", config)
	cmd.Stdout = struct{ io.Writer }{io.Discard} // Wait then waits for those who were forked to save, too
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // fails only when it has ended already
		_ = cmd.Wait()
	})
	for deadline := time.Now().Add(time.Minute); said(t, at, "ping") != "PONG"; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("redis-server does not answer")
		}
	}
	return at
}

// said is what a Redis answers.
func said(t *testing.T, at string, words ...string) string {
	t.Helper()
	out, _ := exec.Command("redis-cli", append([]string{"-p", portOf(at)}, words...)...).CombinedOutput()
	return strings.TrimSpace(string(out))
}

func TestARedisMovesWithTheYesOfItsTeamAndBack(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts servers")
	}
	old, next := cache(t), cache(t)
	said(t, old, "set", "basket", "7")
	a := standbyWorkspace(t, fmt.Sprintf(`  datastores:
  - {name: sessions, environment: vm, team: orders, technology: redis, members: {old: %q}, admin: {user: default}}
  - {name: sessions, environment: cluster, team: orders, technology: redis, members: {new: %q}, admin: {user: default}}
  moves:
  - {datastore: sessions, from: vm, to: cluster}
`, old, next))
	got, err := a.LookAtStandbys(t.Context(), StandbyQuery{Environment: "vm"})
	if err != nil || len(got.Datastores[0].Members) != 1 || got.Datastores[0].Members[0].Role != standby.Primary || got.Datastores[0].Version == "" {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := a.Approve(t.Context(), "store:sessions:cluster", ApproveRequest{Team: "orders"}, of("orders")); err != nil {
		t.Fatal(err)
	}
	r, err := a.StartRelocation(t.Context(), "sessions", RelocateRequest{}, ayu)
	if err != nil {
		t.Fatal(err)
	}
	if r = carriedOut(t, a, r); r.State != journey.Finished {
		t.Fatalf("the move is %s: %+v", r.State, r)
	}
	if got := said(t, next, "set", "basket", "8"); got != "OK" {
		t.Errorf("the new place takes no writes: %s", got)
	}
	if got := said(t, old, "set", "basket", "9"); !strings.HasPrefix(got, "READONLY") {
		t.Errorf("the old place takes writes: %s", got)
	}
	if _, err := a.StartRelocation(t.Context(), "sessions", RelocateRequest{}, ayu); fault.KindOf(err) != fault.Conflict || strings.Contains(err.Error(), "close") {
		t.Errorf("moved once more: %v", err)
	}
	if r, err = a.StartRelocationBack(t.Context(), "sessions", RelocateRequest{}, ayu); err != nil {
		t.Fatal(err)
	}
	if r = carriedOut(t, a, r); r.State != journey.Finished {
		t.Fatalf("the way back is %s: %+v", r.State, r)
	}
	if got := said(t, old, "get", "basket"); got != "8" {
		t.Errorf("after going back the basket is %s", got)
	}
}

// While a move lasts the Sentinels of its source watch nothing: who is there is known from when it began.
func TestAMoveOfARedisGoesOnWhereItsSentinelsTellOfNobody(t *testing.T) {
	a := standbyWorkspace(t, `  datastores:
  - {name: sessions, environment: old, team: orders, sentinels: ["127.0.0.1:1"], admin: {user: caravan}, watched: {user: default}}
  - {name: sessions, environment: new, team: orders, technology: redis, members: {n: "127.0.0.1:1"}, admin: {user: caravan}}
  moves: [{datastore: sessions, from: old, to: new}]
`)
	r, err := a.relocationTo(t.Context(), "sessions", "new")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.engine(t.Context(), r, "", func(string) {}); fault.KindOf(err) != fault.Unavailable {
		t.Fatalf("before it began: %v", err)
	}
	begun := standby.RedisMove{Phase: standby.RedisFollowing, Source: standby.RedisSide{Instances: []standby.RedisAt{{Name: "10.0.0.1:6379", Address: "10.0.0.1:6379"}}}}
	if err := a.store.KeepTransfer(t.Context(), relocationName(r.StoreMove), begun, a.now()); err != nil {
		t.Fatal(err)
	}
	e, err := a.engine(t.Context(), r, "", func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	defer e.close()
	if s := e.(*redisMove).move.Source; len(s.Instances) != 1 || s.Instances[0].Address != "10.0.0.1:6379" || s.Master != "sessions" || len(s.Sentinels) != 1 {
		t.Errorf("the source is %+v", s)
	}
}

const wordOfCaches = "word-of-the-caches"

// guarded starts a Redis, or a Sentinel, with a password and more lines of configuration, and gives its address.
func guarded(t *testing.T, lines string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		if os.Getenv("CARAVAN_TEST_ALL") == "1" {
			t.Fatal("no redis-server on this machine; install Debian's package redis-server")
		}
		t.Skip("SKIPPED: no redis-server on this machine; install Debian's package redis-server")
	}
	at, dir := porttest.Address(t), t.TempDir()
	config := filepath.Join(dir, "redis.conf")
	text := fmt.Sprintf("bind 127.0.0.1\nport %s\ndir %s\nrequirepass %s\nrepl-diskless-sync-delay 0\n", portOf(at), dir, wordOfCaches)
	if err := os.WriteFile(config, []byte(text+lines), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("redis-server", append([]string{config}, args...)...)
	cmd.Stdout = struct{ io.Writer }{io.Discard} // Wait then waits for those who were forked to save, too
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // fails only when it has ended already
		_ = cmd.Wait()
	})
	soon(t, "it answers", func() bool { return answered(t, at, "ping") == "PONG" })
	return at
}

// soon waits until something is so.
func soon(t *testing.T, what string, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !so(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

// answered is what a guarded Redis answers.
func answered(t *testing.T, at string, words ...string) string {
	t.Helper()
	return said(t, at, append([]string{"--no-auth-warning", "-a", wordOfCaches}, words...)...)
}

// watchedCache is a master, its replica and three Sentinels that watch them.
func watchedCache(t *testing.T) (master, replica string, sentinels []string) {
	t.Helper()
	const durable = "appendonly yes\nsave \"\"\nmaxmemory 100mb\nmasterauth " + wordOfCaches + "\n"
	master = guarded(t, durable)
	replica = guarded(t, durable+"replicaof 127.0.0.1 "+portOf(master)+"\n")
	soon(t, "the replica follows", func() bool {
		return strings.Contains(answered(t, replica, "info", "replication"), "master_link_status:up")
	})
	for range 3 {
		sentinels = append(sentinels, guarded(t, fmt.Sprintf("sentinel monitor main 127.0.0.1 %s 2\nsentinel auth-pass main %s\nsentinel sentinel-pass %s\nsentinel down-after-milliseconds main 60000\n", portOf(master), wordOfCaches, wordOfCaches), "--sentinel"))
	}
	for _, s := range sentinels {
		soon(t, "the Sentinel knows everybody", func() bool {
			known := answered(t, s, "sentinel", "master", "main")
			return strings.Contains(known, "num-other-sentinels\n2") && strings.Contains(known, "num-slaves\n1")
		})
	}
	return master, replica, sentinels
}

// statusOf is what is said of a Redis now: its doubts, and what is found.
func statusOf(t *testing.T, a *App, env estate.EnvironmentName) (standby.Topology, string) {
	t.Helper()
	got, err := a.LookAtStandbys(t.Context(), StandbyQuery{Environment: env})
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, f := range got.Findings {
		lines = append(lines, f.What)
	}
	return got.Datastores[0].Topology, strings.Join(lines, "\n")
}

// moves carries out a move of a Redis, with the yes of its team, and is how it ended.
func moves(t *testing.T, a *App) journey.Run {
	t.Helper()
	if _, err := a.Approve(t.Context(), "store:sessions:cluster", ApproveRequest{Team: "orders"}, of("orders")); err != nil && fault.KindOf(err) != fault.Conflict {
		t.Fatal(err)
	}
	r, err := a.StartRelocation(t.Context(), "sessions", RelocateRequest{}, ayu)
	if err != nil {
		t.Fatal(err)
	}
	return carriedOut(t, a, r)
}

// A Redis that is found by its Sentinels moves, back, and again: what the first move left stands in nobody's way, and of what a move causes nothing is found.
func TestARedisWithSentinelsMovesBackAndAgain(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts servers")
	}
	t.Setenv("WORD_OF_CACHES", wordOfCaches)
	master, replica, sentinels := watchedCache(t)
	first := guarded(t, "appendonly yes\nsave \"\"\nmaxmemory 100mb\nmin-replicas-to-write 0\nreplica-priority 50\n")
	a := standbyWorkspace(t, fmt.Sprintf(`  datastores:
  - name: sessions
    environment: vm
    team: orders
    sentinels: [%q, %q, %q]
    master: main
    admin: {user: default, password: {env: WORD_OF_CACHES}}
    replication: {user: default, password: {env: WORD_OF_CACHES}}
    watch: {user: default, password: {env: WORD_OF_CACHES}}
    watched: {user: default, password: {env: WORD_OF_CACHES}}
  - {name: sessions, environment: cluster, team: orders, technology: redis, members: {n1: %q}, admin: {user: default, password: {env: WORD_OF_CACHES}}}
  moves:
  - {datastore: sessions, from: vm, to: cluster}
`, sentinels[0], sentinels[1], sentinels[2], first))
	for turn := range 2 {
		answered(t, master, "set", "basket", fmt.Sprint(turn))
		p, err := a.PreviewRelocation(t.Context(), "sessions", "")
		if err != nil || p.InTheWay() != "" {
			t.Fatalf("move %d: %s, %v", turn, p.InTheWay(), err)
		}
		if r := moves(t, a); r.State != journey.Finished {
			t.Fatalf("move %d is %s: %+v", turn, r.State, r)
		}
		if got := answered(t, first, "get", "basket"); got != fmt.Sprint(turn) {
			t.Errorf("move %d: the basket is %s", turn, got)
		}
		if got := answered(t, first, "config", "get", "replica-priority"); !strings.Contains(got, "50") {
			t.Errorf("move %d: %s", turn, got)
		}
		if got := answered(t, first, "set", "basket", "later"); got != "OK" {
			t.Errorf("move %d: the new place takes no writes: %s", turn, got)
		}
		top, found := statusOf(t, a, "vm")
		if found != "" || len(top.Members) != 2 || !slices.Equal(top.Doubts, []string{"it has moved to cluster: it takes no writes here"}) {
			t.Errorf("move %d: of where it was is said %q, and found %q, of %+v", turn, top.Doubts, found, top.Members)
		}
		if top, found := statusOf(t, a, "cluster"); found != "" || len(top.Doubts) > 0 {
			t.Errorf("move %d: of where it is is said %q, and found %q", turn, top.Doubts, found)
		}

		r, err := a.StartRelocationBack(t.Context(), "sessions", RelocateRequest{}, ayu)
		if err != nil {
			t.Fatal(err)
		}
		if r = carriedOut(t, a, r); r.State != journey.Finished {
			t.Fatalf("way back %d is %s: %+v", turn, r.State, r)
		}
		if got := answered(t, master, "get", "basket"); got != "later" {
			t.Errorf("way back %d: the basket is %s", turn, got)
		}
		top, found = statusOf(t, a, "vm")
		if found != "" || len(top.Doubts) > 0 || len(top.Members) != 2 || len(top.Primaries()) != 1 {
			t.Errorf("way back %d: of where it is again is said %q, and found %q, of %+v", turn, top.Doubts, found, top.Members)
		}
		if _, known := top.Member(replica); !known {
			t.Errorf("way back %d: the replica is not listed: %+v", turn, top.Members)
		}
		top, found = statusOf(t, a, "cluster")
		if found != "" || !slices.Equal(top.Doubts, []string{"it was moved back to vm: it follows that, and takes no writes here"}) {
			t.Errorf("way back %d: of where it was is said %q, and found %q", turn, top.Doubts, found)
		}
	}
}

// balancer starts an HAProxy that leads clients to one Redis, and gives the socket of its administrator.
func balancer(t *testing.T, to string) string {
	t.Helper()
	program, err := exec.LookPath("haproxy")
	if err != nil {
		if program, err = exec.LookPath("/usr/sbin/haproxy"); err != nil && os.Getenv("CARAVAN_TEST_ALL") == "1" {
			t.Fatal("no haproxy on this machine; install Debian's package haproxy")
		}
		if err != nil {
			t.Skip("SKIPPED: no haproxy on this machine; install Debian's package haproxy")
		}
	}
	dir, err := os.MkdirTemp("", "haproxy") // a socket's path has to be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket, config := filepath.Join(dir, "admin"), filepath.Join(dir, "haproxy.cfg")
	text := fmt.Sprintf("global\n  stats socket %s level admin\ndefaults\n  mode tcp\n  timeout connect 2s\n  timeout client 1m\n  timeout server 1m\nfrontend clients\n  bind %s\n  default_backend sessions\nbackend sessions\n  server old %s\n", socket, porttest.Address(t), to)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "-db", "-f", config)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // fails only when it has ended already
		_ = cmd.Wait()
	})
	soon(t, "HAProxy answers", func() bool {
		c, err := net.Dial("unix", socket)
		if err != nil {
			return false
		}
		return c.Close() == nil
	})
	return socket
}

// What leads clients is looked at before a Redis moves; when it fails after the cut all the same, the move goes on once what is declared is mended.
func TestARedisMovesOnceWhatLeadsItsClientsIsMended(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts servers")
	}
	old, next := cache(t), cache(t)
	socket := balancer(t, old)
	a := standbyWorkspace(t, fmt.Sprintf(`  datastores:
  - {name: sessions, environment: vm, team: orders, technology: redis, members: {old: %q}, admin: {user: default}}
  - {name: sessions, environment: cluster, team: orders, technology: redis, members: {new: %q}, admin: {user: default}}
  moves:
  - {datastore: sessions, from: vm, to: cluster, clients: [{haproxy: {socket: %q, backend: session, servers: {vm: [old], elsewhere: [x]}}}]}
`, old, next, socket))
	way := a.declared.Standbys.Moves[0].Clients[0].HAProxy
	p, err := a.PreviewRelocation(t.Context(), "sessions", "")
	if err != nil || !strings.Contains(p.InTheWay(), "has no backend session: ") || !strings.Contains(p.InTheWay(), "named for elsewhere") {
		t.Fatalf("%q, %v", p.InTheWay(), err)
	}
	delete(way.Servers, "elsewhere")
	way.Backend = "sessions"
	if p, err = a.PreviewRelocation(t.Context(), "sessions", ""); err != nil || p.InTheWay() != "" {
		t.Fatalf("%q, %v", p.InTheWay(), err)
	}
	if r := moves(t, a); r.State != journey.Finished {
		t.Fatalf("the move is %s: %+v", r.State, r)
	}

	var state standby.RedisMove
	if _, err := a.store.Transfer(t.Context(), p.Journey, &state); err != nil {
		t.Fatal(err)
	}
	state.Phase, state.Led = standby.RedisLed, nil // as if clients had not been led after the cut
	if err := a.store.KeepTransfer(t.Context(), p.Journey, state, a.now()); err != nil {
		t.Fatal(err)
	}
	way.Socket = socket + ".gone"
	r := moves(t, a)
	if text := fmt.Sprintf("%+v", r); r.State == journey.Finished || !strings.Contains(text, "new leads now") || !strings.Contains(text, "still leads clients to old") || !strings.Contains(text, "caravan standby move sessions goes on") {
		t.Fatalf("by a socket that is not there it is %s: %s", r.State, text)
	}
	way.Socket = socket
	if r := moves(t, a); r.State != journey.Finished {
		t.Fatalf("once mended it is %s: %+v", r.State, r)
	}

	if r, err = a.StartRelocationBack(t.Context(), "sessions", RelocateRequest{}, ayu); err != nil {
		t.Fatal(err)
	}
	if r = carriedOut(t, a, r); r.State != journey.Finished {
		t.Fatalf("the way back is %s: %+v", r.State, r)
	}
	if got := said(t, old, "set", "basket", "1"); got != "OK" {
		t.Errorf("after going back: %s", got)
	}
}

// A wrong password is called one, and nothing is planned of a Redis whose master nobody knows.
func TestAWrongPasswordOfARedisIsCalledOne(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts servers")
	}
	t.Setenv("WORD_OF_CACHES", "wrong")
	old, next := guarded(t, ""), cache(t)
	a := standbyWorkspace(t, fmt.Sprintf(`  datastores:
  - {name: sessions, environment: vm, team: orders, technology: redis, members: {old: %q}, admin: {user: default, password: {env: WORD_OF_CACHES}}}
  - {name: sessions, environment: cluster, team: orders, technology: redis, members: {new: %q}, admin: {user: default}}
  moves:
  - {datastore: sessions, from: vm, to: cluster}
`, old, next))
	p, err := a.PreviewRelocation(t.Context(), "sessions", "")
	if text := p.InTheWay(); err != nil || !strings.Contains(text, "old of the source does not let the account in") || !strings.Contains(text, "correct admin of the source in caravan.yaml") || strings.Contains(text, "no one master") {
		t.Errorf("%q, %v", text, err)
	}
	if text := strings.Join(p.Steps, "\n"); strings.Contains(text, "  ") || strings.Contains(text, "0 keys") {
		t.Errorf("the plan has holes: %s", text)
	}
	if _, found := statusOf(t, a, "vm"); !strings.Contains(found, "old does not let the account in") {
		t.Errorf("found: %s", found)
	}
}

package app

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/finding"
	"example.org/caravan/internal/patroni"
	"example.org/caravan/internal/patroni/patronitest"
	"example.org/caravan/internal/postgres/warmer"
	"example.org/caravan/internal/standby"
	"example.org/caravan/internal/store"
	"example.org/caravan/internal/workspace"
)

// standbyWorkspace is a workspace that declares databases.
func standbyWorkspace(t *testing.T, declared string) *App {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "src"), 0o755); err != nil {
		t.Fatal(err)
	}
	text := "organisation: kopi\nsources: [{name: src, dir: src}]\nteams: [{name: orders}, {name: payments}]\nstandby:\n" + declared
	if err := os.WriteFile(filepath.Join(dir, "caravan.yaml"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	a, err := New(t.Context(), Options{Workspace: dir, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	a.held = time.Minute // a busy machine takes its time
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return a
}

func TestASwitchOverIsRefusedUntilTheStandbyIsWarm(t *testing.T) {
	if testing.Short() {
		t.Skip("it raises a cluster of Patroni")
	}
	c := patronitest.Start(t, 2)
	a := standbyWorkspace(t, fmt.Sprintf("  datastores:\n  - {name: orders-db, team: orders, patroni: [%q, %q], tls: disable}\n", c.Members[0].REST, c.Members[1].REST))
	q := StandbyQuery{Datastore: "orders-db"}
	owner := of("orders")
	got, err := a.LookAtStandbys(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	if d := got.Datastores[0]; len(d.Members) != 2 || len(d.Primaries()) != 1 || !slices.ContainsFunc(d.Doubts, func(s string) bool { return strings.Contains(s, "caravan_standby") }) {
		t.Errorf("before it is prepared: %+v", d)
	}
	if _, err := a.SwitchOver(t.Context(), q, SwitchOver{To: "pg-2"}, owner); fault.KindOf(err) != fault.Denied {
		t.Errorf("nobody knows how warm it is, and it is switched over: %v", err)
	}
	c.Members[0].Do(t, "CREATE ROLE "+standby.Account+" LOGIN NOINHERIT")
	c.Members[0].Do(t, standby.Objects())
	c.Members[0].Do(t, "CREATE TABLE item AS SELECT n, repeat('x', 500) AS filler FROM generate_series(1, 20000) n; ")
	c.Members[0].Do(t, "SELECT caravan_standby.pg_prewarm('item'); SELECT caravan_standby.pg_prewarm('item'); SELECT caravan_standby.pg_prewarm('item')")
	c.Members[1].Follow(t, c.Members[0])
	var told standby.Topology
	tell := func(top standby.Topology, _ Warming, err error) {
		if err != nil {
			t.Error(err)
		}
		told = top
	}
	if err := a.WarmStandbys(t.Context(), q, WarmOptions{Every: time.Second, Share: 1, Rounds: 3}, tell); err != nil {
		t.Fatal(err)
	}
	if m, _ := told.Member("pg-2"); m.Warmth == nil {
		t.Fatalf("nobody knows how warm it is: %+v", told)
	}
	samples, err := a.Warmth(t.Context(), q, time.Hour)
	if err != nil || len(samples) == 0 {
		t.Errorf("no samples are kept: %v", err)
	}
	if _, err := a.SwitchOver(t.Context(), q, SwitchOver{To: "pg-2", Force: true}, owner); fault.KindOf(err) != fault.Invalid {
		t.Errorf("forced without a reason: %v", err)
	}
	if _, err := a.SwitchOver(t.Context(), q, SwitchOver{}, of("payments")); fault.KindOf(err) != fault.Denied {
		t.Errorf("by somebody of another team: %v", err)
	}
	dry, err := a.SwitchOver(t.Context(), q, SwitchOver{Dry: true}, owner)
	if err != nil || dry.To != "pg-2" || dry.Done || len(dry.Refusals) > 0 {
		t.Errorf("what would be done: %+v, %v", dry, err)
	}
	move := workspace.StoreMove{Datastore: "orders-db", To: "cluster"}
	a.declared.Standbys.Moves = []workspace.StoreMove{move}
	if err := a.store.KeepTransfer(t.Context(), relocationName(move), standby.Transfer{Phase: standby.Following}, a.now()); err != nil {
		t.Fatal(err)
	}
	if _, err := a.SwitchOver(t.Context(), q, SwitchOver{}, owner); fault.KindOf(err) != fault.Denied || !strings.Contains(err.Error(), "is following") {
		t.Errorf("while it moves: %v", err)
	}
	a.declared.Standbys.Moves = nil
	done, err := a.SwitchOver(t.Context(), q, SwitchOver{}, owner)
	if err != nil || !done.Done || done.From != "pg-1" || done.To != "pg-2" {
		t.Fatalf("%+v, %v", done, err)
	}
	entries, err := a.store.Audit(t.Context(), "", 5)
	if err != nil || !slices.ContainsFunc(entries, func(e store.Entry) bool { return e.Subject == "orders-db: pg-1 to pg-2" && e.By == owner.By() }) {
		t.Errorf("the audit has no line of it: %+v, %v", entries, err)
	}
}

func TestPatroniIsToldWhoIsWarmest(t *testing.T) {
	if testing.Short() {
		t.Skip("it raises a cluster of Patroni")
	}
	c := patronitest.Start(t, 2)
	a := standbyWorkspace(t, fmt.Sprintf("  datastores:\n  - {name: orders-db, team: orders, patroni: [%q], tls: disable}\n", c.Members[0].REST))
	c.Members[0].Do(t, "CREATE ROLE "+standby.Account+" LOGIN NOINHERIT")
	c.Members[0].Do(t, standby.Objects())
	c.Members[1].Follow(t, c.Members[0])
	k := a.declared.Standbys.Datastores[0]
	k.Preference = &workspace.Preference{File: "2-preference.yml"}
	w := a.tend(k, WarmOptions{})
	defer w.close()
	written := map[string]bool{}
	w.route.put = func(_ context.Context, address, file, text string) error {
		written[address+text] = true
		i := slices.IndexFunc(c.Members, func(m *patronitest.Member) bool { return m.Address == address })
		return os.WriteFile(filepath.Join(c.Members[i].Config, file), []byte(text), 0o644)
	}
	if _, err := w.once(t.Context(), a.now()); err != nil || len(written) != 0 {
		t.Errorf("who only looks has written %d files: %v", len(written), err)
	}
	w.acts = true
	version, err := patroni.Version(t.Context(), patroni.Where{Addresses: k.Patroni})
	if err != nil {
		t.Fatal(err)
	}
	for deadline := a.now().Add(3 * time.Minute); ; <-time.After(100 * time.Millisecond) {
		top, err := w.once(t.Context(), a.now())
		if err != nil {
			t.Fatal(err)
		}
		if len(written) > 2 || a.now().After(deadline) {
			t.Fatalf("%d files are written: %+v", len(written), top)
		}
		one, _ := top.Member("pg-1")
		two, _ := top.Member("pg-2")
		if one.Priority != nil && *one.Priority == 1 && two.Priority != nil && *two.Priority == 2 && len(w.placed) == 0 {
			if said := slices.ContainsFunc(top.Doubts, func(s string) bool {
				return strings.HasPrefix(s, "Patroni "+version+" heeds no failover_priority")
			}); said == patroni.Prefers(version) {
				t.Errorf("Patroni %s, of which is said: %q", version, top.Doubts)
			}
			return
		}
	}
}

// TestTheWarmestTakesOverUnasked needs a Patroni that heeds what it is told, which Debian 12 does not have.
func TestTheWarmestTakesOverUnasked(t *testing.T) {
	if testing.Short() {
		t.Skip("it raises a cluster of Patroni")
	}
	if version := patronitest.Version(t); !patroni.Prefers(version) {
		t.Skipf("SKIPPED %s: Patroni %s heeds no failover_priority", t.Name(), version)
	}
	c := patronitest.Start(t, 3)
	a := standbyWorkspace(t, fmt.Sprintf("  datastores:\n  - {name: orders-db, team: orders, patroni: [%q], tls: disable}\n", c.Members[0].REST))
	c.Members[0].Do(t, "CREATE ROLE "+standby.Account+" LOGIN NOINHERIT")
	c.Members[0].Do(t, standby.Objects())
	c.Members[0].Do(t, "CREATE TABLE item AS SELECT n, repeat('x', 500) AS filler FROM generate_series(1, 20000) n")
	c.Members[0].Do(t, "VACUUM ANALYZE item")
	for _, cold := range c.Members[1:] {
		cold.Follow(t, c.Members[0])
		cold.Stop()
		cold.Start(t)
		cold.Await(t, "/replica")
	}
	const often = 5 // PostgreSQL counts no further
	for range often {
		c.Members[0].Do(t, "SELECT count(filler) FROM item WHERE n > 0")
		c.Members[2].Do(t, "SELECT count(filler) FROM item WHERE n > 0")
	}
	k := a.declared.Standbys.Datastores[0]
	k.Preference = &workspace.Preference{File: "2-preference.yml"}
	w := a.tend(k, WarmOptions{})
	defer w.close()
	w.acts = true
	w.route.put = func(_ context.Context, address, file, text string) error {
		i := slices.IndexFunc(c.Members, func(m *patronitest.Member) bool { return m.Address == address })
		return os.WriteFile(filepath.Join(c.Members[i].Config, file), []byte(text), 0o644)
	}
	for deadline := a.now().Add(time.Minute); ; {
		top, err := w.once(t.Context(), a.now())
		if err != nil {
			t.Fatal(err)
		}
		three, _ := top.Member("pg-3")
		two, _ := top.Member("pg-2")
		if three.Priority != nil && two.Priority != nil && *three.Priority > *two.Priority && len(w.placed) == 0 {
			break
		}
		if a.now().After(deadline) {
			t.Fatalf("pg-3 is not before pg-2: %+v", top)
		}
	}
	c.Members[1].Follow(t, c.Members[0])
	c.Members[2].Follow(t, c.Members[0])
	c.Members[0].Lose(t)
	c.Members[2].Await(t, "/primary")
}

func TestAPasswordThatIsNotThereIsSaidOfItsDatastore(t *testing.T) {
	a := standbyWorkspace(t, `  datastores:
  - {name: reports-db, environment: jakarta-vm, team: orders, members: {db1: "127.0.0.1:1", db2: "127.0.0.1:1"}, password: {file: nowhere}}
`)
	got, err := a.LookAtStandbys(t.Context(), StandbyQuery{})
	if err != nil || len(got.Datastores) != 1 {
		t.Fatalf("%+v, %v", got, err)
	}
	if d := got.Datastores[0].Doubts; len(d) != 1 || !strings.HasPrefix(d[0], "password of reports-db in jakarta-vm (caravan.yaml:6): ") || !strings.Contains(d[0], "nowhere") {
		t.Errorf("%q", d)
	}
	for _, f := range got.Findings {
		if f.Severity == finding.Critical {
			t.Errorf("nobody was asked, and it is critical: %+v", f)
		}
	}
}

func TestWhyAnInstanceSaidNothing(t *testing.T) {
	for kind, want := range map[fault.Kind]standby.Refusal{fault.Unavailable: standby.Silent, fault.Denied: standby.Denied, fault.NotFound: standby.Unprepared, fault.Invalid: standby.Misnamed, fault.Internal: ""} {
		m := tellOf(standby.Member{Name: "a"}, warmer.Report{Name: "a", Err: fault.Newf(kind, "no")})
		if m.Unreachable != "no" || m.Refused != want {
			t.Errorf("%s: %+v", kind, m)
		}
	}
}

func TestWhatCannotBeAskedIsSaid(t *testing.T) {
	a := standbyWorkspace(t, `  warmth: 80
  lag: 64
  datastores:
  - {name: orders-db, team: orders, members: {a: "127.0.0.1:1", b: "127.0.0.1:1"}}
  - {name: payments-db, team: payments, patroni: ["127.0.0.1:1"]}
  - {name: billing-db, team: payments, stolon: {cluster: billing, etcd: ["127.0.0.1:1"]}}
`)
	got, err := a.LookAtStandbys(t.Context(), StandbyQuery{})
	if err != nil || len(got.Datastores) != 3 {
		t.Fatalf("%+v, %v", got, err)
	}
	if m := got.Datastores[0].Members[0]; m.Role != standby.Unknown || !strings.Contains(m.Unreachable, "connection refused") {
		t.Errorf("an instance nobody answers for: %+v", m)
	}
	if d := got.Datastores[1]; len(d.Doubts) != 1 || !strings.Contains(d.Doubts[0], "no Patroni answers") {
		t.Errorf("%+v", d)
	}
	if d := got.Datastores[2]; len(d.Doubts) != 1 || !strings.Contains(d.Doubts[0], "no etcd of Stolon answers") {
		t.Errorf("%+v", d)
	}
	if g := got.Datastores[0].Gate; g.Warmth != 0.8 || g.Lag != 64<<10 {
		t.Errorf("the declared gate: %+v", g)
	}
	if !slices.ContainsFunc(got.Findings, func(f finding.Finding) bool { return f.Check == standby.CheckPrimary && f.Subject == "orders-db" }) {
		t.Errorf("nobody is primary, and nothing is found: %+v", got.Findings)
	}
	if _, err := a.Standbys(t.Context(), StandbyQuery{Datastore: "ghost"}); fault.KindOf(err) != fault.NotFound {
		t.Errorf("a datastore that is not declared: %v", err)
	}
	if only, err := a.Standbys(t.Context(), StandbyQuery{Team: "orders"}); err != nil || len(only.Datastores) != 1 {
		t.Errorf("those of one team: %+v, %v", only, err)
	}
}

func TestAnUnknownWordIsNamedWithWhatWasMeant(t *testing.T) {
	a := standbyWorkspace(t, `  datastores:
  - {name: reports-db, environment: jakarta-vm, team: orders, members: {a: "127.0.0.1:1"}}
  - {name: reports-db, environment: tokyo, team: orders, members: {a: "127.0.0.1:1"}}
  - {name: billing-db, team: payments, members: {a: "127.0.0.1:1"}}
`)
	for _, c := range []struct {
		q    StandbyQuery
		want string
	}{
		{StandbyQuery{Datastore: "report-db"}, `no datastore "report-db" is declared to have standbys; did you mean reports-db?`},
		{StandbyQuery{Datastore: "ghost"}, `no datastore "ghost" is declared to have standbys; it is one of billing-db, reports-db`},
		{StandbyQuery{Environment: "jakarta-wm"}, `no datastore is declared in an environment "jakarta-wm"; did you mean jakarta-vm?`},
		{StandbyQuery{Datastore: "reports-db", Environment: "x"}, `no reports-db is declared in an environment "x"; it is one of jakarta-vm, tokyo`},
		{StandbyQuery{Datastore: "billing-db", Environment: "x"}, `no billing-db is declared in an environment "x"; standby.datastores in caravan.yaml names none`},
		{StandbyQuery{Datastore: "reports-db", Team: "payments"}, `no datastore that is asked for is that of team "payments"; it is one of orders`},
	} {
		if _, err := a.Standbys(t.Context(), c.q); fault.KindOf(err) != fault.NotFound || err.Error() != c.want {
			t.Errorf("%+v: %v", c.q, err)
		}
	}
}

func TestWhatPeopleDoWhereNobodyCanBeTold(t *testing.T) {
	top := standby.Topology{Datastore: "db", Technology: "postgres", Keeper: standby.Nobody, Members: []standby.Member{
		{Name: "db1", Address: "10.0.0.1:5432", Role: standby.Primary}, {Name: "db2", Address: "10.0.0.2:5433", Role: standby.Standby}, {Name: "db3", Address: "10.0.0.3:5432", Role: standby.Standby},
	}}
	h, err := gated(top, standby.Gate{Lag: 1}, SwitchOver{To: "db2"}, time.Now())
	if err != nil || h.Heir.Name != "db2" || h.Gate.Lag != 1 || len(h.Refusals) == 0 {
		t.Fatalf("%+v, %v", h, err)
	}
	got := byHand(workspace.Kept{Name: "db", Technology: "postgres", Members: map[string]string{"db1": ""}}, top, h)
	if len(got) != 5 || !strings.Contains(got[0], "stop db1 (10.0.0.1:5432)") || !strings.Contains(got[1], "db2 (10.0.0.2:5433)") || !strings.Contains(got[1], "pg_ctl promote") ||
		got[2] != "lead clients to 10.0.0.2:5433" || !strings.Contains(got[3], "db3 (10.0.0.3:5432)") || !strings.Contains(got[3], "host=10.0.0.2 port=5433") || !strings.Contains(got[4], "db1 (10.0.0.1:5432)") {
		t.Errorf("%q", got)
	}
	for why, k := range map[string]workspace.Kept{"Patroni is told": {Patroni: []string{"x"}}, "CloudNativePG is told": {CNPG: &workspace.InCluster{}}} {
		if got := byHand(k, top, h); got != nil {
			t.Errorf("%s: %q", why, got)
		}
	}
	for want, k := range map[string]workspace.Kept{"SENTINEL FAILOVER sessions": {Name: "sessions", Technology: "redis", Sentinels: []string{"x"}}, "keeper of db1 (10.0.0.1:5432)": {Stolon: &workspace.Stolon{}}} {
		if got := byHand(k, top, h); len(got) != 1 || !strings.Contains(got[0], want) {
			t.Errorf("%q is not %q", got, want)
		}
	}
	if got := byHand(workspace.Kept{Technology: "redis"}, top, h); len(got) != 5 || !strings.Contains(got[1], "db2 lead: redis-cli -h 10.0.0.2 -p 5433 REPLICAOF NO ONE") || !strings.Contains(got[2], "db1 follow it: redis-cli -h 10.0.0.1 -p 5432 REPLICAOF 10.0.0.2 5433") || got[4] != "lead clients to 10.0.0.2:5433" {
		t.Errorf("a Redis that nobody keeps: %q", got)
	}
	top.Members, top.Doubts = top.Members[1:], []string{"password of db: no such file"}
	if _, err := gated(top, standby.Gate{}, SwitchOver{}, time.Now()); fault.KindOf(err) != fault.Conflict || !strings.Contains(err.Error(), "(password of db: no such file)") {
		t.Errorf("nobody was asked: %v", err)
	}
}

func TestWhatNobodyOwnsHasNoTeam(t *testing.T) {
	a := standbyWorkspace(t, `  datastores:
  - {name: reports-db, environment: vm, members: {a: "127.0.0.1:1"}, admin: {user: postgres}}
  - {name: reports-db, environment: cluster, team: orders, members: {a: "127.0.0.1:1"}, admin: {user: postgres}}
  moves: [{datastore: reports-db, from: vm, to: cluster}]
`)
	text := "services:\n  reports-db: {image: \"postgres:15\"}\n  reports: {image: reports, environment: {DATABASE_URL: \"postgres://reports-db/reports\"}}\n"
	if err := os.WriteFile(filepath.Join(a.dir, "src", "compose.yaml"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	scanned(t, a)
	if team, err := a.answersFor(t.Context(), "reports-db"); err != nil || team != "no team" {
		t.Fatalf("the map has it as that of %q: %v", team, err)
	}
	if k, err := a.keptOne(t.Context(), StandbyQuery{Datastore: "reports-db", Environment: "vm"}); err != nil || k.Team != "" {
		t.Errorf("it is that of %q: %v", k.Team, err)
	}
	r, err := a.relocationTo(t.Context(), "reports-db", "")
	if err != nil {
		t.Fatal(err)
	}
	if team := a.relocationCourse(r).Journey.Steps[0].Team; team != "orders" {
		t.Errorf("its move is that of %q", team)
	}
}

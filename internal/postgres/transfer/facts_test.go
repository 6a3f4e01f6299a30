package transfer

import (
	"strings"
	"testing"
	"time"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/standby"
)

// faults is a database with one of each thing that a move has to know of.
var faults = []string{
	"CREATE TABLE keyless (x int)", "CREATE TABLE by_index (x int NOT NULL UNIQUE); ALTER TABLE by_index REPLICA IDENTITY USING INDEX by_index_x_key",
	"CREATE TABLE whole (x int); ALTER TABLE whole REPLICA IDENTITY FULL", "CREATE UNLOGGED TABLE cache (x int PRIMARY KEY)", "SELECT lo_create(0)",
	"CREATE EXTENSION postgres_fdw", "CREATE SERVER old FOREIGN DATA WRAPPER postgres_fdw", "CREATE TABLE its_own (x int PRIMARY KEY); INSERT INTO its_own VALUES (1); ALTER EXTENSION postgres_fdw ADD TABLE its_own", "CREATE MATERIALIZED VIEW mv AS SELECT 1",
	"CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'", "CREATE TRIGGER always AFTER INSERT ON whole FOR EACH ROW EXECUTE FUNCTION f(); ALTER TABLE whole ENABLE ALWAYS TRIGGER always",
	"CREATE FUNCTION g() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'", "CREATE EVENT TRIGGER watcher ON ddl_command_end EXECUTE FUNCTION g()",
	"SELECT pg_create_logical_replication_slot('debezium', 'pgoutput')", "CREATE SUBSCRIPTION feed CONNECTION 'host=nowhere' PUBLICATION p WITH (connect = false)",
	"BEGIN; INSERT INTO whole VALUES (1); PREPARE TRANSACTION 'forgotten'",
}

func TestWhatStandsInTheWayIsFoundOnRealServers(t *testing.T) {
	t.Parallel()
	m := Mover{Source: serve(t, "vm"), Target: serve(t, "kube", "wal_level=replica", "max_replication_slots=1"), Programs: programs(t)}
	sql(t, m.Source, maintenance, "CREATE ROLE shop LOGIN PASSWORD 'x'", "CREATE DATABASE shop")
	sql(t, m.Source, "shop", faults...)
	sql(t, m.Target, maintenance, "CREATE ROLE shop LOGIN PASSWORD 'y'", "CREATE DATABASE shop")
	sql(t, m.Target, "shop", "CREATE TABLE mine (x int)")
	long := into(t, m.Source, "shop")
	if _, err := long.Exec(t.Context(), "BEGIN; SELECT 1"); err != nil {
		t.Fatal(err)
	}
	f, err := m.Facts(t.Context(), []string{"shop"})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the open transaction is seen", func() error {
		f, err = m.Facts(t.Context(), []string{"shop"})
		if err == nil && len(f.Databases[0].Long) == 0 {
			return errNotYet
		}
		return err
	})
	for i := range f.Databases[0].Long {
		f.Databases[0].Long[i].For += time.Hour
	}
	delete(f.Target.Extensions, "postgres_fdw")
	blocking, notices := said(standby.TransferChecks(f), true), said(standby.TransferChecks(f), false)
	for _, want := range []string{"kube: wal_level is replica", "1 of its replication slots are free", "whose changes cannot be told: public.keyless\n", "1 large objects", "extension postgres_fdw", "itself: feed", "with 1 tables", "forgotten", "pg_terminate_backend("} {
		if !strings.Contains(blocking, want) {
			t.Errorf("not found to block: %s, in\n%s", want, blocking)
		}
	}
	for _, want := range []string{"public.cache", "public.its_own", "old", "debezium", "public.whole always", "watcher", "public.mv", "role shop"} {
		if !strings.Contains(notices, want) {
			t.Errorf("not told: %s, in\n%s", want, notices)
		}
	}
	if f.Source.Major() != f.Target.Major() || f.Source.Machine == "" || f.Dump == 0 {
		t.Errorf("facts: %+v", f)
	}
	if method, why := standby.MethodFor(f); method != standby.Physical {
		t.Errorf("two servers that are alike: %s, %s", method, why)
	}
}

type notYet struct{}

func (notYet) Error() string { return "not yet" }

var errNotYet = notYet{}

func said(checks []standby.Check, blocking bool) string {
	var b strings.Builder
	for _, c := range checks {
		if c.Blocking == blocking {
			b.WriteString(c.Subject + ": " + c.What + "\n(" + c.Mend + ")\n")
		}
	}
	return b.String()
}

func TestAUserWhoIsNoSuperuserIsTold(t *testing.T) {
	t.Parallel()
	s := serve(t, "vm")
	sql(t, s, maintenance, "CREATE ROLE guest LOGIN PASSWORD 'x'")
	guest := s
	guest.Login = Login{"guest", "x"}
	f, err := Mover{Source: guest, Target: s, Programs: programs(t)}.Facts(t.Context(), []string{"postgres"})
	if err != nil {
		t.Fatal(err)
	}
	if got := said(standby.TransferChecks(f), true); !strings.Contains(got, "no superuser") {
		t.Error(got)
	}
	s.PeerUser = Login{"guest", "x"}
	if err := (Mover{Source: guest, Target: s}).CheckPeers(t.Context()); err != nil {
		t.Errorf("peers with the right passwords: %v", err)
	}
	s.PeerUser.Password = "a wrong one"
	if err := (Mover{Source: guest, Target: s}).CheckPeers(t.Context()); fault.KindOf(err) != fault.Denied || strings.Contains(err.Error(), "a wrong one") {
		t.Errorf("a peer with a wrong password: %v", err)
	}
	guest.Login.Password = "a wrong one"
	if _, err = (Mover{Source: guest, Target: s}).Facts(t.Context(), []string{"postgres"}); err == nil || strings.Contains(err.Error(), "a wrong one") {
		t.Errorf("a wrong password: %v", err)
	}
}

func TestAnICULocaleHasAVersion(t *testing.T) {
	t.Parallel()
	s := serve(t, "vm")
	sql(t, s, maintenance, "CREATE DATABASE shop TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'de-AT-u-kn'")
	f, err := Mover{Source: s, Target: s, Programs: programs(t)}.Facts(t.Context(), []string{"shop"})
	if err != nil || f.Databases[0].ICU == "" || f.Databases[0].Collation[0] == "" || f.Databases[0].Collation[0] != f.Databases[0].Collation[1] {
		t.Errorf("%+v, %v", f.Databases, err)
	}
}

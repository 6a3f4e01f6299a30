package transfer

import (
	"strings"
	"testing"
	"time"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/standby"
)

// asShop runs SQL as the owner of the database, who is no superuser.
func (s *scene) asShop(t *testing.T, on Server, text string) {
	t.Helper()
	on.Login = Login{User: "shop", Password: "shop's own"}
	sql(t, on, "shop", text)
}

// TestWhoOwnsADatabaseGetsNoMoreRightsByItsMove has the owner of a database put into it what would run with the rights of whoever moves it.
func TestWhoOwnsADatabaseGetsNoMoreRightsByItsMove(t *testing.T) {
	t.Parallel()
	s := set(t)
	for _, text := range []string{
		"SELECT set_config('search_path', 'a;ALTER/**/ROLE/**/shop/**/SUPERUSER', false); ALTER ROLE shop SET search_path FROM CURRENT",
		`CREATE SCHEMA own; CREATE TABLE own.ca (y int, z int PRIMARY KEY); COMMENT ON COLUMN own.ca.z IS E'x\n\\connect y'; COMMENT ON COLUMN own.ca.y IS '; ALTER ROLE shop SUPERUSER; --'`,
		`COMMENT ON TABLE own.ca IS E'x\n\\unrestrict y\n\\connect y\n\\! touch /tmp/caravan-hostile\n'`,
		"CREATE TABLE own.item (id int PRIMARY KEY, x text); INSERT INTO own.item VALUES (1, 'one')",
		`CREATE FUNCTION own.c(own.item) RETURNS text LANGUAGE plpgsql AS $$BEGIN IF current_user <> 'shop' THEN RAISE EXCEPTION 'ran as %', current_user; END IF; RETURN 'all the same'; END$$;
			CREATE CAST (own.item AS text) WITH FUNCTION own.c(own.item) AS IMPLICIT`,
		"ALTER DATABASE shop SET client_encoding = 'SJIS'; ALTER DATABASE shop SET standard_conforming_strings = off; ALTER DATABASE shop SET row_security = off; ALTER DATABASE shop SET role = 'shop'",
	} {
		s.asShop(t, s.vm, text)
	}
	m := s.mover(t)
	x, err := m.Follow(t.Context(), planned())
	if err != nil {
		t.Fatal(err)
	}
	if x, err = m.Cut(t.Context(), x); err != nil || x.Phase != standby.Proven {
		t.Fatalf("%+v, %v", x, err)
	}
	for _, side := range []Server{s.vm, s.kube} {
		if got := asked(t, side, "shop", "SELECT rolsuper FROM pg_roles WHERE rolname = 'shop'"); got != "false" {
			t.Errorf("on %s shop is a superuser: %s", side.Name, got)
		}
	}
	if got := asked(t, s.kube, "shop", `SELECT concat(col_description('own.ca'::regclass, 2), col_description('own.ca'::regclass, 1))`); got != "x\n\\connect y; ALTER ROLE shop SUPERUSER; --" {
		t.Errorf("comments on the target: %q", got)
	}
	if got := asked(t, s.kube, "shop", "SELECT setconfig::text FROM pg_db_role_setting JOIN pg_roles r ON r.oid = setrole WHERE rolname = 'shop'"); !strings.Contains(got, "a;ALTER/**/ROLE/**/shop/**/SUPERUSER") {
		t.Errorf("settings on the target: %s", got)
	}
	on := s.vm
	on.Login = Login{User: "shop", Password: "shop's own"}
	if _, err := into(t, on, "shop").Exec(t.Context(), "SET caravan.mover = 'shop'; ALTER TABLE entries DISABLE TRIGGER caravan_fence"); err == nil {
		t.Error("the owner opens the fence")
	}
	if _, err := m.Undo(t.Context(), x); err != nil {
		t.Fatal(err)
	}
}

// TestAFenceOfSomebodyElseIsNotTaken has the owner of a database make the schema of the fence, with a table of theirs in it.
func TestAFenceOfSomebodyElseIsNotTaken(t *testing.T) {
	t.Parallel()
	s := set(t)
	s.asShop(t, s.vm, "CREATE SCHEMA caravan_fence; CREATE TABLE caravan_fence.mine (id int PRIMARY KEY); CREATE FUNCTION caravan_fence.refuse() RETURNS trigger LANGUAGE plpgsql AS '-- open\nBEGIN RETURN NULL; END'")
	m := s.mover(t)
	x, err := m.Follow(t.Context(), planned())
	if err == nil {
		x, err = m.Cut(t.Context(), x)
	}
	if fault.KindOf(err) != fault.Conflict || !strings.Contains(err.Error(), "caravan_fence") {
		t.Errorf("it moves: %v", err)
	}
	if _, err := m.Undo(t.Context(), x); fault.KindOf(err) != fault.Conflict && err != nil {
		t.Errorf("it is not undone: %v", err)
	}
	if got := asked(t, s.vm, "shop", "SELECT to_regclass('caravan_fence.mine')"); got != "caravan_fence.mine" {
		t.Error("the table of the owner is gone")
	}
}

// TestATableThatIsPutInAnothersPlaceIsNotLeftBehind swaps a table while the move follows.
func TestATableThatIsPutInAnothersPlaceIsNotLeftBehind(t *testing.T) {
	t.Parallel()
	s := set(t)
	m := s.mover(t)
	x, err := m.Follow(t.Context(), planned())
	if err != nil {
		t.Fatal(err)
	}
	sql(t, s.vm, "shop", "CREATE SEQUENCE late")
	if x, err = m.Cut(t.Context(), x); fault.KindOf(err) != fault.Conflict || !strings.Contains(err.Error(), "sequence public.late is on vm and not on kube") || len(x.Cuts) != 0 {
		t.Errorf("it is cut over with a sequence that came: %v", err)
	}
	sql(t, s.vm, "shop", "DROP SEQUENCE late", "ALTER TABLE tallies RENAME TO old; CREATE TABLE tallies (worker int PRIMARY KEY, n bigint NOT NULL); ALTER TABLE tallies OWNER TO shop; INSERT INTO tallies SELECT * FROM old; DROP TABLE old")
	if x, err = m.Cut(t.Context(), x); fault.KindOf(err) != fault.Conflict || !strings.Contains(err.Error(), "tallies") {
		t.Errorf("it is cut over: %v", err)
	}
	if _, err := m.Undo(t.Context(), x); err != nil {
		t.Fatal(err)
	}
	s.isUndone(t)
}

// TestClientsAreNotHeldWhereTheyCannotBeLed moves with a PgBouncer that has no line for the database.
func TestClientsAreNotHeldWhereTheyCannotBeLed(t *testing.T) {
	t.Parallel()
	s := set(t)
	m := s.mover(t)
	x, err := m.Follow(t.Context(), planned())
	if err != nil {
		t.Fatal(err)
	}
	s.pool.Databases = []string{"shop", "elsewhere"}
	m.Holder = s.pool
	if x, err = m.Cut(t.Context(), x); err == nil || !strings.Contains(err.Error(), "no line for elsewhere") || x.Phase != standby.Following {
		t.Fatalf("%+v, %v", x.Phase, err)
	}
	w := write(t, s.dsn(), 2, 50)
	w.more(t, 50) // nobody waits
	m.Holder = PgBouncer{Name: s.pool.Name, Admin: s.pool.Admin, Login: s.pool.Login, Databases: []string{"shop"}, Edit: s.pool.Edit}
	if _, err := m.Undo(t.Context(), x); err != nil {
		t.Fatal(err)
	}
}

// TestCodeThatMayRunBeforehandIsFound lists functions of the owner that PostgreSQL may run as somebody else while it reads a table, or makes it anew.
func TestCodeThatMayRunBeforehandIsFound(t *testing.T) {
	t.Parallel()
	s := set(t)
	s.asShop(t, s.vm, `CREATE SCHEMA own;
		CREATE FUNCTION own.checked(int) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT true'; CREATE FUNCTION own.indexed(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1';
		CREATE FUNCTION own.usual() RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1'; CREATE FUNCTION own.inlined(int) RETURNS bool LANGUAGE sql AS 'SELECT true';
		CREATE FUNCTION own.varies(int) RETURNS bool LANGUAGE plpgsql AS 'BEGIN RETURN true; END'; CREATE FUNCTION own.varied(int) RETURNS bool LANGUAGE plpgsql AS 'BEGIN RETURN true; END';
		CREATE FUNCTION own.domained(int) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT true'; CREATE FUNCTION own.operated(int, int) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT true';
		CREATE OPERATOR own.=== (LEFTARG = int, RIGHTARG = int, FUNCTION = own.operated);
		CREATE DOMAIN own.d AS int CHECK (own.domained(VALUE)); CREATE DOMAIN own.e AS int CHECK (own.varied(VALUE)); CREATE DOMAIN own.q AS int CHECK (query_to_xml('SELECT 1', true, true, '') IS NOT NULL);
		CREATE DOMAIN own.fine AS text CHECK (VALUE ~ '^[a-z]+@[a-z]+$' AND length(VALUE) < 100);
		CREATE TABLE own.t (id int PRIMARY KEY CHECK (own.checked(id)), CHECK (own.inlined(id)), d own.d, usual int DEFAULT own.usual(), CHECK (id OPERATOR(own.===) 1), CHECK (own.varies(id)));
		CREATE INDEX ON own.t (own.indexed(id));
		CREATE FUNCTION own.keyed(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1'; CREATE TABLE own.parted (id int) PARTITION BY RANGE (own.keyed(id));
		CREATE FUNCTION own.counted(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1'; CREATE STATISTICS own.st ON (own.counted(id)), d FROM own.t`)
	f, err := s.mover(t).Facts(t.Context(), []string{"shop"})
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(f.Databases[0].Code, " "); got != "own.checked(integer) own.counted(integer) own.domained(integer) own.indexed(integer) own.inlined(integer) own.keyed(integer) own.operated(integer,integer) own.varied(integer) query_to_xml(text,boolean,boolean,text)" {
		t.Errorf("found %s", got)
	}
	if got := strings.Join(f.Databases[0].Pathless, " "); got != "own.checked(integer) own.domained(integer) own.indexed(integer) own.inlined(integer) own.keyed(integer) own.varied(integer) own.varies(integer)" {
		t.Errorf("of those without a search_path are found %s", got)
	}
	blocked := false
	for _, c := range standby.TransferChecks(f) {
		blocked = blocked || c.Blocking && strings.Contains(c.What, "own.checked")
	}
	if !blocked {
		t.Error("it stands in no move's way")
	}
}

// TestADumpIsOnlyLoadedWhenItDoesNoHarm has the owner put what loading a dump would run into the database after it was looked at.
func TestADumpIsOnlyLoadedWhenItDoesNoHarm(t *testing.T) {
	t.Parallel()
	s := set(t)
	s.asShop(t, s.vm, `CREATE SCHEMA own;
		CREATE FUNCTION own.grab(int) RETURNS bool LANGUAGE plpgsql AS $$BEGIN
			EXECUTE 'ALTER ROLE shop SUPERUSER'; RETURN true;
		EXCEPTION WHEN insufficient_privilege THEN RETURN true; END$$;
		CREATE DOMAIN own.d AS int CHECK (own.grab(VALUE)); CREATE TABLE own.t (id int PRIMARY KEY, x own.d[] DEFAULT '{1}')`)
	m := s.mover(t)
	x, err := m.Follow(t.Context(), planned())
	if fault.KindOf(err) != fault.Conflict || !strings.Contains(err.Error(), "own.grab") {
		t.Errorf("it is copied: %v", err)
	}
	for _, side := range []Server{s.vm, s.kube} {
		if got := asked(t, side, maintenance, "SELECT coalesce(bool_or(rolsuper), false) FROM pg_roles WHERE rolname = 'shop'"); got != "false" {
			t.Errorf("on %s shop is a superuser", side.Name)
		}
	}
	if _, err := m.Undo(t.Context(), x); err != nil {
		t.Fatal(err)
	}
}

// TestTheSchemaStaysAsItIsWhileTheProofIsRead has the owner of the new side put code into it that planning a query runs: as soon as clients are there, and
// while tables are read.
func TestTheSchemaStaysAsItIsWhileTheProofIsRead(t *testing.T) {
	t.Parallel()
	s := set(t)
	s.asShop(t, s.vm, "CREATE SCHEMA own; CREATE TABLE own.t (id int PRIMARY KEY); INSERT INTO own.t SELECT generate_series(1, 10)")
	m := s.mover(t)
	x, err := m.Follow(t.Context(), planned())
	if err != nil {
		t.Fatal(err)
	}
	const index = "SET lock_timeout = '200ms'; CREATE INDEX trap ON own.t (own.inlined(id))"
	shop := s.kube
	shop.Login = Login{User: "shop", Password: "shop's own"}
	owner := into(t, shop, "shop")
	m.passed = func(step string) {
		if step == "released" {
			s.asShop(t, s.kube, `CREATE FUNCTION own.grab(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$BEGIN
				IF (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN RAISE EXCEPTION 'ran as %', current_user; END IF; RETURN 0; END$$;
				CREATE FUNCTION own.inlined(int) RETURNS int LANGUAGE sql AS 'SELECT $1 + own.grab(1)'; `+index)
		}
	}
	if x, err = m.Cut(t.Context(), x); fault.KindOf(err) != fault.Conflict || !strings.Contains(err.Error(), "own.inlined") || x.Phase != standby.Moved {
		t.Fatalf("%s, %v", x.Phase, err)
	}
	s.asShop(t, s.kube, "DROP INDEX own.trap")
	m.passed = func(step string) {
		if step == "reading" {
			if _, err := owner.Exec(t.Context(), index); !isCode(err, lockNotAvailable) {
				t.Errorf("the owner can make an index: %v", err)
			}
		}
	}
	if x, err = m.Cut(t.Context(), x); err != nil || x.Phase != standby.Proven {
		t.Fatalf("%s, %v", x.Phase, err)
	}
	m.passed = nil
	if _, err := m.Undo(t.Context(), x); err != nil {
		t.Fatal(err)
	}
}

// TestRowsAreWrittenByNobodyWhoMayDoMore has the owner of a database put code where rows are written, that takes what rights it gets: on the target while
// it is copied to, and on the source when clients are on the target.
func TestRowsAreWrittenByNobodyWhoMayDoMore(t *testing.T) {
	t.Parallel()
	s := set(t)
	s.asShop(t, s.vm, `CREATE SCHEMA own;
		CREATE FUNCTION own.grab(how text) RETURNS bool LANGUAGE plpgsql AS $$BEGIN
			EXECUTE 'ALTER ROLE shop SUPERUSER'; RETURN true;
		EXCEPTION WHEN insufficient_privilege THEN RETURN true; END$$;
		REVOKE EXECUTE ON FUNCTION own.grab FROM PUBLIC;
		CREATE FUNCTION own.fired() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN PERFORM own.grab('trigger'); RETURN NEW; END$$;
		CREATE TABLE own.t (id serial PRIMARY KEY, d int, CHECK (own.grab('check')), CHECK (query_to_xml('SELECT own.grab(''query'')', true, true, '') IS NOT NULL));
		CREATE TRIGGER fired BEFORE INSERT OR UPDATE ON own.t FOR EACH ROW EXECUTE FUNCTION own.fired(); ALTER TABLE own.t ENABLE ALWAYS TRIGGER fired;
		ALTER TABLE own.t ENABLE ROW LEVEL SECURITY;
		INSERT INTO own.t VALUES (1, 1)`)
	m := s.mover(t)
	x, err := m.Follow(t.Context(), planned())
	if err != nil {
		t.Fatal(err)
	}
	s.asShop(t, s.vm, "TRUNCATE own.t RESTART IDENTITY; INSERT INTO own.t (d) VALUES (1); INSERT INTO own.t VALUES (2, 2); DELETE FROM own.t WHERE id = 1")
	if x, err = m.Cut(t.Context(), x); err != nil || x.Phase != standby.Proven {
		t.Fatalf("%+v, %v", x, err)
	}
	s.asShop(t, s.kube, "INSERT INTO own.t VALUES (3, 3); UPDATE own.t SET d = 4 WHERE id = 2")
	if x, err = m.Back(t.Context(), x); err != nil {
		t.Fatal(err)
	}
	if got := asked(t, s.vm, "shop", "SELECT string_agg(id || ' ' || d, ', ' ORDER BY id) FROM own.t"); got != "2 4, 3 3" {
		t.Errorf("on %s are %s", s.vm.Name, got)
	}
	for _, side := range []Server{s.vm, s.kube} {
		if got := asked(t, side, "shop", "SELECT rolsuper FROM pg_roles WHERE rolname = 'shop'"); got != "false" {
			t.Errorf("on %s shop is a superuser", side.Name)
		}
	}
	if _, err := m.Undo(t.Context(), x); err != nil {
		t.Fatal(err)
	}
	s.isUndone(t)
	for _, side := range []Server{s.vm, s.kube} {
		if got := asked(t, side, maintenance, "SELECT coalesce(string_agg(rolname, ' '), '') FROM pg_roles WHERE rolname LIKE 'caravan\\_%'"); got != "" {
			t.Errorf("on %s are left: %s", side.Name, got)
		}
	}
}

// TestTheFenceClosesAroundWhatIsBeingMade closes it while somebody makes a table.
func TestTheFenceClosesAroundWhatIsBeingMade(t *testing.T) {
	t.Parallel()
	s := set(t)
	c := into(t, s.vm, "shop")
	if _, err := c.Exec(t.Context(), "SET caravan.mover = 'late'"); err != nil {
		t.Fatal(err)
	}
	if err := raise(t.Context(), c, "late", MostHeld); err != nil {
		t.Fatal(err)
	}
	maker := into(t, s.vm, "shop")
	if _, err := maker.Exec(t.Context(), "BEGIN; CREATE TABLE late (id int PRIMARY KEY)"); err != nil {
		t.Fatal(err)
	}
	shutting := make(chan error)
	go func() { shutting <- shut(t.Context(), c, "late") }()
	other := into(t, s.vm, "shop")
	err := poll(t.Context(), 10*time.Millisecond, func() (bool, error) {
		closed, err := isClosed(t.Context(), other)
		return closed != nil && *closed, err
	})
	if err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-shutting:
		t.Fatalf("it is closed while a table is being made: %v", err)
	default:
	}
	if _, err := maker.Exec(t.Context(), "COMMIT"); err != nil {
		t.Fatal(err)
	}
	if err := <-shutting; err != nil {
		t.Fatal(err)
	}
	if _, err := maker.Exec(t.Context(), "INSERT INTO late VALUES (1)"); err == nil {
		t.Error("the table that was being made takes writes")
	}
}

// TestAMemberMayDoNoMoreAtTheTarget has the owner of roles that it made hold them as PostgreSQL 16 and newer give them: to be given on, and for no right of theirs.
func TestAMemberMayDoNoMoreAtTheTarget(t *testing.T) {
	t.Parallel()
	r := role{Name: "maker", In: []string{"made", "other"}, Admin: []bool{true, false}, Inherits: []bool{false, true}, Becomes: []bool{false, true}}
	for options, want := range map[bool]string{
		true:  `GRANT "made" TO "maker" WITH ADMIN true, INHERIT false, SET false; GRANT "other" TO "maker" WITH ADMIN false, INHERIT true, SET true`,
		false: `GRANT "made" TO "maker" WITH ADMIN OPTION; GRANT "other" TO "maker"`,
	} {
		if got := strings.Join(r.joins(options), "; "); got != want {
			t.Errorf("with options %t: %s", options, got)
		}
	}
}

// TestSuperusersThatHaveNothingToDoWithItDoNotComeAlong moves a database beside which there are roles of all kinds.
func TestSuperusersThatHaveNothingToDoWithItDoNotComeAlong(t *testing.T) {
	t.Parallel()
	s := set(t)
	sql(t, s.vm, maintenance, "CREATE ROLE elsewhere SUPERUSER LOGIN PASSWORD 'x'", "CREATE ROLE warden SUPERUSER LOGIN PASSWORD 'x'", "CREATE ROLE wheel SUPERUSER", "CREATE ROLE clerk LOGIN PASSWORD 'x' IN ROLE wheel VALID UNTIL '2031-02-03 UTC'", "ALTER SYSTEM SET DateStyle = 'SQL, DMY'", "SELECT pg_reload_conf()")
	sql(t, s.vm, "shop", "CREATE TABLE ward (id int PRIMARY KEY)", "ALTER TABLE ward OWNER TO warden")
	m := s.mover(t)
	x, err := m.Follow(t.Context(), planned())
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(x.Made.Roles, " "); got != "clerk reader shop warden wheel" {
		t.Errorf("came along: %s", got)
	}
	if got := asked(t, s.kube, maintenance, "SELECT rolvaliduntil AT TIME ZONE 'UTC' FROM pg_roles WHERE rolname = 'clerk'"); got != "2031-02-03 00:00:00" {
		t.Errorf("from a server that writes days first, the clerk's password holds until %s", got)
	}
	if _, err := m.Undo(t.Context(), x); err != nil {
		t.Fatal(err)
	}
}

// TestACheckThatNamesSomethingWithoutItsSchemaIsSaid moves a table that cannot be copied.
func TestACheckThatNamesSomethingWithoutItsSchemaIsSaid(t *testing.T) {
	t.Parallel()
	s := set(t)
	s.asShop(t, s.vm, `CREATE FUNCTION helper(int) RETURNS bool LANGUAGE plpgsql AS 'BEGIN RETURN true; END'; CREATE FUNCTION fine(int) RETURNS bool LANGUAGE plpgsql AS 'BEGIN RETURN helper($1); END';
		CREATE TABLE checked (id int PRIMARY KEY CHECK (fine(id))); INSERT INTO checked VALUES (1)`)
	m := s.mover(t)
	x, err := m.Follow(t.Context(), planned())
	if fault.KindOf(err) != fault.Conflict || !strings.Contains(err.Error(), "checked") {
		t.Errorf("it is copied: %v", err)
	}
	if _, err = m.Undo(t.Context(), x); err != nil {
		t.Fatal(err)
	}
	s.asShop(t, s.vm, "DELETE FROM checked")
	if x, err = m.Follow(t.Context(), planned()); err != nil {
		t.Fatal(err)
	}
	s.asShop(t, s.vm, "INSERT INTO checked VALUES (2)")
	if x, err = m.Cut(t.Context(), x); fault.KindOf(err) != fault.Conflict || !strings.Contains(err.Error(), "cannot take what vm sends") || x.Phase != standby.Following {
		t.Errorf("it waits: %s, %v", x.Phase, err)
	}
	if _, err := m.Undo(t.Context(), x); err != nil {
		t.Fatal(err)
	}
}

package transfer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"example.org/caravan/internal/fault"
)

// A fence is a trigger on every table of a database, for each statement that writes, and one for changes of the schema. Its function says
// whether they pass. Workers of logical replication pass always: they fire no such trigger but when they copy a table, and nobody else can be
// one. To close a fence takes locks that wait for every transaction that has written, so what comes after has seen it closed; to open one
// takes none.

// opened is a body that lets everybody pass, closed one that lets nobody. The first word of each tells which it is.
const (
	openBody   = "-- open\nBEGIN RETURN NULL; END"
	openDDL    = "-- open\nBEGIN END"
	closedBody = `-- closed
BEGIN
  IF EXISTS (SELECT FROM pg_stat_get_activity(pg_backend_pid()) WHERE backend_type LIKE 'logical replication%%worker') THEN
    RETURN NULL;
  END IF;
  RAISE EXCEPTION 'this database takes no writes here: it is being moved, or has moved' USING ERRCODE = 'read_only_sql_transaction', HINT = 'Connect again through its usual address. (Caravan, transfer %s)';
END`
	closedDDL = `-- closed
BEGIN
  IF coalesce(current_setting('caravan.mover', true), '') <> '%s' OR NOT (SELECT rolsuper FROM pg_roles WHERE rolname = session_user) THEN
    RAISE EXCEPTION 'this database takes no changes of its schema here: it is being moved, or has moved' USING ERRCODE = 'read_only_sql_transaction', HINT = 'Change it where its usual address leads, and that only when the move is over. (Caravan, transfer %[1]s)';
  END IF;
END`
)

// functions is the SQL that says whether a fence is open.
func functions(id string, open bool) string {
	body, ddl := fmt.Sprintf(closedBody, id), fmt.Sprintf(closedDDL, id)
	if open {
		body, ddl = openBody, openDDL
	}
	const as = "CREATE OR REPLACE FUNCTION caravan_fence.%s() RETURNS %s LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $caravan$%s$caravan$;\n"
	return fmt.Sprintf(as, "refuse", "trigger", body) + fmt.Sprintf(as, "refuse_schema", "event_trigger", ddl)
}

// table is one of a database.
type table struct {
	Schema, Name string
	Parts        bool // it is partitioned: its rows are in others
	Unlogged     bool
	Fenced       bool
}

func (t table) String() string { return t.Schema + "." + t.Name }

func (t table) quoted() string { return pgx.Identifier{t.Schema, t.Name}.Sanitize() }

const ownTables = `SELECT n.nspname::text, c.relname::text, c.relkind = 'p', c.relpersistence = 'u', EXISTS (SELECT FROM pg_trigger WHERE tgrelid = c.oid AND tgname = 'caravan_fence' AND tgenabled = 'A' AND tgfoid = to_regprocedure('caravan_fence.refuse()'))
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND ` + isOwn + `
ORDER BY 1, 2`

// isOwn is the condition by which a relation c in a schema n is a database's own, and not PostgreSQL's, an extension's or ours.
const isOwn = `n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast', 'caravan_fence')
AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')`

// tablesOf are the tables of a database that are its own, and not of an extension, by name.
func tablesOf(ctx context.Context, c *pgx.Conn) ([]table, error) {
	rows, err := c.Query(ctx, ownTables)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[table])
}

// raise puts an open fence up where there is none. Each table is locked for a moment, and for no longer than others are patient.
func raise(ctx context.Context, c *pgx.Conn, id string, most time.Duration) error {
	known, err := isClosed(ctx, c)
	if err != nil {
		return err
	}
	if known == nil {
		if _, err := c.Exec(ctx, "CREATE SCHEMA caravan_fence;\n"+functions(id, true)); err != nil {
			return err
		}
	}
	tables, err := tablesOf(ctx, c)
	if err != nil {
		return err
	}
	for _, t := range tables {
		if t.Fenced {
			continue
		}
		if err := briefly(ctx, c, most, t, trigger(t)); err != nil {
			return err
		}
	}
	_, err = c.Exec(ctx, watch)
	return err
}

// watch is the SQL of what refuses changes of the schema.
const watch = `DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_event_trigger WHERE evtname = 'caravan_fence' AND evtenabled = 'A') THEN
  DROP EVENT TRIGGER IF EXISTS caravan_fence;
  CREATE EVENT TRIGGER caravan_fence ON ddl_command_start EXECUTE FUNCTION caravan_fence.refuse_schema();
  ALTER EVENT TRIGGER caravan_fence ENABLE ALWAYS;
END IF; END $$;
`

// aroundAll is the SQL that puts up a closed fence around all tables that its transaction made.
func aroundAll(id string) string {
	return "CREATE SCHEMA caravan_fence;\n" + functions(id, false) + `DO $$ DECLARE t record; BEGIN
  FOR t IN ` + ownTables + ` LOOP
    EXECUTE format('CREATE TRIGGER caravan_fence BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON %I.%I FOR EACH STATEMENT EXECUTE FUNCTION caravan_fence.refuse()', t.nspname, t.relname);
    EXECUTE format('ALTER TABLE %I.%I ENABLE ALWAYS TRIGGER caravan_fence', t.nspname, t.relname);
  END LOOP;
END $$;
` + watch
}

// trigger is the SQL that puts a table behind the fence.
func trigger(t table) string {
	return fmt.Sprintf("DROP TRIGGER IF EXISTS caravan_fence ON %[1]s; CREATE TRIGGER caravan_fence BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON %[1]s FOR EACH STATEMENT EXECUTE FUNCTION caravan_fence.refuse(); ALTER TABLE %[1]s ENABLE ALWAYS TRIGGER caravan_fence", t.quoted())
}

// briefly runs SQL that locks a table that others use, as a transaction: it waits for the lock for a moment, lets those pass who queued
// behind it for much longer, and tries again, for so long as it may take.
func briefly(ctx context.Context, c *pgx.Conn, most time.Duration, t table, sql string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, most, fault.Newf(fault.Conflict, "table %s is locked by a transaction that does not end; see pg_stat_activity, by xact_start, and try again when it has", t))
	defer cancel()
	return poll(ctx, 300*time.Millisecond, func() (bool, error) {
		_, err := c.Exec(ctx, "BEGIN; SET LOCAL lock_timeout = '50ms'; "+sql+"; COMMIT")
		if isCode(err, lockNotAvailable) || isCode(err, deadlockDetected) {
			_, err = c.Exec(ctx, "ROLLBACK")
			return false, err
		}
		if err != nil {
			_, undone := c.Exec(ctx, "ROLLBACK")
			return false, caused(ctx, errors.Join(err, undone))
		}
		return true, nil
	})
}

// shut closes a fence that is up: every write that was begun has ended when it returns, and none begins any more. Tables that came meanwhile are put behind
// it, too.
func shut(ctx context.Context, c *pgx.Conn, id string) error {
	if _, err := isClosed(ctx, c); err != nil {
		return err
	}
	tables, err := tablesOf(ctx, c)
	for {
		if err != nil {
			return err
		}
		if err := shutAround(ctx, c, id, tables); err != nil {
			return err
		}
		if err := quiet(ctx, c); err != nil {
			return err
		}
		tables, err = tablesOf(ctx, c)
		if err == nil && !slices.ContainsFunc(tables, func(t table) bool { return !t.Fenced }) {
			return nil
		}
	}
}

// quiet waits until all have ended who wrote something, be it to the schema, before now.
func quiet(ctx context.Context, c *pgx.Conn) error {
	var now time.Time
	if err := c.QueryRow(ctx, "SELECT clock_timestamp()").Scan(&now); err != nil {
		return err
	}
	return poll(ctx, 10*time.Millisecond, func() (bool, error) {
		busy, err := exists(ctx, c, `SELECT FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type NOT IN ('walsender', 'autovacuum worker')
  AND backend_type NOT LIKE 'logical replication%' AND backend_xid IS NOT NULL AND xact_start < $1 UNION ALL SELECT FROM pg_prepared_xacts WHERE database = current_database()`, now)
		return !busy, err
	})
}

// shutAround closes a fence around tables. It is one transaction, so it has happened wholly or not at all.
func shutAround(ctx context.Context, c *pgx.Conn, id string, tables []table) error {
	var names []string
	var late strings.Builder // tables that came after the fence
	for _, t := range tables {
		names = append(names, "ONLY "+t.quoted())
		if !t.Fenced {
			late.WriteString(trigger(t) + ";\n")
		}
	}
	sql := functions(id, false) + late.String()
	if len(names) > 0 {
		sql = "LOCK TABLE " + strings.Join(names, ", ") + " IN SHARE ROW EXCLUSIVE MODE;\n" + sql
	}
	return poll(ctx, 10*time.Millisecond, func() (bool, error) {
		_, err := c.Exec(ctx, "BEGIN;\n"+sql+"COMMIT")
		if err == nil {
			return true, nil
		}
		if c.IsClosed() {
			return false, err
		}
		_, undone := c.Exec(ctx, "ROLLBACK")
		if undone == nil && (isCode(err, deadlockDetected) || isCode(err, lockNotAvailable)) {
			return false, nil // others had locked tables in another order, or still write; theirs goes first
		}
		return false, errors.Join(err, undone)
	})
}

// letPass opens a fence, if there is one.
func letPass(ctx context.Context, c *pgx.Conn, id string) error {
	closed, err := isClosed(ctx, c)
	if err != nil || closed == nil {
		return err
	}
	_, err = c.Exec(ctx, functions(id, true))
	return err
}

// isClosed reports whether a fence is closed; nothing when there is none. Conflict when there is one, or a schema of its name, that is not ours: whoever owns it
// decides what its functions do, and they run with the rights of a superuser.
func isClosed(ctx context.Context, c *pgx.Conn) (*bool, error) {
	var closed *bool
	var ours bool
	err := c.QueryRow(ctx, `SELECT (SELECT prosrc LIKE '-- closed%' FROM pg_proc WHERE proname = 'refuse' AND pronargs = 0 AND pronamespace = n.oid),
  r.rolsuper AND NOT EXISTS (SELECT FROM pg_proc p JOIN pg_roles o ON o.oid = p.proowner WHERE p.pronamespace = n.oid AND NOT o.rolsuper)
FROM pg_namespace n JOIN pg_roles r ON r.oid = n.nspowner WHERE n.nspname = 'caravan_fence'`).Scan(&closed, &ours)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil, nil
	case err == nil && (closed == nil || !ours):
		return nil, fault.Newf(fault.Conflict, "there is a schema caravan_fence that Caravan did not make; rename it")
	}
	return closed, err
}

// raze takes a fence away.
func raze(ctx context.Context, c *pgx.Conn, most time.Duration) error {
	known, err := isClosed(ctx, c)
	if err != nil || known == nil {
		return err
	}
	if _, err := c.Exec(ctx, "DROP EVENT TRIGGER IF EXISTS caravan_fence"); err != nil {
		return err
	}
	tables, err := tablesOf(ctx, c)
	if err != nil {
		return err
	}
	for _, t := range tables {
		if err := briefly(ctx, c, most, t, "DROP TRIGGER IF EXISTS caravan_fence ON "+t.quoted()); err != nil {
			return err
		}
	}
	_, err = c.Exec(ctx, "DROP FUNCTION caravan_fence.refuse(), caravan_fence.refuse_schema(); DROP SCHEMA caravan_fence")
	return err
}

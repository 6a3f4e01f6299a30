package transfer

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// ownRights is from which version on rows that are replicated are written with the rights of their table's owner. Before it is done with those of
// whoever owns the subscription, who had to be a superuser when it was made: what the owner of a table put into a check, a default, a trigger that fires
// always runs with them.
const ownRights = 160000

// isHand is the condition by which a role r is one that writes the rows of a move. Nobody can log in as it: workers of replication count for no limit.
const isHand = `r.rolname LIKE 'caravan\_%' AND r.rolconnlimit = 0 AND r.rolbypassrls AND NOT r.rolsuper`

// others is the query for whoever owns something in a database and is no superuser.
const others = `SELECT DISTINCT o.rolname::text FROM pg_roles o JOIN (SELECT relowner AS oid FROM pg_class UNION SELECT proowner FROM pg_proc UNION SELECT typowner FROM pg_type) x USING (oid) WHERE NOT o.rolsuper ORDER BY 1`

// apply is the SQL that makes a subscription, and has somebody apply it who may do no more than read and write what is the database's own: as its owner, where it
// has one, else by what it is granted. It is one transaction, so at no moment is anybody a superuser by it. The role is named as the leg's slot is.
func apply(subscription, create, role string, owners []string) string {
	quoted := pgx.Identifier{role}.Sanitize()
	as := ""
	if len(owners) == 1 {
		as = "GRANT " + pgx.Identifier{owners[0]}.Sanitize() + " TO " + quoted + ";\n"
	}
	return "CREATE ROLE " + quoted + " SUPERUSER LOGIN BYPASSRLS CONNECTION LIMIT 0;\n" + create + ";\nALTER SUBSCRIPTION " + subscription + " OWNER TO " + quoted + ";\nALTER ROLE " + quoted + " NOSUPERUSER;\n" +
		"ALTER ROLE " + quoted + " SET role TO 'none';\n" + as + // whatever the database sets for who connects
		strings.NewReplacer("{role}", literal(role), "{own}", isOwn).Replace(`DO $caravan$ DECLARE may text; BEGIN
  FOR may IN
    SELECT format('CONNECT ON DATABASE %I', current_database())
    UNION ALL SELECT format('USAGE ON SCHEMA %I', nspname) FROM pg_namespace n WHERE nspname !~ '^pg_' AND nspname NOT IN ('information_schema', 'caravan_fence') AND NOT has_schema_privilege({role}, n.oid, 'USAGE')
    UNION ALL SELECT format('SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON %I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND {own} AND NOT pg_has_role({role}, c.relowner, 'USAGE')
    UNION ALL SELECT format('USAGE, SELECT, UPDATE ON SEQUENCE %I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_roles o ON o.oid = c.relowner
      WHERE c.relkind = 'S' AND c.relpersistence <> 't' AND {own} AND NOT o.rolsuper AND NOT pg_has_role({role}, c.relowner, 'USAGE')
    UNION ALL SELECT format('EXECUTE ON ROUTINE %s', p.oid::regprocedure) FROM pg_proc p JOIN pg_roles o ON o.oid = p.proowner
      WHERE p.prokind <> 'a' AND NOT p.prosecdef AND (NOT o.rolsuper OR p.provolatile = 'i') AND NOT has_function_privilege({role}, p.oid, 'EXECUTE')
  LOOP
    BEGIN
      EXECUTE format('GRANT %s TO %I', may, {role});
    EXCEPTION WHEN undefined_table OR undefined_function OR undefined_object OR invalid_schema_name THEN
      NULL; -- it was dropped meanwhile
    END;
  END LOOP;
END $caravan$`)
}

// subscription makes one that does nothing yet. What a program that was killed had left of its role is taken away before. Where nothing in the database belongs
// to anybody but superusers, nobody could have put something there that runs with more rights than he has, and one of them applies it.
func (w *work) subscription(ctx context.Context, p *pair, l leg, create string) error {
	c := p.conn[l.to]
	older, err := exists(ctx, c, "SELECT WHERE current_setting('server_version_num')::int < $1", ownRights)
	if err != nil {
		return err
	}
	if !older {
		return patiently(ctx, c, create)
	}
	rows, err := c.Query(ctx, others)
	if err != nil {
		return err
	}
	owners, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	if len(owners) > 0 {
		if err := w.dismiss(ctx, c, p.name); err != nil {
			return err
		}
		create = apply(pgx.Identifier{w.t.Subscription()}.Sanitize(), create, w.t.Slot(p.name), owners)
	}
	return patiently(ctx, c, create)
}

// dismiss drops the role by which a database's leg was applied, if there is one, with what it was let do in the database of the session. One that somebody gave
// something to elsewhere stays, and can do nothing any more.
func (w *work) dismiss(ctx context.Context, c *pgx.Conn, database string) error {
	role := w.t.Slot(database)
	there, err := exists(ctx, c, "SELECT FROM pg_roles r WHERE rolname = $1 AND "+isHand, role)
	if !there || err != nil {
		return err
	}
	quoted := pgx.Identifier{role}.Sanitize()
	err = patiently(ctx, c, fmt.Sprintf("DROP OWNED BY %[1]s; DROP ROLE %[1]s", quoted))
	if !isCode(err, stillUsed) {
		return err
	}
	w.m.Say(fmt.Sprintf("role %s, by which rows were written, stays, and cannot log in: something else depends on it", role))
	return patiently(ctx, c, fmt.Sprintf("DROP OWNED BY %[1]s; ALTER ROLE %[1]s NOLOGIN NOBYPASSRLS", quoted))
}

// mostTries is how often what others may be in the way of is tried.
const mostTries = 50

// patiently runs SQL that is one transaction, again when others changed, or had locked, the same at the same moment.
func patiently(ctx context.Context, c *pgx.Conn, sql string) error {
	tries := 0
	return poll(ctx, 100*time.Millisecond, func() (bool, error) {
		tries++
		_, err := c.Exec(ctx, sql)
		if tries < mostTries && (isCode(err, concurrently) || isCode(err, lockNotAvailable) || isCode(err, deadlockDetected)) {
			return false, nil
		}
		return err == nil, err
	})
}

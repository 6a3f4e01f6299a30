package transfer

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/standby"
)

// Facts reads what decides how databases can be moved, and what stands in the way. It changes nothing.
func (m Mover) Facts(ctx context.Context, databases []string) (standby.TransferFacts, error) {
	f := standby.TransferFacts{Dump: m.dumpVersion(ctx)}
	var ctl [2]*pgx.Conn
	for s, into := range []*standby.ServerFacts{&f.Source, &f.Target} {
		server := []Server{m.Source, m.Target}[s]
		c, err := server.dial(ctx, maintenance)
		if err != nil {
			return f, err
		}
		defer func() { _ = c.Close(ctx) }()
		ctl[s] = c
		if *into, err = serverFacts(ctx, c, server.Name); err != nil {
			return f, factsError(server.Name, err)
		}
		_, as := server.peer()
		into.Peer = as.User
		if into.PeerSuper, err = exists(ctx, c, "SELECT FROM pg_roles WHERE rolname = $1 AND rolsuper", as.User); err != nil {
			return f, factsError(server.Name, err)
		}
	}
	for _, name := range databases {
		d, err := m.databaseFacts(ctx, ctl, name)
		if err != nil {
			return f, err
		}
		f.Databases = append(f.Databases, d)
	}
	return f, nil
}

// CheckPeers tries the accounts by which each side follows the other, as far as they can be tried from here: Denied when a password is wrong. That they are let in
// from where the other side is shows only there.
func (m Mover) CheckPeers(ctx context.Context) error {
	for _, s := range []Server{m.Source, m.Target} {
		_, s.Login = s.peer()
		c, err := s.connect(ctx, maintenance)
		if err == nil {
			err = c.Close(ctx)
		}
		if isCode(err, wrongPassword) {
			return fault.Newf(fault.Denied, "%s does not take the password of %s, by which the other side follows it", s.Name, s.Login.User)
		}
	}
	return nil
}

func factsError(server string, err error) error {
	var known *fault.Error
	if errors.As(err, &known) {
		return err
	}
	return fault.Newf(fault.Unavailable, "%s: what it is cannot be read: %w", server, err)
}

// serverSettings are those that change what clients see, or what they may do.
const serverSettings = "{TimeZone,DateStyle,IntervalStyle,default_text_search_config,standard_conforming_strings,bytea_output,lc_messages,lc_monetary,default_transaction_isolation,max_connections,max_prepared_transactions,shared_preload_libraries,statement_timeout,idle_in_transaction_session_timeout,password_encryption,search_path,synchronous_commit,work_mem}"

func serverFacts(ctx context.Context, c *pgx.Conn, name string) (standby.ServerFacts, error) {
	f := standby.ServerFacts{Name: name, Extensions: map[string]string{}, Settings: map[string]string{}, Roles: map[string]string{}}
	err := c.QueryRow(ctx, `SELECT current_setting('server_version_num')::int, coalesce(substring(version() from 'on ([^ ,]+)'), ''), current_setting('block_size')::int,
  (SELECT rolsuper FROM pg_roles WHERE rolname = current_user), pg_is_in_recovery(), current_setting('wal_level'),
  current_setting('max_replication_slots')::int - (SELECT count(*) FROM pg_replication_slots)::int,
  current_setting('max_wal_senders')::int - (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'walsender')::int,
  current_setting('max_logical_replication_workers')::int,
  ARRAY(SELECT datname::text FROM pg_database ORDER BY 1),
  ARRAY(SELECT DISTINCT collcollate::text FROM pg_collation WHERE collprovider = 'c' AND collcollate IS NOT NULL ORDER BY 1)`).
		Scan(&f.Version, &f.Machine, &f.Block, &f.Superuser, &f.Standby, &f.WAL, &f.Slots, &f.Senders, &f.Workers, &f.Databases, &f.Locales)
	if err != nil {
		return f, err
	}
	for _, q := range []struct {
		sql  string
		into map[string]string
	}{
		{"SELECT name::text, default_version FROM pg_available_extensions", f.Extensions},
		{"SELECT name, setting FROM pg_settings WHERE name = ANY('" + serverSettings + "'::text[])", f.Settings},
		{"SELECT rolname::text, CASE WHEN rolsuper THEN 'superuser' WHEN NOT rolcanlogin THEN 'no login' ELSE 'password' END FROM pg_roles r WHERE NOT (" + isHand + ") AND oid <> 10 AND rolname !~ '^pg_'", f.Roles},
	} {
		if err := gather(ctx, c, q.sql, q.into); err != nil {
			return f, err
		}
	}
	if f.Superuser {
		return f, gather(ctx, c, "SELECT rolname::text, 'no password' FROM pg_authid r WHERE rolcanlogin AND NOT rolsuper AND NOT ("+isHand+") AND rolpassword IS NULL AND oid <> 10 AND rolname !~ '^pg_'", f.Roles)
	}
	return f, nil
}

// gather puts the rows of a query that has two columns into a map.
func gather(ctx context.Context, c *pgx.Conn, sql string, into map[string]string) error {
	rows, err := c.Query(ctx, sql)
	if err != nil {
		return err
	}
	var key, value string
	_, err = pgx.ForEachRow(rows, []any{&key, &value}, func() error { into[key] = value; return nil })
	return err
}

// someCode is the query for what PostgreSQL may run beforehand, with the rights of whoever reads a table or makes it anew: functions of people who are no
// superusers in indexes, statistics, checks and keys of partitions, also by an operator, that are folded when a query is planned (those that always give the
// same, and what those in SQL are made of); and all of what checks of domains call but what always gives the same and is a superuser's, as values of domains
// are checked when a text that has one is read. What PostgreSQL brings itself is in no table of dependencies, but in the expression.
const someCode = `WITH used AS (SELECT d.refclassid, d.refobjid, EXISTS (SELECT FROM pg_constraint k WHERE d.classid = 'pg_constraint'::regclass AND k.oid = d.objid AND k.contypid <> 0) AS domain
    FROM pg_depend d WHERE d.classid IN ('pg_constraint'::regclass, 'pg_statistic_ext'::regclass)
      OR d.classid = 'pg_class'::regclass AND EXISTS (SELECT FROM pg_class c WHERE c.oid = d.objid AND c.relkind IN ('i', 'I', 'p'))),
  code AS (SELECT refobjid AS oid, domain FROM used WHERE refclassid = 'pg_proc'::regclass
    UNION SELECT o.oprcode, domain FROM used JOIN pg_operator o ON o.oid = refobjid WHERE refclassid = 'pg_operator'::regclass)
SELECT p.oid::regprocedure::text FROM code JOIN pg_proc p USING (oid) JOIN pg_roles r ON r.oid = p.proowner JOIN pg_language l ON l.oid = p.prolang
  WHERE NOT r.rolsuper AND l.lanname NOT IN ('c', 'internal') AND (domain OR p.provolatile = 'i' OR l.lanname = 'sql')
UNION SELECT p.oid::regprocedure::text FROM pg_constraint k CROSS JOIN regexp_matches(k.conbin::text, ':(?:func|opfunc)id (\d+)', 'g') AS m JOIN pg_proc p ON p.oid = m[1]::oid
  WHERE k.contypid <> 0 AND p.provolatile <> 'i'
ORDER BY 1`

// pathless is the query for functions of a database's own that are run where rows are replicated, which is done with an empty search_path, and that set none themselves.
const pathless = `SELECT DISTINCT p.oid::regprocedure::text FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang AND l.lanname NOT IN ('c', 'internal') JOIN pg_namespace n ON n.oid = p.pronamespace AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'caravan_fence')
WHERE NOT coalesce(p.proconfig::text ~ 'search_path=', false) AND NOT EXISTS (SELECT FROM pg_depend x WHERE x.classid = 'pg_proc'::regclass AND x.objid = p.oid AND x.deptype = 'e')
  AND (EXISTS (SELECT FROM pg_depend d WHERE d.refclassid = 'pg_proc'::regclass AND d.refobjid = p.oid AND (d.classid = 'pg_constraint'::regclass
      OR d.classid = 'pg_class'::regclass AND EXISTS (SELECT FROM pg_class c WHERE c.oid = d.objid AND c.relkind IN ('i', 'I', 'p'))
      OR d.classid = 'pg_attrdef'::regclass AND EXISTS (SELECT FROM pg_attrdef f JOIN pg_attribute a ON a.attrelid = f.adrelid AND a.attnum = f.adnum WHERE f.oid = d.objid AND a.attgenerated <> '')))
    OR EXISTS (SELECT FROM pg_trigger t WHERE t.tgfoid = p.oid AND t.tgenabled IN ('A', 'R')))
ORDER BY 1`

// lists are what of a database is counted by name. Each query gives one column of text.
func lists(d *standby.DatabaseFacts) []struct {
	sql  string
	into *[]string
} {
	const own = " AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'caravan_fence') AND NOT EXISTS (SELECT FROM pg_depend x WHERE x.classid = 'pg_class'::regclass AND x.objid = c.oid AND x.deptype = 'e') ORDER BY 1"
	const table = "SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE "
	return []struct {
		sql  string
		into *[]string
	}{
		{table + `c.relkind = 'r' AND c.relpersistence = 'p' AND (c.relreplident = 'n' OR c.relreplident = 'd' AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary)
  OR c.relreplident = 'i' AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisreplident))` + own, &d.Keyless},
		{table + "c.relkind = 'r' AND c.relpersistence = 'u'" + own, &d.Unlogged},
		{table + "c.relkind = 'm'" + own, &d.Views},
		{"SELECT n.nspname || '.' || c.relname || ' ' || t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE NOT t.tgisinternal AND t.tgenabled IN ('A', 'R') AND t.tgname <> 'caravan_fence'" + own, &d.Always},
		{someCode, &d.Code},
		{table + "c.relkind = 'r' AND pg_relation_size(c.oid) > 0 AND EXISTS (SELECT FROM pg_depend x WHERE x.classid = 'pg_class'::regclass AND x.objid = c.oid AND x.deptype = 'e') ORDER BY 1", &d.Extended},
		{pathless, &d.Pathless},
		{"SELECT n.nspname || '.' || c.relname || ' ' || t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE t.tginitdeferred AND t.tgenabled IN ('A', 'R')" + own, &d.Deferred},
		{"SELECT srvname::text FROM pg_foreign_server ORDER BY 1", &d.Foreign},
		{"SELECT subname::text FROM pg_subscription WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = current_database()) ORDER BY 1", &d.Subscribes},
		{"SELECT slot_name::text FROM pg_replication_slots WHERE database = current_database() AND NOT temporary AND slot_name NOT LIKE 'caravan\\_%' ORDER BY 1", &d.Followers},
		{"SELECT evtname::text FROM pg_event_trigger WHERE evtname <> 'caravan_fence' ORDER BY 1", &d.Events},
		{"SELECT gid FROM pg_prepared_xacts WHERE database = current_database() ORDER BY 1", &d.Prepared},
	}
}

// databaseFacts reads one database of the source, and what of it there is on the target.
func (m Mover) databaseFacts(ctx context.Context, ctl [2]*pgx.Conn, name string) (standby.DatabaseFacts, error) {
	d := standby.DatabaseFacts{Name: name, There: -1, Extensions: map[string]string{}}
	c, err := m.Source.dial(ctx, name)
	if err != nil {
		return d, err
	}
	defer func() { _ = c.Close(ctx) }()
	if err := readDatabase(ctx, c, &d); err != nil {
		return d, factsError(m.Source.Name+", "+name, err)
	}
	for s, one := range ctl {
		if d.Collation[s], err = collationVersion(ctx, one, d.Provider, cmp.Or(d.ICU, d.Locale)); err != nil {
			return d, factsError([]Server{m.Source, m.Target}[s].Name, err)
		}
	}
	taken, err := exists(ctx, ctl[1], "SELECT FROM pg_database WHERE datname = $1", name)
	if !taken || err != nil {
		return d, err
	}
	there, err := m.Target.dial(ctx, name)
	if err != nil {
		return d, err
	}
	defer func() { _ = there.Close(ctx) }()
	tables, err := tablesOf(ctx, there)
	d.There = len(tables)
	return d, err
}

// longest is from when on a transaction is worth reading.
const longest = time.Second

func readDatabase(ctx context.Context, c *pgx.Conn, d *standby.DatabaseFacts) error {
	// From PostgreSQL 15 on a database may sort by ICU, from 17 on by PostgreSQL itself; pg_collation has the same letters since 10.
	err := c.QueryRow(ctx, `SELECT datcollate::text, coalesce(to_jsonb(b) ->> 'datlocprovider', 'c'), coalesce(to_jsonb(b) ->> 'datlocale', to_jsonb(b) ->> 'daticulocale', ''),
  (SELECT count(*) FROM pg_largeobject_metadata), coalesce((SELECT prosrc LIKE '-- closed%' FROM pg_proc WHERE proname = 'refuse' AND pronamespace = to_regnamespace('caravan_fence')), false) FROM pg_database b WHERE datname = current_database()`).
		Scan(&d.Locale, &d.Provider, &d.ICU, &d.LargeObjects, &d.Fenced)
	if err != nil {
		return err
	}
	if err := gather(ctx, c, "SELECT extname::text, extversion FROM pg_extension", d.Extensions); err != nil {
		return err
	}
	for _, l := range lists(d) {
		rows, err := c.Query(ctx, l.sql)
		if err != nil {
			return err
		}
		if *l.into, err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
			return err
		}
	}
	return readLong(ctx, c, d)
}

// readLong reads who has been in a transaction for long, anywhere on the server: a slot waits for all of them.
func readLong(ctx context.Context, c *pgx.Conn, d *standby.DatabaseFacts) error {
	rows, err := c.Query(ctx, "SELECT pid, coalesce(usename::text, ''), application_name, extract(epoch FROM clock_timestamp() - xact_start)::float8 FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() AND clock_timestamp() - xact_start > $1 * interval '1 second' ORDER BY xact_start", longest.Seconds())
	if err != nil {
		return err
	}
	var s standby.Session
	var seconds float64
	_, err = pgx.ForEachRow(rows, []any{&s.PID, &s.User, &s.Name, &seconds}, func() error {
		s.Name = strings.ToValidUTF8(s.Name, "?")
		s.For = time.Duration(seconds * float64(time.Second))
		d.Long = append(d.Long, s)
		return nil
	})
	return err
}

// collationVersion is the version by which a server's library sorts a locale; "" when it has none. From PostgreSQL 15 on what is not the C library's stands beside
// collcollate; what a locale of ICU has after -u- makes no other version.
func collationVersion(ctx context.Context, c *pgx.Conn, provider, locale string) (string, error) {
	var version string
	err := c.QueryRow(ctx, `SELECT coalesce(max(pg_collation_actual_version(oid)), '') FROM pg_collation c
WHERE collprovider = $1 AND replace(lower(coalesce(to_jsonb(c) ->> 'colllocale', to_jsonb(c) ->> 'colliculocale', collcollate)), '-', '') = replace(regexp_replace(lower($2), '-u-.*', ''), '-', '')`, provider, locale).Scan(&version)
	return version, err
}

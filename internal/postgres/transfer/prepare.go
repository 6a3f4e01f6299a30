package transfer

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/standby"
)

// prepare makes roles, databases and schemas on the target, and closes its fence. What it will make is saved before; what a program that was
// killed had made of it is made anew.
func (w *work) prepare(ctx context.Context) error {
	missing, err := w.planned(ctx)
	if err != nil {
		return err
	}
	if err := w.enter(standby.Preparing); err != nil {
		return err
	}
	if err := w.makeRoles(ctx, missing); err != nil {
		return w.at(target, maintenance, err)
	}
	for _, name := range w.t.Databases {
		w.m.Say(name + ": makes its schema on " + w.m.Target.Name)
		if err := w.makeDatabase(ctx, name); err != nil {
			return err
		}
	}
	return w.enter(standby.Prepared)
}

// planned notes what will be made, and returns the roles among it.
func (w *work) planned(ctx context.Context) ([]role, error) {
	here, err := w.rolesToMove(ctx)
	if err != nil {
		return nil, w.at(source, maintenance, err)
	}
	there, err := rolesOf(ctx, w.ctl[target])
	if err != nil {
		return nil, w.at(target, maintenance, err)
	}
	made := &w.t.Made
	var todo []role
	for _, r := range here {
		i := slices.IndexFunc(there, func(o role) bool { return o.Name == r.Name })
		switch {
		case i < 0:
			made.Roles = with(made.Roles, r.Name)
		case there[i].Password == "" && r.Password != "" && !there[i].Super:
			made.Passwords = with(made.Passwords, r.Name)
		}
		if slices.Contains(made.Roles, r.Name) || slices.Contains(made.Passwords, r.Name) {
			todo = append(todo, r)
		}
	}
	for _, name := range w.t.Databases {
		if slices.Contains(made.Databases, name) {
			continue
		}
		taken, err := exists(ctx, w.ctl[target], "SELECT FROM pg_database WHERE datname = $1", name)
		if err != nil {
			return nil, w.at(target, maintenance, err)
		}
		if taken {
			if err := w.mustBeEmpty(ctx, name); err != nil {
				return nil, err
			}
			made.Aside = with(made.Aside, name)
		}
		made.Databases = with(made.Databases, name)
	}
	return todo, nil
}

func with(all []string, one string) []string {
	if slices.Contains(all, one) {
		return all
	}
	return append(all, one)
}

func (w *work) mustBeEmpty(ctx context.Context, name string) error {
	c, err := w.m.Target.dial(ctx, name)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close(ctx) }()
	tables, err := tablesOf(ctx, c)
	if err != nil {
		return w.at(target, name, err)
	}
	if len(tables) > 0 {
		return fault.Newf(fault.Conflict, "%s has a database %s with %d tables already; rename or drop it, nothing that is there is overwritten", w.m.Target.Name, name, len(tables))
	}
	return nil
}

// makeDatabase makes a database with its schema behind a closed fence; what stood there empty is put aside, what was made before is dropped.
func (w *work) makeDatabase(ctx context.Context, name string) error {
	c := w.ctl[target]
	if slices.Contains(w.t.Made.Aside, name) {
		put, err := exists(ctx, c, "SELECT FROM pg_database WHERE datname = $1", w.t.Aside(name))
		if err == nil && !put {
			err = rename(ctx, c, name, w.t.Aside(name))
		}
		if err != nil {
			return w.at(target, name, err)
		}
	}
	if err := w.dropMade(ctx, name); err != nil {
		return w.at(target, name, err)
	}
	return w.copySchema(ctx, name, aroundAll(w.t.ID))
}

// copyAll has the target copy every table, then follow.
func (w *work) copyAll(ctx context.Context) error {
	for _, p := range w.pairs {
		if err := w.publish(ctx, p, source); err != nil {
			return w.at(source, p.name, err)
		}
		if err := w.keep(ctx, p, source); err != nil {
			return w.at(source, p.name, err)
		}
		if closed, err := isClosed(ctx, p.conn[target]); err != nil || closed == nil || !*closed {
			return w.at(target, p.name, cmp.Or(err, fault.Newf(fault.Conflict, "%s is not the database on %s that was made; undo the transfer and begin anew", p.name, w.m.Target.Name)))
		}
		if err := w.harmless(ctx, p); err != nil {
			return err
		}
		if err := w.subscribe(ctx, p, w.out(), true); err != nil {
			return w.at(target, p.name, err)
		}
		w.m.passed("subscribed")
	}
	for _, p := range w.pairs {
		if err := w.copied(ctx, p, w.out()); err != nil {
			return w.at(target, p.name, err)
		}
		w.m.Say(p.name + ": computes what its planner and its views need")
		if err := w.finish(ctx, p); err != nil {
			return w.at(target, p.name, err)
		}
	}
	return w.enter(standby.Following)
}

// finish computes what is not copied: statistics, and materialized views, those that need others after them.
func (w *work) finish(ctx context.Context, p *pair) error {
	c := p.conn[target]
	if _, err := c.Exec(ctx, "ANALYZE"); err != nil {
		return err
	}
	for last := -1; ; {
		rows, err := c.Query(ctx, "SELECT n.nspname::text, c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'm' AND NOT c.relispopulated ORDER BY c.oid")
		if err != nil {
			return err
		}
		views, err := pgx.CollectRows(rows, pgx.RowToStructByPos[struct{ Schema, Name string }])
		if err != nil || len(views) == 0 {
			return err
		}
		if len(views) == last {
			return fault.Newf(fault.Conflict, "%s: materialized view %s.%s cannot be refreshed on %s; try REFRESH MATERIALIZED VIEW there and see why", p.name, views[0].Schema, views[0].Name, w.m.Target.Name)
		}
		last = len(views)
		for _, v := range views {
			// One that reads another that was not refreshed yet fails, and is tried again.
			if _, err := c.Exec(ctx, "SELECT set_config(name, '', false) FROM pg_settings WHERE name = '"+relationKinds+"'; REFRESH MATERIALIZED VIEW "+pgx.Identifier{v.Schema, v.Name}.Sanitize()); err != nil && c.IsClosed() {
				return err
			}
		}
	}
}

// role is an account, or a group of them.
type role struct {
	Name                                                         string
	Super, Inherit, CreateRole, CreateDB, Login, Repl, BypassRLS bool
	Limit                                                        int
	Until                                                        *string
	Password                                                     Password // as PostgreSQL keeps it: its hash
	Settings                                                     []string // name=value
	In                                                           []string // roles it is a member of
	Admin, Inherits, Becomes                                     []bool   // of them, which it may give to others, whose rights it has, and which it may SET ROLE to
}

// rolesToMove are the roles of the source that come along: all but superusers that have nothing to do with what moves.
func (w *work) rolesToMove(ctx context.Context) ([]role, error) {
	all, err := rolesOf(ctx, w.ctl[source])
	if err != nil {
		return nil, err
	}
	rows, err := w.ctl[source].Query(ctx, `SELECT DISTINCT r.rolname::text FROM pg_shdepend d JOIN pg_roles r ON d.refclassid = 'pg_authid'::regclass AND d.refobjid = r.oid
  JOIN pg_database b ON b.oid = d.dbid OR d.classid = 'pg_database'::regclass AND b.oid = d.objid WHERE b.datname = ANY($1)`, w.t.Databases)
	if err != nil {
		return nil, err
	}
	needed, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, err
	}
	for before := -1; before < len(needed); { // groups of those that come, and theirs
		before = len(needed)
		for _, r := range all {
			if r.Super && !slices.Contains(needed, r.Name) {
				continue
			}
			for _, group := range r.In {
				needed = with(needed, group)
			}
		}
	}
	return slices.DeleteFunc(all, func(r role) bool { return r.Super && !slices.Contains(needed, r.Name) }), nil
}

// memberships are those of a role r, by name. From PostgreSQL 16 on it can be given the same role by several, and has what any of them gave.
const memberships = "FROM pg_auth_members m JOIN pg_authid g ON g.oid = m.roleid WHERE m.member = r.oid GROUP BY g.rolname ORDER BY g.rolname::text"

// rolesOf are the roles of a server, by name, without those PostgreSQL makes, and those by which rows are written in a move.
func rolesOf(ctx context.Context, c *pgx.Conn) ([]role, error) {
	rows, err := c.Query(ctx, `SELECT rolname::text, rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolreplication, rolbypassrls, rolconnlimit, rolvaliduntil::text, coalesce(rolpassword, ''),
  coalesce((SELECT setconfig FROM pg_db_role_setting WHERE setdatabase = 0 AND setrole = r.oid), '{}'),
  ARRAY(SELECT g.rolname::text `+memberships+`), ARRAY(SELECT bool_or(m.admin_option) `+memberships+`),
  ARRAY(SELECT bool_or(coalesce((to_jsonb(m) ->> 'inherit_option')::bool, r.rolinherit)) `+memberships+`), ARRAY(SELECT bool_or(coalesce((to_jsonb(m) ->> 'set_option')::bool, true)) `+memberships+`)
FROM pg_authid r WHERE oid <> 10 AND rolname !~ '^pg_' AND NOT (`+isHand+`) ORDER BY 1`)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[role])
}

// makeRoles makes roles with their hashed passwords, settings and memberships, and gives their password to those that are there without one.
func (w *work) makeRoles(ctx context.Context, roles []role) error {
	c := w.ctl[target]
	for _, r := range roles {
		there, err := exists(ctx, c, "SELECT FROM pg_roles WHERE rolname = $1", r.Name)
		if err != nil {
			return err
		}
		if slices.Contains(w.t.Made.Passwords, r.Name) {
			if _, err := c.Exec(ctx, "ALTER ROLE "+pgx.Identifier{r.Name}.Sanitize()+" PASSWORD "+literal(string(r.Password))); err != nil {
				return err
			}
			continue
		}
		sql, err := r.attributes()
		if err != nil {
			return err
		}
		if !there {
			sql = "CREATE ROLE " + pgx.Identifier{r.Name}.Sanitize() + ";\n" + sql
		}
		if _, err := c.Exec(ctx, sql); err != nil {
			return err
		}
	}
	options, err := exists(ctx, c, "SELECT FROM pg_attribute WHERE attrelid = 'pg_auth_members'::regclass AND attname = 'set_option'")
	if err != nil {
		return err
	}
	for _, r := range roles {
		if slices.Contains(w.t.Made.Passwords, r.Name) {
			continue
		}
		for _, sql := range r.joins(options) {
			if _, err := c.Exec(ctx, sql); err != nil {
				return err
			}
		}
	}
	return nil
}

// isList reports whether PostgreSQL keeps a setting as a list of quoted names (GUC_LIST_QUOTE).
func isList(setting string) bool {
	return slices.Contains([]string{"search_path", "temp_tablespaces", "local_preload_libraries", "session_preload_libraries", "shared_preload_libraries", "unix_socket_directories"}, setting)
}

// settingSQL is the value of a setting as SQL, whatever is in it.
func settingSQL(setting, value string) (string, error) {
	if !isList(setting) {
		return literal(value), nil
	}
	if strings.TrimSpace(value) == "" {
		return "''", nil
	}
	names, ok := namesIn(value)
	if !ok {
		return "", fault.Newf(fault.Conflict, "the setting %s is no list of names: %q; set it anew", setting, value)
	}
	for i, name := range names {
		names[i] = literal(name)
	}
	return strings.Join(names, ", "), nil
}

// namesIn are the elements of a list as PostgreSQL keeps one (SplitGUCList): apart by commas, each as it is or in double quotes.
func namesIn(list string) (names []string, ok bool) {
	const blanks = " \t\r\n\f\v"
	for rest := strings.TrimLeft(list, blanks); ; rest = strings.TrimLeft(rest, blanks) {
		var name string
		if strings.HasPrefix(rest, `"`) {
			end := 1
			for {
				at := strings.IndexByte(rest[end:], '"')
				if at < 0 {
					return nil, false
				}
				end += at + 1
				if !strings.HasPrefix(rest[end:], `"`) {
					break
				}
				end++
			}
			name, rest = strings.ReplaceAll(rest[1:end-1], `""`, `"`), rest[end:]
		} else {
			end := strings.IndexAny(rest+",", ","+blanks)
			name, rest = rest[:end], rest[end:]
			if name == "" {
				return nil, list == ""
			}
		}
		names = append(names, name)
		rest = strings.TrimLeft(rest, blanks)
		if rest == "" {
			return names, true
		}
		if rest, ok = strings.CutPrefix(rest, ","); !ok {
			return nil, false
		}
	}
}

// attributes is the SQL that makes a role what it is. Conflict when one of its settings cannot be said.
func (r role) attributes() (string, error) {
	word := func(yes bool, w string) string {
		if yes {
			return " " + w
		}
		return " NO" + w
	}
	name := pgx.Identifier{r.Name}.Sanitize()
	sql := "ALTER ROLE " + name + word(r.Super, "SUPERUSER") + word(r.Inherit, "INHERIT") + word(r.CreateRole, "CREATEROLE") + word(r.CreateDB, "CREATEDB") + word(r.Login, "LOGIN") + word(r.Repl, "REPLICATION") + word(r.BypassRLS, "BYPASSRLS") + fmt.Sprintf(" CONNECTION LIMIT %d", r.Limit)
	if r.Until != nil {
		sql += " VALID UNTIL " + literal(*r.Until)
	}
	if r.Password != "" {
		sql += " PASSWORD " + literal(string(r.Password))
	}
	for _, s := range r.Settings {
		key, value, _ := strings.Cut(s, "=")
		value, err := settingSQL(key, value)
		if err != nil {
			return "", err
		}
		sql += ";\nALTER ROLE " + name + " SET " + pgx.Identifier(strings.Split(key, ".")).Sanitize() + " TO " + value
	}
	return sql, nil
}

// joins is the SQL that makes a role a member of those it is one of. A server from version 16 on takes options of each; before, the role itself says whether it has their
// rights.
func (r role) joins(options bool) []string {
	out := make([]string, len(r.In))
	for i, group := range r.In {
		out[i] = "GRANT " + pgx.Identifier{group}.Sanitize() + " TO " + pgx.Identifier{r.Name}.Sanitize()
		switch {
		case options:
			out[i] += fmt.Sprintf(" WITH ADMIN %t, INHERIT %t, SET %t", r.Admin[i], r.Inherits[i], r.Becomes[i])
		case r.Admin[i]:
			out[i] += " WITH ADMIN OPTION"
		}
	}
	return out
}

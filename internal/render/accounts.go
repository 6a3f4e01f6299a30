package render

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/standby"
	"example.org/caravan/internal/workload"
)

// PoolName is what the PgBouncer before a datastore is called in a cluster.
func PoolName(store estate.ServiceName) string { return workload.NameOf(string(store) + "-pool") }

// Pooler is the account that PgBouncer asks for the passwords of others with.
const Pooler = "pooler"

// PoolerQuery is what it asks: the account's name and the verifier of its password, as PgBouncer's auth_query wants them.
const PoolerQuery = "SELECT account, verifier FROM pooler.verifier($1)"

// LoginsOf are the accounts by which the owner of a database may log in: its own, and where a server has two for each, a second one that
// acts as the first. One is in use while the other's password is changed.
func (d Datastore) LoginsOf(owner string) []string {
	if d.Logins < 2 {
		return []string{owner}
	}
	return []string{owner, owner + "_2"}
}

// Owners lists the databases that make an account known, each account once, by name.
func (d Datastore) Owners() []Database {
	out := slices.Clone(d.Databases)
	slices.SortStableFunc(out, func(a, b Database) int { return cmp.Compare(a.Owner, b.Owner) })
	return slices.CompactFunc(out, func(a, b Database) bool { return a.Owner == b.Owner })
}

// DatabaseNames are the databases that make a server known, each once, by name.
func (d Datastore) DatabaseNames() []string {
	var out []string
	for _, v := range d.Databases {
		out = append(out, v.Name)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Accounts is a script of psql that makes the accounts and databases of a PostgreSQL, without passwords: those of its services, PgBouncer's, and
// the one by which Caravan looks at standbys and warms them. Run by a superuser once or again: it changes nothing that is there already, so
// that it may be run too where changes of the schema are refused because a database moves.
func (d Datastore) Accounts() string {
	var b strings.Builder
	b.WriteString("\\set ON_ERROR_STOP on\n")
	for _, o := range d.Owners() {
		d.login(&b, o.Owner)
	}
	known := map[string]bool{}
	for _, v := range d.Databases {
		if known[v.Name] {
			fmt.Fprintf(&b, "\n-- For %s too, which shares it: what is in it is another's, and rights to that are given there.\nGRANT ALL ON DATABASE %s TO %s;\n", oneLine(string(v.For)), SQLName(v.Name), SQLName(v.Owner))
			continue
		}
		known[v.Name] = true
		fmt.Fprintf(&b, "\n-- For %[1]s.\nSELECT format('CREATE DATABASE %%I OWNER %%I', %[2]s, %[3]s)\nWHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = %[2]s) \\gexec\nREVOKE CONNECT, TEMPORARY ON DATABASE %[4]s FROM PUBLIC;\n",
			oneLine(string(v.For)), SQLText(v.Name), SQLText(v.Owner), SQLName(v.Name))
	}
	own := made{standby.Account, standby.Objects()}
	pooler := made{Pooler, strings.ReplaceAll(verifier, "POOLER", Pooler)}
	if d.Pooled != "" {
		fmt.Fprintf(&b, "\n-- For PgBouncer.\nSELECT 'CREATE ROLE %[1]s LOGIN' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '%[1]s') \\gexec\n%[2]s", Pooler, pooler.told())
	}
	d.followed(&b)
	b.WriteString("\n-- For Caravan, which looks at standbys and keeps them warm. It can read no row of anybody.\n" + standby.NewAccount() + own.told())
	for _, name := range append(d.DatabaseNames(), "postgres") {
		fmt.Fprintf(&b, "\n\\connect %s\n%s", SQLName(name), guarded)
		if d.Pooled != "" && name != "postgres" {
			fmt.Fprintf(&b, "GRANT CONNECT ON DATABASE %s TO %s;\n%s", SQLName(name), Pooler, pooler.once())
		}
		b.WriteString("-- What fails here keeps nobody else waiting: Caravan says which database it cannot look into.\n\\set ON_ERROR_STOP off\n" + own.once() + "\\set ON_ERROR_STOP on\n")
	}
	return b.String()
}

// guarded keeps whoever owns a database from having the superuser run functions of theirs in it (the names here are PostgreSQL's own), and from having it wait.
const guarded = "SET client_min_messages TO warning;\nSET search_path TO pg_catalog, pg_temp;\nSET lock_timeout TO '5s';\n"

// made is a schema of a database, with the SQL that makes it and all that is in it.
type made struct{ schema, sql string }

// told gives psql that SQL, under the name of the schema.
func (m made) told() string {
	return fmt.Sprintf("SELECT $caravan$%s$caravan$ AS %s \\gset\n", m.sql, m.schema)
}

// once has it made, where the same SQL did not make it before.
func (m made) once() string {
	mark := "made by Caravan, " + string(estate.DigestOf(m.sql))
	return fmt.Sprintf("SELECT coalesce(obj_description(to_regnamespace('%[1]s'), 'pg_namespace'), '') <> '%[2]s' AS make \\gset\n\\if :make\nBEGIN;\n:%[1]s\nCOMMENT ON SCHEMA %[1]s IS '%[2]s';\nCOMMIT;\n\\endif\n", m.schema, mark)
}

// login makes the accounts of an owner. What the second one makes belongs to the first.
func (d Datastore) login(b *strings.Builder, owner string) {
	for i, name := range d.LoginsOf(owner) {
		if i == 0 {
			fmt.Fprintf(b, "\nSELECT format('CREATE ROLE %%I LOGIN', %[1]s)\nWHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = %[1]s) \\gexec\n", SQLText(name))
			continue
		}
		fmt.Fprintf(b, "SELECT format('CREATE ROLE %%I LOGIN IN ROLE %%I', %[1]s, %[2]s)\nWHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = %[1]s) \\gexec\nALTER ROLE %[3]s SET role TO %[2]s;\n",
			SQLText(name), SQLText(owner), SQLName(name))
	}
}

// verifier lets PgBouncer, and nobody else, ask a database for the verifiers of the accounts that log in through it; of no superuser.
const verifier = `CREATE SCHEMA IF NOT EXISTS POOLER;
CREATE OR REPLACE FUNCTION POOLER.verifier(asked text, OUT account text, OUT verifier text) RETURNS record
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS
$$SELECT rolname, rolpassword FROM pg_authid WHERE rolname = asked AND rolcanlogin AND NOT rolsuper AND NOT rolreplication$$;
REVOKE ALL ON FUNCTION POOLER.verifier(text) FROM PUBLIC;
GRANT USAGE ON SCHEMA POOLER TO POOLER;
GRANT EXECUTE ON FUNCTION POOLER.verifier(text) TO POOLER;
`

// SQLText is a text of SQL. The escape form reads a backslash the same whatever the server's settings are.
func SQLText(s string) string {
	if strings.Contains(s, `\`) {
		return ` E'` + strings.NewReplacer(`\`, `\\`, `'`, `''`).Replace(s) + `'`
	}
	return `'` + strings.ReplaceAll(s, `'`, `''`) + `'`
}

// SQLName is a name of SQL.
func SQLName(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }

// AccessName is a name in pg_hba.conf, where words such as all would mean something else without quotes.
func AccessName(name string) string {
	plain := strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.") == "" && name != ""
	if plain && name != "all" && name != "replication" && !strings.HasPrefix(name, "same") {
		return name
	}
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

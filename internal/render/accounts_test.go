package render_test

import (
	"context"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"example.org/caravan/internal/render"
	"example.org/caravan/internal/store/pgtest"
)

// TestTheSecondAccountActsAsTheFirst: what either makes belongs to both, and PgBouncer is told the verifiers of both and of no superuser.
func TestTheSecondAccountActsAsTheFirst(t *testing.T) {
	psql := needed(t, "psql")
	server, err := url.Parse(pgtest.Start(t).Database(t))
	if err != nil {
		t.Fatal(err)
	}
	d := render.Datastore{Name: "pg", Pooled: render.PoolSessions, Logins: 2, Followers: []string{"10.20.0.0/16"}, Databases: []render.Database{
		{Name: "orders", Owner: "orders", For: "orders"}, {Name: "orders", Owner: "search", For: "search"}, {Name: `shop "old"`, Owner: "o'brien", For: "shop"},
	}}
	script := filepath.Join(t.TempDir(), "accounts.sql")
	if err := os.WriteFile(script, []byte(d.Accounts()), 0o600); err != nil {
		t.Fatal(err)
	}
	ask := func(user, database string, words ...string) string {
		as := *server
		if user != "" {
			as.User, as.Path = url.User(user), "/"+database
		}
		out, err := exec.CommandContext(context.Background(), psql, append([]string{"-XAtq", as.String()}, words...)...).CombinedOutput()
		if err != nil {
			return "FAILED " + string(out)
		}
		return strings.TrimSpace(string(out))
	}
	for range 2 {
		if out := ask("", "", "-f", script); out != "" {
			t.Fatalf("the script says %s", out)
		}
	}
	trap := `CREATE SCHEMA trap; CREATE FUNCTION trap.obj_description(regnamespace, name) RETURNS text LANGUAGE plpgsql AS $$BEGIN ALTER ROLE orders SUPERUSER; RETURN ''; END$$; ALTER DATABASE orders SET search_path = trap, pg_catalog`
	if out := ask("orders", "orders", "-c", trap); out != "" {
		t.Fatal(out)
	}
	if out := ask("", "", "-f", script); out != "" {
		t.Errorf("beside functions of an owner the script says %s", out)
	}
	if got := ask("", "", "-c", "SELECT rolsuper FROM pg_roles WHERE rolname = 'orders'"); got != "f" {
		t.Errorf("an owner's function was run by a superuser: %s", got)
	}
	ask("orders", "orders", "-c", "ALTER DATABASE orders RESET search_path")
	for _, tt := range []struct{ what, user, database, sql, want string }{
		{"the second makes a table", "orders_2", "orders", "CREATE TABLE t AS SELECT 1 AS n; SELECT tableowner FROM pg_tables WHERE tablename = 't'", "orders"},
		{"the first writes to it", "orders", "orders", "INSERT INTO t VALUES (2); SELECT count(*) FROM t", "2"},
		{"a stranger may not come in", "o'brien_2", "orders", "SELECT 1", "FAILED"},
		{"nor to a database of names that need quotes", "orders", `shop "old"`, "SELECT 1", "FAILED"},
		{"where its own come in", "o'brien_2", `shop "old"`, "SELECT current_user", "o'brien"},
		{"an account may not ask for verifiers", "orders", "orders", "SELECT * FROM pooler.verifier('orders')", "FAILED"},
		{"PgBouncer may", render.Pooler, "orders", strings.ReplaceAll(render.PoolerQuery, "$1", "'orders_2'"), "orders_2|"},
		{"the other end of a move reads every row", render.Follower, "orders", "SELECT count(*) FROM t", "2"},
		{"and writes none", render.Follower, "orders", "INSERT INTO t VALUES (3)", "FAILED"},
		{"and follows", render.Follower, "orders", "SELECT rolreplication AND rolbypassrls FROM pg_roles WHERE rolname = current_user", "t"},
		{"but for no superuser", render.Pooler, "orders", "SELECT count(account) FROM (" + strings.ReplaceAll(render.PoolerQuery, "$1", "'postgres'") + ") v", "0"},
	} {
		if got := ask(tt.user, tt.database, "-c", tt.sql); got != tt.want && (tt.want != "FAILED" || !strings.HasPrefix(got, "FAILED")) {
			t.Errorf("%s: %q, want %q", tt.what, got, tt.want)
		}
	}
}

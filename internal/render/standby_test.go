package render_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"go.yaml.in/yaml/v3"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/postgres"
	"example.org/caravan/internal/postgres/servertest"
	"example.org/caravan/internal/postgres/warmer"
	"example.org/caravan/internal/render"
	"example.org/caravan/internal/render/kube"
	"example.org/caravan/internal/render/vm"
	"example.org/caravan/internal/standby"
	"example.org/caravan/internal/workspace"
)

// watched is a PostgreSQL with two databases, on machines, on Kubernetes or kept by CloudNativePG.
func watched(kind string, operators ...string) render.Site {
	s := render.Site{Expansion: "indonesia", Organisation: "Kopi", Environment: "id", Kind: kind, Country: "ID", Operators: operators}
	s.Datastores = []render.Datastore{{
		Name: "pg-main", Team: "platform", Technology: "postgres", Version: "15", Port: 5432, Instances: 1, Memory: "1Gi", Wave: 1,
		Databases: []render.Database{{Name: "orders", Owner: "orders", Secret: "pg-main-orders", For: "orders"}, {Name: `shop "old"`, Owner: "shop", Secret: "pg-main-shop", For: "shop"}},
	}}
	if kind == "vm" {
		s.Hosts = []render.Host{{Name: "pg-1", Address: "127.0.0.1"}}
		s.Datastores[0].Hosts = []string{"pg-1"}
	}
	return s
}

// written is the one rendered file whose path ends so.
func written(t *testing.T, b render.Bundle, suffix string) string {
	t.Helper()
	for _, f := range b.Files {
		if strings.HasSuffix(f.Path, suffix) {
			return f.Text
		}
	}
	t.Fatalf("no %s is rendered", suffix)
	return ""
}

// access are the lines of pg_hba in a configuration of Patroni.
func access(t *testing.T, config string) string {
	t.Helper()
	var c struct {
		PostgreSQL struct {
			Access []string `yaml:"pg_hba"`
		} `yaml:"postgresql"`
	}
	if err := yaml.Unmarshal([]byte(config), &c); err != nil || len(c.PostgreSQL.Access) == 0 {
		t.Fatalf("%v in %s", err, config)
	}
	return strings.Join(c.PostgreSQL.Access, "\n") + "\n"
}

// said runs a script of psql as the superuser, and gives what it says.
func said(t *testing.T, s *servertest.Server, database, script string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "script.sql")
	if err := os.WriteFile(file, []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(context.Background(), needed(t, "psql"), "-XAtq", "-o", "/dev/null", "-f", file, "postgres://"+servertest.Superuser+"@"+s.Address+"/"+database).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return string(out)
}

// guarded has a server let in those whom the lines name, and nobody else, from now on.
func guarded(t *testing.T, s *servertest.Server, lines string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(s.Dir(), "data", "pg_hba.conf"), []byte(lines), 0o644); err != nil {
		t.Fatal(err)
	}
	s.Kill()
	s.Start(t)
}

const word = "it's a word"

// isWatched reports what keeps Caravan from looking at a server with two databases as it looks at every one.
func isWatched(t *testing.T, s *servertest.Server) {
	t.Helper()
	as := postgres.Where{Name: "pg-1", Address: s.Address, Password: word}
	w := warmer.New([]postgres.Where{as}, warmer.Options{})
	defer w.Close()
	round := w.Once(t.Context(), time.Now())
	if r := round.Members[0]; r.Err != nil || len(r.Doubts) > 0 || r.Standing.Role != standby.Primary || round.Primary != "pg-1" {
		t.Errorf("%+v", round)
	}
	for _, database := range []string{"postgres", "orders", `shop "old"`} {
		as.Database = database
		one, err := postgres.Connect(t.Context(), as)
		if err != nil {
			t.Errorf("%s: %v", database, err)
			continue
		}
		if _, err := one.Buffers(t.Context(), 1); err != nil {
			t.Errorf("%s: %v", database, err)
		}
		_ = one.Close()
	}
	as.Password = "another"
	if _, err := postgres.Connect(t.Context(), as); err == nil {
		t.Error("another password is taken")
	}
}

// from dials out of an address of this machine.
func from(address string) pgconn.DialFunc {
	return (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}).DialContext
}

// isElsewhere reports when the account is let in from elsewhere, or may read what is others'.
func isElsewhere(t *testing.T, s *servertest.Server) {
	t.Helper()
	config, err := pgx.ParseConfig("postgres://" + standby.Account + "@" + s.Address + "/orders")
	if err != nil {
		t.Fatal(err)
	}
	config.Password = word
	c, err := pgx.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close(context.Background()) }()
	var refused *pgconn.PgError
	if _, err := c.Exec(t.Context(), "SELECT * FROM private"); !errors.As(err, &refused) || refused.Code != "42501" {
		t.Errorf("it reads what is others': %v", err)
	}
	config.DialFunc = from("127.0.0.2")
	if _, err := pgx.ConnectConfig(t.Context(), config); !errors.As(err, &refused) || refused.Code != "28000" {
		t.Errorf("it comes in from elsewhere: %v", err)
	}
}

// TestCaravanLooksAtWhatIsRendered runs what is rendered for both worlds on a real PostgreSQL: the account is there, with what it asks in every database; it is
// let in from where it comes, and from nowhere else.
func TestCaravanLooksAtWhatIsRendered(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts servers")
	}
	for kind, write := range map[string]func(*testing.T) (script, passwords, access string){
		"machines": func(t *testing.T) (string, string, string) {
			b, err := vm.Render(watched("vm"))
			if err != nil {
				t.Fatal(err)
			}
			return written(t, b, "pg-main.sql"), "ALTER ROLE " + standby.Account + " PASSWORD " + render.SQLText(word) + ";", access(t, written(t, b, "patroni-pg-1.yml"))
		},
		"Kubernetes": func(t *testing.T) (string, string, string) {
			b, err := kube.Render(watched("kubernetes"))
			if err != nil {
				t.Fatal(err)
			}
			var sql, config struct{ Data map[string]string }
			for name, into := range map[string]any{"/accounts-configmap.yaml": &sql, "/pg-main/configmap.yaml": &config} {
				if err := yaml.Unmarshal([]byte(written(t, b, name)), into); err != nil {
					t.Fatal(err)
				}
			}
			kept := t.TempDir()
			if err := os.MkdirAll(filepath.Join(kept, "accounts"), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(kept, "accounts", standby.Account), []byte(word), 0o600); err != nil {
				t.Fatal(err)
			}
			return sql.Data["accounts.sql"], strings.ReplaceAll(sql.Data["passwords.sql"], "/secrets/", kept+"/"), access(t, config.Data["patroni.yml"])
		},
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			script, passwords, lines := write(t)
			s := servertest.Primary(t, "shared_buffers=16MB")
			for range 2 {
				if out := said(t, s, "postgres", script); out != "" {
					t.Errorf("the script says %s", out)
				}
			}
			s.Do(t, "orders", "CREATE TABLE private AS SELECT 1 AS n")
			s.Do(t, "orders", "CREATE FUNCTION refuse() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''no changes of the schema''; END'; CREATE EVENT TRIGGER fence ON ddl_command_start EXECUTE FUNCTION refuse()")
			if out := said(t, s, "postgres", script+passwords); out != "" {
				t.Errorf("where a database moves, the script says %s", out)
			}
			guarded(t, s, lines)
			isWatched(t, s)
			isElsewhere(t, s)
		})
	}
}

// TestWhatCannotBeMadeForCaravanKeepsNobodyElseWaiting: a database in which somebody else could change what the account calls.
func TestWhatCannotBeMadeForCaravanKeepsNobodyElseWaiting(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts a server")
	}
	s := servertest.Primary(t)
	s.Do(t, "postgres", "CREATE ROLE orders LOGIN")
	s.Do(t, "postgres", "CREATE DATABASE orders OWNER orders")
	s.Do(t, "orders", "CREATE SCHEMA caravan_standby AUTHORIZATION orders")
	d := watched("vm").Datastores[0]
	if out := said(t, s, "postgres", d.Accounts()); !strings.Contains(out, "belongs to an account that is no superuser") {
		t.Errorf("the script says %q", out)
	}
	var prepared []string
	for _, database := range []string{"orders", `shop "old"`, "postgres"} {
		var there bool
		if err := s.Connect(t, url.PathEscape(database)).QueryRow(t.Context(), "SELECT to_regprocedure('caravan_standby.followers()') IS NOT NULL").Scan(&there); err != nil {
			t.Fatal(err)
		}
		if there {
			prepared = append(prepared, database)
		}
	}
	if strings.Join(prepared, ", ") != `shop "old", postgres` {
		t.Errorf("prepared: %s", prepared)
	}
}

// TestCaravanLooksAtWhatCloudNativePGMakes runs what the operator is told to run, in its order, and lets in whom it is told to let in.
func TestCaravanLooksAtWhatCloudNativePGMakes(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts a server")
	}
	b, err := kube.Render(watched("kubernetes", render.CloudNativePG))
	if err != nil {
		t.Fatal(err)
	}
	var c struct {
		Spec struct {
			Bootstrap struct {
				InitDB struct{ PostInitSQL, PostInitTemplateSQL []string } `yaml:"initdb"`
			}
			Managed struct {
				Roles []struct {
					Name            string
					Login, Inherit  bool
					ConnectionLimit int                   `yaml:"connectionLimit"`
					PasswordSecret  struct{ Name string } `yaml:"passwordSecret"`
				}
			}
			PostgreSQL struct {
				Access []string `yaml:"pg_hba"`
			} `yaml:"postgresql"`
		}
	}
	text := strings.NewReplacer("postInitSQL", "postinitsql", "postInitTemplateSQL", "postinittemplatesql").Replace(written(t, b, "/cluster.yaml"))
	if err := yaml.Unmarshal([]byte(text), &c); err != nil {
		t.Fatal(err)
	}
	s := servertest.Primary(t, "shared_buffers=16MB")
	for _, sql := range c.Spec.Bootstrap.InitDB.PostInitSQL {
		s.Do(t, "postgres", sql)
	}
	for _, sql := range c.Spec.Bootstrap.InitDB.PostInitTemplateSQL {
		said(t, s, "template1", sql) // nobody may be connected to what is copied
	}
	s.Do(t, "postgres", "CREATE DATABASE orders")
	s.Do(t, "postgres", `CREATE DATABASE "shop ""old"""`)
	s.Do(t, "orders", "CREATE TABLE private AS SELECT 1 AS n")
	role := c.Spec.Managed.Roles[len(c.Spec.Managed.Roles)-1]
	if role.Name != standby.Account || !role.Login || role.Inherit || role.ConnectionLimit == 0 || role.PasswordSecret.Name != "pg-main-standby" {
		t.Errorf("the operator keeps %+v", role)
	}
	s.Do(t, "postgres", "ALTER ROLE "+role.Name+" PASSWORD "+render.SQLText(word))
	guarded(t, s, strings.Join(append(c.Spec.PostgreSQL.Access, "host all all all scram-sha-256"), "\n")+"\n")
	isWatched(t, s)
	isElsewhere(t, s)
}

var yamlBlock = regexp.MustCompile("(?s)```yaml\n(.*?)```")

// TestWhatIsSaidOfDatastoresIsTakenByCaravan reads the pages for both worlds as people copy them.
func TestWhatIsSaidOfDatastoresIsTakenByCaravan(t *testing.T) {
	cache := func(name string, instances int, hosts ...string) render.Datastore {
		return render.Datastore{Name: estate.ServiceName(name), Technology: "redis", Port: 6379, Instances: instances, Memory: "1Gi", Hosts: hosts, Wave: 1, Callers: []render.Peer{{Service: "orders"}}}
	}
	machines, cluster, operated := watched("vm"), watched("kubernetes"), watched("kubernetes", render.CloudNativePG)
	machines.Hosts = append(machines.Hosts, render.Host{Name: "lb-1", Address: "10.0.0.2"}, render.Host{Name: "r-1", Address: "10.0.0.11"}, render.Host{Name: "r-2", Address: "10.0.0.12"}, render.Host{Name: "r-3", Address: "10.0.0.13"})
	machines.Datastores[0].Pooled = render.PoolTransactions
	machines.Datastores = append(machines.Datastores, cache("sessions", 2, "r-1", "r-2"), cache("single", 1, "r-3"))
	machines.Datastores[2].Port = 6380
	open := cache("open", 2)
	open.Open = []estate.ServiceName{"orders"}
	cluster.Datastores = append(cluster.Datastores, cache("sessions", 2), cache("single", 1), open)
	moved := map[string]string{"pg-main": "patroni: [\"10.9.0.1:8008\"]", "sessions": "technology: redis, members: {x: \"10.9.0.1:6379\"}", "single": "technology: redis, members: {x: \"10.9.0.1:6379\"}"}
	const head = "organisation: kopi\nsources: [{name: src, dir: src}]\ntargets:\n- {environment: id, TARGET}\n- {environment: other, folder: fleet}\n"
	for _, tt := range []struct {
		about, target string
		site          render.Site
		write         func(render.Site) (render.Bundle, error)
		want          []string // name, way, technology, accounts
	}{
		{"machines", "machines: {user: root}", machines, vm.Render, []string{
			"pg-main patroni=127.0.0.1:8008 through=machines password admin=postgres", "sessions sentinels=10.0.0.11:26379,10.0.0.12:26379 through=machines admin=caravan_admin replication=replication watch= watched=sentinel",
			"single members=r-3:10.0.0.13:6380 through=machines admin=caravan_admin replication=replication",
		}},
		{"a cluster", "cluster: {context: id}", cluster, kube.Render, []string{
			"open sentinels=open-0.open-nodes.unowned.svc:26379,open-1.open-nodes.unowned.svc:26379 through=cluster admin=default",
			"pg-main patroni=pg-main-0.pg-main-nodes.platform.svc:8008 through=cluster password admin=postgres",
			"sessions sentinels=sessions-0.sessions-nodes.unowned.svc:26379,sessions-1.sessions-nodes.unowned.svc:26379 through=cluster admin=caravan_admin replication=replication watched=sentinel",
			"single members=single-0:single-0.single-nodes.unowned.svc:6379 through=cluster admin=caravan_admin replication=replication",
		}},
		{"CloudNativePG", "cluster: {context: id}", operated, kube.Render, []string{"pg-main cloudnativepg=platform/pg-main through= password"}},
	} {
		t.Run(tt.about, func(t *testing.T) {
			b, err := tt.write(tt.site)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, f := range b.Files {
				if !strings.EqualFold(path.Base(f.Path), "standby.md") {
					continue
				}
				blocks := yamlBlock.FindAllStringSubmatch(f.Text, -1)
				text := strings.Replace(head, "TARGET", tt.target, 1) + blocks[0][1]
				name := path.Base(path.Dir(f.Path))
				if len(blocks) > 1 { // what a move is told of those before it
					text += fmt.Sprintf("    - {name: %s, environment: other, %s, admin: {user: u}}\n  moves:\n    - datastore: %[1]s\n      from: id\n      to: other\n%[3]s", name, moved[name], blocks[1][1])
				}
				w, err := workspace.Parse([]byte(text), "caravan.yaml")
				if err != nil {
					t.Fatalf("%v in:\n%s", err, text)
				}
				for _, k := range w.Standbys.Datastores {
					if k.Environment == "id" {
						got = append(got, told(k))
					}
				}
				for _, m := range w.Standbys.Moves {
					isLed(t, m)
				}
			}
			slices.Sort(got)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// isLed reports when not each load balancer is told to lead callers over.
func isLed(t *testing.T, m workspace.StoreMove) {
	t.Helper()
	if len(m.Clients) != 1 {
		t.Fatalf("%+v", m)
	}
	p, h := m.Clients[0].PgBouncer, m.Clients[0].HAProxy
	switch {
	case m.Datastore == "pg-main" && (p == nil || p.Machine != "10.0.0.2" || p.Console != "127.0.0.1:25432" || p.File != "/etc/pgbouncer/pg-main.ini" || strings.Join(p.Databases, ",") != "orders"):
		t.Errorf("callers are held by %+v", p)
	case m.Datastore != "pg-main" && (h == nil || h.Machine != "10.0.0.2" || h.Socket != "/run/haproxy/admin.sock" || h.Backend != string(m.Datastore)):
		t.Errorf("callers are led by %+v", h)
	}
}

// told is an entry in short.
func told(k workspace.Kept) string {
	out := string(k.Name)
	for _, v := range []struct {
		key string
		all []string
	}{{"patroni", k.Patroni}, {"sentinels", k.Sentinels}} {
		if len(v.all) > 0 {
			out += " " + v.key + "=" + strings.Join(v.all, ",")
		}
	}
	for name, address := range k.Members {
		out += " members=" + name + ":" + address
	}
	if k.CNPG != nil {
		out += " cloudnativepg=" + k.CNPG.Namespace + "/" + k.CNPG.Name
	}
	out += " through=" + k.Through
	if k.Password != nil {
		out += " password"
	}
	for _, v := range []struct {
		key string
		of  *workspace.Account
	}{{"admin", k.Admin}, {"replication", k.Replication}, {"watch", k.Watch}, {"watched", k.Watched}} {
		if v.of != nil {
			out += " " + v.key + "=" + v.of.User
		}
	}
	return out
}

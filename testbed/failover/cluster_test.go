// Package failover_test has PostgreSQL fail over, as it is rendered for clusters and for machines, under writes of which every acknowledged one is
// looked for afterwards.
package failover_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"example.org/caravan/internal/render"
	"example.org/caravan/internal/render/kube"
	"example.org/caravan/testbed"
	"example.org/caravan/testbed/writes"
)

// standing, in the environment, names a bed that stands already, of one cluster with three nodes and four machines: the tests take it and
// leave it, which is faster while one works on them.
const standing = "CARAVAN_TESTBED_STANDING"

func bed(t testing.TB, o testbed.Options) *testbed.Bed {
	t.Helper()
	if name := os.Getenv(standing); name != "" {
		b, err := testbed.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	o.Name = "failover"
	return testbed.Start(t, o)
}

// authority is where the image of PostgreSQL has the certificates that the bed's are checked by.
const authority = "/etc/ssl/certs/bed.pem"

// namespace is the database team's.
const namespace = "data"

// database is a PostgreSQL of three instances with one database, as small as one can be.
func database() render.Datastore {
	return render.Datastore{
		Name: "pg", Team: namespace, Technology: "postgres", Version: "15", Port: 5432, Instances: 3, Storage: "1Gi", Memory: "512Mi", CPU: "1", Content: "empty", Wave: 1, Logins: 2, Pooled: render.PoolTransactions,
		Callers:   []render.Peer{{Service: "orders", Namespace: "orders"}},
		Databases: []render.Database{{Name: "orders", Owner: "orders", Secret: "pg-orders", For: "orders"}},
	}
}

// onCluster is the PostgreSQL of a cluster.
type onCluster struct {
	b       *testbed.Bed
	c       *testbed.Cluster
	address string // of the Service that leads to the primary
	pool    string // of the one that leads to PgBouncer
	files   []render.File
	d       render.Datastore

	login login
}

// login is what callers log in with, which changes while they do.
type login struct {
	mu             sync.Mutex
	user, password string
}

func (l *login) now() (user, password string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.user, l.password
}

func (l *login) change(user, password string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.user, l.password = user, password
}

// raiseCluster applies what is rendered, gives it secrets, and waits until all three instances are there and the account can log in.
func raiseCluster(t testing.TB, b *testbed.Bed) *onCluster {
	t.Helper()
	p := applyToCluster(t, b, database(), nil, map[string]string{"superuser": "s", "replication": "it's one", "rewind": "w", "pooler": "p"}, map[string]string{"orders": "first"})
	p.await(t, "the account to log in", func(ctx context.Context) error {
		conn, err := pgx.ConnectConfig(ctx, p.config())
		if err == nil {
			err = errors.Join(writes.Prepare(ctx, conn), conn.Close(ctx))
		}
		return err
	})
	return p
}

// applyToCluster applies what is rendered of a database, gives it passwords of the server's own and of accounts, and waits until all its instances are there.
func applyToCluster(t testing.TB, b *testbed.Bed, d render.Datastore, backups *render.Backups, server, accounts map[string]string) *onCluster {
	t.Helper()
	p := &onCluster{b: b, c: b.Clusters[0], d: d, login: login{user: "orders", password: "first"}}
	site := render.Site{Expansion: "test", Organisation: "Kopi", Environment: "id", Kind: "kubernetes", Country: "ID", Zone: "id.kopi.internal", Datastores: []render.Datastore{d}, Backups: backups}
	bundle, err := kube.Render(site)
	if err != nil {
		t.Fatal(err)
	}
	p.files = bundle.Files
	dir := t.TempDir()
	for _, f := range p.files {
		at := filepath.Join(dir, f.Path)
		if err := errors.Join(os.MkdirAll(filepath.Dir(at), 0o755), os.WriteFile(at, []byte(f.Text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Push(t.Context(), "library/postgres-patroni:15", testbed.Image{Debian: true, As: "postgres", Files: map[string]string{authority: b.Authority()}}); err != nil {
		t.Fatal(err)
	}
	if err := p.c.Volumes(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	p.kubectl(t, "apply", "--server-side", "--kustomize", filepath.Join(dir, "kubernetes/overlays/id"))
	p.secret(t, "pg-server", server)
	p.secret(t, "pg-accounts", accounts)
	if backups != nil {
		keys := map[string]string{}
		for _, option := range backups.BackupSecrets() {
			keys[option] = password
		}
		p.secret(t, "pg-backup", keys)
	}
	p.whole(t)
	p.address = strings.TrimSpace(p.kubectl(t, "-n", namespace, "get", "service", "pg", "-o", "jsonpath={.spec.clusterIP}"))
	p.pool = strings.TrimSpace(p.kubectl(t, "-n", namespace, "get", "service", "pg-pool", "-o", "jsonpath={.spec.clusterIP}"))
	return p
}

func (p *onCluster) kubectl(t testing.TB, args ...string) string {
	t.Helper()
	out, err := p.c.Kubectl(t.Context(), args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// secret makes a Secret, or changes it.
func (p *onCluster) secret(t testing.TB, name string, data map[string]string) {
	t.Helper()
	text, err := json.Marshal(map[string]any{"apiVersion": "v1", "kind": "Secret", "metadata": map[string]string{"name": name, "namespace": namespace}, "stringData": data})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "secret.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	p.kubectl(t, "apply", "--server-side", "--force-conflicts", "-f", file)
}

// await asks until something is so, for as long as an instance may take on a busy computer.
func (p *onCluster) await(t testing.TB, what string, so func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 6*time.Minute)
	defer cancel()
	if err := testbed.Await(ctx, what, so); err != nil {
		t.Fatal(err)
	}
}

// pooled is how callers log in at PgBouncer, which lends connections for a transaction, so that nothing is prepared on one.
func (p *onCluster) pooled() *pgx.ConnConfig {
	c := p.config()
	c.Host, c.DefaultQueryExecMode = p.pool, pgx.QueryExecModeExec
	return c
}

// config is how callers log in, at this moment.
func (p *onCluster) config() *pgx.ConnConfig {
	user, password := p.login.now()
	c, err := pgx.ParseConfig(fmt.Sprintf("host=%s port=5432 dbname=orders user=%s password=%s sslmode=require connect_timeout=3", p.address, user, password))
	if err != nil {
		panic(err) // a text of this file
	}
	c.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		return p.c.Nodes[0].Dial(ctx, network, address)
	}
	return c
}

// member is an instance as Patroni tells of it.
type member struct {
	Name, Role, State, Host string
	Timeline                int
	Lag                     any
}

// members asks an instance that answers for all.
func (p *onCluster) members(ctx context.Context) ([]member, error) {
	var failed error
	for i := range p.d.Instances {
		out, err := p.c.Kubectl(ctx, "-n", namespace, "get", "pod", fmt.Sprintf("pg-%d", i), "-o", "jsonpath={.status.podIP}")
		if err != nil {
			return nil, err
		}
		said, err := p.b.Run(ctx, "curl", "-fsS", "--max-time", "3", "http://"+net.JoinHostPort(strings.TrimSpace(out), "8008")+"/cluster")
		var list struct{ Members []member }
		if err = errors.Join(err, json.Unmarshal([]byte(said), &list)); err == nil {
			return list.Members, nil
		}
		failed = errors.Join(failed, err)
	}
	return nil, failed
}

// primary is the instance that takes writes; "" when there is none.
func primary(all []member) string {
	for _, m := range all {
		if m.Role == "leader" && m.State == "running" {
			return m.Name
		}
	}
	return ""
}

// sound reports what is lacking of a primary that all others follow on its timeline, one of them synchronously when there are three.
func sound(all []member, instances int) error {
	leads, follow, synchronous, timeline := 0, 0, 0, 0
	for _, m := range all {
		timeline = max(timeline, m.Timeline)
	}
	for _, m := range all {
		switch {
		case m.Timeline != timeline:
		case m.Role == "leader" && m.State == "running":
			leads++
		case m.State == "running" || m.State == "streaming":
			follow++
			if m.Role == "sync_standby" {
				synchronous++
			}
		}
	}
	if leads != 1 || follow != instances-1 || instances >= 3 && synchronous == 0 {
		return fmt.Errorf("%+v", all)
	}
	return nil
}

// whole waits until all instances are there, one the primary, and its Service leads to it.
func (p *onCluster) whole(t testing.TB) {
	t.Helper()
	p.await(t, "a primary and its standbys", func(ctx context.Context) error {
		all, err := p.members(ctx)
		if err != nil {
			return err
		}
		return sound(all, p.d.Instances)
	})
}

// leads is the instance that is primary now.
func (p *onCluster) leads(t testing.TB) string {
	t.Helper()
	var found string
	p.await(t, "a primary", func(ctx context.Context) error {
		all, err := p.members(ctx)
		if found = primary(all); err == nil && found == "" {
			err = fmt.Errorf("none among %+v", all)
		}
		return err
	})
	return found
}

// nodeOf is the node an instance is on.
func (p *onCluster) nodeOf(t testing.TB, pod string) *testbed.Node {
	t.Helper()
	return p.c.Node(strings.TrimSpace(p.kubectl(t, "-n", namespace, "get", "pod", pod, "-o", "jsonpath={.spec.nodeName}")))
}

// load are four callers that write fifty times a second each.
func load(config func() *pgx.ConnConfig, renew int) writes.Load {
	return writes.Load{Open: writes.OpenPostgres(config), Workers: 4, Every: 20 * time.Millisecond, Renew: renew}
}

// patient is a load whose callers a busy computer keeps waiting: what fails was refused.
func patient(config func() *pgx.ConnConfig, renew int) writes.Load {
	l := load(func() *pgx.ConnConfig {
		c := config()
		c.ConnectTimeout = 0
		return c
	}, renew)
	l.Patience = time.Minute
	return l
}

// during writes while something is done, and until writes are acknowledged again for a while; then it looks for every write.
func during(t testing.TB, l writes.Load, do func()) outcome {
	t.Helper()
	w := writes.Start(t.Context(), l)
	advance := func(what string) {
		from, deadline := w.Acknowledged(), time.Now().Add(4*time.Minute)
		for tick := time.NewTicker(50 * time.Millisecond); w.Acknowledged() < from+100; <-tick.C {
			if time.Now().After(deadline) {
				t.Fatalf("%s: no writes are acknowledged: %+v", what, w.Stop().Problems)
			}
		}
	}
	advance("before")
	do()
	advance("afterwards")
	r := w.Stop()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var s writes.Session
	if err := testbed.Await(ctx, "a session", func(ctx context.Context) (err error) {
		s, err = l.Open(ctx)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	conn := s.(writes.Postgres).Conn
	held, err := writes.Held(ctx, conn)
	if err != nil {
		t.Fatal(err)
	}
	lost := r.Lost(held)
	if len(lost) > 0 {
		t.Errorf("of %d acknowledged writes %d are lost, the first is %d", len(r.Written), len(lost), lost[0])
	}
	t.Logf("%d writes acknowledged, none for %v at the longest, %d failed, %d sessions refused: %q", len(r.Written), r.Longest.Round(10*time.Millisecond), r.Failed, r.Refused, r.Problems)
	if err := writes.Prepare(ctx, conn); err != nil {
		t.Fatal(err)
	}
	return outcome{r, len(lost)}
}

// outcome is what became of writes.
type outcome struct {
	writes.Report
	lost int
}

// fault is something that fails while a PostgreSQL is written to.
type fault[P any] struct {
	name string
	do   func(testing.TB, P) outcome
}

func clusterFaults() []fault[*onCluster] {
	return []fault[*onCluster]{
		{"the primary is killed", podKilled}, {"the primary's pod is deleted", podDeleted}, {"the primary's node is lost", nodeLost}, {"the API server is away", serverAway},
	}
}

// TestPostgreSQLOnACluster: its parts share one cluster, which takes a while.
func TestPostgreSQLOnACluster(t *testing.T) {
	clusters := testbed.Clusters(1)
	clusters[0].Nodes = 3
	p := raiseCluster(t, bed(t, testbed.Options{Clusters: clusters}))
	t.Run("passwords change and no login is refused", func(t *testing.T) { passwordsChange(t, p) })
	t.Run("callers are held and let go", func(t *testing.T) { callersOfClusterHeld(t, p) })
	for _, f := range clusterFaults() {
		if !t.Run(f.name, func(t *testing.T) { f.do(t, p) }) {
			t.Log(p.kubectl(t, "-n", namespace, "get", "pods,endpoints", "-o", "wide"))
			return
		}
	}
}

// passwordsChange has callers log in all the time while the account in use changes to the other, and then its password, and what Patroni logs in with.
func passwordsChange(t *testing.T, p *onCluster) {
	r := during(t, patient(p.config, 5), func() {
		p.secret(t, "pg-accounts", map[string]string{"orders": "first", "orders_2": "second"})
		p.secret(t, "pg-server", map[string]string{"superuser": "s2", "replication": `it's \another`, "rewind": "w2", "pooler": `p"2`})
		p.await(t, "the second account", func(ctx context.Context) error { return p.canLogIn(ctx, "orders_2", "second") })
		p.login.change("orders_2", "second")
		p.secret(t, "pg-accounts", map[string]string{"orders": "third", "orders_2": "second"})
		p.await(t, "the first account's new password", func(ctx context.Context) error { return p.canLogIn(ctx, "orders", "third") })
	})
	if r.Failed+r.Refused > 0 {
		t.Errorf("%d writes failed and %d logins: %q", r.Failed, r.Refused, r.Problems)
	}
	if err := p.canLogIn(t.Context(), "orders", "first"); err == nil {
		t.Error("the old password is taken")
	}
	p.await(t, "standbys with the new password of replication", func(ctx context.Context) error {
		for i := range 3 {
			out, err := p.c.Kubectl(ctx, "-n", namespace, "exec", fmt.Sprintf("pg-%d", i), "-c", "postgres", "--", "grep", "-c", "another", "/run/patroni/config/2-passwords.yml")
			if err != nil || strings.TrimSpace(out) != "1" {
				return fmt.Errorf("pg-%d: %s: %w", i, out, err)
			}
		}
		return nil
	})
	p.whole(t)
}

// callersOfClusterHeld pauses every PgBouncer, as a move does: no write fails, none is acknowledged until it is resumed. PgBouncer's own
// password has changed before.
func callersOfClusterHeld(t *testing.T, p *onCluster) {
	p.await(t, "PgBouncer", func(ctx context.Context) error {
		conn, err := pgx.ConnectConfig(ctx, p.pooled())
		if err != nil {
			return err
		}
		return conn.Close(ctx)
	})
	pods := strings.Fields(p.kubectl(t, "-n", namespace, "get", "pods", "-l", "app.kubernetes.io/name=pg-pool", "-o", "name"))
	command := func(what string) {
		for _, pod := range pods {
			p.kubectl(t, "-n", namespace, "exec", pod, "--", "psql", "-XAtq", "-h", "/run/pool", "-U", "pgbouncer", "pgbouncer", "-c", what)
		}
	}
	r := during(t, patient(p.pooled, 5), func() {
		command("PAUSE")
		select {
		case <-time.After(time.Second):
		case <-t.Context().Done():
		}
		command("RESUME")
	})
	if len(pods) != 2 || r.Failed+r.Refused > 0 || r.Longest < time.Second {
		t.Errorf("%v: %d writes failed and %d logins, none acknowledged for %v: %q", pods, r.Failed, r.Refused, r.Longest, r.Problems)
	}
}

func (p *onCluster) canLogIn(ctx context.Context, user, password string) error {
	config := p.config()
	config.User, config.Password = user, password
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return err
	}
	return conn.Close(ctx)
}

// another waits until another instance than one is primary.
func (p *onCluster) another(t testing.TB, than string) {
	t.Helper()
	p.await(t, "another primary than "+than, func(ctx context.Context) error {
		all, err := p.members(ctx)
		if err == nil && (primary(all) == "" || primary(all) == than) {
			err = fmt.Errorf("%+v", all)
		}
		return err
	})
}

// podKilled kills PostgreSQL and Patroni in the primary's container at once, as the kernel does when there is no memory.
func podKilled(t testing.TB, p *onCluster) outcome {
	was := p.leads(t)
	r := during(t, load(p.config, 0), func() {
		if err := p.nodeOf(t, was).Kill(t.Context(), "postgres", was); err != nil {
			t.Fatal(err)
		}
	})
	p.whole(t)
	return r
}

func podDeleted(t testing.TB, p *onCluster) outcome {
	was := p.leads(t)
	r := during(t, load(p.config, 0), func() {
		p.kubectl(t, "-n", namespace, "delete", "pod", was, "--wait=false")
		p.another(t, was)
	})
	p.whole(t)
	return r
}

// elsewhere makes an instance primary that is not on the first node, which has the API server.
func (p *onCluster) elsewhere(t testing.TB) (pod string, on *testbed.Node) {
	t.Helper()
	was := p.leads(t)
	if on := p.nodeOf(t, was); on != p.c.Nodes[0] {
		return was, on
	}
	p.kubectl(t, "-n", namespace, "exec", was, "-c", "postgres", "--", "patronictl", "-c", "/run/patroni/config", "switchover", "--master", was, "--force")
	p.another(t, was)
	p.whole(t)
	now := p.leads(t)
	return now, p.nodeOf(t, now)
}

func nodeLost(t testing.TB, p *onCluster) outcome {
	was, on := p.elsewhere(t)
	r := during(t, load(p.config, 0), func() {
		if err := on.Lose(t.Context()); err != nil {
			t.Fatal(err)
		}
		p.another(t, was)
	})
	if err := on.Return(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.whole(t)
	return r
}

// serverAway has the API server away for longer than the primary's lock lasts: nothing is failed over, and no session ends. When it is back, the
// lock is taken anew, with an address that is empty until it is had: who logs in at that very moment is refused.
func serverAway(t testing.TB, p *onCluster) outcome {
	was := p.leads(t)
	p.await(t, "a primary that knows whom to ask while the API server is away", func(ctx context.Context) error {
		all, err := p.members(ctx)
		if err != nil {
			return err
		}
		known, err := p.c.Kubectl(ctx, "-n", namespace, "get", "endpoints", "pg", "-o", `jsonpath={.metadata.annotations.failsafe}`)
		for _, m := range all {
			if err == nil && !strings.Contains(known, "//"+m.Host+":") {
				err = fmt.Errorf("%s at %s is not in %s", m.Name, m.Host, known)
			}
		}
		return err
	})
	away := 45 * time.Second // half as long again as the lock
	if text := os.Getenv("CARAVAN_FAILOVER_AWAY"); text != "" {
		var err error
		if away, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
	}
	r := during(t, patient(p.config, 50), func() {
		if err := p.c.StopServer(); err != nil {
			t.Fatal(err)
		}
		select {
		case <-time.After(away):
		case <-t.Context().Done():
		}
		if err := p.c.StartServer(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
	if r.Failed > 0 {
		t.Errorf("%d writes failed: %q", r.Failed, r.Problems)
	}
	p.whole(t)
	if now := p.leads(t); now != was {
		t.Errorf("the primary was %s and is %s", was, now)
	}
	return r
}

package failover_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"example.org/caravan/internal/host"
	"example.org/caravan/internal/journey"
	"example.org/caravan/internal/render"
	"example.org/caravan/internal/render/vm"
	"example.org/caravan/testbed"
	"example.org/caravan/testbed/writes"
)

// onMachines is the PostgreSQL of machines: three with an instance each, and one with the load balancer and PgBouncer.
type onMachines struct {
	b        *testbed.Bed
	balancer *testbed.Machine
	hosts    []*testbed.Machine
	files    []render.File
	d        render.Datastore
	login    login
}

var (
	asked = regexp.MustCompile("file `([^`]+)` \\(owner ([a-z]+), mode ([0-9]+)\\)[^\n]*\n\n```\n((?s:.*?))```")
	blank = regexp.MustCompile(`<[^>]+>`)
)

const password = "sample"

// raiseMachines carries out what is rendered of a database, with an instance on each machine but the last, gives it secrets and accounts, and waits until the account can log in.
func raiseMachines(t testing.TB, b *testbed.Bed, d render.Datastore, backups *render.Backups) *onMachines {
	t.Helper()
	last := len(b.Machines) - 1
	p := &onMachines{b: b, hosts: b.Machines[:last], balancer: b.Machines[last], login: login{user: "orders", password: password}}
	site := render.Site{Expansion: "test", Organisation: "Kopi", Environment: "id-vm", Kind: "vm", Country: "ID", Zone: "id-vm.kopi.internal", Backups: backups}
	for _, m := range b.Machines {
		site.Hosts = append(site.Hosts, render.Host{Name: m.Name, Address: m.Address})
	}
	d.Instances = last
	d.Memory, d.Pooled, d.Callers = "256Mi", render.PoolTransactions, []render.Peer{{Service: "orders", Ranges: []string{"10.90.0.0/16"}}}
	for _, m := range p.hosts {
		d.Hosts = append(d.Hosts, m.Name)
	}
	site.Datastores = []render.Datastore{d}
	bundle, err := vm.Render(site)
	if err != nil {
		t.Fatal(err)
	}
	p.files, p.d = bundle.Files, d
	p.secrets(t, bundle.Files)
	p.apply(t, bundle.Files, func(f render.File) bool { return f.Subject == "pg" })
	p.apply(t, bundle.Files, func(f render.File) bool { return f.Subject != "pg" })
	p.whole(t)
	if err := p.leads(t).Do(t.Context(), "cd /\nrunuser -u postgres -- psql --quiet --file /etc/kopi/pg.sql\n"); err != nil {
		t.Fatal(err)
	}
	for _, account := range []string{"orders", render.Pooler} {
		p.set(t, account, password)
	}
	p.await(t, "the account to log in", func(ctx context.Context) error {
		conn, err := pgx.ConnectConfig(ctx, p.config())
		if err == nil {
			err = errors.Join(writes.Prepare(ctx, conn), conn.Close(ctx))
		}
		return err
	})
	return p
}

// secrets puts on machines what secrets.md asks for.
func (p *onMachines) secrets(t testing.TB, files []render.File) {
	t.Helper()
	for _, m := range p.b.Machines {
		if err := m.Do(t.Context(), "install -d -m 0700 /etc/kopi/secrets"); err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if filepath.Base(f.Path) != "secrets.md" {
				continue
			}
			for _, found := range asked.FindAllStringSubmatch(f.Text, -1) {
				if err := m.Do(t.Context(), fmt.Sprintf("install -D -o %s -m %s /dev/stdin %s <<'END'\n%sEND\n", found[2], found[3], found[1], blank.ReplaceAllString(found[4], password))); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

func (p *onMachines) apply(t testing.TB, files []render.File, which func(render.File) bool) {
	t.Helper()
	own := slices.DeleteFunc(slices.Clone(files), func(f render.File) bool { return !which(f) })
	s := journey.Step{ID: journey.StepID("id-vm/datastore/" + string(own[0].Subject)), Environment: "id-vm"}
	for _, f := range own {
		s.Files = append(s.Files, journey.Written{Path: f.Path, Digest: journey.DigestOf(f), Mode: f.Mode})
	}
	target, err := host.Open(t.Context(), host.TargetOptions{
		Options:   host.Options{Key: p.b.SSHKey(), KnownHosts: p.b.KnownHosts(), Dial: p.b.Dial},
		Expansion: "test", Environment: "id-vm", Files: files, Force: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = target.Close() }()
	if _, err := target.Apply(t.Context(), s, own, func(line string) { t.Log("  " + line) }); err != nil {
		t.Fatal(err)
	}
}

func (p *onMachines) await(t testing.TB, what string, so func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 6*time.Minute)
	defer cancel()
	if err := testbed.Await(ctx, what, so); err != nil {
		t.Fatal(err)
	}
}

// set sets a password, on the primary.
func (p *onMachines) set(t testing.TB, account, password string) {
	t.Helper()
	if err := p.leads(t).Do(t.Context(), fmt.Sprintf("cd /\nrunuser -u postgres -- psql --quiet -c \"ALTER ROLE %s PASSWORD '%s'\"\n", account, password)); err != nil {
		t.Fatal(err)
	}
}

// config is how callers log in at this moment: at the load balancer. PgBouncer lends connections for a transaction, so nothing is prepared on one.
func (p *onMachines) config() *pgx.ConnConfig {
	user, password := p.login.now()
	c, err := pgx.ParseConfig(fmt.Sprintf("host=%s port=5432 dbname=orders user=%s password=%s sslmode=require connect_timeout=3", p.balancer.Address, user, password))
	if err != nil {
		panic(err) // a text of this file
	}
	c.DefaultQueryExecMode = pgx.QueryExecModeExec
	c.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		return p.b.Dial(ctx, network, address)
	}
	return c
}

func (p *onMachines) members(ctx context.Context) ([]member, error) {
	var failed error
	for _, m := range p.hosts {
		said, err := p.b.Run(ctx, "curl", "-fsS", "--max-time", "3", "http://"+net.JoinHostPort(m.Address, "8008")+"/cluster")
		var list struct{ Members []member }
		if err = errors.Join(err, json.Unmarshal([]byte(said), &list)); err == nil {
			return list.Members, nil
		}
		failed = errors.Join(failed, err)
	}
	return nil, failed
}

func (p *onMachines) whole(t testing.TB) {
	t.Helper()
	p.await(t, "a primary and its standbys", func(ctx context.Context) error {
		all, err := p.members(ctx)
		if err != nil {
			return err
		}
		return sound(all, p.d.Instances)
	})
}

// leads is the machine of the primary.
func (p *onMachines) leads(t testing.TB) *testbed.Machine {
	t.Helper()
	var found *testbed.Machine
	p.await(t, "a primary", func(ctx context.Context) error {
		all, err := p.members(ctx)
		if found = p.b.Machine(primary(all)); err == nil && found == nil {
			err = fmt.Errorf("none among %+v", all)
		}
		return err
	})
	return found
}

func TestPostgreSQLOnMachines(t *testing.T) {
	p := raiseMachines(t, bed(t, testbed.Options{Machines: testbed.Machines(4)}), database(), nil)
	t.Run("passwords change and no login is refused", func(t *testing.T) { passwordsOfMachinesChange(t, p) })
	t.Run("callers are held and let go", func(t *testing.T) { callersHeld(t, p) })
	for _, f := range machineFaults() {
		if !t.Run(f.name, func(t *testing.T) { f.do(t, p) }) {
			return
		}
	}
}

func machineFaults() []fault[*onMachines] {
	return []fault[*onMachines]{{"the primary is killed", postgresKilled}, {"the leader of etcd is killed", storeKilled}, {"the primary's machine is lost", machineLost}}
}

// passwordsOfMachinesChange has callers log in all the time while the account in use changes to the other, and then its password.
func passwordsOfMachinesChange(t *testing.T, p *onMachines) {
	r := during(t, patient(p.config, 5), func() {
		p.set(t, "orders_2", "second")
		p.login.change("orders_2", "second")
		p.set(t, "orders", "third")
		p.login.change("orders", "third")
	})
	if r.Failed+r.Refused > 0 {
		t.Errorf("%d writes failed and %d logins: %q", r.Failed, r.Refused, r.Problems)
	}
}

// callersHeld pauses PgBouncer, as a move does: no write fails, none is acknowledged until it is resumed.
func callersHeld(t *testing.T, p *onMachines) {
	command := func(what string) {
		if err := p.balancer.Do(t.Context(), "cd /\nrunuser -u postgres -- psql -XAtq -h /run/kopi/pg-pool -p 25432 -U pgbouncer pgbouncer -c "+what); err != nil {
			t.Fatal(err)
		}
	}
	r := during(t, patient(p.config, 0), func() {
		command("PAUSE")
		select {
		case <-time.After(time.Second):
		case <-t.Context().Done():
		}
		command("RESUME")
	})
	if r.Failed+r.Refused > 0 || r.Longest < time.Second {
		t.Errorf("%d writes failed and %d logins, none acknowledged for %v: %q", r.Failed, r.Refused, r.Longest, r.Problems)
	}
}

// postgresKilled kills PostgreSQL's first process, whom Patroni then starts again or replaces.
func postgresKilled(t testing.TB, p *onMachines) outcome {
	was := p.leads(t)
	r := during(t, load(p.config, 0), func() {
		if err := was.Do(t.Context(), "kill -9 $(head -n 1 /var/lib/postgresql/15/pg/postmaster.pid)"); err != nil {
			t.Fatal(err)
		}
	})
	p.whole(t)
	return r
}

// storeKilled kills the leader of etcd, which knows who is primary. Nothing is failed over because of it.
func storeKilled(t testing.TB, p *onMachines) outcome {
	was := p.leads(t)
	leader := p.etcdLeader(t)
	r := during(t, load(p.config, 0), func() {
		if err := leader.Do(t.Context(), "systemctl kill --signal=KILL etcd.service"); err != nil {
			t.Fatal(err)
		}
	})
	p.whole(t)
	if now := p.leads(t); now != was {
		t.Logf("the primary was %s and is %s", was.Name, now.Name)
	}
	return r
}

func (p *onMachines) etcdLeader(t testing.TB) *testbed.Machine {
	t.Helper()
	var found *testbed.Machine
	p.await(t, "a leader of etcd", func(ctx context.Context) error {
		for _, m := range p.hosts {
			out, err := m.Run(ctx, "ETCDCTL_API=3 etcdctl --endpoints=http://"+m.Address+":2379 endpoint status")
			if err != nil {
				return err
			}
			if fields := strings.Split(out, ", "); len(fields) > 4 && fields[4] == "true" {
				found = m
				return nil
			}
		}
		return errors.New("none leads")
	})
	return found
}

func machineLost(t testing.TB, p *onMachines) outcome {
	was := p.leads(t)
	r := during(t, load(p.config, 0), func() {
		if err := was.Lose(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
	if err := was.Return(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.whole(t)
	return r
}

package hosts_test

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/host"
	"example.org/caravan/internal/journey"
	"example.org/caravan/internal/render"
	"example.org/caravan/testbed"
)

// stores are PostgreSQL with Patroni and etcd, and Redis with Sentinel, each on all three machines, so that no load balancer is left.
func stores(b *testbed.Bed, memory string) render.Site {
	s := site(b, nil)
	s.Expansion, s.Environment, s.Services = "stores", "id-data", nil
	var hosts []string
	for _, m := range b.Machines {
		hosts = append(hosts, m.Name)
	}
	callers := []render.Peer{{Service: "orders", Ranges: []string{"10.90.0.0/16"}}}
	s.Datastores = []render.Datastore{
		{Name: "cache", Technology: "redis", Port: 6379, Instances: 3, Memory: "64Mi", Content: "empty", Callers: callers, Hosts: hosts, Wave: 1},
		{Name: "pg", Technology: "postgres", Version: "15", Port: 5432, Instances: 3, Memory: memory, Content: "empty", Callers: callers, Hosts: hosts, Wave: 1,
			Databases: []render.Database{{Name: "orders", Owner: "orders", Secret: "pg-orders", For: "orders"}}},
	}
	return s
}

var asked = regexp.MustCompile("file `([^`]+)`[^\n]*\n\n```\n((?s:.*?))```")
var blank = regexp.MustCompile(`<[^>]+>`)

func datastoresRun(t *testing.T, b *testbed.Bed) {
	undo(t, b, version(t, b, "one"), nil)
	for _, m := range b.Machines {
		if err := m.Do(t.Context(), "install -d -m 0700 /etc/kopi/secrets"); err != nil {
			t.Fatal(err)
		}
	}
	files := rendered(t, stores(b, "256Mi"))
	want(t, storesMoved(t, b, files, nil), fault.Unavailable, "vm1", "vm2", "vm3", "/etc/kopi/secrets/pg.env", "/etc/kopi/secrets/cache.conf", "datastores/pg/secrets.md")
	for _, f := range files {
		if !strings.HasSuffix(f.Path, "secrets.md") {
			continue
		}
		for _, found := range asked.FindAllStringSubmatch(f.Text, -1) {
			for _, m := range b.Machines {
				if err := m.Do(t.Context(), "install -m 0600 /dev/stdin "+found[1]+" <<'END'\n"+blank.ReplaceAllString(found[2], "sample")+"END\n"); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	if err := storesMoved(t, b, files, nil); err != nil {
		t.Fatal(err)
	}
	answer(t, b)
	primary := primaryOf(t, b)
	var said []string
	if err := storesMoved(t, b, rendered(t, stores(b, "192Mi")), &said); err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(said, func(l string) bool { return strings.HasSuffix(l, "reload patroni-pg.service") }) || slices.ContainsFunc(said, func(l string) bool { return strings.Contains(l, "start patroni") }) {
		t.Errorf("Patroni takes its configuration in while it runs: %v", said)
	}
	if now := primaryOf(t, b); now != primary {
		t.Errorf("the primary was %s and is %s", primary, now)
	}
	said = nil
	storesGone(t, b, &said)
	for _, m := range b.Machines {
		for _, dir := range []string{"/var/lib/postgresql/15/pg", "/var/lib/etcd/pg"} {
			if !slices.ContainsFunc(said, func(l string) bool { return strings.HasPrefix(l, m.Name+": "+dir+" STAYS") }) {
				t.Errorf("nobody is told that %s of %s stays: %v", dir, m.Name, said)
			}
		}
		left, err := m.Run(t.Context(), "ls -A -d /var/lib/caravan/stores /etc/patroni/pg.yml /etc/systemd/system/patroni-pg.service /etc/systemd/system/redis-cache.service 2>/dev/null; systemctl is-active etcd patroni-pg redis-cache sentinel-cache; systemctl is-enabled etcd; test -e /etc/default/etcd && grep -c ETCD_INITIAL_CLUSTER_TOKEN= /etc/default/etcd")
		if strings.Contains(left, "caravan") || strings.Contains(left, "\nactive") || strings.HasPrefix(left, "active") {
			t.Errorf("%s: %s, %v", m.Name, left, err)
		}
	}
	for _, m := range b.Machines {
		if err := m.Do(t.Context(), "rm -rf /var/lib/postgresql/15/pg /var/lib/etcd/pg /var/lib/kopi/cache /etc/kopi/secrets"); err != nil {
			t.Fatal(err)
		}
	}
}

func openStores(t *testing.T, b *testbed.Bed, files []render.File) *host.Target {
	t.Helper()
	target, err := host.Open(t.Context(), host.TargetOptions{Options: options(b), Expansion: "stores", Environment: "id-data", Files: files})
	if err != nil {
		t.Fatal(err)
	}
	return target
}

// storesMoved does both at once, as a conductor does, each with a target of its own.
func storesMoved(t *testing.T, b *testbed.Bed, files []render.File, said *[]string) error {
	t.Helper()
	tell := teller(t, said)
	var all sync.WaitGroup
	failed := make([]error, 3)
	for i, subject := range []string{"", "cache", "pg"} {
		all.Go(func() {
			own := slices.DeleteFunc(slices.Clone(files), func(f render.File) bool { return string(f.Subject) != subject })
			target := openStores(t, b, files)
			defer func() { _ = target.Close() }()
			if _, failed[i] = target.Apply(t.Context(), step("id-data/datastore/"+subject, own), own, tell); failed[i] == nil {
				failed[i] = target.Verify(t.Context(), step("id-data/datastore/"+subject, own), tell)
			}
		})
	}
	all.Wait()
	return errors.Join(failed...)
}

func storesGone(t *testing.T, b *testbed.Bed, said *[]string) {
	t.Helper()
	target := openStores(t, b, rendered(t, stores(b, "256Mi")))
	defer func() { _ = target.Close() }()
	changes, err := target.Remove(t.Context(), func(string) bool { return false }, teller(t, said))
	if err != nil || slices.ContainsFunc(changes, func(c journey.Change) bool { return c.What != journey.Removed }) {
		t.Fatalf("%v, %v", changes, err)
	}
}

// primaryOf is the machine whose PostgreSQL takes writes.
func primaryOf(t *testing.T, b *testbed.Bed) string {
	t.Helper()
	for _, m := range b.Machines {
		if _, err := b.Run(t.Context(), "curl", "-fsS", "-o", "/dev/null", "--max-time", "30", "http://"+m.Address+":8008/primary"); err == nil {
			return m.Name
		}
	}
	return ""
}

// answer holds the datastores to what they are for.
func answer(t *testing.T, b *testbed.Bed) {
	t.Helper()
	if err := b.Await(t.Context(), "three members of PostgreSQL, one the primary", func() error {
		out, err := b.Run(t.Context(), "curl", "-fsS", "--max-time", "5", "http://"+b.Machines[0].Address+":8008/cluster")
		if err == nil && (strings.Count(out, `"role"`) != 3 || primaryOf(t, b) == "" || strings.Count(out, `"streaming"`)+strings.Count(out, `"running"`) < 3) {
			err = fmt.Errorf("%s", out)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if err := b.Await(t.Context(), "one primary of Redis and two that follow it", func() error {
		roles := ""
		for _, m := range b.Machines {
			out, err := m.Run(t.Context(), "redis-cli --no-auth-warning --user balancer --pass none info replication")
			if err != nil {
				return err
			}
			roles += out
		}
		if strings.Count(roles, "role:master") != 1 || strings.Count(roles, "master_link_status:up") != 2 {
			return errors.New(roles)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

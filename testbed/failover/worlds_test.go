package failover_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"example.org/caravan/internal/render"
	"example.org/caravan/internal/standby"
	"example.org/caravan/testbed"
	"example.org/caravan/testbed/writes"
)

// worlds is a workspace that knows a database on machines and one in a cluster, by what is rendered of both.
type worlds struct {
	program, dir string
	b            *testbed.Bed
	objects      testbed.Objects
	vm           *onMachines
	cluster      *onCluster
}

// raiseWorlds renders the same database for two machines and a cluster, with nobody's password in the cluster, and declares both as what is rendered
// beside them says. Where they are backed up, both are into a bucket.
func raiseWorlds(t testing.TB, backed bool) *worlds {
	t.Helper()
	clusters := testbed.Clusters(1)
	clusters[0].Nodes = 2
	b := bed(t, testbed.Options{Clusters: clusters, Machines: testbed.Machines(3)})
	d := database()
	d.Logins, d.Instances, d.Followers = 0, 2, []string{"10.0.0.0/8"}
	w := &worlds{dir: t.TempDir(), b: b}
	var here, there *render.Backups
	if backed {
		here, there = w.bucket(t, ""), w.bucket(t, authority)
	}
	w.vm = raiseMachines(t, b, d, here)
	w.cluster = applyToCluster(t, b, d, there, map[string]string{"superuser": password, "replication": password, "rewind": password, "pooler": password},
		map[string]string{standby.Account: password, render.Follower: password})
	var err error
	if w.program, err = testbed.Caravan(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, account := range []string{standby.Account, render.Follower} {
		w.vm.set(t, account, password)
	}
	w.cluster.await(t, "the accounts of the cluster's database", func(ctx context.Context) error { return w.cluster.canLogIn(ctx, render.Follower, password) })
	w.declare(t)
	return w
}

// bucket is where backups go, of a store that is checked by these certificates.
func (w *worlds) bucket(t testing.TB, authority string) *render.Backups {
	t.Helper()
	if w.objects.Endpoint == "" {
		var err error
		if w.objects, err = w.b.StartObjects(t.Context(), password, password); err != nil {
			t.Fatal(err)
		}
	}
	o := w.objects
	return &render.Backups{S3: &render.ObjectStore{Endpoint: o.Endpoint, Region: o.Region, Bucket: o.Bucket, Path: "databases", Style: "path", CA: authority}}
}

// standbys and instances are how many there are in both worlds.
func (w *worlds) standbys() int  { return w.instances() - 2 }
func (w *worlds) instances() int { return w.vm.d.Instances + w.cluster.d.Instances }

var fenced = regexp.MustCompile("(?s)```yaml\n(.*?)```")

// page are the blocks of YAML in a rendered page.
func page(t testing.TB, files []render.File, name string) []string {
	t.Helper()
	i := slices.IndexFunc(files, func(f render.File) bool { return filepath.Base(f.Path) == name })
	if i < 0 {
		t.Fatalf("%s is not rendered", name)
	}
	var out []string
	for _, found := range fenced.FindAllStringSubmatch(files[i].Text, -1) {
		out = append(out, found[1])
	}
	return out
}

// declare writes the workspace: the entries are those that are rendered, and all passwords the same.
func (w *worlds) declare(t testing.TB) {
	t.Helper()
	machines, cluster := page(t, w.vm.files, "standby.md"), page(t, w.cluster.files, "STANDBY.md")
	_, there, _ := strings.Cut(cluster[0], "datastores:\n")
	text := fmt.Sprintf(`organisation: kopi
sources: [{name: src, dir: src}]
teams: [{name: data}]
targets:
  - {environment: id-vm, machines: {key: %s, knownHosts: %s}}
  - {environment: id, cluster: {context: bed, kubeconfig: %s}}
%s%s  moves:
    - datastore: pg
      from: id-vm
      to: id
      databases: [orders]
%s`, w.b.SSHKey(), w.b.KnownHosts(), w.cluster.c.Kubeconfig(), machines[0], there, machines[1])
	for _, found := range regexp.MustCompile(`file: ~(/\.secrets/[^}]*)`).FindAllStringSubmatch(text, -1) {
		write(t, filepath.Join(w.dir, found[1]), password+"\n", 0o600)
	}
	write(t, filepath.Join(w.dir, "workspace", "caravan.yaml"), text, 0o644)
	write(t, filepath.Join(w.dir, "workspace", "src", "empty.properties"), "", 0o644)
}

func write(t testing.TB, name, text string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

// caravan runs the program within the bed, and gives what it says and its exit code.
func (w *worlds) caravan(t testing.TB, args ...string) (string, int) {
	t.Helper()
	argv := w.b.Inside(append([]string{w.program, "--workspace", filepath.Join(w.dir, "workspace")}, args...)...)
	cmd := exec.CommandContext(t.Context(), argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), "HOME="+w.dir)
	var out, complaints strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &complaints
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	if complaints.Len() > 0 {
		t.Log(complaints.String())
	}
	return out.String(), cmd.ProcessState.ExitCode()
}

func (w *worlds) must(t testing.TB, args ...string) string {
	t.Helper()
	out, code := w.caravan(t, args...)
	if code != 0 {
		t.Fatalf("caravan %s exits with %d\n%s", strings.Join(args, " "), code, out)
	}
	return out
}

// carried gives a command again while it is not carried out: on a busy computer a cut may not fit the time that clients are held for.
func (w *worlds) carried(t testing.TB, args ...string) {
	t.Helper()
	for range 5 {
		out, code := w.caravan(t, args...)
		if code == 0 {
			return
		}
		t.Logf("caravan %s exits with %d\n%s", strings.Join(args, " "), code, out)
	}
	t.Fatalf("caravan %s is not carried out", strings.Join(args, " "))
}

// status is as much of what `caravan standby status` says as matters here.
type status struct {
	Datastores []struct {
		Environment string
		Backup      standby.Backup
		Members     []struct {
			Name, Role string
			Warmth     *struct{ Share float64 }
			Priority   *int
		}
		Doubts []string
	}
}

func (w *worlds) status(t testing.TB, args ...string) status {
	t.Helper()
	out, _ := w.caravan(t, append([]string{"standby", "status", "-o", "json"}, args...)...)
	var s status
	if err := json.Unmarshal([]byte(out), &s); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return s
}

// relocation is as much of what `caravan standby move --dry-run` says.
type relocation struct {
	Phase  string
	Pauses []time.Duration
	Checks []check
}

type check struct {
	Blocking            bool
	Subject, What, Mend string
}

// sees is what a dry run says; an error when it fails, as while who is primary is not known or something blocks.
func (w *worlds) sees(t testing.TB) (r relocation, err error) {
	t.Helper()
	out, code := w.caravan(t, "standby", "move", "pg", "--to", "id", "--dry-run", "-o", "json")
	if code != 0 || json.Unmarshal([]byte(out), &r) != nil {
		return r, fmt.Errorf("a dry run exits with %d: %s", code, out)
	}
	return r, nil
}

func (w *worlds) look(t testing.TB) relocation {
	t.Helper()
	r, err := w.sees(t)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestADatabaseMovesBetweenWorlds has caravan know, warm and move a database by nothing but what is rendered: from machines, over SSH, to a cluster,
// through its API server, and back, while it is written to.
func TestADatabaseMovesBetweenWorlds(t *testing.T) {
	w := raiseWorlds(t, true)
	t.Run("both are known, and standbys measured", func(t *testing.T) { bothKnown(t, w) })
	t.Run("Patroni is told who is warmest", func(t *testing.T) { told(t, w) })
	t.Run("there and back", func(t *testing.T) { thereAndBack(t, w) })
	t.Run("backups are made, and come back", func(t *testing.T) { comeBack(t, w) })
}

func bothKnown(t *testing.T, w *worlds) {
	w.vm.await(t, "both databases with a measured standby", func(context.Context) error {
		s := w.status(t)
		measured := 0
		for _, d := range s.Datastores {
			for _, m := range d.Members {
				if m.Role == "standby" && m.Warmth != nil && !slices.ContainsFunc(d.Doubts, func(s string) bool { return !strings.Contains(s, "heeds no failover_priority") }) {
					measured++
				}
			}
		}
		if measured != w.standbys() {
			return fmt.Errorf("%+v", s)
		}
		return nil
	})
}

// comeBack waits until whoever is primary has made a first backup of its own accord in both worlds, has a second one made by the program, and has the one of
// the machines restored on the machine that is declared. Nothing in the bucket can be read without the pass phrase.
func comeBack(t *testing.T, w *worlds) {
	w.vm.await(t, "backups of both databases", func(context.Context) error {
		s := w.status(t)
		for _, d := range s.Datastores {
			if d.Backup.At.IsZero() {
				return fmt.Errorf("%+v", s)
			}
		}
		return nil
	})
	for _, environment := range []string{"id-vm", "id"} {
		first := w.status(t, "-e", environment).Datastores[0].Backup.At
		var made standby.Backup
		if out := w.must(t, "standby", "backup", "pg", "-e", environment, "--type", "full", "-o", "json"); json.Unmarshal([]byte(out), &made) != nil || !made.At.After(first) {
			t.Errorf("%s: after a backup that was asked for, and one of %v: %s", environment, first, out)
		}
	}
	var drill standby.Drill
	if out := w.must(t, "standby", "drill", "pg", "-e", "id-vm", "-o", "json"); json.Unmarshal([]byte(out), &drill) != nil || !drill.Good() || drill.Own == 0 {
		t.Errorf("a drill says %s", out)
	}
	seen := 0
	err := filepath.WalkDir(w.objects.Folder, func(at string, d os.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // the store is at work
		}
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(at)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if seen++; err == nil && !bytes.HasPrefix(data, []byte("Salted__")) {
			t.Errorf("%s is not encrypted", at)
		}
		return err
	})
	if err != nil || seen < 100 {
		t.Errorf("%d objects are in the bucket: %v", seen, err)
	}
}

// told warms both until each member's Patroni repeats what it was told. Debian's heeds no such thing, which is said; that it has it is what counts here.
func told(t *testing.T, w *worlds) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	argv := w.b.Inside(w.program, "--workspace", filepath.Join(w.dir, "workspace"), "standby", "warm", "pg", "--every", "1s")
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), "HOME="+w.dir)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		cancel()
		_ = cmd.Wait() // it was told to end
	}()
	w.vm.await(t, "a priority of all instances", func(context.Context) error {
		s := w.status(t)
		n := 0
		for _, d := range s.Datastores {
			for _, m := range d.Members {
				if m.Priority != nil {
					n++
				}
			}
		}
		if n != w.instances() {
			return fmt.Errorf("%+v", s)
		}
		return nil
	})
}

// gone is what came of moving there and back.
type gone struct {
	outcome
	pauses []time.Duration // for which clients were held
}

// thereAndBack moves under writes. No acknowledged write is lost, and clients at PgBouncer see no error.
func thereAndBack(t testing.TB, w *worlds) gone {
	t.Helper()
	w.vm.await(t, "nothing in the way", func(context.Context) error {
		r, err := w.sees(t)
		if err == nil && slices.ContainsFunc(r.Checks, func(c check) bool { return c.Blocking }) {
			err = fmt.Errorf("%+v", r.Checks)
		}
		return err
	})
	w.must(t, "approve", "store:pg:id", "--team", "data")
	var g gone
	held := patient(w.vm.config, 0)
	held.Workers = 6
	g.outcome = during(t, held, func() {
		w.carried(t, "standby", "move", "pg", "--to", "id", "--why", "CHG-1")
		if got := w.look(t); got.Phase != "proven" || len(got.Pauses) != 1 {
			t.Errorf("after the move: %+v", got)
		}
		w.there(t)
		w.carried(t, "standby", "back", "pg", "--to", "id", "--why", "slower there")
		got := w.look(t)
		if got.Phase != "undone" || len(got.Pauses) != 2 {
			t.Fatalf("after the way back: %+v", got)
		}
		g.pauses = got.Pauses
	})
	if g.Failed+g.Refused > 0 {
		t.Errorf("%d writes failed and %d logins: %q", g.Failed, g.Refused, g.Problems)
	}
	t.Logf("clients were held for %v; no write was acknowledged for %v at the longest", g.pauses, g.Longest)
	return g
}

// BenchmarkWorlds moves two gigabytes there and back, under 300 writes a second.
func BenchmarkWorlds(b *testing.B) {
	w := raiseWorlds(b, false)
	const rows = 8_000_000 // of 250 bytes, and an index
	script := fmt.Sprintf("SET ROLE orders; CREATE TABLE ballast AS SELECT n, repeat('x', 200) AS filler FROM generate_series(1, %d) n; ALTER TABLE ballast ADD PRIMARY KEY (n)", rows)
	if err := w.vm.leads(b).Do(b.Context(), "cd /\nrunuser -u postgres -- psql -Xq -d orders -c \""+script+"\" -c 'VACUUM ANALYZE ballast'\n"); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		g := thereAndBack(b, w)
		b.ReportMetric(g.pauses[0].Seconds()*1000, "there-ms")
		b.ReportMetric(g.pauses[1].Seconds()*1000, "back-ms")
		b.ReportMetric(g.Longest.Seconds()*1000, "longest-ms")
		b.ReportMetric(float64(len(g.Written)), "writes")
		b.ReportMetric(float64(g.lost), "lost")
		b.ReportMetric(float64(g.Failed+g.Refused), "failed")
	}
}

// there sees that the cluster's database takes the writes now, and the machines' none.
func (w *worlds) there(t testing.TB) {
	t.Helper()
	count := func(ctx context.Context) (n int, err error) {
		c := w.cluster.config()
		c.User, c.Password = "orders", password
		conn, err := pgx.ConnectConfig(ctx, c)
		if err != nil {
			return 0, err
		}
		defer func() { _ = conn.Close(ctx) }()
		err = conn.QueryRow(ctx, "SELECT count(*) FROM "+writes.Table).Scan(&n)
		return n, err
	}
	before, err := count(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	w.vm.await(t, "rows that the cluster's database takes", func(ctx context.Context) error {
		now, err := count(ctx)
		if err == nil && now < before+20 {
			err = fmt.Errorf("%d rows and then %d", before, now)
		}
		return err
	})
	out, err := w.vm.leads(t).Run(t.Context(), "cd /; runuser -u postgres -- psql -XAtq -d orders -c \"INSERT INTO "+writes.Table+" VALUES (-1)\" 2>&1 || true")
	if err != nil || !strings.Contains(out, "this database takes no writes here") {
		t.Errorf("the database of the machines takes a write: %q, %v", out, err)
	}
}

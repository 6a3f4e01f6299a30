package store

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.org/caravan/internal/depmap"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/store/pgtest"
)

// keeping is what a Store and a Memory have in common.
type keeping interface {
	Save(context.Context, Record) error
	Note(context.Context, Scan) error
	Graph(ctx context.Context, ref string) (depmap.Graph, Summary, error)
	List(ctx context.Context, limit int) ([]Summary, error)
	Scans(ctx context.Context, limit int) ([]Scan, error)
}

// promises are what everything that keeps snapshots must keep. Each gets an empty one.
var promises = []struct {
	name  string
	check func(t *testing.T, s keeping)
}{
	{"what is saved comes back whole", comesBackWhole},
	{"an empty store has no latest and an empty history", startsEmpty},
	{"latest is the one seen last, even when it was seen before", latestIsLastSeen},
	{"the same digest again only moves last seen on", savesOnce},
	{"an older sighting of the same digest does not turn last seen back", neverTurnsBack},
	{"a digest is found by its beginning", foundByBeginning},
	{"the history is newest first and as long as asked", listsNewestFirst},
	{"every scan is noted, whatever became of it", notesEveryScan},
	{"a scan that cannot be noted is refused", refusesOddScans},
	{"the same digest saved at once is kept once", savesAtOnce},
	{"a cancelled save leaves nothing", cancelledLeavesNothing},
	{"a graph without a digest is refused", refusesNoDigest},
}

// databasePromises are what every database must keep beside them. Each gets the options of an empty one.
var databasePromises = []struct {
	name  string
	check func(t *testing.T, opts Options)
}{
	{"what a graph was built from comes back whole", snapshotComesBackWhole},
	{"what a graph was built from is what was seen last", snapshotIsTheLastSeen},
	{"two handles saving the same digest at once keep it once", savesAtOnceFromTwoHandles},
	{"two handles opening an empty database at once both succeed", opensAtOnce},
	{"a save that ends while it waits for another leaves nothing", endedLeavesNothing},
	{"a save whose program is killed leaves nothing", killedLeavesNothing},
	{"an older schema is brought up to date with all it holds", bringsUpToDate},
	{"a newer schema is left alone", refusesNewerSchema},
	{"the tables that are ours are known", knowsItsTables},
	{"another program's tables are left alone", refusesForeign},
	{"a damaged snapshot says so", saysDamaged},
	{"what is kept outlives the handle", outlivesHandle},
}

func TestMemoryKeepsItsPromises(t *testing.T) {
	for _, p := range promises {
		t.Run(p.name, func(t *testing.T) { p.check(t, &Memory{}) })
	}
}

func TestSQLiteKeepsItsPromises(t *testing.T) {
	empty := func(t *testing.T) Options {
		return Options{Path: filepath.Join(t.TempDir(), folderName, "caravan.db")}
	}
	for _, p := range promises {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			p.check(t, open(t, empty(t)))
		})
	}
	for _, p := range databasePromises {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			p.check(t, empty(t))
		})
	}
}

func TestPostgreSQLKeepsItsPromises(t *testing.T) {
	cluster := pgtest.Start(t)
	for _, p := range promises {
		t.Run(p.name, func(t *testing.T) { p.check(t, open(t, Options{Database: cluster.Database(t)})) })
	}
	for _, p := range databasePromises {
		t.Run(p.name, func(t *testing.T) { p.check(t, Options{Database: cluster.Database(t)}) })
	}
}

func TestAServerThatIsReadOnlySaysSo(t *testing.T) {
	database := pgtest.Start(t).Database(t)
	open(t, Options{Database: database})
	s := open(t, Options{Database: database + "&options=-c%20default_transaction_read_only%3Don"})
	wantKind(t, s.Save(t.Context(), record("a", noon)), fault.Unavailable, "read only", "name the primary")
}

var noon = time.Date(2026, 3, 1, 12, 0, 0, 123456000, time.UTC)

// record is a small scan's outcome; equal seeds, equal digests.
func record(seed string, at time.Time) Record {
	g := depmap.Graph{
		Services: []depmap.Service{
			{Name: "orders", Kind: estate.Service, Team: "orders", Places: []estate.Place{{File: "compose.yml", Line: 3}}},
			{Name: estate.ServiceName("pg-" + seed), Kind: estate.Datastore, Technology: "postgres"},
		},
		Edges: []depmap.Edge{{From: "orders", To: estate.ServiceName("pg-" + seed), Kind: depmap.Database, Port: 5432, Confidence: 0.95,
			Origin: depmap.Configured, Evidence: []depmap.Evidence{{Place: estate.Place{File: "compose.yml", Line: 7}, Key: "DATABASE_URL", Why: "address in configuration"}}}},
		Doubts: []estate.Doubt{{Topic: estate.Unowned, Place: estate.Place{File: "compose.yml"}, Text: "no team owns pg; name one"}},
		Files:  40, Read: 12,
	}
	g.Digest = estate.DigestOf(g)
	return Record{
		Graph:    g,
		Snapshot: estate.Snapshot{Components: []estate.Component{{Name: "orders", Kind: estate.Service}}, Files: 40, Read: 12},
		Scan:     fmt.Sprintf("scan-%d", scans.Add(1)),
		Started:  at.Add(-took),
		TakenAt:  at,
		Source:   "kopi",
	}
}

// took is how long each record's scan was.
const took = 1500 * time.Millisecond

// scans counts the records made: each is of a scan of its own.
var scans atomic.Int64

// named is a record under a chosen digest.
func named(digits string, at time.Time) Record {
	r := record(digits, at)
	r.Graph.Digest = estate.Digest("sha256:" + digits + strings.Repeat("0", 64-len(digits)))
	return r
}

func open(t *testing.T, opts Options) *Store {
	t.Helper()
	s, err := Open(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func save(t *testing.T, s keeping, records ...Record) {
	t.Helper()
	for _, r := range records {
		if err := s.Save(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
}

func list(t *testing.T, s keeping, limit int) []Summary {
	t.Helper()
	all, err := s.List(t.Context(), limit)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func wantKind(t *testing.T, err error, kind fault.Kind, parts ...string) {
	t.Helper()
	if err == nil || fault.KindOf(err) != kind {
		t.Fatalf("want a fault of kind %s, got %v", kind, err)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("no %q in: %v", part, err)
		}
	}
}

func comesBackWhole(t *testing.T, s keeping) {
	r := record("a", noon)
	save(t, s, r)
	want := Summary{Digest: r.Graph.Digest, TakenAt: noon, LastSeen: noon, Source: "kopi", Services: 2, Edges: 1, Doubts: 1, Files: 40, Took: took}
	graph, sum, err := s.Graph(t.Context(), string(r.Graph.Digest))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(r.Graph, graph); diff != "" {
		t.Errorf("graph (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, sum); diff != "" {
		t.Errorf("summary (-want +got):\n%s", diff)
	}
}

func snapshotComesBackWhole(t *testing.T, opts Options) {
	s := open(t, opts)
	r := record("a", noon)
	save(t, s, r)
	snapshot, sum, err := s.Snapshot(t.Context(), "latest")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(r.Snapshot, snapshot); diff != "" {
		t.Errorf("snapshot (-want +got):\n%s", diff)
	}
	if sum.Digest != r.Graph.Digest {
		t.Errorf("got the summary of %s", sum.Digest)
	}
}

// snapshotIsTheLastSeen scans twice: no edge changes, a setting does. What is read of an earlier time does not count.
func snapshotIsTheLastSeen(t *testing.T, opts Options) {
	s := open(t, opts)
	r := record("a", noon)
	save(t, s, r)
	for at, files := range map[time.Time]int{noon.Add(-time.Hour): 7, noon.Add(time.Hour): 8} {
		again := record("a", at)
		again.Snapshot.Files = files
		save(t, s, again)
	}
	snapshot, _, err := s.Snapshot(t.Context(), "latest")
	if err != nil || snapshot.Files != 8 {
		t.Errorf("%d files, %v", snapshot.Files, err)
	}
}

func startsEmpty(t *testing.T, s keeping) {
	if all := list(t, s, 0); len(all) != 0 {
		t.Errorf("got %v", all)
	}
	if all := noted(t, s, 0); len(all) != 0 {
		t.Errorf("got %v", all)
	}
	_, _, err := s.Graph(t.Context(), "")
	wantKind(t, err, fault.NotFound, "caravan scan")
}

func latestIsLastSeen(t *testing.T, s keeping) {
	a, b := record("a", noon), record("b", noon.Add(time.Hour))
	save(t, s, a, b)
	for _, ref := range []string{"", "latest"} {
		if _, sum, err := s.Graph(t.Context(), ref); err != nil || sum.Digest != b.Graph.Digest {
			t.Errorf("%q: got %s, %v", ref, sum.Digest, err)
		}
	}
	save(t, s, record("a", noon.Add(2*time.Hour)))
	if _, sum, err := s.Graph(t.Context(), ""); err != nil || sum.Digest != a.Graph.Digest {
		t.Errorf("after the estate went back: got %s, %v", sum.Digest, err)
	}
}

func savesOnce(t *testing.T, s keeping) {
	first, again := record("a", noon), record("a", noon.Add(time.Hour))
	again.Source, again.Started = "elsewhere", noon
	save(t, s, first, again)
	all := list(t, s, 0)
	if len(all) != 1 {
		t.Fatalf("kept %d times", len(all))
	}
	want := Summary{Digest: first.Graph.Digest, TakenAt: noon, LastSeen: noon.Add(time.Hour), Source: "kopi", Services: 2, Edges: 1, Doubts: 1, Files: 40, Took: took}
	if diff := cmp.Diff(want, all[0]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func neverTurnsBack(t *testing.T, s keeping) {
	save(t, s, record("a", noon), record("a", noon.Add(-time.Hour)))
	if got := list(t, s, 0)[0].LastSeen; !got.Equal(noon) {
		t.Errorf("last seen %s", got)
	}
}

func foundByBeginning(t *testing.T, s keeping) {
	save(t, s, named("abcdef01", noon), named("abcdef02", noon), named("fffffff", noon))
	for _, ref := range []string{"abcdef01", "sha256:abcdef01", "ABCDEF01", "sha256:abcdef01" + strings.Repeat("0", 56)} {
		if _, sum, err := s.Graph(t.Context(), ref); err != nil || !strings.HasPrefix(string(sum.Digest), "sha256:abcdef01") {
			t.Errorf("%s: got %s, %v", ref, sum.Digest, err)
		}
	}
	if _, sum, err := s.Graph(t.Context(), "ffffff"); err != nil || !strings.HasPrefix(string(sum.Digest), "sha256:fffffff0") {
		t.Errorf("the highest digits: got %s, %v", sum.Digest, err)
	}
	_, _, err := s.Graph(t.Context(), "abcdef")
	wantKind(t, err, fault.Conflict, "abcdef01", "abcdef02", "more digits")
	_, _, err = s.Graph(t.Context(), "123456")
	wantKind(t, err, fault.NotFound, "123456", "caravan snapshots")
	for _, ref := range []string{"abcde", "yesterday", "abcdef%", "sha256:", "md5:abcdef"} {
		_, _, err = s.Graph(t.Context(), ref)
		wantKind(t, err, fault.Invalid, "six or more digits")
	}
}

func listsNewestFirst(t *testing.T, s keeping) {
	for i, digits := range []string{"a1", "b2", "c3", "d4"} {
		save(t, s, named(digits, noon.Add(time.Duration(i)*time.Minute)))
	}
	var got []string
	for _, sum := range list(t, s, 3) {
		got = append(got, string(sum.Digest)[len("sha256:"):][:2])
	}
	if diff := cmp.Diff([]string{"d4", "c3", "b2"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func notesEveryScan(t *testing.T, s keeping) {
	first, again := record("a", noon), record("a", noon.Add(time.Hour))
	save(t, s, first, again)
	failed := Scan{ID: "x1", Started: noon, Ended: noon.Add(time.Minute), State: Failed, Source: "kopi", Kind: "not found", Error: "source x: no such directory; name one that exists"}
	cancelled := Scan{ID: "x2", Started: noon, Ended: noon.Add(2 * time.Minute), State: Cancelled, Source: "kopi", Kind: "unavailable", Error: "cancelled"}
	for _, sc := range []Scan{cancelled, failed} {
		if err := s.Note(t.Context(), sc); err != nil {
			t.Fatal(err)
		}
	}
	done := func(r Record) Scan {
		return Scan{ID: r.Scan, Started: r.Started, Ended: r.TakenAt, State: Done, Source: "kopi", Digest: r.Graph.Digest}
	}
	want := []Scan{done(again), cancelled, failed, done(first)}
	if diff := cmp.Diff(want, noted(t, s, 0)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want[:2], noted(t, s, 2)); diff != "" {
		t.Errorf("the last two (-want +got):\n%s", diff)
	}
}

func noted(t *testing.T, s keeping, limit int) []Scan {
	t.Helper()
	all, err := s.Scans(t.Context(), limit)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func refusesOddScans(t *testing.T, s keeping) {
	for _, sc := range []Scan{{}, {ID: "x", State: Done}, {ID: "x", State: "running"}, {State: Failed}} {
		wantKind(t, s.Note(t.Context(), sc), fault.Invalid, "note scan")
	}
	r := record("a", noon)
	r.Scan = ""
	wantKind(t, s.Save(t.Context(), r), fault.Invalid, "no ID")
}

func savesAtOnce(t *testing.T, s keeping) { saveAtOnce(t, s, s) }

func savesAtOnceFromTwoHandles(t *testing.T, opts Options) {
	saveAtOnce(t, open(t, opts), open(t, opts))
}

func saveAtOnce(t *testing.T, handles ...keeping) {
	errs := make([]error, 8)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() { errs[i] = handles[i%2].Save(t.Context(), record("a", noon.Add(time.Duration(i)*time.Second))) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	all := list(t, handles[0], 0)
	if len(all) != 1 || !all[0].LastSeen.Equal(noon.Add(7*time.Second)) {
		t.Errorf("got %+v", all)
	}
	if runs := noted(t, handles[1], 0); len(runs) != len(errs) {
		t.Errorf("%d scans noted", len(runs))
	}
}

func opensAtOnce(t *testing.T, opts Options) {
	stores, errs := make([]*Store, 4), make([]error, 4)
	var wg sync.WaitGroup
	for i := range stores {
		wg.Go(func() { stores[i], errs[i] = Open(t.Context(), opts) })
	}
	wg.Wait()
	for _, s := range stores {
		if s != nil {
			s.Close()
		}
	}
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func cancelledLeavesNothing(t *testing.T, s keeping) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := s.Save(ctx, record("a", noon))
	wantKind(t, err, fault.Unavailable, "nothing was changed")
	if !errors.Is(err, context.Canceled) {
		t.Errorf("the cause is lost: %v", err)
	}
	keepsNothing(t, s)
}

func keepsNothing(t *testing.T, s keeping) {
	t.Helper()
	if all := list(t, s, 0); len(all) != 0 {
		t.Errorf("kept %v", all)
	}
	if all := noted(t, s, 0); len(all) != 0 {
		t.Errorf("noted %v", all)
	}
}

func endedLeavesNothing(t *testing.T, opts Options) {
	s, other := open(t, opts), open(t, opts)
	r := record("a", noon)
	tx, err := other.db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := insert(t.Context(), tx, r, []byte("x")); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	wantKind(t, s.Save(ctx, r), fault.Unavailable, "try again")
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	keepsNothing(t, s)
	save(t, s, r)
}

// halfway, in the environment, makes the test's program save half a record in the store of these options and wait.
const halfway = "CARAVAN_STORE_HALFWAY"

func TestMain(m *testing.M) {
	if text, ok := os.LookupEnv(halfway); ok {
		if err := saveHalf(text); err != nil {
			fmt.Println(err)
		}
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// saveHalf comes as far as the last statement before the commit, says so, and waits for the end.
func saveHalf(options string) error {
	var opts Options
	if err := json.Unmarshal([]byte(options), &opts); err != nil {
		return err
	}
	ctx := context.Background()
	s, err := Open(ctx, opts)
	if err != nil {
		return err
	}
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	r := record("a", noon)
	if err := insert(ctx, tx, r, []byte("x")); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, insertScan, scanRow(r.scan())...); err != nil {
		return err
	}
	fmt.Println("halfway")
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

func killedLeavesNothing(t *testing.T, opts Options) {
	text, err := json.Marshal(opts)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), halfway+"="+string(text))
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(stdout).ReadString('\n'); line != "halfway\n" {
		t.Errorf("it came to %q, %v", line, err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Error(err)
	}
	if err := cmd.Wait(); err == nil || cmd.ProcessState.Exited() {
		t.Errorf("it was not killed: %v", err)
	}
	s := open(t, opts)
	keepsNothing(t, s)
	save(t, s, record("a", noon))
}

// bringsUpToDate begins with the first schema and a snapshot in it.
func bringsUpToDate(t *testing.T, opts Options) {
	old, err := connect(opts)
	if err != nil {
		t.Fatal(err)
	}
	provider, err := old.provider()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := provider.UpTo(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	tx, err := old.db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	r := record("a", noon)
	if err := errors.Join(insert(t.Context(), tx, r, []byte("x")), tx.Commit(), old.Close()); err != nil {
		t.Fatal(err)
	}
	s := open(t, opts)
	if graph, _, err := s.Graph(t.Context(), ""); err != nil || graph.Digest != r.Graph.Digest {
		t.Errorf("got %s, %v", graph.Digest, err)
	}
	save(t, s, record("a", noon.Add(time.Hour)))
	if runs := noted(t, s, 0); len(runs) != 1 {
		t.Errorf("noted %v", runs)
	}
}

func refusesNoDigest(t *testing.T, s keeping) {
	r := record("a", noon)
	for _, digest := range []estate.Digest{"", "sha256:", "sha256:ABC"} {
		r.Graph.Digest = digest
		wantKind(t, s.Save(t.Context(), r), fault.Invalid, "no digest")
	}
}

func refusesNewerSchema(t *testing.T, opts Options) {
	s := open(t, opts)
	save(t, s, record("a", noon))
	execute(t, s.db, `INSERT INTO caravan_migrations (version_id, is_applied) VALUES (9999, true)`)
	_, err := Open(t.Context(), opts)
	wantKind(t, err, fault.Conflict, "newer Caravan", "9999", "update Caravan")
	if all := list(t, s, 0); len(all) != 1 {
		t.Errorf("the newer database was changed: %v", all)
	}
}

func knowsItsTables(t *testing.T, opts Options) {
	s := open(t, opts)
	tables, err := s.tables(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	tables = slices.DeleteFunc(tables, func(name string) bool { return name == versions })
	slices.Sort(tables)
	if diff := cmp.Diff(ours, tables); diff != "" {
		t.Errorf("(-known +made by the migrations):\n%s", diff)
	}
}

func refusesForeign(t *testing.T, opts Options) {
	raw, err := connect(opts)
	if err != nil {
		t.Fatal(err)
	}
	execute(t, raw.db, `CREATE TABLE scans (photo TEXT)`)
	raw.Close()
	_, err = Open(t.Context(), opts)
	wantKind(t, err, fault.Conflict, "another program's", "name one")
}

func saysDamaged(t *testing.T, opts Options) {
	s := open(t, opts)
	r := record("a", noon)
	save(t, s, r)
	packed, err := pack(r.Graph)
	if err != nil {
		t.Fatal(err)
	}
	packed[len(packed)-6] ^= 0xff // the checksum's
	if _, err := s.db.ExecContext(t.Context(), `UPDATE snapshots SET graph = $1`, packed); err != nil {
		t.Fatal(err)
	}
	_, _, err = s.Graph(t.Context(), "latest")
	wantKind(t, err, fault.Invalid, "damaged", "scan again")
}

func outlivesHandle(t *testing.T, opts Options) {
	s := open(t, opts)
	save(t, s, record("a", noon))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if all := list(t, open(t, opts), 0); len(all) != 1 {
		t.Errorf("got %v", all)
	}
}

func execute(t *testing.T, db *sql.DB, statement string) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}

func TestTheFileIsItsOwnersAlone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), folderName)
	path := filepath.Join(dir, "caravan.db")
	s := open(t, Options{Path: path})
	save(t, s, record("a", noon))
	for _, name := range []string{path, path + "-wal", path + "-shm"} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %o", name, info.Mode().Perm())
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, ".gitignore"))
	if err != nil || string(text) != "*\n" {
		t.Errorf(".gitignore holds %q, %v", text, err)
	}
}

func TestAFileOthersCouldReadIsClosedToThem(t *testing.T) {
	path := filepath.Join(t.TempDir(), "caravan.db")
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	open(t, Options{Path: path})
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode %o", info.Mode().Perm())
	}
	if _, err := os.Stat(filepath.Join(filepath.Dir(path), ".gitignore")); err == nil {
		t.Error("a .gitignore was written into a folder that is not Caravan's")
	}
}

func TestAPathMayHoldAnyCharacter(t *testing.T) {
	path := filepath.Join(t.TempDir(), "50% of ?what#", "caravan.db")
	s := open(t, Options{Path: path})
	save(t, s, record("a", noon))
	if info, err := os.Stat(path); err != nil || info.Size() == 0 {
		t.Errorf("the database is not at its path: %v", err)
	}
}

func TestAFileThatIsNoDatabaseIsLeftAlone(t *testing.T) {
	garbage := strings.Repeat("organisation: kopi\n", 500)
	path := filepath.Join(t.TempDir(), "caravan.db")
	if err := os.WriteFile(path, []byte(garbage), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Open(t.Context(), Options{Path: path})
	wantKind(t, err, fault.Invalid, path, "move the file away")
	if got, err := os.ReadFile(path); err != nil || string(got) != garbage {
		t.Errorf("the file was changed: %v", err)
	}
}

func TestOptionsThatNameNoStoreAreRefused(t *testing.T) {
	for _, tt := range []struct {
		name string
		opts Options
		kind fault.Kind
		part string
	}{
		{"nothing", Options{}, fault.Invalid, "give the path"},
		{"another database", Options{Database: "mysql://root:kept-secret@db.internal/x"}, fault.Invalid, "postgres://"},
		{"an address that is none", Options{Database: "postgres://caravan:kept-secret@db.internal:port/x"}, fault.Invalid, "postgres://"},
		{"a server that is not there", Options{Database: "postgres://caravan:kept-secret@127.0.0.1:1/caravan?connect_timeout=5"}, fault.Unavailable, "start the database"},
		{"a file in the folder's place", Options{Path: filepath.Join(os.DevNull, "caravan.db")}, fault.Unavailable, "name another"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Open(t.Context(), tt.opts)
			wantKind(t, err, tt.kind, tt.part)
			if strings.Contains(err.Error(), "kept-secret") {
				t.Error("the password is in the message")
			}
		})
	}
}

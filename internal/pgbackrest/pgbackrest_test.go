package pgbackrest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/pgbackrest/pgbackresttest"
	"example.org/caravan/internal/standby"
)

// patience is how long something may take on a busy machine.
const patience = 3 * time.Minute

// kept is a database whose log goes into a repository.
type kept struct {
	Tool
	*testing.T
	pgbackresttest.Kept
}

func keep(t *testing.T) *kept {
	t.Helper()
	if testing.Short() {
		t.Skip("it raises a PostgreSQL and restores it again and again")
	}
	k := pgbackresttest.Start(t)
	return &kept{T: t, Kept: k, Tool: Tool{Run: ThisMachine("postgres"), Stanza: pgbackresttest.Stanza, Config: k.Config, Where: "this machine"}}
}

func (k *kept) write(path, text string) {
	k.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		k.Fatal(err)
	}
}

func (k *kept) do(words ...string) {
	k.Helper()
	out, err := k.Tool.Run(k.Context(), k.Tool.command(words...)...)
	if err != nil || out.Code != 0 {
		k.Fatalf("%v: %v %s%s", words, err, out.Stdout, out.Stderr)
	}
}

func (k *kept) drill() standby.Drill {
	k.Helper()
	got, err := k.Drill(k.Context(), Drill{Scratch: k.Scratch}, time.Now)
	if err != nil {
		k.Fatal(err)
	}
	k.left()
	return got
}

// left reports what a drill left behind.
func (k *kept) left() {
	k.Helper()
	all, err := os.ReadDir(k.Scratch)
	if err != nil || len(all) != 1 || all[0].Name() != "caravan-drill" {
		k.Errorf("a drill left %v, %v", all, err)
	}
}

// archived waits until all that was written so far is in the repository, and gives the segment.
func (k *kept) archived() string {
	k.Helper()
	var segment string
	if err := k.Server.Connect(k.T, "postgres").QueryRow(k.Context(), "SELECT pg_walfile_name(pg_switch_wal())").Scan(&segment); err != nil {
		k.Fatal(err)
	}
	for deadline := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		info, err := k.Info(k.Context())
		if err != nil {
			k.Fatal(err)
		}
		if info.Segment >= segment && !info.Archived.IsZero() {
			return segment
		}
		if time.Now().After(deadline) {
			k.Fatalf("%s is not archived: %+v", segment, info)
		}
	}
}

// file is one in the repository, the largest whose path contains a text.
func (k *kept) file(of string) string {
	k.Helper()
	best, most := "", int64(0)
	err := filepath.WalkDir(filepath.Join(k.Dir, "repo"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.Contains(path, of) {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Size() > most {
			best, most = path, info.Size()
		}
		return err
	})
	if err != nil || best == "" {
		k.Fatalf("no file of %s in the repository: %v", of, err)
	}
	return best
}

// damage changes bytes in the middle of a file, and gives back what puts it right.
func (k *kept) damage(path string) func() {
	k.Helper()
	whole, err := os.ReadFile(path)
	if err != nil {
		k.Fatal(err)
	}
	bad := bytes.Clone(whole)
	for i := len(bad) / 2; i < len(bad)/2+min(64, len(bad)/4); i++ {
		bad[i] ^= 0xff
	}
	k.write(path, string(bad))
	return func() { k.write(path, string(whole)) }
}

func TestABackupCountsOnceItWasRestoredAndChecked(t *testing.T) {
	k := keep(t)
	before, err := k.Info(t.Context())
	if err != nil || !strings.Contains(before.Failed, "no stanza "+pgbackresttest.Stanza) {
		t.Fatalf("without a stanza: %+v, %v", before, err)
	}
	k.do("stanza-create")
	if _, err := k.Drill(t.Context(), Drill{Scratch: k.Scratch}, time.Now); fault.KindOf(err) != fault.NotFound {
		t.Errorf("drilled without a backup: %v", err)
	}
	k.Server.Do(t, "postgres", "CREATE TABLE item AS SELECT n, repeat('x', 200) AS filler FROM generate_series(1, 20000) n; CREATE INDEX ON item (n)")
	k.Server.Do(t, "postgres", "CREATE DATABASE \"o'rders \\ 2\"")
	ran := filepath.Join(os.TempDir(), fmt.Sprintf("caravan-drilled-%d", os.Getpid()))
	k.Server.Do(t, "postgres", "ALTER SYSTEM SET recovery_end_command = 'touch "+ran+"'")
	info, err := k.BackUp(t.Context(), Full)
	if err != nil {
		t.Fatal(err)
	}
	newest, _ := info.Newest()
	if len(info.Backups) != 1 || newest.Kind != Full || newest.Size == 0 || time.Since(newest.Ended) > patience || info.Failed != "" {
		t.Errorf("after a backup: %+v", info)
	}
	k.Server.Do(t, "postgres", "CREATE TABLE later AS SELECT now() AS at")
	k.Server.Do(t, "postgres", "CREATE FUNCTION frozen() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION $$frozen$$; END'; CREATE EVENT TRIGGER frozen ON ddl_command_start WHEN TAG IN ('CREATE EXTENSION') EXECUTE FUNCTION frozen(); ALTER EVENT TRIGGER frozen ENABLE ALWAYS")
	k.Server.Do(t, "postgres", "ALTER DATABASE \"o'rders \\ 2\" SET statement_timeout = '1ms'; ALTER DATABASE \"o'rders \\ 2\" SET default_transaction_read_only = on")
	first := k.archived()
	k.Server.Do(t, "postgres", "INSERT INTO later VALUES (now())")
	last := k.archived()

	good := k.drill()
	if !good.Good() || good.Label != newest.Label || good.Own != 2 || good.Databases != 3 || good.Indexes < 100 || !good.UpTo.After(good.Ended.Add(-time.Second)) || good.By != "pg_amcheck" {
		t.Errorf("a drill: %+v", good)
	}
	if _, err := os.Stat(ran); err == nil {
		t.Error("what the server is to run at the end of a recovery was run")
		_ = os.Remove(ran)
	}
	t.Logf("drilled in %s: %+v", good.Took, good)

	t.Run("a folder with a database is not touched", k.foreign)
	t.Run("what a killed drill left is cleaned up", func(t *testing.T) { k.killed(t, newest) })
	t.Run("a drill that is broken off cleans up", k.broken)
	t.Run("a damaged log", func(*testing.T) {
		mend := k.damage(k.file(last + "-"))
		defer mend()
		k.bad("log after " + newest.Label)
	})
	t.Run("a log with a gap", func(t *testing.T) {
		at := k.file(first + "-")
		aside := filepath.Join(k.Dir, "aside")
		if err := os.Rename(at, aside); err != nil {
			t.Fatal(err)
		}
		k.bad("a part between is missing")
		if err := os.Rename(aside, at); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("a damaged file", func(*testing.T) {
		mend := k.damage(k.file("/backup/orders/" + newest.Label + "/pg_data/base"))
		defer mend()
		k.bad("restore of " + newest.Label)
	})
	t.Run("an index that lost rows", func(t *testing.T) {
		k.Server.Do(t, "postgres", "CREATE FUNCTION place(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1'; CREATE INDEX ON item (place(n))")
		k.Server.Do(t, "postgres", "CREATE OR REPLACE FUNCTION place(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT -$1'")
		k.archived()
		k.bad("lacks matching index tuple")
	})
}

// bad runs a drill that is to find a fault, and sees that people are told.
func (k *kept) bad(want string) {
	k.Helper()
	got := k.drill()
	if !strings.Contains(got.Failed, want) {
		k.Errorf("found %q, not %q", got.Failed, want)
	}
	info, err := k.Info(k.Context())
	if err != nil {
		k.Fatal(err)
	}
	b := info.Standing().With(&got, nil)
	top := standby.Topology{Datastore: "orders-db", At: time.Now(), Backup: &b}
	for _, f := range standby.Judge(top, standby.UsualLimits()) {
		if f.Check == standby.CheckBackup && strings.Contains(f.What, got.Failed) {
			return
		}
	}
	k.Errorf("no finding tells of %q", got.Failed)
}

func (k *kept) foreign(t *testing.T) {
	other := filepath.Join(k.Dir, "other")
	if err := os.Mkdir(other, 0o755); err != nil {
		t.Fatal(err)
	}
	k.write(filepath.Join(other, "letter"), "mine")
	link := filepath.Join(k.Dir, "link")
	if err := os.Symlink(other, link); err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(k.Server.Dir(), "data")
	for _, at := range []string{data, filepath.Join(data, "base", "drill"), other, link} {
		if _, err := k.Drill(t.Context(), Drill{Scratch: at}, time.Now); fault.KindOf(err) != fault.Conflict {
			t.Errorf("a drill in %s: %v", at, err)
		}
	}
	if _, err := k.Drill(t.Context(), Drill{Scratch: "drill"}, time.Now); fault.KindOf(err) != fault.Invalid {
		t.Errorf("a drill in a folder that is nowhere: %v", err)
	}
	k.Server.Do(t, "postgres", "SELECT 1")
	if _, err := os.Stat(filepath.Join(other, "letter")); err != nil {
		t.Error(err)
	}
}

// serving waits until a drill has a server, and gives its process.
func (k *kept) serving(t *testing.T) int {
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		text, err := os.ReadFile(filepath.Join(k.Scratch, "work", "data", "postmaster.pid"))
		pid := 0
		if _, none := fmt.Sscan(string(text), &pid); err == nil && none == nil && pid > 0 {
			return pid
		}
		if time.Now().After(deadline) {
			t.Error("the drill has no server")
			return 0
		}
	}
}

func (k *kept) killed(t *testing.T, b Backup) {
	argv := k.script(Drill{Scratch: k.Scratch}, b, patience)
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir, cmd.SysProcAttr = "/", &syscall.SysProcAttr{Credential: k.Server.Credential()}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	pid := k.serving(t)
	if err := cmd.Process.Signal(syscall.SIGSTOP); err != nil { // or it might be done before it is killed
		t.Fatal(err)
	}
	if _, err := k.Drill(t.Context(), Drill{Scratch: k.Scratch}, time.Now); fault.KindOf(err) != fault.Conflict || !strings.Contains(err.Error(), "another drill is at work") {
		t.Errorf("two drills in one folder: %v", err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	if err := syscall.Kill(pid, 0); err != nil {
		t.Fatalf("the server ended with the drill, so there is nothing to clean up: %v", err)
	}
	if got := k.drill(); !got.Good() {
		t.Errorf("the next drill: %+v", got)
	}
	if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("the server of the killed drill still runs: %v", err)
	}
}

func (k *kept) broken(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		defer cancel()
		k.serving(t)
	}()
	if _, err := k.Drill(ctx, Drill{Scratch: k.Scratch}, time.Now); !errors.Is(err, context.Canceled) {
		t.Errorf("broken off: %v", err)
	}
	k.left()
	if _, err := k.Drill(t.Context(), Drill{Scratch: k.Scratch, Longest: time.Second}, time.Now); fault.KindOf(err) != fault.Unavailable || !strings.Contains(err.Error(), "its time was up") {
		t.Errorf("a drill that takes too long: %v", err)
	}
	k.left()
}

package app

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/pgbackrest"
	"example.org/caravan/internal/pgbackrest/pgbackresttest"
	"example.org/caravan/internal/standby"
	"example.org/caravan/internal/workspace"
)

func TestABackupIsRestoredOnScheduleAndByItsTeam(t *testing.T) {
	if testing.Short() {
		t.Skip("it raises a PostgreSQL and restores it")
	}
	k := pgbackresttest.Start(t)
	made := exec.Command("pgbackrest", "--config="+k.Config, "--stanza="+pgbackresttest.Stanza, "stanza-create")
	made.Dir, made.SysProcAttr = "/", &syscall.SysProcAttr{Credential: k.Server.Credential()}
	if out, err := made.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	declared := fmt.Sprintf("  datastores:\n  - {name: orders-db, team: orders, user: postgres, members: {a: %q}, tls: disable, backup: {stanza: %s, config: %s, scratch: %s, drill: 168h}}\n"+
		"  - {name: bare-db, team: orders, members: {a: %q}}\n", k.Server.Address, pgbackresttest.Stanza, k.Config, k.Scratch, k.Server.Address)
	a := standbyWorkspace(t, declared)
	q, owner := StandbyQuery{Datastore: "orders-db"}, of("orders")
	if _, err := a.BackUp(t.Context(), q, BackUpRequest{}, of("payments")); fault.KindOf(err) != fault.Denied {
		t.Errorf("another team backs it up: %v", err)
	}
	if _, err := a.DrillBackup(t.Context(), StandbyQuery{Datastore: "bare-db"}, owner); fault.KindOf(err) != fault.Conflict {
		t.Errorf("a drill of what is not backed up: %v", err)
	}
	a.drillDue(t.Context())
	if _, err := os.Stat(k.Scratch); err == nil {
		t.Error("a drill began without a backup")
	}
	got, err := a.BackUp(t.Context(), q, BackUpRequest{Type: pgbackrest.Full}, owner)
	if err != nil || got.At.IsZero() || !got.Drilled.IsZero() {
		t.Fatalf("backed up: %+v, %v", got, err)
	}
	if found := backupFindings(t, a); !strings.Contains(found, "no backup was ever restored") {
		t.Errorf("before a drill, found %q", found)
	}
	a.drillDue(t.Context())
	last, good, err := a.store.BackupDrills(t.Context(), "orders-db", "")
	if err != nil || last == nil || good == nil {
		t.Fatalf("the drill that was due: %v, %v, %v", last, good, err)
	}
	if found := backupFindings(t, a); found != "" {
		t.Errorf("after a drill, found %q", found)
	}
	a.drillDue(t.Context()) // a week is not over
	if again, _, err := a.store.BackupDrills(t.Context(), "orders-db", ""); err != nil || !again.At.Equal(last.At) {
		t.Errorf("drilled again: %+v, %v", again, err)
	}
	manifest := filepath.Join(k.Dir, "repo", "backup", pgbackresttest.Stanza, last.Label, "backup.manifest")
	for _, file := range []string{manifest, manifest + ".copy"} {
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
	bad, err := a.DrillBackup(t.Context(), q, owner)
	if err != nil || bad.Good() {
		t.Fatalf("a backup without its manifest: %+v, %v", bad, err)
	}
	if found := backupFindings(t, a); !strings.Contains(found, "restored, it was no good: restore of "+last.Label) {
		t.Errorf("after a drill that failed, found %q", found)
	}
}

// backupFindings are what a look at the datastores finds about backups.
func backupFindings(t *testing.T, a *App) string {
	t.Helper()
	got, err := a.LookAtStandbys(t.Context(), StandbyQuery{Datastore: "orders-db"})
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, f := range got.Findings {
		if f.Check == standby.CheckBackup {
			out = append(out, f.What)
		}
	}
	return strings.Join(out, "; ")
}

func TestBackupsThatCannotBeAskedAreNotAskedAgainAtOnce(t *testing.T) {
	asked := 0
	rest := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked++
		http.Error(w, "no", http.StatusServiceUnavailable)
	}))
	defer rest.Close()
	now := time.Unix(0, 0)
	a := &App{now: func() time.Time { return now }}
	b := &backups{app: a, kept: workspace.Kept{Patroni: []string{rest.URL}, Backup: &workspace.Backup{Container: "postgres"}}, members: &route{dial: (&net.Dialer{}).DialContext}}
	_, first := b.standing(t.Context())
	once := asked
	now = now.Add(askBackupsAgain - time.Second)
	if _, err := b.standing(t.Context()); first == nil || once == 0 || err == nil || err.Error() != first.Error() || asked != once {
		t.Errorf("asked %d times, then %d: %v, then %v", once, asked-once, first, err)
	}
	now = now.Add(time.Second)
	if _, err := b.standing(t.Context()); err == nil || asked == once {
		t.Errorf("it is not asked again: %v", err)
	}
}

func TestAFileOfWhichAPartArrivedIsNotPutInPlace(t *testing.T) {
	file := filepath.Join(t.TempDir(), "preference.yml")
	if err := os.WriteFile(file, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		length, want string
		ok           bool
	}{{"9", "old", false}, {"3", "new", true}} {
		put := exec.Command("sh", "-c", putFile, "put", file, c.length)
		put.Stdin = strings.NewReader("new")
		out, err := put.CombinedOutput()
		got, _ := os.ReadFile(file)
		if (err == nil) != c.ok || string(got) != c.want || !c.ok && !strings.Contains(string(out), "only a part") {
			t.Errorf("3 of %s bytes: it is %q, %v, %s", c.length, got, err, out)
		}
		if left, _ := filepath.Glob(file + ".*"); len(left) > 0 {
			t.Errorf("left: %q", left)
		}
	}
}

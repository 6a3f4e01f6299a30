// Package pgbackresttest gives tests a real PostgreSQL whose log goes into a repository of pgBackRest, in a folder that is gone when the test ends. It needs
// Debian's packages postgresql and pgbackrest.
package pgbackresttest

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"example.org/caravan/internal/postgres/servertest"
)

// Stanza is what the repository calls the database.
const Stanza = "orders"

// Kept is a database and where its backups are.
type Kept struct {
	Server  *servertest.Server
	Dir     string // of the repository, in repo, and what a test puts beside it
	Config  string // pgBackRest's file
	Scratch string // folder for drills; it is not there yet
}

// Start starts a database; its stanza is not made yet. Without the programs the test is skipped, or fails when CARAVAN_TEST_ALL is 1.
func Start(t testing.TB) Kept {
	t.Helper()
	if _, err := exec.LookPath("pgbackrest"); err != nil {
		if os.Getenv("CARAVAN_TEST_ALL") == "1" {
			t.Fatalf("%s: no pgbackrest; install the package pgbackrest", t.Name())
		}
		t.Skipf("SKIPPED %s: no pgbackrest; install the package pgbackrest", t.Name())
	}
	dir, err := os.MkdirTemp("", "caravan-backup-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	k := Kept{Dir: dir, Config: filepath.Join(dir, "pgbackrest.conf"), Scratch: filepath.Join(dir, "drill")}
	k.Server = servertest.Primary(t, "archive_mode=on", "wal_level=replica", "shared_buffers=16MB", "archive_command=pgbackrest --config="+k.Config+" --stanza="+Stanza+" archive-push %p")
	k.write(t)
	return k
}

// write writes pgBackRest's file, and gives all to whom the server runs as.
func (k Kept) write(t testing.TB) {
	t.Helper()
	_, port, _ := net.SplitHostPort(k.Server.Address)
	text := fmt.Sprintf("[global]\nrepo1-path=%[1]s/repo\nrepo1-retention-full=2\nlog-level-file=off\nlog-path=%[1]s\nlock-path=%[1]s/lock\nspool-path=%[1]s\nstart-fast=y\n"+
		"[%[2]s]\npg1-path=%[3]s/data\npg1-port=%[4]s\npg1-socket-path=%[3]s\npg1-user=%[5]s\n", k.Dir, Stanza, k.Server.Dir(), port, servertest.Superuser)
	if err := os.WriteFile(k.Config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c := k.Server.Credential()
	if c == nil {
		return
	}
	for _, at := range []string{k.Dir, k.Config} {
		if err := os.Chown(at, int(c.Uid), int(c.Gid)); err != nil {
			t.Fatal(err)
		}
	}
}

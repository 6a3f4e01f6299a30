package vm

import (
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"example.org/caravan/internal/render"
	"example.org/caravan/internal/store/pgtest"
)

func TestPostgreSQLTakesTheRolesAgainAndAgain(t *testing.T) {
	psql := installed(t, "psql", "postgresql-client")
	address, err := url.Parse(pgtest.Start(t).Database(t))
	if err != nil {
		t.Fatal(err)
	}
	script := filepath.Join(t.TempDir(), "roles.sql")
	for _, f := range bundle(t, siteOf(t, "postgres")).Files {
		if strings.HasSuffix(f.Path, "pg-main.sql") {
			put(t, script, f.Text, 0o644)
		}
	}
	for range 2 {
		if out, ok := run(t, psql, "-X", "-q", "-f", script, address.String()); !ok || out != "" {
			t.Fatal(out)
		}
	}
	for _, tt := range []struct {
		account, database string
		in                bool
	}{{"orders", "orders", true}, {"search", "orders", true}, {"o'brien", `reports "old"`, true}, {"o'brien", "orders", false}, {"orders", `reports "old"`, false}} {
		as := *address
		as.User, as.Path = url.User(tt.account), "/"+tt.database
		if out, ok := run(t, psql, "-X", "-c", "SELECT 1", as.String()); ok != tt.in {
			t.Errorf("%s in %s: %s", tt.account, tt.database, out)
		}
	}
}

func TestPatroniCanReadItsConfiguration(t *testing.T) {
	seen := 0
	for _, f := range bundle(t, siteOf(t, "postgres")).Files {
		if !strings.HasPrefix(filepath.Base(f.Path), "patroni-") || !strings.HasSuffix(f.Path, ".yml") {
			continue
		}
		seen++
		var config struct {
			Scope, Name string
			Etcd3       struct{ Hosts []string }
			PostgreSQL  struct {
				Access []string `yaml:"pg_hba"`
			} `yaml:"postgresql"`
		}
		if err := yaml.Unmarshal([]byte(f.Text), &config); err != nil {
			t.Fatalf("%s: %v", f.Path, err)
		}
		if config.Scope != "pg-main" || "patroni-"+config.Name+".yml" != filepath.Base(f.Path) || len(config.Etcd3.Hosts) != 3 {
			t.Errorf("%s: %+v", f.Path, config)
		}
		want := `host "reports ""old""" "o'brien" 10.72.0.0/20 scram-sha-256`
		if strings.Contains(f.Text, "trust") || !slices.Contains(config.PostgreSQL.Access, want) {
			t.Errorf("%s lets in %q", f.Path, config.PostgreSQL.Access)
		}
	}
	if seen != 3 {
		t.Errorf("%d instances are configured", seen)
	}
}

func TestBackupsGoNowhereWhereTheirDiskIsNotMounted(t *testing.T) {
	site := siteOf(t, "postgres")
	folder := t.TempDir()
	site.Backups = &render.Backups{Folder: folder}
	script, tool := filepath.Join(t.TempDir(), "pgbackrest"), t.TempDir()
	put(t, filepath.Join(tool, "pgbackrest"), "#!/bin/sh\necho \"backed up with $*\"\n", 0o755)
	put(t, filepath.Join(tool, "stat"), "#!/bin/sh\n[ \"$3\" = / ] && echo 1 || echo \"${DISK:-1}\"\n", 0o755)
	allowed := 0
	for _, f := range bundle(t, site).Files {
		switch base := filepath.Base(f.Path); {
		case base == "pgbackrest":
			put(t, script, f.Text, 0o755)
		case base == "pgbackrest.conf" && (!strings.Contains(f.Text, "repo1-path="+folder+"/id-vm/pg-main\n") || strings.Contains(f.Text, "s3")):
			t.Error(f.Text)
		case strings.HasPrefix(base, "patroni-") && strings.HasSuffix(base, ".yml") && !strings.Contains(f.Text, "    archive_command: /etc/kopi/pgbackrest-pg-main archive-push %p\n"):
			t.Error(f.Text)
		case strings.HasSuffix(base, ".service") && strings.Contains(f.Text, " -"+folder+"\n"):
			allowed++
		}
	}
	if allowed != 2 {
		t.Errorf("%d units may write into the folder", allowed)
	}
	t.Setenv("PATH", tool+":/usr/bin:/bin")
	if out, ok := run(t, script, "info"); ok || !strings.Contains(out, folder+" is not mounted") {
		t.Errorf("without its disk: %s", out)
	}
	t.Setenv("DISK", "2")
	if out, ok := run(t, script, "info"); !ok || out != "backed up with --stanza=pg-main info\n" {
		t.Errorf("with its disk: %s", out)
	}
}

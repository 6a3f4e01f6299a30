package vm

import (
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

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

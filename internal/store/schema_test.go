package store

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.org/caravan/internal/store/pgtest"
)

var update = flag.Bool("update", false, "write schema.*.sql anew from what the migrations make")

const sqliteStatements = `
	SELECT sql FROM sqlite_master
	WHERE sql IS NOT NULL AND tbl_name <> 'caravan_migrations' AND name NOT LIKE 'sqlite_%'
	ORDER BY tbl_name, type DESC, name`

// postgresStatements puts together what PostgreSQL keeps apart: columns, constraints, indexes.
const postgresStatements = `
	WITH ours AS (
		SELECT c.oid, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname = current_schema() AND c.relkind = 'r' AND c.relname <> 'caravan_migrations'
	), lines AS (
		SELECT o.relname, a.attnum AS place, '    ' || a.attname || ' ' || upper(format_type(a.atttypid, a.atttypmod)) ||
			CASE WHEN l.collname NOT IN ('default') THEN ' COLLATE "' || l.collname || '"' ELSE '' END ||
			CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END AS line
		FROM ours o JOIN pg_attribute a ON a.attrelid = o.oid LEFT JOIN pg_collation l ON l.oid = a.attcollation
		WHERE a.attnum > 0 AND NOT a.attisdropped
		UNION ALL
		SELECT o.relname, 1000, '    CONSTRAINT ' || k.conname || ' ' || pg_get_constraintdef(k.oid)
		FROM ours o JOIN pg_constraint k ON k.conrelid = o.oid WHERE k.contype <> 'n'
	), statements AS (
		SELECT relname, 1 AS place, 'CREATE TABLE ' || relname || E' (\n' || string_agg(line, E',\n' ORDER BY place, line) || E'\n)' AS text
		FROM lines GROUP BY relname
		UNION ALL
		SELECT o.relname, 2, pg_get_indexdef(i.indexrelid)
		FROM ours o JOIN pg_index i ON i.indrelid = o.oid WHERE NOT i.indisprimary
	)
	SELECT text FROM statements ORDER BY relname, place, text`

func TestSchemaOfSQLiteIsTheOneInTheFile(t *testing.T) {
	s := open(t, Options{Path: filepath.Join(t.TempDir(), "caravan.db")})
	compareSchema(t, s, sqliteStatements, "schema.sqlite.sql")
}

func TestSchemaOfPostgreSQLIsTheOneInTheFile(t *testing.T) {
	s := open(t, Options{Database: pgtest.Start(t).Database(t)})
	compareSchema(t, s, postgresStatements, "schema.postgres.sql")
}

func compareSchema(t *testing.T, s *Store, query, file string) {
	t.Helper()
	rows, err := s.db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var dump strings.Builder
	dump.WriteString("-- What the migrations make. Written by: go test ./internal/store -run Schema -update\n")
	for rows.Next() {
		var statement string
		if err := rows.Scan(&statement); err != nil {
			t.Fatal(err)
		}
		dump.WriteString("\n" + statement + ";\n")
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(file, []byte(dump.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), dump.String()); diff != "" {
		t.Errorf("%s is out of date; run go test ./internal/store -run Schema -update (-file +database):\n%s", file, diff)
	}
}

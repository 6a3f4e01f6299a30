package store

import (
	"path/filepath"
	"testing"
	"time"

	"example.org/caravan/internal/standby"
	"example.org/caravan/internal/store/pgtest"
)

func TestTheLastDrillOfABackupIsKeptAndTheLastGoodOne(t *testing.T) {
	for name, o := range map[string]func(t *testing.T) Options{
		"sqlite":     func(t *testing.T) Options { return Options{Path: filepath.Join(t.TempDir(), "caravan.db")} },
		"postgresql": func(t *testing.T) Options { return Options{Database: pgtest.Start(t).Database(t)} },
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, o(t))
			day := time.Date(2026, 3, 1, 2, 0, 0, 0, time.UTC)
			if last, good, err := s.BackupDrills(t.Context(), "orders-db", "p"); last != nil || good != nil || err != nil {
				t.Fatalf("before any: %v, %v, %v", last, good, err)
			}
			for _, d := range []standby.Drill{{At: day, Label: "old"}, {At: day.AddDate(3, 0, 0), Label: "one"}, {At: day.AddDate(3, 0, 7), Label: "two", Failed: "checksum"}} {
				if err := s.KeepBackupDrill(t.Context(), "orders-db", "p", d, "ann"); err != nil {
					t.Fatal(err)
				}
			}
			last, good, err := s.BackupDrills(t.Context(), "orders-db", "p")
			if err != nil || last == nil || good == nil || last.Label != "two" || last.Failed != "checksum" || good.Label != "one" {
				t.Errorf("last %+v, good %+v, %v", last, good, err)
			}
			lines, err := s.Audit(t.Context(), "", 10)
			if err != nil || len(lines) != 3 || lines[0].What != "backup restored, and no good" || lines[0].Why != "checksum" || lines[0].By != "ann" {
				t.Errorf("the audit has %+v, %v", lines, err)
			}
			n := 0
			if err := s.db.QueryRowContext(t.Context(), "SELECT count(*) FROM backup_drills").Scan(&n); err != nil || n != 2 {
				t.Errorf("%d drills are kept, %v", n, err)
			}
		})
	}
}

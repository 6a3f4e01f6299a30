package store

import (
	"context"
	"database/sql"
	"time"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/standby"
)

// drillsKept is how long it is kept which backups were restored, besides the last good one of each datastore.
const drillsKept = 2 * 365 * 24 * time.Hour

// KeepBackupDrill keeps that a backup of a datastore was restored and what was found, with a line in the audit.
func (s *Store) KeepBackupDrill(ctx context.Context, datastore estate.ServiceName, env estate.EnvironmentName, d standby.Drill, by string) error {
	return s.change(ctx, "keep a drill of a backup in", func(c *changing) error {
		packed, err := pack(d)
		if err != nil {
			return err
		}
		name, place := text(string(datastore)), text(string(env))
		if err := c.exec(`INSERT INTO backup_drills (datastore, environment, at, good, drill) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (datastore, environment, at) DO UPDATE SET good = excluded.good, drill = excluded.drill`, name, place, d.At.UnixMicro(), d.Good(), packed); err != nil {
			return err
		}
		if err := c.exec(`DELETE FROM backup_drills WHERE datastore = $1 AND environment = $2 AND at < $3
			AND at < (SELECT max(at) FROM backup_drills WHERE datastore = $1 AND environment = $2 AND good)`, name, place, d.At.Add(-drillsKept).UnixMicro()); err != nil {
			return err
		}
		what := "backup restored, and good"
		if !d.Good() {
			what = "backup restored, and no good"
		}
		return c.note(Entry{At: d.At.Add(d.Took), By: by, What: what, Subject: string(datastore) + ": " + d.Label, Why: d.Failed})
	})
}

// BackupDrills are the last drill of a datastore's backups and the last good one; nothing for what there was none of.
func (s *Store) BackupDrills(ctx context.Context, datastore estate.ServiceName, env estate.EnvironmentName) (last, good *standby.Drill, err error) {
	err = s.each(ctx, `SELECT drill FROM backup_drills AS d WHERE datastore = $1 AND environment = $2 AND (
			at = (SELECT max(at) FROM backup_drills WHERE datastore = d.datastore AND environment = d.environment)
			OR at = (SELECT max(at) FROM backup_drills WHERE datastore = d.datastore AND environment = d.environment AND good)) ORDER BY at`,
		[]any{text(string(datastore)), text(string(env))}, func(row *sql.Rows) error {
			var packed []byte
			var d standby.Drill
			if err := row.Scan(&packed); err != nil {
				return err
			}
			err := unpack(packed, &d)
			if last = &d; d.Good() {
				good = &d
			}
			return err
		})
	return last, good, s.explain("read the drills of backups in", err)
}

package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"example.org/caravan/internal/api/client"
	"example.org/caravan/internal/app"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/standby"
)

func newStandbyBackup(s *session) *cobra.Command {
	o := &output{}
	var q app.StandbyQuery
	var req app.BackUpRequest
	c := &cobra.Command{
		Use: "backup DATASTORE", Short: "Make a backup of a database now",
		Long: "Has pgBackRest make a backup, where the datastore declares backup in caravan.yaml, waits for it, and shows how its backups stand. A backup counts once it was\n" +
			"restored and checked: caravan standby drill.",
		Example: "  caravan standby backup orders-db\n  caravan standby backup orders-db --type full",
		Args:    cobra.ExactArgs(1),
		RunE: s.asking(o, func(ctx context.Context, cl *client.Client, args []string) error {
			q.Datastore = estate.ServiceName(args[0])
			stop := s.meanwhile("backing up", args[0])
			got, err := cl.BackUp(ctx, q, req)
			stop()
			if err != nil {
				return err
			}
			return o.value(s.terminal, got, func() { s.tell("%s: %s", q.Datastore, plain(backupText(s.now(), got))) })
		}),
	}
	c.Flags().StringVarP((*string)(&q.Environment), "environment", "e", "", "the one in this environment")
	c.Flags().StringVar((*string)(&req.Type), "type", "incr", "full, diff (what changed since the last full one) or incr (since the last one)")
	o.flags(c)
	return c
}

func newStandbyDrill(s *session) *cobra.Command {
	o := &output{}
	var q app.StandbyQuery
	c := &cobra.Command{
		Use: "drill DATASTORE", Short: "Restore the newest backup of a database beside it, check it, and take it away again",
		Long: "Restores the newest backup and the log after it into a folder of its own, starts a PostgreSQL there that nobody else reaches, reads every table and compares it\n" +
			"with its B-tree indexes, and takes all of it away. The database itself is not touched. Exits with 8 when the backup is no good. caravan serve does the same as often as backup.drill says.",
		Example: "  caravan standby drill orders-db\n  caravan standby drill orders-db -o json",
		Args:    cobra.ExactArgs(1),
		RunE: s.asking(o, func(ctx context.Context, cl *client.Client, args []string) error {
			q.Datastore = estate.ServiceName(args[0])
			stop := s.meanwhile("restoring", args[0])
			got, err := cl.DrillBackup(ctx, q)
			stop()
			if err != nil {
				return err
			}
			if err := o.value(s.terminal, got, func() { s.tell("%s", plain(drillText(q.Datastore, got))) }); err != nil || got.Good() {
				return err
			}
			return &silent{fault.Newf(fault.Differs, "the backup is no good")}
		}),
	}
	c.Flags().StringVarP((*string)(&q.Environment), "environment", "e", "", "the one in this environment")
	o.flags(c)
	return c
}

func drillText(name estate.ServiceName, d standby.Drill) string {
	if !d.Good() {
		return fmt.Sprintf("%s: backup %s is no good: %s", name, d.Label, d.Failed)
	}
	return fmt.Sprintf("%s: backup %s came back whole in %s, up to %s: %s of %s with %s (%d of them its own) and %d indexes, read by %s", name, d.Label, d.Took.Round(time.Second),
		d.UpTo.Local().Format(time.DateTime), standby.Bytes(d.Bytes), count(d.Databases, "database"), count(d.Tables, "table"), d.Own, d.Indexes, d.By)
}

// backupText says how backups stand.
func backupText(now time.Time, b standby.Backup) string {
	if b.At.IsZero() {
		return "there is no backup"
	}
	text := fmt.Sprintf("backed up %s ago", age(now, b.At))
	if !b.Archived.IsZero() {
		text += fmt.Sprintf(", the log %s ago", age(now, b.Archived))
	}
	if b.Drilled.IsZero() {
		return text + ", never restored"
	}
	return text + fmt.Sprintf(", restored %s ago", age(now, b.Drilled))
}

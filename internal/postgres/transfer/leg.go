package transfer

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"example.org/caravan/internal/fault"
)

// A leg is a publication and a slot on the side that is followed, and a subscription on the side that follows.

// publish makes the publication of one side: the rows of all its own tables, except those that are not logged.
func (w *work) publish(ctx context.Context, p *pair, s side) error {
	c, name := p.conn[s], pgx.Identifier{w.t.Publication()}.Sanitize()
	there, err := exists(ctx, c, "SELECT FROM pg_publication WHERE pubname = $1", w.t.Publication())
	if there || err != nil {
		return err
	}
	tables, err := tablesOf(ctx, c)
	if err != nil {
		return err
	}
	var named []string
	for _, t := range tables {
		if !t.Parts && !t.Unlogged {
			named = append(named, "ONLY "+t.quoted())
		}
	}
	sql := "CREATE PUBLICATION " + name
	if len(named) > 0 {
		sql += " FOR TABLE " + strings.Join(named, ", ")
	}
	_, err = c.Exec(ctx, sql)
	return err
}

func exists(ctx context.Context, c *pgx.Conn, sql string, args ...any) (bool, error) {
	var yes bool
	err := c.QueryRow(ctx, "SELECT EXISTS ("+sql+")", args...).Scan(&yes)
	return yes, err
}

// slotPatience is how long transactions that are open when a slot is made may take to end: it can only be used from when all have.
const slotPatience = "60s"

// keep makes the slot of one side, from which on changes are kept for the other.
func (w *work) keep(ctx context.Context, p *pair, s side) error {
	c, name := p.conn[s], w.t.Slot(p.name)
	there, err := exists(ctx, c, "SELECT FROM pg_replication_slots WHERE slot_name = $1", name)
	if there || err != nil {
		return err
	}
	if _, err := c.Exec(ctx, "SET lock_timeout = '"+slotPatience+"'"); err != nil {
		return err
	}
	_, err = c.Exec(ctx, "SELECT pg_create_logical_replication_slot($1, 'pgoutput')", name)
	if isCode(err, lockNotAvailable) {
		return fault.Newf(fault.Conflict, "%s: a transaction has been open for more than %s, and changes can be followed only when it has ended; see pg_stat_activity, by xact_start", w.server(s).Name, slotPatience)
	}
	if err != nil {
		return err
	}
	_, err = c.Exec(ctx, "SET lock_timeout = '"+lockPatience+"'")
	return err
}

// subscribe makes the subscription of the side that follows: one that copies first and begins at once, or one that does neither.
func (w *work) subscribe(ctx context.Context, p *pair, l leg, copies bool) error {
	c := p.conn[l.to]
	there, err := exists(ctx, c, "SELECT FROM pg_subscription WHERE subname = $1 AND subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())", w.t.Subscription())
	if err == nil && !there {
		err = w.follow(ctx, p, l, copies)
	}
	if err == nil && copies {
		err = w.start(ctx, p, l)
	}
	return err
}

// follow makes a subscription, which begins when it is told to.
func (w *work) follow(ctx context.Context, p *pair, l leg, copies bool) error {
	c := p.conn[l.to]
	at, as := w.server(l.from).peer()
	options := "-c statement_timeout=0 -c lock_timeout=0 -c idle_in_transaction_session_timeout=0 -c role=none -c row_security=off" // whatever the database sets for who connects
	if known, err := exists(ctx, p.conn[l.from], "SELECT FROM pg_settings WHERE name = $1", relationKinds); err != nil {
		return err
	} else if known {
		options += " -c " + relationKinds + "=" + noViews
	}
	info := conninfo(at, as, p.name, map[string]string{"application_name": w.t.Slot(p.name), "connect_timeout": "10", "keepalives_idle": "10", "options": options})
	// Transactions are applied one after the other, as they were committed (PostgreSQL 14 can do otherwise, and 18 does).
	order := ""
	if known, err := exists(ctx, c, "SELECT FROM pg_attribute WHERE attrelid = 'pg_subscription'::regclass AND attname = 'substream'"); err != nil {
		return err
	} else if known {
		order = ", streaming = off"
	}
	err := w.subscription(ctx, p, l, fmt.Sprintf("CREATE SUBSCRIPTION %s CONNECTION %s PUBLICATION %s WITH (create_slot = false, slot_name = %s, copy_data = %t, enabled = false"+order+")",
		pgx.Identifier{w.t.Subscription()}.Sanitize(), literal(info), pgx.Identifier{w.t.Publication()}.Sanitize(), literal(w.t.Slot(p.name)), copies))
	if err != nil {
		return fault.Newf(fault.Unavailable, "%s cannot follow %s at %s: %s; see that it may connect from there (pg_hba.conf, firewalls) as %s", w.server(l.to).Name, w.server(l.from).Name, at, hidden(err, as.Password), as.User)
	}
	return nil
}

// hidden is what an error says, without a password.
func hidden(err error, p Password) string {
	text := strings.Join(strings.Fields(err.Error()), " ")
	if p != "" {
		text = strings.ReplaceAll(text, string(p), p.String())
	}
	return text
}

func literal(s string) string {
	quoted := "'" + strings.ReplaceAll(strings.ReplaceAll(s, `\`, `\\`), "'", "''") + "'"
	if strings.Contains(s, `\`) {
		return " E" + quoted
	}
	return quoted
}

// start lets a side follow the other.
func (w *work) start(ctx context.Context, p *pair, l leg) error {
	_, err := p.conn[l.to].Exec(ctx, "ALTER SUBSCRIPTION "+pgx.Identifier{w.t.Subscription()}.Sanitize()+" ENABLE")
	return err
}

// stop ends a leg: the subscription and the slot are gone, and no change is on its way any more.
func (w *work) stop(ctx context.Context, p *pair, l leg) error {
	var oid uint32
	c, name := p.conn[l.to], pgx.Identifier{w.t.Subscription()}.Sanitize()
	err := c.QueryRow(ctx, "SELECT oid FROM pg_subscription WHERE subname = $1 AND subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())", w.t.Subscription()).Scan(&oid)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return err
	}
	if err == nil {
		if _, err := c.Exec(ctx, "ALTER SUBSCRIPTION "+name+" DISABLE"); err != nil {
			return err
		}
		if _, err := c.Exec(ctx, "ALTER SUBSCRIPTION "+name+" SET (slot_name = NONE)"); err != nil {
			return err
		}
		if _, err := c.Exec(ctx, "DROP SUBSCRIPTION "+name); err != nil {
			return err
		}
	}
	if err := w.dismiss(ctx, c, p.name); err != nil {
		return err
	}
	return dropSlots(ctx, p.conn[l.from], w.t.Slot(p.name), oid)
}

// dropSlots drops a leg's slot, and those that its subscription, if its number is known, copied tables through.
func dropSlots(ctx context.Context, c *pgx.Conn, name string, subscription uint32) error {
	return poll(ctx, 20*time.Millisecond, func() (bool, error) {
		const ours = "(slot_name = $1 OR $2 <> '0' AND starts_with(slot_name, 'pg_' || $2 || '_sync_') AND database = current_database())"
		_, err := c.Exec(ctx, "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE active AND "+ours, name, fmt.Sprint(subscription))
		if err != nil {
			return false, err
		}
		_, err = c.Exec(ctx, "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE "+ours, name, fmt.Sprint(subscription))
		if isCode(err, objectInUse) || isCode(err, "42704") {
			return false, nil
		}
		return err == nil, err
	})
}

// unpublish drops the publication of one side.
func (w *work) unpublish(ctx context.Context, p *pair, s side) error {
	_, err := p.conn[s].Exec(ctx, "DROP PUBLICATION IF EXISTS "+pgx.Identifier{w.t.Publication()}.Sanitize())
	return err
}

// copied waits until a subscription has copied every table.
func (w *work) copied(ctx context.Context, p *pair, l leg) error {
	said := 0
	return poll(ctx, 200*time.Millisecond, func() (bool, error) {
		if _, err := p.conn[l.from].Exec(ctx, "SELECT"); err != nil && ctx.Err() == nil { // workers would try again without end, and without a word
			return false, fault.Newf(fault.Unavailable, "transfer %s: %s does not answer any more: %s; see why, and run it again: what was copied is kept", w.t.ID, w.server(l.from).Name, fault.Cause(err))
		}
		var left int
		err := p.conn[l.to].QueryRow(ctx, "SELECT count(*) FROM pg_subscription_rel r JOIN pg_subscription s ON s.oid = r.srsubid WHERE s.subname = $1 AND r.srsubstate <> 'r' AND s.subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())", w.t.Subscription()).Scan(&left)
		if err == nil && left > 0 {
			err = w.stuck(ctx, p, l)
		}
		if left != said && err == nil {
			w.m.Say(fmt.Sprintf("%s: tables left to copy: %d", p.name, left))
			said = left
		}
		return left == 0, err
	})
}

// tooOften is how often a table may fail to be copied, or a change to be applied, before somebody has to look.
const tooOften = 5

// lost is Conflict when what a side was to keep for the one that follows is gone: nothing that it has not been told comes any more.
func (w *work) lost(ctx context.Context, p *pair, l leg) error {
	kept, err := exists(ctx, w.ctl[l.from], "SELECT FROM pg_replication_slots WHERE slot_name = $1 AND wal_status IS DISTINCT FROM 'lost'", w.t.Slot(p.name))
	if kept || err != nil {
		return err
	}
	mend := "undo the move and move again"
	if l.from == target {
		mend = "what was written there since cannot be led back; close the move, and move back with one of its own"
	}
	return fault.Newf(fault.Conflict, "transfer %s: %s does not keep the changes of %s for %s any more: the slot %s is gone, or its log is (a failover, a keeper that drops slots it does not know, max_slot_wal_keep_size); %s", w.t.ID, w.server(l.from).Name, p.name, w.server(l.to).Name, w.t.Slot(p.name), mend)
}

// stuck is the reason for which waiting for a side that follows is of no use. How often it failed PostgreSQL counts from version 15 on.
func (w *work) stuck(ctx context.Context, p *pair, l leg) error {
	if err := w.lost(ctx, p, l); err != nil {
		return err
	}
	c := p.conn[l.to]
	counted, err := exists(ctx, c, "SELECT to_regclass('pg_stat_subscription_stats') WHERE to_regclass('pg_stat_subscription_stats') IS NOT NULL")
	if !counted || err != nil {
		return err
	}
	failed, err := exists(ctx, c, "SELECT FROM pg_stat_subscription_stats WHERE subname = $1 AND (apply_error_count >= $2 OR sync_error_count >= $2)", w.t.Subscription(), tooOften)
	if !failed || err != nil {
		return err
	}
	var open string
	err = c.QueryRow(ctx, "SELECT coalesce(string_agg(r.srrelid::regclass::text, ', ' ORDER BY r.srrelid::regclass::text), '') FROM pg_subscription_rel r JOIN pg_subscription s ON s.oid = r.srsubid WHERE s.subname = $1 AND r.srsubstate <> 'r' AND s.subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())", w.t.Subscription()).Scan(&open)
	if err != nil {
		return err
	}
	if open != "" {
		open = " (not copied yet: " + open + ")"
	}
	return fault.Newf(fault.Conflict, "transfer %s: %s of %s cannot take what %s sends%s, and tries again and again; its log says which row, and why: often a function in a check or trigger that names something without its schema, or a change of the schema. Undo the move, mend it on %[4]s and move again", w.t.ID, p.name, w.server(l.to).Name, w.server(l.from).Name, open)
}

// now is the end of a side's log. All that was committed before is below it.
func (w *work) now(ctx context.Context, s side) (lsn string, err error) {
	err = w.ctl[s].QueryRow(ctx, "SELECT pg_current_wal_lsn()::text").Scan(&lsn)
	return lsn, err
}

// drained waits until the side that follows has everything up to a place in the other's log, and has it on disk. A message in either log makes
// both say at once how far they are, which they would else do a few times a second.
func (w *work) drained(ctx context.Context, p *pair, l leg, lsn string) error {
	looked := time.Now()
	return poll(ctx, 4*time.Millisecond, func() (bool, error) {
		if time.Since(looked) > time.Second {
			looked = time.Now()
			if err := w.stuck(ctx, p, l); err != nil {
				return false, err
			}
		}
		for _, c := range w.ctl {
			if _, err := c.Exec(ctx, "SELECT pg_logical_emit_message(true, 'caravan', '')"); err != nil {
				return false, err
			}
		}
		return exists(ctx, w.ctl[l.from], "SELECT FROM pg_replication_slots WHERE slot_name = $1 AND confirmed_flush_lsn >= $2::text::pg_lsn", w.t.Slot(p.name), lsn)
	})
}

// soon is how much a side may need for what is written now, to be close enough behind for a cut.
const soon = time.Second

// caughtUp waits until one side follows the other closely: what was written at a moment has arrived soon after.
func (w *work) caughtUp(ctx context.Context, l leg) error {
	for {
		began := time.Now()
		if err := w.eachPair(func(p *pair) error { return w.caughtUpOnce(ctx, p, l) }); err != nil {
			return err
		}
		took := time.Since(began)
		w.m.Say(fmt.Sprintf("%s is %s behind", w.server(l.to).Name, took.Round(time.Millisecond)))
		if took <= soon {
			return nil
		}
	}
}

func (w *work) caughtUpOnce(ctx context.Context, p *pair, l leg) error {
	if err := w.copied(ctx, p, l); err != nil {
		return w.at(l.to, p.name, err)
	}
	lsn, err := w.now(ctx, l.from)
	if err != nil {
		return w.at(l.from, p.name, err)
	}
	return w.at(l.from, p.name, w.drained(ctx, p, l, lsn))
}

// forget moves a slot to the end of its log: what is there already is not told through it. Only a side whose fence is closed, and that
// nobody else's changes come to, may forget.
func (w *work) forget(ctx context.Context, p *pair, s side) error {
	_, err := p.conn[s].Exec(ctx, "SELECT pg_replication_slot_advance($1, pg_current_wal_lsn())", w.t.Slot(p.name))
	return err
}

package transfer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/standby"
)

// Instance is what keeps a server's files and processes, for a transfer by physical replication. All of it can be done again.
type Instance interface {
	// Copy makes it a standby of a server, through a slot of that server, and starts it. There must be nothing in its place.
	Copy(ctx context.Context, from Server, slot string) error
	// Demote stops it, and makes it a standby of another from when it is started again, whoever starts it. It returns the place in the log
	// of its last checkpoint; who has more than that has everything it had.
	Demote(ctx context.Context, to Server, slot string) (lsn string, err error)
	// Revive makes it take writes again, after a Demote that led to nothing.
	Revive(ctx context.Context) error
	// Start starts it as what it is.
	Start(ctx context.Context) error
	// Discard stops it and removes what Copy made.
	Discard(ctx context.Context) error
}

// copying is a program at work on a transfer by physical replication. At no moment do both sides take writes: the old one is stopped, and is a
// standby whenever it is started again, before the new one is promoted; and only who holds a lock in the new one promotes it.
type copying struct {
	work
	instance [2]Instance
}

// copying connects to the side that is to be promoted next, and makes sure that nobody else works at the transfer. The other is connected to if it
// answers.
func (m Mover) copying(ctx context.Context, t *standby.Transfer, l leg) (*copying, error) {
	w, err := m.hands(t)
	if err != nil {
		return nil, err
	}
	if err := w.reach(ctx, l); err != nil {
		return nil, err
	}
	if err := w.current(); err != nil {
		w.end()
		return nil, err
	}
	return w, nil
}

// hands is copying without sessions. Invalid where a machine cannot be worked on.
func (m Mover) hands(t *standby.Transfer) (*copying, error) {
	if m.SourceInstance == nil || m.TargetInstance == nil {
		return nil, fault.Newf(fault.Invalid, "transfer %s: a physical copy needs hands on both servers' machines; give them, or move by logical replication", t.ID)
	}
	return &copying{work: work{m: m.complete(), t: t}, instance: [2]Instance{m.SourceInstance, m.TargetInstance}}, nil
}

// reach opens the sessions.
func (w *copying) reach(ctx context.Context, l leg) error {
	for _, s := range []side{l.to, l.from} {
		c, err := w.session(ctx, s, maintenance)
		if err == nil {
			w.ctl[s] = c
		} else if s == l.to || fault.KindOf(err) == fault.Conflict {
			w.end()
			return err
		}
	}
	return nil
}

// follow makes the target a standby of the source.
func (m Mover) followCopy(ctx context.Context, t *standby.Transfer) error {
	w, err := m.hands(t)
	if err != nil {
		return err
	}
	if w.ctl[source], err = w.session(ctx, source, maintenance); err != nil {
		return err
	}
	defer w.end()
	if err := w.current(); err != nil {
		return err
	}
	if t.Phase != standby.Following {
		if err := w.enter(standby.Preparing); err != nil {
			return err
		}
		if err := w.physicalSlot(ctx, source); err != nil {
			return err
		}
		w.m.Say("copies " + m.Source.Name + " to " + m.Target.Name)
		if err := w.instance[target].Copy(ctx, m.Source, w.t.Slot("")); err != nil {
			return err
		}
	}
	if w.ctl[target], err = w.session(ctx, target, maintenance); err != nil {
		return err
	}
	if err := w.replayed(ctx, w.out()); err != nil {
		return err
	}
	return w.enter(standby.Following)
}

// physicalSlot has a side keep its log for the other.
func (w *copying) physicalSlot(ctx context.Context, s side) error {
	there, err := exists(ctx, w.ctl[s], "SELECT FROM pg_replication_slots WHERE slot_name = $1", w.t.Slot(""))
	if !there && err == nil {
		_, err = w.ctl[s].Exec(ctx, "SELECT pg_create_physical_replication_slot($1, true)", w.t.Slot(""))
	}
	return w.at(s, maintenance, err)
}

// replayed waits until one side has replayed what the other has written, and needed no longer than a cut may for that.
func (w *copying) replayed(ctx context.Context, l leg) error {
	for {
		lsn, err := w.now(ctx, l.from)
		if err != nil {
			return w.at(l.from, maintenance, err)
		}
		began := time.Now()
		if err := w.has(ctx, l.to, lsn); err != nil {
			return err
		}
		if took := time.Since(began); took <= soon {
			w.m.Say(fmt.Sprintf("%s is %s behind", w.server(l.to).Name, took.Round(time.Millisecond)))
			return nil
		}
	}
}

// has waits until a standby has replayed a place in the log.
func (w *copying) has(ctx context.Context, s side, lsn string) error {
	return poll(ctx, 5*time.Millisecond, func() (bool, error) {
		ok, err := exists(ctx, w.ctl[s], "SELECT WHERE pg_last_wal_replay_lsn() >= $1::text::pg_lsn", lsn)
		return ok, w.at(s, maintenance, err)
	})
}

// leads reports whether a server takes writes.
func leads(ctx context.Context, c *pgx.Conn) (bool, error) {
	return exists(ctx, c, "SELECT WHERE NOT pg_is_in_recovery()")
}

// turn is the cut of a physical transfer, in the same phases as that of a logical one.
func (w *copying) turn(ctx context.Context, l leg, before, during, after standby.Phase) error {
	if w.t.Phase == after {
		return nil
	}
	resumed := w.t.Phase == during
	leading, err := leads(ctx, w.ctl[l.to])
	if err != nil {
		return w.at(l.to, maintenance, err)
	}
	if resumed {
		w.t.Cuts[len(w.t.Cuts)-1].Resumed = true
	} else {
		if err := w.arm(ctx, l); err != nil {
			return err
		}
		w.t.Cuts = append(w.t.Cuts, standby.Cut{To: w.server(l.to).Name, At: w.m.Now()})
		if err := w.enter(during); err != nil {
			return err
		}
	}
	start := time.Now()
	if !leading {
		if err := w.handOver(ctx, l); err != nil {
			return errors.Join(err, w.giveUp(ctx, l, before))
		}
		if err := w.promote(ctx, l.to); err != nil {
			return err
		}
	}
	if err := w.m.Holder.Redirect(ctx, w.server(l.to)); err != nil {
		return err
	}
	w.m.passed("redirected")
	if err := w.m.Holder.Release(ctx); err != nil {
		return err
	}
	cut := &w.t.Cuts[len(w.t.Cuts)-1]
	cut.Pause = time.Since(start)
	w.m.passed("released")
	w.m.Say(fmt.Sprintf("clients are on %s; they waited %s", w.server(l.to).Name, cut.Pause.Round(time.Millisecond)))
	if err := w.physicalSlot(ctx, l.to); err != nil {
		return err
	}
	if err := w.instance[l.from].Start(ctx); err != nil {
		return err
	}
	if err := w.release(ctx, l.from); err != nil {
		return err
	}
	if w.t.Moved.IsZero() {
		w.t.Moved = w.m.Now()
	}
	return w.enter(after)
}

// release has a side that follows by now keep its log for nobody. It has a new slot before it is led to again.
func (w *copying) release(ctx context.Context, s side) error {
	if c := w.ctl[s]; c != nil {
		_ = c.Close(ctx) // it ended when its server was stopped
	}
	var err error
	if w.ctl[s], err = w.session(ctx, s, maintenance); err != nil {
		return err
	}
	return w.at(s, maintenance, dropSlots(ctx, w.ctl[s], w.t.Slot(""), 0))
}

// arm makes stopping short, and keeps the log of the new side from where it will be promoted.
func (w *copying) arm(ctx context.Context, l leg) error {
	if w.ctl[l.from] == nil {
		return fault.Newf(fault.Unavailable, "%s does not answer at %s; it has to run when a cut begins", w.server(l.from).Name, w.server(l.from).Address)
	}
	if err := w.physicalSlot(ctx, l.to); err != nil {
		return err
	}
	// The second round has only what was written during the first, so that nobody writes much while clients wait.
	for range 2 {
		for _, s := range []side{l.from, l.to} {
			if _, err := w.ctl[s].Exec(ctx, "CHECKPOINT"); err != nil {
				return w.at(s, maintenance, err)
			}
			if err := w.replayed(ctx, l); err != nil {
				return err
			}
		}
	}
	return nil
}

// handOver makes clients wait, stops the old side, and waits until the new one has all of it.
func (w *copying) handOver(ctx context.Context, l leg) error {
	ctx, cancel := context.WithTimeoutCause(ctx, w.m.Most, fault.Newf(fault.Unavailable, "transfer %s: clients would have had to wait longer than %s; see whether %s still follows, and how long stopping %s takes", w.t.ID, w.m.Most, w.server(l.to).Name, w.server(l.from).Name))
	defer cancel()
	if err := w.m.Holder.Hold(ctx); err != nil {
		return caused(ctx, err)
	}
	w.m.passed("held")
	lsn, err := w.instance[l.from].Demote(ctx, w.server(l.to), w.t.Slot(""))
	if err != nil {
		return caused(ctx, err)
	}
	w.m.passed("demoted")
	// Replay is reported up to the end of a record; one byte past where the checkpoint's begins means all of it.
	err = poll(ctx, 5*time.Millisecond, func() (bool, error) {
		return exists(ctx, w.ctl[l.to], "SELECT WHERE pg_last_wal_replay_lsn() > $1::text::pg_lsn", lsn)
	})
	if err != nil {
		return caused(ctx, w.at(l.to, maintenance, err))
	}
	w.m.passed("drained")
	return nil
}

// promote has a standby take writes.
func (w *copying) promote(ctx context.Context, s side) error {
	var ok bool
	err := w.ctl[s].QueryRow(ctx, "SELECT pg_promote(true, 60)").Scan(&ok)
	if err == nil && !ok {
		err = fault.Newf(fault.Unavailable, "%s was told to take writes and does not yet; run the transfer again", w.server(s).Name)
	}
	w.m.passed("promoted")
	return w.at(s, maintenance, err)
}

// giveUp lets clients go on where they were, after a cut in which nobody was promoted.
func (w *copying) giveUp(ctx context.Context, l leg, before standby.Phase) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), giveUpPatience)
	defer cancel()
	w.m.Say("the cut is given up; clients go on where they were")
	w.end()
	w.ctl = [2]*pgx.Conn{}
	if err := w.reach(ctx, l); err != nil {
		return err
	}
	leading, err := leads(ctx, w.ctl[l.to])
	if err != nil || leading {
		return errors.Join(err, fault.Newf(fault.Conflict, "transfer %s: %s takes writes already; run it again", w.t.ID, w.server(l.to).Name))
	}
	if err := w.instance[l.from].Revive(ctx); err != nil {
		return err
	}
	if err := w.m.Holder.Release(ctx); err != nil {
		return err
	}
	w.t.Cuts = w.t.Cuts[:len(w.t.Cuts)-1]
	return w.enter(before)
}

// cutCopy brings clients to the target. What both sides have is the same log, so there are no rows to prove.
func (m Mover) cutCopy(ctx context.Context, t *standby.Transfer) error {
	w, err := m.copying(ctx, t, leg{source, target})
	if err != nil {
		return err
	}
	defer w.end()
	if err := w.turn(ctx, w.out(), standby.Following, standby.Cutting, standby.Moved); err != nil {
		return err
	}
	return w.enter(standby.Proven)
}

// backCopy brings clients back to the source, from wherever a transfer is.
func (m Mover) backCopy(ctx context.Context, t *standby.Transfer) error {
	if t.Phase == standby.Cutting {
		if err := m.leaveCopy(ctx, t); err != nil {
			return err
		}
	}
	switch t.Phase {
	case standby.Moved, standby.Proven, standby.Returning:
	default:
		return nil
	}
	w, err := m.copying(ctx, t, leg{target, source})
	if err != nil {
		return err
	}
	defer w.end()
	return w.turn(ctx, w.home(), t.BeforeReturn(), standby.Returning, standby.Returned)
}

// undoCopy goes back to before the transfer, from any phase.
func (m Mover) undoCopy(ctx context.Context, t *standby.Transfer) error {
	w, err := m.hands(t)
	if err != nil {
		return err
	}
	if err := m.backCopy(ctx, t); err != nil {
		return err
	}
	if w.ctl[source], err = w.session(ctx, source, maintenance); err != nil {
		return err
	}
	defer w.end()
	if err := w.current(); err != nil {
		return err
	}
	if err := w.enter(standby.Undoing); err != nil {
		return err
	}
	if err := w.instance[target].Discard(ctx); err != nil {
		return err
	}
	if err := dropSlots(ctx, w.ctl[source], w.t.Slot(""), 0); err != nil {
		return w.at(source, maintenance, err)
	}
	return w.enter(standby.Undone)
}

// leaveCopy brings a cut that somebody left in the middle to one of its ends.
func (m Mover) leaveCopy(ctx context.Context, t *standby.Transfer) error {
	w, err := m.copying(ctx, t, leg{source, target})
	if err != nil {
		return err
	}
	defer w.end()
	leading, err := leads(ctx, w.ctl[target])
	if err != nil {
		return w.at(target, maintenance, err)
	}
	if leading {
		return w.turn(ctx, w.out(), standby.Following, standby.Cutting, standby.Moved)
	}
	return w.giveUp(ctx, w.out(), standby.Following)
}

// closeCopy ends the window: the source is stopped, and would be a standby if it were started.
func (m Mover) closeCopy(ctx context.Context, t *standby.Transfer) error {
	w, err := m.copying(ctx, t, leg{source, target})
	if err != nil {
		return err
	}
	defer w.end()
	if err := w.enter(standby.Closing); err != nil {
		return err
	}
	if _, err := w.instance[source].Demote(ctx, m.Target, w.t.Slot("")); err != nil {
		return err
	}
	if err := dropSlots(ctx, w.ctl[target], w.t.Slot(""), 0); err != nil {
		return w.at(target, maintenance, err)
	}
	return w.enter(standby.Closed)
}

// Package transfer moves PostgreSQL databases from one server to another while they are written to, and back: by logical replication, or whole
// servers by physical replication.
// A standby.Transfer goes in and comes out further on; after each phase it is saved, and whoever has the saved one carries on, whatever
// happened to the program that began.
//
// At no moment do both sides take writes. With logical replication each has a fence: a trigger on every table that refuses every statement of everybody, superusers
// too, while changes that are replicated pass. The target's is closed before it is copied to; the source's is closed before the
// target's is opened; and all that opens or closes one holds a lock that only one program can have.
//
// It decides nothing about whether to move, and asks nobody's consent.
package transfer

import (
	"context"
	"time"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/standby"
)

// Mover carries out transfers between two servers.
type Mover struct {
	Source, Target Server
	Holder         Holder
	SourceInstance Instance // with TargetInstance, for transfers by physical replication alone
	TargetInstance Instance
	Programs       string // folder of pg_dump and psql; "" looks for them where the shell would
	Save           func(standby.Transfer) error
	Load           func(*standby.Transfer) (bool, error) // what was saved last; nobody else may have carried on since it was read. Nothing asks nobody
	Say            func(line string)                     // what is being done; nothing says nothing
	Now            func() time.Time                      // nothing is the time of day
	Most           time.Duration                         // clients, or a lock, are waited for before a cut is given up; 0 is MostHeld
	SourceGone     bool                                  // the source is gone for good: Close asks nothing of it; for nothing else
	passed         func(step string)                     // tests stop there
}

// Holder is what stands between clients and servers. All of it can be done again when it was done before.
type Holder interface {
	// Check reports, without changing anything, what would keep Redirect from leading clients to a server.
	Check(ctx context.Context, to Server) error
	// Hold makes clients wait, and returns when none of them is in the middle of a transaction.
	Hold(ctx context.Context) error
	// Redirect has clients reach a server from now on, and ends what still goes to another.
	Redirect(ctx context.Context, to Server) error
	// Release lets clients go on.
	Release(ctx context.Context) error
}

// MostHeld is how long clients are held at most before a cut is given up, unless a Mover says otherwise. What clients are held for is the
// commit of what is being written and one round of replication, so several seconds say that something is wrong.
const MostHeld = 5 * time.Second

// Follow makes the databases on the target and has it follow the source, and returns when it has caught up. A transfer that is there
// already stays as it is.
func (m Mover) Follow(ctx context.Context, t standby.Transfer) (standby.Transfer, error) {
	if err := t.Validate(); err != nil {
		return t, err
	}
	switch t.Phase {
	case standby.Planned, "", standby.Preparing, standby.Prepared, standby.Following:
	default:
		return t, fault.Newf(fault.Conflict, "transfer %s is %s; only one that has not come to its cut can be made to follow", t.ID, t.Phase)
	}
	if t.Method == standby.Physical {
		err := m.followCopy(ctx, &t)
		return t, err
	}
	w, err := m.begin(ctx, &t)
	if err != nil {
		return t, err
	}
	defer w.end()
	if t.Phase != standby.Prepared && t.Phase != standby.Following {
		if err := w.prepare(ctx); err != nil {
			return t, err
		}
	}
	if err := w.connect(ctx); err != nil {
		return t, err
	}
	if t.Phase == standby.Prepared {
		if err := w.copyAll(ctx); err != nil {
			return t, err
		}
	}
	err = w.caughtUp(ctx, w.out())
	return t, err
}

// Cut brings clients to the target, proves that it has the same rows as the source had at that moment, and leaves the source following the
// target. When the rows differ, it brings clients back, and is a fault.Conflict.
func (m Mover) Cut(ctx context.Context, t standby.Transfer) (standby.Transfer, error) {
	switch t.Phase {
	case standby.Following, standby.Cutting, standby.Moved:
	case standby.Proven:
		return t, nil
	default:
		return t, fault.Newf(fault.Conflict, "transfer %s is %s; its cut can be made when it is %s", t.ID, orPlanned(t.Phase), standby.Following)
	}
	if t.Method == standby.Physical {
		err := m.cutCopy(ctx, &t)
		return t, err
	}
	w, err := m.open(ctx, &t)
	if err != nil {
		return t, err
	}
	defer w.end()
	if err := w.turn(ctx, w.out(), standby.Following, standby.Cutting, standby.Moved); err != nil {
		return t, err
	}
	if err := w.prove(ctx, w.home()); err != nil {
		return t, err
	}
	if differ := t.Cuts[len(t.Cuts)-1].Unequal(); len(differ) > 0 {
		err = fault.Newf(fault.Conflict, "transfer %s: %d tables differed at the cut, first %s (%d rows, then %d)", t.ID, len(differ), differ[0].Table, differ[0].From.Rows, differ[0].To.Rows)
		if back := w.turn(ctx, w.home(), standby.Moved, standby.Returning, standby.Returned); back != nil {
			return t, fault.Newf(fault.Conflict, "%w; clients could not be brought back to %s and are where they were led: %w", err, m.Source.Name, back)
		}
		return t, fault.Newf(fault.Conflict, "%w: clients were brought back to %s; undo the transfer and look why before it is tried again", err, m.Source.Name)
	}
	err = w.enter(standby.Proven)
	return t, err
}

// Back brings clients back to the source, which has every write that the target took, and leaves the target following it. A cut that somebody left in
// the middle is given up when the target takes no writes yet: then clients are on the source, and the transfer follows as before the cut.
func (m Mover) Back(ctx context.Context, t standby.Transfer) (standby.Transfer, error) {
	switch t.Phase {
	case standby.Cutting, standby.Moved, standby.Proven, standby.Returning:
	case standby.Returned:
		return t, nil
	default:
		return t, fault.Newf(fault.Conflict, "transfer %s is %s; there is nothing to go back from", t.ID, orPlanned(t.Phase))
	}
	if t.Method == standby.Physical {
		err := m.backCopy(ctx, &t)
		return t, err
	}
	w, err := m.begin(ctx, &t)
	if err != nil {
		return t, err
	}
	defer w.end()
	err = w.comeBack(ctx)
	return t, err
}

// Undo takes back what was done, from wherever a transfer is: clients go to the source, and what was made for it is gone from both sides.
// When the window was closed it is a fault.Conflict.
func (m Mover) Undo(ctx context.Context, t standby.Transfer) (standby.Transfer, error) {
	switch {
	case t.Phase == standby.Undone:
		return t, nil
	case !t.Undoable():
		return t, fault.Newf(fault.Conflict, "transfer %s: its window was closed, so %s does not have what was written since; move the databases back as a transfer of their own", t.ID, m.Source.Name)
	}
	if t.Method == standby.Physical {
		err := m.undoCopy(ctx, &t)
		return t, err
	}
	w, err := m.begin(ctx, &t)
	if err != nil {
		return t, err
	}
	defer w.end()
	err = w.undo(ctx)
	return t, err
}

// Close ends the time in which a transfer can be undone: nothing is told to the source any more. The source stays as it is and takes no
// writes; dropping it is left to whoever owns it. Of a source that is gone for good nothing is asked.
func (m Mover) Close(ctx context.Context, t standby.Transfer) (standby.Transfer, error) {
	switch t.Phase {
	case standby.Proven, standby.Closing:
	case standby.Closed:
		return t, nil
	default:
		return t, fault.Newf(fault.Conflict, "transfer %s is %s; only one that has moved and whose rows were proven equal has a window to close", t.ID, orPlanned(t.Phase))
	}
	if t.Method == standby.Physical {
		err := m.closeCopy(ctx, &t)
		return t, err
	}
	w, err := m.open(ctx, &t)
	if err != nil {
		return t, err
	}
	defer w.end()
	err = w.close(ctx)
	return t, err
}

// Lag is how many bytes of the log of the side that takes writes the other side has not confirmed. It is not known while nothing follows, and then
// a fault.Conflict.
func (m Mover) Lag(ctx context.Context, t standby.Transfer) (int64, error) {
	leads := m.Source
	switch t.Phase {
	case standby.Prepared, standby.Following, standby.Returned:
	case standby.Moved, standby.Proven:
		leads = m.Target
	default:
		return 0, fault.Newf(fault.Conflict, "transfer %s is %s; nothing follows in it now", t.ID, orPlanned(t.Phase))
	}
	c, err := leads.dial(ctx, maintenance)
	if err != nil {
		return 0, err
	}
	defer func() { _ = c.Close(ctx) }()
	var most *int64
	err = c.QueryRow(ctx, "SELECT max(pg_wal_lsn_diff(pg_current_wal_lsn(), coalesce(confirmed_flush_lsn, restart_lsn)))::bigint FROM pg_replication_slots WHERE slot_name = $1 OR starts_with(slot_name, $1 || '_')", "caravan_"+t.ID).Scan(&most)
	if err == nil && most == nil {
		err = fault.Newf(fault.Conflict, "transfer %s: %s keeps nothing for another", t.ID, leads.Name)
	}
	if err != nil {
		return 0, factsError(leads.Name, err)
	}
	return *most, nil
}

func orPlanned(p standby.Phase) standby.Phase {
	if p == "" {
		return standby.Planned
	}
	return p
}

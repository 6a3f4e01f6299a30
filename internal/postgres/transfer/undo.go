package transfer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/standby"
)

// back brings clients back to the source, and proves that it has what the target had.
func (w *work) back(ctx context.Context) error {
	if err := w.turn(ctx, w.home(), w.t.BeforeReturn(), standby.Returning, standby.Returned); err != nil {
		return err
	}
	cut := &w.t.Cuts[len(w.t.Cuts)-1]
	if w.wentWrong() || cut.Unproven != "" || len(cut.Proof) > 0 && len(cut.Unequal()) == 0 {
		return nil
	}
	err := w.prove(ctx, w.out())
	if err != nil {
		lost := w.eachPair(func(p *pair) error { return w.lost(ctx, p, w.out()) })
		if fault.KindOf(lost) != fault.Conflict {
			return err
		}
		cut.Unproven = fmt.Sprintf("%s does not tell %s any more what is written", w.m.Source.Name, w.m.Target.Name)
	}
	if err := w.m.Save(*w.t); err != nil {
		return err
	}
	if differ := cut.Unequal(); len(differ) > 0 {
		return fault.Newf(fault.Conflict, "transfer %s: clients are back on %s, but %d tables differ from what %s had, first %s (%d rows, then %d); nothing was taken away, so that they can be compared", w.t.ID, w.m.Source.Name, len(differ), w.m.Target.Name, differ[0].Table, differ[0].From.Rows, differ[0].To.Rows)
	}
	return nil
}

// wentWrong reports whether the cut to the target was found to have lost something, so that the target proves nothing.
func (w *work) wentWrong() bool {
	return len(w.t.Cuts) > 1 && len(w.t.Cuts[0].Unequal()) > 0
}

// comeBack brings clients back from wherever a transfer is.
func (w *work) comeBack(ctx context.Context) error {
	if w.t.Phase == standby.Cutting {
		if err := w.leaveCut(ctx); err != nil {
			return err
		}
	}
	switch w.t.Phase {
	case standby.Moved, standby.Proven, standby.Returning, standby.Returned:
	default:
		return nil
	}
	if len(w.pairs) == 0 {
		if err := w.connect(ctx); err != nil {
			return err
		}
	}
	return w.back(ctx)
}

// undo goes back to before the transfer, from any phase.
func (w *work) undo(ctx context.Context) error {
	if err := w.comeBack(ctx); err != nil {
		return err
	}
	w.part()
	if err := w.enter(standby.Undoing); err != nil {
		return err
	}
	if err := w.dismantle(ctx); err != nil {
		return err
	}
	return w.enter(standby.Undone)
}

// leaveCut brings a cut that somebody left in the middle to one of its ends: given up when the target was not opened, else made.
func (w *work) leaveCut(ctx context.Context) error {
	if err := w.connect(ctx); err != nil {
		return err
	}
	opened, err := w.anyOpen(ctx, target)
	if err != nil {
		return err
	}
	if opened {
		return w.turn(ctx, w.out(), standby.Following, standby.Cutting, standby.Moved)
	}
	return w.giveUp(ctx, w.out(), standby.Following)
}

// part closes the sessions in the databases.
func (w *work) part() {
	rest := work{pairs: w.pairs}
	rest.end()
	w.pairs = nil
}

// dismantle takes away what was made on both sides.
func (w *work) dismantle(ctx context.Context) error {
	for _, name := range w.t.Databases {
		p := &pair{name: name}
		if err := w.connectWhereThere(ctx, p); err != nil {
			return err
		}
		w.pairs = append(w.pairs, p)
		if err := w.dismantleOne(ctx, p); err != nil {
			return err
		}
	}
	w.part()
	return w.removeMade(ctx)
}

func (w *work) connectWhereThere(ctx context.Context, p *pair) error {
	for _, s := range []side{source, target} {
		if s == target && !slices.Contains(w.t.Made.Databases, p.name) {
			continue
		}
		c, err := w.session(ctx, s, p.name)
		if fault.KindOf(err) == fault.NotFound && s == target {
			continue
		}
		if err != nil {
			return err
		}
		p.conn[s] = c
	}
	return nil
}

// dismantleOne ends both legs of a database, and takes the source's fence away.
func (w *work) dismantleOne(ctx context.Context, p *pair) error {
	if p.conn[target] != nil {
		for _, l := range []leg{w.out(), w.home()} {
			if err := w.stop(ctx, p, l); err != nil {
				return w.at(l.to, p.name, err)
			}
		}
	}
	if err := dropSlots(ctx, p.conn[source], w.t.Slot(p.name), 0); err != nil {
		return w.at(source, p.name, err)
	}
	if err := w.unpublish(ctx, p, source); err != nil {
		return w.at(source, p.name, err)
	}
	return w.at(source, p.name, raze(ctx, p.conn[source], w.m.Most))
}

// removeMade drops what was made on the target, and puts back what stood in its place. What the way back was not proven against stays.
func (w *work) removeMade(ctx context.Context) error {
	c := w.ctl[target]
	if n := len(w.t.Cuts); n > 0 && w.t.Cuts[n-1].Unproven != "" {
		w.m.Say(fmt.Sprintf("%s; so the rows cannot be compared, and %s stays in %s with its roles, takes no writes, and has what was there before clients went back: drop it once you have seen that nothing is missing in %s", w.t.Cuts[n-1].Unproven, strings.Join(w.t.Made.Databases, ", "), w.m.Target.Name, w.m.Source.Name))
		return nil
	}
	for _, name := range w.t.Made.Databases {
		if err := errors.Join(w.dropMade(ctx, name), w.dismiss(ctx, c, name)); err != nil {
			return w.at(target, name, err)
		}
	}
	for _, name := range w.t.Made.Aside {
		if err := rename(ctx, c, w.t.Aside(name), name); err != nil {
			return w.at(target, name, err)
		}
	}
	for _, name := range w.t.Made.Roles {
		_, err := c.Exec(ctx, "DROP ROLE IF EXISTS "+pgx.Identifier{name}.Sanitize())
		if isCode(err, stillUsed) { // it was given something since, elsewhere
			w.m.Say(fmt.Sprintf("role %s stays in %s: something else depends on it now", name, w.m.Target.Name))
			continue
		}
		if err != nil {
			return fault.Newf(fault.Conflict, "%s: role %s, which the transfer made, cannot be dropped: %w; take what it owns from it and undo again", w.m.Target.Name, name, err)
		}
	}
	for _, name := range w.t.Made.Passwords {
		if _, err := c.Exec(ctx, "ALTER ROLE "+pgx.Identifier{name}.Sanitize()+" PASSWORD NULL"); err != nil {
			return w.at(target, maintenance, err)
		}
	}
	return nil
}

// dropMade drops a database that the transfer made. One that was there before has been put aside, or still has its name.
func (w *work) dropMade(ctx context.Context, name string) error {
	c := w.ctl[target]
	if slices.Contains(w.t.Made.Aside, name) {
		aside, err := exists(ctx, c, "SELECT FROM pg_database WHERE datname = $1", w.t.Aside(name))
		if !aside || err != nil {
			return err
		}
	}
	_, err := c.Exec(ctx, "DROP DATABASE IF EXISTS "+pgx.Identifier{name}.Sanitize()+" WITH (FORCE)")
	return err
}

// rename gives a database another name, if it is there.
func rename(ctx context.Context, c *pgx.Conn, from, to string) error {
	there, err := exists(ctx, c, "SELECT FROM pg_database WHERE datname = $1", from)
	if !there || err != nil {
		return err
	}
	_, err = c.Exec(ctx, "ALTER DATABASE "+pgx.Identifier{from}.Sanitize()+" RENAME TO "+pgx.Identifier{to}.Sanitize())
	if isCode(err, objectInUse) {
		return fault.Newf(fault.Conflict, "database %s is empty, but somebody is connected to it; let them go and run it again", from)
	}
	return err
}

// close ends the leg home and takes the target's fence away. The source's stays closed.
func (w *work) close(ctx context.Context) error {
	if err := w.enter(standby.Closing); err != nil {
		return err
	}
	err := w.eachPair(func(p *pair) error {
		var left error
		if w.m.SourceGone {
			left = w.at(target, p.name, dropSlots(ctx, p.conn[target], w.t.Slot(p.name), 0)) // it would keep its log for ever
		} else {
			left = errors.Join(
				w.at(source, p.name, w.stop(ctx, p, w.home())),
				w.at(source, p.name, w.unpublish(ctx, p, source)))
		}
		return errors.Join(left,
			w.at(target, p.name, w.unpublish(ctx, p, target)),
			w.at(target, p.name, raze(ctx, p.conn[target], w.m.Most)))
	})
	if err != nil {
		return err
	}
	for _, name := range w.t.Made.Aside {
		if _, err := w.ctl[target].Exec(ctx, "DROP DATABASE IF EXISTS "+pgx.Identifier{w.t.Aside(name)}.Sanitize()); err != nil {
			return w.at(target, name, err)
		}
	}
	return w.enter(standby.Closed)
}

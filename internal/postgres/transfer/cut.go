package transfer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/standby"
)

// turn brings clients from the side that takes writes to the one that follows it, after which the first follows the second. It goes through
// the phases that are named. Killed anywhere, it is called again: as long as no fence of the new side was opened, all of it is done anew;
// from then on it only goes forward.
func (w *work) turn(ctx context.Context, l leg, before, during, after standby.Phase) error {
	if w.t.Phase == after {
		return nil
	}
	began := w.m.Now()
	if w.t.Phase == during {
		w.t.Cuts[len(w.t.Cuts)-1].Resumed = true
	} else {
		if err := w.arm(ctx, l); err != nil {
			return err
		}
		w.t.Cuts = append(w.t.Cuts, standby.Cut{To: w.server(l.to).Name, At: began})
		if err := w.enter(during); err != nil {
			return err
		}
	}
	opened, err := w.anyOpen(ctx, l.to)
	if err != nil {
		return err
	}
	start := time.Now()
	if !opened {
		if w.t.Cuts[len(w.t.Cuts)-1].Resumed {
			if err := w.arm(ctx, l); err != nil {
				return errors.Join(err, w.giveUp(ctx, l, before))
			}
			start = time.Now()
		}
		if err := w.handOver(ctx, l); err != nil {
			return errors.Join(err, w.giveUp(ctx, l, before))
		}
	}
	if err := w.letIn(ctx, l); err != nil {
		return fault.Newf(fault.KindOf(err), "clients are held, and wait for %s: mend this and run it again: %w", w.server(l.to).Name, err)
	}
	cut := &w.t.Cuts[len(w.t.Cuts)-1]
	cut.Pause = time.Since(start)
	w.m.passed("released")
	w.m.Say(fmt.Sprintf("clients are on %s; they waited %s", w.server(l.to).Name, cut.Pause.Round(time.Millisecond)))
	if err := w.eachPair(func(p *pair) error { return w.at(l.to, p.name, w.swap(ctx, p, l)) }); err != nil {
		return err
	}
	if w.t.Moved.IsZero() {
		w.t.Moved = w.m.Now()
	}
	return w.enter(after)
}

// arm does beforehand what a cut would else take time for: the fence of the old side stands open, the new side's changes are kept for the old
// one, which is ready to follow. Nothing of it changes who takes writes.
func (w *work) arm(ctx context.Context, l leg) error {
	if err := w.m.Holder.Check(ctx, w.server(l.to)); err != nil {
		return err
	}
	if err := w.caughtUp(ctx, l); err != nil {
		return err
	}
	return w.eachPair(func(p *pair) error {
		if err := errors.Join(w.sameSchema(ctx, p), w.sameSequences(ctx, p, l), w.told(ctx, p, l)); err != nil {
			return err
		}
		if err := raise(ctx, p.conn[l.from], w.t.ID, w.m.Most); err != nil {
			return w.at(l.from, p.name, err)
		}
		if err := w.publish(ctx, p, l.to); err != nil {
			return w.at(l.to, p.name, err)
		}
		if err := w.keep(ctx, p, l.to); err != nil {
			return w.at(l.to, p.name, err)
		}
		if err := w.subscribe(ctx, p, l.reverse(), false); err != nil {
			return w.at(l.from, p.name, err)
		}
		for _, s := range []side{source, target} {
			if err := w.ready(ctx, p, s); err != nil {
				return w.at(s, p.name, err)
			}
		}
		return w.at(l.to, p.name, w.forget(ctx, p, l.to))
	})
}

// handOver makes clients wait and the old side take no writes, and brings the new one to exactly where the old one stands still.
func (w *work) handOver(ctx context.Context, l leg) error {
	ctx, cancel := context.WithTimeoutCause(ctx, w.m.Most, fault.Newf(fault.Unavailable, "transfer %s: clients would have had to wait longer than %s; a transaction that does not end, or a slow network between the servers, is the usual reason", w.t.ID, w.m.Most))
	defer cancel()
	steps := []struct {
		name string
		do   func(*pair) error
	}{
		{"fenced", func(p *pair) error { return w.at(l.from, p.name, shut(ctx, p.conn[l.from], w.t.ID)) }},
		{"drained", func(p *pair) error { return w.settle(ctx, p, l) }},
		{"told", func(p *pair) error { return w.told(ctx, p, l) }},
		{"sequences", func(p *pair) error { return w.sequences(ctx, p, l) }},
		{"still", func(p *pair) error { return w.look(ctx, p) }},
		{"forgotten", func(p *pair) error { return w.at(l.to, p.name, w.forget(ctx, p, l.to)) }},
	}
	if err := w.m.Holder.Hold(ctx); err != nil {
		return caused(ctx, err)
	}
	w.m.passed("held")
	for _, s := range steps {
		if err := w.eachPair(s.do); err != nil {
			return caused(ctx, err)
		}
		w.m.passed(s.name)
	}
	return nil
}

// caused is the reason a context ended for, where an error came of that.
func caused(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

// settle waits until everything the old side has is on the new one.
func (w *work) settle(ctx context.Context, p *pair, l leg) error {
	lsn, err := w.now(ctx, l.from)
	if err != nil {
		return w.at(l.from, p.name, err)
	}
	return w.at(l.from, p.name, w.drained(ctx, p, l, lsn))
}

// letIn opens the new side, which takes writes from then on, and lets clients go on there.
func (w *work) letIn(ctx context.Context, l leg) error {
	err := w.eachPair(func(p *pair) error { return w.at(l.to, p.name, letPass(ctx, p.conn[l.to], w.t.ID)) })
	if err != nil {
		return err
	}
	w.m.passed("opened")
	if err := w.m.Holder.Redirect(ctx, w.server(l.to)); err != nil {
		return err
	}
	w.m.passed("redirected")
	return w.m.Holder.Release(ctx)
}

// swap ends the leg the cut was made on and has the old side follow the new one. In this order: else what it is told would be told back.
func (w *work) swap(ctx context.Context, p *pair, l leg) error {
	if err := w.stop(ctx, p, l); err != nil {
		return err
	}
	w.m.passed("stopped")
	if err := w.start(ctx, p, l.reverse()); err != nil {
		return err
	}
	// Who was connected to the old side directly would read what is no longer the newest, and can no longer write.
	_, err := p.conn[l.from].Exec(ctx, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend' AND application_name <> $1", application)
	return err
}

// giveUpPatience is how long it may take to let clients go on where they were.
const giveUpPatience = time.Minute

// giveUp lets clients go on where they were, after a cut that did not come to the opening of the new side. What was on its way when it was
// stopped has been done or will not be: the sessions are new ones, which come after the old.
func (w *work) giveUp(ctx context.Context, l leg, before standby.Phase) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), giveUpPatience)
	defer cancel()
	w.m.Say("the cut is given up; clients go on where they were")
	w.end()
	again, err := w.m.open(ctx, w.t)
	if err != nil {
		return err
	}
	w.ctl, w.pairs = again.ctl, again.pairs
	opened, err := w.anyOpen(ctx, l.to)
	if err != nil {
		return err
	}
	if opened {
		return fault.Newf(fault.Internal, "transfer %s: %s takes writes already; run it again", w.t.ID, w.server(l.to).Name)
	}
	err = w.eachPair(func(p *pair) error { return w.at(l.from, p.name, letPass(ctx, p.conn[l.from], w.t.ID)) })
	if err != nil {
		return err
	}
	if err := w.m.Holder.Release(ctx); err != nil {
		return err
	}
	w.t.Cuts = w.t.Cuts[:len(w.t.Cuts)-1]
	return w.enter(before)
}

// anyOpen reports whether one side takes writes to any of the databases.
func (w *work) anyOpen(ctx context.Context, s side) (bool, error) {
	some := false
	err := w.eachPair(func(p *pair) error {
		closed, err := isClosed(ctx, p.conn[s])
		some = some || closed == nil || !*closed
		return w.at(s, p.name, err)
	})
	return some, err
}

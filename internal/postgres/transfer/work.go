package transfer

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/standby"
)

// side is one of the two servers.
type side int

const (
	source side = iota
	target
)

func (s side) other() side { return 1 - s }

// leg is a direction in which changes are told: the one who takes writes, and the one who is told of them.
type leg struct{ from, to side }

func (l leg) reverse() leg { return leg{l.to, l.from} }

// pair is a database with its sessions, by side.
type pair struct {
	name  string
	conn  [2]*pgx.Conn
	proof [2]*pgx.Conn // whose transactions see both sides at the same moment; nothing until there was such a moment
}

// work is one program at work on a transfer.
type work struct {
	m     Mover
	t     *standby.Transfer
	ctl   [2]*pgx.Conn // sessions in the database that is always there, by side
	pairs []*pair
}

// sides are those that are still there.
func (w *work) sides() []side {
	if w.m.SourceGone {
		return []side{target}
	}
	return []side{source, target}
}

// begin connects to both servers and makes sure that nobody else works at the transfer.
func (m Mover) begin(ctx context.Context, t *standby.Transfer) (*work, error) {
	if err := t.Validate(); err != nil {
		return nil, err
	}
	w := &work{m: m.complete(), t: t}
	for _, s := range w.sides() {
		c, err := w.session(ctx, s, maintenance)
		if err != nil {
			w.end()
			return nil, err
		}
		w.ctl[s] = c
	}
	if err := errors.Join(w.current(), w.sameServers(ctx)); err != nil {
		w.end()
		return nil, err
	}
	return w, nil
}

// sameServers refuses to work at a transfer on other servers than those it was begun on: what it notes of itself is only true of those. A transfer of
// which nothing is noted yet is noted to be of these; it is kept with the next phase.
func (w *work) sameServers(ctx context.Context) error {
	known := [2]*string{&w.t.Systems.Source, &w.t.Systems.Target}
	for _, s := range w.sides() {
		var now string
		if err := w.ctl[s].QueryRow(ctx, "SELECT system_identifier::text FROM pg_control_system()").Scan(&now); err != nil {
			return w.at(s, maintenance, err)
		}
		if *known[s] == "" {
			*known[s] = now
		}
		if begun := *known[s]; begun != now {
			return fault.Newf(fault.Conflict, "transfer %s: %s at %s is another server than the one it was begun on (system identifier %s, and that was %s), so nothing is done there; correct caravan.yaml so that it names that one again", w.t.ID, w.server(s).Name, w.server(s).Address, now, begun)
		}
	}
	return nil
}

// current refuses to work at a transfer that somebody else carried on between when it was read and when it was ours alone.
func (w *work) current() error {
	if w.m.Load == nil {
		return nil
	}
	var now standby.Transfer
	found, err := w.m.Load(&now)
	if err == nil && found && now.ID == w.t.ID && now.Phase != w.t.Phase {
		err = fault.Newf(fault.Conflict, "transfer %s became %s meanwhile; look how it stands, and say it again", w.t.ID, now.Phase)
	}
	return err
}

// complete is a mover with everything it may leave out.
func (m Mover) complete() Mover {
	if m.Say == nil {
		m.Say = func(string) {}
	}
	if m.Now == nil {
		m.Now = time.Now
	}
	if m.Most == 0 {
		m.Most = MostHeld
	}
	if m.passed == nil {
		m.passed = func(string) {}
	}
	return m
}

// open is begin, with sessions in every database.
func (m Mover) open(ctx context.Context, t *standby.Transfer) (*work, error) {
	w, err := m.begin(ctx, t)
	if err != nil {
		return nil, err
	}
	if err := w.connect(ctx); err != nil {
		w.end()
		return nil, err
	}
	return w, nil
}

// session is one that only one program can have, and that a closed fence lets change schemas.
func (w *work) session(ctx context.Context, s side, database string) (*pgx.Conn, error) {
	c, err := w.server(s).dial(ctx, database)
	if err != nil {
		return nil, err
	}
	if err := lock(ctx, c, w.t.ID); err != nil {
		return nil, errors.Join(err, c.Close(ctx))
	}
	if _, err := c.Exec(ctx, "SELECT set_config('caravan.mover', $1, false)", w.t.ID); err != nil {
		return nil, errors.Join(err, c.Close(ctx))
	}
	return c, nil
}

// connect opens sessions in every database, on both sides.
func (w *work) connect(ctx context.Context) error {
	for _, name := range w.t.Databases {
		p := &pair{name: name}
		w.pairs = append(w.pairs, p)
		for _, s := range w.sides() {
			c, err := w.session(ctx, s, name)
			if err != nil {
				return err
			}
			p.conn[s] = c
		}
	}
	return nil
}

// end closes all sessions, and with them gives the lock back.
func (w *work) end() {
	ctx, cancel := context.WithTimeout(context.Background(), connectTimeout)
	defer cancel()
	all := w.ctl[:]
	for _, p := range w.pairs {
		all = append(append(all, p.conn[:]...), p.proof[:]...)
	}
	for _, c := range all {
		if c != nil {
			_ = c.Close(ctx) // what is closed is of no use any more, whether it could be said to the server or not
		}
	}
	w.pairs = nil
}

func (w *work) server(s side) Server {
	if s == source {
		return w.m.Source
	}
	return w.m.Target
}

func (w *work) out() leg  { return leg{source, target} }
func (w *work) home() leg { return leg{target, source} }

// enter saves that the transfer is in a phase.
func (w *work) enter(p standby.Phase) error {
	w.t.Phase = p
	if err := w.m.Save(*w.t); err != nil {
		return err
	}
	w.m.passed(string(p))
	return nil
}

// at says where something went wrong.
func (w *work) at(s side, database string, err error) error {
	if err == nil {
		return nil
	}
	var known *fault.Error
	if errors.As(err, &known) {
		return err
	}
	return fault.Newf(fault.Unavailable, "transfer %s: %s on %s: %w", w.t.ID, database, w.server(s).Name, err)
}

// eachPair does something for every database, in their order.
func (w *work) eachPair(do func(*pair) error) error {
	for _, p := range w.pairs {
		if err := do(p); err != nil {
			return err
		}
	}
	return nil
}

// poll asks again and again until something is so.
func poll(ctx context.Context, every time.Duration, so func() (bool, error)) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		ok, err := so()
		if ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}

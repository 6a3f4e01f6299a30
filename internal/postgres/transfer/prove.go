package transfer

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/standby"
)

// plain makes rows read the same as text on any server.
const plain = "SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'; SET IntervalStyle = 'postgres'; SET extra_float_digits = 3; SET bytea_output = 'hex'; SET lc_monetary = 'C'; SET xmloption = 'content'; SET max_parallel_workers_per_gather = 0"

// ready opens the session that the proof of one side will be read in.
func (w *work) ready(ctx context.Context, p *pair, s side) error {
	if p.proof[s] != nil {
		return nil
	}
	c, err := w.server(s).dial(ctx, p.name)
	if err != nil {
		return err
	}
	p.proof[s] = c
	_, err = c.Exec(ctx, plain)
	return err
}

// look keeps what both sides show at this moment, for the proof.
func (w *work) look(ctx context.Context, p *pair) error {
	for _, s := range []side{source, target} {
		if _, err := p.proof[s].Exec(ctx, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT FROM pg_class LIMIT 1"); err != nil {
			return w.at(s, p.name, err)
		}
	}
	return nil
}

// prove counts and sums the rows that both sides had when they stood still at the last cut, which was made from the side that leg leads to now.
// When the program that saw that moment is gone, it makes another: writers wait until the other side has what was written, as at a cut.
func (w *work) prove(ctx context.Context, l leg) error {
	cut := &w.t.Cuts[len(w.t.Cuts)-1]
	cut.Proof = nil
	var all []standby.Proof // some of it proves nothing of the rest
	err := w.eachPair(func(p *pair) error {
		if err := w.standStill(ctx, p, l); err != nil {
			return err
		}
		if err := w.sameSchema(ctx, p); err != nil {
			return err
		}
		proof, err := w.proofOf(ctx, p, l)
		all = append(all, proof...)
		return err
	})
	if err == nil {
		cut.Proof = all
	}
	return err
}

// standStill makes a moment at which both sides are the same, unless one is kept already.
func (w *work) standStill(ctx context.Context, p *pair, l leg) error {
	if c := p.proof[l.from]; c != nil && c.PgConn().TxStatus() == 'T' {
		return nil
	}
	for _, s := range []side{source, target} {
		if err := w.ready(ctx, p, s); err != nil {
			return w.at(s, p.name, err)
		}
	}
	if err := w.caughtUp(ctx, l); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, w.m.Most, fault.Newf(fault.Unavailable, "transfer %s: writers would have had to wait longer than %s for the proof; run it again", w.t.ID, w.m.Most))
	defer cancel()
	if err := lockAll(ctx, p.conn[l.from]); err != nil {
		return w.at(l.from, p.name, caused(ctx, err))
	}
	if err := w.settle(ctx, p, l); err != nil {
		return caused(ctx, err)
	}
	if err := w.look(ctx, p); err != nil {
		return caused(ctx, err)
	}
	_, err := p.conn[l.from].Exec(ctx, "COMMIT")
	return w.at(l.from, p.name, err)
}

// lockAll begins a transaction that nobody else writes in.
func lockAll(ctx context.Context, c *pgx.Conn) error {
	tables, err := tablesOf(ctx, c)
	if err != nil {
		return err
	}
	sql := "BEGIN"
	for _, t := range tables {
		sql += ";LOCK TABLE ONLY " + t.quoted() + " IN SHARE MODE"
	}
	_, err = c.Exec(ctx, sql)
	return err
}

// proofOf reads the proof of a database, both sides at the same time.
func (w *work) proofOf(ctx context.Context, p *pair, l leg) ([]standby.Proof, error) {
	tables, err := tablesOf(ctx, p.proof[l.from])
	if err != nil {
		return nil, w.at(l.from, p.name, err)
	}
	if err := w.hold(ctx, p, tables); err != nil {
		return nil, err
	}
	var out []standby.Proof
	for _, t := range tables {
		if t.Parts || t.Unlogged {
			continue
		}
		one := standby.Proof{Database: p.name, Table: t.String()}
		both, inner := errgroup.WithContext(ctx)
		// The cut was made from the side that is told now.
		both.Go(func() error { return w.at(l.to, p.name, count(inner, p.proof[l.to], t, &one.From)) })
		both.Go(func() error { return w.at(l.from, p.name, count(inner, p.proof[l.from], t, &one.To)) })
		if err := both.Wait(); err != nil {
			return nil, err
		}
		out = append(out, one)
	}
	for _, c := range p.proof {
		if _, err := c.Exec(ctx, "COMMIT"); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// holdPatience is how long somebody who changes the schema, or a vacuum, may take to end before tables are read.
const holdPatience = "60s"

// hold keeps the schema of tables as it is until the proof is read, while they are written to, and makes sure that nothing of it would be run with our rights: what
// reads a table is planned by what the table has now, and not at the moment that is proven.
func (w *work) hold(ctx context.Context, p *pair, tables []table) error {
	sql := "SET LOCAL lock_timeout = '" + holdPatience + "'"
	for _, t := range tables {
		sql += "; LOCK TABLE ONLY " + t.quoted() + " IN SHARE UPDATE EXCLUSIVE MODE"
	}
	for s, c := range p.proof {
		if _, err := c.Exec(ctx, sql); err != nil {
			return w.at(side(s), p.name, err)
		}
	}
	if err := w.harmless(ctx, p); err != nil {
		return err
	}
	w.m.passed("reading")
	return nil
}

// count sums rows as text. The text is made by the types' own functions: a cast to text could be anybody's, and would run with our rights.
func count(ctx context.Context, c *pgx.Conn, t table, into *standby.Count) error {
	const sql = "SELECT count(*), coalesce(sum(hashtextextended(textin(record_out(caravan_row)), 0)), 0)::text FROM ONLY %s AS caravan_row"
	return c.QueryRow(ctx, fmt.Sprintf(sql, t.quoted())).Scan(&into.Rows, &into.Sum)
}

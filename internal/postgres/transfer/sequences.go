package transfer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"example.org/caravan/internal/fault"
)

// counter is where a sequence stands.
type counter struct {
	Schema, Name string
	Last         int64
	Called       bool // Last was given out
}

// sequences brings those of the new side to where the old side's stand, which does not move any more.
func (w *work) sequences(ctx context.Context, p *pair, l leg) error {
	all, err := counters(ctx, p.conn[l.from])
	if err != nil {
		return w.at(l.from, p.name, err)
	}
	var schemas, names []string
	var last []int64
	var called []bool
	for _, c := range all {
		schemas, names, last, called = append(schemas, c.Schema), append(names, c.Name), append(last, c.Last), append(called, c.Called)
	}
	_, err = p.conn[l.to].Exec(ctx, "SELECT setval(format('%I.%I', s, n)::regclass, v, c) FROM unnest($1::text[], $2::text[], $3::int8[], $4::bool[]) AS x(s, n, v, c)", schemas, names, last, called)
	return w.at(l.to, p.name, err)
}

func counters(ctx context.Context, c *pgx.Conn) ([]counter, error) {
	rows, err := c.Query(ctx, "SELECT schemaname::text, sequencename::text FROM pg_sequences ORDER BY 1, 2")
	if err != nil {
		return nil, err
	}
	names, err := pgx.CollectRows(rows, pgx.RowToStructByPos[struct{ Schema, Name string }])
	if err != nil || len(names) == 0 {
		return nil, err
	}
	each := make([]string, len(names))
	for i, n := range names {
		each[i] = fmt.Sprintf("SELECT %s, %s, last_value, is_called FROM %s", literal(n.Schema), literal(n.Name), pgx.Identifier{n.Schema, n.Name}.Sanitize())
	}
	rows, err = c.Query(ctx, strings.Join(each, " UNION ALL "), pgx.QueryExecModeSimpleProtocol)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[counter])
}

// sameSequences makes sure that the new side has each of the old one's. Logical replication does not carry those that are made.
func (w *work) sameSequences(ctx context.Context, p *pair, l leg) error {
	var have [2][]string
	for s, c := range p.conn {
		rows, err := c.Query(ctx, "SELECT schemaname || '.' || sequencename FROM pg_sequences ORDER BY 1")
		if err == nil {
			have[s], err = pgx.CollectRows(rows, pgx.RowTo[string])
		}
		if err != nil {
			return w.at(side(s), p.name, err)
		}
	}
	for _, name := range have[l.from] {
		if !slices.Contains(have[l.to], name) {
			return fault.Newf(fault.Conflict, "%s: sequence %s is on %s and not on %s; drop it, or undo the move and begin anew, and leave the schema alone until the window has closed", p.name, name, w.server(l.from).Name, w.server(l.to).Name)
		}
	}
	return nil
}

// sameSchema makes sure that both sides have the same tables and columns. Logical replication does not carry changes of them.
func (w *work) sameSchema(ctx context.Context, p *pair) error {
	var have [2]map[string]string
	for _, s := range []side{source, target} {
		var err error
		if have[s], err = columns(ctx, p.conn[s]); err != nil {
			return w.at(s, p.name, err)
		}
	}
	for _, s := range []side{source, target} {
		for name, here := range have[s] {
			if there := have[s.other()][name]; there != here {
				return fault.Newf(fault.Conflict, "%s: table %s is (%s) on %s and (%s) on %s; change the schema on the other side alike, and leave it alone until the window has closed", p.name, name, here, w.server(s).Name, there, w.server(s.other()).Name)
			}
		}
	}
	return nil
}

// told makes sure that every table of one side is told to the other, and none was put in another's place since: what is written to it would be on one side alone.
func (w *work) told(ctx context.Context, p *pair, l leg) error {
	for _, q := range []struct {
		s         side
		told, leg string
	}{
		{l.from, "pg_publication_rel r JOIN pg_publication b ON b.oid = r.prpubid WHERE b.pubname = $1 AND r.prrelid = c.oid", w.t.Publication()},
		{l.to, "pg_subscription_rel r JOIN pg_subscription b ON b.oid = r.srsubid WHERE b.subname = $1 AND r.srrelid = c.oid AND r.srsubstate = 'r'", w.t.Subscription()},
	} {
		var name string
		err := p.conn[q.s].QueryRow(ctx, "SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'r' AND c.relpersistence = 'p' AND "+isOwn+
			" AND NOT EXISTS (SELECT FROM "+q.told+") ORDER BY 1 LIMIT 1", q.leg).Scan(&name)
		if errors.Is(err, pgx.ErrNoRows) {
			continue
		}
		if err != nil {
			return w.at(q.s, p.name, err)
		}
		return fault.Newf(fault.Conflict, "%s: table %s of %s came, or was put in another's place, since the move began, and is not followed; undo the move and begin anew", p.name, name, w.server(q.s).Name)
	}
	if err := w.harmless(ctx, p); err != nil {
		return err
	}
	large, err := exists(ctx, p.conn[l.from], "SELECT FROM pg_largeobject_metadata")
	if large && err == nil {
		err = fault.Newf(fault.Conflict, "%s: large objects were made on %s since the move began, which replication does not carry; take them away, or undo the move", p.name, w.server(l.from).Name)
	}
	return w.at(l.from, p.name, err)
}

// harmless makes sure that neither side has code that the move would run with rights which those who wrote it have not. What was found before the move began is
// looked for again: it may have come since.
func (w *work) harmless(ctx context.Context, p *pair) error {
	for s, c := range p.conn {
		if err := w.harmlessOn(ctx, c, side(s), p.name); err != nil {
			return err
		}
	}
	return nil
}

func (w *work) harmlessOn(ctx context.Context, c *pgx.Conn, s side, database string) error {
	rows, err := c.Query(ctx, someCode)
	if err != nil {
		return w.at(s, database, err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return w.at(s, database, err)
	}
	if len(names) > 0 {
		return fault.Newf(fault.Conflict, "%s: function %s on %s would run with a superuser's rights, and is not known to be harmless; read it, and give it to a superuser, or take it out of checks, domains, indexes, statistics and keys of partitions", database, names[0], w.server(s).Name)
	}
	return nil
}

// columns are the columns of each table, with their types.
func columns(ctx context.Context, c *pgx.Conn) (map[string]string, error) {
	tables, err := tablesOf(ctx, c)
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, t := range tables {
		out[t.String()] = ""
	}
	rows, err := c.Query(ctx, `SELECT n.nspname || '.' || c.relname, string_agg(format('%s %s%s', a.attname, format_type(a.atttypid, a.atttypmod), CASE a.attgenerated WHEN '' THEN '' ELSE ' generated' END), ', ' ORDER BY a.attnum)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' GROUP BY 1`)
	if err != nil {
		return nil, err
	}
	var name, list string
	_, err = pgx.ForEachRow(rows, []any{&name, &list}, func() error {
		if _, ours := out[name]; ours {
			out[name] = list
		}
		return nil
	})
	return out, err
}

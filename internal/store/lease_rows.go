package store

import (
	"context"
	"database/sql"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"time"

	"example.org/caravan/internal/address"
	"example.org/caravan/internal/fault"
)

// span is a row of ranges: a pool or a lease.
type span struct {
	id       int64
	parentID int64
	address.Lease
}

// poolState is the state of a row that is a pool.
const poolState address.State = "pool"

// poolParent is how the name of a parent begins that is a pool.
var poolParent = address.OfPool("")

const selectSpans = `
	SELECT r.id, coalesce(r.parent, 0), r.holder, coalesce(CASE WHEN p.state = 'pool' THEN 'pool:' || p.holder ELSE p.holder END, ''),
		r.prefix, r.purpose, r.state, r.since, r.until
	FROM ranges r LEFT JOIN ranges p ON p.id = r.parent
	WHERE `

const bySpan = ` ORDER BY r.first, r.last DESC, r.id`

func scanSpan(row interface{ Scan(...any) error }) (span, error) {
	var out span
	var prefix string
	var since int64
	var until sql.NullInt64
	err := row.Scan(&out.id, &out.parentID, &out.Holder, &out.Parent, &prefix, &out.Purpose, &out.State, &since, &until)
	if err != nil {
		return out, err
	}
	out.Since = time.UnixMicro(since).UTC()
	if until.Valid {
		out.Until = time.UnixMicro(until.Int64).UTC()
	}
	out.Prefix, err = netip.ParsePrefix(prefix)
	return out, err
}

func leasesOf(found []span) []address.Lease {
	out := make([]address.Lease, len(found))
	for i, f := range found {
		out[i] = f.Lease
	}
	return out
}

// parentCalled selects what others are parts of by the name of a Lease's Parent.
func parentCalled(name string) (where string, args []any) {
	if pool, ok := strings.CutPrefix(name, poolParent); ok {
		return `r.holder = $1 AND r.state = 'pool'`, []any{text(pool)}
	}
	return `r.holder = $1 AND r.state IN ('reserved', 'live')`, []any{text(name)}
}

// leasing is a transaction that changes leases.
type leasing struct {
	ctx  context.Context
	tx   *sql.Tx
	note LeaseNote
}

func (t *leasing) exec(statement string, args ...any) error {
	_, err := t.tx.ExecContext(t.ctx, statement, args...)
	return err
}

func (t *leasing) spans(where string, args ...any) (out []span, err error) {
	rows, err := t.tx.QueryContext(t.ctx, selectSpans+where, args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		s, err := scanSpan(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, rows.Err()
}

// active is the lease a holder has, reserved or live.
func (t *leasing) active(holder string) (span, bool, error) {
	found, err := t.spans(`r.holder = $1 AND r.state IN ('reserved', 'live')`, text(holder))
	if err != nil || len(found) == 0 {
		return span{}, false, err
	}
	return found[0], true, nil
}

// known is what there is about a holder, and about what its range is to be a part of.
type known struct {
	active *span  // reserved or live
	parent []span // one, or none
	had    []span // quarantined, last released first
}

func (t *leasing) lookUp(holder, parent string) (known, error) {
	var out known
	name, ofPool := strings.CutPrefix(text(parent), poolParent)
	found, err := t.spans(`r.holder IN ($1, $2) ORDER BY r.since DESC, r.id DESC`, text(holder), name)
	for i, f := range found {
		active := f.State == address.Reserved || f.State == address.Live
		if f.Holder == name && parent != "" && (ofPool && f.State == poolState || !ofPool && active) {
			out.parent = append(out.parent, f)
		}
		if f.Holder == text(holder) && active {
			out.active = &found[i]
		}
		if f.Holder == text(holder) && f.State == address.Quarantined {
			out.had = append(out.had, f)
		}
	}
	return out, err
}

func (k known) part(of string) (span, error) { return onlySpan(of, k.parent) }

// resting is the part of a range, with that prefix length, which a holder released last.
func (k known) resting(of span, bits int) (span, bool) {
	i := slices.IndexFunc(k.had, func(h span) bool { return h.parentID == of.id && h.Prefix.Bits() == bits })
	if i < 0 {
		return span{}, false
	}
	return k.had[i], true
}

// nameOf is how leases call the range they are parts of.
func nameOf(p span) string {
	if p.State == poolState {
		return address.OfPool(p.Holder)
	}
	return p.Holder
}

// parentsFirst orders leases so that each comes after what it is a part of, and else as they are.
func parentsFirst(leases []address.Lease) []address.Lease {
	byHolder := make(map[string]int, len(leases))
	for i, l := range leases {
		byHolder[l.Holder] = i
	}
	out := make([]address.Lease, 0, len(leases))
	placed := make([]bool, len(leases))
	var place func(i int)
	place = func(i int) {
		if placed[i] {
			return
		}
		placed[i] = true
		if up, ok := byHolder[leases[i].Parent]; ok {
			place(up)
		}
		out = append(out, leases[i])
	}
	for i := range leases {
		place(i)
	}
	return out
}

func (t *leasing) take(l address.Lease) error {
	if err := checkLease(l); err != nil {
		return err
	}
	k, err := t.lookUp(l.Holder, l.Parent)
	if err != nil {
		return err
	}
	if k.active != nil {
		return samePrefix(*k.active, l)
	}
	p, err := k.part(l.Parent)
	if err != nil {
		return err
	}
	old, ok := k.resting(p, l.Prefix.Bits())
	if !ok || old.Prefix != l.Prefix {
		return t.takePart(p, l)
	}
	if _, err := t.revive(old); err != nil || l.State != address.Live {
		return err
	}
	return t.makeLive(l.Holder)
}

func checkLease(l address.Lease) error {
	if err := checkHolder(l.Holder); err != nil {
		return err
	}
	switch {
	case l.Parent == "":
		return fault.Newf(fault.Invalid, "take %s for %s: it is a part of nothing; name of what", l.Prefix, l.Holder)
	case !l.Prefix.IsValid() || l.Prefix != l.Prefix.Masked():
		return fault.Newf(fault.Invalid, "take %s for %s: not a range; write it as 10.64.0.0/18", l.Prefix, l.Holder)
	case l.State != address.Reserved && l.State != address.Live:
		return fault.Newf(fault.Invalid, "take %s for %s: nothing is taken as %q; reserve it, or take it live", l.Prefix, l.Holder, l.State)
	}
	return nil
}

func samePrefix(old span, l address.Lease) error {
	if old.Prefix != l.Prefix {
		return fault.Newf(fault.Conflict, "%s has %s meanwhile, not %s; plan again", l.Holder, old.Prefix, l.Prefix)
	}
	return nil
}

func (t *leasing) takePart(p span, l address.Lease) error {
	if p.Prefix.Bits() > l.Prefix.Bits() || !p.Prefix.Contains(l.Prefix.Addr()) {
		return fault.Newf(fault.Invalid, "take %s for %s: it lies outside of %s of %s; take a part of that", l.Prefix, l.Holder, p.Prefix, nameOf(p))
	}
	part := blockOf(l.Prefix)
	b, ok, err := t.around(p, part)
	if err != nil {
		return err
	}
	if !ok {
		return t.takenMeanwhile(p, l)
	}
	if err := t.carve(p, b, part); err != nil {
		return err
	}
	l.Since = stamp(t.note.At)
	return t.insert(span{Lease: l}, p)
}

// takenMeanwhile says who has what somebody wants: the range that begins last at or before its end.
func (t *leasing) takenMeanwhile(p span, l address.Lease) error {
	last := blockOf(l.Prefix).last()
	found, err := t.spans(`r.parent = $1 AND r.first <= $2 ORDER BY r.first DESC LIMIT 1`, p.id, last[:])
	if err != nil {
		return err
	}
	if len(found) == 0 {
		return fault.Newf(fault.Internal, "take %s for %s: it is neither free nor taken; please report it", l.Prefix, l.Holder)
	}
	return fault.Newf(fault.Conflict, "take %s for %s: %s has %s (%s); plan again", l.Prefix, l.Holder, found[0].Holder, found[0].Prefix, found[0].State)
}

func (t *leasing) makeLive(holder string) error {
	l, ok, err := t.active(holder)
	switch {
	case err != nil:
		return err
	case !ok:
		return fault.Newf(fault.NotFound, "%s has no lease that could become live; plan and reserve it first", holder)
	case l.State == address.Live:
		return nil
	}
	l.State, l.Since = address.Live, stamp(t.note.At)
	return t.setState(l, "live")
}

func (t *leasing) release(holder string, until time.Time) ([]address.Lease, error) {
	top, ok, err := t.active(holder)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, fault.Newf(fault.NotFound, "%s has no lease; run caravan address to see who has", holder)
	}
	found, err := t.spans(`r.state IN ('reserved', 'live') AND r.id IN (
		WITH RECURSIVE parts (id) AS (SELECT CAST($1 AS BIGINT) UNION ALL SELECT c.id FROM ranges c JOIN parts ON c.parent = parts.id)
		SELECT id FROM parts)`+bySpan, top.id)
	if err != nil {
		return nil, err
	}
	for i := range found {
		found[i].State, found[i].Since, found[i].Until = address.Quarantined, stamp(t.note.At), stamp(until)
		if err := t.setState(found[i], "released"); err != nil {
			return nil, err
		}
	}
	return leasesOf(found), nil
}

// reap takes round after round what has no parts left, so that parts go before what they are parts of.
func (t *leasing) reap() ([]address.Lease, error) {
	var out []address.Lease
	for {
		found, err := t.spans(`r.state = 'quarantined' AND r.until <= $1 AND NOT EXISTS (SELECT 1 FROM ranges c WHERE c.parent = r.id)`+bySpan, t.note.At.UnixMicro())
		if err != nil || len(found) == 0 {
			return out, err
		}
		for _, f := range found {
			if err := t.reapOne(f); err != nil {
				return nil, err
			}
		}
		out = append(out, leasesOf(found)...)
	}
}

func (t *leasing) reapOne(l span) error {
	parents, err := t.spans(`r.id = $1`, l.parentID)
	if err != nil {
		return err
	}
	if err := t.delete(l); err != nil {
		return err
	}
	if err := t.free(parents[0], blockOf(l.Prefix)); err != nil {
		return err
	}
	return t.write("freed", l.Lease)
}

func (t *leasing) insert(s, parent span) error {
	b := blockOf(s.Prefix)
	last := b.last()
	within := sql.NullString{String: parent.Prefix.String(), Valid: parent.id != 0}
	err := t.exec(`
		INSERT INTO ranges (parent, within, holder, prefix, first, last, purpose, state, since)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		sql.NullInt64{Int64: parent.id, Valid: parent.id != 0}, within, text(s.Holder), s.Prefix.String(), b.first[:], last[:], text(string(s.Purpose)), string(s.State), t.note.At.UnixMicro())
	if err != nil {
		return err
	}
	if s.State == poolState {
		return t.write("declared", s.Lease)
	}
	if err := t.withhold(s.Lease); err != nil {
		return err
	}
	if err := t.write("reserved", s.Lease); err != nil || s.State != address.Live {
		return err
	}
	return t.write("live", s.Lease)
}

// withhold keeps the parts of a new lease from being given out that its network keeps for itself.
func (t *leasing) withhold(l address.Lease) error {
	kept := address.Kept(l.Purpose, l.Prefix)
	if len(kept) == 0 {
		return nil
	}
	found, err := t.spans(`r.holder = $1 AND r.state IN ('reserved', 'live')`, text(l.Holder))
	if err != nil {
		return err
	}
	free := []block{blockOf(l.Prefix)}
	for _, k := range kept {
		part := blockOf(k)
		i := slices.IndexFunc(free, func(b block) bool { return b.contains(part) })
		free = append(slices.Delete(slices.Clone(free), i, i+1), free[i].carve(part)...)
	}
	return t.addFree(found[0], free)
}

func (t *leasing) setState(s span, what string) error {
	until := sql.NullInt64{Int64: s.Until.UnixMicro(), Valid: s.State == address.Quarantined}
	err := t.exec(`UPDATE ranges SET state = $1, since = $2, until = $3 WHERE id = $4`, string(s.State), s.Since.UnixMicro(), until, s.id)
	if err != nil {
		return err
	}
	return t.write(what, s.Lease)
}

func (t *leasing) delete(s span) error {
	if err := t.exec(`DELETE FROM free_blocks WHERE parent = $1`, s.id); err != nil {
		return err
	}
	return t.exec(`DELETE FROM ranges WHERE id = $1`, s.id)
}

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

func (t *leasing) parent(name string) (span, error) {
	where, args := parentCalled(name)
	found, err := t.spans(where, args...)
	if err != nil {
		return span{}, err
	}
	return onlySpan(name, found)
}

func (t *leasing) declare(p address.Pool) error {
	if err := checkPool(p); err != nil {
		return err
	}
	found, err := t.spans(`r.holder = $1 AND r.state = 'pool'`, text(p.Name))
	if err != nil {
		return err
	}
	if len(found) > 0 {
		if found[0].Prefix == p.Prefix {
			return nil
		}
		if err := t.forget(found[0], p); err != nil {
			return err
		}
	}
	return t.insert(span{Lease: address.Lease{Holder: p.Name, Prefix: p.Prefix, State: poolState}}, span{})
}

func checkPool(p address.Pool) error {
	switch {
	case p.Name == "":
		return fault.Newf(fault.Invalid, "pool %s has no name; give it one", p.Prefix)
	case !p.Prefix.IsValid() || p.Prefix != p.Prefix.Masked():
		return fault.Newf(fault.Invalid, "pool %s: %s is not a range; write it as 10.64.0.0/10", p.Name, p.Prefix)
	}
	return nil
}

// forget removes a pool of which nothing was taken, to make place for the same with another range.
func (t *leasing) forget(old span, p address.Pool) error {
	divided, err := t.divided(old)
	if err != nil {
		return err
	}
	if divided {
		return fault.Newf(fault.Conflict, "pool %s is %s, and parts of it are taken, so it cannot become %s; give the new range a name of its own", p.Name, old.Prefix, p.Prefix)
	}
	return t.delete(old)
}

func (t *leasing) allocate(w address.Want) (address.Lease, error) {
	if w.Holder == "" {
		return address.Lease{}, fault.Newf(fault.Invalid, "a range is wanted for nobody; name its holder")
	}
	old, ok, err := t.active(w.Holder)
	if err != nil {
		return address.Lease{}, err
	}
	if ok {
		return old.Lease, sameSize(old, w)
	}
	parents, err := t.parents(w.Parent)
	if err != nil {
		return address.Lease{}, err
	}
	var full error
	for _, p := range parents {
		l, err := t.from(p, w)
		if fault.KindOf(err) != fault.Conflict {
			return l, err
		}
		full = err
	}
	return address.Lease{}, full
}

// parents is where a range may be taken from: the parent that is named, or the pools in the order they were declared.
func (t *leasing) parents(name string) ([]span, error) {
	if name != "" {
		p, err := t.parent(name)
		return []span{p}, err
	}
	pools, err := t.spans(`r.state = 'pool' ORDER BY r.id`)
	if err == nil && len(pools) == 0 {
		err = fault.Newf(fault.NotFound, "no pool is declared; add pools to caravan.yaml")
	}
	return pools, err
}

// sameSize refuses a lease of another size than is wanted.
func sameSize(old span, w address.Want) error {
	if bits := wantedBits(w, old.Prefix); bits != old.Prefix.Bits() {
		return fault.Newf(fault.Conflict, "%s has %s, a /%d, and a /%d is wanted; release it first, or ask for the same size", w.Holder, old.Prefix, old.Prefix.Bits(), bits)
	}
	return nil
}

// wantedBits is the prefix length that is wanted, in the family of a range.
func wantedBits(w address.Want, family netip.Prefix) int {
	if w.Bits != 0 {
		return w.Bits
	}
	return address.BitsFor(w.Addresses, family.Addr().BitLen())
}

func (t *leasing) from(p span, w address.Want) (address.Lease, error) {
	bits, width := wantedBits(w, p.Prefix), p.Prefix.Addr().BitLen()
	if bits < p.Prefix.Bits() || bits > width {
		return address.Lease{}, fault.Newf(fault.Invalid, "%s: a /%d cannot be a part of %s; ask for a length from %d to %d", w.Holder, bits, p.Prefix, p.Prefix.Bits(), width)
	}
	if old, ok, err := t.quarantined(p, w.Holder, bits); err != nil || ok {
		return t.revive(old, err)
	}
	b, ok, err := t.fit(p, width-bits)
	if err != nil {
		return address.Lease{}, err
	}
	if !ok {
		return address.Lease{}, t.noRoom(p, w.Holder, bits)
	}
	part := block{b.first, width - bits}
	if err := t.carve(p, b, part); err != nil {
		return address.Lease{}, err
	}
	l := address.Lease{Holder: w.Holder, Parent: nameOf(p), Prefix: part.prefix(p.Prefix), Purpose: w.Purpose, State: address.Reserved, Since: stamp(t.note.At)}
	return l, t.insert(span{Lease: l}, p)
}

// nameOf is how leases call the range they are parts of.
func nameOf(p span) string {
	if p.State == poolState {
		return address.OfPool(p.Holder)
	}
	return p.Holder
}

func (t *leasing) noRoom(p span, holder string, bits int) error {
	var size sql.NullInt64
	if err := t.tx.QueryRowContext(t.ctx, `SELECT max(size) FROM free_blocks WHERE parent = $1`, p.id).Scan(&size); err != nil {
		return err
	}
	if !size.Valid {
		return fault.Newf(fault.Conflict, "%s: %s of %s is full; release what is not needed, or add a pool to caravan.yaml", holder, p.Prefix, nameOf(p))
	}
	return fault.Newf(fault.Conflict, "%s: %s of %s has no /%d free, its largest free block is a /%d; ask for less, release what is not needed, or add a pool to caravan.yaml",
		holder, p.Prefix, nameOf(p), bits, p.Prefix.Addr().BitLen()-int(size.Int64))
}

// quarantined is the range of that size which a holder released last.
func (t *leasing) quarantined(p span, holder string, bits int) (span, bool, error) {
	found, err := t.spans(`r.holder = $1 AND r.parent = $2 AND r.state = 'quarantined' ORDER BY r.since DESC, r.id DESC`, text(holder), p.id)
	for _, f := range found {
		if f.Prefix.Bits() == bits {
			return f, true, err
		}
	}
	return span{}, false, err
}

func (t *leasing) revive(old span, err error) (address.Lease, error) {
	if err != nil {
		return address.Lease{}, err
	}
	old.State, old.Since, old.Until = address.Reserved, stamp(t.note.At), time.Time{}
	return old.Lease, t.setState(old, "revived")
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
	old, ok, err := t.active(l.Holder)
	if err != nil {
		return err
	}
	if ok {
		return samePrefix(old, l)
	}
	p, err := t.parent(l.Parent)
	if err != nil {
		return err
	}
	if old, ok, err = t.quarantined(p, l.Holder, l.Prefix.Bits()); err != nil {
		return err
	}
	if ok && old.Prefix == l.Prefix {
		if _, err = t.revive(old, nil); err != nil || l.State != address.Live {
			return err
		}
		return t.makeLive(l.Holder)
	}
	return t.takePart(p, l)
}

func checkLease(l address.Lease) error {
	switch {
	case l.Holder == "" || l.Parent == "":
		return fault.Newf(fault.Invalid, "take %s: it has no holder, or is a part of nothing; name both", l.Prefix)
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
